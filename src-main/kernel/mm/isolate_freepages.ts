/**
 * The free scanner of compaction: comes down from the end of a zone and takes free frames to move pages to; first by a
 * short look at the free lists, which shows where free frames are.
 *
 * Linux: mm/compaction.c (isolate_freepages, fast_isolate_freepages, isolate_freepages_block), mm/page_alloc.c
 * (__isolate_free_page).
 */
import { C } from '@shared/counters'
import { assert } from '@shared/assert'
import { fatal_signal_pending } from '../task'
import { MIGRATE_MOVABLE, PG_buddy, PG_head, PG_ORDER_SHIFT, type Kernel } from '../kernel'
import {
  __mod_zone_freepage_state,
  del_page_from_free_list,
  free_list,
  get_pageblock_migratetype,
  MIGRATE_PCPTYPES,
  PAGEBLOCK_NR_PAGES,
  rotate_free_list,
  set_pageblock_migratetype,
} from './buddy'
import {
  COMPACT_CLUSTER_MAX,
  freelist_scan_limit,
  isolation_suitable,
  MIGRATE_ASYNC,
  pageblock_end_pfn,
  pageblock_start_pfn,
  set_pageblock_skip,
  update_pageblock_skip,
  zone_end_pfn,
  type CompactControl,
} from './compact_control'
import { free_page } from './page_alloc'
import { cond_resched } from './preempt'
import { WMARK_MIN, zone_watermark_ok } from './watermark'

/** A free frame to move a page to; 0 when the scanner finds none any more. */
export function compaction_alloc(k: Kernel, cc: CompactControl): number {
  if (cc.freepages.length === 0) isolate_freepages(k, cc)
  return cc.freepages.pop() ?? 0
}

/** Takes free frames from pageblocks at the end of the zone until there are as many as pages to move. */
function isolate_freepages(k: Kernel, cc: CompactControl): void {
  fast_isolate_freepages(k, cc)
  if (cc.freepages.length > 0) return
  const low = pageblock_end_pfn(cc.migrate_pfn)
  let from = cc.free_pfn
  let block = pageblock_start_pfn(from)
  let block_end = Math.min(block + PAGEBLOCK_NR_PAGES, zone_end_pfn(k, cc.zone))
  // Where nothing is found, steps get longer: memory without free frames is passed quickly.
  let stride = cc.mode === MIGRATE_ASYNC ? COMPACT_CLUSTER_MAX : 1
  for (; block >= low; block_end = block, block -= PAGEBLOCK_NR_PAGES, from = block) {
    if (!suitable_migration_target(k, cc, block) || !isolation_suitable(k, cc, block)) continue
    const before = cc.freepages.length
    from = isolate_freepages_block(k, cc, from, block_end, stride)
    if (from === block_end) update_pageblock_skip(k, cc, block)
    if (cc.freepages.length >= cc.nr_migratepages) {
      if (from >= block_end) from = block - PAGEBLOCK_NR_PAGES
      break
    }
    if (from < block_end) break
    stride = cc.freepages.length > before ? 1 : Math.min(COMPACT_CLUSTER_MAX, stride << 1)
  }
  cc.free_pfn = from
}

/** Movable blocks that are not free as a whole. */
function suitable_migration_target(k: Kernel, cc: CompactControl, block: number): boolean {
  const f = k.page.flags[block]!
  if ((f & PG_buddy) !== 0 && ((f >>> PG_ORDER_SHIFT) & 15) >= 9) return false
  return cc.ignore_block_suitable || get_pageblock_migratetype(k, block) === MIGRATE_MOVABLE
}

/** Where the scan stopped: at `end`, or where enough was found or no more may be taken. */
function isolate_freepages_block(k: Kernel, cc: CompactControl, start: number, end: number, stride: number): number {
  const flags = k.page.flags
  let isolated = 0
  let pfn = start
  for (; pfn < end; pfn += stride) {
    if (pfn % COMPACT_CLUSTER_MAX === 0) {
      if (fatal_signal_pending(k, k.var.current)) break
      cond_resched(k)
    }
    cc.free_scanned++
    const f = flags[pfn]!
    const nr = (f & (PG_buddy | PG_head)) === 0 ? 1 : 1 << ((f >>> PG_ORDER_SHIFT) & 15)
    if ((f & PG_buddy) === 0) {
      pfn += nr - 1
      continue
    }
    if (!take_free_block(k, cc, pfn, 31 - Math.clz32(nr))) break
    cc.free_scanned += nr - 1
    isolated += nr
    pfn += nr - 1
    if (cc.freepages.length >= cc.nr_migratepages) {
      pfn++
      break
    }
  }
  k.vmstat[C.compact_isolated]! += isolated
  return Math.min(pfn, end)
}

function take_free_block(k: Kernel, cc: CompactControl, pfn: number, order: number): boolean {
  if (!__isolate_free_page(k, cc.zone, pfn, order)) return false
  for (let i = 0; i < 1 << order; i++) cc.freepages.push(pfn + i)
  return true
}

