/**
 * Signals: what happens to a pending one when its task returns to user mode, and the ones that faults cause.
 *
 * Linux: kernel/signal.c (get_signal, force_sig_fault). Simplified: a handler takes its time and changes nothing; pending
 * signals of a kind are not counted.
 */
import { PF_EXITING, TASK_STOPPED, type Kernel } from '../kernel'
import { COST } from '../costs'
import {
  charge,
  deactivate_task,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTSTP,
  task_blocked,
  WAIT_STOPPED,
} from '../task'
import { set_exit } from '../mm/preempt'
import { exit_begin, exit_step, release_dead_tasks, run_exit } from './exit'

const SIGURG = 23
const SIGWINCH = 28
const SIGTTIN = 21
const SIGTTOU = 22

/** Delivers what is pending to the running task; it may be stopped or gone afterwards. */
export function get_signal(k: Kernel): void {
  if (deliver(k)) run_exit(k)
}

/** True when one of them ends the task. */
function deliver(k: Kernel): boolean {
  const t = k.var.current
  while (!task_blocked(k)) {
    const sig = dequeue_signal(k, t)
    if (sig === 0) return false
    charge(k, COST.signal_deliver)
    if (sig !== SIGKILL && sig !== SIGSTOP && signal_handled(k, t, sig)) continue
    if (sig === SIGCHLD || sig === SIGURG || sig === SIGWINCH || sig === SIGCONT) continue
    if (sig === SIGSTOP || sig === SIGTSTP || sig === SIGTTIN || sig === SIGTTOU) {
      k.task.state[t] = TASK_STOPPED
      k.task.wait_kind[t] = WAIT_STOPPED
      deactivate_task(k, t)
      return false
    }
    exit_begin(k, sig)
    return true
  }
  return false
}

/** Who was killed may die inside another task's call, where that gives way. */
set_exit({
  step: (k) => {
    if ((k.task.flags[k.var.current]! & PF_EXITING) !== 0) exit_step(k)
    else deliver(k)
    return false
  },
  finish: release_dead_tasks,
})

/** SIGKILL first, then the lowest number. */
function dequeue_signal(k: Kernel, t: number): number {
  const pending = k.task.sig_pending
  if ((pending[t * 2]! & (1 << (SIGKILL - 1))) !== 0) return take(k, t, SIGKILL)
  for (let sig = 1; sig <= 64; sig++)
    if ((pending[t * 2 + ((sig - 1) >> 5)]! & (1 << ((sig - 1) & 31))) !== 0) return take(k, t, sig)
  return 0
}
function take(k: Kernel, t: number, sig: number): number {
  k.task.sig_pending[t * 2 + ((sig - 1) >> 5)]! &= ~(1 << ((sig - 1) & 31))
  return sig
}

export function signal_handled(k: Kernel, t: number, sig: number): boolean {
  return (k.task.sig_handled[t * 2 + ((sig - 1) >> 5)]! & (1 << ((sig - 1) & 31))) !== 0
}

/** sigaction(2): the program wants (or no longer wants) to handle a signal. */
export function set_handler(k: Kernel, t: number, sig: number, handled: boolean): void {
  const word = t * 2 + ((sig - 1) >> 5)
  const mask = 1 << ((sig - 1) & 31)
  if (handled) k.task.sig_handled[word]! |= mask
  else k.task.sig_handled[word]! &= ~mask
}
