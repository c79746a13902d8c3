/**
 * Compaction: one scanner goes up through a zone collecting pages that can be moved, another comes down collecting free
 * frames; pages are moved from the first to the second until a free block of the wanted order appears or they meet.
 *
 *   start ──migrate scanner──▶ ··········· ◀──free scanner── end
 *
 * Linux: mm/compaction.c; should_compact_retry of mm/page_alloc.c.
 * Simplified: the fast searches of free lists (fast_isolate_freepages, fast_find_migrateblock), page capture and
 * per-mode cached positions are left out; free blocks are isolated one pageblock at a time.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { charge, fatal_signal_pending, need_resched, threads, wake_kthread } from '../task'
import { COST } from '../costs'
import {
  __GFP_IO,
  GFP_KERNEL,
  MAX_NR_ZONES,
  MAX_ORDER,
  MIGRATE_ISOLATE,
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
  ZONE_NORMAL,
  type Kernel,
} from '../kernel'
import {
  __mod_zone_freepage_state,
  area_nr_free,
  del_page_from_free_list,
  free_list,
  get_pageblock_migratetype,
  MIGRATE_PCPTYPES,
  PAGEBLOCK_NR_PAGES,
  set_pageblock_migratetype,
} from './buddy'
import { can_steal_fallback, find_suitable_fallback } from './fallback'
import { migrate_page } from './migrate'
import { free_page, gfp_migratetype, gfp_zone, preferred_zone } from './page_alloc'
import { drain_pages_zone, drain_all_pages, PAGE_ALLOC_COSTLY_ORDER } from './pcp'
import { zone_reclaimable_pages } from './page_slowpath'
import { isolate_lru_page, lru_add_drain, putback_lru_page } from './swap'
import { extfrag_index } from './extfrag'
import {
  __zone_watermark_ok,
  ALLOC_WMARK_MASK,
  low_wmark_pages,
  min_wmark_pages,
  WMARK_MIN,
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

// ---- enum migrate_mode
const MIGRATE_ASYNC = 0
const MIGRATE_SYNC_LIGHT = 1
const MIGRATE_SYNC = 2

const COMPACT_CLUSTER_MAX = 32
const COMPACT_MAX_DEFER_SHIFT = 6
const MAX_COMPACT_RETRIES = 16
/** order of "everything" (/proc/sys/vm/compact_memory, proactive compaction). */
const ORDER_ALL = -1
const HPAGE_ORDER = 9

/** What an allocation remembers between its tries. */
export interface CompactRetry {
  priority: number
  retries: number
  result: number
}

interface CompactControl {
  readonly zone: number
  readonly order: number
  readonly mode: number
  readonly migratetype: number
  readonly alloc_flags: number
  readonly highest_zoneidx: number
  readonly direct: boolean
  readonly ignore_skip_hint: boolean
  readonly ignore_block_suitable: boolean
  readonly proactive: boolean
  whole_zone: boolean
  migrate_pfn: number
  free_pfn: number
  readonly migratepages: number[]
  /** Isolated free frames, taken from the front. */
  readonly freepages: number[]
  next_free: number
  migrate_scanned: number
  free_scanned: number
}

// ---------------------------------------------------------------- callers

/** Direct compaction by an allocation: zone by zone until one has a free block. */
export function try_to_compact_pages(k: Kernel, gfp: number, order: number, alloc_flags: number, prio: number): number {
  if ((gfp & __GFP_IO) === 0) return COMPACT_SKIPPED
  let rc = COMPACT_SKIPPED
  for (let zone = preferred_zone(k, gfp); zone >= 0; zone--) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    if (prio > COMPACT_PRIO_SYNC_FULL && compaction_deferred(k, zone, order)) {
      rc = Math.max(rc, COMPACT_DEFERRED)
      continue
    }
    const cc = compact_control(k, zone, order, prio === COMPACT_PRIO_ASYNC ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT, {
      migratetype: gfp_migratetype(gfp),
      alloc_flags,
      highest_zoneidx: gfp_zone(gfp),
      direct: true,
      whole_zone: prio === COMPACT_PRIO_SYNC_FULL,
      ignore_skip_hint: prio === COMPACT_PRIO_SYNC_FULL,
    })
    const status = compact_zone(k, cc)
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

/** vm.compact_memory: every zone from end to end, whatever the hints say. */
export function compact_memory(k: Kernel): void {
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    compact_zone(k, compact_control(k, zone, ORDER_ALL, MIGRATE_SYNC, { whole_zone: true, ignore_skip_hint: true }))
  }
}

