/**
 * The buddy system of one zone: free blocks of 2^order frames, orders 0…10, on lists by migrate type.
 *
 *   order 1   [ pfn 8, 9 ]  buddy of  [ pfn 10, 11 ]      (8 ^ 2 = 10)
 *   order 2   [ pfn 8, 9, 10, 11 ]
 *
 * A free block is told by its first frame: flags are exactly PG_buddy and the order, `index` holds the row of its free
 * list; the other frames of the block have flags 0. Lists are kept in the order Linux keeps them (head, tail, next, prev).
 *
 * Linux: mm/page_alloc.c (__free_one_page, expand, __rmqueue_smallest), include/linux/mmzone.h.
 * Simplified: no page shuffling, no guard pages, no compaction capture.
 */
import { C } from '@shared/counters'
import { assert } from '@shared/assert'
import {
  MAX_NR_ZONES,
  MAX_ORDER,
  MIGRATE_ISOLATE,
  MIGRATE_TYPES,
  MIGRATE_UNMOVABLE,
  PAGEBLOCK_ORDER,
  PG_buddy,
  PG_ORDER_SHIFT,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_NORMAL,
  type Kernel,
} from '../kernel'

/** Free types 0…2 have per-CPU lists and may merge across pageblocks. */
export const MIGRATE_PCPTYPES = 3
export const PAGEBLOCK_NR_PAGES = 1 << PAGEBLOCK_ORDER
/** Zone borders: 16 MiB and 4 GiB. Both are multiples of the largest block, so buddies never lie in two zones. */
export const DMA_PFN_END = 0x1000
export const DMA32_PFN_END = 0x100000
/** Words of `zone.stat` a zone. */
export const NR_ZONE_STATS = 12
const ORDER_BITS = 0xf

/** __free_one_page: put the block at the list's tail whatever its buddy (boot: hand out low addresses first). */
export const FPI_TO_TAIL = 1

export function zone_of(_k: Kernel, pfn: number): number {
  return pfn >= DMA32_PFN_END ? ZONE_NORMAL : pfn >= DMA_PFN_END ? ZONE_DMA32 : ZONE_DMA
}

export function get_pageblock_migratetype(k: Kernel, pfn: number): number {
  return k.pageblock.migratetype[pfn >>> PAGEBLOCK_ORDER]!
}
export function set_pageblock_migratetype(k: Kernel, pfn: number, migratetype: number): void {
  k.pageblock.migratetype[pfn >>> PAGEBLOCK_ORDER] = migratetype
}

/** Order of a free block, or of a compound page's head or tail (0 for plain pages). */
export function page_order(k: Kernel, pfn: number): number {
  return (k.page.flags[pfn]! >>> PG_ORDER_SHIFT) & ORDER_BITS
}

/** Row of `free_area`. */
export function free_list(zone: number, migratetype: number, order: number): number {
  return 1 + (zone * MIGRATE_TYPES + migratetype) * MAX_ORDER + order
}

/** Free blocks of an order in a zone, over all types (free_area->nr_free). */
export function area_nr_free(k: Kernel, zone: number, order: number): number {
  const nr_free = k.free_area.nr_free
  let row = free_list(zone, MIGRATE_UNMOVABLE, order)
  let sum = 0
  for (let mt = 0; mt < MIGRATE_TYPES; mt++, row += MAX_ORDER) sum += nr_free[row]!
  return sum
}

export function __mod_zone_freepage_state(k: Kernel, zone: number, nr_pages: number): void {
  k.zone.nr_free[zone + 1]! += nr_pages
  k.zone.stat[(zone + 1) * NR_ZONE_STATS]! += nr_pages
  k.vmstat[C.nr_free_pages]! += nr_pages
}

export function add_to_free_list(k: Kernel, pfn: number, zone: number, order: number, migratetype: number): void {
  const page = k.page
  const area = k.free_area
  const row = free_list(zone, migratetype, order)
  const first = area.head[row]!
  page.flags[pfn] = PG_buddy | (order << PG_ORDER_SHIFT)
  page.index[pfn] = row
  page.next[pfn] = first
  page.prev[pfn] = 0
  if (first !== 0) page.prev[first] = pfn
  else area.tail[row] = pfn
  area.head[row] = pfn
  area.nr_free[row]!++
}

export function add_to_free_list_tail(k: Kernel, pfn: number, zone: number, order: number, migratetype: number): void {
  const page = k.page
  const area = k.free_area
  const row = free_list(zone, migratetype, order)
  const last = area.tail[row]!
  page.flags[pfn] = PG_buddy | (order << PG_ORDER_SHIFT)
  page.index[pfn] = row
  page.prev[pfn] = last
  page.next[pfn] = 0
  if (last !== 0) page.next[last] = pfn
  else area.head[row] = pfn
  area.tail[row] = pfn
  area.nr_free[row]!++
}

/** Takes a free block off its list; its first frame is then a plain frame with flags 0. */
export function del_page_from_free_list(k: Kernel, pfn: number): void {
  const page = k.page
  const area = k.free_area
  const row = page.index[pfn]!
  const next = page.next[pfn]!
  const prev = page.prev[pfn]!
  if (prev !== 0) page.next[prev] = next
  else area.head[row] = next
  if (next !== 0) page.prev[next] = prev
  else area.tail[row] = prev
  area.nr_free[row]!--
  page.flags[pfn] = 0
  page.index[pfn] = 0
  page.next[pfn] = 0
  page.prev[pfn] = 0
}

