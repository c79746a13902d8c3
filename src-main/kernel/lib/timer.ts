/**
 * Timers: a binary heap in the timer table, ordered by deadline and then by the order of arming. The element at heap
 * place p (1 … nr_live) is `heap[p]`; `pos` is the way back. Waiting is data: a kind and an argument, never a closure.
 */
import { assert } from '@shared/assert'
import { row_alloc, row_free } from './arena'
import type { Kernel } from '../kernel'

/** Arms a timer; returns its row. */
export function timer_add(k: Kernel, at_ns: number, kind: number, arg: number): number {
  const timer = k.timer
  const row = row_alloc(timer)
  assert(row !== 0, 'timer_add: the table is full')
  timer.at[row] = at_ns
  timer.kind[row] = kind
  timer.arg[row] = arg
  timer.seq[row] = k.var.timer_seq++
  place(k, timer.meta.nr_live, row)
  sift_up(k, timer.meta.nr_live)
  return row
}

export function timer_del(k: Kernel, row: number): void {
  const timer = k.timer
  const at = timer.pos[row]!
  const last = timer.meta.nr_live
  assert(at >= 1 && at <= last && timer.heap[at] === row, 'timer_del: not armed')
  const moved = timer.heap[last]!
  timer.heap[last] = 0
  if (at !== last) {
    place(k, at, moved)
    sift_down(k, at, last - 1)
    sift_up(k, timer.pos[moved]!)
  }
  // The heap word of this row belongs to a heap place, not to this timer.
  const word = timer.heap[row]!
  row_free(timer, row)
  timer.heap[row] = word
}

/** The timer that is due first; 0 when none is armed. */
export function timer_first(k: Kernel): number {
  return k.timer.heap[1]!
}

/** When the first timer is due; Infinity when none is armed. */
export function timer_next_ns(k: Kernel): number {
  const row = k.timer.heap[1]!
  return row === 0 ? Infinity : k.timer.at[row]!
}

/** The earliest timer of a kind that is due by `until`; 0 when there is none. Looks at the due part of the heap only. */
export function timer_find(k: Kernel, kind: number, until: number, at = 1): number {
  const timer = k.timer
  if (at > timer.meta.nr_live) return 0
  const row = timer.heap[at]!
  if (timer.at[row]! > until) return 0
  let best = timer.kind[row] === kind ? row : 0
  if (best !== 0) return best
  for (let child = 2 * at; child <= 2 * at + 1; child++) {
    const found = timer_find(k, kind, until, child)
    if (found !== 0 && (best === 0 || before(k, found, best))) best = found
  }
  return best
}

function before(k: Kernel, a: number, b: number): boolean {
  const timer = k.timer
  const at = timer.at[a]!
  const bt = timer.at[b]!
  return at < bt || (at === bt && timer.seq[a]! < timer.seq[b]!)
}

function place(k: Kernel, at: number, row: number): void {
  k.timer.heap[at] = row
  k.timer.pos[row] = at
}

function sift_up(k: Kernel, at: number): void {
  const heap = k.timer.heap
  const row = heap[at]!
  while (at > 1) {
    const parent = at >> 1
    const above = heap[parent]!
    if (!before(k, row, above)) break
    place(k, at, above)
    at = parent
  }
  place(k, at, row)
}

function sift_down(k: Kernel, at: number, nr: number): void {
  const heap = k.timer.heap
  const row = heap[at]!
  for (;;) {
    let child = 2 * at
    if (child > nr) break
    if (child < nr && before(k, heap[child + 1]!, heap[child]!)) child++
    const below = heap[child]!
    if (!before(k, below, row)) break
    place(k, at, below)
    at = child
  }
  place(k, at, row)
}
