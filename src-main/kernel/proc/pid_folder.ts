/**
 * /proc/PID and /proc/PID/task/TID: which files there are, whose they are, what a write does. The texts are in pid.ts,
 * smaps.ts, pagemap.ts and their neighbours. Linux: fs/proc/base.c (tgid_base_stuff, tid_base_stuff).
 */
import { PF_KTHREAD, string_id, TASK_ZOMBIE, type Kernel } from '../kernel'
import { file_may_read, file_may_write } from '../mm/file_table'
import { EINVAL, EPERM, ESRCH } from '../uapi'
import { find_task_by_pid, first_task, next_task } from '../task'
import { clear_refs_write } from './clear_refs'
import { mountinfo_text, mounts_text, mountstats_text } from './mounts'
import { cgroup_path, inode_path } from './names'
import { net_folder } from './net'
import { numa_maps } from './numa_maps'
import { pagemap_read } from './pagemap'
import {
  comm_of,
  oom_adj,
  oom_adj_to_score,
  oom_score,
  pid_environ,
  pid_io,
  pid_limits,
  pid_schedstat,
  pid_stat,
  pid_statm,
  pid_status,
} from './pid'
import { pid_sched } from './pid_sched'
import { pid_maps, pid_smaps, pid_smaps_rollup } from './smaps'
import { auxv_read } from './auxv'
import { map_files, mem_read, mem_write } from './pid_mem'
import { pid_stack, pid_syscall, pid_wchan } from './pid_wait'
import { hex, kstrtoint } from './text'
import { file, folder, link, type DirNode, type FileNode, type Node } from './tree'

/** Files of a process: `self` is the pid of whoever looks. */
export function pid_folder(k: Kernel, t: number, self: number): DirNode {
  const owner = { uid: k.task.uid[t]!, gid: k.task.gid[t]! }
  const entries: Record<string, Node> = {
    task: task_folder(k, t, self),
    ...common(k, t, self),
    coredump_filter: mine(
      k,
      t,
      () => coredump_filter(k, t),
      0o644,
      (text) => write_coredump_filter(k, t, text),
    ),
    map_files: map_files(k, k.task.mm[t]!, owner),
    autogroup: mine(k, t, () => '', 0o644),
    timens_offsets: mine(k, t, () => TIMENS_OFFSETS, 0o644),
    mountstats: mine(k, t, () => mountstats_text(k), 0o400),
    timers: mine(k, t, () => ''),
    timerslack_ns: mine(
      k,
      t,
      () => `${k.task.timerslack_ns[t]! || TIMERSLACK_NS}\n`,
      0o666,
      (text) => write_timerslack(k, t, text),
    ),
  }
  return folder(entries, owner)
}

function task_folder(k: Kernel, t: number, self: number): DirNode {
  const tids = (): string[] => {
    const list: number[] = []
    for (let i = first_task(k); i !== 0; i = next_task(k, i))
      if (k.task.tgid[i] === k.task.tgid[t]) list.push(k.task.pid[i]!)
    return list.map(String)
  }
  const find = (name: string): Node | null => {
    const found = /^[1-9]\d*$/.test(name) ? find_task_by_pid(k, Number(name)) : 0
    if (found === 0 || k.task.tgid[found] !== k.task.tgid[t]) return null
    const owner = { uid: k.task.uid[found]!, gid: k.task.gid[found]! }
    return folder({ ...common(k, found, self), children: mine(k, found, () => children_of(k, found)) }, owner)
  }
  return { ...folder({}, { uid: k.task.uid[t]!, gid: k.task.gid[t]! }), list: tids, find }
}

