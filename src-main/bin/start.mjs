/**
 * `npm start`: the desktop app where there is a display and an Electron runtime (at hand, or fetched once); the same
 * app in a browser else. Words after `--` go to the app: `--attach URL`, or a recording; `--serve` asks for the browser.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fetchElectron, findElectron, hasDisplay } from './electron.mjs'
import { buildIfStale, node, root } from './project.mjs'

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
const [command, args] = electron === null ? served() : desktop(electron)
const env = { ...process.env }
delete env.ELECTRON_RUN_AS_NODE
const child = spawn(command, args, { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)))

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