interface Kcompactd {
  max_order: number
  highest_zoneidx: number
  proactive_defer: number
}
function kcompactd(k: Kernel): Kcompactd {
  return (k.var.mod['kcompactd'] ??= { max_order: 0, highest_zoneidx: ZONE_NORMAL, proactive_defer: 0 }) as Kcompactd
}

/** kswapd made room for a high order: let kcompactd make a block of it. */
export function wakeup_kcompactd(k: Kernel, order: number, highest_zoneidx: number): void {
  if (order === 0) return
  const state = kcompactd(k)
  if (state.max_order < order) state.max_order = order
  state.highest_zoneidx = Math.min(highest_zoneidx, ZONE_NORMAL)
  if (!kcompactd_node_suitable(k)) return
  wake_kthread(k, 'kcompactd')
}

function kcompactd_node_suitable(k: Kernel): boolean {
  const { max_order, highest_zoneidx } = kcompactd(k)
  for (let zone = 0; zone <= highest_zoneidx; zone++)
    if (k.zone.managed_pages[zone + 1] !== 0 && compaction_suitable(k, zone, max_order, 0, zone) === COMPACT_CONTINUE)
      return true
  return false
}

/** kcompactd's work for one wake-up; true: it has nothing more to do. */
export function kcompactd_step(k: Kernel): boolean {
  const state = kcompactd(k)
  const order = state.max_order
  if (order === 0) return proactive_compact(k)
  k.vmstat[C.compact_daemon_wake]!++
  for (let zone = 0; zone <= state.highest_zoneidx; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0 || compaction_deferred(k, zone, order)) continue
    if (compaction_suitable(k, zone, order, 0, zone) !== COMPACT_CONTINUE) continue
    const cc = compact_control(k, zone, order, MIGRATE_SYNC_LIGHT, { highest_zoneidx: state.highest_zoneidx })
    const status = compact_zone(k, cc)
    if (status === COMPACT_SUCCESS) compaction_defer_reset(k, zone, order, false)
    else if (status === COMPACT_PARTIAL_SKIPPED || status === COMPACT_COMPLETE) {
      drain_all_pages(k)
      defer_compaction(k, zone, order)
    }
    k.vmstat[C.compact_daemon_migrate_scanned]! += cc.migrate_scanned
    k.vmstat[C.compact_daemon_free_scanned]! += cc.free_scanned
  }
  state.max_order = 0
  state.highest_zoneidx = ZONE_NORMAL
  return true
}

/** Every 500 ms kcompactd looks whether memory is fragmented more than vm.compaction_proactiveness allows. */
function proactive_compact(k: Kernel): boolean {
  const state = kcompactd(k)
  const proactiveness = k.var.sysctl['vm.compaction_proactiveness'] ?? 20
  if (proactiveness === 0) return true
  const low = Math.max(100 - proactiveness, 5)
  const high = Math.min(low + 10, 100)
  const before = fragmentation_score_node(k)
  if (before <= high) return true
  if (state.proactive_defer > 0) {
    state.proactive_defer--
    return true
  }
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    compact_zone(k, compact_control(k, zone, ORDER_ALL, MIGRATE_SYNC_LIGHT, { whole_zone: true, proactive: true }))
  }
  if (fragmentation_score_node(k) >= before) state.proactive_defer = 1 << COMPACT_MAX_DEFER_SHIFT
  return true
}

/** How often kcompactd looks, ns. */
export const HPAGE_FRAG_CHECK_INTERVAL_NS = 500_000_000
export function kcompactd_thread(k: Kernel): number {
  return threads(k).kcompactd
}

