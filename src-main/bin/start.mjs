/**
 * `npm start`: the desktop app where there is a display and an Electron runtime (at hand, or fetched once); the same
 * app in a browser else. Words after `--` go to the app: `--attach URL`, or a recording; `--serve` asks for the browser.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fetchElectron, findElectron, hasDisplay } from './electron.mjs'
import { buildIfStale, node, root } from './project.mjs'

/** What the loader answers. */
const LIBRARY_MISSING = 127
const words = process.argv.slice(2)
if (!buildIfStale()) {
  console.error('memscope: the build failed')
  process.exit(1)
}
const [reason, electron] = await chooseElectron()
if (electron === null && words.some((word) => word.startsWith('--attach'))) {
  console.error(`memscope: --attach needs the desktop app (${reason}); open the address in a browser instead`)
  process.exit(1)
}
if (electron === null) console.log(`serving the app to a browser (${reason}); Ctrl+C ends it`)
const env = { ...process.env }
delete env.ELECTRON_RUN_AS_NODE
let status = await run(...(electron === null ? served() : desktop(electron)))
if (electron !== null && status === LIBRARY_MISSING) {
  console.log('Electron lacks a library of this system: serving the app to a browser instead; Ctrl+C ends it')
  status = await run(...served())
}
process.exit(status)

function run(command, args) {
  const child = spawn(command, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? (signal === null ? 0 : 1)))
  })
}

/** Why there is none, and null; or the path of its executable. */
async function chooseElectron() {
  if (words.includes('--serve')) return ['as asked', null]
  if (!hasDisplay()) return ['no display', null]
  return ['no Electron runtime', findElectron() ?? (await fetchElectron())]
}

function desktop(path) {
  // Chromium's sandbox refuses to run as root.
  const asRoot = process.platform === 'linux' && process.getuid() === 0 ? ['--no-sandbox'] : []
  return [path, [root, ...asRoot, ...words]]
}

function served() {
  const rest = words.filter((word) => word !== '--serve')
  return [node, ['--enable-source-maps', join(root, 'out/main/cli.js'), 'serve', ...rest]]
}
