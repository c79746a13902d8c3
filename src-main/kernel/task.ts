/**
 * The running task as the memory code sees it: charging time, sleeping, waking, signals, the log. Everything below
 * `sched/` may import this file; it imports only `lib/` and what stands beside it.
 *
 * A system call runs to completion: what would sleep inside it changes the state at once and leaves the task in D or S
 * until a deadline (`io_wait`, `schedule_timeout`); whoever drives the call stops when `task_blocked(k)` and the
 * scheduler runs others until then.
 */
import type { TraceEvent } from '@shared/protocol'
import { assert } from '@shared/assert'
import {
  PF_EXITING,
  PF_NO_SETAFFINITY,
  PF_OOM_VICTIM,
  string_id,
  TASK_DEAD,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
  TASK_ZOMBIE,
  type Kernel,
} from './kernel'
import { COST } from './costs'
import { SIGCHLD, SIGCONT, SIGKILL } from './uapi'
import { timer_add, timer_del } from './lib/timer'
import {
  TSK_MEMSTALL,
  TSK_IOWAIT,
  TSK_RUNNING,
  TSK_MEMSTALL_RUNNING,
  TSK_LEAVE_ON_WAKE,
  psi_task_change,
} from './psi_task'

export * from './pid'
export * from './psi_task'
export { SIGBUS, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, SIGTSTP } from './uapi'

// ---- timer kinds: what sched/timer.ts does when one is due; the argument in brackets
/** The task sleeps no longer (task row). */
export const TIMER_WAKE = 1
/** A request is done (bio row). */
export const TIMER_BIO = 2
/** Periodic writeback (device row or 0). */
export const TIMER_WRITEBACK = 3
/** PSI averages. */
export const TIMER_PSI = 4
/** Load averages. */
export const TIMER_LOAD = 5
/** khugepaged, kcompactd or another kernel thread looks at the world (task row). */
export const TIMER_KTHREAD = 6
/** The next event of the scenario (index). */
export const TIMER_EVENT = 7
/** Rates that are watched: major faults per second. */
export const TIMER_WATCH = 8
/** The OOM reaper starts on a victim after its delay (task row). */
export const TIMER_REAPER = 9

// ---- what a task waits for (`task.wait_kind`)
export const WAIT_NONE = 0
/** A page or a request: D, ends early for SIGKILL. */
export const WAIT_IO = 1
/** A delay in D: throttling, congestion. */
export const WAIT_TIMEOUT = 2
/** nanosleep and the like: S, ends with any signal. */
export const WAIT_SLEEP = 3
/** wait4. */
export const WAIT_CHILD = 4
/** A request of another program (task row or channel number): pipes, sockets, poll. */
export const WAIT_EVENT = 5
/** A kernel thread without work. */
export const WAIT_KTHREAD = 6
/** Stopped by SIGSTOP. */
export const WAIT_STOPPED = 7
/** kswapd's reserves (throttle_direct_reclaim): D, ends early for SIGKILL. */
export const WAIT_PFMEMALLOC = 8
/** A delay in D that ends early for SIGKILL: writers, those above memory.high. */
export const WAIT_KILLABLE = 9

/** Task rows of the kernel threads that the memory code wakes; 0 before boot is done. */
export interface Threads {
  kthreadd: number
  kswapd: number
  kcompactd: number
  kblockd: number
  khugepaged: number
  ksmd: number
  zswap_shrink: number
  flusher: number
  oom_reaper: number
  rcu_preempt: number
  init: number
}
export function threads(k: Kernel): Threads {
  return (k.var.mod['threads'] ??= {
    kthreadd: 0,
    kswapd: 0,
    kcompactd: 0,
    kblockd: 0,
    khugepaged: 0,
    ksmd: 0,
    zswap_shrink: 0,
    flusher: 0,
    oom_reaper: 0,
    rcu_preempt: 0,
    init: 0,
  }) as Threads
}

// ---------------------------------------------------------------- time

