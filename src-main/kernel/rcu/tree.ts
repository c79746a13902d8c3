/**
 * Read-copy-update: what readers may still look at is freed after a grace period, in which every CPU has passed a
 * quiescent state (a tick outside a reader's section, a change of task, or being idle).
 *
 *   call_rcu ─> new ─tick: rcu_core─> rcu_preempt begins a grace period ─all CPUs quiescent─> it ends it
 *                                                                          └─next tick─> callbacks, ten at a time
 *
 * Linux: kernel/rcu/tree.c and tree_plugin.h of a kernel with PREEMPT_RCU: rcu_sched_clock_irq, rcu_pending, rcu_core,
 * rcu_do_batch, rcu_gp_kthread, __note_gp_changes. Simplified: one node for all CPUs; readers never are preempted, so a
 * tick always is a quiescent state; no expedited grace periods, no offloading. Until boot is over callbacks run at once.
 */
import { assert } from '@shared/assert'
import { JIFFY_NS, TASK_IDLE, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge, kthread_sleep, threads, wake_kthread } from '../task'
import { rcu_invoke } from './callbacks'
import {
  cblist_accelerate,
  cblist_advance,
  cblist_all_done,
  cblist_dequeue,
  cblist_enqueue,
  cblist_free,
  cblist_len,
  cblist_pending,
  cblist_ready,
  cblist_restempty,
  NEXT_READY,
  verify_cblists,
} from './segcblist'

/** The low bits of a grace period's number: 0 between two of them. */
const RCU_SEQ_STATE_MASK = 3
const RCU_GP_FLAG_INIT = 1
const RCU_GP_FLAG_FQS = 2
/** What rcu_preempt waits for: a grace period to be asked for, or to end. */
const RCU_GP_WAIT_GPS = 0
const RCU_GP_WAIT_FQS = 1
/** Callbacks at a time, and how many waiting ones lift that (rcu_divisor 7; qhimark, DEFAULT_MAX_RCU_BLIMIT). */
const BLIMIT = 10
const RCU_DIVISOR = 7
const QHIMARK = 10_000
const QLOWMARK = 100
const MAX_BLIMIT = 10_000
/** A batch of more than 100 is cut short after 3 ms (rcu_resched_ns), looked at every 32 callbacks. */
const RESCHED_NS = 3_000_000
/** Turns of the softirq before ksoftirqd takes over (MAX_SOFTIRQ_RESTART). */
export const MAX_SOFTIRQ_RESTART = 10
/** schedule_timeout(1): the timer wheel rounds up, so that it is never early. */
const FQS_JIFFIES = 2
const STATE = 1

export function rcu_init(k: Kernel): void {
  const { rcu_data, rcu_state } = k
  rcu_data.meta.high = k.config.cpus + 1
  rcu_state.meta.high = STATE + 1
  for (let row = 1; row <= k.config.cpus; row++) rcu_data.blimit[row] = BLIMIT
}
/** From here on callbacks wait (rcu_end_inkernel_boot). */
export function rcu_scheduler_starting(k: Kernel): void {
  k.rcu_state.active[STATE] = 1
}

/** Asks for a callback after a grace period; see callbacks.ts for what there is. */
export function call_rcu(k: Kernel, func: number, obj: number, obj2: number, obj3: number): void {
  if (k.rcu_state.active[STATE] === 0) return rcu_invoke(k, func, obj, obj2, obj3)
  const row = k.var.cpu + 1
  const head = cblist_enqueue(k, row)
  k.rcu_head.func[head] = func
  k.rcu_head.obj[head * 3] = obj
  k.rcu_head.obj[head * 3 + 1] = obj2
  k.rcu_head.obj[head * 3 + 2] = obj3
  if (cblist_len(k, row) > QHIMARK) k.rcu_data.blimit[row] = MAX_BLIMIT
}

// ---------------------------------------------------------------- grace periods

function rcu_gp_in_progress(k: Kernel): boolean {
  return (k.rcu_state.gp_seq[STATE]! & RCU_SEQ_STATE_MASK) !== 0
}
/** rcu_seq_snap: the number at which a whole grace period from now has passed. */
function gp_seq_snap(k: Kernel): number {
  return (k.rcu_state.gp_seq[STATE]! + 2 * RCU_SEQ_STATE_MASK + 1) & ~RCU_SEQ_STATE_MASK
}

