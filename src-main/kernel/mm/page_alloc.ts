/**
 * The page allocator's door: `alloc_pages` takes 2^order frames from the zones that a request allows, `free_pages` gives
 * them back. Frame 0 is never handed out, so 0 means failure.
 *
 *   alloc_pages ─ get_page_from_freelist ─ zone by zone from the highest: watermark, then per-CPU list or buddy system
 *        └ slowpath (page_slowpath.ts): wake kswapd, lower marks, compact, reclaim, kill
 *
 * Linux: mm/page_alloc.c (__alloc_pages, get_page_from_freelist, rmqueue, free_unref_page, __free_pages_ok).
 * Simplified: one node, no cpusets; `page` has no reference count: the owner of a page frees it.
 */
import { C } from '@shared/counters'
import { assert } from '@shared/assert'
import { charge } from '../task'
import { COST } from '../costs'
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_DIRECT_RECLAIM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MOVABLE,
  __GFP_RECLAIMABLE,
  __GFP_WRITE,
  __GFP_ZERO,
  MAX_ORDER,
  MIGRATE_HIGHATOMIC,
  PG_active,
  PG_buddy,
  PG_head,
  PG_isolated,
  PG_locked,
  PG_lru,
  PG_ORDER_SHIFT,
  PG_pcp,
  PG_private,
  PG_reserved,
  PG_slab,
  PG_swapcache,
  PG_table,
  PG_tail,
  PG_unevictable,
  PG_writeback,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_NORMAL,
  type Kernel,
} from '../kernel'
import {
  __free_one_page,
  __mod_zone_freepage_state,
  __rmqueue_smallest,
  get_pageblock_migratetype,
  NR_ZONE_STATS,
  zone_of,
} from './buddy'
import { __rmqueue, reserve_highatomic_pageblock } from './fallback'
import { __rmqueue_pcplist, free_unref_page_commit, pcp_allowed_order, rmqueue_pcplist } from './pcp'
import { __alloc_pages_slowpath } from './page_slowpath'
import { might_resched } from './preempt'
import { memcg_kmem_charge, memcg_kmem_uncharge } from './memcg_kmem'
import { wakeup_kswapd } from './vmscan'
import { node_dirty_ok } from './page_writeback'
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MASK,
  low_wmark_pages,
  wmark_pages,
  ZONE_BOOSTED_WATERMARK,
  zone_watermark_fast,
} from './watermark'

export { get_pageblock_migratetype, page_order, set_pageblock_migratetype, zone_of } from './buddy'
export { drain_all_pages, drain_pages, free_unref_page_commit } from './pcp'
export {
  __zone_watermark_ok,
  high_wmark_pages,
  init_per_zone_wmark_min,
  low_wmark_pages,
  lowmem_reserve_ratio,
  min_wmark_pages,
  nr_free_buffer_pages,
  set_recommended_min_free_kbytes,
  setup_per_zone_wmarks,
  wmark_pages,
  write_lowmem_reserve_ratio,
  write_min_free_kbytes,
  write_percpu_pagelist_high_fraction,
  write_watermark_scale_factor,
  zone_watermark_ok,
} from './watermark'
export { free_initmem, init_zones, mm_init, mm_init_late } from './mm_init'
export { verify_page_alloc } from './page_verify'

const ZONE_MOVABLE = 3
const __GFP_HIGHMEM = 0x02

/** Allocates 2^order frames; their flags are 0 (compound pages: PG_head and PG_tail with the order). 0 on failure. */
export function alloc_pages(k: Kernel, gfp: number, order: number): number {
  if (order >= MAX_ORDER) assert(false, 'alloc_pages: order too large')
  if ((gfp & __GFP_DIRECT_RECLAIM) !== 0) might_resched(k)
  const preferred = preferred_zone(k, gfp)
  const alloc_flags = ALLOC_WMARK_LOW | alloc_flags_nofragment(preferred, gfp)
  let pfn = get_page_from_freelist(k, gfp, order, alloc_flags)
  if (pfn === 0) pfn = __alloc_pages_slowpath(k, gfp, order)
  if ((gfp & __GFP_ACCOUNT) !== 0 && pfn !== 0 && !memcg_kmem_charge(k, pfn, order, gfp)) {
    free_pages(k, pfn, order)
    return 0
  }
  return pfn
}

export function alloc_page(k: Kernel, gfp: number): number {
  return alloc_pages(k, gfp, 0)
}

/**
 * __alloc_pages_bulk: single pages from the running CPU's list in one go, from a zone that has room for them all; their
 * frames are appended to `pages`. Fewer than `nr` when there is no such zone or it runs dry: the rest is for alloc_page.
 */
