/** /proc/sys: folders and files from the names of the sysctls. Linux: fs/proc/proc_sysctl.c. */
import type { Kernel } from '../kernel'
import { sysctl_info, sysctl_names, sysctl_read, sysctl_write } from '../entry/sysctl'
import { EACCES, EPERM } from '../uapi'
import { file, folder, type DirNode, type Node } from './tree'

/** The folder of a prefix such as `vm.`; '' is /proc/sys itself. */
export function sysctl_folder(k: Kernel, effects: boolean, prefix = ''): DirNode {
  const names = (): string[] => {
    const below = sysctl_names().filter((name) => name.startsWith(prefix))
    return [...new Set(below.map((name) => name.slice(prefix.length).split('.')[0]!))]
  }
  const find = (name: string): Node | null => {
    const full = prefix + name
    if (sysctl_info(full) !== null) return sysctl_file(k, full, effects)
    return sysctl_names().some((other) => other.startsWith(`${full}.`)) ? sysctl_folder(k, effects, `${full}.`) : null
  }
  return { ...folder({}, { refusal: EPERM }), list: names, find }
}

/** What cannot be written cannot be opened to write, not by root either; the same with what cannot be read. */
function sysctl_file(k: Kernel, name: string, effects: boolean): Node {
  const { mode } = sysctl_info(name)!
  const read = (): string | number => {
    if ((mode & 0o400) === 0) return -EACCES
    const value = sysctl_read(k, name, effects)
    if (name === 'vm.stat_refresh') return ''
    return typeof value === 'string' ? `${value}\n` : value
  }
  const writable = (mode & 0o200) !== 0
  const write = writable ? (text: string): number => sysctl_write(k, name, text) : undefined
  return file(read, { mode, write, refusal: EACCES })
}
