/**
 * Queues of huge pages that lost some of their entries: one a cgroup, the root's is the node's. Reclaim splits them from
 * the front. In the first tail `private` says that a page is queued, `next` and `prev` of the
 * second name its neighbours' heads.
 *
 * Linux: mm/huge_memory.c (get_deferred_split_queue, deferred_split_huge_page, free_transhuge_page, deferred_split_scan).
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { PG_head, PG_isolated, PG_swapcache, type Kernel } from '../kernel'
import { list_add_tail, list_del, type Heads, type Links } from '../lib/list'
import { split_huge_page } from './huge_split'
import { compound_head } from './page_alloc'

function queues({ memcg }: Kernel): Heads {
  return { head: memcg.split_first, tail: memcg.split_last }
}
/** By the head of a page, those of its second tail. */
function links({ page }: Kernel): Links {
  return { next: page.next.subarray(2), prev: page.prev.subarray(2) }
}

/** Queues a huge page that lost some of its entries, unless reclaim has it in hand. */
export function deferred_split_huge_page(k: Kernel, pfn: number): void {
  const { private: queued, flags, memcg } = k.page
  const head = compound_head(k, pfn)
  if (queued[head + 1] !== 0 || (flags[head]! & PG_swapcache) !== 0) return
  queued[head + 1] = 1
  list_add_tail(queues(k), memcg[head]!, links(k), head)
  k.memcg.split_len[memcg[head]!]!++
  k.vmstat[C.thp_deferred_split_page]!++
}
/** The page goes, or is split. */
export function undo_deferred_split(k: Kernel, head: number): void {
  const { private: queued, memcg } = k.page
  if (queued[head + 1] === 0) return
  queued[head + 1] = 0
  list_del(queues(k), memcg[head]!, links(k), head)
  k.memcg.split_len[memcg[head]!]!--
}

export function deferred_split_count(k: Kernel, memcg: number): number {
  return k.memcg.split_len[memcg]!
}
/**
 * The first `nr` pages of a cgroup's queue, taken one before the other, so that the last comes first. Those that are not
 * split are the queue's last afterwards. Returns how many were.
 */
export function deferred_split_scan(k: Kernel, nr: number, memcg: number): number {
  const list: number[] = []
  const { flags } = k.page
  const { next } = links(k)
  for (let head = k.memcg.split_first[memcg]!; head !== 0 && list.length < nr; head = next[head]!) list.unshift(head)
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
  deferred_split_huge_page(k, head)
  k.vmstat[C.thp_deferred_split_page]!--
}

/** Each queue holds huge pages of its cgroup, linked both ways, as many as it says. */
export function verify_deferred_split(k: Kernel): void {
  const { split_first, split_last, split_len } = k.memcg
  const { private: queued, flags, memcg } = k.page
  const { next, prev } = links(k)
  for (let queue = 0; queue < Math.max(1, k.memcg.meta.high); queue++) {
    let [last, nr] = [0, 0]
    for (let head = split_first[queue]!; head !== 0; head = next[head]!) {
      assert((flags[head]! & PG_head) !== 0 && queued[head + 1] === 1, 'deferred_split: not a queued huge page')
      assert(memcg[head] === queue && prev[head] === last, 'deferred_split: the queue')
      last = head
      nr++
    }
    assert(split_last[queue] === last && split_len[queue] === nr, 'deferred_split: the length')
  }
}
