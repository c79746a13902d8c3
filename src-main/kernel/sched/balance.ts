/** Idle CPUs pull from the busiest one (kernel/sched/fair.c, load_balance; here by number of tasks, not by load). */
import { PF_NO_SETAFFINITY, type Kernel } from '../kernel'
import { activate_task, deactivate_task, set_task_cpu } from '../task'

/** Once a step: every idle CPU takes one waiting task from the CPU with the most. */
export function load_balance(k: Kernel): void {
  if (k.config.cpus === 1) return
  for (let row = 1; row <= k.config.cpus; row++) {
    if (k.cpu.nr_running[row] !== 0) continue
    let busiest = 0
    for (let other = 1; other <= k.config.cpus; other++)
      if (k.cpu.nr_running[other]! > Math.max(1, busiest === 0 ? 1 : k.cpu.nr_running[busiest]!)) busiest = other
    if (busiest === 0) return
    for (let t = k.cpu.rq_head[busiest]!; t !== 0; t = k.task.rq_next[t]!) {
      if (t === k.cpu.current[busiest] || (k.task.flags[t]! & PF_NO_SETAFFINITY) !== 0) continue
      migrate_task(k, t, row - 1)
      break
    }
  }
}

/** Moves a runnable task that does not run just now. */
export function migrate_task(k: Kernel, t: number, cpu: number): void {
  deactivate_task(k, t)
  set_task_cpu(k, t, cpu)
  activate_task(k, t, false)
}
