/**
 * What a task waits in: /proc/PID/wchan, stack and syscall.
 *
 * Linux: fs/proc/base.c (proc_pid_wchan, proc_pid_stack, proc_pid_syscall), lib/syscall.c (collect_syscall). Kept: the paths
 * of waits as a measured 6.1 printed them. Simplified: of a wait that was not measured, or that faults and calls share, the
 * function alone is known, and no number of a call; arguments are 0.
 */
import { PF_KTHREAD, TASK_RUNNING, TASK_ZOMBIE, type Kernel } from '../kernel'

interface Wait {
  /** Of the system call; -1: none is known. */
  readonly nr: number
  /** From the function that sleeps outwards. */
  readonly frames: readonly string[]
}
const SYSCALL = ['do_syscall_64+0x5d/0xb0', 'entry_SYSCALL_64_after_hwframe+0x6e/0xd8']
const WAITS: Readonly<Record<string, Wait>> = {
  do_wait: {
    nr: 61,
    frames: ['do_wait+0x114/0x320', 'kernel_wait4+0xb4/0x160', '__do_sys_wait4+0xa2/0xb0', ...SYSCALL],
  },
  hrtimer_nanosleep: {
    nr: 230,
    frames: [
      'hrtimer_nanosleep+0x9e/0x170',
      'common_nsleep+0x3f/0x50',
      '__x64_sys_clock_nanosleep+0xdb/0x140',
      ...SYSCALL,
    ],
  },
  __do_sys_pause: { nr: 34, frames: ['__do_sys_pause+0x24/0x50', ...SYSCALL] },
  ep_poll: { nr: 232, frames: ['ep_poll', 'do_epoll_wait', '__x64_sys_epoll_wait', ...SYSCALL] },
}

/** Kernel threads by their names, the first that fits: the functions that they sleep in. */
const KTHREADS: readonly (readonly [RegExp, ...string[]])[] = [
  [/^kworker\//, 'worker_thread+0xaf/0x380'],
  [/^(cpuhp|ksoftirqd|migration)\//, 'smpboot_thread_fn+0x147/0x1d0'],
  [/^rcu_tasks_/, 'rcu_tasks_one_gp+0x1df/0x3b0', 'rcu_tasks_kthread+0x2e/0x40'],
  [/^rcu_preempt$/, 'rcu_gp_kthread+0xd8/0x1b0'],
  [/^kdevtmpfs$/, 'devtmpfs_work_loop+0x317/0x320', 'devtmpfsd+0x22/0x2b'],
  [/^kauditd$/, 'kauditd_thread+0x1ce/0x2d0'],
  [/^khungtaskd$/, 'watchdog+0x7c/0x440'],
  [/^oom_reaper$/, 'oom_reaper+0x24b/0x390'],
  [/^kcompactd/, 'kcompactd+0x3cf/0x420'],
  [/^ksmd$/, 'ksm_scan_thread+0x148d/0x2320'],
  [/^khugepaged$/, 'khugepaged+0x5bf/0x970'],
  [/^kswapd/, 'kswapd+0x380/0x3a0'],
  [/^jbd2\//, 'kjournald2+0x265/0x280 [jbd2]'],
  // A work queue that must go on without memory has a thread in reserve.
  [/^/, 'rescuer_thread+0x2ae/0x3a0'],
]
const KTHREADD = ['kthreadd+0x2bc/0x2d0', 'ret_from_fork+0x22/0x30']
const KTHREAD_MAIN = ['kthread+0xda/0x100', 'ret_from_fork+0x22/0x30']

function comm(k: Kernel, t: number): string {
  return k.strings.list[k.task.comm[t]!]!
}
function is_running(k: Kernel, t: number): boolean {
  return k.task.state[t] === TASK_RUNNING
}
/** The functions that a sleeping task stands in; of a running one they cannot be told. */
function frames_of(k: Kernel, t: number): readonly string[] {
  if (is_running(k, t) || k.task.wchan[t] === 0) return []
  const name = k.strings.list[k.task.wchan[t]!]!
  if ((k.task.flags[t]! & PF_KTHREAD) === 0) return WAITS[name]?.frames ?? [name]
  if (name !== 'kthread' && name !== 'worker_thread') return [name, ...KTHREAD_MAIN]
  if (comm(k, t) === 'kthreadd') return KTHREADD
  const [, ...own] = KTHREADS.find(([pattern]) => pattern.test(comm(k, t)))!
  return [...own, ...KTHREAD_MAIN]
}

/** The first function that is none of the scheduler's; 0 for who runs. */
export function pid_wchan(k: Kernel, t: number): string {
  return frames_of(k, t)[0]?.replace(/[+ ].*/, '') ?? '0'
}
export function pid_stack(k: Kernel, t: number): string {
  return frames_of(k, t)
    .map((frame) => `[<0>] ${frame}\n`)
    .join('')
}
/** The call's number, six arguments, stack pointer and place; without a call the last two alone. */
export function pid_syscall(k: Kernel, t: number): string {
  if (k.task.state[t] === TASK_ZOMBIE) return '-1 0x0 0x0\n'
  if (is_running(k, t)) return 'running\n'
  const mm = k.task.mm[t]!
  if (mm === 0) return `0 ${Array(8).fill('0x0').join(' ')}\n`
  const at = `0x${k.mm.start_stack[mm]!.toString(16)} 0x${k.mm.start_code[mm]!.toString(16)}`
  const nr = WAITS[k.strings.list[k.task.wchan[t]!]!]?.nr ?? -1
  return nr < 0 ? `-1 ${at}\n` : `${nr} ${Array(6).fill('0x0').join(' ')} ${at}\n`
}
