/**
 * The callbacks of a CPU in the order in which they were asked for, cut into four segments: done (their grace period is
 * over), waiting for the current grace period, ready to wait for the next one, and new.
 *
 *   first ── done ──┤ tail 0 ── wait ──┤ tail 1 ── next ready ──┤ tail 2 ── next ──┤ tail 3
 *
 * A tail is the number of callbacks ever enqueued up to the segment's end, so that moving callbacks between segments
 * moves numbers and no links.
 *
 * Linux: kernel/rcu/rcu_segcblist.c (rcu_segcblist_accelerate, rcu_segcblist_advance).
 */
import { assert } from '@shared/assert'
import type { Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'

const DONE = 0
const WAIT = 1
export const NEXT_READY = 2
const NEXT = 3
const SEGMENTS = 4

/** Puts a callback at the end of a CPU's list; its row, to be filled in. */
export function cblist_enqueue(k: Kernel, row: number): number {
  const { rcu_data, rcu_head } = k
  const head = row_alloc(rcu_head)
  assert(head !== 0, 'call_rcu: the table is full')
  if (rcu_data.last[row] !== 0) rcu_head.next[rcu_data.last[row]!] = head
  else rcu_data.head[row] = head
  rcu_data.last[row] = head
  rcu_data.tail[row * SEGMENTS + NEXT]!++
  return head
}

/** Takes the oldest done callback out; the row stays the caller's to free with `row_free`. 0 when none is done. */
export function cblist_dequeue(k: Kernel, row: number): number {
  const { rcu_data, rcu_head } = k
  if (cblist_ready(k, row) === 0) return 0
  const head = rcu_data.head[row]!
  rcu_data.head[row] = rcu_head.next[head]!
  if (rcu_data.head[row] === 0) rcu_data.last[row] = 0
  rcu_data.first[row]!++
  return head
}
export function cblist_free(k: Kernel, head: number): void {
  row_free(k.rcu_head, head)
}

/** Callbacks whose grace period is over. */
export function cblist_ready(k: Kernel, row: number): number {
  return k.rcu_data.tail[row * SEGMENTS + DONE]! - k.rcu_data.first[row]!
}
export function cblist_len(k: Kernel, row: number): number {
  return k.rcu_data.tail[row * SEGMENTS + NEXT]! - k.rcu_data.first[row]!
}
/** True when nothing lies behind a segment (rcu_segcblist_restempty). */
export function cblist_restempty(k: Kernel, row: number, segment: number): boolean {
  return k.rcu_data.tail[row * SEGMENTS + segment] === k.rcu_data.tail[row * SEGMENTS + NEXT]
}
export function cblist_pending(k: Kernel, row: number): boolean {
  return !cblist_restempty(k, row, DONE)
}

/** New callbacks wait for grace period `seq`, with those that wait for a later one. True when any does now. */
export function cblist_accelerate(k: Kernel, row: number, seq: number): boolean {
  const { tail, seg_seq } = k.rcu_data
  const at = row * SEGMENTS
  if (cblist_restempty(k, row, DONE)) return false
  let i = NEXT_READY
  for (; i > DONE; i--) if (tail[at + i] !== tail[at + i - 1] && seg_seq[at + i]! < seq) break
  if (cblist_restempty(k, row, i) || ++i >= NEXT) return false
  for (; i < NEXT; i++) {
    tail[at + i] = tail[at + NEXT]!
    seg_seq[at + i] = seq
  }
  return true
}

/** Grace period `seq` is over: what waited for it or an earlier one is done. */
export function cblist_advance(k: Kernel, row: number, seq: number): void {
  const { tail, seg_seq } = k.rcu_data
  const at = row * SEGMENTS
  let i = WAIT
  for (; i < NEXT; i++) {
    if (tail[at + i]! > tail[at + DONE]! && seq < seg_seq[at + i]!) break
    tail[at + DONE] = Math.max(tail[at + DONE]!, tail[at + i]!)
  }
  if (i === WAIT) return
  for (let j = WAIT; j < i; j++) tail[at + j] = tail[at + DONE]!
  for (let j = WAIT; i < NEXT; i++, j++) {
    if (tail[at + j] === tail[at + NEXT]) break
    tail[at + j] = tail[at + i]!
    seg_seq[at + j] = seg_seq[at + i]!
  }
}

/** Everything is done, whatever it waited for (rcu_barrier of a machine that stands still). */
export function cblist_all_done(k: Kernel, row: number): void {
  const { tail } = k.rcu_data
  for (let i = DONE; i < NEXT; i++) tail[row * SEGMENTS + i] = tail[row * SEGMENTS + NEXT]!
}

/** Checks the segments and the list of every CPU; returns how many callbacks there are. Throws KernelBug. */
export function verify_cblists(k: Kernel): number {
  let sum = 0
  for (let row = 1; row <= k.config.cpus; row++) {
    const { first, tail, head, last } = k.rcu_data
    for (let i = 0, from = first[row]!; i < SEGMENTS; from = tail[row * SEGMENTS + i++]!)
      assert(tail[row * SEGMENTS + i]! >= from, 'rcu: segments out of order')
    let nr = 0
    let end = 0
    for (let at = head[row]!; at !== 0; at = k.rcu_head.next[at]!, nr++) end = at
    assert(nr === cblist_len(k, row) && end === last[row], 'rcu: length of a list')
    sum += nr
  }
  return sum
}
