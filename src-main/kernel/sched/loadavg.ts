/** Load averages (kernel/sched/loadavg.c): every 5 s and a tick, fixed point with 11 bits. */
import { JIFFY_NS, TASK_UNINTERRUPTIBLE, type Kernel } from '../kernel'
import { timer_add } from '../lib/timer'
import { first_task, next_task, NR_PSI_COUNTS, TIMER_LOAD } from '../task'

export const FSHIFT = 11
export const FIXED_1 = 1 << FSHIFT
const LOAD_FREQ_NS = 1251 * JIFFY_NS
/** exp(-5/60), exp(-5/300), exp(-5/900). */
const EXP = [1884, 2014, 2037] as const

/** One step of the decaying average: `active` in fixed point. */
export function calc_load(load: number, exp: number, active: number): number {
  let next = load * exp + active * (FIXED_1 - exp)
  if (active >= load) next += FIXED_1 - 1
  return Math.floor(next / FIXED_1)
}

export function loadavg_init(k: Kernel): void {
  timer_add(k, k.var.now + LOAD_FREQ_NS, TIMER_LOAD, 0)
}

export function calc_global_load(k: Kernel): void {
  const active = (nr_running(k) + nr_uninterruptible(k)) * FIXED_1
  EXP.forEach((exp, i) => (k.var.load[i] = calc_load(k.var.load[i]!, exp, active)))
  timer_add(k, k.var.now + LOAD_FREQ_NS, TIMER_LOAD, 0)
}

export function nr_running(k: Kernel): number {
  let nr = 0
  for (let row = 1; row <= k.config.cpus; row++) nr += k.cpu.nr_running[row]!
  return nr
}

/** Tasks in D: the load counts them, and procs_blocked of /proc/stat those that wait for I/O. */
export function nr_uninterruptible(k: Kernel): number {
  let nr = 0
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.state[t] === TASK_UNINTERRUPTIBLE) nr++
  return nr
}

/** Tasks that wait for I/O: procs_blocked. */
export function nr_iowait(k: Kernel): number {
  let nr = 0
  for (let row = 1; row <= k.config.cpus; row++) nr += k.psi.nr[row * NR_PSI_COUNTS + 1]!
  return nr
}

/** `0.42 0.13 0.05` of /proc/loadavg: rounded to hundredths as LOAD_INT and LOAD_FRAC do. */
export function loadavg_text(k: Kernel): string {
  return k.var.load
    .map((load) => {
      const value = load + FIXED_1 / 200
      return `${Math.floor(value / FIXED_1)}.${String(Math.floor(((value % FIXED_1) * 100) / FIXED_1)).padStart(2, '0')}`
    })
    .join(' ')
}
