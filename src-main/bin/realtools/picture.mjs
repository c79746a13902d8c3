/* global document, requestAnimationFrame, window */
/**
 * A photograph of the real htop on the simulated machine (`npm run realtools -- --picture FILE.png`): the machine runs
 * on while htop looks at it, and what htop draws is shown by the terminal that the app's console uses.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { ensureBrowser } from '../browser.mjs'
import { node, root } from '../project.mjs'
import { onTerminal } from './monitors.mjs'

const [COLS, ROWS] = [120, 38]
const LOOK_MS = 9000
/** What htop does first when it ends: it clears its last row. */
const ENDS = '\r\x1b[J'

export async function photograph(dir, file, users, scenario = 'calm-desktop', at = '25s') {
  const args = ['procfs', scenario, '--at', at, '--follow', '--out', dir]
  const machine = spawn(node, [join(root, 'out/main/cli.js'), ...args], { stdio: 'inherit' })
  for (const [name, text] of Object.entries(users)) writeFileSync(join(dir, name), text)
  try {
    while (!existsSync(join(dir, 'proc/meminfo'))) await new Promise((wake) => setTimeout(wake, 100))
    await new Promise((wake) => setTimeout(wake, 1500))
    const { status, bytes, complaints } = await onTerminal(dir, 'htop --sort-key=PERCENT_MEM', LOOK_MS, COLS, ROWS)
    if (status !== 0) throw new Error(`htop: ${status} ${complaints}`)
    await render(bytes.slice(0, bytes.lastIndexOf(ENDS)), file)
  } finally {
    const gone = new Promise((resolve) => machine.once('exit', resolve))
    machine.kill('SIGTERM')
    await gone
  }
}

async function render(bytes, file) {
  const read = (path) => readFileSync(join(root, 'node_modules', path))
  const font = read('@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2').toString(
    'base64',
  )
  const browser = await chromium.launch({ executablePath: ensureBrowser(), args: ['--no-sandbox', '--disable-gpu'] })
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, deviceScaleFactor: 1.5 })
  await page.setContent(`<style>
    @font-face { font-family: mono; src: url(data:font/woff2;base64,${font}); }
    body { margin: 0; background: #10141a; } #room { display: inline-block; padding: 10px; }
    ${read('@xterm/xterm/css/xterm.css')}</style><div id="room"></div>`)
  await page.addScriptTag({ content: String(read('@xterm/xterm/lib/xterm.js')) })
  await page.evaluate(
    async ([text, cols, rows]) => {
      await document.fonts.load('13px mono')
      const theme = { background: '#10141a', foreground: '#d5dae1' }
      const term = new window.Terminal({
        cols,
        rows,
        fontFamily: 'mono',
        fontSize: 13,
        theme,
        cursorInactiveStyle: 'none',
      })
      term.open(document.getElementById('room'))
      await new Promise((done) => term.write(text, done))
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))
    },
    [bytes, COLS, ROWS],
  )
  await page.locator('#room').screenshot({ path: file })
  await browser.close()
}
