/** Where the real tools come from: Debian's packages, their versions, and whether they may be installed here. */
import { spawnSync } from 'node:child_process'

/** Package by package, the programs in it that are run. */
export const PACKAGES = {
  procps: ['free', 'vmstat', 'slabtop', 'ps', 'pmap', 'top', 'uptime', 'pgrep'],
  htop: ['htop'],
  btop: ['btop'],
  atop: ['atop'],
  smem: ['smem'],
  'python3-psutil': [],
  'prometheus-node-exporter': ['prometheus-node-exporter'],
}
/** What the shell's procps commands print to the byte. */
export const PROCPS = '4.0.2'

/** Version of a package, or null where it is not installed. */
export function installed(name) {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f=${Status}\t${Version}', name], { encoding: 'utf8' })
  const [state, version] = (status === 0 ? stdout : '').split('\t')
  return state?.endsWith(' installed') ? version : null
}

/** Version without epoch and Debian's revision. */
export function upstream(version) {
  return version.replace(/^\d+:/, '').replace(/[-+].*$/, '')
}

/** Installs what is missing; returns the packages that still are. */
export function install(names) {
  const missing = names.filter((name) => installed(name) === null)
  if (missing.length === 0 || process.platform !== 'linux' || process.getuid() !== 0) return missing
  console.log(`installing ${missing.join(' ')}…`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => spawnSync('apt-get', ['-qq', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env })
  if (apt('update').error !== undefined) return missing
  // One by one where not all are to be had.
  if (apt('install', '--no-install-recommends', ...missing).status !== 0)
    for (const name of missing) apt('install', '--no-install-recommends', name)
  return missing.filter((name) => installed(name) === null)
}
