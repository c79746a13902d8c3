/**
 * Is compaction worth it? Enough free frames to move pages to, fragmentation rather than lack of memory, not too soon
 * after it failed; and after a failure: once more?
 *
 * Linux: mm/compaction.c (compaction_suitable, defer_compaction), mm/page_alloc.c (should_compact_retry).
 */
import { fatal_signal_pending } from '../task'
import type { Kernel } from '../kernel'
import { ORDER_ALL } from './compact_control'
import { extfrag_index } from './extfrag'
import { gfp_zone, preferred_zone } from './page_alloc'
import { PAGE_ALLOC_COSTLY_ORDER } from './pcp'
import { zone_reclaimable_pages } from './page_slowpath'
import {
  __zone_watermark_ok,
  ALLOC_WMARK_MASK,
  low_wmark_pages,
  min_wmark_pages,
  wmark_pages,
  zone_watermark_ok,
} from './watermark'

// ---- enum compact_result
export const COMPACT_NOT_SUITABLE_ZONE = 0
export const COMPACT_SKIPPED = 1
export const COMPACT_DEFERRED = 2
export const COMPACT_NO_SUITABLE_PAGE = 3
export const COMPACT_CONTINUE = 4
export const COMPACT_COMPLETE = 5
export const COMPACT_PARTIAL_SKIPPED = 6
export const COMPACT_CONTENDED = 7
export const COMPACT_SUCCESS = 8

// ---- enum compact_priority
export const COMPACT_PRIO_SYNC_FULL = 0
export const COMPACT_PRIO_SYNC_LIGHT = 1
export const COMPACT_PRIO_ASYNC = 2

export const COMPACT_MAX_DEFER_SHIFT = 6
const MAX_COMPACT_RETRIES = 16

/** What an allocation remembers between its tries. */
export interface CompactRetry {
  priority: number
  retries: number
  result: number
}

/** Enough free frames to move to, and for costly orders: is fragmentation, not lack of memory, the trouble? */
export function compaction_suitable(
  k: Kernel,
  zone: number,
  order: number,
  alloc_flags: number,
  highest_zoneidx: number,
): number {
  const ret = __compaction_suitable(k, zone, order, alloc_flags, highest_zoneidx, k.zone.nr_free[zone + 1]!)
  if (ret !== COMPACT_CONTINUE || order <= PAGE_ALLOC_COSTLY_ORDER) return ret
  const index = extfrag_index(k, zone, order)
  return index >= 0 && index <= (k.var.sysctl['vm.extfrag_threshold'] ?? 500) ? COMPACT_SKIPPED : ret
}

function __compaction_suitable(
  k: Kernel,
  zone: number,
  order: number,
  alloc_flags: number,
  highest_zoneidx: number,
  wmark_target: number,
): number {
  if (order === ORDER_ALL) return COMPACT_CONTINUE
  const mark = wmark_pages(k, zone, alloc_flags & ALLOC_WMARK_MASK)
  if (zone_watermark_ok(k, zone, order, mark, highest_zoneidx, alloc_flags)) return COMPACT_SUCCESS
  const base = order > PAGE_ALLOC_COSTLY_ORDER ? low_wmark_pages(k, zone) : min_wmark_pages(k, zone)
  const ok = __zone_watermark_ok(k, zone, 0, base + compact_gap(order), highest_zoneidx, 0, wmark_target)
  return ok ? COMPACT_CONTINUE : COMPACT_SKIPPED
}

/** Frames that both scanners hold at a time. */
export function compact_gap(order: number): number {
  return 2 << order
}

export function compaction_deferred(k: Kernel, zone: number, order: number): boolean {
  const z = k.zone
  const row = zone + 1
  const limit = 1 << z.compact_defer_shift[row]!
  if (order < z.compact_order_failed[row]!) return false
  if (++z.compact_considered[row]! >= limit) {
    z.compact_considered[row] = limit
    return false
  }
  return true
}

export function defer_compaction(k: Kernel, zone: number, order: number): void {
  const z = k.zone
  const row = zone + 1
  z.compact_considered[row] = 0
  z.compact_defer_shift[row] = Math.min(z.compact_defer_shift[row]! + 1, COMPACT_MAX_DEFER_SHIFT)
  if (order < z.compact_order_failed[row]!) z.compact_order_failed[row] = order
}

export function compaction_defer_reset(k: Kernel, zone: number, order: number, alloc_success: boolean): void {
  const z = k.zone
  const row = zone + 1
  if (alloc_success) {
    z.compact_considered[row] = 0
    z.compact_defer_shift[row] = 0
  }
  if (order >= z.compact_order_failed[row]!) z.compact_order_failed[row] = order + 1
}

/** The next run after many failures, at the longest distance. */
export function compaction_restarting(k: Kernel, zone: number, order: number): boolean {
  const z = k.zone
  const row = zone + 1
  if (order < z.compact_order_failed[row]!) return false
  const shift = z.compact_defer_shift[row]!
  return shift === COMPACT_MAX_DEFER_SHIFT && z.compact_considered[row]! >= 1 << shift
}

/** After compaction failed: again with more effort, as long as it may still help. */
export function should_compact_retry(
  k: Kernel,
  gfp: number,
  order: number,
  alloc_flags: number,
  retry: CompactRetry,
): boolean {
  const { result } = retry
  if (order === 0) return false
  if (fatal_signal_pending(k, k.var.current)) return false
  if (result === COMPACT_SUCCESS) retry.retries++
  if (result === COMPACT_SKIPPED) return compaction_zonelist_suitable(k, gfp, order, alloc_flags)
  const failed = result === COMPACT_COMPLETE
  const withdrawn = result === COMPACT_DEFERRED || result === COMPACT_CONTENDED || result === COMPACT_PARTIAL_SKIPPED
  if (!failed && !withdrawn) {
    const max = order > PAGE_ALLOC_COSTLY_ORDER ? MAX_COMPACT_RETRIES / 4 : MAX_COMPACT_RETRIES
    if (retry.retries <= max) return true
  }
  const min = order > PAGE_ALLOC_COSTLY_ORDER ? COMPACT_PRIO_SYNC_LIGHT : COMPACT_PRIO_SYNC_FULL
  if (retry.priority <= min) return false
  retry.priority--
  retry.retries = 0
  return true
}

/** Would compaction be possible if everything that can be reclaimed were? */
function compaction_zonelist_suitable(k: Kernel, gfp: number, order: number, alloc_flags: number): boolean {
  for (let zone = preferred_zone(k, gfp); zone >= 0; zone--) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    const available = Math.floor(zone_reclaimable_pages(k, zone) / order) + k.zone.nr_free[zone + 1]!
    if (__compaction_suitable(k, zone, order, alloc_flags, gfp_zone(gfp), available) === COMPACT_CONTINUE) return true
  }
  return false
}
