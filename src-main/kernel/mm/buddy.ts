/**
 * The buddy system of one zone: free blocks of 2^order frames, orders 0…10, on lists by migrate type.
 *
 *   order 1   [ pfn 8, 9 ]  buddy of  [ pfn 10, 11 ]      (8 ^ 2 = 10)
 *   order 2   [ pfn 8, 9, 10, 11 ]
 *
 * A free block is told by its first frame: its flags are PG_buddy, the order and the type of the list it is on; the other
 * frames of the block have flags 0. Lists are kept in the order Linux keeps them (head, tail, next, prev). The two hot
 * functions spell the list operations out.
 *
 * Linux: mm/page_alloc.c (__free_one_page, expand, __rmqueue_smallest), include/linux/mmzone.h.
 * Simplified: no page shuffling, no guard pages.
 */
import { C, M } from '@shared/counters'
import { assert } from '@shared/assert'
import {
  MAX_NR_ZONES,
  MAX_ORDER,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
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
/** A free block's type, in bits that mean something only for used frames. */
const TYPE_SHIFT = 21
/** What tells a free block of an order, whatever its type. */
const FREE_MASK = PG_buddy | (ORDER_BITS << PG_ORDER_SHIFT)
/** Rows of `free_area` a zone. */
const ZONE_ROWS = MIGRATE_TYPES * MAX_ORDER

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

export function add_to_free_list_tail(k: Kernel, pfn: number, zone: number, order: number, migratetype: number): void {
  const page = k.page
  const area = k.free_area
  const row = free_list(zone, migratetype, order)
  const last = area.tail[row]!
  page.flags[pfn] = PG_buddy | (order << PG_ORDER_SHIFT) | (migratetype << TYPE_SHIFT)
  page.prev[pfn] = last
  page.next[pfn] = 0
  if (last !== 0) page.next[last] = pfn
  else area.head[row] = pfn
  area.tail[row] = pfn
  area.nr_free[row]!++
}

/** Row of the free list that a free block is on. */
function list_of(k: Kernel, pfn: number): number {
  const f = k.page.flags[pfn]!
  return free_list(zone_of(k, pfn), (f >>> TYPE_SHIFT) & 7, (f >>> PG_ORDER_SHIFT) & ORDER_BITS)
}

/** Takes a free block off its list; its first frame is then a plain frame with flags 0. */
export function del_page_from_free_list(k: Kernel, pfn: number): void {
  const page = k.page
  const area = k.free_area
  const row = list_of(k, pfn)
  const next = page.next[pfn]!
  const prev = page.prev[pfn]!
  if (prev !== 0) page.next[prev] = next
  else area.head[row] = next
  if (next !== 0) page.prev[next] = prev
  else area.tail[row] = prev
  area.nr_free[row]!--
  page.flags[pfn] = 0
  page.next[pfn] = 0
  page.prev[pfn] = 0
}

/** move_to_free_list: to the tail of the list of another type. */
export function move_to_free_list(k: Kernel, pfn: number, zone: number, order: number, migratetype: number): void {
  del_page_from_free_list(k, pfn)
  add_to_free_list_tail(k, pfn, zone, order, migratetype)
}

/** Makes `first` the head of its list; the blocks before it come to the end, in their order. */
export function rotate_free_list(k: Kernel, row: number, first: number): void {
  const page = k.page
  const { head, tail } = k.free_area
  const old_head = head[row]!
  if (old_head === first) return
  const old_tail = tail[row]!
  const last = page.prev[first]!
  page.next[old_tail] = old_head
  page.prev[old_head] = old_tail
  page.prev[first] = 0
  page.next[last] = 0
  head[row] = first
  tail[row] = last
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
  const { flags, next, prev } = k.page
  const { head, tail, nr_free } = k.free_area
  if (migratetype !== MIGRATE_ISOLATE) __mod_zone_freepage_state(k, zone, 1 << order)
  if ((pfn & ((1 << order) - 1)) !== 0) assert(false, '__free_one_page: the block is not aligned')
  const zone_row = 1 + zone * ZONE_ROWS
  const capture_order = k.var.capture_order
  const freed_order = order
  let buddy = 0
  while (order < MAX_ORDER - 1) {
    if (order === capture_order && compaction_capture(k, pfn, zone, migratetype)) return
    buddy = pfn ^ (1 << order)
    const f = flags[buddy]!
    if ((f & FREE_MASK) !== (PG_buddy | (order << PG_ORDER_SHIFT))) break
    if (order >= PAGEBLOCK_ORDER && !mergeable_blocks(k, migratetype, buddy)) break
    const row = zone_row + ((f >>> TYPE_SHIFT) & 7) * MAX_ORDER + order
    const n = next[buddy]!
    const p = prev[buddy]!
    if (p !== 0) next[p] = n
    else head[row] = n
    if (n !== 0) prev[n] = p
    else tail[row] = p
    nr_free[row]!--
    flags[buddy] = 0
    next[buddy] = 0
    prev[buddy] = 0
    pfn &= buddy
    order++
  }
  k.machine[M.buddy_merge]! += order - freed_order
  const row = zone_row + migratetype * MAX_ORDER + order
  flags[pfn] = PG_buddy | (order << PG_ORDER_SHIFT) | (migratetype << TYPE_SHIFT)
  nr_free[row]!++
  if ((fpi_flags & FPI_TO_TAIL) !== 0 || buddy_merge_likely(flags, pfn, buddy, order)) {
    const last = tail[row]!
    prev[pfn] = last
    next[pfn] = 0
    if (last !== 0) next[last] = pfn
    else head[row] = pfn
    tail[row] = pfn
  } else {
    const first = head[row]!
    next[pfn] = first
    prev[pfn] = 0
    if (first !== 0) prev[first] = pfn
    else tail[row] = pfn
    head[row] = pfn
  }
}

/**
 * The block is what a direct compaction works for: it gets it here, before anybody else can. Smaller blocks out of movable
 * pageblocks are left to be merged.
 */
function compaction_capture(k: Kernel, pfn: number, zone: number, migratetype: number): boolean {
  const { capture_order, capture_zone, capture_pfn } = k.var
  if (capture_pfn !== 0 || zone !== capture_zone || migratetype === MIGRATE_ISOLATE) return false
  if (capture_order < PAGEBLOCK_ORDER && migratetype === MIGRATE_MOVABLE) return false
  k.var.capture_pfn = pfn
  __mod_zone_freepage_state(k, zone, -(1 << capture_order))
  return true
}

/** Whole pageblocks merge when they are of one type, or both of types that may mix. */
function mergeable_blocks(k: Kernel, migratetype: number, buddy: number): boolean {
  const buddy_mt = get_pageblock_migratetype(k, buddy)
  return migratetype === buddy_mt || (migratetype < MIGRATE_PCPTYPES && buddy_mt < MIGRATE_PCPTYPES)
}

/** The block would merge further as soon as its buddy comes back: keep it at the tail, where it is taken last. */
function buddy_merge_likely(flags: Int32Array, pfn: number, buddy: number, order: number): boolean {
  if (order >= MAX_ORDER - 2) return false
  const higher = (buddy & pfn) ^ (1 << (order + 1))
  return (flags[higher]! & FREE_MASK) === (PG_buddy | ((order + 1) << PG_ORDER_SHIFT))
}

/** Takes a block of `order` from the lists of one type, splitting the smallest that fits. 0 when there is none. */
export function __rmqueue_smallest(k: Kernel, zone: number, order: number, migratetype: number): number {
  const { flags, next, prev } = k.page
  const { head, tail, nr_free } = k.free_area
  const list = 1 + zone * ZONE_ROWS + migratetype * MAX_ORDER
  let high = order
  while (high < MAX_ORDER && head[list + high] === 0) high++
  if (high === MAX_ORDER) return 0
  const pfn = head[list + high]!
  const n = next[pfn]!
  head[list + high] = n
  if (n !== 0) prev[n] = 0
  else tail[list + high] = 0
  nr_free[list + high]!--
  flags[pfn] = 0
  next[pfn] = 0
  prev[pfn] = 0
  k.machine[M.buddy_split]! += high - order
  // expand: the upper halves go back until a block of the wanted order is left. Their lists are empty below `high`.
  while (high > order) {
    high--
    const half = pfn + (1 << high)
    flags[half] = PG_buddy | (high << PG_ORDER_SHIFT) | (migratetype << TYPE_SHIFT)
    next[half] = 0
    prev[half] = 0
    head[list + high] = half
    tail[list + high] = half
    nr_free[list + high] = 1
  }
  return pfn
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
          const want = PG_buddy | (order << PG_ORDER_SHIFT) | (mt << TYPE_SHIFT)
          assert(page.flags[pfn] === want, 'buddy: flags of a free block')
          assert(page.prev[pfn] === prev, 'buddy: links of a free block')
          assert(zone_of(k, pfn) === zone && pfn % (1 << order) === 0, 'buddy: place of a free block')
          const buddy = pfn ^ (1 << order)
          const mergeable =
            order < PAGEBLOCK_ORDER || (mt < MIGRATE_PCPTYPES && get_pageblock_migratetype(k, buddy) < MIGRATE_PCPTYPES)
          assert(
            order === MAX_ORDER - 1 || !mergeable || ((page.flags[buddy]! ^ page.flags[pfn]!) & FREE_MASK) !== 0,
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
