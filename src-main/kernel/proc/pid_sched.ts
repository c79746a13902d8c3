/**
 * /proc/PID/sched. Linux: kernel/sched/debug.c (proc_sched_show_task). Simplified: the decaying load averages of a task
 * (se.avg) are not modelled and read 0.
 */
import { TASK_RUNNING, type Kernel } from '../kernel'
import { SCHED_PRIO_TO_WEIGHT } from '../task'
import { comm_of, nr_threads } from './pid'

export function pid_sched(k: Kernel, t: number): string {
  const { task } = k
  const head = `${comm_of(k, t)} (${task.pid[t]}, #threads: ${nr_threads(k, t)})\n${'-'.repeat(67)}\n`
  const row = (name: string, value: number | string): string => `${name.padEnd(45)}:${String(value).padStart(21)}\n`
  const ns = (value: number): string => `${Math.floor(value / 1e6)}.${String(Math.floor(value % 1e6)).padStart(6, '0')}`
  const weight = SCHED_PRIO_TO_WEIGHT[task.nice[t]! + 20]! * 1024
  return (
    head +
    row('se.exec_start', ns(task.state[t] === TASK_RUNNING ? k.var.now : task.sleep_ns[t]!)) +
    row('se.vruntime', ns(Math.max(0, task.vruntime[t]!))) +
    row('se.sum_exec_runtime', ns(task.utime[t]! + task.stime[t]!)) +
    row('se.nr_migrations', 0) +
    row('nr_switches', task.nvcsw[t]! + task.nivcsw[t]!) +
    row('nr_voluntary_switches', task.nvcsw[t]!) +
    row('nr_involuntary_switches', task.nivcsw[t]!) +
    row('se.load.weight', weight) +
    AVERAGES.map((name) => row(name, 0)).join('') +
    row('policy', 0) +
    row('prio', 120 + task.nice[t]!) +
    row('clock-delta', 0) +
    row('mm->numa_scan_seq', 0) +
    row('numa_pages_migrated', 0) +
    row('numa_preferred_nid', -1) +
    row('total_numa_faults', 0) +
    'current_node=0, numa_group_id=0\n' +
    'numa_faults node=0 task_private=0 task_shared=0 group_private=0 group_shared=0\n'
  )
}
const AVERAGES = [
  'se.avg.load_sum',
  'se.avg.runnable_sum',
  'se.avg.util_sum',
  'se.avg.load_avg',
  'se.avg.runnable_avg',
  'se.avg.util_avg',
  'se.avg.last_update_time',
  'se.avg.util_est.ewma',
  'se.avg.util_est.enqueued',
] as const
