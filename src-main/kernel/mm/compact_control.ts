/**
 * What one run of compaction over a zone knows, and what zones remember between runs: where the scanners begin, and which
 * pageblocks were found to be of no use (skip hints).
 *
 * Linux: mm/internal.h (compact_control), mm/compaction.c (__reset_isolation_suitable, update_cached_migrate).
 */
import {
  MAX_NR_ZONES,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
  PG_buddy,
  PG_head,
  PG_lru,
  PG_ORDER_SHIFT,
  PG_tail,
  type Kernel,
} from '../kernel'
import { get_pageblock_migratetype, PAGEBLOCK_NR_PAGES } from './buddy'
import { PAGE_ALLOC_COSTLY_ORDER } from './pcp'
import { WMARK_MIN } from './watermark'

// ---- enum migrate_mode
export const MIGRATE_ASYNC = 0
export const MIGRATE_SYNC_LIGHT = 1
export const MIGRATE_SYNC = 2

export const COMPACT_CLUSTER_MAX = 32
/** order of "everything" (/proc/sys/vm/compact_memory, proactive compaction). */
export const ORDER_ALL = -1
/** cc.fast_start_pfn: no longer to be used. */
export const FAST_START_USED = Infinity

export interface CompactControl {
  readonly zone: number
  readonly order: number
  readonly mode: number
  readonly migratetype: number
  readonly alloc_flags: number
  readonly highest_zoneidx: number
  /** For an allocation that waits, not for kcompactd or the administrator. */
  readonly direct: boolean
  readonly ignore_skip_hint: boolean
  readonly ignore_block_suitable: boolean
  readonly proactive: boolean
  whole_zone: boolean
  /** The pageblock at hand is scanned again: take all of it at once, and then leave it alone. */
  rescan: boolean
  migrate_pfn: number
  free_pfn: number
  /** Pages to move; the last is moved first. */
  readonly migratepages: number[]
  /** How many were isolated, until all of them are moved. */
  nr_migratepages: number
  /** Isolated free frames; the last is used first. */
  readonly freepages: number[]
  migrate_scanned: number
  free_scanned: number
  /** The free lists are searched from this order on; every search in vain makes the next one shorter. */
  search_order: number
  fast_search_fail: number
  fast_start_pfn: number
}

type Options = Partial<
  Pick<
    CompactControl,
    | 'migratetype'
    | 'alloc_flags'
    | 'highest_zoneidx'
    | 'direct'
    | 'ignore_skip_hint'
    | 'ignore_block_suitable'
    | 'proactive'
    | 'whole_zone'
  >
>

export function compact_control(zone: number, order: number, mode: number, options: Options): CompactControl {
  return {
    zone,
    order,
    mode,
    migratetype: MIGRATE_UNMOVABLE,
    alloc_flags: WMARK_MIN,
    highest_zoneidx: zone,
    direct: false,
    ignore_skip_hint: false,
    ignore_block_suitable: false,
    proactive: false,
    whole_zone: false,
    ...options,
    rescan: false,
    migrate_pfn: 0,
    free_pfn: 0,
    migratepages: [],
    nr_migratepages: 0,
    freepages: [],
    migrate_scanned: 0,
    free_scanned: 0,
    search_order: order,
    fast_search_fail: 0,
    fast_start_pfn: 0,
  }
}

export function zone_end_pfn(k: Kernel, zone: number): number {
  return k.zone.start_pfn[zone + 1]! + k.zone.spanned_pages[zone + 1]!
}
export function pageblock_start_pfn(pfn: number): number {
  return pfn & ~(PAGEBLOCK_NR_PAGES - 1)
}
export function pageblock_end_pfn(pfn: number): number {
  return pageblock_start_pfn(pfn) + PAGEBLOCK_NR_PAGES
}
/** First frame of the block of 2^order that `pfn` lies in, and one past its last. */
export function block_start_pfn(pfn: number, order: number): number {
  return pfn & ~((1 << order) - 1)
}
export function block_end_pfn(pfn: number, order: number): number {
  return block_start_pfn(pfn, order) + (1 << order)
}

/** The scanners are in one pageblock or have passed each other. */
export function compact_scanners_met(cc: CompactControl): boolean {
  return pageblock_start_pfn(cc.free_pfn) <= pageblock_start_pfn(cc.migrate_pfn)
}

/** How many entries of a free list to look at. */
export function freelist_scan_limit(cc: CompactControl): number {
  return (COMPACT_CLUSTER_MAX >> Math.min(31, cc.fast_search_fail)) + 1
}

// ---------------------------------------------------------------- where the scanners begin

/** compact_cached_migrate_pfn: one for asynchronous runs, one for synchronous ones, which look at more. */
export function cached_migrate_row(zone: number, sync: boolean): number {
  return (zone + 1) * 2 + (sync ? 1 : 0)
}
export function set_cached_migrate(k: Kernel, zone: number, pfn: number): void {
  k.zone.compact_cached_migrate_pfn[cached_migrate_row(zone, false)] = pfn
  k.zone.compact_cached_migrate_pfn[cached_migrate_row(zone, true)] = pfn
}

