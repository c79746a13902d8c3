/** The served app as it is built, in a real browser. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { electronPath, firstLine, launchDesktop, openDisplay } from '../support/desktop'
import { railIds } from '../support/page'
import { root } from '../support/sources'

const userData = mkdtempSync(join(tmpdir(), 'memscope-served-'))
const errors: string[] = []
let host: ChildProcess
let address = ''
let browser: Browser
let page: Page

beforeAll(async () => {
  host = spawn(process.execPath, [join(root, 'out/main/cli.js'), 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MEMSCOPE_DATA: userData },
  })
  address = await firstLine(host)
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(address)
})
afterAll(async () => {
  await browser.close()
  host.kill('SIGKILL')
  rmSync(userData, { recursive: true, force: true })
})

const clock = (of = page): Promise<string> => of.getByTestId('clock').innerText()

describe('the served app', () => {
  test('shows a machine that runs', async () => {
    await page.getByTestId('clock').waitFor()
    const first = await clock()
    await expect.poll(() => clock(), { timeout: 20_000 }).not.toBe(first)
    expect(await page.getByTestId('mode').innerText()).toMatch(/live/i)
  })

  test('shows every view of the rail', async () => {
    const ids = await railIds(page)
    expect(ids.length).toBeGreaterThanOrEqual(9)
    for (const id of ids) {
      await page.getByTestId(`rail-${id}`).click()
      await page.getByTestId(`view-${id}`).waitFor({ timeout: 10_000 })
    }
  })

  test('keeps working when the page is loaded again without the token', async () => {
    await page.goto(new URL(address).origin)
    const first = await clock()
    await expect.poll(() => clock(), { timeout: 20_000 }).not.toBe(first)
  })

  test('has nothing to complain about', () => {
    expect(errors).toEqual([])
  })

  test.skipIf(electronPath === undefined)('shows in a desktop window that is attached to it', async () => {
    const display = await openDisplay()
    const desktop = await launchDesktop(display.name, join(userData, 'desktop'), `--attach=${address}`)
    const window = await desktop.firstWindow()
    await window.getByTestId('clock').waitFor()
    const first = await clock(window)
    await expect.poll(() => clock(window), { timeout: 20_000 }).not.toBe(first)
    await desktop.close()
    display.close()
  })

  test('ends when it is told to', async () => {
    const ended = new Promise((resolve) => host.once('exit', resolve))
    host.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})