/** The running task spends `ns` in the kernel (a softirq when there is none). */
export function charge(k: Kernel, cost: number): void {
  const v = k.var
  const ns = cost * (k.config.slowdown ?? 1)
  v.now += ns
  if (v.current !== 0) {
    k.task.stime[v.current]! += ns
    k.cpu.system[v.cpu + 1]! += ns
  } else k.cpu.softirq[v.cpu + 1]! += ns
}
/** The running task spends `ns` in user mode. */
export function charge_user(k: Kernel, cost: number): void {
  const v = k.var
  const ns = cost * (k.config.slowdown ?? 1)
  v.now += ns
  k.task.utime[v.current]! += ns
  if (k.task.nice[v.current]! > 0) k.cpu.nice[v.cpu + 1]! += ns
  else k.cpu.user[v.cpu + 1]! += ns
}

/** True when the running task should go back to the scheduler: its slice is over or somebody else is to run. */
export function need_resched(k: Kernel): boolean {
  return k.var.now >= k.var.slice_end || k.cpu.need_resched[k.var.cpu + 1] !== 0
}

/** True when the running task went to sleep inside the call, or is on its way out: go back to the scheduler. */
export function task_blocked(k: Kernel): boolean {
  const t = k.var.current
  return k.task.state[t] !== TASK_RUNNING || (k.task.flags[t]! & PF_EXITING) !== 0
}

/** An interrupt takes `ns` while a task runs or the CPU idles: nobody's time but the machine's. */
export function charge_irq(k: Kernel, cost: number): void {
  const ns = cost * (k.config.slowdown ?? 1)
  k.var.now += ns
  k.cpu.softirq[k.var.cpu + 1]! += ns
}

/** The time inside the running call: later than the CPU's when the call has slept already, for a time that is known. */
export function call_time(k: Kernel): number {
  const t = k.var.current
  if (t === 0 || k.task.state[t] === TASK_RUNNING || k.task.wake_ns[t] === Infinity) return k.var.now
  return Math.max(k.var.now, k.task.wake_ns[t]!)
}

// ---------------------------------------------------------------- sleeping

/** The running task waits in D for a request that is done at `until_ns`; counts as iowait. */
export function io_wait(k: Kernel, until_ns: number, wchan = 'folio_wait_bit_common', psi_flags = TSK_IOWAIT): void {
  charge(k, COST.io_schedule)
  sleep(k, until_ns, TASK_UNINTERRUPTIBLE, WAIT_IO, wchan, psi_flags)
}

/** The running task sleeps in D for `ns`; `psi_flags` (TSK_IOWAIT, TSK_MEMSTALL) hold meanwhile. */
export function schedule_timeout(k: Kernel, ns: number, wchan: string, psi_flags = 0): void {
  sleep(k, k.var.now + ns, TASK_UNINTERRUPTIBLE, WAIT_TIMEOUT, wchan, psi_flags)
}

/** The same, but SIGKILL ends it. */
export function schedule_timeout_killable(k: Kernel, ns: number, wchan: string, psi_flags = 0): void {
  sleep(k, k.var.now + ns, TASK_UNINTERRUPTIBLE, WAIT_KILLABLE, wchan, psi_flags)
}

/** The running task waits in D until somebody wakes it, or kills it. */
export function wait_killable(k: Kernel, wait_kind: number, wchan: string): void {
  sleep(k, Infinity, TASK_UNINTERRUPTIBLE, wait_kind, wchan, 0)
}

/** The running task sleeps in S until `until_ns` (Infinity: until woken). */
export function sleep_interruptible(
  k: Kernel,
  until_ns: number,
  wait_kind: number,
  wait_arg: number,
  wchan: string,
): void {
  k.task.wait_arg[k.var.current] = wait_arg
  sleep(k, until_ns, TASK_INTERRUPTIBLE, wait_kind, wchan, 0)
}

/** A kernel thread without work: TASK_IDLE threads do not count in the load. */
export function kthread_sleep(k: Kernel, t: number, until_ns = Infinity, state = TASK_INTERRUPTIBLE): void {
  assert(t === k.var.current, 'kthread_sleep: not the running task')
  sleep(k, until_ns, state, WAIT_KTHREAD, 'kthread', 0)
}

