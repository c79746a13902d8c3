/** A user's story in a real browser: turn the screw, see the kill, go back to before it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstLine } from '../support/desktop'
import { root } from '../support/sources'

const userData = mkdtempSync(join(tmpdir(), 'memscope-story-'))
let host: ChildProcess
let browser: Browser
let page: Page

beforeAll(async () => {
  host = spawn(process.execPath, [join(root, 'out/main/cli.js'), 'serve', 'calm-desktop'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MEMSCOPE_DATA: userData },
  })
  const address = await firstLine(host)
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(address)
  await page.getByTestId('speed-8').click()
})
afterAll(async () => {
  await browser.close()
  host.kill('SIGKILL')
  rmSync(userData, { recursive: true, force: true })
})

/** The first chart of the view as it is drawn now. */
async function picture(): Promise<string> {
  return (await page.locator('canvas').first().screenshot()).toString('base64')
}

/** The text of a part of the page once it says what is looked for. */
async function textOf(testid: string, wanted: RegExp): Promise<string> {
  await expect.poll(() => page.getByTestId(testid).innerText(), { timeout: 20_000 }).toMatch(wanted)
  return page.getByTestId(testid).innerText()
}

test('the graphs move', async () => {
  await page.getByTestId('rail-overview').click()
  await page.locator('canvas').first().waitFor()
  const before = await picture()
  await expect.poll(picture, { timeout: 20_000 }).not.toBe(before)
})

test('pressure from the slider ends in an OOM kill, on the timeline and in the OOM view', async () => {
  await page.getByTestId('rail-lab').click()
  const slider = page.getByTestId('pressure-slider')
  await slider.focus()
  await page.keyboard.press('End')
  await page.locator('[data-testid="timeline"] [data-testid="flag-oom"]').first().waitFor({ timeout: 90_000 })
  await page.getByTestId('rail-oom').click()
  await expect.poll(() => page.getByTestId('view-oom').innerText(), { timeout: 20_000 }).toMatch(/Kill report/)
  expect(await page.getByTestId('view-oom').innerText()).toContain('invoked oom-killer')
})

test('a seek to before the kill shows the process alive', async () => {
  const died = /killed ([\w-]+) \((\d+)\)/
  await page.getByTestId('rail-overview').click()
  const events = await textOf('view-overview', died)
  const [, , pid] = died.exec(events) ?? []
  await page.getByTestId('rail-oom').click()
  const when = /Go to (\d+):(\d+\.\d)/
  const [, minutes, seconds] = when.exec(await textOf('view-oom', when)) ?? []
  const before = Number(minutes) * 60 + Number(seconds) - 2
  await page.getByTestId('jump').fill(`${before}s`)
  await page.getByTestId('jump').press('Enter')
  await expect.poll(() => page.getByTestId('mode').innerText(), { timeout: 20_000 }).toMatch(/replay/i)
  await page.getByTestId('rail-processes').click()
  await expect
    .poll(() => page.getByTestId('view-processes').innerText(), { timeout: 20_000 })
    .toMatch(new RegExp(`(^|\\s)${pid}\\s`))
  await page.getByTestId('golive').click()
  await expect.poll(() => page.getByTestId('mode').innerText(), { timeout: 20_000 }).toMatch(/live/i)
  await expect
    .poll(() => page.getByTestId('view-processes').innerText(), { timeout: 20_000 })
    .not.toMatch(new RegExp(`(^|\\s)${pid}\\s`))
})
