/**
 * The machine's trees as text: /proc, /sys with the cgroup files, /dev/kmsg. Paths are absolute; links are followed as
 * in Linux, `/proc/self` by the reader's pid. Reading changes nothing in the machine; writing does what Linux does, with
 * its errno. root is who asks.
 */
import type { Kernel } from '../kernel'
import { find_task_by_pid, first_task, next_task } from '../task'
import { devkmsg } from './kmsg'
import { pid_folder } from './pid_folder'
import { root_files } from './root'
import { sys_root } from './sys'
import {
  folder,
  link,
  list_node,
  mkdir_in,
  pread_node,
  read_node,
  rmdir_in,
  walk,
  write_node,
  type DirNode,
  type Node,
} from './tree'

export type ProcKind = 'file' | 'dir' | 'link'
export interface ProcStat {
  readonly kind: ProcKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Target of a link; '' where it leads nowhere (the program of a kernel thread). */
  readonly target?: string
  /** Its bytes are no text: to be had by proc_pread. */
  readonly binary?: boolean
}

/**
 * The text of a file, or a negative errno. `self` is the reader's pid. In Linux a read can have an effect (lowmem_reserve_ratio
 * computes the protection anew); it has so here only where `effects` says that a task of the machine reads, not an onlooker.
 */
export function proc_read(k: Kernel, path: string, self = 1, effects = false): string | number {
  return read_node(walk(tree(k, self, effects), path, true))
}
/** Bytes of a file from an offset, or a negative errno: for pagemap, kpagecount, kpageflags, which are long. */
export function proc_pread(k: Kernel, path: string, offset: number, length: number, self = 1): Uint8Array | number {
  return pread_node(walk(tree(k, self), path, true), offset, length)
}
/** The names in a folder, in the kernel's order, or a negative errno. */
export function proc_list(k: Kernel, path: string, self = 1): string[] | number {
  return list_node(walk(tree(k, self), path, true))
}
/** 0, or a negative errno. */
export function proc_write(k: Kernel, path: string, text: string, self = 1): number {
  return write_node(walk(tree(k, self), path, true), text)
}
/** lstat: a link at the end of the path is not followed. */
export function proc_stat(k: Kernel, path: string, self = 1): ProcStat | number {
  const node = walk(tree(k, self), path, false)
  if (typeof node === 'number') return node
  const { kind, mode, uid, gid } = node
  if (kind === 'link') return { kind, mode, uid, gid, target: node.target }
  return { kind, mode, uid, gid, ...(kind === 'file' && node.pread !== undefined ? { binary: true } : {}) }
}
export function proc_mkdir(k: Kernel, path: string): number {
  const [parent, name] = parent_of(path)
  return mkdir_in(walk(tree(k, 1), parent, true), name)
}
export function proc_rmdir(k: Kernel, path: string): number {
  const [parent, name] = parent_of(path)
  return rmdir_in(walk(tree(k, 1), parent, true), name)
}

/** The trees for those who read all of them: a walk from folder to folder, without a path to look up for each file. */
export function proc_tree(k: Kernel): DirNode {
  return tree(k, 1)
}

function parent_of(path: string): [string, string] {
  const clean = path.replace(/\/+$/, '')
  const at = clean.lastIndexOf('/')
  return [clean.slice(0, at), clean.slice(at + 1)]
}

function tree(k: Kernel, self: number, effects = false): DirNode {
  const find = (name: string): Node | null => {
    if (name === 'proc') return proc_root(k, self, effects)
    if (name === 'sys') return sys_root(k, self)
    return name === 'dev' ? folder({ kmsg: devkmsg(k) }) : null
  }
  return { ...folder({}), list: () => ['dev', 'proc', 'sys'], find }
}

/** Names by length and alphabet, as the kernel keeps them; then the links to the reader, then the processes. */
function proc_root(k: Kernel, self: number, effects: boolean): DirNode {
  const files = root_files(k, self, effects)
  const names = Object.keys(files).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  const t = find_task_by_pid(k, self)
  const links: Record<string, Node> =
    t === 0 ? {} : { self: link(String(k.task.tgid[t])), 'thread-self': link(`${k.task.tgid[t]}/task/${self}`) }
  const find = (name: string): Node | null => {
    if (Object.hasOwn(files, name)) return files[name]!
    if (Object.hasOwn(links, name)) return links[name]!
    const found = /^[1-9]\d*$/.test(name) ? find_task_by_pid(k, Number(name)) : 0
    return found === 0 ? null : pid_folder(k, found, self)
  }
  return { ...folder({}), list: () => [...names, ...Object.keys(links), ...pids(k)], find }
}

function pids(k: Kernel): string[] {
  const list: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    if (k.task.tgid[t] === k.task.pid[t]) list.push(k.task.pid[t]!)
  return list.sort((a, b) => a - b).map(String)
}
