/**
 * Where a long call gives way: kernel threads that were woken to help with memory run here, before the call goes on.
 *
 * Linux: cond_resched of kernel/sched/core.c, which long loops call. Simplified: only kswapd and kcompactd run inside
 * another task's call, and the threads of RCU, for at most one scheduling period each, and wherever their CPU is; others
 * wait for its end.
 */
import { PF_KTHREAD, TASK_RUNNING, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge, deactivate_task, kthread_sleep, psi_task_change, SCHED_LATENCY_NS, threads, TSK_ONCPU } from '../task'
import { kswapd_step } from './kswapd'
import { kcompactd_step } from './kcompactd'
import { rcu_gp_kthread_step, rcu_note_context_switch } from '../rcu/tree'
import { run_ksoftirqd, tick_in_call } from '../rcu/softirq'

export function cond_resched(k: Kernel): void {
  cond_resched_rcu(k)
  const current = k.var.current
  if (current === 0 || (k.task.flags[current]! & PF_KTHREAD) !== 0) return
  const { kswapd, kcompactd } = threads(k)
  give_way(k, kswapd, kswapd_step)
  give_way(k, kcompactd, kcompactd_step)
}

/** A long loop that only lets RCU go on: its ticks, and the threads that they woke. */
export function cond_resched_rcu(k: Kernel): void {
  const { current, cpu } = k.var
  if (current === 0 || !tick_in_call(k)) return
  give_way(k, threads(k).rcu_preempt, rcu_gp_kthread_step)
  give_way(k, k.cpu.ksoftirqd[cpu + 1]!, run_ksoftirqd)
}

/** Lets a runnable kernel thread work until it sleeps. */
function give_way(k: Kernel, t: number, step: (k: Kernel) => boolean): void {
  const task = k.task
  if (t === 0 || task.on_rq[t] === 0 || task.state[t] !== TASK_RUNNING) return
  const { current, capture_order } = k.var
  const until = k.var.now + SCHED_LATENCY_NS
  k.var.current = t
  k.var.capture_order = -1
  while (task.state[t] === TASK_RUNNING && k.var.now < until) {
    const before = k.var.now
    if (step(k) && task.state[t] === TASK_RUNNING) kthread_sleep(k, t)
    if (k.var.now === before) charge(k, COST.syscall)
  }
  k.var.current = current
  k.var.capture_order = capture_order
  rcu_note_context_switch(k, k.var.cpu + 1)
  if (task.state[t] === TASK_RUNNING) return
  const row = task.cpu[t]! + 1
  if (k.cpu.current[row] === t) {
    psi_task_change(k, t, TSK_ONCPU, 0)
    k.cpu.current[row] = 0
  }
  task.nvcsw[t]!++
  deactivate_task(k, t)
}
