/** The tree under /proc (and /sys, cgroup files) as text. Paths are absolute: `/proc/meminfo`, `/proc/1/stat`. */
import type { Kernel } from '../kernel'

export type ProcKind = 'file' | 'dir' | 'link'
export interface ProcStat {
  readonly kind: ProcKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Target of a link. */
  readonly target?: string
}

/** The text of a file, or a negative errno. `self` is the reader's pid. */
export function proc_read(_k: Kernel, _path: string, _self = 1): string | number {
  return -2
}
/** The names in a folder, in the kernel's order, or a negative errno. */
export function proc_list(_k: Kernel, _path: string, _self = 1): string[] | number {
  return -2
}
/** 0, or a negative errno. */
export function proc_write(_k: Kernel, _path: string, _text: string, _self = 1): number {
  return -2
}
export function proc_stat(_k: Kernel, _path: string, _self = 1): ProcStat | number {
  return -2
}
