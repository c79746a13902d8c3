/**
 * The tree under /proc as text. Paths are absolute (`/proc/meminfo`, `/proc/1/stat`); /sys and the cgroup files are in
 * sys.ts. Reading changes nothing in the machine; writing does what Linux does, with its errno.
 */
import { sysrq_write } from './sysrq'
import { PF_KTHREAD, TASK_ZOMBIE, type Kernel } from '../kernel'
import { sysctl_info, sysctl_names, sysctl_read, sysctl_write } from '../entry/sysctl'
import { EACCES, EINVAL, EISDIR, ENOENT, ENOTDIR, EPERM, ESRCH } from '../uapi'
import { psi_show } from '../sched/psi'
import { find_task_by_pid, first_task, next_task } from '../task'
import {
  comm_of,
  oom_adj,
  oom_adj_to_score,
  oom_score,
  pid_io,
  pid_limits,
  pid_schedstat,
  pid_stat,
  pid_statm,
  pid_status,
} from './pid'
import { cgroup_path, inode_path } from './names'
import { pid_maps, pid_smaps, pid_smaps_rollup } from './smaps'
import { sys_list, sys_read, sys_stat, sys_write } from './sys'
import {
  cmdline_text,
  cpuinfo_text,
  diskstats_text,
  filesystems_text,
  interrupts_text,
  kmsg_text,
  loadavg_file,
  meminfo_text,
  mounts_text,
  partitions_text,
  softirqs_text,
  stat_text,
  swaps_text,
  uptime_text,
  version_text,
  vmstat_text,
} from './system'
import { buddyinfo_text, pagetypeinfo_text, slabinfo_text, zoneinfo_text } from './zones'

export type ProcKind = 'file' | 'dir' | 'link'
export interface ProcStat {
  readonly kind: ProcKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Target of a link. */
  readonly target?: string
}

const SYSTEM: Readonly<Record<string, (k: Kernel) => string>> = {
  buddyinfo: buddyinfo_text,
  cmdline: cmdline_text,
  cpuinfo: cpuinfo_text,
  diskstats: diskstats_text,
  filesystems: filesystems_text,
  interrupts: interrupts_text,
  kmsg: kmsg_text,
  loadavg: loadavg_file,
  meminfo: meminfo_text,
  mounts: mounts_text,
  pagetypeinfo: pagetypeinfo_text,
  partitions: partitions_text,
  slabinfo: slabinfo_text,
  softirqs: softirqs_text,
  stat: stat_text,
  swaps: swaps_text,
  uptime: uptime_text,
  version: version_text,
  vmstat: vmstat_text,
  zoneinfo: zoneinfo_text,
}
const PRESSURE = ['cpu', 'io', 'memory'] as const

type PidFile = (k: Kernel, t: number) => string | number
const PID: Readonly<
  Record<string, { read: PidFile; mode?: number; write?: (k: Kernel, t: number, text: string) => number }>
> = {
  cgroup: { read: (k, t) => `0::${cgroup_path(k, k.task.cgroup[t]!)}\n` },
  cmdline: { read: pid_cmdline },
  comm: { read: (k, t) => `${comm_of(k, t)}\n`, mode: 0o644 },
  io: { read: pid_io, mode: 0o400 },
  limits: { read: pid_limits },
  maps: { read: (k, t) => with_mm(k, t, pid_maps) },
  oom_adj: { read: (k, t) => `${oom_adj(k, t)}\n`, mode: 0o644, write: write_oom_adj },
  oom_score: { read: (k, t) => `${oom_score(k, t)}\n` },
  oom_score_adj: { read: (k, t) => `${k.task.oom_score_adj[t]}\n`, mode: 0o644, write: write_oom_score_adj },
  schedstat: { read: pid_schedstat },
  smaps: { read: (k, t) => with_mm(k, t, pid_smaps) },
  smaps_rollup: { read: (k, t) => (k.task.mm[t] === 0 ? -ESRCH : pid_smaps_rollup(k, k.task.mm[t]!)) },
  stat: { read: pid_stat },
  statm: { read: pid_statm },
  status: { read: pid_status },
  wchan: { read: (k, t) => (k.task.wchan[t] === 0 ? '0' : k.strings.list[k.task.wchan[t]!]!) },
}

function with_mm(k: Kernel, t: number, show: (k: Kernel, mm: number) => string): string {
  return k.task.mm[t] === 0 ? '' : show(k, k.task.mm[t]!)
}

/** Arguments, each with a NUL; empty for kernel threads and zombies. */
function pid_cmdline(k: Kernel, t: number): string {
  if ((k.task.flags[t]! & PF_KTHREAD) !== 0 || k.task.state[t] === TASK_ZOMBIE) return ''
  const text = k.strings.list[k.task.cmdline[t]!]!
  return text === '' ? '' : `${text.replaceAll(' ', '\0')}\0`
}