/** Takes a free block off its list unless the zone would fall below its min mark. */
export function __isolate_free_page(k: Kernel, zone: number, pfn: number, order: number): boolean {
  const watermark = k.zone.watermark[(zone + 1) * 3 + WMARK_MIN]! + (1 << order)
  if (!zone_watermark_ok(k, zone, 0, watermark, 0, 0)) return false
  del_page_from_free_list(k, pfn)
  __mod_zone_freepage_state(k, zone, -(1 << order))
  if (order >= 8)
    for (let block = pfn; block < pfn + (1 << order); block += PAGEBLOCK_NR_PAGES)
      if (get_pageblock_migratetype(k, block) < MIGRATE_PCPTYPES) set_pageblock_migratetype(k, block, MIGRATE_MOVABLE)
  return true
}

// ---------------------------------------------------------------- by the free lists

/**
 * Looks through the free lists from their tails for a block in the top quarter of what lies between the scanners, or at
 * least in the top half, and takes free frames there; the pageblock scan is left for when that fails.
 */
function fast_isolate_freepages(k: Kernel, cc: CompactControl): void {
  if (cc.order <= 0) return
  const scan_start = cc.free_pfn >= k.zone.compact_init_free_pfn[cc.zone + 1]!
  const distance = cc.free_pfn - cc.migrate_pfn
  const low_pfn = pageblock_start_pfn(cc.free_pfn - (distance >> 2))
  const min_pfn = pageblock_start_pfn(cc.free_pfn - (distance >> 1))
  let limit = scan_start ? PAGEBLOCK_NR_PAGES >> 1 : Math.max(1, freelist_scan_limit(cc) >> 1)
  let found = 0
  let highest = 0
  cc.search_order = Math.min(cc.order - 1, cc.search_order)
  for (let order = cc.search_order; found === 0 && order >= 0; order = next_search_order(cc, order)) {
    const row = free_list(cc.zone, MIGRATE_MOVABLE, order)
    let scanned = 0
    let high_pfn = 0
    let pfn = k.free_area.tail[row]!
    for (; pfn !== 0; pfn = k.page.prev[pfn]!) {
      scanned++
      if (pfn >= highest) highest = Math.max(pageblock_start_pfn(pfn), k.zone.start_pfn[cc.zone + 1]!)
      if (pfn >= low_pfn) {
        cc.fast_search_fail = 0
        cc.search_order = order
        found = pfn
        break
      }
      if (pfn >= min_pfn && pfn > high_pfn) {
        high_pfn = pfn
        limit >>= 1
      }
      if (scanned >= limit) break
    }
    cc.free_scanned += scanned
    if (found === 0 && high_pfn !== 0) found = pfn = high_pfn
    // The blocks looked at come last in the next search.
    if (pfn !== 0) rotate_free_list(k, row, pfn)
    if (found !== 0) {
      if (take_free_block(k, cc, found, order)) {
        cc.free_scanned += (1 << order) - 1
        k.vmstat[C.compact_isolated]! += 1 << order
      } else {
        order = cc.search_order + 1
        found = 0
      }
    }
    if (scanned >= limit) limit = Math.max(1, limit >> 1)
  }
  if (found === 0) {
    cc.fast_search_fail++
    if (scan_start) {
      if (highest !== 0 && highest >= min_pfn) found = cc.free_pfn = highest
      else if (cc.direct) found = cc.free_pfn = min_pfn
    }
  }
  const cached = k.zone.compact_cached_free_pfn
  if (highest !== 0 && highest >= cached[cc.zone + 1]!) cached[cc.zone + 1] = highest - PAGEBLOCK_NR_PAGES
  if (found !== 0) fast_isolate_around(k, cc, found)
}

/** The orders in turn, each search from another one on; -1 when all were tried. */
function next_search_order(cc: CompactControl, order: number): number {
  const next = order === 0 ? cc.order - 1 : order - 1
  if (next !== cc.search_order) return next
  if (--cc.search_order < 0) cc.search_order = cc.order - 1
  return -1
}

/** More frames of the same pageblock. */
function fast_isolate_around(k: Kernel, cc: CompactControl, pfn: number): void {
  if (cc.freepages.length >= cc.nr_migratepages || (cc.direct && cc.mode === MIGRATE_ASYNC)) return
  const start = Math.max(pageblock_start_pfn(pfn), k.zone.start_pfn[cc.zone + 1]!)
  isolate_freepages_block(k, cc, start, Math.min(pageblock_end_pfn(pfn), zone_end_pfn(k, cc.zone)), 1)
  if (cc.freepages.length < cc.nr_migratepages) set_pageblock_skip(k, pfn)
}

// ---------------------------------------------------------------- giving back

/** Frames that nothing was moved to go back; later runs of the free scanner begin at the highest of them. */
export function release_freepages(k: Kernel, cc: CompactControl): void {
  let high = 0
  for (let pfn = cc.freepages.pop(); pfn !== undefined; pfn = cc.freepages.pop()) {
    assert(k.page.flags[pfn] === 0, 'release_freepages: the frame is in use')
    high = Math.max(high, pfn)
    free_page(k, pfn)
  }
  if (high === 0) return
  const cached = k.zone.compact_cached_free_pfn
  if (pageblock_start_pfn(high) > cached[cc.zone + 1]!) cached[cc.zone + 1] = pageblock_start_pfn(high)
}
