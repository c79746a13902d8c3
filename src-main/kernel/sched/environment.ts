/** The environment that a program gets from whoever starts it: by its user, each variable with a NUL behind. */
import type { Kernel } from '../kernel'

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export function environment(k: Kernel, t: number): string {
  const uid = k.task.uid[t]!
  if (k.config.bare) return nul(['HOME=/', 'TERM=linux', 'PATH=/bin', 'LD_LIBRARY_PATH=/lib'])
  if (uid !== 1000) return nul(['LANG=C.UTF-8', PATH])
  return nul(['LANG=C.UTF-8', PATH, 'HOME=/home/user', 'LOGNAME=user', 'USER=user', 'SHELL=/bin/bash'])
}

function nul(variables: readonly string[]): string {
  return variables.map((variable) => `${variable}\0`).join('')
}
