/**
 * A run of frames of any length: a range is isolated from the allocator, what lies in it is moved elsewhere, and if that
 * empties it the range is the caller's. Gigantic pages come from here.
 *
 *     free blocks ──▶ MIGRATE_ISOLATE lists (not counted as free, not given out)
 *     LRU pages   ──▶ migrated to frames outside; what they leave joins the isolated lists
 *     anything else in the range: -EBUSY, and the blocks go back to where they were
 *
 * Linux: mm/page_alloc.c (alloc_contig_pages, alloc_contig_range, free_contig_range), mm/page_isolation.c.
 * Simplified: clean file pages are moved, not dropped; huge pages are split and then moved; a page under I/O makes the
 * range busy at once, where Linux would wait for it.
 */
import { C } from '@shared/counters'
import {
  __GFP_RETRY_MAYFAIL,
  GFP_HIGHUSER_MOVABLE,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  PG_buddy,
  PG_head,
  PG_hugetlb,
  PG_lru,
  PG_pcp,
  PG_reserved,
  PG_tail,
  type Kernel,
} from '../kernel'
import {
  __mod_zone_freepage_state,
  del_page_from_free_list,
  get_pageblock_migratetype,
  move_to_free_list,
  page_order,
  PAGEBLOCK_NR_PAGES,
  set_pageblock_migratetype,
  zone_of,
} from './buddy'
import { split_huge_page } from './huge_split'
import { migrate_page } from './migrate'
import { alloc_page, free_page, preferred_zone } from './page_alloc'
import { drain_all_pages } from './pcp'
import { isolate_lru_page, lru_add_drain_all, putback_lru_page } from './swap'

/** First of `nr` frames (a power of two, aligned to itself), highest zone first; 0 when no range can be emptied. */
export function alloc_contig_pages(k: Kernel, nr: number, gfp: number): number {
  for (let zone = preferred_zone(k, gfp); zone >= 0; zone--) {
    const start = k.zone.start_pfn[zone + 1]!
    const end = start + k.zone.spanned_pages[zone + 1]!
    for (let pfn = Math.ceil(start / nr) * nr; pfn + nr <= end; pfn += nr)
      if (pfn_range_valid_contig(k, pfn, nr) && alloc_contig_range(k, pfn, pfn + nr)) return pfn
  }
  return 0
}

/** Nothing reserved and no page of a pool in the range: else it is not worth trying. */
function pfn_range_valid_contig(k: Kernel, pfn: number, nr: number): boolean {
  const { flags } = k.page
  for (let p = pfn; p < pfn + nr; p++) if ((flags[p]! & (PG_reserved | PG_hugetlb)) !== 0) return false
  return true
}

/** Empties [start, end), whole pageblocks. True: the frames have flags 0 and are the caller's. */
export function alloc_contig_range(k: Kernel, start: number, end: number): boolean {
  if (has_unmovable_pages(k, start, end)) return false
  drain_all_pages(k)
  const types = start_isolate_page_range(k, start, end)
  lru_add_drain_all(k)
  const empty = __alloc_contig_migrate_range(k, start, end) && test_pages_isolated(k, start, end)
  if (empty) isolate_freepages_range(k, start, end)
  undo_isolate_page_range(k, start, end, empty ? null : types)
  return empty
}

/** Gives a range back page by page. */
export function free_contig_range(k: Kernel, start: number, nr: number): void {
  for (let pfn = start; pfn < start + nr; pfn++) free_page(k, pfn)
}

/** A frame that is neither free nor on an LRU list cannot be moved. */
function has_unmovable_pages(k: Kernel, start: number, end: number): boolean {
  const { flags } = k.page
  for (let pfn = start; pfn < end;) {
    const f = flags[pfn]!
    if ((f & (PG_buddy | PG_pcp | PG_head)) !== 0) {
      if ((f & PG_head) !== 0 && (f & PG_lru) === 0) return true
      pfn += 1 << page_order(k, pfn)
    } else if ((f & PG_lru) !== 0) pfn++
    else return true
  }
  return false
}

