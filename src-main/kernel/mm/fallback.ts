/**
 * Taking free memory of another migrate type: the largest block first, and the whole pageblock when most of it can be
 * had, so that types stay apart. Also the reserve of atomic high-order pageblocks.
 *
 * Linux: mm/page_alloc.c (__rmqueue_fallback, steal_suitable_fallback, boost_watermark, reserve_highatomic_pageblock).
 */
import { int_div } from '../lib/math'
import {
  MAX_ORDER,
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  PAGEBLOCK_ORDER,
  PG_buddy,
  PG_lru,
  PG_ORDER_SHIFT,
  type Kernel,
} from '../kernel'
import {
  __rmqueue_smallest,
  area_nr_free,
  free_list,
  get_pageblock_migratetype,
  MIGRATE_PCPTYPES,
  move_to_free_list,
  page_order,
  PAGEBLOCK_NR_PAGES,
  set_pageblock_migratetype,
} from './buddy'
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT, WMARK_HIGH, ZONE_BOOSTED_WATERMARK } from './watermark'

/** Which types are taken from, in order, by wanted type. */
const FALLBACKS = [
  [MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE],
  [MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE],
  [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE],
] as const

/** __rmqueue: a block of the wanted type, by stealing when its own lists are empty. */
export function __rmqueue(k: Kernel, zone: number, order: number, migratetype: number, alloc_flags: number): number {
  for (;;) {
    const pfn = __rmqueue_smallest(k, zone, order, migratetype)
    if (pfn !== 0 || !__rmqueue_fallback(k, zone, order, migratetype, alloc_flags)) return pfn
  }
}

/** Moves free memory of another type to `start_mt`. False when there is none. */
function __rmqueue_fallback(k: Kernel, zone: number, order: number, start_mt: number, alloc_flags: number): boolean {
  if (start_mt >= MIGRATE_PCPTYPES) return false
  const nofragment = (alloc_flags & ALLOC_NOFRAGMENT) !== 0
  const min_order = order < PAGEBLOCK_ORDER && nofragment ? PAGEBLOCK_ORDER : order
  for (let current_order = MAX_ORDER - 1; current_order >= min_order; current_order--) {
    const fallback_mt = find_suitable_fallback(k, zone, current_order, start_mt)
    if (fallback_mt < 0) continue
    const can_steal = can_steal_fallback(current_order, start_mt)
    // Cannot have the whole block and may move: split the smallest that does instead of the largest.
    if (!can_steal && start_mt === MIGRATE_MOVABLE && current_order > order)
      return steal_smallest(k, zone, order, start_mt, alloc_flags)
    steal(k, zone, current_order, fallback_mt, start_mt, alloc_flags, can_steal)
    return true
  }
  return false
}

function steal_smallest(k: Kernel, zone: number, order: number, start_mt: number, alloc_flags: number): boolean {
  for (let current_order = order; current_order < MAX_ORDER; current_order++) {
    const fallback_mt = find_suitable_fallback(k, zone, current_order, start_mt)
    if (fallback_mt < 0) continue
    steal(k, zone, current_order, fallback_mt, start_mt, alloc_flags, can_steal_fallback(current_order, start_mt))
    return true
  }
  return false
}

function steal(
  k: Kernel,
  zone: number,
  order: number,
  fallback_mt: number,
  start_mt: number,
  alloc_flags: number,
  can_steal: boolean,
): void {
  const pfn = k.free_area.head[free_list(zone, fallback_mt, order)]!
  steal_suitable_fallback(k, zone, pfn, alloc_flags, start_mt, can_steal)
}

/** The first fallback type with a free block of this order, -1 when there is none. */
export function find_suitable_fallback(k: Kernel, zone: number, order: number, migratetype: number): number {
  for (const fallback_mt of FALLBACKS[migratetype]!)
    if (k.free_area.head[free_list(zone, fallback_mt, order)] !== 0) return fallback_mt
  return -1
}

/** May a request of this type claim the rest of the pageblock too? Movable pages only from half a block's order on. */
export function can_steal_fallback(order: number, start_mt: number): boolean {
  return order >= PAGEBLOCK_ORDER >> 1 || start_mt === MIGRATE_RECLAIMABLE || start_mt === MIGRATE_UNMOVABLE
}

function steal_suitable_fallback(
  k: Kernel,
  zone: number,
  pfn: number,
  alloc_flags: number,
  start_type: number,
  whole_block: boolean,
): void {
  const current_order = page_order(k, pfn)
  const old_block_type = get_pageblock_migratetype(k, pfn)
  if (old_block_type === MIGRATE_HIGHATOMIC) return move_to_free_list(k, pfn, zone, current_order, start_type)
  if (current_order >= PAGEBLOCK_ORDER) {
    for (let block = pfn; block < pfn + (1 << current_order); block += PAGEBLOCK_NR_PAGES)
      set_pageblock_migratetype(k, block, start_type)
    return move_to_free_list(k, pfn, zone, current_order, start_type)
  }
  if (boost_watermark(k, zone) && (alloc_flags & ALLOC_KSWAPD) !== 0) k.zone.flags[zone + 1]! |= ZONE_BOOSTED_WATERMARK
  if (!whole_block) return move_to_free_list(k, pfn, zone, current_order, start_type)

  const movable = count_movable(k, zone, pfn)
  const free_pages = move_freepages_block(k, zone, pfn, start_type)
  let alike_pages = 0
  if (start_type === MIGRATE_MOVABLE) alike_pages = movable
  else if (old_block_type === MIGRATE_MOVABLE) alike_pages = PAGEBLOCK_NR_PAGES - (free_pages + movable)
  if (free_pages === 0) return move_to_free_list(k, pfn, zone, current_order, start_type)
  if (free_pages + alike_pages >= PAGEBLOCK_NR_PAGES >> 1) set_pageblock_migratetype(k, pfn, start_type)
}

