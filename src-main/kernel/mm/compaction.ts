/**
 * Compaction: one scanner goes up through a zone collecting pages that can be moved, another comes down collecting free
 * frames; pages are moved from the first to the second until a free block of the wanted order appears or they meet.
 *
 *   start ──isolate_migratepages──▶ ··········· ◀──isolate_freepages── end
 *
 * A block of the wanted order that comes together meanwhile is captured for the allocation that compacts (buddy.ts).
 *
 * Linux: mm/compaction.c (compact_zone, try_to_compact_pages), mm/migrate.c (migrate_pages).
 */
import { C } from '@shared/counters'
import { charge, fatal_signal_pending, need_resched, threads } from '../task'
import { COST } from '../costs'
import { __GFP_IO, MAX_NR_ZONES, MAX_ORDER, TASK_RUNNING, type Kernel } from '../kernel'
import { free_list, MIGRATE_PCPTYPES, PAGEBLOCK_NR_PAGES } from './buddy'
import {
  __reset_isolation_suitable,
  block_end_pfn,
  block_start_pfn,
  cached_migrate_row,
  compact_control,
  compact_scanners_met,
  MIGRATE_ASYNC,
  MIGRATE_SYNC,
  MIGRATE_SYNC_LIGHT,
  ORDER_ALL,
  pageblock_start_pfn,
  reset_cached_positions,
  set_cached_migrate,
  zone_end_pfn,
  type CompactControl,
} from './compact_control'
import {
  COMPACT_COMPLETE,
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_DEFERRED,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  compaction_defer_reset,
  compaction_deferred,
  compaction_restarting,
  compaction_suitable,
  defer_compaction,
} from './compaction_suitable'
import { extfrag_for_order, fragmentation_score_wmark, HPAGE_ORDER } from './extfrag'
import { can_steal_fallback, find_suitable_fallback } from './fallback'
import { compaction_alloc, release_freepages } from './isolate_freepages'
import { ISOLATE_ABORT, ISOLATE_NONE, isolate_migratepages, putback_migratepages } from './isolate_migratepages'
import { migrate_page } from './migrate'
import { gfp_migratetype, gfp_zone, preferred_zone } from './page_alloc'
import { drain_pages_zone } from './pcp'
import { lru_add_drain, lru_add_drain_all, putback_lru_page } from './swap'

/** migrate_pages: no frame to move to. Other results are the number of pages that could not be moved. */
const ENOMEM = -1

// ---------------------------------------------------------------- callers

/**
 * Direct compaction by an allocation: zone by zone until one has a free block. `k.var.capture_pfn` is the block when one
 * was captured.
 */
export function try_to_compact_pages(k: Kernel, gfp: number, order: number, alloc_flags: number, prio: number): number {
  k.var.capture_pfn = 0
  if ((gfp & __GFP_IO) === 0) return COMPACT_SKIPPED
  let rc = COMPACT_SKIPPED
  for (let zone = preferred_zone(k, gfp); zone >= 0; zone--) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    if (prio > COMPACT_PRIO_SYNC_FULL && compaction_deferred(k, zone, order)) {
      rc = Math.max(rc, COMPACT_DEFERRED)
      continue
    }
    const status = compact_zone_order(k, zone, gfp, order, alloc_flags, prio)
    rc = Math.max(rc, status)
    if (status === COMPACT_SUCCESS) {
      compaction_defer_reset(k, zone, order, false)
      break
    }
    if (prio !== COMPACT_PRIO_ASYNC && (status === COMPACT_COMPLETE || status === COMPACT_PARTIAL_SKIPPED))
      defer_compaction(k, zone, order)
    if ((prio === COMPACT_PRIO_ASYNC && need_resched(k)) || fatal_signal_pending(k, k.var.current)) break
  }
  return rc
}

function compact_zone_order(
  k: Kernel,
  zone: number,
  gfp: number,
  order: number,
  alloc_flags: number,
  prio: number,
): number {
  const full = prio === COMPACT_PRIO_SYNC_FULL
  const cc = compact_control(zone, order, prio === COMPACT_PRIO_ASYNC ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT, {
    migratetype: gfp_migratetype(gfp),
    alloc_flags,
    highest_zoneidx: gfp_zone(gfp),
    direct: true,
    whole_zone: full,
    ignore_skip_hint: full,
    ignore_block_suitable: full,
  })
  k.var.capture_zone = zone
  k.var.capture_order = order
  const ret = compact_zone(k, cc)
  k.var.capture_order = -1
  return k.var.capture_pfn !== 0 ? COMPACT_SUCCESS : ret
}

/** vm.compact_memory: every zone from end to end, whatever the hints say. */
export function compact_memory(k: Kernel): void {
  lru_add_drain_all(k)
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    compact_zone(k, compact_control(zone, ORDER_ALL, MIGRATE_SYNC, { whole_zone: true, ignore_skip_hint: true }))
  }
}

// ---------------------------------------------------------------- a zone