// ---------------------------------------------------------------- the four operations

/** The text of a file, or a negative errno. `self` is the reader's pid. */
export function proc_read(k: Kernel, path: string, self = 1): string | number {
  const parts = split(path)
  if (parts[0] === 'sys') return sys_read(k, parts.slice(1))
  if (parts[0] !== 'proc') return -ENOENT
  const [, first, ...rest] = parts
  if (first === undefined) return -EISDIR
  const system = SYSTEM[first]
  if (system !== undefined) return rest.length === 0 ? system(k) : -ENOTDIR
  if (first === 'pressure') return read_pressure(k, rest)
  if (first === 'sys') return read_sysctl(k, rest)
  const t = task_of(k, first, self)
  if (t === 0) return -ENOENT
  const names = rest[0] === 'task' && rest.length >= 2 ? rest.slice(2) : rest
  const file = PID[names[0] ?? '']
  if (names.length !== 1 || file === undefined) return proc_stat(k, path, self) === -ENOENT ? -ENOENT : -EISDIR
  return file.read(k, t)
}

/** The names in a folder, in the kernel's order, or a negative errno. */
export function proc_list(k: Kernel, path: string, self = 1): string[] | number {
  const parts = split(path)
  if (parts[0] === 'sys') return sys_list(k, parts.slice(1))
  if (parts[0] !== 'proc') return -ENOENT
  const [, first, ...rest] = parts
  if (first === undefined) return [...pids(k), ...Object.keys(SYSTEM), 'pressure', 'self', 'sys'].map(String)
  if (first === 'pressure') return rest.length === 0 ? (k.config.psi ? [...PRESSURE] : []) : -ENOTDIR
  if (first === 'sys') return list_sysctl(rest)
  const t = task_of(k, first, self)
  if (t === 0) return first in SYSTEM ? -ENOTDIR : -ENOENT
  if (rest.length === 0) return [...Object.keys(PID), ...(exe_path(k, t) === null ? [] : ['exe']), 'fd', 'task']
  if (rest[0] === 'task') {
    if (rest.length === 1) return [String(k.task.pid[t])]
    return rest.length === 2 && rest[1] === String(k.task.pid[t]) ? Object.keys(PID) : -ENOENT
  }
  if (rest[0] === 'fd' && rest.length === 1) return fds(k, t).map(([fd]) => String(fd))
  return rest[0]! in PID ? -ENOTDIR : -ENOENT
}

/** 0, or a negative errno. */
export function proc_write(k: Kernel, path: string, text: string, self = 1): number {
  const parts = split(path)
  if (parts[0] === 'sys') return sys_write(k, parts.slice(1), text)
  if (parts[0] !== 'proc') return -ENOENT
  const [, first, ...rest] = parts
  if (first === undefined) return -EISDIR
  if (first === 'sysrq-trigger') return rest.length === 0 ? sysrq_write(k, text, self) : -ENOTDIR
  if (first in SYSTEM || first === 'pressure') return -EACCES
  if (first === 'sys')
    return sysctl_info(sysctl_name(rest)) === null ? -ENOENT : sysctl_write(k, sysctl_name(rest), text)
  const t = task_of(k, first, self)
  if (t === 0) return -ENOENT
  const file = PID[rest[0] ?? '']
  if (rest.length !== 1 || file === undefined) return -ENOENT
  return file.write === undefined ? -EACCES : file.write(k, t, text)
}

export function proc_stat(k: Kernel, path: string, self = 1): ProcStat | number {
  const parts = split(path)
  if (parts[0] === 'sys') return sys_stat(k, parts.slice(1))
  if (parts[0] !== 'proc') return -ENOENT
  const [, first, ...rest] = parts
  if (first === undefined) return dir()
  if (first === 'self' && rest.length === 0) return { ...dir(), kind: 'link', mode: 0o777, target: String(self) }
  if (first in SYSTEM)
    return rest.length === 0 ? file(first === 'slabinfo' || first === 'kmsg' ? 0o400 : 0o444) : -ENOTDIR
  if (first === 'pressure') {
    if (rest.length === 0) return dir()
    return rest.length === 1 && (PRESSURE as readonly string[]).includes(rest[0]!) ? file(0o444) : -ENOENT
  }
  if (first === 'sys') {
    const info = sysctl_info(sysctl_name(rest))
    if (info !== null) return file(info.mode)
    return typeof list_sysctl(rest) === 'number' ? -ENOENT : dir()
  }
  const t = task_of(k, first, self)
  return t === 0 ? -ENOENT : pid_file_stat(k, t, rest)
}