/** What a process and each of its tasks has. */
function common(k: Kernel, t: number, self: number): Record<string, Node> {
  const text = (read: () => string | number, mode = 0o444, write?: (text: string) => number): FileNode =>
    mine(k, t, read, mode, write)
  const mm = k.task.mm[t]!
  const bytes = (pread: FileNode['pread'], mode = 0o400, write?: (text: string) => number): FileNode => ({
    ...text(() => '', mode, write),
    read: undefined,
    pread,
  })
  const with_mm =
    (show: (k: Kernel, mm: number) => string): (() => string) =>
    () =>
      mm === 0 ? '' : show(k, mm)
  return {
    fd: fd_folder(k, t),
    fdinfo: fdinfo_folder(k, t),
    ns: ns_folder(k, t),
    net: net_folder(k),
    environ: text(() => pid_environ(k, t), 0o400),
    status: text(() => pid_status(k, t)),
    attr: attr_folder(k, t),
    auxv: bytes((at, length) => auxv_read(k, mm, at, length)),
    mem: bytes(
      (at, length) => mem_read(k, mm, at, length),
      0o600,
      () => mem_write(mm),
    ),
    // AVX-512 alone would have something to say.
    arch_status: text(() => ''),
    cpu_resctrl_groups: text(() => 'res:\nmon:\n'),
    patch_state: text(() => '-1\n', 0o400),
    stack: text(() => pid_stack(k, t), 0o400),
    syscall: text(() => pid_syscall(k, t), 0o400),
    personality: text(() => '00000000\n', 0o400),
    limits: text(() => pid_limits(k, t)),
    sched: text(
      () => pid_sched(k, t),
      0o644,
      () => 0,
    ),
    comm: text(
      () => `${comm_of(k, t)}\n`,
      0o644,
      (name) => write_comm(k, t, name, self),
    ),
    cmdline: text(() => pid_cmdline(k, t)),
    stat: text(() => pid_stat(k, t)),
    statm: text(() => pid_statm(k, t)),
    ksm_merging_pages: text(
      with_mm((_k, mm_) => `${k.mm.ksm_merging_pages[mm_]}\n`),
      0o400,
    ),
    ksm_stat: text(
      with_mm((_k, mm_) => `ksm_rmap_items ${k.mm.ksm_rmap_items[mm_]}\n`),
      0o400,
    ),
    maps: text(with_mm(pid_maps)),
    numa_maps: text(with_mm(numa_maps)),
    cwd: link('/', owner_of(k, t)),
    root: link('/', owner_of(k, t)),
    exe: link(exe_path(k, t) ?? '', owner_of(k, t)),
    mounts: text(() => mounts_text(k)),
    mountinfo: text(() => mountinfo_text(k)),
    clear_refs: {
      ...text(
        () => -EINVAL,
        0o200,
        (value) => clear_refs_write(k, mm, value),
      ),
    },
    smaps: text(with_mm(pid_smaps)),
    smaps_rollup: text(() => (mm === 0 ? -ESRCH : pid_smaps_rollup(k, mm))),
    pagemap: bytes((at, length) => pagemap_read(k, mm, at, length)),
    wchan: text(() => pid_wchan(k, t)),
    schedstat: text(() => pid_schedstat(k, t)),
    cpuset: text(() => '/\n'),
    cgroup: text(() => `0::${cgroup_path(k, k.task.cgroup[t]!)}\n`),
    oom_score: text(() => `${oom_score(k, t)}\n`),
    oom_adj: text(
      () => `${oom_adj(k, t)}\n`,
      0o644,
      (value) => write_oom_adj(k, t, value),
    ),
    oom_score_adj: text(
      () => `${k.task.oom_score_adj[t]}\n`,
      0o644,
      (value) => write_oom_score_adj(k, t, value),
    ),
    loginuid: text(() => '4294967295', 0o644),
    sessionid: text(() => '4294967295'),
    io: text(() => pid_io(k, t), 0o400),
    uid_map: text(() => ID_MAP, 0o644),
    gid_map: text(() => ID_MAP, 0o644),
    projid_map: text(() => ID_MAP, 0o644),
    setgroups: text(() => 'allow\n', 0o644),
  }
}
/** Of the one time namespace. */
const TIMENS_OFFSETS = 'monotonic           0         0\nboottime            0         0\n'
const ID_MAP = '         0          0 4294967295\n'

function owner_of(k: Kernel, t: number): { uid: number; gid: number } {
  return { uid: k.task.uid[t]!, gid: k.task.gid[t]! }
}
/** A file that belongs to the process; one that cannot be written refuses with EINVAL, for root may open it. */
function mine(
  k: Kernel,
  t: number,
  read: () => string | number,
  mode = 0o444,
  write?: (text: string) => number,
): FileNode {
  return file(read, { ...owner_of(k, t), mode, write, refusal: EINVAL })
}

// ---------------------------------------------------------------- texts

/** Arguments, each with a NUL; empty for kernel threads and zombies. */
function pid_cmdline(k: Kernel, t: number): string {
  if ((k.task.flags[t]! & PF_KTHREAD) !== 0 || k.task.state[t] === TASK_ZOMBIE) return ''
  const text = k.strings.list[k.task.cmdline[t]!]!
  return text === '' ? '' : `${text.replaceAll(' ', '\0')}\0`
}

function children_of(k: Kernel, t: number): string {
  let text = ''
  // The table has the youngest first, the kernel's list the oldest.
  for (let c = k.task.child[t]!; c !== 0; c = k.task.sibling_next[c]!) text = `${k.task.pid[c]} ${text}`
  return text
}

/** The program's file; kernel threads have none. */
function exe_path(k: Kernel, t: number): string | null {
  const mm = k.task.mm[t]!
  const exe = mm === 0 ? 0 : k.mm.exe_file[mm]!
  return exe === 0 ? null : inode_path(k, k.file.inode[exe]!)
}

// ---------------------------------------------------------------- folders

