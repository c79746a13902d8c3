/**
 * Per-CPU page lists: order-0…3 and pageblock-sized pages are taken from and given back to lists of the running CPU,
 * refilled from and drained to the buddy system in batches. Pages on them are not counted as free.
 *
 * Linux: mm/page_alloc.c (rmqueue_pcplist, free_unref_page_commit, free_pcppages_bulk, zone_batchsize,
 * pageset_set_high_and_batch). The migrate type of a listed page is kept in `index`, as in Linux.
 */
import { assert } from '@shared/assert'
import { int_div, rounddown_pow_of_two } from '../lib/math'
import { charge } from '../task'
import { COST } from '../costs'
import {
  MAX_NR_ZONES,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  PAGEBLOCK_ORDER,
  PG_ORDER_SHIFT,
  PG_pcp,
  type Kernel,
} from '../kernel'
import {
  __free_one_page,
  __mod_zone_freepage_state,
  get_pageblock_migratetype,
  MIGRATE_PCPTYPES,
  zone_of,
} from './buddy'
import { __rmqueue } from './fallback'
import { WMARK_LOW, wmark_pages, ZONE_RECLAIM_ACTIVE } from './watermark'

export const PAGE_ALLOC_COSTLY_ORDER = 3
const NR_LOWORDER_PCP_LISTS = MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1)
/** Movable huge pages have a list of their own: none of another type is handed out for them. */
const NR_PCP_THP = 2
/** Lists a CPU and zone: three types for each of order 0…3, and two of huge pages. */
export const NR_PCP_LISTS = NR_LOWORDER_PCP_LISTS + NR_PCP_THP
/** CONFIG_PCP_BATCH_SCALE_MAX: at most so many doublings of a batch are given back at a time. */
const PCP_BATCH_SCALE_MAX = 5
/** Rows of `pcp` a CPU and zone. */
const PCP_STRIDE = 16

export function pcp_allowed_order(order: number): boolean {
  return order <= PAGE_ALLOC_COSTLY_ORDER || order === PAGEBLOCK_ORDER
}
function order_to_pindex(migratetype: number, order: number): number {
  if (order > PAGE_ALLOC_COSTLY_ORDER) return NR_LOWORDER_PCP_LISTS + (migratetype === MIGRATE_MOVABLE ? 1 : 0)
  return MIGRATE_PCPTYPES * order + migratetype
}
function pindex_to_order(pindex: number): number {
  return pindex >= NR_LOWORDER_PCP_LISTS ? PAGEBLOCK_ORDER : int_div(pindex, MIGRATE_PCPTYPES)
}
/** Row of `pcp_set`: one a CPU and zone. */
export function pcp_set_of(cpu: number, zone: number): number {
  return 1 + cpu * MAX_NR_ZONES + zone
}
/** Row of `pcp`: list `pindex` of a pcp_set. */
export function pcp_list(set: number, pindex: number): number {
  return 1 + (set - 1) * PCP_STRIDE + pindex
}

/** A page of the running CPU's list, 0 when the zone has none; after it fewer are given back at a time. */
export function rmqueue_pcplist(
  k: Kernel,
  zone: number,
  order: number,
  migratetype: number,
  alloc_flags: number,
): number {
  k.pcp_set.free_factor[1 + k.var.cpu * MAX_NR_ZONES + zone]! >>= 1
  return __rmqueue_pcplist(k, zone, order, migratetype, alloc_flags)
}

/** Refills an empty list with a batch. */
export function __rmqueue_pcplist(
  k: Kernel,
  zone: number,
  order: number,
  migratetype: number,
  alloc_flags: number,
): number {
  const { pcp, pcp_set, page } = k
  const set = 1 + k.var.cpu * MAX_NR_ZONES + zone
  const row = pcp_list(set, order_to_pindex(migratetype, order))
  let pfn = pcp.head[row]!
  if (pfn === 0) {
    const batch = k.zone.pcp_batch[zone + 1]!
    const count = batch > 1 ? Math.max(batch >> order, 2) : batch
    pcp_set.count[set]! += rmqueue_bulk(k, zone, order, count, row, migratetype, alloc_flags) << order
    pfn = pcp.head[row]!
    if (pfn === 0) return 0
  }
  const next = page.next[pfn]!
  pcp.head[row] = next
  if (next !== 0) page.prev[next] = 0
  else pcp.tail[row] = 0
  pcp.count[row]!--
  pcp_set.count[set]! -= 1 << order
  page.flags[pfn] = 0
  page.next[pfn] = 0
  page.index[pfn] = 0
  return pfn
}

