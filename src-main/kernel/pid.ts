/** Process numbers, and the list of all tasks. Linux: kernel/pid.c. */
import { PF_KTHREAD, type Kernel } from './kernel'

export function find_task_by_pid(k: Kernel, pid: number): number {
  return Number.isInteger(pid) && pid > 0 && pid < k.pid.meta.capacity ? k.pid.task[pid]! : 0
}

/** Tasks in the order of their creation (threads too): `for (let t = first_task(k); t !== 0; t = next_task(k, t))`. */
export function first_task(k: Kernel): number {
  return k.var.task_head
}
export function next_task(k: Kernel, t: number): number {
  return k.task.list_next[t]!
}
/** The next free process number (kernel/pid.c: cyclic, restarts at 300); 0 when there is none. */
export function alloc_pid(k: Kernel): number {
  const max = k.var.sysctl['kernel.pid_max'] ?? 32768
  for (let tries = 0; tries < max; tries++) {
    if (k.var.next_pid >= max) k.var.next_pid = 300
    const pid = k.var.next_pid++
    if (k.pid.task[pid] === 0) return pid
  }
  return 0
}

/** Gives a new task its number and puts it on the list of all tasks. */
export function attach_pid(k: Kernel, t: number, pid: number): void {
  k.task.pid[t] = pid
  k.pid.task[pid] = t
  if (pid >= k.pid.meta.high) k.pid.meta.high = pid + 1
  const last = k.var.task_tail
  k.task.list_prev[t] = last
  if (last !== 0) k.task.list_next[last] = t
  else k.var.task_head = t
  k.var.task_tail = t
}

/** Takes a reaped task off the list and frees its number. */
export function detach_pid(k: Kernel, t: number): void {
  const { list_next, list_prev } = k.task
  const next = list_next[t]!
  const prev = list_prev[t]!
  if (prev !== 0) list_next[prev] = next
  else k.var.task_head = next
  if (next !== 0) list_prev[next] = prev
  else k.var.task_tail = prev
  k.pid.task[k.task.pid[t]!] = 0
}

export function is_kthread(k: Kernel, t: number): boolean {
  return (k.task.flags[t]! & PF_KTHREAD) !== 0
}
export function current_mm(k: Kernel): number {
  return k.task.mm[k.var.current]!
}
