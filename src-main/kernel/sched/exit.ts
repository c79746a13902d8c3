/**
 * The end of a task: its memory and files go, piece by piece, then its row stays as a zombie until the parent waits for it.
 *
 * Linux: kernel/exit.c (do_exit, exit_mm, forget_original_parent, release_task, do_wait).
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { TASK_DEAD, TASK_RUNNING, TASK_ZOMBIE, PF_EXITING, PF_KTHREAD, type Kernel } from '../kernel'
import { COST } from '../costs'
import { timer_del } from '../lib/timer'
import {
  charge,
  detach_pid,
  find_task_by_pid,
  is_oom_victim,
  need_resched,
  send_signal,
  SIGCHLD,
  signal_pending,
  sleep_interruptible,
  threads,
  trace,
  WAIT_CHILD,
  cgroup_cpu_left,
} from '../task'
import { ECHILD, EINTR, ERESTARTSYS, WNOHANG } from '../uapi'
import { exit_files } from '../mm/file_table'
import { put_task_stack } from '../mm/kernel_stack'
import { lru_gen_migrate_mm } from '../mm/lru_gen_mm'
import { mmput_begin, mmput_step } from '../mm/mm_struct'
import { exit_oom_victim, oom_victim_freed } from '../mm/oom_kill'
import { sync_mm_rss } from '../mm/rss_stat'
import { add_child, del_child, put_task_files, put_task_struct_rcu_user } from './fork'

/**
 * The running task ends with a wait status (`exit(n)` is n << 8, a signal its number): as far as it comes before somebody
 * else is to run. The scheduler lets it go on from there, and nothing else is done in its name.
 */
export function do_exit(k: Kernel, code: number): void {
  exit_begin(k, code)
  run_exit(k)
}

/** Its end has begun; the pieces are exit_step's. */
export function exit_begin(k: Kernel, code: number): void {
  const t = k.var.current
  const task = k.task
  assert(t !== 0 && (task.flags[t]! & PF_EXITING) === 0, 'exit_begin: nobody, or twice')
  charge(k, COST.exit)
  task.flags[t]! |= PF_EXITING
  task.exit_code[t] = code
  sync_mm_rss(k, task.mm[t]!)
  exit_mm(k, t)
}

/** Goes on with the running task's end until it is over or somebody else is to run. */
export function run_exit(k: Kernel): void {
  do exit_step(k)
  while (k.task.state[k.var.current] === TASK_RUNNING && !(k.var.in_slice && need_resched(k)))
}

/** The next piece of it. */
export function exit_step(k: Kernel): void {
  const t = k.var.current
  const mm = k.task.exit_mm[t]!
  if (mm === 0) return exit_rest(k, t)
  const before = k.vmstat[C.pgfree]!
  if (mmput_step(k, mm)) k.task.exit_mm[t] = 0
  if (is_oom_victim(k, t)) oom_victim_freed(k, t, k.vmstat[C.pgfree]! - before)
}

/** What comes after the memory. */
function exit_rest(k: Kernel, t: number): void {
  const task = k.task
  if (is_oom_victim(k, t)) exit_oom_victim(k, t)
  exit_files(k, t)
  put_task_files(k, t)
  delete k.var.program[t]
  if (task.timer[t] !== 0) {
    timer_del(k, task.timer[t]!)
    task.timer[t] = 0
  }
  forget_original_parent(k, t)
  exit_notify(k, t)
}

function exit_mm(k: Kernel, t: number): void {
  const mm = k.task.mm[t]!
  if (mm === 0) return
  k.task.mm[t] = 0
  if (k.mm.owner[mm] === t && k.mm.mm_users[mm]! > 1) {
    k.mm.owner[mm] = next_owner(k, mm)
    lru_gen_migrate_mm(k, mm)
  }
  if (mmput_begin(k, mm)) k.task.exit_mm[t] = mm
}
function next_owner(k: Kernel, mm: number): number {
  for (let t = k.var.task_head; t !== 0; t = k.task.list_next[t]!) if (k.task.mm[t] === mm) return t
  return 0
}

/** Children go to pid 1; those that are dead already are reaped by it. */
function forget_original_parent(k: Kernel, t: number): void {
  const init = threads(k).init
  for (let child = k.task.child[t]!; child !== 0; child = k.task.child[t]!) {
    del_child(k, child)
    add_child(k, init === t ? 0 : init, child)
    if (k.task.state[child] === TASK_ZOMBIE) {
      if (k.task.parent[child] === 0) release_task(k, child)
      else send_signal(k, init, SIGCHLD)
    }
  }
}

/** Becomes a zombie and tells the parent; without a parent that could wait it is gone at once. */
function exit_notify(k: Kernel, t: number): void {
  const task = k.task
  const parent = task.parent[t]!
  trace(k, {
    kind: 'exit',
    text: `exit ${task.exit_code[t]! >> 8}`,
    pid: task.pid[t]!,
    name: k.strings.list[task.comm[t]!]!,
    value: task.exit_code[t]!,
  })
  task.state[t] = TASK_ZOMBIE
  if (parent === 0 || (task.flags[parent]! & PF_KTHREAD) !== 0) {
    task.state[t] = TASK_DEAD
  } else send_signal(k, parent, SIGCHLD)
  // Its row and its stack are still in use until the CPU turns away from it.
  dead_tasks(k).push(t)
}
function dead_tasks(k: Kernel): number[] {
  return (k.var.mod['dead_tasks'] ??= []) as number[]
}
/**
 * finish_task_switch: the CPU has turned away from tasks that ended. A zombie keeps its number and no stack; those that
 * nobody waits for go whole. The scheduler calls it between slices.
 */
export function release_dead_tasks(k: Kernel): void {
  const dead = dead_tasks(k)
  while (dead.length > 0) {
    const t = dead.pop()!
    if (k.task.state[t] === TASK_DEAD) release_task(k, t)
    else if (k.task.state[t] === TASK_ZOMBIE) put_task_stack(k, t)
  }
}

/** The last of a task: number, objects, row. */
export function release_task(k: Kernel, t: number): void {
  del_child(k, t)
  detach_pid(k, t)
  cgroup_cpu_left(k, t, 1)
  put_task_struct_rcu_user(k, t)
}

/**
 * wait4(2): the pid of a child that has ended (any when `pid` is -1), 0 with WNOHANG, or -errno. Without one the task
 * sleeps and the call is to be made again (-ERESTARTSYS).
 */
export function do_wait(k: Kernel, pid: number, options: number): number {
  charge(k, COST.wait)
  const t = k.var.current
  let any = false
  for (let child = k.task.child[t]!; child !== 0; child = k.task.sibling_next[child]!) {
    if (pid > 0 && k.task.pid[child] !== pid) continue
    any = true
    if (k.task.state[child] !== TASK_ZOMBIE) continue
    return reap(k, t, child)
  }
  if (!any) return -ECHILD
  if ((options & WNOHANG) !== 0) return 0
  if (signal_pending(k, t)) return -EINTR
  sleep_interruptible(k, Infinity, WAIT_CHILD, pid > 0 ? find_task_by_pid(k, pid) : 0, 'do_wait')
  return -ERESTARTSYS
}

function reap(k: Kernel, parent: number, child: number): number {
  const pid = k.task.pid[child]!
  k.task.exit_status[parent] = k.task.exit_code[child]!
  release_task(k, child)
  return pid
}
