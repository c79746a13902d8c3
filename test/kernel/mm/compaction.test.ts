/** Compaction: movable pages are gathered until large blocks are free again. */
import { describe, expect, test } from 'vitest'
import { C } from '@shared/counters'
import {
  __GFP_DMA,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
  PG_lru,
  PG_swapbacked,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { area_nr_free, free_list } from '../../../src-main/kernel/mm/buddy'
import { __isolate_free_page } from '../../../src-main/kernel/mm/isolate_freepages'
import { compact_memory, try_to_compact_pages } from '../../../src-main/kernel/mm/compaction'
import {
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  compaction_suitable,
} from '../../../src-main/kernel/mm/compaction_suitable'
import { kcompactd_step, wakeup_kcompactd } from '../../../src-main/kernel/mm/kcompactd'
import { extfrag_index, unusable_free_index } from '../../../src-main/kernel/mm/extfrag'
import {
  alloc_page,
  alloc_pages,
  drain_all_pages,
  free_page,
  free_pages,
  nr_free_pages,
} from '../../../src-main/kernel/mm/page_alloc'
import { lru_add_drain_all, lru_cache_add, release_page } from '../../../src-main/kernel/mm/swap'
import { bootMemory, verifyMemory } from './machine'

/** Half of memory in single movable pages on the LRU, every second frame of them free again. */
function checkered(): Kernel {
  const k = bootMemory(256)
  const pages: number[] = []
  for (let i = 0; i < 30_000; i++) pages.push(alloc_page(k, GFP_HIGHUSER_MOVABLE))
  pages.forEach((pfn) => {
    k.page.flags[pfn] = PG_swapbacked
    lru_cache_add(k, pfn)
  })
  lru_add_drain_all(k)
  pages.forEach((pfn, i) => {
    if (i % 2 === 0) release_page(k, pfn)
  })
  drain_all_pages(k)
  return k
}
function large(k: Kernel): number {
  return area_nr_free(k, 1, 9) + 2 * area_nr_free(k, 1, 10)
}
/** Takes every large block, those on the per-CPU lists too. */
function take_large(k: Kernel): void {
  while (large(k) > 0) {
    alloc_pages(k, GFP_NOWAIT, area_nr_free(k, 1, 10) > 0 ? 10 : 9)
    drain_all_pages(k)
  }
}
function lru_pages(k: Kernel, end = k.var.max_pfn): number {
  let nr = 0
  for (let pfn = 1; pfn < end; pfn++) if ((k.page.flags[pfn]! & PG_lru) !== 0) nr++
  return nr
}

describe('compaction', () => {
  test('compact_memory makes large free blocks and loses no page', () => {
    const k = checkered()
    const before = { large: large(k), lru: lru_pages(k), free: nr_free_pages(k) }
    expect(area_nr_free(k, 1, 0)).toBeGreaterThan(14_000)
    compact_memory(k)
    drain_all_pages(k)
    lru_add_drain_all(k)
    expect(large(k)).toBeGreaterThan(before.large + 20)
    expect(area_nr_free(k, 1, 0)).toBeLessThan(600)
    expect(lru_pages(k)).toBe(before.lru)
    expect(nr_free_pages(k)).toBe(before.free)
    expect(k.vmstat[C.pgmigrate_success]).toBeGreaterThan(5000)
    expect(k.vmstat[C.compact_isolated]).toBeGreaterThan(5000)
    expect(k.vmstat[C.compact_migrate_scanned]).toBeGreaterThan(5000)
    // A pageblock that was begun is taken as a whole: more than the 32 pages of a first look are put back at the end.
    const unused = k.vmstat[C.compact_isolated]! - 2 * k.vmstat[C.pgmigrate_success]!
    expect(unused).toBeGreaterThan(64)
    expect(unused).toBeLessThanOrEqual(1024)
    verifyMemory(k)
  })

  test('direct compaction stops as soon as a block of the order is free', () => {
    const k = checkered()
    take_large(k)
    const free = nr_free_pages(k)
    expect(try_to_compact_pages(k, GFP_HIGHUSER_MOVABLE, 9, 0, COMPACT_PRIO_SYNC_LIGHT)).toBe(COMPACT_SUCCESS)
    // It is captured as it comes together: nobody finds it on a free list.
    const pfn = k.var.capture_pfn
    expect(pfn % 512).toBe(0)
    expect(k.page.flags.slice(pfn, pfn + 512).every((f) => f === 0)).toBe(true)
    expect(k.var.capture_order).toBe(-1)
    drain_all_pages(k)
    expect(nr_free_pages(k)).toBe(free - 512)
    expect(large(k)).toBeLessThan(5)
    free_pages(k, pfn, 9)
    drain_all_pages(k)
    expect(nr_free_pages(k)).toBe(free)
    verifyMemory(k)
  })

  test('asynchronous compaction works only in pageblocks of the wanted type', () => {
    const moved_below = (prio: number): number => {
      const k = checkered()
      take_large(k)
      k.pageblock.migratetype.fill(MIGRATE_UNMOVABLE, 0, 0x8000 >> 9)
      const before = lru_pages(k, 0x8000)
      try_to_compact_pages(k, GFP_HIGHUSER_MOVABLE, 9, 0, prio)
      verifyMemory(k)
      return before - lru_pages(k, 0x8000)
    }
    expect(moved_below(COMPACT_PRIO_ASYNC)).toBe(0)
    expect(moved_below(COMPACT_PRIO_SYNC_LIGHT)).toBeGreaterThan(0)
  })

  test('an allocation of high order compacts by itself', () => {
    const k = checkered()
    take_large(k)
    while (alloc_pages(k, GFP_NOWAIT | __GFP_DMA, 9) !== 0);
    const pfn = alloc_pages(k, GFP_HIGHUSER_MOVABLE, 9)
    expect(pfn).not.toBe(0)
    expect(k.vmstat[C.compact_stall]).toBe(1)
    expect(k.vmstat[C.compact_success]).toBe(1)
    verifyMemory(k)
  })

  test('is not tried where memory is too short, and is put off after it failed', () => {
    const k = bootMemory(128)
    while (alloc_page(k, GFP_NOWAIT) !== 0);
    expect(compaction_suitable(k, 1, 3, 0, 1)).toBe(COMPACT_SKIPPED)
    expect(try_to_compact_pages(k, GFP_KERNEL, 3, 0, COMPACT_PRIO_ASYNC)).toBe(COMPACT_SKIPPED)
    const full = bootMemory(256)
    const pages: number[] = []
    for (let pfn = alloc_page(full, GFP_NOWAIT); pfn !== 0; pfn = alloc_page(full, GFP_NOWAIT)) pages.push(pfn)
    // Free every second frame: enough memory, but nothing that could be moved.
    pages.forEach((pfn, i) => {
      if (i % 2 === 0) free_page(full, pfn)
    })
    drain_all_pages(full)
    expect(extfrag_index(full, 1, 9)).toBeGreaterThan(500)
    expect(unusable_free_index(full, 1, 9)).toBeGreaterThan(900)
    try_to_compact_pages(full, GFP_KERNEL, 9, 0, COMPACT_PRIO_SYNC_LIGHT)
    expect(full.zone.compact_defer_shift[2]).toBe(1)
    verifyMemory(full)
  })

  test('the free scanner leaves the min mark alone', () => {
    const k = bootMemory(128)
    const block = k.free_area.head[free_list(1, MIGRATE_MOVABLE, 9)]!
    const free = k.zone.nr_free[2]!
    k.zone.watermark[2 * 3] = free - 512
    expect(__isolate_free_page(k, 1, block, 9)).toBe(false)
    expect(k.zone.nr_free[2]).toBe(free)
    k.zone.watermark[2 * 3] = free - 513
    expect(__isolate_free_page(k, 1, block, 9)).toBe(true)
    expect(k.zone.nr_free[2]).toBe(free - 512)
    free_pages(k, block, 9)
    verifyMemory(k)
  })

  test('kcompactd works when kswapd asks it to', () => {
    const k = checkered()
    take_large(k)
    wakeup_kcompactd(k, 9, 2)
    expect(kcompactd_step(k)).toBe(true)
    expect(large(k)).toBeGreaterThan(0)
    expect(k.vmstat[C.compact_daemon_wake]).toBe(1)
    expect(k.vmstat[C.compact_daemon_migrate_scanned]).toBeGreaterThan(0)
    verifyMemory(k)
  })
})