/** Movable (LRU) pages of the pageblock. */
function count_movable(k: Kernel, zone: number, pfn: number): number {
  const flags = k.page.flags
  const start = block_start(k, zone, pfn)
  let nr = 0
  for (let p = start; p < start + PAGEBLOCK_NR_PAGES;) {
    const f = flags[p]!
    if ((f & PG_buddy) !== 0) {
      p += 1 << (f >>> PG_ORDER_SHIFT)
      continue
    }
    if ((f & PG_lru) !== 0) nr++
    p++
  }
  return nr
}

/** Moves the free blocks of the pageblock around `pfn` to the lists of another type; returns the pages moved. */
export function move_freepages_block(k: Kernel, zone: number, pfn: number, migratetype: number): number {
  const flags = k.page.flags
  const start = block_start(k, zone, pfn)
  const end = (start | (PAGEBLOCK_NR_PAGES - 1)) + 1
  if (end > k.zone.start_pfn[zone + 1]! + k.zone.spanned_pages[zone + 1]!) return 0
  let moved = 0
  for (let p = start; p < end;) {
    const f = flags[p]!
    if ((f & PG_buddy) === 0) {
      p++
      continue
    }
    const order = f >>> PG_ORDER_SHIFT
    move_to_free_list(k, p, zone, order, migratetype)
    p += 1 << order
    moved += 1 << order
  }
  return moved
}

/** First frame of the pageblock, or `pfn` itself where the zone begins inside the block. */
function block_start(k: Kernel, zone: number, pfn: number): number {
  const start = pfn & ~(PAGEBLOCK_NR_PAGES - 1)
  return start < k.zone.start_pfn[zone + 1]! ? pfn : start
}

/** A mixed pageblock is a reason to reclaim a little more than the watermark asks: kswapd makes a free block of it. */
function boost_watermark(k: Kernel, zone: number): boolean {
  const factor = k.var.sysctl['vm.watermark_boost_factor']!
  if (factor === 0 || PAGEBLOCK_NR_PAGES * 4 > k.zone.managed_pages[zone + 1]!) return false
  let max_boost = int_div(k.zone.watermark[(zone + 1) * 3 + WMARK_HIGH]! * factor, 10000)
  if (max_boost === 0) return false
  max_boost = Math.max(PAGEBLOCK_NR_PAGES, max_boost)
  const boost = k.zone.watermark_boost
  boost[zone + 1] = Math.min(boost[zone + 1]! + PAGEBLOCK_NR_PAGES, max_boost)
  return true
}

/** After an atomic high-order allocation its pageblock is set aside for the next one; at most 1 % of the zone. */
export function reserve_highatomic_pageblock(k: Kernel, pfn: number, zone: number): void {
  const reserved = k.zone.nr_reserved_highatomic
  const max_managed = int_div(k.zone.managed_pages[zone + 1]!, 100) + PAGEBLOCK_NR_PAGES
  if (reserved[zone + 1]! >= max_managed) return
  if (get_pageblock_migratetype(k, pfn) >= MIGRATE_PCPTYPES) return
  reserved[zone + 1]! += PAGEBLOCK_NR_PAGES
  set_pageblock_migratetype(k, pfn, MIGRATE_HIGHATOMIC)
  move_freepages_block(k, zone, pfn, MIGRATE_HIGHATOMIC)
}

/** Gives one reserved pageblock with free pages back to ordinary use. `force`: even the last one. */
export function unreserve_highatomic_pageblock(
  k: Kernel,
  highest_zoneidx: number,
  migratetype: number,
  force: boolean,
): boolean {
  const reserved = k.zone.nr_reserved_highatomic
  for (let zone = highest_zoneidx; zone >= 0; zone--) {
    if (!force && reserved[zone + 1]! <= PAGEBLOCK_NR_PAGES) continue
    for (let order = 0; order < MAX_ORDER; order++) {
      const pfn = k.free_area.head[free_list(zone, MIGRATE_HIGHATOMIC, order)]!
      if (pfn === 0) continue
      if (get_pageblock_migratetype(k, pfn) === MIGRATE_HIGHATOMIC)
        reserved[zone + 1]! -= Math.min(PAGEBLOCK_NR_PAGES, reserved[zone + 1]!)
      set_pageblock_migratetype(k, pfn, migratetype)
      if (move_freepages_block(k, zone, pfn, migratetype) !== 0) return true
    }
  }
  return false
}

/** Is there anything free of this order in the zone that an ordinary request may use? */
export function area_usable(k: Kernel, zone: number, order: number, highatomic: boolean): boolean {
  if (area_nr_free(k, zone, order) === 0) return false
  const head = k.free_area.head
  for (let mt = 0; mt < MIGRATE_PCPTYPES; mt++) if (head[free_list(zone, mt, order)] !== 0) return true
  return highatomic && head[free_list(zone, MIGRATE_HIGHATOMIC, order)] !== 0
}