/** Runs the two scanners; the result says why they stopped. */
export function compact_zone(k: Kernel, cc: CompactControl): number {
  const { zone, order } = cc
  if (order !== ORDER_ALL) {
    const ret = compaction_suitable(k, zone, order, cc.alloc_flags, cc.highest_zoneidx)
    if (ret === COMPACT_SUCCESS || ret === COMPACT_SKIPPED) return ret
    if (compaction_restarting(k, zone, order)) __reset_isolation_suitable(k, zone)
  }
  const cached = k.zone.compact_cached_migrate_pfn
  const async_row = cached_migrate_row(zone, false)
  const sync_row = cached_migrate_row(zone, true)
  begin_scan(k, cc)
  // Until there is something to move, what an asynchronous run passes need not be looked at by a synchronous one.
  let update_cached = cc.mode === MIGRATE_ASYNC && cached[async_row] === cached[sync_row]
  let last_migrated_pfn = 0
  lru_add_drain(k)
  let ret = compact_finished(k, cc)
  for (; ret === COMPACT_CONTINUE; ret = compact_finished(k, cc)) {
    const iteration_start = cc.migrate_pfn
    cc.rescan = pageblock_start_pfn(last_migrated_pfn) === pageblock_start_pfn(iteration_start)
    const isolated = isolate_migratepages(k, cc)
    if (isolated === ISOLATE_ABORT) {
      putback_migratepages(k, cc)
      ret = COMPACT_CONTENDED
      break
    }
    if (isolated === ISOLATE_NONE) {
      if (update_cached) cached[sync_row] = cached[async_row]!
    } else {
      update_cached = false
      last_migrated_pfn = iteration_start
      const err = migrate_pages(k, cc)
      if (err === ENOMEM && !compact_scanners_met(cc)) {
        ret = COMPACT_CONTENDED
        break
      }
      if (err !== 0 && cc.direct && cc.mode === MIGRATE_ASYNC) {
        // The order-aligned block cannot become free: go on behind it.
        cc.migrate_pfn = block_end_pfn(cc.migrate_pfn - 1, order)
        last_migrated_pfn = 0
      }
    }
    // Freed frames sit on the CPU's lists: give them back once the block that could become free is behind.
    if (order > 0 && last_migrated_pfn !== 0 && last_migrated_pfn < block_start_pfn(cc.migrate_pfn, order)) {
      lru_add_drain(k)
      drain_pages_zone(k, k.var.cpu, zone)
      last_migrated_pfn = 0
    }
    if (cc.direct && k.var.capture_pfn !== 0) {
      ret = COMPACT_SUCCESS
      break
    }
  }
  release_freepages(k, cc)
  k.vmstat[C.compact_migrate_scanned]! += cc.migrate_scanned
  k.vmstat[C.compact_free_scanned]! += cc.free_scanned
  charge(k, COST.compact_scan_page * (cc.migrate_scanned + cc.free_scanned))
  return ret
}

/** The whole zone, or from where the last runs stopped. */
function begin_scan(k: Kernel, cc: CompactControl): void {
  const { zone } = cc
  const z = k.zone
  const start_pfn = z.start_pfn[zone + 1]!
  const end_pfn = zone_end_pfn(k, zone)
  const last_block = pageblock_start_pfn(end_pfn - 1)
  if (cc.whole_zone) {
    cc.migrate_pfn = start_pfn
    cc.free_pfn = last_block
    return
  }
  cc.migrate_pfn = z.compact_cached_migrate_pfn[cached_migrate_row(zone, cc.mode !== MIGRATE_ASYNC)]!
  cc.free_pfn = z.compact_cached_free_pfn[zone + 1]!
  if (cc.free_pfn < start_pfn || cc.free_pfn >= end_pfn) {
    cc.free_pfn = last_block
    z.compact_cached_free_pfn[zone + 1] = last_block
  }
  if (cc.migrate_pfn < start_pfn || cc.migrate_pfn >= end_pfn) {
    cc.migrate_pfn = start_pfn
    set_cached_migrate(k, zone, start_pfn)
  }
  if (cc.migrate_pfn <= z.compact_init_migrate_pfn[zone + 1]!) cc.whole_zone = true
}

/** COMPACT_CONTINUE, or why to stop: the scanners met, or a block that the request could take is free. */
function compact_finished(k: Kernel, cc: CompactControl): number {
  if (compact_scanners_met(cc)) {
    reset_cached_positions(k, cc.zone)
    if (cc.direct) k.zone.compact_blockskip_flush[cc.zone + 1] = 1
    return cc.whole_zone ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED
  }
  if (fatal_signal_pending(k, k.var.current)) return COMPACT_CONTENDED
  if (cc.proactive) {
    if (kswapd_is_running(k)) return COMPACT_PARTIAL_SKIPPED
    const score = extfrag_for_order(k, cc.zone, HPAGE_ORDER)
    return score > fragmentation_score_wmark(k, true) ? COMPACT_CONTINUE : COMPACT_SUCCESS
  }
  // The pageblock that was begun is finished first, so that the types stay apart.
  if (cc.order === ORDER_ALL || cc.migrate_pfn % PAGEBLOCK_NR_PAGES !== 0) return COMPACT_CONTINUE
  for (let order = cc.order; order < MAX_ORDER; order++) {
    if (k.free_area.head[free_list(cc.zone, cc.migratetype, order)] !== 0) return COMPACT_SUCCESS
    if (cc.migratetype < MIGRATE_PCPTYPES && can_steal_fallback(order, cc.migratetype))
      if (find_suitable_fallback(k, cc.zone, order, cc.migratetype) >= 0) return COMPACT_SUCCESS
  }
  return COMPACT_CONTINUE
}

export function kswapd_is_running(k: Kernel): boolean {
  const t = threads(k).kswapd
  return t !== 0 && k.task.state[t] === TASK_RUNNING && t !== k.var.current
}

/** Moves what was isolated; what cannot be moved goes back to its LRU list. */
function migrate_pages(k: Kernel, cc: CompactControl): number {
  let failed = 0
  for (let from = cc.migratepages.pop(); from !== undefined; from = cc.migratepages.pop()) {
    const to = compaction_alloc(k, cc)
    if (to === 0) {
      k.vmstat[C.pgmigrate_fail]!++
      cc.migratepages.push(from)
      putback_migratepages(k, cc)
      return ENOMEM
    }
    if (migrate_page(k, from, to)) continue
    cc.freepages.push(to)
    putback_lru_page(k, from)
    failed++
  }
  cc.nr_migratepages = 0
  return failed
}