function pid_file_stat(k: Kernel, t: number, rest: readonly string[]): ProcStat | number {
  const owner = { uid: k.task.uid[t]!, gid: k.task.gid[t]! }
  const folder: ProcStat = { kind: 'dir', mode: 0o555, ...owner }
  if (rest.length === 0) return folder
  const names = rest[0] === 'task' && rest.length > 2 ? rest.slice(2) : rest
  if (names[0] === 'task' || names[0] === 'fd') {
    if (names.length === 1) return folder
    if (names[0] === 'task') return names[1] === String(k.task.pid[t]) ? folder : -ENOENT
    const open = fds(k, t).find(([fd]) => String(fd) === names[1])
    return open === undefined ? -ENOENT : { kind: 'link', mode: 0o700, ...owner, target: inode_path(k, open[1]) }
  }
  if (names.length !== 1) return -ENOENT
  if (names[0] === 'exe') {
    const path = exe_path(k, t)
    return path === null ? -ENOENT : { kind: 'link', mode: 0o777, ...owner, target: path }
  }
  const known = PID[names[0]!]
  return known === undefined ? -ENOENT : { kind: 'file', mode: known.mode ?? 0o444, ...owner }
}

// ---------------------------------------------------------------- helpers

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
function dir(): ProcStat {
  return { kind: 'dir', mode: 0o555, uid: 0, gid: 0 }
}
function file(mode: number): ProcStat {
  return { kind: 'file', mode, uid: 0, gid: 0 }
}

function pids(k: Kernel): number[] {
  const list: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    if (k.task.tgid[t] === k.task.pid[t]) list.push(k.task.pid[t]!)
  return list.sort((a, b) => a - b)
}
function task_of(k: Kernel, name: string, self: number): number {
  if (name === 'self' || name === 'thread-self') return find_task_by_pid(k, self)
  return /^[1-9]\d*$/.test(name) ? find_task_by_pid(k, Number(name)) : 0
}

function read_pressure(k: Kernel, rest: readonly string[]): string | number {
  const name = PRESSURE.find((p) => p === rest[0])
  if (name === undefined || rest.length !== 1) return rest.length === 0 ? -EISDIR : -ENOENT
  return k.config.psi ? psi_show(k, name) : -ENOENT
}

/** `vm/swappiness` to `vm.swappiness`. */
function sysctl_name(rest: readonly string[]): string {
  return rest.join('.')
}
function read_sysctl(k: Kernel, rest: readonly string[]): string | number {
  if (rest.length === 0) return -EISDIR
  const value = sysctl_read(k, sysctl_name(rest))
  if (value === -ENOENT && typeof list_sysctl(rest) !== 'number') return -EISDIR
  return typeof value === 'string' ? `${value}\n` : value
}
function list_sysctl(rest: readonly string[]): string[] | number {
  const prefix = rest.length === 0 ? '' : `${sysctl_name(rest)}.`
  const names = sysctl_names().filter((name) => name.startsWith(prefix))
  if (names.length === 0) return sysctl_info(sysctl_name(rest)) === null ? -ENOENT : -ENOTDIR
  return [...new Set(names.map((name) => name.slice(prefix.length).split('.')[0]!))]
}

function fds(k: Kernel, t: number): [number, number][] {
  const list: [number, number][] = []
  for (let fd = k.task.fd_head[t]!; fd !== 0; fd = k.fd.next[fd]!)
    list.push([k.fd.fd[fd]!, k.file.inode[k.fd.file[fd]!]!])
  return list.sort((a, b) => a[0] - b[0])
}
/** The program's file; kernel threads have none. */
function exe_path(k: Kernel, t: number): string | null {
  const mm = k.task.mm[t]!
  const file = mm === 0 ? 0 : k.mm.exe_file[mm]!
  return file === 0 ? null : inode_path(k, k.file.inode[file]!)
}

/** __set_oom_adj: -1000 … 1000; the whole process shares it. */
function write_oom_score_adj(k: Kernel, t: number, text: string): number {
  const value = Number(text.trim())
  if (!/^-?\d+$/.test(text.trim()) || value < -1000 || value > 1000) return -EINVAL
  k.task.oom_score_adj[t] = value
  return 0
}
function write_oom_adj(k: Kernel, t: number, text: string): number {
  const value = Number(text.trim())
  if (!/^-?\d+$/.test(text.trim()) || value < -17 || value > 15) return -EINVAL
  if ((k.task.flags[t]! & PF_KTHREAD) !== 0) return -EPERM
  k.task.oom_score_adj[t] = value === -17 ? -1000 : oom_adj_to_score(value)
  return 0
}
