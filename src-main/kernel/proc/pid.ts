/** Files of one process: stat, statm, status, limits, io and the rest (fs/proc/array.c, base.c). */
import {
  PF_EXITING,
  PF_KTHREAD,
  TASK_DEAD,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
  TASK_ZOMBIE,
  type Kernel,
} from '../kernel'
import { get_mm_counter, get_mm_rss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from '../mm/rss_stat'
import { oom_badness, oom_totalpages } from '../mm/oom_kill'
import { max_threads } from '../limits'
import { environment } from '../sched/environment'
import { ticks } from './text'

const RLIM_INFINITY_TEXT = '18446744073709551615'

/** One letter as ps shows it. */
export function task_state_char(k: Kernel, t: number): string {
  switch (k.task.state[t]) {
    case TASK_RUNNING:
      return 'R'
    case TASK_INTERRUPTIBLE:
      return 'S'
    case TASK_UNINTERRUPTIBLE:
      return 'D'
    case TASK_STOPPED:
      return 'T'
    case TASK_ZOMBIE:
      return 'Z'
    case TASK_IDLE:
      return 'I'
    default:
      return k.task.state[t] === TASK_DEAD ? 'X' : 'R'
  }
}
const STATE_NAMES: Readonly<Record<string, string>> = {
  R: 'R (running)',
  S: 'S (sleeping)',
  D: 'D (disk sleep)',
  T: 'T (stopped)',
  Z: 'Z (zombie)',
  I: 'I (idle)',
  X: 'X (dead)',
}

export function comm_of(k: Kernel, t: number): string {
  return k.strings.list[k.task.comm[t]!]!
}
export function parent_pid(k: Kernel, t: number): number {
  const parent = k.task.parent[t]!
  return parent === 0 ? 0 : k.task.tgid[parent]!
}
/** Threads of the process that a task leads. */
export function nr_threads(k: Kernel, t: number): number {
  return Math.max(1, k.task.nr_threads[t]!)
}
export function task_rss(k: Kernel, mm: number): number {
  return get_mm_rss(k, mm)
}

/** 52 numbers and a name (proc_pid_stat). */
export function pid_stat(k: Kernel, t: number): string {
  const task = k.task
  const mm = task.mm[t]!
  const m = (column: Float64Array): number => (mm === 0 ? 0 : column[mm]!)
  const kthread = (task.flags[t]! & PF_KTHREAD) !== 0
  const nice = task.nice[t]!
  const state = task_state_char(k, t)
  const zombie = state === 'Z' || state === 'X'
  const fields = [
    state,
    parent_pid(k, t),
    kthread ? 0 : session_of(k, t),
    kthread ? 0 : session_of(k, t),
    0, // tty
    -1,
    stat_flags(k, t),
    task.min_flt[t],
    task.cmin_flt[t],
    task.maj_flt[t],
    task.cmaj_flt[t],
    ticks(task.utime[t]!),
    ticks(task.stime[t]!),
    ticks(task.cutime[t]!),
    ticks(task.cstime[t]!),
    20 + nice,
    nice,
    nr_threads(k, t),
    0,
    ticks(task.start_ns[t]!),
    mm === 0 ? 0 : k.mm.total_vm[mm]! * 4096,
    mm === 0 ? 0 : task_rss(k, mm),
    RLIM_INFINITY_TEXT,
    m(k.mm.start_code),
    m(k.mm.end_code),
    m(k.mm.start_stack),
    0,
    0,
    task.sig_pending[t * 2]! & 0x7fffffff,
    0,
    kthread ? 2147483647 : 0,
    task.sig_handled[t * 2]! & 0x7fffffff,
    state === 'R' || zombie ? 0 : 1,
    0,
    0,
    kthread ? 0 : task.exit_signal[t],
    task.cpu[t],
    0,
    0,
    ticks(task.delay_ns[t]!),
    0,
    0,
    m(k.mm.start_data),
    m(k.mm.end_data),
    m(k.mm.start_brk),
    m(k.mm.arg_start),
    mm === 0 ? 0 : k.mm.env_start[mm]!,
    m(k.mm.env_start),
    m(k.mm.env_end),
    task.exit_code[t],
  ]
  return `${task.pid[t]} (${comm_of(k, t)}) ${fields.join(' ')}\n`
}

/** Kernel threads: PF_KTHREAD, PF_NOFREEZE, PF_FORKNOEXEC; others PF_RANDOMIZE with address layout randomisation. */
function stat_flags(k: Kernel, t: number): number {
  const flags = k.task.flags[t]!
  const exiting = flags & PF_EXITING
  if ((flags & PF_KTHREAD) !== 0) return 0x208040 | (flags & 0x20800) | exiting
  return (k.config.bare ? 0 : 0x400000) | exiting
}

/** A daemon leads its own session. */
function session_of(k: Kernel, t: number): number {
  if (k.config.bare) return 0
  const init = k.task.parent[t] === 0 || k.task.pid[k.task.parent[t]!] === 1
  return init ? k.task.tgid[t]! : session_of(k, k.task.parent[t]!)
}

export function pid_statm(k: Kernel, t: number): string {
  const mm = k.task.mm[t]!
  if (mm === 0) return '0 0 0 0 0 0 0\n'
  const data = k.mm.data_vm[mm]! + k.mm.stack_vm[mm]!
  const shared = get_mm_counter(k, mm, MM_FILEPAGES) + get_mm_counter(k, mm, MM_SHMEMPAGES)
  return `${k.mm.total_vm[mm]} ${task_rss(k, mm)} ${shared} ${text_pages(k, mm)} 0 ${data} 0\n`
}

function text_pages(k: Kernel, mm: number): number {
  return (Math.ceil(k.mm.end_code[mm]! / 4096) * 4096 - Math.floor(k.mm.start_code[mm]! / 4096) * 4096) / 4096
}

export function pid_status(k: Kernel, t: number): string {
  const task = k.task
  const kthread = (task.flags[t]! & PF_KTHREAD) !== 0
  const mask = (words: Int32Array): string => hex64(words[t * 2 + 1]!, words[t * 2]!)
  const four = (id: number): string => `${id}\t${id}\t${id}\t${id}`
  const session = kthread ? 0 : session_of(k, t)
  const root = task.uid[t] === 0
  return (
    `Name:\t${comm_of(k, t)}\nUmask:\t0022\nState:\t${STATE_NAMES[task_state_char(k, t)]}\nTgid:\t${task.tgid[t]}\nNgid:\t0\n` +
    `Pid:\t${task.pid[t]}\nPPid:\t${parent_pid(k, t)}\nTracerPid:\t0\nUid:\t${four(task.uid[t]!)}\nGid:\t${four(task.gid[t]!)}\n` +
    `FDSize:\t${nr_fds(k, t) > 64 ? 256 : 64}\nGroups:\t ${root ? '' : `${task.gid[t]} `}\n` +
    `NStgid:\t${task.tgid[t]}\nNSpid:\t${task.pid[t]}\nNSpgid:\t${session}\nNSsid:\t${session}\n` +
    memory_rows(k, task.mm[t]!) +
    `Threads:\t${nr_threads(k, t)}\nSigQ:\t0/${Math.floor(max_threads(k) / 2)}\n` +
    `SigPnd:\t${mask(task.sig_pending)}\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\n` +
    `SigIgn:\t${kthread ? 'ffffffffffffffff' : '0000000000000000'}\nSigCgt:\t${mask(task.sig_handled)}\n` +
    `CapInh:\t0000000000000000\nCapPrm:\t${root ? '000001ffffffffff' : '0000000000000000'}\n` +
    `CapEff:\t${root ? '000001ffffffffff' : '0000000000000000'}\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n` +
    `NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tnot vulnerable\n` +
    `SpeculationIndirectBranch:\talways enabled\nCpus_allowed:\t${cpu_mask(k.config.cpus)}\n` +
    `Cpus_allowed_list:\t${k.config.cpus === 1 ? '0' : `0-${k.config.cpus - 1}`}\n` +
    `Mems_allowed:\t${MEMS_ALLOWED}\nMems_allowed_list:\t0\n` +
    `voluntary_ctxt_switches:\t${task.nvcsw[t]}\nnonvoluntary_ctxt_switches:\t${task.nivcsw[t]}\n`
  )
}
const MEMS_ALLOWED = `${'00000000,'.repeat(31)}00000001`

function memory_rows(k: Kernel, mm: number): string {
  if (mm === 0) return ''
  const m = k.mm
  const row = (label: string, kb: number): string => `${label}:\t${String(kb).padStart(8)} kB\n`
  const rss = task_rss(k, mm)
  const text = text_pages(k, mm)
  return (
    row('VmPeak', Math.max(m.hiwater_vm[mm]!, m.total_vm[mm]!) * 4) +
    row('VmSize', m.total_vm[mm]! * 4) +
    row('VmLck', m.locked_vm[mm]! * 4) +
    row('VmPin', 0) +
    row('VmHWM', Math.max(m.hiwater_rss[mm]!, rss) * 4) +
    row('VmRSS', rss * 4) +
    row('RssAnon', get_mm_counter(k, mm, MM_ANONPAGES) * 4) +
    row('RssFile', get_mm_counter(k, mm, MM_FILEPAGES) * 4) +
    row('RssShmem', get_mm_counter(k, mm, MM_SHMEMPAGES) * 4) +
    row('VmData', m.data_vm[mm]! * 4) +
    row('VmStk', m.stack_vm[mm]! * 4) +
    row('VmExe', text * 4) +
    row('VmLib', (m.exec_vm[mm]! - text) * 4) +
    row('VmPTE', m.pgtables_bytes[mm]! / 1024) +
    row('VmSwap', get_mm_counter(k, mm, MM_SWAPENTS) * 4) +
    row('HugetlbPages', m.hugetlb_pages[mm]! * 4) +
    `CoreDumping:\t0\nTHP_enabled:\t1\n`
  )
}

function nr_fds(k: Kernel, t: number): number {
  let nr = 0
  for (let fd = k.task.fd_head[t]!; fd !== 0; fd = k.fd.next[fd]!) nr++
  return nr
}
function hex64(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}
/** Hex digits of a mask of n ones, in groups of 32 bits. */
export function cpu_mask(cpus: number): string {
  if (cpus >= 32) return cpus === 32 ? 'ffffffff' : `${cpu_mask(cpus - 32)},ffffffff`
  return (2 ** cpus - 1).toString(16)
}

export function pid_limits(k: Kernel, t: number): string {
  const threads = Math.floor(max_threads(k) / 2)
  const row = (name: string, soft: number | string, hard: number | string, unit: string): string =>
    `${name.padEnd(25)} ${String(soft).padEnd(20)} ${String(hard).padEnd(20)} ${unit === '' ? '' : unit.padEnd(10)}\n`
  const lim = (v: number): number | string => (v === Infinity ? 'unlimited' : v)
  const all = 'unlimited'
  return (
    row('Limit', 'Soft Limit', 'Hard Limit', 'Units') +
    row('Max cpu time', all, all, 'seconds') +
    row('Max file size', all, all, 'bytes') +
    row('Max data size', lim(k.task.rlim_data[t]!), all, 'bytes') +
    row('Max stack size', lim(k.task.rlim_stack[t]!), all, 'bytes') +
    row('Max core file size', 0, all, 'bytes') +
    row('Max resident set', all, all, 'bytes') +
    row('Max processes', threads, threads, 'processes') +
    row('Max open files', 1024, 4096, 'files') +
    row('Max locked memory', lim(k.task.rlim_memlock[t]!), lim(k.task.rlim_memlock[t]!), 'bytes') +
    row('Max address space', lim(k.task.rlim_as[t]!), all, 'bytes') +
    row('Max file locks', all, all, 'locks') +
    row('Max pending signals', threads, threads, 'signals') +
    row('Max msgqueue size', 819200, 819200, 'bytes') +
    row('Max nice priority', 0, 0, '') +
    row('Max realtime priority', 0, 0, '') +
    row('Max realtime timeout', all, all, 'us')
  )
}

export function pid_io(k: Kernel, t: number): string {
  const { rchar, wchar, syscr, syscw, read_bytes, write_bytes } = k.task
  return (
    `rchar: ${rchar[t]}\nwchar: ${wchar[t]}\nsyscr: ${syscr[t]}\nsyscw: ${syscw[t]}\n` +
    `read_bytes: ${read_bytes[t]}\nwrite_bytes: ${write_bytes[t]}\ncancelled_write_bytes: 0\n`
  )
}

/** Time on the CPU, time waiting for it, slices. */
export function pid_schedstat(k: Kernel, t: number): string {
  const { utime, stime, nvcsw, nivcsw } = k.task
  return `${utime[t]! + stime[t]!} ${k.task.run_delay[t]} ${nvcsw[t]! + nivcsw[t]!}\n`
}

/** What lies between env_start and env_end; nothing for kernel threads. */
export function pid_environ(k: Kernel, t: number): string {
  const mm = k.task.mm[t]!
  const length = mm === 0 ? 0 : k.mm.env_end[mm]! - k.mm.env_start[mm]!
  return environment(k, t).slice(0, length).padEnd(length, '\0')
}

/** proc_oom_score: 0 … 1333 + , the badness on a scale of total pages. */
export function oom_score(k: Kernel, t: number): number {
  const totalpages = oom_totalpages(k)
  const badness = oom_badness(k, t, totalpages)
  if (badness === -Infinity) return 0
  return Math.max(0, Math.trunc(((1000 + Math.trunc((badness * 1000) / totalpages)) * 2) / 3))
}

/** The old scale of -17 … 15 (oom_adj). */
export function oom_adj(k: Kernel, t: number): number {
  const adj = k.task.oom_score_adj[t]!
  return adj === 1000 ? 15 : Math.trunc((adj * 17) / 1000)
}
export function oom_adj_to_score(adj: number): number {
  return adj === 15 ? 1000 : Math.trunc((adj * 1000) / 17)
}
