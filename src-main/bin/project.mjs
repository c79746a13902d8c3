/** What the scripts share: where the project is, its own Node, and whether it is built. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')
export const cacheDir = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'memscope')

/** Node 24 comes with `npm ci`: better-sqlite3 needs it, and many systems' own is older. */
export const node = ownNode()

function ownNode() {
  const path = join(root, 'node_modules/.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  return Number(process.versions.node.split('.')[0]) < 24 && existsSync(path) ? path : process.execPath
}

/** Builds when out/ is missing or older than a source. Returns whether it worked. */
export function buildIfStale() {
  if (!isStale()) return true
  console.error('building…')
  return build()
}

export function build() {
  const vite = join(root, 'node_modules/electron-vite/bin/electron-vite.js')
  // Its words go to stderr: stdout belongs to the command that needed the build.
  const stdio = ['ignore', 2, 2]
  return spawnSync(node, [vite, 'build', '--logLevel', 'warn'], { cwd: root, stdio }).status === 0
}

function isStale() {
  const built = ['out/main/cli.js', 'out/main/index.js', 'out/preload/index.cjs', 'out/renderer/index.html']
  const times = built.map((path) => mtime(join(root, path)))
  if (times.includes(0)) return true
  const sources = ['src-main', 'src-renderer', 'src-shared', 'package-lock.json', 'electron.vite.config.ts']
  return Math.max(...sources.map((path) => newest(join(root, path)))) > Math.min(...times)
}

function newest(path) {
  if (!existsSync(path)) return 0
  const time = mtime(path)
  if (!statSync(path).isDirectory()) return time
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0)
}

function mtime(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}
