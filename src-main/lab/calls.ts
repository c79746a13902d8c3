/** The system calls of lab tasks, on `k.var.current`: a value, or a negative errno. */
import { FS_EXT4, FS_TMPFS } from '../kernel/mm/inode'
import { O_RDONLY, O_RDWR } from '../kernel/mm/file_table'
import * as files from '../kernel/entry/file'
import { lab_program } from '../kernel/sched/initramfs'
import * as s from '../kernel/entry/syscall'
import { sys_swapoff, sys_swapon } from '../kernel/entry/swap'
import { sysctl_write } from '../kernel/entry/sysctl'
import { proc_read, proc_rmdir, proc_stat, proc_write } from '../kernel/proc'
import { cgroup_make } from '../kernel/proc/cgroup'
import { string_id, type Kernel } from '../kernel/kernel'
import { next_device_name, type DeviceKind } from '../kernel/block/device'
import { task_blocked } from '../kernel/task'
import { readMatching } from './glob'
import { readWord } from './words'

interface Part {
  readonly start: number
  readonly length: number
}

export { s as raw }
export const mmap = s.sys_mmap
export const munmap = s.sys_munmap
export const madvise = s.sys_madvise
export const mremap = s.sys_mremap
export const brk = s.sys_brk
export const fork = s.sys_fork
export const kill = s.sys_kill
export const exit = s.sys_exit
export const mlockall = s.sys_mlockall
export const munlockall = s.sys_munlockall
export const setrlimit = s.sys_setrlimit
export const blocked = task_blocked

export function mprotect(k: Kernel, part: Part, prot: number): number {
  return s.sys_mprotect(k, part.start, part.length, prot)
}
export function mlock(k: Kernel, part: Part, flags: number): number {
  return s.sys_mlock(k, part.start, part.length, flags)
}
export function munlock(k: Kernel, part: Part): number {
  return s.sys_munlock(k, part.start, part.length)
}
export function mincore(k: Kernel, part: Part, vec: number[]): number {
  return s.sys_mincore(k, part.start, part.length, vec)
}
export function msync(k: Kernel, part: Part): number {
  return s.sys_msync(k, part.start, part.length)
}
export function setuid(k: Kernel, uid: number): number {
  return s.sys_setuid(k, uid)
}

const ERESTARTSYS = -512
/** The child's pid, an errno, or 0: it went to sleep, to be called again. */
export function wait4(k: Kernel, pid: number): number {
  const ret = s.sys_wait4(k, pid, 0)
  return ret === ERESTARTSYS ? 0 : ret
}

/** Replaces the image; `comm` is the lab's name for it. */
export function exec(k: Kernel, comm: string): number {
  const ret = s.sys_execve(k, lab_program(k), comm)
  if (ret >= 0) k.task.comm[k.var.current] = string_id(k, comm.slice(0, 15))
  return ret
}

// ---------------------------------------------------------------- files

export function createFile(k: Kernel, path: string, size: number, fs: 'ext4' | 'tmpfs'): number {
  return files.sys_create(k, path, size, fs === 'ext4' ? FS_EXT4 : FS_TMPFS)
}
export function open(k: Kernel, path: string, readOnly = false): number {
  return files.sys_open(k, path, readOnly ? O_RDONLY : O_RDWR)
}
export const close = files.sys_close
export const unlink = files.sys_unlink
export const stat = files.sys_stat
export const sync = files.sys_sync
export const fadvise = files.sys_fadvise64

export function read(k: Kernel, fd: number, offset: number, length: number): number {
  return files.sys_read(k, fd, length, offset)
}
export function write(k: Kernel, fd: number, offset: number, length: number): number {
  return files.sys_write(k, fd, length, offset)
}
/** Size of an open file. */
export function sizeOf(k: Kernel, fd: number): number {
  const file = files.fget(k, fd)
  return file === 0 ? 0 : k.inode.i_size[k.file.inode[file]!]!
}
export function truncate(k: Kernel, path: string, length: number): number {
  return withFile(k, path, (fd) => files.sys_ftruncate(k, fd, length))
}
export function fsync(k: Kernel, path: string): number {
  return withFile(k, path, (fd) => files.sys_fsync(k, fd))
}
function withFile(k: Kernel, path: string, act: (fd: number) => number): number {
  const fd = open(k, path)
  if (fd < 0) return fd
  const ret = act(fd)
  close(k, fd)
  return ret
}

// ---------------------------------------------------------------- the machine

export function sysctl(k: Kernel, name: string, text: string): number {
  return sysctl_write(k, name, text)
}
export function readFile(k: Kernel, path: string): string | number {
  const self = k.task.pid[k.var.current]!
  return path.includes('*') ? readMatching(k, path, self) : proc_read(k, path, self, true)
}
/** The word of one page of the current task's address space. */
export function readPageWord(k: Kernel, path: string, at: number): string | number {
  return readWord(k, path, at, k.task.pid[k.var.current]!)
}
export function writeFile(k: Kernel, path: string, text: string): number {
  return proc_write(k, path, text, k.task.pid[k.var.current]!)
}
export function swapon(k: Kernel, bytes: number, device: DeviceKind, priority?: number): number {
  const area = { bytes, device, ...(priority === undefined ? {} : { priority }) }
  return sys_swapon(k, `/dev/${next_device_name(k, device)}`, area)
}
/** By the order of swapon, from 0. */
export function swapoff(k: Kernel, index: number): number {
  const name = k.strings.list[k.swap_info.name[index + 1] ?? 0] ?? ''
  return sys_swapoff(k, name)
}
/** Makes a cgroup with its parents; 0 or a negative errno. */
export function makeGroup(k: Kernel, path: string): number {
  const parts = path.split('/').filter((part) => part !== '')
  for (let i = 1; i <= parts.length; i++) {
    if (typeof proc_stat(k, `/sys/fs/cgroup/${parts.slice(0, i).join('/')}`) !== 'number') continue
    const made = cgroup_make(k, parts.slice(0, i))
    if (made < 0) return made
  }
  return 0
}
/** Removes a cgroup without tasks and children. */
export function removeGroup(k: Kernel, path: string): number {
  return proc_rmdir(k, `/sys/fs/cgroup${path}`)
}
export function attach(k: Kernel, path: string, pid: number): number {
  return proc_write(k, `/sys/fs/cgroup${path}/cgroup.procs`, String(pid))
}
