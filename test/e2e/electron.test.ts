/** The desktop app as it is built, in a real Electron. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ElectronApplication, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { electronPath, launchDesktop, openDisplay, processesWith, type Display } from '../support/desktop'
import { railIds } from '../support/page'

if (electronPath === undefined) console.warn('skipped: no Electron runtime (see src-main/bin/electron.mjs)')

describe.skipIf(electronPath === undefined)('the desktop app', () => {
  const userData = mkdtempSync(join(tmpdir(), 'memscope-desktop-'))
  const errors: string[] = []
  let display: Display
  let app: ElectronApplication
  let page: Page

  beforeAll(async () => {
    display = await openDisplay()
    app = await launchDesktop(display.name, userData)
    page = await app.firstWindow()
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  })
  afterAll(async () => {
    await app.close().catch(() => undefined)
    display.close()
    rmSync(userData, { recursive: true, force: true })
  })

  const clock = (): Promise<string> => page.getByTestId('clock').innerText()

  test('opens a window on a running machine', async () => {
    await page.getByTestId('clock').waitFor()
    expect(await page.title()).toContain('Memscope')
    expect(page.url()).toMatch(/^memscope:\/\/app\//)
    const first = await clock()
    await expect.poll(clock, { timeout: 20_000 }).not.toBe(first)
    expect(await page.getByTestId('mode').innerText()).toMatch(/live/i)
  })

  test('shows every view of the rail', async () => {
    const ids = await railIds(page)
    expect(ids.length).toBeGreaterThanOrEqual(9)
    for (const id of ids) {
      await page.getByTestId(`rail-${id}`).click()
      await page.getByTestId(`view-${id}`).waitFor({ timeout: 10_000 })
    }
    expect(errors).toEqual([])
  })

  test('gives the page no Node, and no way out', async () => {
    expect(await page.evaluate('[typeof require, typeof process, typeof module]')).toEqual(Array(3).fill('undefined'))
    await page.evaluate('window.open("https://memscope.invalid/"); location.href = "https://memscope.invalid/"')
    expect(app.windows()).toHaveLength(1)
    expect(page.url()).toMatch(/^memscope:\/\/app\//)
    expect(await page.evaluate('bridge.request({ type: "shutdown" })')).toMatchObject({ ok: false })
    expect(await page.evaluate('bridge.request({ type: "nothing" })')).toMatchObject({ ok: false })
  })

  test('has a menu that takes no key of the page', async () => {
    const items = await app.evaluate(({ Menu }) => {
      const entries = Menu.getApplicationMenu()!.items.flatMap((item) => [item, ...(item.submenu?.items ?? [])])
      return entries.filter((item) => item.registerAccelerator).map((item) => item.accelerator ?? '')
    })
    expect(items.filter((key) => /^F\d+$|\+R$|^Ctrl\+R/.test(key))).toEqual([])
    const labels = await app.evaluate(({ Menu }) => Menu.getApplicationMenu()!.items.map((item) => item.label))
    expect(labels).toEqual(expect.arrayContaining(['File', 'Machine', 'View', 'Help']))
  })

  test('pauses and resumes from the menu', async () => {
    const choose = (label: string): Promise<void> =>
      app.evaluate(({ Menu }, wanted) => {
        const machine = Menu.getApplicationMenu()!.items.find((item) => item.label === 'Machine')!
        const entry = machine.submenu!.items.find((item) => item.label === wanted)! as unknown as { click: () => void }
        entry.click()
      }, label)
    const mode = (): Promise<string> => page.getByTestId('mode').innerText()
    await choose('Pause')
    await expect.poll(mode).toMatch(/paused/i)
    await choose('Resume')
    await expect.poll(mode).toMatch(/live/i)
  })

  test('quits whole: no process stays', async () => {
    const gone = new Promise((resolve) => app.process().once('exit', resolve))
    await app.evaluate(({ app: electron }) => electron.quit()).catch(() => undefined)
    await gone
    await expect.poll(() => processesWith(userData), { timeout: 10_000 }).toEqual([])
  })
})
