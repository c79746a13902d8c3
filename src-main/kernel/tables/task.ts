/** Columns of the tables. Tasks, and their last faults. */
import type { TableSpec } from '../lib/arena'

export const TASK = {
  pid: 'i32',
  tgid: 'i32',
  /** Threads of the group (in its leader's row); 0 means 1. */
  nr_threads: 'i32',
  parent: 'i32',
  child: 'i32',
  sibling_next: 'i32',
  sibling_prev: 'i32',
  /** All tasks in the order of creation, from var.task_head. */
  list_next: 'i32',
  list_prev: 'i32',
  state: 'u8',
  flags: 'i32',
  comm: 'i32',
  cmdline: 'i32',
  uid: 'i32',
  gid: 'i32',
  nice: 'i8',
  mm: 'i32',
  cgroup: 'i32',
  exit_code: 'i32',
  /** Status of the child that wait4 returned last. */
  exit_status: 'i32',
  exit_signal: 'i32',
  /** The address space that it tears down on its way out. */
  exit_mm: 'i32',
  oom_score_adj: 'i16',
  start_ns: 'f64',
  // scheduler: run queue links, virtual time, last CPU, when it may run again
  rq_next: 'i32',
  rq_prev: 'i32',
  on_rq: 'u8',
  vruntime: 'f64',
  cpu: 'i16',
  wake_ns: 'f64',
  /** When it went to sleep. */
  sleep_ns: 'f64',
  timer: 'i32',
  /** What it waits for: a WAIT_… kind of sched/wait.ts and its argument; wchan is the Linux function, a string id. */
  wait_kind: 'u8',
  wait_arg: 'i32',
  wchan: 'i32',
  /** PSI: 1 memstall, 2 iowait, 4 running, 8 memstall running. */
  psi_flags: 'u8',
  utime: 'f64',
  stime: 'f64',
  nvcsw: 'f64',
  nivcsw: 'f64',
  min_flt: 'f64',
  maj_flt: 'f64',
  /** Of children that were waited for. */
  cmin_flt: 'f64',
  cmaj_flt: 'f64',
  cutime: 'f64',
  cstime: 'f64',
  /** Time on the run queue without running. */
  run_delay: 'f64',
  delay_ns: 'f64',
  read_bytes: 'f64',
  write_bytes: 'f64',
  rchar: 'f64',
  wchar: 'f64',
  syscr: 'f64',
  syscw: 'f64',
  tlb_hit: 'f64',
  tlb_miss: 'f64',
  walk_cycles: 'f64',
  /** Pending signals: bit n-1; handled: bit set means the program has a handler. */
  sig_pending: ['i32', 2],
  sig_handled: ['i32', 2],
  si_signo: 'i32',
  si_code: 'i32',
  si_addr: 'f64',
  /** Page + 1 of a fault that waits for I/O and will be tried again (FAULT_FLAG_TRIED); negative when its handler waits. */
  fault_retry: 'f64',
  /** Its plug (block/blk_mq.ts): how deep it is nested, requests held back, and their bios, oldest first. */
  plug_depth: 'u8',
  plug_nr: 'u8',
  plug_head: 'i32',
  plug_tail: 'i32',
  rlim_stack: 'f64',
  rlim_data: 'f64',
  rlim_as: 'f64',
  rlim_memlock: 'f64',
  fd_head: 'i32',
  program: 'i32',
  /** Slab objects that its existence holds (handles of mm/slub). */
  obj: ['i32', 12],
  /** First frame of its 16 KiB kernel stack. */
  stack_pfn: 'i32',
  reclaim_ns: 'f64',
  /** current->reclaim / page-fault scratch: nr_dirtied for throttling. */
  nr_dirtied: 'i32',
  /** Pages charged above memory.high since the last return to user mode. */
  memcg_over_high: 'i32',
  /** Dirtied pages after which balance_dirty_pages looks again. */
  nr_dirtied_pause: 'i32',
  dirty_pause_ns: 'f64',
  /** Pages that its faults mapped and that its address space does not count yet, and faults since then. */
  rss_stat: ['i32', 4],
  rss_events: 'i32',
  /** PR_SET_TIMERSLACK; 0: the default. */
  timerslack_ns: 'f64',
  /** In a fault whose pages the multi-gen LRU takes for hot. */
  in_lru_fault: 'u8',
  /** It slept for a request: when it goes on its caches are cold. */
  cold: 'u8',
  /** reclaim_state->reclaimed_slab: pages of slabs given back since its reclaim began. */
  reclaimed_slab: 'i32',
  /** reclaim_state->mm_walk: bit 0 there is one, bit 1 it may look at anonymous pages. */
  mm_walk: 'u8',
} as const satisfies TableSpec

/** Faults kept a task. */
export const FAULTS_KEPT = 16
/** The last faults of a task (row = task): mm/fault_log.ts. */
export const FAULT_LOG = {
  /** Faults so far; the last FAULTS_KEPT of them are in the ring. */
  nr: 'f64',
  /** When the fault under way began; 0: none is. */
  begin: 'f64',
  at: ['f64', FAULTS_KEPT],
  ns: ['f64', FAULTS_KEPT],
  addr: ['f64', FAULTS_KEPT],
  pfn: ['i32', FAULTS_KEPT],
  kind: ['u8', FAULTS_KEPT],
  major: ['u8', FAULTS_KEPT],
} as const satisfies TableSpec