/** New callbacks wait for the next grace period, which is begun when none runs. */
function rcu_accelerate_cbs(k: Kernel, row: number): void {
  if (!cblist_pending(k, row)) return
  const seq = gp_seq_snap(k)
  if (cblist_accelerate(k, row, seq)) rcu_start_this_gp(k, seq)
}
function rcu_start_this_gp(k: Kernel, seq: number): void {
  const s = k.rcu_state
  if (s.gp_seq_needed[STATE]! >= seq) return
  s.gp_seq_needed[STATE] = seq
  if (rcu_gp_in_progress(k)) return
  s.gp_flags[STATE]! |= RCU_GP_FLAG_INIT
  wake_kthread(k, 'rcu_preempt')
}

/** A CPU learns of grace periods that ended or began. */
function note_gp_changes(k: Kernel, row: number): void {
  const { rcu_data: d, rcu_state: s } = k
  const now = s.gp_seq[STATE]!
  const seen = d.gp_seq[row]!
  if (now === seen) return
  if (seen < (now & ~RCU_SEQ_STATE_MASK)) {
    if (cblist_pending(k, row)) cblist_advance(k, row, now)
    rcu_accelerate_cbs(k, row)
    d.core_needs_qs[row] = 0
  } else rcu_accelerate_cbs(k, row)
  if (((seen + RCU_SEQ_STATE_MASK) & ~RCU_SEQ_STATE_MASK) < now) {
    const needs = in_qsmask(k, row) ? 1 : 0
    d.no_qs[row] = needs
    d.core_needs_qs[row] = needs
  }
  d.gp_seq[row] = now
}

function in_qsmask(k: Kernel, row: number): boolean {
  return (k.rcu_state.qsmask[STATE * 2 + ((row - 1) >> 5)]! & (1 << ((row - 1) & 31))) !== 0
}
function qs_missing(k: Kernel): boolean {
  return (k.rcu_state.qsmask[STATE * 2]! | k.rcu_state.qsmask[STATE * 2 + 1]!) !== 0
}
/** A CPU has passed a quiescent state in this grace period; the last one wakes rcu_preempt. */
function rcu_report_qs(k: Kernel, row: number): void {
  const at = STATE * 2 + ((row - 1) >> 5)
  k.rcu_state.qsmask[at]! &= ~(1 << ((row - 1) & 31))
  if (qs_missing(k)) return
  k.rcu_state.gp_flags[STATE]! |= RCU_GP_FLAG_FQS
  wake_kthread(k, 'rcu_preempt')
}

/** rcu_preempt: begins and ends grace periods, and looks after CPUs that sleep. */
export function rcu_gp_kthread_step(k: Kernel): boolean {
  const s = k.rcu_state
  charge(k, COST.softirq)
  if (s.gp_state[STATE] === RCU_GP_WAIT_GPS) {
    if ((s.gp_flags[STATE]! & RCU_GP_FLAG_INIT) === 0) return rcu_gp_wait(k, Infinity)
    rcu_gp_init(k)
  } else {
    if (qs_missing(k)) force_qs(k)
    if (!qs_missing(k)) {
      rcu_gp_cleanup(k)
      return false
    }
  }
  return rcu_gp_wait(k, (Math.floor(k.var.now / JIFFY_NS) + FQS_JIFFIES) * JIFFY_NS)
}
function rcu_gp_wait(k: Kernel, until: number): true {
  kthread_sleep(k, threads(k).rcu_preempt, until, TASK_IDLE)
  return true
}
function rcu_gp_init(k: Kernel): void {
  const s = k.rcu_state
  s.gp_flags[STATE] = 0
  s.gp_state[STATE] = RCU_GP_WAIT_FQS
  s.fqs_done[STATE] = 0
  s.gp_seq[STATE]!++
  for (let cpu = 0; cpu < k.config.cpus; cpu++) s.qsmask[STATE * 2 + (cpu >> 5)]! |= 1 << (cpu & 31)
  note_gp_changes(k, k.var.cpu + 1)
}
/** Idle CPUs are quiescent; the one that this runs on has been idle when it comes the second time (force_qs_rnp). */
function force_qs(k: Kernel): void {
  const s = k.rcu_state
  s.gp_flags[STATE]! &= ~RCU_GP_FLAG_FQS
  for (let row = 1; row <= k.config.cpus; row++) {
    const quiet = row === k.var.cpu + 1 ? s.fqs_done[STATE] !== 0 : k.cpu.is_idle[row] !== 0
    if (quiet && in_qsmask(k, row)) rcu_report_qs(k, row)
  }
  s.fqs_done[STATE] = 1
}
function rcu_gp_cleanup(k: Kernel): void {
  const s = k.rcu_state
  s.gp_seq[STATE] = (s.gp_seq[STATE]! | RCU_SEQ_STATE_MASK) + 1
  s.gp_state[STATE] = RCU_GP_WAIT_GPS
  s.gp_flags[STATE] = 0
  note_gp_changes(k, k.var.cpu + 1)
  if (s.gp_seq_needed[STATE]! > s.gp_seq[STATE]!) s.gp_flags[STATE]! |= RCU_GP_FLAG_INIT
}