// ---------------------------------------------------------------- isolation

/** The pageblocks' types so far; their free pages leave the counts. */
function start_isolate_page_range(k: Kernel, start: number, end: number): number[] {
  const types: number[] = []
  for (let block = start; block < end; block += PAGEBLOCK_NR_PAGES) {
    types.push(get_pageblock_migratetype(k, block))
    set_pageblock_migratetype(k, block, MIGRATE_ISOLATE)
  }
  for_each_free_block(k, start, end, (pfn, order) => {
    const zone = zone_of(k, pfn)
    __mod_zone_freepage_state(k, zone, -(1 << order))
    move_to_free_list(k, pfn, zone, order, MIGRATE_ISOLATE)
  })
  return types
}

/** The pageblocks get their types back (or are movable, when the range was taken) and what is free in them counts again. */
function undo_isolate_page_range(k: Kernel, start: number, end: number, types: readonly number[] | null): void {
  for (let block = start, i = 0; block < end; block += PAGEBLOCK_NR_PAGES, i++)
    set_pageblock_migratetype(k, block, types === null ? MIGRATE_MOVABLE : types[i]!)
  for_each_free_block(k, start, end, (pfn, order) => {
    const zone = zone_of(k, pfn)
    __mod_zone_freepage_state(k, zone, 1 << order)
    move_to_free_list(k, pfn, zone, order, get_pageblock_migratetype(k, pfn))
  })
}

function for_each_free_block(k: Kernel, start: number, end: number, visit: (pfn: number, order: number) => void): void {
  for (let pfn = start; pfn < end;) {
    if ((k.page.flags[pfn]! & PG_buddy) === 0) {
      pfn++
      continue
    }
    const order = page_order(k, pfn)
    visit(pfn, order)
    pfn += 1 << order
  }
}

function test_pages_isolated(k: Kernel, start: number, end: number): boolean {
  let pfn = start
  while (pfn < end && (k.page.flags[pfn]! & PG_buddy) !== 0) pfn += 1 << page_order(k, pfn)
  return pfn >= end
}

/** Takes the isolated blocks off their lists. */
function isolate_freepages_range(k: Kernel, start: number, end: number): void {
  for_each_free_block(k, start, end, (pfn) => del_page_from_free_list(k, pfn))
  k.vmstat[C.compact_isolated]! += end - start
}

// ---------------------------------------------------------------- moving

/** Moves every page of the range to a frame outside. False when one cannot be moved or memory is out. */
function __alloc_contig_migrate_range(k: Kernel, start: number, end: number): boolean {
  const { flags } = k.page
  for (let pfn = start; pfn < end; pfn++) {
    const f = flags[pfn]!
    if ((f & PG_buddy) !== 0) {
      pfn += (1 << page_order(k, pfn)) - 1
      continue
    }
    if ((f & PG_head) !== 0 && !split_huge_page(k, pfn)) return false
    // Unmapped parts of a huge page were freed by the split.
    if ((flags[pfn]! & PG_buddy) !== 0) pfn--
    else if (!move_one(k, pfn)) return false
  }
  return true
}

function move_one(k: Kernel, pfn: number): boolean {
  lru_add_drain_all(k)
  if ((k.page.flags[pfn]! & (PG_lru | PG_head | PG_tail)) !== PG_lru) return false
  const to = alloc_page(k, GFP_HIGHUSER_MOVABLE | __GFP_RETRY_MAYFAIL)
  if (to === 0) return false
  // Reclaim for the new frame may have freed the old one.
  if ((k.page.flags[pfn]! & PG_lru) === 0) {
    free_page(k, to)
    return (k.page.flags[pfn]! & PG_buddy) !== 0
  }
  isolate_lru_page(k, pfn)
  k.vmstat[C.compact_isolated]!++
  if (migrate_page(k, pfn, to)) return true
  putback_lru_page(k, pfn)
  free_page(k, to)
  return false
}
