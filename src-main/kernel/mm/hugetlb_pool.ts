/**
 * The pools of huge pages, one of each size (an hstate): 2 MiB and, on a processor with pdpe1gb, 1 GiB.
 *
 *     nr = free + in use,  rsvd ≤ free,  surplus: pages beyond the pool, taken while nr_overcommit_hugepages allows
 *
 * 2 MiB pages come from the buddy system. Gigantic ones are longer than its longest block: at boot memblock gives them
 * (`hugepagesz=1G hugepages=N`), later a run of frames is emptied for them (mm/contig.ts), which seldom works for long.
 *
 * Linux: mm/hugetlb.c (hugetlb_hstate_alloc_pages, set_max_huge_pages, hugetlb_acct_memory, demote_pool_huge_page).
 * Simplified: no cgroup, no subpools, no huge vmemmap optimisation.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  GFP_HIGHUSER_MOVABLE,
  PG_anon,
  PG_anon_exclusive,
  PG_hugetlb,
  PG_uptodate,
  MAX_ORDER,
  type Kernel,
} from '../kernel'
import { PMD_SIZE, PUD_SIZE } from '../arch/x86/pgtable'
import { EINVAL } from '../uapi'
import { alloc_contig_pages, free_contig_range } from './contig'
import { alloc_pages, free_pages } from './page_alloc'
import { cond_resched } from './preempt'

const HTLB_ALLOC_MASK = GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOWARN | __GFP_RETRY_MAYFAIL
export const HSTATE_2M = 0
export const HSTATE_1G = 1

export interface Hstate {
  readonly order: number
  free: number[]
  nr: number
  resv: number
  surplus: number
  overcommit: number
}
/** What one mapping (or all users of a shared one) reserved and used. Offsets are huge pages in the mapping's file. */
export interface HugeMap {
  readonly h: number
  readonly shared: boolean
  readonly reserved: boolean
  /** Huge pages that it was made with: what a shared one has reserved, however much of it is still mapped. */
  readonly pages: number
  /** Areas that hold it. */
  users: number
  /** Offsets whose reservation is used up; for shared memory also their frames. */
  readonly used: Record<number, number>
  /** Offsets of shared memory at which a hole was made: their reservation went with their page. */
  readonly holes: Record<number, true>
  /** It lost a page to who had reserved it (HPAGE_RESV_UNMAPPED). */
  unmapped: boolean
}
export interface HugeState {
  readonly hstates: readonly Hstate[]
  /** The size that MAP_HUGETLB alone, vm.nr_hugepages and /proc/meminfo mean (default_hugepagesz=). */
  default_hstate: number
  next: number
  readonly maps: Record<number, HugeMap>
}

export function huge_state(k: Kernel): HugeState {
  return (k.var.mod['hugetlb'] ??= {
    hstates: [hstate(9), hstate(18)],
    default_hstate: HSTATE_2M,
    next: 1,
    maps: {},
  }) as HugeState
}
function hstate(order: number): Hstate {
  return { order, free: [], nr: 0, resv: 0, surplus: 0, overcommit: 0 }
}
export function hstate_is_gigantic(h: Hstate): boolean {
  return h.order >= MAX_ORDER
}
export function pages_per_huge_page(h: Hstate): number {
  return 1 << h.order
}
export function huge_page_size(h: Hstate): number {
  return hstate_is_gigantic(h) ? PUD_SIZE : PMD_SIZE
}
/** The pool of a page size in kB, as the folders of /sys/kernel/mm/hugepages are named. */
export function hstate_of(k: Kernel, index: number): Hstate {
  const h = huge_state(k).hstates[index]
  assert(h !== undefined, 'hugetlb: no such page size')
  return h
}

/** The pool of vm.nr_hugepages and of MAP_HUGETLB without a size. */
export function default_hstate(k: Kernel): Hstate {
  return hstate_of(k, huge_state(k).default_hstate)
}

/** Brings the figures to where /proc/meminfo and the commit limit look for them. */
export function publish(k: Kernel, s: HugeState): void {
  const h = s.hstates[s.default_hstate]!
  const pages = s.hstates.reduce((sum, each) => sum + each.nr * pages_per_huge_page(each), 0)
  k.var.mod['hugetlb_total_pages'] = pages
  k.var.mod['hugetlb_meminfo'] = {
    total: h.nr,
    free: h.free.length,
    rsvd: h.resv,
    surp: h.surplus,
    hugepagesize_kb: pages_per_huge_page(h) * 4,
    hugetlb_kb: pages * 4,
  }
}

// ---------------------------------------------------------------- size of a pool

