/**
 * The migrate scanner of compaction: goes up through a zone and takes pages that can be moved off their LRU lists.
 *
 * Linux: mm/compaction.c (isolate_migratepages, isolate_migratepages_block, fast_find_migrateblock).
 * Simplified: no balloon or zsmalloc pages, no limit to isolated pages, locks are never contended.
 */
import { C } from '@shared/counters'
import { fatal_signal_pending } from '../task'
import {
  MIGRATE_MOVABLE,
  PG_anon,
  PG_buddy,
  PG_head,
  PG_lru,
  PG_ORDER_SHIFT,
  PG_swapcache,
  PG_tail,
  PG_unevictable,
  PG_writeback,
  type Kernel,
} from '../kernel'
import { free_list, get_pageblock_migratetype, PAGEBLOCK_NR_PAGES, rotate_free_list } from './buddy'
import {
  block_end_pfn,
  COMPACT_CLUSTER_MAX,
  FAST_START_USED,
  freelist_scan_limit,
  get_pageblock_skip,
  isolation_suitable,
  MIGRATE_ASYNC,
  MIGRATE_SYNC,
  pageblock_end_pfn,
  pageblock_skip_persistent,
  pageblock_start_pfn,
  set_pageblock_skip,
  update_cached_migrate,
  type CompactControl,
} from './compact_control'
import { PAGE_ALLOC_COSTLY_ORDER } from './pcp'
import { cond_resched } from './preempt'
import { isolate_lru_page, putback_lru_page } from './swap'

export const ISOLATE_ABORT = 0
export const ISOLATE_NONE = 1
export const ISOLATE_SUCCESS = 2

/** Isolates pages of the first suitable pageblock before the free scanner: 32 of them, or a whole block on a rescan. */
export function isolate_migratepages(k: Kernel, cc: CompactControl): number {
  let low_pfn = fast_find_migrateblock(k, cc)
  let found = low_pfn !== cc.migrate_pfn && cc.fast_search_fail === 0
  let block_end = pageblock_end_pfn(low_pfn)
  while (block_end <= cc.free_pfn) {
    const at_border = low_pfn % PAGEBLOCK_NR_PAGES === 0
    const skipped = at_border && !found && !isolation_suitable(k, cc, low_pfn)
    if (!skipped && suitable_migration_source(k, cc, low_pfn)) {
      if (!isolate_migratepages_block(k, cc, low_pfn, block_end)) return ISOLATE_ABORT
      break
    }
    if (!skipped) update_cached_migrate(k, cc, block_end)
    found = false
    cc.migrate_pfn = low_pfn = block_end
    block_end += PAGEBLOCK_NR_PAGES
  }
  return cc.nr_migratepages > 0 ? ISOLATE_SUCCESS : ISOLATE_NONE
}

/** Async direct compaction takes only blocks of the type that it wants to have. */
function suitable_migration_source(k: Kernel, cc: CompactControl, pfn: number): boolean {
  const block = Math.max(pageblock_start_pfn(pfn), k.zone.start_pfn[cc.zone + 1]!)
  if (pageblock_skip_persistent(k.page.flags[block]!)) return false
  if (cc.mode !== MIGRATE_ASYNC || !cc.direct) return true
  return get_pageblock_migratetype(k, pfn) === cc.migratetype
}

/** Isolates what can be moved from `low_pfn` on; `cc.migrate_pfn` is where to go on. False: a fatal signal is pending. */
function isolate_migratepages_block(k: Kernel, cc: CompactControl, low_pfn: number, end_pfn: number): boolean {
  const flags = k.page.flags
  const skip_on_failure = cc.mode === MIGRATE_ASYNC && cc.direct
  let next_skip_pfn = skip_on_failure ? block_end_pfn(low_pfn, cc.order) : 0
  let valid_block = -1
  let skip_updated = false
  let isolated = 0
  cond_resched(k)
  let pfn = low_pfn
  for (; pfn < end_pfn; pfn++) {
    if (skip_on_failure && pfn >= next_skip_pfn) {
      // All of the last order-aligned block can be moved: do that now.
      if (isolated > 0) break
      next_skip_pfn = block_end_pfn(pfn, cc.order)
    }
    if (pfn % COMPACT_CLUSTER_MAX === 0) {
      if (fatal_signal_pending(k, k.var.current)) return false
      cond_resched(k)
    }
    cc.migrate_scanned++
    if (valid_block < 0 && pfn % PAGEBLOCK_NR_PAGES === 0) {
      if (!isolation_suitable(k, cc, pfn)) {
        pfn = end_pfn
        break
      }
      valid_block = pfn
    }
    const f = flags[pfn]!
    if ((f & PG_buddy) !== 0) {
      pfn += (1 << ((f >>> PG_ORDER_SHIFT) & 15)) - 1
      continue
    }
    if ((f & PG_head) !== 0) pfn += (1 << ((f >>> PG_ORDER_SHIFT) & 15)) - 1
    else if (isolate_candidate(k, cc, f)) {
      if (!skip_updated) {
        skip_updated = true
        if (test_and_set_skip(k, cc, pfn)) break
      }
      if (isolate_lru_page(k, pfn)) {
        cc.migratepages.push(pfn)
        cc.nr_migratepages++
        isolated++
        if (cc.nr_migratepages < COMPACT_CLUSTER_MAX || cc.rescan) continue
        pfn++
        break
      }
    }
    if (!skip_on_failure) continue
    // This order-aligned block cannot become free: drop what was collected of it and go on behind it.
    if (isolated > 0) putback_migratepages(k, cc)
    isolated = 0
    if (pfn < next_skip_pfn) {
      pfn = next_skip_pfn - 1
      next_skip_pfn += 1 << cc.order
    }
  }
  pfn = Math.min(pfn, end_pfn)
  if (pfn === end_pfn && (isolated === 0 || cc.rescan)) {
    if (valid_block >= 0 && !skip_updated) set_pageblock_skip(k, valid_block)
    update_cached_migrate(k, cc, pfn)
  }
  k.vmstat[C.compact_isolated]! += isolated
  cc.migrate_pfn = pfn
  return true
}

