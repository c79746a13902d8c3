/** The kernel threads of a Debian kernel, in the order in which a boot makes them; those with work are known by name. */
import { boot_thp } from './boot_params'
import { PF_NO_SETAFFINITY, TASK_IDLE, TASK_INTERRUPTIBLE, string_id, type Kernel } from './kernel'
import { khugepaged } from './mm/khugepaged'
import { deactivate_task, threads, wake_kthread, WAIT_KTHREAD, type Threads } from './task'
import { kernel_thread } from './sched/fork'

/** Name, idle (shown as I), nice, and what the memory code calls it. */
type Row = readonly [name: string, idle: boolean, nice: number, known?: keyof Threads]

const FIRST: readonly Row[] = [
  ['rcu_gp', true, -20],
  ['rcu_par_gp', true, -20],
  ['slub_flushwq', true, -20],
  ['netns', true, -20],
  ['kworker/0:0-rcu_gp', true, 0],
  ['kworker/0:0H-events_highpri', true, -20],
  ['kworker/u%0:0-events_unbound', true, 0],
  ['mm_percpu_wq', true, -20],
  ['rcu_tasks_kthread', true, 0],
  ['rcu_tasks_rude_kthread', true, 0],
  ['rcu_tasks_trace_kthread', true, 0],
  ['ksoftirqd/0', false, 0],
  ['rcu_preempt', true, 0, 'rcu_preempt'],
  ['migration/0', false, 0],
  ['kworker/0:1-events', true, 0],
  ['cpuhp/0', false, 0],
]
const LAST: readonly Row[] = [
  ['kdevtmpfs', false, 0],
  ['inet_frag_wq', true, -20],
  ['kauditd', false, 0],
  ['khungtaskd', false, 0],
  ['kworker/u%0:1-flush-8:0', true, 0, 'flusher'],
  ['oom_reaper', false, 0, 'oom_reaper'],
  ['writeback', true, -20],
  ['kworker/u%0:2', true, 0],
  ['kcompactd0', false, 0, 'kcompactd'],
  ['ksmd', false, 5, 'ksmd'],
  ['khugepaged', false, 19, 'khugepaged'],
  ['kintegrityd', true, -20],
  ['kblockd', true, -20],
  ['blkcg_punt_bio', true, -20],
  ['tpm_dev_wq', true, -20],
  ['edac-poller', true, -20],
  ['devfreq_wq', true, -20],
  ['quota_events_unbound', true, -20],
  ['kworker/0:1H-kblockd', true, -20, 'kblockd'],
  ['kswapd0', false, 0, 'kswapd'],
  ['kthrotld', true, -20],
  ['acpi_thermal_pm', true, -20],
  ['kworker/0:2-events', true, 0],
  ['mld', true, -20],
  ['ipv6_addrconf', true, -20],
  ['kstrp', true, -20],
  ['zswap-shrink', true, -20, 'zswap_shrink'],
  ['kworker/u%1:0', true, -20],
]

/** kthreadd and its children, all asleep. */
export function start_kernel_threads(k: Kernel): void {
  const known = threads(k)
  known.kthreadd = kernel_thread(k, 'kthreadd', 0)
  put_to_sleep(k, known.kthreadd, false)
  for (const row of FIRST) start(k, row, 0)
  for (let cpu = 1; cpu < k.config.cpus; cpu++) {
    start(k, [`cpuhp/${cpu}`, false, 0], cpu)
    start(k, [`migration/${cpu}`, false, 0], cpu)
    start(k, [`ksoftirqd/${cpu}`, false, 0], cpu)
    start(k, [`kworker/${cpu}:0-events`, true, 0], cpu)
    start(k, [`kworker/${cpu}:0H-events_highpri`, true, -20], cpu)
  }
  // Work that slept found a second worker on each CPU; of those that belong to no CPU as many came as had work at once.
  for (let cpu = 1; cpu < k.config.cpus; cpu++) {
    start(k, [`kworker/u%0:${cpu + 2}`, true, 0], 0)
    start(k, [`kworker/${cpu}:1-events`, true, 0], cpu)
  }
  for (const row of LAST) if (row[3] !== 'khugepaged' || huge_pages_possible(k)) start(k, row, 0)
}

/** Of a mounted ext4: the journal's thread, and the rescuer of the conversions that follow direct writes. */
export function start_fs_threads(k: Kernel): void {
  start(k, [`jbd2/${k.strings.list[k.device.name[ROOT_DEVICE]!]!}-8`, false, 0], 0)
  start(k, ['ext4-rsv-conver', true, -20], 0)
}
const ROOT_DEVICE = 1

/**
 * start_stop_khugepaged: huge pages that are switched on have their thread, whatever boot did. Simplified: switched off, it
 * sleeps on instead of ending.
 */
export function start_khugepaged(k: Kernel): void {
  if (threads(k).khugepaged === 0)
    start(
      k,
      LAST.find((row) => row[3] === 'khugepaged')!,
      0,
    )
  if (khugepaged(k).slots.length > 0) wake_kthread(k, 'khugepaged')
}

/** hugepage_init gives up below 512 MiB: no khugepaged. */
function huge_pages_possible(k: Kernel): boolean {
  return boot_thp(k.config) !== 'never' && k.var.totalram_pages >= 512 * 256
}

function start(k: Kernel, [name, idle, nice, known]: Row, cpu: number): void {
  const t = kernel_thread(k, pool_name(k, name), threads(k).kthreadd)
  k.task.nice[t] = nice
  k.task.oom_score_adj[t] = 0
  put_to_sleep(k, t, idle)
  k.task.cpu[t] = cpu
  if (known !== undefined) threads(k)[known] = t
  if (!name.startsWith('ksoftirqd/')) return
  k.cpu.ksoftirqd[cpu + 1] = t
  k.task.flags[t]! |= PF_NO_SETAFFINITY
}

/** Each CPU has two worker pools (normal and nice -20); those of no CPU, `%0` and `%1` here, are numbered after them. */
function pool_name(k: Kernel, name: string): string {
  return name.replace(/%(\d)/, (_, n: string) => String(2 * k.config.cpus + Number(n)))
}

function put_to_sleep(k: Kernel, t: number, idle: boolean): void {
  deactivate_task(k, t)
  k.task.state[t] = idle ? TASK_IDLE : TASK_INTERRUPTIBLE
  k.task.wait_kind[t] = WAIT_KTHREAD
  k.task.wchan[t] = string_id(k, idle ? 'worker_thread' : 'kthread')
}