/** nr_hugepages: grows as far as memory allows; shrinks to what is in use, the rest becomes surplus. */
export function set_max_huge_pages(k: Kernel, index: number, count: number): void {
  const s = huge_state(k)
  const h = hstate_of(k, index)
  while (h.surplus > 0 && count > h.nr - h.surplus) h.surplus--
  while (count > h.nr - h.surplus && alloc_fresh_huge_page(k, h)) cond_resched(k)
  const min = Math.max(count, h.resv + h.nr - h.free.length)
  // remove_pool_huge_page takes the page that came last; update_and_free_pages_bulk then frees them the other way round.
  const nr = Math.max(0, Math.min(h.nr - h.surplus - min, h.free.length))
  for (const pfn of h.free.splice(h.free.length - nr, nr)) update_and_free_page(k, h, pfn)
  if (count < h.nr - h.surplus) h.surplus = h.nr - count
  publish(k, s)
}
/** The persistent pool, as nr_hugepages reads. */
export function persistent_huge_pages(h: Hstate): number {
  return h.nr - h.surplus
}
/** Pages beyond the pool are taken when they are needed, so the allocation must be quick: not for gigantic ones. */
export function set_overcommit_huge_pages(k: Kernel, index: number, count: number): number {
  const h = hstate_of(k, index)
  if (hstate_is_gigantic(h)) return -EINVAL
  h.overcommit = count
  return 0
}

/** /sys/…/demote: up to `count` free gigantic pages become 512 pages of the smaller pool each. */
export function demote_pool_huge_pages(k: Kernel, count: number): void {
  const s = huge_state(k)
  const from = hstate_of(k, HSTATE_1G)
  const to = hstate_of(k, HSTATE_2M)
  for (let n = count; n > 0 && from.free.length > from.resv; n--) {
    const pfn = from.free.pop()!
    from.nr--
    const step = pages_per_huge_page(to)
    for (let p = pfn; p < pfn + pages_per_huge_page(from); p += step) {
      to.free.push(p)
      to.nr++
    }
  }
  publish(k, s)
}

// ---------------------------------------------------------------- pages in and out

/** One more page for the pool. */
function alloc_fresh_huge_page(k: Kernel, h: Hstate): boolean {
  const pfn = hstate_is_gigantic(h) ? alloc_gigantic_page(k, h) : alloc_buddy_huge_page(k, h)
  if (pfn === 0) return false
  prep_new_huge_page(k, h, pfn)
  return true
}
function alloc_buddy_huge_page(k: Kernel, h: Hstate): number {
  const pfn = alloc_pages(k, HTLB_ALLOC_MASK, h.order)
  k.vmstat[pfn === 0 ? C.htlb_buddy_alloc_fail : C.htlb_buddy_alloc_success]!++
  return pfn
}
function alloc_gigantic_page(k: Kernel, h: Hstate): number {
  return alloc_contig_pages(k, pages_per_huge_page(h), HTLB_ALLOC_MASK)
}
/** The frames are the pool's. */
export function prep_new_huge_page(k: Kernel, h: Hstate, pfn: number): void {
  const { flags } = k.page
  for (let i = pfn, end = pfn + pages_per_huge_page(h); i < end; i++) flags[i]! |= PG_hugetlb
  h.nr++
  h.free.push(pfn)
}
/** Beyond the pool, while overcommit allows. */
export function alloc_surplus_huge_page(k: Kernel, h: Hstate): boolean {
  if (hstate_is_gigantic(h) || h.surplus >= h.overcommit || !alloc_fresh_huge_page(k, h)) return false
  h.surplus++
  return true
}
/** Back to the system. */
function update_and_free_page(k: Kernel, h: Hstate, pfn: number): void {
  const { flags } = k.page
  // Compound heads and tails of the buddy's allocation, or plain frames of a demoted or gigantic page.
  for (let i = pfn, end = pfn + pages_per_huge_page(h); i < end; i++) flags[i]! &= ~PG_hugetlb
  h.nr--
  if (hstate_is_gigantic(h)) free_contig_range(k, pfn, pages_per_huge_page(h))
  else free_pages(k, pfn, h.order)
}

/** A page that nobody maps any longer: surplus pages leave, others are free again. */
export function free_huge_page(k: Kernel, h: Hstate, pfn: number): void {
  k.page.flags[pfn]! &= ~(PG_anon | PG_anon_exclusive | PG_uptodate)
  k.page.mapping[pfn] = 0
  if (h.surplus > 0) {
    h.surplus--
    update_and_free_page(k, h, pfn)
  } else h.free.push(pfn)
}

/** hugetlb_acct_memory: promises `delta` more pages; false when there are not enough. */
export function hugetlb_acct_memory(k: Kernel, h: Hstate, delta: number): boolean {
  if (delta < 0) {
    h.resv += delta
    // Surplus pages that were only there for the promise go.
    return_unused_surplus_pages(k, h, Math.min(-delta, h.surplus))
    return true
  }
  const surplus = h.surplus
  while (h.resv + delta > h.free.length)
    if (!alloc_surplus_huge_page(k, h)) {
      return_unused_surplus_pages(k, h, h.surplus - surplus)
      return false
    }
  h.resv += delta
  return true
}
function return_unused_surplus_pages(k: Kernel, h: Hstate, nr: number): void {
  for (; nr > 0 && h.free.length > 0; nr--) {
    update_and_free_page(k, h, h.free.pop()!)
    h.surplus--
  }
}