/** Moves up to `count` blocks from the buddy system to the list's tail, in the order they come. */
function rmqueue_bulk(
  k: Kernel,
  zone: number,
  order: number,
  count: number,
  row: number,
  migratetype: number,
  alloc_flags: number,
): number {
  const { pcp, page } = k
  let allocated = 0
  while (allocated < count) {
    const pfn = __rmqueue(k, zone, order, migratetype, alloc_flags)
    if (pfn === 0) break
    const last = pcp.tail[row]!
    page.flags[pfn] = PG_pcp | (order << PG_ORDER_SHIFT)
    page.index[pfn] = migratetype
    page.prev[pfn] = last
    if (last !== 0) page.next[last] = pfn
    else pcp.head[row] = pfn
    pcp.tail[row] = pfn
    allocated++
  }
  pcp.count[row]! += allocated
  __mod_zone_freepage_state(k, zone, -allocated << order)
  charge(k, COST.pcp_refill)
  return allocated
}

/** Puts a page (or a block of an order that has lists) at the head of the running CPU's list; drains when it is long. */
export function free_unref_page_commit(k: Kernel, pfn: number, order: number): void {
  const { pcp, pcp_set, page } = k
  const zone = zone_of(k, pfn)
  const mt = get_pageblock_migratetype(k, pfn)
  if (mt === MIGRATE_ISOLATE) return __free_one_page(k, pfn, zone, order, mt, 0)
  const set = 1 + k.var.cpu * MAX_NR_ZONES + zone
  // Pages of reserved atomic blocks go to the movable list but keep their type for the way back.
  const pindex = order_to_pindex(mt >= MIGRATE_PCPTYPES ? MIGRATE_MOVABLE : mt, order)
  const row = pcp_list(set, pindex)
  const first = pcp.head[row]!
  page.flags[pfn] = PG_pcp | (order << PG_ORDER_SHIFT)
  page.index[pfn] = mt
  page.next[pfn] = first
  page.prev[pfn] = 0
  if (first !== 0) page.prev[first] = pfn
  else pcp.tail[row] = pfn
  pcp.head[row] = pfn
  pcp.count[row]!++
  const count = (pcp_set.count[set]! += 1 << order)
  const free_high = order !== 0 && order <= PAGE_ALLOC_COSTLY_ORDER && pcp_set.free_factor[set] !== 0
  const high = nr_pcp_high(k, zone, free_high)
  if (count >= high) free_pcppages_bulk(k, zone, nr_pcp_free(k, set, high, zone, free_high), set, pindex)
}

/** How long the lists may get: all goes when high orders are freed in a row; little stays while kswapd works. */
function nr_pcp_high(k: Kernel, zone: number, free_high: boolean): number {
  const high = k.zone.pcp_high[zone + 1]!
  if (high === 0 || free_high) return 0
  if ((k.zone.flags[zone + 1]! & ZONE_RECLAIM_ACTIVE) === 0) return high
  return Math.min(k.zone.pcp_batch[zone + 1]! << 2, high)
}

/** How many to drain: a batch, twice as many each time while pages only come back. */
function nr_pcp_free(k: Kernel, set: number, high: number, zone: number, free_high: boolean): number {
  if (free_high) return k.pcp_set.count[set]!
  let batch = k.zone.pcp_batch[zone + 1]!
  if (high < batch) return 1
  const min_nr_free = batch
  const max_nr_free = high - batch
  batch <<= k.pcp_set.free_factor[set]!
  if (batch < max_nr_free && k.pcp_set.free_factor[set]! < PCP_BATCH_SCALE_MAX) k.pcp_set.free_factor[set]!++
  return Math.max(min_nr_free, Math.min(batch, max_nr_free))
}

