/**
 * A lab task measures itself, as the programs do whose runs it is compared with: it reads its figures, takes them apart
 * and prints a line. That is work too, on the program's own pages (kernel/entry/run.ts), but its faults are not the step's:
 * getrusage comes before it; most of it comes before the next step's counters are read.
 */
import type { Kernel } from '../kernel/kernel'
import { own_code, own_look, own_pages, own_stack, run_on } from '../kernel/entry/run'
import { exit_to_user_mode } from '../kernel/entry/syscall'
import { signal_pending, task_blocked } from '../kernel/task'
import { before } from './measure'
import type { Context, Outcome } from './operations'
import type { Running } from './runner'

/** An operation between two looks at the figures, which the main task takes; the others only do their work. */
export function* measured({ lab, k, task }: Context, operation: Running): Running {
  yield* runOn(k, task === lab.main ? own_pages(k) : own_code(k))
  if (task.running !== null) task.running.since = before(k, task.row)
  const outcome: Outcome = yield* operation
  // Its function returns, and calls getrusage.
  yield* runOn(k, own_stack(k))
  const flt = outcome.flt ?? { min: k.task.min_flt[task.row]!, maj: k.task.maj_flt[task.row]! }
  if (task === lab.main) yield* runOn(k, own_look(k))
  return { ...outcome, flt }
}

/** Computes on pages of the program's own, across sleeps. */
export function* runOn(k: Kernel, pages: readonly number[]): Generator<undefined, void, undefined> {
  const t = k.var.current
  for (let at = 0; ;) {
    k.task.si_signo[t] = 0
    at = run_on(k, pages, at)
    if (at === pages.length) return
    // A page that is no longer there for it (a truncated file) is left out.
    if (k.task.si_signo[t] !== 0) at += 2
    k.task.si_signo[t] = 0
    if (signal_pending(k, t)) exit_to_user_mode(k)
    if (at < pages.length || task_blocked(k)) yield
  }
}
