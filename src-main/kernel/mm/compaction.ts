/**
 * Compaction: moves movable pages to the end of a zone until a free block of the wanted order appears.
 *
 * Linux: mm/compaction.c (try_to_compact_pages, compaction_suitable, should_compact_retry of mm/page_alloc.c).
 */
import type { Kernel } from '../kernel'

export const COMPACT_NOT_SUITABLE_ZONE = 0
export const COMPACT_SKIPPED = 1
export const COMPACT_DEFERRED = 2
export const COMPACT_NO_SUITABLE_PAGE = 3
export const COMPACT_CONTINUE = 4
export const COMPACT_COMPLETE = 5
export const COMPACT_PARTIAL_SKIPPED = 6
export const COMPACT_CONTENDED = 7
export const COMPACT_SUCCESS = 8

export const COMPACT_PRIO_SYNC_FULL = 0
export const COMPACT_PRIO_SYNC_LIGHT = 1
export const COMPACT_PRIO_ASYNC = 2

/** What an allocation remembers between its tries. */
export interface CompactRetry {
  priority: number
  retries: number
  result: number
}

export function try_to_compact_pages(
  _k: Kernel,
  _gfp: number,
  _order: number,
  _alloc_flags: number,
  _prio: number,
): number {
  return COMPACT_SKIPPED
}

export function should_compact_retry(
  _k: Kernel,
  _gfp: number,
  _order: number,
  _alloc_flags: number,
  _retry: CompactRetry,
): boolean {
  return false
}