export function alloc_pages_bulk(k: Kernel, gfp: number, nr: number, pages: number[]): number {
  if (nr < 2) return 0
  const highest = gfp_zone(gfp)
  let zone = preferred_zone(k, gfp)
  while (zone >= 0 && !zone_has_room(k, zone, nr, highest, gfp)) zone--
  if (zone < 0) return 0
  let got = 0
  for (; got < nr; got++) {
    const pfn = __rmqueue_pcplist(k, zone, 0, gfp_migratetype(gfp), ALLOC_WMARK_LOW)
    if (pfn === 0) break
    prep_new_page(k, pfn, 0, gfp)
    pages.push(pfn)
  }
  k.vmstat[C.pgalloc_dma + zone]! += got
  mod_zone_page_state(k, zone, C.numa_hit, got)
  k.vmstat[C.numa_local]! += got
  return got
}
function zone_has_room(k: Kernel, zone: number, nr: number, highest: number, gfp: number): boolean {
  if (k.zone.managed_pages[zone + 1] === 0) return false
  return zone_watermark_fast(k, zone, 0, low_wmark_pages(k, zone) + nr, highest, ALLOC_WMARK_LOW, gfp)
}

/** The first zone with room above the mark gives the page. */
export function get_page_from_freelist(k: Kernel, gfp: number, order: number, alloc_flags: number): number {
  const highest = gfp_zone(gfp)
  const preferred = preferred_zone(k, gfp)
  const migratetype = gfp_migratetype(gfp)
  // Pages to write into are spread by the fast path only: the slow one gives what there is.
  const spread_dirty = (gfp & __GFP_WRITE) !== 0 && (alloc_flags & ALLOC_WMARK_MASK) === ALLOC_WMARK_LOW
  for (;;) {
    for (let zone = preferred; zone >= 0; zone--) {
      if (k.zone.managed_pages[zone + 1] === 0) continue
      if (spread_dirty && !node_dirty_ok(k)) continue
      const mark = wmark_pages(k, zone, alloc_flags & ALLOC_WMARK_MASK)
      const ok =
        zone_watermark_fast(k, zone, order, mark, highest, alloc_flags, gfp) ||
        (alloc_flags & ALLOC_NO_WATERMARKS) !== 0
      if (!ok) continue
      const pfn = rmqueue(k, zone, order, migratetype, alloc_flags)
      if (pfn === 0) continue
      if ((alloc_flags & ALLOC_HIGHATOMIC) !== 0) reserve_highatomic_pageblock(k, pfn, zone)
      prep_new_page(k, pfn, order, gfp)
      return pfn
    }
    if ((alloc_flags & ALLOC_NOFRAGMENT) === 0) return 0
    alloc_flags &= ~ALLOC_NOFRAGMENT
  }
}

/** Takes the page from the zone and counts it. */
function rmqueue(k: Kernel, zone: number, order: number, migratetype: number, alloc_flags: number): number {
  let pfn = pcp_allowed_order(order) ? rmqueue_pcplist(k, zone, order, migratetype, alloc_flags) : 0
  if (pfn === 0) pfn = rmqueue_buddy(k, zone, order, migratetype, alloc_flags)
  if ((k.zone.flags[zone + 1]! & ZONE_BOOSTED_WATERMARK) !== 0) {
    k.zone.flags[zone + 1]! &= ~ZONE_BOOSTED_WATERMARK
    wakeup_kswapd(k, zone, 0, 0, zone)
  }
  if (pfn === 0) return 0
  k.vmstat[C.pgalloc_dma + zone]! += 1 << order
  mod_zone_page_state(k, zone, C.numa_hit, 1)
  k.vmstat[C.numa_local]!++
  return pfn
}

function rmqueue_buddy(k: Kernel, zone: number, order: number, migratetype: number, alloc_flags: number): number {
  let pfn = 0
  if ((alloc_flags & ALLOC_HIGHATOMIC) !== 0) pfn = __rmqueue_smallest(k, zone, order, MIGRATE_HIGHATOMIC)
  if (pfn === 0) {
    pfn = __rmqueue(k, zone, order, migratetype, alloc_flags)
    if (pfn === 0 && (alloc_flags & (ALLOC_OOM | ALLOC_NON_BLOCK)) !== 0)
      pfn = __rmqueue_smallest(k, zone, order, MIGRATE_HIGHATOMIC)
  }
  if (pfn !== 0) {
    __mod_zone_freepage_state(k, zone, -(1 << order))
    charge(k, COST.buddy_op)
  }
  return pfn
}

export function prep_new_page(k: Kernel, pfn: number, order: number, gfp: number): void {
  if (order !== 0 && (gfp & __GFP_COMP) !== 0) prep_compound_page(k, pfn, order)
  charge(k, (gfp & __GFP_ZERO) !== 0 ? COST.page_alloc + (COST.zero_page << order) : COST.page_alloc)
}

function prep_compound_page(k: Kernel, pfn: number, order: number): void {
  const flags = k.page.flags
  const bits = order << PG_ORDER_SHIFT
  flags[pfn] = PG_head | bits
  flags.fill(PG_tail | bits, pfn + 1, pfn + (1 << order))
}

/** First frame of the compound page a frame belongs to; the frame itself when it is a plain page. */
export function compound_head(k: Kernel, pfn: number): number {
  const f = k.page.flags[pfn]!
  return (f & PG_tail) === 0 ? pfn : pfn & ~((1 << ((f >>> PG_ORDER_SHIFT) & 0xf)) - 1)
}

// ---------------------------------------------------------------- freeing