/** Gives `count` pages back to the buddy system, oldest first: the list just freed to, then the others in turn. */
function free_pcppages_bulk(k: Kernel, zone: number, count: number, set: number, pindex: number): void {
  const { pcp, pcp_set, page } = k
  count = Math.min(pcp_set.count[set]!, count)
  let min_pindex = 0
  let max_pindex = NR_PCP_LISTS - 1
  pindex--
  if (count > 1) charge(k, COST.pcp_refill)
  while (count > 0) {
    let row: number
    for (;;) {
      if (++pindex > max_pindex) pindex = min_pindex
      row = pcp_list(set, pindex)
      if (pcp.head[row] !== 0) break
      if (pindex === max_pindex) max_pindex--
      if (pindex === min_pindex) min_pindex++
      assert(min_pindex <= max_pindex, 'free_pcppages_bulk: the lists are shorter than their count')
    }
    const order = pindex_to_order(pindex)
    do {
      const pfn = pcp.tail[row]!
      const prev = page.prev[pfn]!
      const mt = page.index[pfn]!
      pcp.tail[row] = prev
      if (prev !== 0) page.next[prev] = 0
      else pcp.head[row] = 0
      pcp.count[row]!--
      page.flags[pfn] = 0
      page.index[pfn] = 0
      page.prev[pfn] = 0
      count -= 1 << order
      pcp_set.count[set]! -= 1 << order
      __free_one_page(k, pfn, zone, order, mt, 0)
    } while (count > 0 && pcp.head[row] !== 0)
  }
}

/** drain_pages: gives back all that a CPU holds. */
export function drain_pages(k: Kernel, cpu: number): void {
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) drain_pages_zone(k, cpu, zone)
}
/** In pieces, each of which begins with the first list again: the zone's lock is not held for long. */
export function drain_pages_zone(k: Kernel, cpu: number, zone: number): void {
  const set = pcp_set_of(cpu, zone)
  const to_drain = k.zone.pcp_batch[zone + 1]! << PCP_BATCH_SCALE_MAX
  while (k.pcp_set.count[set]! > 0) free_pcppages_bulk(k, zone, to_drain, set, 0)
}
export function drain_all_pages(k: Kernel): void {
  for (let cpu = 0; cpu < k.config.cpus; cpu++) drain_pages(k, cpu)
}
/** drain_all_pages of one zone. */
export function drain_zone(k: Kernel, zone: number): void {
  for (let cpu = 0; cpu < k.config.cpus; cpu++) drain_pages_zone(k, cpu, zone)
}

/** The vmstat worker's share: lists of a CPU that were not used for a while are given back (refresh_cpu_vm_stats). */
export function nr_pcp_pages(k: Kernel, zone: number): number {
  let sum = 0
  for (let cpu = 0; cpu < k.config.cpus; cpu++) sum += k.pcp_set.count[pcp_set_of(cpu, zone)]!
  return sum
}

/** Recomputes batch and high of a zone from its size and low watermark. */
export function zone_pcp_update(k: Kernel, zone: number): void {
  if (k.zone.managed_pages[zone + 1] === 0) return
  const batch = Math.max(1, zone_batchsize(k, zone))
  k.zone.pcp_batch[zone + 1] = batch
  k.zone.pcp_high[zone + 1] = zone_highsize(k, zone, batch)
}

/** About 1/4096 of the zone, at most 64, one less than a power of two. */
export function zone_batchsize(k: Kernel, zone: number): number {
  const batch = Math.max(1, int_div(Math.min(int_div(k.zone.managed_pages[zone + 1]!, 1024), 256), 4))
  return rounddown_pow_of_two(batch + int_div(batch, 2)) - 1
}

/** The low watermark (or a fraction of the zone) divided among the CPUs, at least four batches. */
function zone_highsize(k: Kernel, zone: number, batch: number): number {
  const fraction = k.var.sysctl['vm.percpu_pagelist_high_fraction']!
  const total = fraction === 0 ? wmark_pages(k, zone, WMARK_LOW) : int_div(k.zone.managed_pages[zone + 1]!, fraction)
  return Math.max(int_div(total, k.config.cpus), batch << 2)
}

/** Checks the lists of every CPU. */
export function verify_pcp(k: Kernel): void {
  const { page, pcp } = k
  for (let cpu = 0; cpu < k.config.cpus; cpu++)
    for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
      const set = pcp_set_of(cpu, zone)
      let sum = 0
      for (let pindex = 0; pindex < NR_PCP_LISTS; pindex++) {
        const row = pcp_list(set, pindex)
        const order = pindex_to_order(pindex)
        let nr = 0
        let prev = 0
        for (let pfn = pcp.head[row]!; pfn !== 0; prev = pfn, pfn = page.next[pfn]!) {
          assert(page.flags[pfn] === (PG_pcp | (order << PG_ORDER_SHIFT)), 'pcp: flags of a listed page')
          assert(page.prev[pfn] === prev && zone_of(k, pfn) === zone, 'pcp: links and zone of a listed page')
          nr++
        }
        assert(pcp.tail[row] === prev && pcp.count[row] === nr, 'pcp: tail and count of a list')
        sum += nr << order
      }
      assert(k.pcp_set.count[set] === sum, 'pcp: count of a CPU')
    }
}
