/** Starting a lab task: fork and exec of the one small program that a bare machine has. */
import { string_id, type Kernel } from '../kernel/kernel'
import { find_task_by_pid, SIGBUS, SIGSEGV } from '../kernel/task'
import { sys_fork, sys_sigaction } from '../kernel/entry/syscall'
import { exec } from './calls'

/** A child of `parent` (a task row) in a fresh image; its row, or 0 without memory for it. Faults go to a handler. */
export function start_lab_task(k: Kernel, parent: number, comm: string): number {
  const { current } = k.var
  k.var.current = parent
  const pid = sys_fork(k)
  const row = pid < 0 ? 0 : find_task_by_pid(k, pid)
  if (row !== 0) {
    k.var.current = row
    exec(k, comm)
    k.task.comm[row] = string_id(k, comm.slice(0, 15))
    handleFaults(k)
  }
  k.var.current = current
  return row
}

/** The running task wants SIGSEGV and SIGBUS in a handler, so that it goes on after them. */
export function handleFaults(k: Kernel): void {
  sys_sigaction(k, SIGSEGV, true)
  sys_sigaction(k, SIGBUS, true)
}
