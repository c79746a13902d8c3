/**
 * Softirqs of the tick: RCU's. They run where the tick comes, ten turns of them, and then in ksoftirqd.
 *
 *   every jiffy of a CPU that works, or that has callbacks waiting ── rcu_sched_clock_irq ── rcu_core
 *
 * Linux: kernel/softirq.c (__do_softirq, run_ksoftirqd), kernel/time/tick-sched.c. Simplified: a system call runs to its
 * end before the clock of the machine goes on, so what ticks it would have met are taken where it gives way.
 */
import { M } from '@shared/counters'
import { JIFFY_NS, type Kernel } from '../kernel'
import { wake_up_task } from '../task'
import { MAX_SOFTIRQ_RESTART, rcu_busy, rcu_core, rcu_needs_cpu, rcu_sched_clock_irq } from './tree'

/** The tick at the beginning of a step, on every CPU that has one. */
export function tick_softirqs(k: Kernel): void {
  if (!rcu_busy(k)) return
  const at = k.var.step * JIFFY_NS
  for (let row = 1; row <= k.config.cpus; row++) {
    if (k.rcu_data.jiffy[row]! >= k.var.step) continue
    k.rcu_data.jiffy[row] = k.var.step
    const idle = k.cpu.is_idle[row] !== 0
    if (idle && !rcu_needs_cpu(k, row)) continue
    k.var.cpu = row - 1
    k.var.now = Math.max(at, k.cpu.now[row]!)
    if (idle) {
      k.cpu.loc[row]!++
      k.machine[M.intr]!++
    }
    softirq_tick(k, row, idle)
    k.cpu.now[row] = k.var.now
  }
}

/** The ticks that the running call has met by now; true when there was one. */
export function tick_in_call(k: Kernel): boolean {
  const row = k.var.cpu + 1
  const { current } = k.var
  const now = Math.floor(k.var.now / JIFFY_NS)
  const from = Math.max(k.rcu_data.jiffy[row]!, k.var.step)
  if (now <= from) return false
  k.rcu_data.jiffy[row] = now
  k.var.current = 0
  for (let jiffy = from; jiffy < now && rcu_busy(k); jiffy++) softirq_tick(k, row, false)
  k.var.current = current
  return true
}

function softirq_tick(k: Kernel, row: number, idle: boolean): void {
  if (!rcu_sched_clock_irq(k, row)) return
  for (let turn = 0; turn < MAX_SOFTIRQ_RESTART; turn++) {
    if (!rcu_core(k, row, !idle)) return
    if (k.cpu.need_resched[row] !== 0) break
  }
  wake_up_task(k, k.cpu.ksoftirqd[row]!)
}

/** ksoftirqd: one turn; true when nothing is left. */
export function run_ksoftirqd(k: Kernel): boolean {
  return !rcu_core(k, k.var.cpu + 1, true)
}