/** Puts the running task to sleep until a deadline; a second sleep in the same call goes on to the later deadline. */
function sleep(k: Kernel, until: number, state: number, kind: number, wchan: string, psi_flags: number): void {
  const t = k.var.current
  const task = k.task
  assert(t !== 0, 'sleep: no task runs')
  if (task.state[t] === TASK_ZOMBIE || task.state[t] === TASK_DEAD) return
  if (until <= k.var.now) until = k.var.now + 1
  if (task.state[t] !== TASK_RUNNING && task.timer[t] !== 0) {
    if (until <= task.wake_ns[t]!) return
    timer_del(k, task.timer[t]!)
  } else task.sleep_ns[t] = k.var.now
  task.state[t] = state
  task.wait_kind[t] = kind
  task.wchan[t] = string_id(k, wchan)
  task.wake_ns[t] = until
  task.timer[t] = until === Infinity ? 0 : timer_add(k, until, TIMER_WAKE, t)
  if (psi_flags !== 0) {
    psi_task_change(k, t, 0, psi_flags)
    if ((psi_flags & TSK_MEMSTALL) !== 0) task.psi_flags[t]! |= TSK_LEAVE_ON_WAKE
  }
}

// ---------------------------------------------------------------- waking

/** Makes a sleeping task runnable (try_to_wake_up). False when it was not asleep. */
export function wake_up_task(k: Kernel, t: number): boolean {
  const task = k.task
  const state = task.state[t]!
  if (t === 0 || (state !== TASK_INTERRUPTIBLE && state !== TASK_UNINTERRUPTIBLE && state !== TASK_IDLE)) return false
  if (task.timer[t] !== 0) {
    timer_del(k, task.timer[t]!)
    task.timer[t] = 0
  }
  if (state === TASK_UNINTERRUPTIBLE) {
    const slept = k.var.now - task.sleep_ns[t]!
    if (slept > 0) task.delay_ns[t]! += slept
  }
  task.state[t] = TASK_RUNNING
  if (task.wait_kind[t] === WAIT_IO) task.cold[t] = 1
  task.wait_kind[t] = WAIT_NONE
  task.wait_arg[t] = 0
  task.wchan[t] = 0
  task.wake_ns[t] = k.var.now
  const leave = (task.psi_flags[t]! & TSK_LEAVE_ON_WAKE) !== 0 ? TSK_MEMSTALL | TSK_MEMSTALL_RUNNING : 0
  task.psi_flags[t]! &= ~TSK_LEAVE_ON_WAKE
  psi_task_change(k, t, TSK_IOWAIT | leave, 0)
  if (task.on_rq[t] === 0) set_task_cpu(k, t, select_task_rq(k, t))
  activate_task(k, t, true)
  return true
}

/** Makes a new task runnable on the CPU with the least to do; it starts one slice behind (place_entity, initial). */
export function wake_up_new_task(k: Kernel, t: number): void {
  let best = k.var.cpu
  for (let cpu = 0; cpu < k.config.cpus; cpu++) if (k.cpu.nr_running[cpu + 1]! < k.cpu.nr_running[best + 1]!) best = cpu
  k.task.cpu[t] = best
  k.task.state[t] = TASK_RUNNING
  k.task.wake_ns[t] = k.var.now
  k.task.vruntime[t] = k.cpu.min_vruntime[best + 1]! + SCHED_MIN_GRANULARITY_NS
  activate_task(k, t, false)
}

/** The CPU for a woken task: its last one when that is idle, else the first idle one, else its last. */
function select_task_rq(k: Kernel, t: number): number {
  const last = k.task.cpu[t]!
  if (k.cpu.nr_running[last + 1] === 0 || (k.task.flags[t]! & PF_NO_SETAFFINITY) !== 0) return last
  for (let cpu = 0; cpu < k.config.cpus; cpu++) if (k.cpu.nr_running[cpu + 1] === 0) return cpu
  return last
}