// ---------------------------------------------------------------- ticks and the softirq

/** The CPU changes tasks or becomes idle: a quiescent state. */
export function rcu_note_context_switch(k: Kernel, row: number): void {
  k.rcu_data.no_qs[row] = 0
}

/** True when RCU has something to do or to wait for: a tick is to look at it. */
export function rcu_busy(k: Kernel): boolean {
  return k.rcu_head.meta.nr_live > 0 || rcu_gp_in_progress(k)
}
/** rcu_needs_cpu: a CPU with callbacks keeps its tick while it is idle. */
export function rcu_needs_cpu(k: Kernel, row: number): boolean {
  return cblist_len(k, row) > 0
}

/** rcu_sched_clock_irq: the tick of a CPU; true when its softirq is to run. */
export function rcu_sched_clock_irq(k: Kernel, row: number): boolean {
  const d = k.rcu_data
  d.no_qs[row] = 0
  const in_progress = rcu_gp_in_progress(k)
  if (d.core_needs_qs[row] !== 0 && in_progress) return true
  if (cblist_ready(k, row) > 0) return true
  if (!in_progress && !cblist_restempty(k, row, NEXT_READY)) return true
  return k.rcu_state.gp_seq[STATE] !== d.gp_seq[row]
}

/** The softirq's work, once. True when done callbacks are left. */
export function rcu_core(k: Kernel, row: number, limited: boolean): boolean {
  const d = k.rcu_data
  charge(k, COST.softirq)
  k.cpu.softirq_rcu[row]!++
  note_gp_changes(k, row)
  if (d.core_needs_qs[row] !== 0 && d.no_qs[row] === 0) {
    d.core_needs_qs[row] = 0
    rcu_accelerate_cbs(k, row)
    rcu_report_qs(k, row)
  }
  if (!rcu_gp_in_progress(k) && !cblist_restempty(k, row, NEXT_READY)) rcu_accelerate_cbs(k, row)
  rcu_do_batch(k, row, limited)
  return cblist_ready(k, row) > 0
}

/** Invokes done callbacks: a batch of them, or all on an idle CPU. */
function rcu_do_batch(k: Kernel, row: number, limited: boolean): void {
  if (cblist_ready(k, row) === 0) return
  const limit = Math.max(k.rcu_data.blimit[row]!, cblist_len(k, row) >> RCU_DIVISOR)
  const until = limit > 100 ? k.var.now + RESCHED_NS : Infinity
  for (let count = 1; ; count++) {
    const head = cblist_dequeue(k, row)
    if (head === 0) break
    const { func, obj } = k.rcu_head
    const [f, a, b, c] = [func[head]!, obj[head * 3]!, obj[head * 3 + 1]!, obj[head * 3 + 2]!]
    cblist_free(k, head)
    rcu_invoke(k, f, a, b, c)
    if (limited && count >= limit) break
    if ((count & 31) === 0 && k.var.now >= until) break
  }
  if (k.rcu_data.blimit[row]! >= MAX_BLIMIT && cblist_len(k, row) <= QLOWMARK) k.rcu_data.blimit[row] = BLIMIT
}

/** rcu_barrier of a machine that stands still: all callbacks run, and those that they ask for. */
export function rcu_barrier(k: Kernel): void {
  const { cpu } = k.var
  while (k.rcu_head.meta.nr_live > 0)
    for (let row = 1; row <= k.config.cpus; row++) {
      k.var.cpu = row - 1
      cblist_all_done(k, row)
      rcu_do_batch(k, row, false)
    }
  k.var.cpu = cpu
}

/** Every callback is on a list. Throws KernelBug. */
export function verify_rcu(k: Kernel): void {
  assert(verify_cblists(k) === k.rcu_head.meta.nr_live, 'rcu: a callback is on no list')
  assert(!qs_missing(k) || rcu_gp_in_progress(k), 'rcu: a quiescent state is missed by nobody')
}
