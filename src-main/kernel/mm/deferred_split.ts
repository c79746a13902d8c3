/**
 * Queues of huge pages that lost some of their entries: one a cgroup, the root's is the node's. Reclaim splits them from
 * the front. In the first tail `private` says that a page is queued, in the second tail `next` and `prev` name its
 * neighbours' heads.
 *
 * Linux: mm/huge_memory.c (get_deferred_split_queue, deferred_split_huge_page, free_transhuge_page, deferred_split_scan).
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { PG_head, PG_isolated, PG_swapcache, type Kernel } from '../kernel'
import { split_huge_page } from './huge_split'

/** Queues a huge page, unless reclaim has it in hand. */
export function queue_deferred_split(k: Kernel, head: number): void {
  const { next, prev, private: queued, flags, memcg } = k.page
  if (queued[head + 1] !== 0 || (flags[head]! & PG_swapcache) !== 0) return
  const { split_first, split_last, split_len } = k.memcg
  const queue = memcg[head]!
  const last = split_last[queue]!
  queued[head + 1] = 1
  prev[head + 2] = last
  next[head + 2] = 0
  if (last === 0) split_first[queue] = head
  else next[last + 2] = head
  split_last[queue] = head
  split_len[queue]!++
  k.vmstat[C.thp_deferred_split_page]!++
}
/** The page goes, or is split. */
export function undo_deferred_split(k: Kernel, head: number): void {
  const { next, prev, private: queued, memcg } = k.page
  if (queued[head + 1] === 0) return
  const { split_first, split_last, split_len } = k.memcg
  const queue = memcg[head]!
  const [before, after] = [prev[head + 2]!, next[head + 2]!]
  if (before === 0) split_first[queue] = after
  else next[before + 2] = after
  if (after === 0) split_last[queue] = before
  else prev[after + 2] = before
  split_len[queue]!--
  queued[head + 1] = 0
  next[head + 2] = 0
  prev[head + 2] = 0
}

export function deferred_split_count(k: Kernel, memcg: number): number {
  return k.memcg.split_len[memcg]!
}
/**
 * The first `nr` pages of a cgroup's queue, taken one before the other, so that the last comes first. Those that are not
 * split are the queue's last afterwards. Returns how many were.
 */
export function deferred_split_scan(k: Kernel, nr: number, memcg = 0): number {
  const list: number[] = []
  const { next, flags } = k.page
  for (let head = k.memcg.split_first[memcg]!; head !== 0 && list.length < nr; head = next[head + 2]!)
    list.unshift(head)
  let split = 0
  for (const head of list) {
    // Whoever isolated it holds a reference.
    if ((flags[head]! & PG_isolated) === 0 && split_huge_page(k, head)) split++
    else move_to_tail(k, head)
  }
  return split
}
function move_to_tail(k: Kernel, head: number): void {
  if (k.page.private[head + 1] === 0) return
  undo_deferred_split(k, head)
  queue_deferred_split(k, head)
  k.vmstat[C.thp_deferred_split_page]!--
}

/** Each queue holds huge pages of its cgroup, linked both ways, as many as it says. */
export function verify_deferred_split(k: Kernel): void {
  const { split_first, split_last, split_len } = k.memcg
  const { next, prev, private: queued, flags, memcg } = k.page
  for (let queue = 0; queue < Math.max(1, k.memcg.meta.high); queue++) {
    let [last, nr] = [0, 0]
    for (let head = split_first[queue]!; head !== 0; head = next[head + 2]!) {
      assert((flags[head]! & PG_head) !== 0 && queued[head + 1] === 1, 'deferred_split: not a queued huge page')
      assert(memcg[head] === queue && prev[head + 2] === last, 'deferred_split: the queue')
      last = head
      nr++
    }
    assert(split_last[queue] === last && split_len[queue] === nr, 'deferred_split: the length')
  }
}