/** move_to_free_list: to the tail of the list of another type. */
export function move_to_free_list(k: Kernel, pfn: number, zone: number, order: number, migratetype: number): void {
  del_page_from_free_list(k, pfn)
  add_to_free_list_tail(k, pfn, zone, order, migratetype)
}

/** Frees a block: merges it with its buddy as long as that is free and of the same order, then puts it on a list. */
export function __free_one_page(
  k: Kernel,
  pfn: number,
  zone: number,
  order: number,
  migratetype: number,
  fpi_flags: number,
): void {
  const flags = k.page.flags
  if (migratetype !== MIGRATE_ISOLATE) __mod_zone_freepage_state(k, zone, 1 << order)
  assert((pfn & ((1 << order) - 1)) === 0, '__free_one_page: the block is not aligned')
  let buddy = 0
  while (order < MAX_ORDER - 1) {
    buddy = pfn ^ (1 << order)
    if (flags[buddy] !== (PG_buddy | (order << PG_ORDER_SHIFT))) break
    if (order >= PAGEBLOCK_ORDER) {
      const buddy_mt = get_pageblock_migratetype(k, buddy)
      if (migratetype !== buddy_mt && (migratetype >= MIGRATE_PCPTYPES || buddy_mt >= MIGRATE_PCPTYPES)) break
    }
    del_page_from_free_list(k, buddy)
    pfn &= buddy
    order++
  }
  if ((fpi_flags & FPI_TO_TAIL) !== 0 || buddy_merge_likely(flags, pfn, buddy, order))
    add_to_free_list_tail(k, pfn, zone, order, migratetype)
  else add_to_free_list(k, pfn, zone, order, migratetype)
}

/** The block would merge further as soon as its buddy comes back: keep it at the tail, where it is taken last. */
function buddy_merge_likely(flags: Int32Array, pfn: number, buddy: number, order: number): boolean {
  if (order >= MAX_ORDER - 2) return false
  const higher = (buddy & pfn) ^ (1 << (order + 1))
  return flags[higher] === (PG_buddy | ((order + 1) << PG_ORDER_SHIFT))
}

/** Takes a block of `order` from the lists of one type, splitting the smallest that fits. 0 when there is none. */
export function __rmqueue_smallest(k: Kernel, zone: number, order: number, migratetype: number): number {
  const head = k.free_area.head
  let row = free_list(zone, migratetype, order)
  for (let current_order = order; current_order < MAX_ORDER; current_order++, row++) {
    const pfn = head[row]!
    if (pfn === 0) continue
    del_page_from_free_list(k, pfn)
    expand(k, pfn, zone, order, current_order, migratetype)
    return pfn
  }
  return 0
}

/** Gives the upper halves of a block of order `high` back until a block of order `low` is left. */
function expand(k: Kernel, pfn: number, zone: number, low: number, high: number, migratetype: number): void {
  while (high > low) {
    high--
    add_to_free_list(k, pfn + (1 << high), zone, high, migratetype)
  }
}

/** Splits a free block that contains `pfn` off its list (alloc_contig_range, memory failure): 0 when it is not free. */
export function free_block_of(k: Kernel, pfn: number): number {
  const flags = k.page.flags
  for (let order = 0; order < MAX_ORDER; order++) {
    const head = pfn & ~((1 << order) - 1)
    const f = flags[head]!
    if ((f & PG_buddy) !== 0 && ((f >>> PG_ORDER_SHIFT) & ORDER_BITS) >= order) return head
  }
  return 0
}

/** Checks every free list of every zone against the frames; returns the number of free pages that are accounted. */
export function verify_buddy(k: Kernel): void {
  const { page, free_area: area } = k
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    let free = 0
    for (let mt = 0; mt < MIGRATE_TYPES; mt++)
      for (let order = 0; order < MAX_ORDER; order++) {
        const row = free_list(zone, mt, order)
        let nr = 0
        let prev = 0
        for (let pfn = area.head[row]!; pfn !== 0; prev = pfn, pfn = page.next[pfn]!) {
          assert(page.flags[pfn] === (PG_buddy | (order << PG_ORDER_SHIFT)), 'buddy: flags of a free block')
          assert(page.prev[pfn] === prev && page.index[pfn] === row, 'buddy: links of a free block')
          assert(zone_of(k, pfn) === zone && pfn % (1 << order) === 0, 'buddy: place of a free block')
          const buddy = pfn ^ (1 << order)
          const mergeable =
            order < PAGEBLOCK_ORDER || (mt < MIGRATE_PCPTYPES && get_pageblock_migratetype(k, buddy) < MIGRATE_PCPTYPES)
          assert(
            order === MAX_ORDER - 1 || !mergeable || page.flags[buddy] !== page.flags[pfn],
            'buddy: two free buddies were not merged',
          )
          for (let i = 1; i < 1 << order; i++) assert(page.flags[pfn + i] === 0, 'buddy: a frame inside a free block')
          nr++
        }
        assert(area.tail[row] === prev && area.nr_free[row] === nr, 'buddy: tail and count of a free list')
        if (mt !== MIGRATE_ISOLATE) free += nr << order
      }
    assert(k.zone.nr_free[zone + 1] === free, 'buddy: nr_free of a zone')
    assert(k.zone.stat[(zone + 1) * NR_ZONE_STATS] === free, 'buddy: NR_FREE_PAGES of a zone')
  }
}
