/**
 * The machine's steps: 4 ms of simulated time on every CPU.
 *
 * Each CPU has a clock of its own. What happens next is the earliest of: the first timer, and for every CPU with work the
 * time when it can go on; so CPUs are never further apart than one slice. An idle CPU's clock is moved on when something
 * concerns it. A slice ends with the step, with the next timer, when the task sleeps, or when a woken task is to run.
 */
import { M } from '@shared/counters'
import { PF_EXITING, PF_KTHREAD, STEP_NS, TASK_RUNNING, type Kernel, JIFFY_NS } from '../kernel'
import { COST } from '../costs'
import { timer_first, timer_next_ns } from '../lib/timer'
import {
  charge,
  deactivate_task,
  psi_task_change,
  SCHED_MIN_GRANULARITY_NS,
  sched_slice,
  signal_pending,
  task_blocked,
  update_curr,
  TIMER_BIO,
  TIMER_WAKE,
  TSK_IOWAIT,
  TSK_ONCPU,
  NR_PSI_COUNTS,
} from '../task'
import { kthread_step } from './kthread'
import { release_dead_tasks, run_exit } from './exit'
import { get_signal } from './signal'
import { run_timer } from './timer'
import { load_balance } from './balance'
import { tick_softirqs } from '../rcu/softirq'
import { rcu_note_context_switch } from '../rcu/tree'

/** What runs in user mode: `step` lets a task's program go on until its slice is over, it sleeps or it is gone. */
export interface Programs {
  step(k: Kernel, t: number): void
  /** An event of the scenario is due. */
  event(k: Kernel, index: number): void
}

/** One quantum of 4 ms on every CPU. */
export function run_step(k: Kernel, programs: Programs): void {
  const end = (k.var.step + 1) * STEP_NS
  tick_softirqs(k)
  load_balance(k)
  for (let row = 1; row <= k.config.cpus; row++) check_preempt_tick(k, row)
  while (k.var.panic === null) {
    const timer_ns = timer_next_ns(k)
    const row = next_cpu(k)
    const ready = row === 0 ? Infinity : ready_ns(k, row)
    if (Math.min(timer_ns, ready) >= end) break
    if (timer_ns <= ready) deliver_timer(k, programs, timer_ns)
    else run_slice(k, programs, row, ready, Math.min(end, timer_ns, others_ns(k, row) + MAX_SKEW_NS))
  }
  for (let row = 1; row <= k.config.cpus; row++) idle_to(k, row, end)
  k.var.step++
  k.var.now = end
  k.var.cpu = 0
  k.var.current = 0
  k.machine[M.uptime_ms] = end / 1e6
}

/** The CPU with work that can go on first; 0 when all are idle. */
function next_cpu(k: Kernel): number {
  let best = 0
  let best_ns = Infinity
  for (let row = 1; row <= k.config.cpus; row++) {
    if (k.cpu.nr_running[row] === 0) continue
    const ns = ready_ns(k, row)
    if (ns < best_ns) {
      best = row
      best_ns = ns
    }
  }
  return best
}

/** While several CPUs work, none runs further ahead of the others than this: what they do to each other is seen in time. */
const MAX_SKEW_NS = 400_000

/** When the first of the other CPUs with work can go on; Infinity when there is none. */
function others_ns(k: Kernel, except: number): number {
  let first = Infinity
  for (let row = 1; row <= k.config.cpus; row++)
    if (row !== except && k.cpu.nr_running[row] !== 0) first = Math.min(first, ready_ns(k, row))
  return first
}

/** When a CPU with work can go on: at its clock, or when the first of its tasks was woken, if that is later. */
function ready_ns(k: Kernel, row: number): number {
  const now = k.cpu.now[row]!
  let first = Infinity
  for (let t = k.cpu.rq_head[row]!; t !== 0; t = k.task.rq_next[t]!) {
    const woken = k.task.wake_ns[t]!
    if (woken <= now) return now
    if (woken < first) first = woken
  }
  return first
}

/** An interrupt: its work is done at its time, on the CPU it concerns. */
function deliver_timer(k: Kernel, programs: Programs, at: number): void {
  const timer = timer_first(k)
  const row = k.timer.kind[timer] === TIMER_WAKE ? k.task.cpu[k.timer.arg[timer]!]! + 1 : 1
  idle_to(k, row, at)
  k.var.cpu = row - 1
  k.var.current = 0
  k.var.now = at
  count_interrupt(k, row, timer)
  run_timer(k, programs)
  k.cpu.now[row]! += k.var.now - at
}

/** A disk interrupts for itself; what waits for jiffies alone needs an interrupt of its own only where no tick comes. */
function count_interrupt(k: Kernel, row: number, timer: number): void {
  const kind = k.timer.kind[timer]!
  if (kind === TIMER_BIO) k.cpu.irq[row]!++
  else if (kind === TIMER_WAKE || k.cpu.is_idle[row] !== 0) k.cpu.loc[row]!++
  else return
  k.machine[M.intr]!++
}

