/** The system calls and memory accesses of the programs: kernel/entry with the defaults that programs want. */
import { M } from '@shared/counters'
import { access_list, access_range } from '../kernel/entry/access'
import * as files from '../kernel/entry/file'
import * as sys from '../kernel/entry/syscall'
import { string_id, VM_EXEC, type Kernel } from '../kernel/kernel'
import { FS_EXT4, FS_TMPFS } from '../kernel/mm/inode'
import { O_CREAT, O_RDWR } from '../kernel/mm/file_table'
import { charge, find_task_by_pid, sleep_interruptible, WAIT_EVENT, WAIT_SLEEP } from '../kernel/task'
import { COST } from '../kernel/costs'
import { proc_write } from '../kernel/proc'
import { cgroup_make } from '../kernel/proc/cgroup'
import {
  EEXIST,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../kernel/uapi'

// ---------------------------------------------------------------- memory

/** Loads or stores page by page, or each `step`-th; how many accesses it got done. */
export function touch(k: Kernel, at: number, nr: number, write: boolean, step = 1): number {
  return access_range(k, at, nr, 4096 * step, write)
}

/** Accesses to pages of an area: page number times 2, plus 1 for a store; how many it got done. */
export function touch_list(k: Kernel, at: number, trace: Int32Array, nr: number): number {
  return access_list(k, at, trace, nr)
}

/** The code that the program and its libraries run: address and pages of each area with code. */
export function code_areas(k: Kernel): [at: number, nr: number][] {
  const areas: [number, number][] = []
  for (let vma = k.mm.vma_head[k.task.mm[k.var.current]!]!; vma !== 0; vma = k.vma.next[vma]!)
    if ((k.vma.vm_flags[vma]! & VM_EXEC) !== 0 && k.vma.vm_file[vma] !== 0)
      areas.push([k.vma.vm_start[vma]!, (k.vma.vm_end[vma]! - k.vma.vm_start[vma]!) / 4096])
  return areas
}

/** Address of new memory, or -errno. */
export function map_anonymous(
  k: Kernel,
  bytes: number,
  kind: 'private' | 'shared' | 'locked' | 'readonly' = 'private',
): number {
  const prot = kind === 'readonly' ? PROT_READ : PROT_READ | PROT_WRITE
  const share = kind === 'shared' ? MAP_SHARED : MAP_PRIVATE
  return sys.sys_mmap(k, 0, bytes, prot, share | MAP_ANONYMOUS | (kind === 'locked' ? MAP_LOCKED : 0), -1, 0)
}
export function map_file(k: Kernel, fd: number, bytes: number): number {
  return sys.sys_mmap(k, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
}
export function unmap(k: Kernel, at: number, bytes: number): void {
  sys.sys_munmap(k, at, bytes)
}
/** Private memory that may be forgotten: the next access finds zeros. */
export function discard(k: Kernel, at: number, bytes: number): void {
  sys.sys_madvise(k, at, bytes, MADV_DONTNEED)
}
/** Moves the end of the heap up; the address of the new part, or -errno. */
export function grow_heap(k: Kernel, bytes: number): number {
  const from = sys.sys_brk(k, 0)
  const to = sys.sys_brk(k, from + bytes)
  return to >= from + bytes ? from : -12
}

// ---------------------------------------------------------------- files

/** A descriptor, or -errno. What is below /dev/shm and /tmp lives in a tmpfs. */
export function open(k: Kernel, path: string, create: boolean): number {
  const fs = path.startsWith('/dev/shm/') || path.startsWith('/tmp/') ? FS_TMPFS : FS_EXT4
  return files.sys_open(k, path, create ? O_RDWR | O_CREAT : 0, fs)
}
export function close(k: Kernel, fd: number): void {
  if (fd >= 0) files.sys_close(k, fd)
}
/** A file of a size whose content is on the disk. */
export function create(k: Kernel, path: string, size: number): void {
  files.sys_create(k, path, size, FS_EXT4)
}
export function pread(k: Kernel, fd: number, at: number, length: number): number {
  return files.sys_read(k, fd, length, at)
}
export function pwrite(k: Kernel, fd: number, at: number, length: number): number {
  return files.sys_write(k, fd, length, at)
}
export function truncate(k: Kernel, fd: number, size: number): void {
  files.sys_ftruncate(k, fd, size)
}
export function fsync(k: Kernel, fd: number): void {
  files.sys_fsync(k, fd)
}
export function unlink(k: Kernel, path: string): void {
  files.sys_unlink(k, path)
}
export function stat(k: Kernel, path: string): void {
  files.sys_stat(k, path)
}

// ---------------------------------------------------------------- processes

/** A child that has not run yet: its task, or -errno. */
export function fork(k: Kernel): number {
  const pid = sys.sys_fork(k)
  return pid < 0 ? pid : find_task_by_pid(k, pid)
}
/** Another program in this process; without memory for it the process ends, as a shell's child would. */
export function exec(k: Kernel, path: string, args: string, comm: string): boolean {
  if (sys.sys_execve(k, path, args) < 0) {
    sys.sys_exit(k, 127)
    return false
  }
  k.task.comm[k.var.current] = string_id(k, comm)
  return true
}
export function exit(k: Kernel, code: number): void {
  sys.sys_exit(k, code)
}
/** Waits for a child; false: it went to sleep, to be called again. */
export function wait(k: Kernel): boolean {
  return sys.sys_wait4(k, -1, 0) !== -512
}
/** Takes the status of every child that has ended. */
export function reap(k: Kernel): void {
  while (sys.sys_wait4(k, -1, 1) > 0) continue
}
export function comm(k: Kernel, t: number): string {
  return k.strings.list[k.task.comm[t]!]!
}

export function nanosleep(k: Kernel, ns: number): void {
  charge(k, COST.syscall)
  k.machine[M.syscalls]!++
  sleep_interruptible(k, k.var.now + ns, WAIT_SLEEP, 0, 'hrtimer_nanosleep')
}
/** Sleeps until a signal. */
export function pause(k: Kernel): void {
  charge(k, COST.syscall)
  sleep_interruptible(k, Infinity, WAIT_EVENT, 0, '__do_sys_pause')
}
/** `n` system calls that touch no memory of note: sockets, clocks, polls. */
export function cheap(k: Kernel, n: number): void {
  charge(k, COST.syscall * 3 * n)
  k.machine[M.syscalls]! += n
}

// ---------------------------------------------------------------- cgroups

/** Makes a cgroup and the parents it lacks; 0 or a negative errno. */
export function make_cgroup(k: Kernel, path: string): number {
  const parts = path.split('/').filter((part) => part !== '')
  for (let i = 1; i <= parts.length; i++) {
    const made = cgroup_make(k, parts.slice(0, i))
    if (made < 0 && made !== -EEXIST) return made
  }
  return 0
}
/** Puts a process into a cgroup, which is made where it is not there yet. */
export function attach_cgroup(k: Kernel, t: number, path: string): void {
  make_cgroup(k, path)
  proc_write(k, `/sys/fs/cgroup${path}/cgroup.procs`, String(k.task.pid[t]!))
}