export function reset_cached_positions(k: Kernel, zone: number): void {
  set_cached_migrate(k, zone, k.zone.start_pfn[zone + 1]!)
  k.zone.compact_cached_free_pfn[zone + 1] = pageblock_start_pfn(zone_end_pfn(k, zone) - 1)
}

/** The pageblock before `pfn` is done: later runs begin behind it (and, as in Linux 6.1, behind the one that follows). */
export function update_cached_migrate(k: Kernel, cc: CompactControl, pfn: number): void {
  const cached = k.zone.compact_cached_migrate_pfn
  const end = pageblock_end_pfn(pfn)
  const async_row = cached_migrate_row(cc.zone, false)
  const sync_row = cached_migrate_row(cc.zone, true)
  if (end > cached[async_row]!) cached[async_row] = end
  if (cc.mode !== MIGRATE_ASYNC && end > cached[sync_row]!) cached[sync_row] = end
}

// ---------------------------------------------------------------- skip hints

export function get_pageblock_skip(k: Kernel, pfn: number): boolean {
  return k.pageblock.skip[pfn >>> 9] !== 0
}
export function set_pageblock_skip(k: Kernel, pfn: number): void {
  k.pageblock.skip[pfn >>> 9] = 1
}
export function isolation_suitable(k: Kernel, cc: CompactControl, pfn: number): boolean {
  return cc.ignore_skip_hint || !get_pageblock_skip(k, pfn)
}

/** The free scanner came to the end of a pageblock: skip it from now on. */
export function update_pageblock_skip(k: Kernel, cc: CompactControl, block: number): void {
  set_pageblock_skip(k, block)
  const cached = k.zone.compact_cached_free_pfn
  if (block < cached[cc.zone + 1]!) cached[cc.zone + 1] = block
}

/** kswapd goes to sleep: hints of zones in which an allocation compacted in vain are forgotten. */
export function reset_isolation_suitable(k: Kernel): void {
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    if (k.zone.managed_pages[zone + 1] !== 0) __reset_isolation_suitable(k, zone)
}

/**
 * Walks the zone from both ends and clears the hints of pageblocks in which a sample of frames shows something to move
 * or something free; the outermost of them are where the scanners begin.
 */
export function __reset_isolation_suitable(k: Kernel, zone: number): void {
  const z = k.zone
  const row = zone + 1
  if (z.compact_blockskip_flush[row] === 0) return
  z.compact_blockskip_flush[row] = 0
  let migrate_pfn = z.start_pfn[row]!
  let free_pfn = zone_end_pfn(k, zone) - 1
  let reset_migrate = free_pfn
  let reset_free = migrate_pfn
  let source_set = false
  let free_set = false
  for (; migrate_pfn < free_pfn; migrate_pfn += PAGEBLOCK_NR_PAGES, free_pfn -= PAGEBLOCK_NR_PAGES) {
    if (__reset_isolation_pfn(k, zone, migrate_pfn, true, source_set) && migrate_pfn < reset_migrate) {
      source_set = true
      reset_migrate = migrate_pfn
      z.compact_init_migrate_pfn[row] = reset_migrate
      set_cached_migrate(k, zone, reset_migrate)
    }
    if (__reset_isolation_pfn(k, zone, free_pfn, free_set, true) && free_pfn > reset_free) {
      free_set = true
      reset_free = free_pfn
      z.compact_init_free_pfn[row] = reset_free
      z.compact_cached_free_pfn[row] = reset_free
    }
  }
  if (reset_migrate < reset_free) return
  // Nothing to do: leave no distance between the scanners.
  set_cached_migrate(k, zone, migrate_pfn)
  z.compact_cached_free_pfn[row] = free_pfn
}

/** Clears one pageblock's hint; true where a scanner may begin there. Every eighth frame is looked at. */
function __reset_isolation_pfn(k: Kernel, zone: number, pfn: number, source: boolean, target: boolean): boolean {
  const flags = k.page.flags
  if (pageblock_skip_persistent(flags[pfn]!)) return false
  if (source && target && !get_pageblock_skip(k, pfn)) return true
  if (!source && target && get_pageblock_migratetype(k, pfn) !== MIGRATE_MOVABLE) return false
  const from = Math.max(pageblock_start_pfn(pfn), k.zone.start_pfn[zone + 1]!)
  const end = Math.min(pageblock_end_pfn(from), zone_end_pfn(k, zone))
  for (let p = from; p < end; p += 1 << PAGE_ALLOC_COSTLY_ORDER) {
    const f = flags[p]!
    if (!(source && (f & PG_lru) !== 0) && !(target && (f & PG_buddy) !== 0)) continue
    k.pageblock.skip[pfn >>> 9] = 0
    return true
  }
  return false
}

/** A huge page fills the block: there is neither anything to move nor anything free in it until it is freed. */
export function pageblock_skip_persistent(f: number): boolean {
  return (f & (PG_head | PG_tail)) !== 0 && ((f >>> PG_ORDER_SHIFT) & 15) >= 9
}
