/** The README's pictures, anew: serves a scenario, lets it run, photographs it. `node src-main/bin/screenshot.mjs [SCENARIO] [SECONDS]` */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { ensureBrowser } from './browser.mjs'
import { buildIfStale, node, root } from './project.mjs'

const [scenario = 'leak-to-oom', seconds = '85'] = process.argv.slice(2)
const executablePath = ensureBrowser()
if (executablePath === null || !buildIfStale()) process.exit(1)

const data = mkdtempSync(join(tmpdir(), 'memscope-screenshot-'))
const out = join(root, 'resources/screenshots')
mkdirSync(out, { recursive: true })
const host = spawn(node, [join(root, 'out/main/cli.js'), 'serve', scenario], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, MEMSCOPE_DATA: data },
})
const address = await new Promise((resolve) => host.stdout.once('data', (text) => resolve(String(text).trim())))
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
await page.goto(address)
await page.getByTestId('clock').waitFor()
await page.waitForTimeout(Number(seconds) * 1000)
await page.screenshot({ path: join(out, 'overview-dark.png') })
await page.emulateMedia({ colorScheme: 'light' })
await page.waitForTimeout(1500)
await page.screenshot({ path: join(out, 'overview-light.png') })
await page.emulateMedia({ colorScheme: 'dark' })
await page.getByTestId('rail-memory').click()
await page.getByRole('tab', { name: 'Page map' }).click()
await page.getByTestId('page-map').click({ position: { x: 420, y: 190 } })
await page.waitForTimeout(1500)
await page.screenshot({ path: join(out, 'page-map-dark.png') })
await browser.close()
host.once('exit', () => rmSync(data, { recursive: true, force: true }))
host.kill('SIGTERM')