/** Changes the CPU of a task that is on no queue; its lead or lag and its pressure state go with it. */
export function set_task_cpu(k: Kernel, t: number, cpu: number): void {
  const last = k.task.cpu[t]!
  if (last === cpu) return
  const flags = k.task.psi_flags[t]!
  psi_task_change(k, t, flags, 0)
  k.task.vruntime[t]! += k.cpu.min_vruntime[cpu + 1]! - k.cpu.min_vruntime[last + 1]!
  k.task.cpu[t] = cpu
  psi_task_change(k, t, 0, flags)
}

/** Puts a runnable task on its CPU's queue; a sleeper gets back to at most half a latency before the others. */
export function activate_task(k: Kernel, t: number, wakeup: boolean): void {
  const task = k.task
  if (task.on_rq[t] !== 0) return
  const rq = task.cpu[t]! + 1
  const cpu = k.cpu
  const floor = cpu.min_vruntime[rq]! - (wakeup ? SCHED_SLEEPER_NS : 0)
  if (task.vruntime[t]! < floor) task.vruntime[t] = floor
  task.on_rq[t] = 1
  const first = cpu.rq_head[rq]!
  task.rq_prev[t] = 0
  task.rq_next[t] = first
  if (first !== 0) task.rq_prev[first] = t
  cpu.rq_head[rq] = t
  cpu.nr_running[rq]!++
  const memstall = (task.psi_flags[t]! & TSK_MEMSTALL) !== 0 ? TSK_MEMSTALL_RUNNING : 0
  psi_task_change(k, t, 0, TSK_RUNNING | memstall)
  // check_preempt_wakeup: only a clear lead takes the CPU away from the running task.
  const curr = cpu.current[rq]!
  // Another CPU has something to do from now on: the running one must not work far ahead of it.
  if (curr === 0 && rq !== k.var.cpu + 1) k.var.slice_end = Math.min(k.var.slice_end, k.var.now + SCHED_REMOTE_NS)
  if (curr === 0 || task.vruntime[curr]! - task.vruntime[t]! > wakeup_gran(k, t)) cpu.need_resched[rq] = 1
}

/** The time since the last look is the running task's: its virtual time goes on, and with it that of the queue. */
export function update_curr(k: Kernel, row: number, t: number): void {
  const { vruntime, rq_next } = k.task
  const delta = k.var.now - k.cpu.exec_start[row]!
  k.cpu.exec_start[row] = k.var.now
  k.cpu.ran[row]! += delta
  const weight = weight_of(k, t)
  vruntime[t]! += weight === 1024 ? delta : Math.floor((delta * 1024) / weight)
  let least = vruntime[t]!
  for (let other = k.cpu.rq_head[row]!; other !== 0; other = rq_next[other]!)
    if (vruntime[other]! < least) least = vruntime[other]!
  if (least > k.cpu.min_vruntime[row]!) k.cpu.min_vruntime[row] = least
}

/** sched_slice: a share of the period by weight; the period is the latency, or a granularity each when there are many. */
export function sched_slice(k: Kernel, row: number, t: number): number {
  const period = Math.max(SCHED_LATENCY_NS, k.cpu.nr_running[row]! * SCHED_MIN_GRANULARITY_NS)
  let weights = 0
  for (let r = k.cpu.rq_head[row]!; r !== 0; r = k.task.rq_next[r]!) weights += weight_of(k, r)
  return Math.min(Math.floor((period * weight_of(k, t)) / weights), SCHED_LATENCY_NS)
}

/** The granularity in the virtual time of who was woken: the heavier, the sooner it may run. */
function wakeup_gran(k: Kernel, t: number): number {
  return (SCHED_WAKEUP_GRANULARITY_NS * 1024) / weight_of(k, t)
}
export function weight_of(k: Kernel, t: number): number {
  return SCHED_PRIO_TO_WEIGHT[k.task.nice[t]! + 20]!
}

