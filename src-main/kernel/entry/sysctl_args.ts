/**
 * Sysctls on the kernel's command line.
 *
 * Linux: fs/proc/proc_sysctl.c (do_sysctl_args, process_sysctl_arg).
 */
import { words } from '../boot_params'
import type { Kernel } from '../kernel'
import { printk } from '../task'
import { EACCES, EINVAL, ENOENT } from '../uapi'
import { sysctl_write } from './sysctl'

/** `sysctl.vm.swappiness=10`: written in the order of the command line just before init is started. */
export function do_sysctl_args(k: Kernel): void {
  for (const param of words(k.config)) {
    const [, name, value] = /^sysctl[./]([^=]+)=(.*)$/.exec(param) ?? []
    if (name === undefined || value === undefined) continue
    const error = sysctl_write(k, name.replaceAll('/', '.'), value)
    if (error < 0) printk(k, `Failed to set sysctl parameter '${name}=${value}': ${REASONS[-error] ?? error}`)
  }
}
const REASONS: Readonly<Record<number, string>> = {
  [ENOENT]: 'parameter not found',
  [EACCES]: 'permission denied (read-only?)',
  [EINVAL]: 'invalid value',
}