/** A page in any of these states still has an owner. */
const PAGE_FLAGS_CHECK_AT_FREE =
  PG_lru |
  PG_active |
  PG_locked |
  PG_writeback |
  PG_slab |
  PG_table |
  PG_swapcache |
  PG_unevictable |
  PG_reserved |
  PG_isolated |
  PG_private |
  PG_buddy |
  PG_pcp

/** Gives back what `alloc_pages` of the same order returned. */
export function free_pages(k: Kernel, pfn: number, order: number): void {
  free_pages_prepare(k, pfn, order)
  charge(k, COST.page_free)
  if (!pcp_allowed_order(order)) return __free_pages_ok(k, pfn, order, 0)
  k.vmstat[C.pgfree]! += 1 << order
  free_unref_page_commit(k, pfn, order)
}

export function free_page(k: Kernel, pfn: number): void {
  free_pages(k, pfn, 0)
}
/** free_unref_page of an order-0 page. */
export const free_unref_page = free_page

/** Straight into the buddy system, past the per-CPU lists. */
export function __free_pages_ok(k: Kernel, pfn: number, order: number, fpi_flags: number): void {
  k.vmstat[C.pgfree]! += 1 << order
  __free_one_page(k, pfn, zone_of(k, pfn), order, get_pageblock_migratetype(k, pfn), fpi_flags)
}

/** Checks that nobody holds the page and forgets what it was. */
function free_pages_prepare(k: Kernel, pfn: number, order: number): void {
  const { flags, mapping, index, mapcount, memcg, next, prev } = k.page
  if (pfn <= 0 || pfn >= k.var.max_pfn) assert(false, 'free_pages: no such frame')
  const priv = k.page.private
  for (let p = pfn, end = pfn + (1 << order); p < end; p++) {
    if ((flags[p]! & PAGE_FLAGS_CHECK_AT_FREE) !== 0) assert(false, 'free_pages: the page is in use or free already')
    if (mapcount[p] !== 0) assert(false, 'free_pages: the page is mapped')
    flags[p] = 0
    mapping[p] = 0
    index[p] = 0
    if (memcg[p] !== 0) memcg_kmem_uncharge(k, p)
    memcg[p] = 0
    next[p] = 0
    prev[p] = 0
    priv[p] = 0
  }
}

// ---------------------------------------------------------------- what a request allows

/** Highest zone of a request: 3 (Movable) for movable user pages, which is where protection and stalls are counted. */
export function gfp_zone(gfp: number): number {
  if ((gfp & __GFP_DMA) !== 0) return ZONE_DMA
  if ((gfp & __GFP_DMA32) !== 0) return ZONE_DMA32
  return (gfp & (__GFP_HIGHMEM | __GFP_MOVABLE)) === (__GFP_HIGHMEM | __GFP_MOVABLE) ? ZONE_MOVABLE : ZONE_NORMAL
}

export function gfp_migratetype(gfp: number): number {
  return (gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) >> 3
}

/** The highest populated zone at or below gfp_zone. */
export function preferred_zone(k: Kernel, gfp: number): number {
  let zone = Math.min(gfp_zone(gfp), ZONE_NORMAL)
  while (zone > 0 && k.zone.managed_pages[zone + 1] === 0) zone--
  return zone
}

/** kswapd may be woken; in Normal, mixing types is put off while another zone below has room. */
export function alloc_flags_nofragment(preferred: number, gfp: number): number {
  const kswapd = (gfp & __GFP_KSWAPD_RECLAIM) !== 0 ? ALLOC_KSWAPD : 0
  return preferred === ZONE_NORMAL ? kswapd | ALLOC_NOFRAGMENT : kswapd
}

// ---------------------------------------------------------------- counts

export function nr_free_pages(k: Kernel): number {
  return k.vmstat[C.nr_free_pages]!
}

/** Zone counters (the first names of /proc/vmstat) move in their zone and in the machine's sum. */
export function mod_zone_page_state(k: Kernel, zone: number, item: number, delta: number): void {
  k.zone.stat[(zone + 1) * NR_ZONE_STATS + item]! += delta
  k.vmstat[item]! += delta
}
export function zone_page_state(k: Kernel, zone: number, item: number): number {
  return k.zone.stat[(zone + 1) * NR_ZONE_STATS + item]!
}
/** MemAvailable: what user memory could get without swapping. */
export function si_mem_available(k: Kernel): number {
  const v = k.vmstat
  let wmark_low = 0
  for (let zone = ZONE_DMA; zone <= ZONE_NORMAL; zone++) wmark_low += low_wmark_pages(k, zone)
  const pagecache = v[C.nr_active_file]! + v[C.nr_inactive_file]!
  const reclaimable = v[C.nr_slab_reclaimable]! + v[C.nr_kernel_misc_reclaimable]!
  let available = v[C.nr_free_pages]! - k.var.totalreserve_pages
  available += pagecache - Math.min(Math.floor(pagecache / 2), wmark_low)
  available += reclaimable - Math.min(Math.floor(reclaimable / 2), wmark_low)
  return Math.max(0, available)
}
