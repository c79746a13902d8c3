/** What is done when a timer is due. The heap is lib/timer.ts; here is the dispatch by kind. */
import { C } from '@shared/counters'
import { TASK_UNINTERRUPTIBLE, type Kernel } from '../kernel'
import { timer_add, timer_del, timer_first } from '../lib/timer'
import {
  charge,
  first_task,
  next_task,
  printk,
  TIMER_BIO,
  TIMER_EVENT,
  TIMER_KTHREAD,
  TIMER_LOAD,
  TIMER_PSI,
  TIMER_REAPER,
  TIMER_WAKE,
  TIMER_WATCH,
  trace,
  wake_kthread,
  wake_up_task,
} from '../task'
import { COST } from '../costs'
import { bio_end_io } from '../mm/page_io'
import { calc_global_load } from './loadavg'
import { psi_avgs_work } from './psi'
import type { Programs } from './core'

/** Takes the first timer off the heap and does its work, in interrupt context (`var.current` is 0). */
export function run_timer(k: Kernel, programs: Programs): void {
  const row = timer_first(k)
  const kind = k.timer.kind[row]!
  const arg = k.timer.arg[row]!
  timer_del(k, row)
  switch (kind) {
    case TIMER_WAKE:
      k.task.timer[arg] = 0
      charge(k, COST.wakeup)
      wake_up_task(k, arg)
      break
    case TIMER_BIO:
      bio_end_io(k, arg)
      break
    case TIMER_KTHREAD:
      wake_up_task(k, arg)
      break
    case TIMER_REAPER:
      wake_kthread(k, 'oom_reaper')
      break
    case TIMER_PSI:
      psi_avgs_work(k)
      break
    case TIMER_LOAD:
      calc_global_load(k)
      break
    case TIMER_WATCH:
      watch_faults(k)
      watch_hung_tasks(k)
      timer_add(k, k.var.now + WATCH_NS, TIMER_WATCH, 0)
      break
    case TIMER_EVENT:
      programs.event(k, arg)
      break
  }
}

const WATCH_NS = 1_000_000_000
const BURST_MAJOR_FAULTS = 200

export function watch_init(k: Kernel): void {
  timer_add(k, k.var.now + WATCH_NS, TIMER_WATCH, 0)
}

/** A burst of major faults is an event for the timeline: when the rate passes the mark, and again when it has doubled. */
function watch_faults(k: Kernel): void {
  const watch = (k.var.mod['watch'] ??= { majors: 0, peak: 0 }) as { majors: number; peak: number }
  const now = k.vmstat[C.pgmajfault]!
  const rate = now - watch.majors
  watch.majors = now
  if (rate < BURST_MAJOR_FAULTS) watch.peak = 0
  else if (rate >= 2 * watch.peak) {
    watch.peak = rate
    trace(k, { kind: 'fault_burst', text: `${rate} major faults per second`, value: rate })
  }
}

/** khungtaskd: a task that has been in D for so long is worth a line in the log, once a sleep. */
function watch_hung_tasks(k: Kernel): void {
  const seconds = k.var.sysctl['kernel.hung_task_timeout_secs']!
  if (seconds === 0) return
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
    if (k.task.state[t] !== TASK_UNINTERRUPTIBLE) continue
    const over = k.var.now - k.task.sleep_ns[t]! - seconds * 1e9
    if (over < 0 || over >= WATCH_NS) continue
    const name = k.strings.list[k.task.comm[t]!]!
    const pid = k.task.pid[t]!
    const text = `task ${name}:${pid} blocked for more than ${seconds} seconds.`
    printk(k, `INFO: ${text}`)
    trace(k, { kind: 'hung_task', text, pid, name, value: seconds })
  }
}