/** The tick of a CPU that works: one a jiffy (an idle CPU has stopped it, NO_HZ_IDLE). */
function count_ticks(k: Kernel, row: number, from: number, to: number): void {
  const ticks = Math.floor(to / JIFFY_NS) - Math.floor(from / JIFFY_NS)
  if (ticks <= 0) return
  k.cpu.loc[row]! += ticks
  k.machine[M.intr]! += ticks
}

/** Lets the best task of a CPU run from `start` until it sleeps, its slice is over or `limit`. */
function run_slice(k: Kernel, programs: Programs, row: number, start: number, limit: number): void {
  const { task, cpu } = k
  idle_to(k, row, start)
  k.var.cpu = row - 1
  k.var.now = cpu.now[row]!
  const entered = k.var.now
  const t = next_task_of(k, row)
  k.var.current = t
  cpu.need_resched[row] = 0
  if (cpu.current[row] !== t) context_switch(k, row, t)
  const began = k.var.now
  cpu.exec_start[row] = began
  task.run_delay[t]! += Math.max(0, began - task.wake_ns[t]!)
  k.var.slice_end = Math.max(limit, began + 1)
  k.var.in_slice = true
  if ((task.flags[t]! & PF_KTHREAD) !== 0) kthread_step(k, t)
  else if ((task.flags[t]! & PF_EXITING) !== 0) run_exit(k)
  else {
    if (signal_pending(k, t)) get_signal(k)
    if (!task_blocked(k)) programs.step(k, t)
  }
  k.var.in_slice = false
  if (k.var.now === began) charge(k, COST.syscall)
  cpu.now[row] = k.var.now
  count_ticks(k, row, entered, k.var.now)
  update_curr(k, row, t)
  if (task.state[t] !== TASK_RUNNING) sleep_current(k, row, t)
  else task.wake_ns[t] = k.var.now
  release_dead_tasks(k)
}

/** The running task goes on, unless somebody is to take its place. */
function next_task_of(k: Kernel, row: number): number {
  const current = k.cpu.current[row]!
  if (current !== 0 && k.cpu.need_resched[row] === 0 && k.task.on_rq[current] !== 0) return current
  k.cpu.ran[row] = 0
  return pick_next_task(k, row)
}

/** The runnable task with the smallest virtual time among those that are awake by now. */
function pick_next_task(k: Kernel, row: number): number {
  const { vruntime, wake_ns, rq_next } = k.task
  let best = 0
  let least = Infinity
  for (let t = k.cpu.rq_head[row]!; t !== 0; t = rq_next[t]!) {
    const v = vruntime[t]!
    if (v < least && wake_ns[t]! <= k.var.now) {
      best = t
      least = v
    }
  }
  return best
}

function context_switch(k: Kernel, row: number, next: number): void {
  const prev = k.cpu.current[row]!
  if (prev !== 0) {
    k.task.nivcsw[prev]!++
    psi_task_change(k, prev, TSK_ONCPU, 0)
  }
  k.cpu.current[row] = next
  rcu_note_context_switch(k, row)
  // lru_gen_use_mm.
  if (k.task.mm[next] !== 0) k.mm.lru_gen_used[k.task.mm[next]!] = 1
  psi_task_change(k, next, 0, TSK_ONCPU)
  k.cpu.is_idle[row] = 0
  k.cpu.ctxt[row]!++
  charge(k, COST.context_switch + (k.task.cold[next] === 0 ? 0 : COST.io_resume))
  k.task.cold[next] = 0
}

/** The task that ran went to sleep or ended: the CPU turns to the next one, or to idle. */
function sleep_current(k: Kernel, row: number, t: number): void {
  k.task.nvcsw[t]!++
  rcu_note_context_switch(k, row)
  psi_task_change(k, t, TSK_ONCPU, 0)
  if (k.cpu.current[row] === t) k.cpu.current[row] = 0
  deactivate_task(k, t)
}

/** check_preempt_tick: at a tick the running task's share may be used up, or another one may be too far behind it. */
function check_preempt_tick(k: Kernel, row: number): void {
  const { cpu, task } = k
  const current = cpu.current[row]!
  if (current === 0 || cpu.nr_running[row]! < 2) return
  const ideal = sched_slice(k, row, current)
  const ran = cpu.ran[row]!
  if (ran < SCHED_MIN_GRANULARITY_NS) return
  let least = Infinity
  for (let t = cpu.rq_head[row]!; t !== 0; t = task.rq_next[t]!)
    if (t !== current && task.vruntime[t]! < least) least = task.vruntime[t]!
  if (ran > ideal || task.vruntime[current]! - least > ideal) cpu.need_resched[row] = 1
}

/** Moves an idle CPU's clock on: idle time, or iowait when a task that last ran here waits for I/O. */
function idle_to(k: Kernel, row: number, at: number): void {
  const cpu = k.cpu
  const idle = at - cpu.now[row]!
  if (idle <= 0) return
  if (cpu.is_idle[row] === 0) {
    cpu.is_idle[row] = 1
    cpu.ctxt[row]!++
  }
  if (k.psi.nr[row * NR_PSI_COUNTS + IOWAIT_WORD]! > 0) cpu.iowait[row]! += idle
  else cpu.idle[row]! += idle
  cpu.now[row] = at
}
const IOWAIT_WORD = Math.log2(TSK_IOWAIT)