export function deactivate_task(k: Kernel, t: number): void {
  const task = k.task
  if (task.on_rq[t] === 0) return
  const rq = task.cpu[t]! + 1
  const next = task.rq_next[t]!
  const prev = task.rq_prev[t]!
  if (prev !== 0) task.rq_next[prev] = next
  else k.cpu.rq_head[rq] = next
  if (next !== 0) task.rq_prev[next] = prev
  task.rq_next[t] = 0
  task.rq_prev[t] = 0
  task.on_rq[t] = 0
  k.cpu.nr_running[rq]!--
  psi_task_change(k, t, TSK_RUNNING | TSK_MEMSTALL_RUNNING, 0)
}

/** kernel/sched/core.c: nice -20 … 19. */
export const SCHED_PRIO_TO_WEIGHT = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991,
  1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
] as const

/** kernel/sched/fair.c with the defaults of one CPU: 6 ms latency, 0.75 ms granularity, 1 ms wake-up granularity. */
export const SCHED_LATENCY_NS = 6_000_000
export const SCHED_MIN_GRANULARITY_NS = 750_000
const SCHED_WAKEUP_GRANULARITY_NS = 1_000_000
const SCHED_REMOTE_NS = 100_000
const SCHED_SLEEPER_NS = SCHED_LATENCY_NS / 2

/** Wakes a kernel thread of `threads(k)` when it sleeps. */
export function wake_kthread(k: Kernel, which: keyof Threads): boolean {
  const t = threads(k)[which]
  return t !== 0 && wake_up_task(k, t)
}

// ---------------------------------------------------------------- signals

/** Ignored unless handled: SIGCHLD, SIGURG, SIGWINCH; SIGCONT only continues. */
const SIG_IGNORED_MASK = bit(SIGCHLD) | bit(SIGCONT) | bit(23) | bit(28)
function bit(sig: number): number {
  return 1 << (sig - 1)
}

/** Sets a signal pending and wakes its task where the signal may do so; delivery is sched/signal.ts's. */
export function send_signal(k: Kernel, t: number, sig: number): void {
  const task = k.task
  const state = task.state[t]!
  if (state === TASK_ZOMBIE || state === TASK_DEAD || t === 0) return
  if (sig === SIGCHLD && task.wait_kind[t] === WAIT_CHILD) wake_up_task(k, t)
  const word = t * 2 + ((sig - 1) >> 5)
  const mask = 1 << ((sig - 1) & 31)
  if (state === TASK_STOPPED && (sig === SIGCONT || sig === SIGKILL)) {
    task.state[t] = TASK_INTERRUPTIBLE
    wake_up_task(k, t)
  }
  if (sig <= 32 && (SIG_IGNORED_MASK & mask) !== 0 && (task.sig_handled[word]! & mask) === 0) return
  task.sig_pending[word]! |= mask
  if (task.state[t] === TASK_INTERRUPTIBLE) wake_up_task(k, t)
  else if (sig === SIGKILL && task.state[t] === TASK_UNINTERRUPTIBLE && is_killable(task.wait_kind[t]!))
    wake_up_task(k, t)
}

function is_killable(wait_kind: number): boolean {
  return wait_kind === WAIT_IO || wait_kind === WAIT_PFMEMALLOC || wait_kind === WAIT_KILLABLE
}

export function signal_pending(k: Kernel, t: number): boolean {
  return (k.task.sig_pending[t * 2]! | k.task.sig_pending[t * 2 + 1]!) !== 0
}
export function fatal_signal_pending(k: Kernel, t: number): boolean {
  return (k.task.sig_pending[t * 2]! & bit(SIGKILL)) !== 0
}
export function is_oom_victim(k: Kernel, t: number): boolean {
  return (k.task.flags[t]! & PF_OOM_VICTIM) !== 0
}

// ---------------------------------------------------------------- log and trace

/** One line of the kernel log. */
export function printk(k: Kernel, text: string): void {
  k.log.push([Math.round(k.var.now), text])
  if (k.log.length > 4096) k.log.splice(0, 1024)
}

/** Tells the engine that something happened; the time is added. */
export function trace(k: Kernel, event: Omit<TraceEvent, 'ms'>): void {
  k.trace.push({ ms: k.var.now / 1e6, ...event })
}
