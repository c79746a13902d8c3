/**
 * Where the real tools run: a mount namespace of our own, in which a folder of files stands where /proc and /sys were.
 * The whole script is started again inside of it, so that the files lie on a tmpfs that nobody else sees: it lists a
 * folder in the order in which it was written, as /proc does.
 */
import { spawn, spawnSync } from 'node:child_process'

const INSIDE = 'MEMSCOPE_REALTOOLS_INSIDE'
export const isInside = process.env[INSIDE] !== undefined

/** How to get a mount namespace here: as root, as a user that may be root in one, or not at all (null). */
export function namespaceArgs() {
  const plain = ['--mount']
  const asUser = ['--user', '--map-root-user', '--mount']
  const works = (args) =>
    spawnSync('unshare', [...args, '--pid', '--fork', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
      .status === 0
  return [plain, asUser].find(works) ?? null
}

/** Runs this script again inside; returns its exit status. */
export function reenter(args) {
  const env = { ...process.env, [INSIDE]: '1' }
  const { status } = spawnSync('unshare', [...args, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env,
  })
  return status ?? 1
}

/** A tmpfs of our own at `dir`; only inside. */
export function mountTmpfs(dir) {
  return spawnSync('mount', ['-t', 'tmpfs', 'none', dir], { stdio: 'inherit' }).status === 0
}

/** Locale, clock and screen as our shell has them. */
function toolEnv() {
  const { COLUMNS: _c, LINES: _l, ...rest } = process.env
  return {
    ...rest,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    TERM: 'xterm-256color',
    HOME: '/nonexistent',
    ATOPACCT: '',
    XDG_CONFIG_HOME: '/nonexistent',
  }
}

/** The words that run `script` (of sh) with `dir` in the place of /proc and /sys, and the machine's users. */
function inDir(dir, script) {
  const mounts = [
    `mount --bind '${dir}/proc' /proc`,
    `mount --bind '${dir}/sys' /sys`,
    `if [ -s '${dir}/passwd' ]; then mount --bind '${dir}/passwd' /etc/passwd; mount --bind '${dir}/group' /etc/group; fi`,
  ]
  return ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', `${mounts.join(' && ')} && ${script}`]
}

/** Runs a command of sh to its end. */
export function runIn(dir, script, options = {}) {
  return finish(spawn('unshare', inDir(dir, script), { env: toolEnv(), stdio: ['pipe', 'pipe', 'pipe'] }), options)
}

/** The same without a namespace, for tools that can be told where /proc is. */
export function runOutside(command, args, env = {}, options = {}) {
  return finish(spawn(command, args, { env: { ...toolEnv(), ...env }, stdio: ['pipe', 'pipe', 'pipe'] }), options)
}

/** Starts a server; the caller ends it. */
export function startOutside(command, args) {
  return spawn(command, args, { env: toolEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Resolves to what it printed and its status. `keys` are typed after `afterMs`; after `killMs` it is ended. */
function finish(child, { keys = null, afterMs = 0, killMs = 20_000 }) {
  const out = []
  const err = []
  child.stdout.on('data', (data) => out.push(data))
  child.stderr.on('data', (data) => err.push(data))
  child.stdin.on('error', () => {})
  const typing = keys === null ? null : setTimeout(() => child.stdin.end(keys), afterMs)
  if (keys === null) child.stdin.end()
  const limit = setTimeout(() => child.kill('SIGKILL'), killMs)
  return new Promise((resolve) => {
    const done = (status, text = '') => {
      clearTimeout(limit)
      if (typing !== null) clearTimeout(typing)
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() + text })
    }
    child.on('error', (error) => done(127, error.message))
    child.on('close', (status) => done(status ?? 137))
  })
}
