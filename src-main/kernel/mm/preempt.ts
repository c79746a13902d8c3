/**
 * Where a long call gives way: kernel threads that work for memory and disks, and tasks that were killed, run here before
 * the call goes on.
 *
 * Linux: cond_resched of kernel/sched/core.c, which long loops call; who is to run, and for how long, is fair.c's (a
 * wake-up that preempts, or the tick). Simplified: only kswapd, kcompactd, kblockd, the flusher, the threads of RCU and
 * tasks on their way out run inside another task's call; others wait for its end.
 */
import { PF_EXITING, PF_KTHREAD, TASK_RUNNING, type Kernel } from '../kernel'
import { kblockd_step } from '../block/blk_mq'
import { COST } from '../costs'
import {
  charge,
  deactivate_task,
  fatal_signal_pending,
  kthread_sleep,
  psi_task_change,
  sched_slice,
  threads,
  TSK_ONCPU,
  update_curr,
  wake_up_task,
  type Threads,
} from '../task'
import { flusher_step } from './fs_writeback'
import { kswapd_step } from './kswapd'
import { kcompactd_step } from './kcompactd'
import { rcu_gp_kthread_step, rcu_note_context_switch } from '../rcu/tree'
import { run_ksoftirqd, tick_in_call } from '../rcu/softirq'

type Step = (k: Kernel) => boolean
/** How a killed task ends, a piece at a time, and what is left to do when its CPU has turned away: sched/exit.ts tells. */
interface Exit {
  readonly step: Step
  readonly finish: (k: Kernel) => void
}
let exit: Exit | null = null
export function set_exit(work: Exit): void {
  exit = work
}

const STEPS = {
  kblockd: kblockd_step,
  kswapd: kswapd_step,
  kcompactd: kcompactd_step,
  flusher: flusher_step,
} as const
const NAMES = Object.keys(STEPS) as (keyof typeof STEPS & keyof Threads)[]

export function cond_resched(k: Kernel): void {
  cond_resched_rcu(k)
  if (!runs_a_call(k)) return
  const current = k.var.current
  wake_due(k)
  const row = k.var.cpu + 1
  if (k.cpu.nr_running[row]! < 2) return
  update_curr(k, row, current)
  const slice_over = k.cpu.ran[row]! > sched_slice(k, row, current)
  if (k.cpu.need_resched[row] === 0 && !slice_over) return
  let next = best_task(k, row, current)
  if (next === 0) return
  for (; next !== 0; next = best_task(k, row, current)) {
    give_way(k, row, next, step_of(k, next), true)
    wake_due(k)
  }
  exit?.finish(k)
}

/**
 * Whether somebody dies on this CPU who could go on while the running task, in the middle of a call, waits for the memory:
 * the call may try again and again then, as in Linux.
 */
export function gives_way_to_dying(k: Kernel): boolean {
  if (!runs_a_call(k)) return false
  for (let t = k.cpu.rq_head[k.var.cpu + 1]!; t !== 0; t = k.task.rq_next[t]!)
    if (t !== k.var.current && is_dying(k, t)) return true
  return false
}
/** A task, no kernel thread, is in the middle of a call, and not asleep there. */
function runs_a_call(k: Kernel): boolean {
  const t = k.var.current
  return t !== 0 && (k.task.flags[t]! & PF_KTHREAD) === 0 && k.task.state[t] === TASK_RUNNING
}
function is_dying(k: Kernel, t: number): boolean {
  return fatal_signal_pending(k, t) || (k.task.flags[t]! & PF_EXITING) !== 0
}

function step_of(k: Kernel, t: number): Step {
  const name = NAMES.find((known) => threads(k)[known] === t)
  return name === undefined ? exit!.step : STEPS[name]
}

/**
 * might_sleep of a voluntarily preemptible kernel (might_resched of include/linux/kernel.h): whoever may wait for memory
 * gives way before it asks for it, to a thread that its last request woke.
 */
export function might_resched(k: Kernel): void {
  if (k.cpu.need_resched[k.var.cpu + 1] !== 0) cond_resched(k)
}

/** A long loop that only lets RCU go on: its ticks, and the threads that they woke. */
export function cond_resched_rcu(k: Kernel): void {
  const { current, cpu } = k.var
  if (current === 0 || !tick_in_call(k)) return
  give_way(k, cpu + 1, threads(k).rcu_preempt, rcu_gp_kthread_step)
  give_way(k, cpu + 1, k.cpu.ksoftirqd[cpu + 1]!, run_ksoftirqd)
}

/** A thread whose sleep is over by now: its timer comes only after the call. */
function wake_due(k: Kernel): void {
  const known = threads(k)
  for (const name of NAMES) {
    const t = known[name]
    if (t !== 0 && k.task.on_rq[t] === 0 && k.task.wake_ns[t]! <= k.var.now && k.task.timer[t] !== 0) wake_up_task(k, t)
  }
}

/** Of those who may run inside a call, the one that is furthest behind, if the running task is ahead of it. */
function best_task(k: Kernel, row: number, current: number): number {
  let best = 0
  let least = k.task.vruntime[current]!
  for (let t = k.cpu.rq_head[row]!; t !== 0; t = k.task.rq_next[t]!) {
    if (t === current || k.task.vruntime[t]! >= least || k.task.state[t] !== TASK_RUNNING) continue
    if (!runs_inside(k, t)) continue
    best = t
    least = k.task.vruntime[t]!
  }
  return best
}
function runs_inside(k: Kernel, t: number): boolean {
  if ((k.task.flags[t]! & PF_KTHREAD) === 0) return exit !== null && is_dying(k, t)
  return NAMES.some((name) => threads(k)[name] === t)
}

/** Lets a runnable thread of this CPU work until it sleeps, its slice is over or (`preemptible`) somebody it woke is to run. */
function give_way(k: Kernel, row: number, t: number, step: Step, preemptible = false): void {
  const { task, cpu } = k
  if (t === 0 || task.on_rq[t] === 0 || task.state[t] !== TASK_RUNNING || task.cpu[t] !== row - 1) return
  const { current, capture_order, slice_end } = k.var
  if (t === current) return
  switch_to(k, row, current, t)
  k.var.slice_end = Infinity
  k.var.capture_order = -1
  while (task.state[t] === TASK_RUNNING && cpu.ran[row]! <= sched_slice(k, row, t)) {
    if (preemptible && cpu.need_resched[row] !== 0) break
    const before = k.var.now
    if (step(k) && task.state[t] === TASK_RUNNING) kthread_sleep(k, t)
    if (k.var.now === before) charge(k, COST.syscall)
    update_curr(k, row, t)
  }
  if (task.state[t] !== TASK_RUNNING) {
    task.nvcsw[t]!++
    deactivate_task(k, t)
  } else {
    task.nivcsw[t]!++
    task.wake_ns[t] = k.var.now
  }
  switch_to(k, row, t, current)
  k.var.capture_order = capture_order
  k.var.slice_end = slice_end
}

function switch_to(k: Kernel, row: number, prev: number, next: number): void {
  update_curr(k, row, prev)
  psi_task_change(k, prev, TSK_ONCPU, 0)
  rcu_note_context_switch(k, row)
  k.var.current = next
  k.cpu.current[row] = next
  psi_task_change(k, next, 0, TSK_ONCPU)
  k.cpu.need_resched[row] = 0
  k.cpu.ran[row] = 0
  k.cpu.ctxt[row]!++
  charge(k, COST.context_switch)
  k.cpu.exec_start[row] = k.var.now
}
