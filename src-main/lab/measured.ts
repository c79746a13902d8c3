/**
 * A lab task measures itself, as the programs do whose runs it is compared with: it reads its figures, takes them apart
 * and prints a line. That is work too, on the program's own pages, in the order of measuringProgram.ts; what of it lies
 * between the two readings of a file shows in that file's figures. Tools of the shell only do their work.
 */
import { has_program } from '../kernel/drivers/initrd'
import { own_code, own_look, own_pages, own_stack, run_on } from '../kernel/entry/run'
import { exit_to_user_mode } from '../kernel/entry/syscall'
import type { Kernel } from '../kernel/kernel'
import {
  charge_user,
  need_resched,
  signal_pending,
  sleep_interruptible,
  task_blocked,
  WAIT_SLEEP,
} from '../kernel/task'
import { before, vmstatChange } from './measure'
import * as own from './measuringProgram'
import type { Context, Outcome } from './operations'
import type { LabTask, Running } from './runner'

/** An operation between two looks at the figures, which the program takes; others only do their work. */
export function* measured(c: Context, operation: Running): Running {
  const { lab, k, task } = c
  if (has_program(k) && takes_figures(c)) return yield* looked(c, operation)
  yield* runOn(k, task === lab.main ? own_pages(k) : own_code(k))
  if (task.running !== null) task.running.since = before(k, task.row)
  const from = k.var.now
  const outcome: Outcome = yield* operation
  const us = (k.var.now - from) / 1000
  // Its function returns, and calls getrusage.
  yield* runOn(k, own_stack(k))
  const flt = outcome.flt ?? faults(c)
  if (task === lab.main) yield* runOn(k, own_look(k))
  return { ...outcome, us, flt }
}

/** The measuring program's turn, from the line of the step before to the second file that it reads after this one. */
function* looked(c: Context, operation: Running): Running {
  const { k, task } = c
  const named = task.running?.step.label !== undefined
  if (task.running !== null && begins_line(task)) {
    // A child's first look finds nothing to print, and the pages of the code for it not yet mapped.
    const first = task !== c.lab.main && !task.looked
    task.looked = true
    yield* runOn(k, first ? [...own.leave(k), ...own.look(k), ...own.parse(k)] : own.print(k))
    if (named && !first) yield* printed(k)
    const { vmstat } = before(k, task.row)
    yield* runOn(k, own.enter(k))
    if (named) yield* work(k, own.ENTER_NS + own.walk_ns(k))
    task.running.since = { ...before(k, task.row), vmstat }
  }
  const from = k.var.now
  const outcome: Outcome = yield* operation
  const us = (k.var.now - from) / 1000
  if (!ends_line(task)) return { ...outcome, us }
  yield* runOn(k, own.leave(k))
  const flt = outcome.flt ?? faults(c)
  yield* runOn(k, own.look(k))
  if (named) yield* work(k, own.LOOK_NS)
  const change = task.running === null ? {} : vmstatChange(k, task.running.since)
  yield* runOn(k, own.parse(k))
  if (named) yield* work(k, own.PARSE_NS)
  return { ...outcome, us, flt, vmstat: change }
}

/**
 * The main task does, and a forked child for lines of its own: steps with a label that the main task's beside them do not
 * have, whose line they would else be part of.
 */
function takes_figures({ lab, task }: Context): boolean {
  if (task === lab.main) return true
  const label = task.running?.step.label
  const around = lab.main.work.at(-1)
  if (label === undefined || !task.stays || around === undefined) return false
  return label !== around.steps[around.at - 2]?.label && label !== around.steps[around.at]?.label
}
/**
 * Steps with one label, side by side, are one to the reader: the program looks before the first and after the last. It
 * takes no time for steps without a label, for which it prints no line.
 */
function begins_line({ running, work }: LabTask): boolean {
  const { steps, at } = work.at(-1)!
  const label = running!.step.label
  return label === undefined || steps[at - 2]?.label !== label
}
function ends_line({ running, work }: LabTask): boolean {
  const { steps, at } = work.at(-1)!
  const label = running?.step.label
  return label === undefined || steps[at]?.label !== label
}

function faults({ k, task }: Context): { min: number; maj: number } {
  return { min: k.task.min_flt[task.row]!, maj: k.task.maj_flt[task.row]! }
}

/** The line fills the buffer of the serial line; the program sleeps until its rest has gone out, too. */
function* printed(k: Kernel): Generator<undefined, void, undefined> {
  yield* work(k, own.PRINT_NS)
  const until = k.var.now + own.DRAIN_NS * (k.config.slowdown ?? 1)
  while (k.var.now < until) {
    sleep_interruptible(k, until, WAIT_SLEEP, 0, 'n_tty_write')
    yield
    if (signal_pending(k, k.var.current)) exit_to_user_mode(k)
  }
  yield* work(k, own.LOOK_NS + own.walk_ns(k))
}

/** The program has work to do for so long; who is to run meanwhile does, as at the end of an interrupt. */
const WORK_PIECE_NS = 5_000
function* work(k: Kernel, ns: number): Generator<undefined, void, undefined> {
  for (let left = ns; left > 0; left -= WORK_PIECE_NS) {
    charge_user(k, Math.min(left, WORK_PIECE_NS))
    if (need_resched(k)) yield
  }
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