/** Per cent of free memory that is not in blocks of a huge page, weighted by the zones' sizes. */
function fragmentation_score_node(k: Kernel): number {
  let present = 0
  for (let row = 1; row <= MAX_NR_ZONES; row++) present += k.zone.present_pages[row]!
  let score = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    score += Math.floor((k.zone.present_pages[zone + 1]! * extfrag_for_order(k, zone, HPAGE_ORDER)) / (present + 1))
  return score
}
function extfrag_for_order(k: Kernel, zone: number, order: number): number {
  let free = 0
  let suitable = 0
  for (let o = 0; o < MAX_ORDER; o++) {
    const blocks = area_nr_free(k, zone, o)
    free += blocks << o
    if (o >= order) suitable += blocks << (o - order)
  }
  return free === 0 ? 0 : Math.floor(((free - (suitable << order)) * 100) / free)
}

// ---------------------------------------------------------------- is it worth it

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

function compaction_deferred(k: Kernel, zone: number, order: number): boolean {
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

function defer_compaction(k: Kernel, zone: number, order: number): void {
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

/** After compaction failed: again with more effort, as long as it may still help. */
export function should_compact_retry(
  k: Kernel,
  gfp: number,
  order: number,
  alloc_flags: number,
  retry: CompactRetry,
): boolean {
  const { result } = retry
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
    if (__compaction_suitable(k, zone, order, alloc_flags, gfp_zone(gfp), available) !== COMPACT_SKIPPED) return true
  }
  return false
}

// ---------------------------------------------------------------- a zone

function compact_control(
  k: Kernel,
  zone: number,
  order: number,
  mode: number,
  options: Partial<CompactControl>,
): CompactControl {
  return {
    zone,
    order,
    mode,
    migratetype: gfp_migratetype(GFP_KERNEL),
    alloc_flags: WMARK_MIN,
    highest_zoneidx: zone,
    direct: false,
    ignore_skip_hint: false,
    ignore_block_suitable: options.whole_zone === true && options.direct === true,
    proactive: false,
    whole_zone: false,
    ...options,
    migrate_pfn: k.zone.compact_cached_migrate_pfn[zone + 1]!,
    free_pfn: k.zone.compact_cached_free_pfn[zone + 1]!,
    migratepages: [],
    freepages: [],
    next_free: 0,
    migrate_scanned: 0,
    free_scanned: 0,
  }
}

function zone_end_pfn(k: Kernel, zone: number): number {
  return k.zone.start_pfn[zone + 1]! + k.zone.spanned_pages[zone + 1]!
}
function pageblock_start(pfn: number): number {
  return pfn & ~(PAGEBLOCK_NR_PAGES - 1)
}

/** Runs the two scanners; the result says why they stopped. */
function compact_zone(k: Kernel, cc: CompactControl): number {
  const { zone } = cc
  const row = zone + 1
  const start_pfn = k.zone.start_pfn[row]!
  const end_pfn = zone_end_pfn(k, zone)
  if (cc.order !== ORDER_ALL) {
    const ret = compaction_suitable(k, zone, cc.order, cc.alloc_flags, cc.highest_zoneidx)
    if (ret === COMPACT_SUCCESS || ret === COMPACT_SKIPPED) return ret
    if (compaction_restarting(k, zone, cc.order)) __reset_isolation_suitable(k, zone)
  }
  const last_block = pageblock_start(end_pfn - 1)
  if (cc.whole_zone) {
    cc.migrate_pfn = start_pfn
    cc.free_pfn = last_block
  } else {
    if (cc.free_pfn < start_pfn || cc.free_pfn >= end_pfn) cc.free_pfn = last_block
    if (cc.migrate_pfn < start_pfn || cc.migrate_pfn >= end_pfn) cc.migrate_pfn = start_pfn
    if (cc.migrate_pfn <= start_pfn) cc.whole_zone = true
  }
  lru_add_drain(k)
  let ret = compact_finished(k, cc)
  let last_migrated = 0
  while (ret === COMPACT_CONTINUE) {
    const block_from = cc.migrate_pfn
    if (isolate_migratepages(k, cc)) {
      last_migrated = cc.order === ORDER_ALL ? 0 : Math.max(block_from, start_pfn)
      if (!migrate_pages(k, cc)) {
        // No frame to move to: the scanners met, or memory is too short.
        ret = cc.free_pfn <= cc.migrate_pfn ? compact_finished(k, cc) : COMPACT_CONTENDED
        break
      }
    }
    // Freed frames sit on the CPU's lists: give them back once the block that could become free is behind.
    if (cc.order > 0 && last_migrated !== 0) {
      const block = cc.migrate_pfn & ~((1 << cc.order) - 1)
      if (last_migrated < block) {
        lru_add_drain(k)
        drain_pages_zone(k, k.var.cpu, zone)
        last_migrated = 0
      }
    }
    ret = compact_finished(k, cc)
  }
  release_freepages(k, cc)
  k.vmstat[C.compact_migrate_scanned]! += cc.migrate_scanned
  k.vmstat[C.compact_free_scanned]! += cc.free_scanned
  charge(k, COST.compact_scan_page * (cc.migrate_scanned + cc.free_scanned))
  return ret
}

function compaction_restarting(k: Kernel, zone: number, order: number): boolean {
  const z = k.zone
  const row = zone + 1
  if (order < z.compact_order_failed[row]!) return false
  const shift = z.compact_defer_shift[row]!
  return shift === COMPACT_MAX_DEFER_SHIFT && z.compact_considered[row]! >= 1 << shift
}

/** Forgets which pageblocks were found useless; kswapd does so before it sleeps. */
export function __reset_isolation_suitable(k: Kernel, zone: number): void {
  const first = pageblock_start(k.zone.start_pfn[zone + 1]!) / PAGEBLOCK_NR_PAGES
  k.pageblock.skip.fill(0, first, Math.ceil(zone_end_pfn(k, zone) / PAGEBLOCK_NR_PAGES))
  reset_cached_positions(k, zone)
}
export function reset_isolation_suitable(k: Kernel): void {
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    if (k.zone.compact_blockskip_flush[zone + 1] !== 0) {
      k.zone.compact_blockskip_flush[zone + 1] = 0
      __reset_isolation_suitable(k, zone)
    }
}
function reset_cached_positions(k: Kernel, zone: number): void {
  k.zone.compact_cached_migrate_pfn[zone + 1] = k.zone.start_pfn[zone + 1]!
  k.zone.compact_cached_free_pfn[zone + 1] = pageblock_start(zone_end_pfn(k, zone) - 1)
}

/** COMPACT_CONTINUE, or why to stop: the scanners met, or a block that the request could take is free. */
function compact_finished(k: Kernel, cc: CompactControl): number {
  if (Math.floor(cc.free_pfn / PAGEBLOCK_NR_PAGES) <= Math.floor(cc.migrate_pfn / PAGEBLOCK_NR_PAGES)) {
    reset_cached_positions(k, cc.zone)
    if (cc.direct) k.zone.compact_blockskip_flush[cc.zone + 1] = 1
    return cc.whole_zone ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED
  }
  if (cc.proactive) {
    const low = Math.max(100 - (k.var.sysctl['vm.compaction_proactiveness'] ?? 20), 5)
    return extfrag_for_order(k, cc.zone, HPAGE_ORDER) > low ? COMPACT_CONTINUE : COMPACT_SUCCESS
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

// ---------------------------------------------------------------- the migrate scanner

/** Isolates up to 32 movable pages of the next suitable pageblock; false when there are none before the scanners meet. */
function isolate_migratepages(k: Kernel, cc: CompactControl): boolean {
  const end_pfn = zone_end_pfn(k, cc.zone)
  while (cc.migrate_pfn < cc.free_pfn) {
    const low_pfn = cc.migrate_pfn
    const block_end = Math.min(pageblock_start(low_pfn) + PAGEBLOCK_NR_PAGES, end_pfn)
    const at_border = low_pfn % PAGEBLOCK_NR_PAGES === 0
    const skipped = at_border && !cc.ignore_skip_hint && k.pageblock.skip[low_pfn >>> 9] !== 0
    if (skipped || !suitable_migration_source(k, cc, low_pfn)) {
      cc.migrate_pfn = block_end
      continue
    }
    cc.migrate_pfn = isolate_migratepages_block(k, cc, low_pfn, block_end)
    return cc.migratepages.length > 0
  }
  return false
}

/** Async direct compaction takes only blocks of the type that it wants to have. */
function suitable_migration_source(k: Kernel, cc: CompactControl, pfn: number): boolean {
  if (cc.mode !== MIGRATE_ASYNC || !cc.direct) return true
  return get_pageblock_migratetype(k, pfn) === cc.migratetype
}

function isolate_migratepages_block(k: Kernel, cc: CompactControl, low_pfn: number, end_pfn: number): number {
  const flags = k.page.flags
  const skip_on_failure = cc.mode === MIGRATE_ASYNC && cc.direct && cc.order > 0
  let isolated = 0
  let pfn = low_pfn
  for (; pfn < end_pfn; pfn++) {
    cc.migrate_scanned++
    const f = flags[pfn]!
    if ((f & PG_buddy) !== 0) {
      pfn += (1 << ((f >>> PG_ORDER_SHIFT) & 15)) - 1
      continue
    }
    if ((f & PG_head) !== 0) pfn += (1 << ((f >>> PG_ORDER_SHIFT) & 15)) - 1
    if (!isolate_candidate(k, cc, f) || !isolate_lru_page(k, pfn)) {
      if (!skip_on_failure) continue
      // This order-aligned block cannot become free: drop what was collected of it and go on behind it.
      for (const page of cc.migratepages.splice(0)) putback_lru_page(k, page)
      isolated = 0
      pfn = Math.min(end_pfn, (Math.floor(pfn / (1 << cc.order)) + 1) << cc.order) - 1
      continue
    }
    cc.migratepages.push(pfn)
    isolated++
    if (cc.migratepages.length >= COMPACT_CLUSTER_MAX) {
      pfn++
      break
    }
  }
  if (pfn >= end_pfn && isolated === 0 && !cc.ignore_skip_hint) {
    k.pageblock.skip[low_pfn >>> 9] = 1
    const cached = k.zone.compact_cached_migrate_pfn
    if (pfn > cached[cc.zone + 1]!) cached[cc.zone + 1] = pfn
  }
  k.vmstat[C.compact_isolated]! += isolated
  return Math.min(pfn, end_pfn)
}

/** LRU pages that can be moved now; unevictable ones when vm.compact_unevictable_allowed. */
function isolate_candidate(k: Kernel, cc: CompactControl, f: number): boolean {
  if ((f & PG_lru) === 0 || (f & (PG_head | PG_tail)) !== 0) return false
  if ((f & PG_unevictable) !== 0 && (k.var.sysctl['vm.compact_unevictable_allowed'] ?? 1) === 0) return false
  if ((f & PG_writeback) !== 0 && cc.mode === MIGRATE_ASYNC) return false
  return (f & (PG_anon | PG_swapcache)) !== PG_swapcache || (f & PG_anon) !== 0
}

/** Moves what was isolated; false when the free scanner found no frames for it. */
function migrate_pages(k: Kernel, cc: CompactControl): boolean {
  for (const from of cc.migratepages) {
    if (cc.next_free >= cc.freepages.length) isolate_freepages(k, cc)
    const to = cc.freepages[cc.next_free]
    if (to === undefined) {
      putback_lru_page(k, from)
      continue
    }
    if (migrate_page(k, from, to)) cc.next_free++
    else putback_lru_page(k, from)
  }
  const enough = cc.next_free < cc.freepages.length || cc.free_pfn > cc.migrate_pfn
  cc.migratepages.length = 0
  return enough
}

// ---------------------------------------------------------------- the free scanner

/** Takes free frames from pageblocks at the end of the zone until there are as many as pages to move. */
function isolate_freepages(k: Kernel, cc: CompactControl): void {
  const end_pfn = zone_end_pfn(k, cc.zone)
  cc.freepages.length = 0
  cc.next_free = 0
  const low = pageblock_start(cc.migrate_pfn) + PAGEBLOCK_NR_PAGES
  let from = cc.free_pfn
  let block = pageblock_start(from)
  // Where nothing is found, steps get longer: memory without free frames is passed quickly.
  let stride = cc.mode === MIGRATE_ASYNC ? COMPACT_CLUSTER_MAX : 1
  while (block >= low) {
    const block_end = Math.min(block + PAGEBLOCK_NR_PAGES, end_pfn)
    const skip = !cc.ignore_skip_hint && k.pageblock.skip[block >>> 9] !== 0
    if (suitable_migration_target(k, cc, block) && !skip) {
      const before = cc.freepages.length
      from = isolate_freepages_block(k, cc, from, block_end, stride)
      if (from === block_end && cc.freepages.length === before && !cc.ignore_skip_hint)
        k.pageblock.skip[block >>> 9] = 1
      if (cc.freepages.length >= cc.migratepages.length) {
        if (from >= block_end) from = block - PAGEBLOCK_NR_PAGES
        break
      }
      if (from < block_end) break
      stride = cc.freepages.length > before ? 1 : Math.min(COMPACT_CLUSTER_MAX, stride << 1)
    }
    block -= PAGEBLOCK_NR_PAGES
    from = block
  }
  cc.free_pfn = from
  k.zone.compact_cached_free_pfn[cc.zone + 1] = Math.max(pageblock_start(from), k.zone.start_pfn[cc.zone + 1]!)
}

/** Movable blocks that are not free as a whole. */
function suitable_migration_target(k: Kernel, cc: CompactControl, block: number): boolean {
  const f = k.page.flags[block]!
  if ((f & PG_buddy) !== 0 && f >>> PG_ORDER_SHIFT >= 9) return false
  const mt = get_pageblock_migratetype(k, block)
  return cc.ignore_block_suitable ? mt !== MIGRATE_ISOLATE : mt === MIGRATE_MOVABLE
}

/** Where the scan stopped: at `end`, or where enough was found or no more may be taken. */
function isolate_freepages_block(k: Kernel, cc: CompactControl, start: number, end: number, stride: number): number {
  const flags = k.page.flags
  let pfn = start
  let isolated = 0
  while (pfn < end) {
    cc.free_scanned++
    const f = flags[pfn]!
    const nr = (f & (PG_buddy | PG_head)) === 0 ? 1 : 1 << ((f >>> PG_ORDER_SHIFT) & 15)
    if ((f & PG_buddy) === 0) {
      pfn += nr - 1 + stride
      continue
    }
    if (!__isolate_free_page(k, cc.zone, pfn, 31 - Math.clz32(nr))) break
    for (let i = 0; i < nr; i++) cc.freepages.push(pfn + i)
    cc.free_scanned += nr - 1
    isolated += nr
    if (cc.freepages.length >= cc.migratepages.length) {
      pfn += nr
      break
    }
    pfn += nr - 1 + stride
  }
  k.vmstat[C.compact_isolated]! += isolated
  return Math.min(pfn, end)
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

/** Frames that nothing was moved to go back; the free scanner resumes at the highest of them. */
function release_freepages(k: Kernel, cc: CompactControl): void {
  let high = 0
  for (let i = cc.next_free; i < cc.freepages.length; i++) {
    const pfn = cc.freepages[i]!
    high = Math.max(high, pfn)
    assert(k.page.flags[pfn] === 0, 'release_freepages: the frame is in use')
    free_page(k, pfn)
  }
  cc.freepages.length = 0
  cc.next_free = 0
  if (high === 0) return
  const cached = k.zone.compact_cached_free_pfn
  if (pageblock_start(high) > cached[cc.zone + 1]!) cached[cc.zone + 1] = pageblock_start(high)
}