/** Descriptor and row of `file`, by descriptor. */
function fds(k: Kernel, t: number): [number, number][] {
  const list: [number, number][] = []
  for (let fd = k.task.fd_head[t]!; fd !== 0; fd = k.fd.next[fd]!) list.push([k.fd.fd[fd]!, k.fd.file[fd]!])
  return list.sort((a, b) => a[0] - b[0])
}
function fd_folder(k: Kernel, t: number): DirNode {
  const entries = fds(k, t).map(([fd, row]): [string, Node] => [
    String(fd),
    link(inode_path(k, k.file.inode[row]!), { ...owner_of(k, t), mode: fd_mode(k, row) }),
  ])
  return folder(Object.fromEntries(entries), { ...owner_of(k, t), mode: 0o500 })
}
/** tid_fd_update_inode: as the file was opened. */
function fd_mode(k: Kernel, file: number): number {
  return (file_may_read(k, file) ? 0o500 : 0) | (file_may_write(k, file) ? 0o300 : 0)
}
function fdinfo_folder(k: Kernel, t: number): DirNode {
  const info = (row: number): string =>
    `pos:\t${k.file.pos[row]}\nflags:\t0100002\nmnt_id:\t1\nino:\t${k.inode.ino[k.file.inode[row]!]}\n`
  const entries = fds(k, t).map(([fd, row]): [string, Node] => [String(fd), mine(k, t, () => info(row))])
  return folder(Object.fromEntries(entries), owner_of(k, t))
}
/** What security modules say: AppArmor, which confines nobody. It has no answer but for `current`. */
function attr_folder(k: Kernel, t: number): DirNode {
  const current = mine(
    k,
    t,
    () => 'unconfined\n',
    0o666,
    () => -EPERM,
  )
  const none = (mode: number): FileNode => mine(k, t, () => -EINVAL, mode)
  const apparmor = folder({ current, exec: none(0o666), prev: none(0o444) }, owner_of(k, t))
  const others = ['exec', 'fscreate', 'keycreate', 'sockcreate'].map((name): [string, Node] => [name, none(0o666)])
  return folder({ current, prev: none(0o444), ...Object.fromEntries(others), apparmor }, owner_of(k, t))
}
/** One of each kind for the whole machine. */
const NAMESPACES: Readonly<Record<string, string>> = {
  net: 'net:[4026531840]',
  uts: 'uts:[4026531838]',
  ipc: 'ipc:[4026531839]',
  pid: 'pid:[4026531836]',
  pid_for_children: 'pid:[4026531836]',
  user: 'user:[4026531837]',
  mnt: 'mnt:[4026531841]',
  cgroup: 'cgroup:[4026531835]',
  time: 'time:[4026531834]',
  time_for_children: 'time:[4026531834]',
}
function ns_folder(k: Kernel, t: number): DirNode {
  const entries = Object.entries(NAMESPACES).map(([name, to]): [string, Node] => [name, link(to, owner_of(k, t))])
  return folder(Object.fromEntries(entries), { ...owner_of(k, t), mode: 0o511 })
}

// ---------------------------------------------------------------- writes

/** Only a thread of the same process may change the name; it is cut to 15 characters. */
function write_comm(k: Kernel, t: number, text: string, self: number): number {
  const writer = find_task_by_pid(k, self)
  if (writer === 0 || k.task.tgid[writer] !== k.task.tgid[t]) return -EINVAL
  k.task.comm[t] = string_id(k, text.slice(0, 15).replace(/\n$/, ''))
  return 0
}

/** oom_score_adj_write, __set_oom_adj: -1000 … 1000. */
function write_oom_score_adj(k: Kernel, t: number, text: string): number {
  const value = kstrtoint(text)
  if (value === null || value < -1000 || value > 1000) return -EINVAL
  return set_oom_adj(k, t, value)
}
function write_oom_adj(k: Kernel, t: number, text: string): number {
  const value = kstrtoint(text)
  if (value === null || ((value < -16 || value > 15) && value !== -17)) return -EINVAL
  return set_oom_adj(k, t, value === -17 ? -1000 : oom_adj_to_score(value))
}
/** Processes that share the address space (vfork, CLONE_VM) get the same value, but for kernel threads and init. */
function set_oom_adj(k: Kernel, t: number, value: number): number {
  k.task.oom_score_adj[t] = value
  const mm = k.task.mm[t]!
  if (mm === 0 || k.mm.mm_users[mm]! <= 1) return 0
  for (let p = first_task(k); p !== 0; p = next_task(k, p))
    if (k.task.mm[p] === mm && k.task.pid[p] !== 1) k.task.oom_score_adj[p] = value
  return 0
}

/** What a core dump would hold, bits 0 … 8 of mm.flags in Linux. The column keeps the difference to the default. */
const DUMP_FILTER_DEFAULT = 0x33
const DUMP_FILTER_MASK = 0x1ff
function coredump_filter(k: Kernel, t: number): string {
  const mm = k.task.mm[t]!
  return mm === 0 ? '' : `${hex(k.mm.dump_filter[mm]! ^ DUMP_FILTER_DEFAULT)}\n`
}
function write_coredump_filter(k: Kernel, t: number, text: string): number {
  const value = kstrtoint(text)
  if (value === null || value < 0) return -EINVAL
  const mm = k.task.mm[t]!
  if (mm === 0) return -ESRCH
  k.mm.dump_filter[mm] = (value & DUMP_FILTER_MASK) ^ DUMP_FILTER_DEFAULT
  return 0
}

/** How late a sleeper may be woken; 0 in the column is the default. Kept, without effect. */
const TIMERSLACK_NS = 50_000
function write_timerslack(k: Kernel, t: number, text: string): number {
  const value = kstrtoint(text)
  if (value === null || value < 0) return -EINVAL
  k.task.timerslack_ns[t] = value
  return 0
}