/** Marks the block when its first frame is to be moved; true when another run has marked it already. */
function test_and_set_skip(k: Kernel, cc: CompactControl, pfn: number): boolean {
  if (cc.ignore_skip_hint || pfn % PAGEBLOCK_NR_PAGES !== 0) return false
  const skip = get_pageblock_skip(k, pfn)
  set_pageblock_skip(k, pfn)
  return skip
}

/** LRU pages that can be moved now; unevictable ones when vm.compact_unevictable_allowed. */
function isolate_candidate(k: Kernel, cc: CompactControl, f: number): boolean {
  if ((f & PG_lru) === 0 || (f & (PG_head | PG_tail)) !== 0) return false
  if ((f & PG_unevictable) !== 0 && (k.var.sysctl['vm.compact_unevictable_allowed'] ?? 1) === 0) return false
  if ((f & PG_writeback) !== 0 && cc.mode !== MIGRATE_SYNC) return false
  return (f & (PG_anon | PG_swapcache)) !== PG_swapcache
}

/** putback_movable_pages of all that is still isolated. */
export function putback_migratepages(k: Kernel, cc: CompactControl): void {
  for (let pfn = cc.migratepages.pop(); pfn !== undefined; pfn = cc.migratepages.pop()) putback_lru_page(k, pfn)
  cc.nr_migratepages = 0
}

/**
 * A look at the free lists for a pageblock near the start that has free frames already, to have less to move. As in
 * Linux 6.1 the block found is marked to be skipped and so is passed over; when no more are found, the lowest of the
 * free frames seen is where the scan begins.
 */
function fast_find_migrateblock(k: Kernel, cc: CompactControl): number {
  const start = cc.migrate_pfn
  if (cc.ignore_skip_hint || cc.order <= PAGE_ALLOC_COSTLY_ORDER) return start
  if (start !== k.zone.start_pfn[cc.zone + 1] && start % PAGEBLOCK_NR_PAGES !== 0) return start
  if (cc.direct && cc.migratetype !== MIGRATE_MOVABLE) return start
  const zone_start = k.zone.start_pfn[cc.zone + 1]!
  const distance = (cc.free_pfn - start) >> (start === zone_start ? 1 : 3)
  const high_pfn = pageblock_start_pfn(start + distance)
  const limit = freelist_scan_limit(cc)
  let scanned = 0
  let found = -1
  for (let order = cc.order - 1; order >= PAGE_ALLOC_COSTLY_ORDER && found < 0 && scanned < limit; order--) {
    const row = free_list(cc.zone, MIGRATE_MOVABLE, order)
    for (let pfn = k.free_area.head[row]!; pfn !== 0; pfn = k.page.next[pfn]!) {
      if (scanned++ >= limit) {
        move_freelist_tail(k, row, pfn)
        break
      }
      if (pfn >= high_pfn || get_pageblock_skip(k, pfn)) continue
      move_freelist_tail(k, row, pfn)
      if (cc.fast_start_pfn !== FAST_START_USED)
        cc.fast_start_pfn = cc.fast_start_pfn === 0 ? pfn : Math.min(cc.fast_start_pfn, pfn)
      found = Math.max(pageblock_start_pfn(pfn), zone_start)
      cc.fast_search_fail = 0
      set_pageblock_skip(k, pfn)
      break
    }
  }
  cc.migrate_scanned += scanned
  if (found >= 0) return found
  cc.fast_search_fail++
  if (cc.fast_start_pfn === 0 || cc.fast_start_pfn === FAST_START_USED) return start
  cc.migrate_pfn = cc.fast_start_pfn
  cc.fast_start_pfn = FAST_START_USED
  return cc.migrate_pfn
}

/** The blocks up to `pfn` go to the end of their list: the next search sees others first. */
function move_freelist_tail(k: Kernel, row: number, pfn: number): void {
  const next = k.page.next[pfn]!
  if (next !== 0) rotate_free_list(k, row, next)
}
