/** The buddy system, per-CPU lists, fallback and reserves, as promises; what many requests do together is in buddy.fuzz.test.ts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  __GFP_DMA,
  __GFP_RECLAIMABLE,
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  PG_buddy,
  PG_head,
  PG_lru,
  PG_tail,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { area_nr_free, free_list, rotate_free_list } from '../../../src-main/kernel/mm/buddy'
import { move_freepages_block } from '../../../src-main/kernel/mm/fallback'
import {
  __free_pages_ok,
  alloc_page,
  alloc_pages,
  compound_head,
  drain_all_pages,
  free_page,
  free_pages,
  get_pageblock_migratetype,
  nr_free_pages,
  page_order,
  set_pageblock_migratetype,
  write_min_free_kbytes,
  zone_of,
} from '../../../src-main/kernel/mm/page_alloc'
import { nr_pcp_pages } from '../../../src-main/kernel/mm/pcp'
import { bootMemory, machine, verifyMemory } from './machine'
import { init_zones } from '../../../src-main/kernel/mm/page_alloc'

/** Free memory wherever it is. */
function free_everywhere(k: Kernel): number {
  return nr_free_pages(k) + nr_pcp_pages(k, 0) + nr_pcp_pages(k, 1) + nr_pcp_pages(k, 2)
}
/** Free blocks of a list, the head first. */
function blocks(k: Kernel, row: number): number[] {
  const list: number[] = []
  for (let pfn = k.free_area.head[row]!; pfn !== 0; pfn = k.page.next[pfn]!) list.push(pfn)
  return list
}
/** Takes all that GFP_NOWAIT may have, in single movable frames. */
function fill(k: Kernel, gfp = GFP_NOWAIT | (GFP_HIGHUSER_MOVABLE & 0x10a)): number[] {
  const pages: number[] = []
  for (let pfn = alloc_page(k, gfp); pfn !== 0; pfn = alloc_page(k, gfp)) pages.push(pfn)
  return pages
}

describe('alloc_pages', () => {
  test('hands out different frames and takes them back', () => {
    const k = bootMemory(128)
    const before = free_everywhere(k)
    const pages = Array.from({ length: 1000 }, () => alloc_page(k, GFP_KERNEL))
    expect(new Set(pages).size).toBe(1000)
    expect(pages).not.toContain(0)
    expect(free_everywhere(k)).toBe(before - 1000)
    for (const pfn of pages) free_page(k, pfn)
    expect(free_everywhere(k)).toBe(before)
    verifyMemory(k)
  })

  test('splits a large block, and merges it when its parts come back', () => {
    const k = machine(128)
    init_zones(k)
    drain_all_pages(k)
    const before = Array.from({ length: 11 }, (_, order) => area_nr_free(k, 1, order))
    const pages = Array.from({ length: 64 }, () => alloc_pages(k, GFP_KERNEL, 4))
    for (const pfn of pages) expect(pfn % 16).toBe(0)
    verifyMemory(k)
    for (const pfn of pages) free_pages(k, pfn, 4)
    expect(Array.from({ length: 11 }, (_, order) => area_nr_free(k, 1, order))).toEqual(before)
    verifyMemory(k)
  })

  test('keeps a block that is about to merge at the tail, and hands out the most recently freed one first', () => {
    const k = machine(128)
    init_zones(k)
    const take = (): number => alloc_pages(k, GFP_NOWAIT, 4)
    const pages = Array.from({ length: 256 }, take).sort((a, b) => a - b)
    const quad = pages.findIndex((pfn, i) => pfn % 64 === 0 && pages[i + 3] === pfn + 48)
    const other = pages.findIndex((pfn, i) => i > quad + 4 && pfn % 64 === 0 && pages[i + 3] === pfn + 48)
    free_pages(k, pages[other]!, 4)
    free_pages(k, pages[quad + 2]!, 4)
    free_pages(k, pages[quad + 3]!, 4)
    // Its buddy is taken, but the pair next to it is free: 0 would merge to order 6 once 1 comes back.
    free_pages(k, pages[quad]!, 4)
    expect(take()).toBe(pages[other])
    expect(take()).toBe(pages[quad])
    verifyMemory(k)
  })

  test('a block of half the largest waits for nobody: the largest do not merge', () => {
    const k = machine(128)
    init_zones(k)
    const pages: number[] = []
    for (let pfn = alloc_pages(k, GFP_NOWAIT, 10); pfn !== 0; pfn = alloc_pages(k, GFP_NOWAIT, 10)) pages.push(pfn)
    const pair = pages.find((pfn) => pfn % 2048 === 0 && pages.includes(pfn + 1024))!
    const other = pages.find((pfn) => pfn > pair + 2047 || pfn < pair)!
    free_pages(k, pair + 1024, 10)
    __free_pages_ok(k, other, 9, 0)
    __free_pages_ok(k, pair, 9, 0)
    const row = free_list(zone_of(k, pair), get_pageblock_migratetype(k, pair), 9)
    expect(blocks(k, row).slice(0, 2)).toEqual([pair, other])
  })

  test('boot hands out low addresses first', () => {
    const k = machine(128)
    init_zones(k)
    const list = blocks(k, free_list(1, MIGRATE_MOVABLE, 10))
    expect(list.length).toBeGreaterThan(8)
    expect(list).toEqual([...list].sort((a, b) => a - b))
  })

  test('a list that is turned begins elsewhere, and has all its blocks', () => {
    const k = machine(128)
    init_zones(k)
    const row = free_list(1, MIGRATE_MOVABLE, 10)
    const list = blocks(k, row)
    rotate_free_list(k, row, list[5]!)
    expect(blocks(k, row)).toEqual([...list.slice(5), ...list.slice(0, 5)])
    rotate_free_list(k, row, list[5]!)
    expect(blocks(k, row)[0]).toBe(list[5])
    verifyMemory(k)
  })

  test('fills the per-CPU list with a batch and counts only the buddy system as free', () => {
    const k = bootMemory(1024)
    drain_all_pages(k)
    const batch = k.zone.pcp_batch[2]!
    const before = nr_free_pages(k)
    const pfn = alloc_page(k, GFP_KERNEL)
    expect(nr_free_pages(k)).toBe(before - batch)
    expect(nr_pcp_pages(k, 1)).toBe(batch - 1)
    free_page(k, pfn)
    expect(nr_pcp_pages(k, 1)).toBe(batch)
    expect(alloc_page(k, GFP_KERNEL)).toBe(pfn)
  })

  test('drains the per-CPU list when it passes high, more each time while only frees come', () => {
    const k = bootMemory(512)
    const high = k.zone.pcp_high[2]!
    const pages = Array.from({ length: 3 * high }, () => alloc_page(k, GFP_KERNEL))
    for (const pfn of pages) {
      free_page(k, pfn)
      expect(nr_pcp_pages(k, 1)).toBeLessThanOrEqual(high)
    }
    expect(k.pcp_set.free_factor[2]).toBeGreaterThan(2)
    verifyMemory(k)
  })

  test('marks compound pages and finds their head', () => {
    const k = bootMemory(256)
    const pfn = alloc_pages(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP, 9)
    expect(k.page.flags[pfn]! & PG_head).toBe(PG_head)
    expect(k.page.flags[pfn + 511]! & PG_tail).toBe(PG_tail)
    expect(page_order(k, pfn)).toBe(9)
    expect(compound_head(k, pfn + 300)).toBe(pfn)
    expect(compound_head(k, pfn)).toBe(pfn)
    free_pages(k, pfn, 9)
    expect(k.page.flags[pfn + 300]).toBe(0)
    verifyMemory(k)
  })

  test('counts allocations by zone and frees in all', () => {
    const k = bootMemory(128)
    const [alloc, dma, freed, hits] = [C.pgalloc_dma32, C.pgalloc_dma, C.pgfree, C.numa_hit].map((c) => k.vmstat[c]!)
    free_pages(k, alloc_pages(k, GFP_KERNEL, 3), 3)
    free_page(k, alloc_page(k, GFP_KERNEL | __GFP_DMA))
    expect(k.vmstat[C.pgalloc_dma32]! - alloc!).toBe(8)
    expect(k.vmstat[C.pgalloc_dma]! - dma!).toBe(1)
    expect(k.vmstat[C.pgfree]! - freed!).toBe(9)
    expect(k.vmstat[C.numa_hit]! - hits!).toBe(2)
  })

  test('a page freed twice or still mapped is a bug', () => {
    const k = bootMemory(128)
    const pfn = alloc_page(k, GFP_KERNEL)
    k.page.mapcount[pfn] = 1
    expect(() => free_page(k, pfn)).toThrow('mapped')
    k.page.mapcount[pfn] = 0
    free_page(k, pfn)
    expect(() => free_page(k, pfn)).toThrow('free already')
  })
})

describe('zones and reserves', () => {
  test('Normal is used first, then DMA32, and DMA is kept by its protection', () => {
    const k = bootMemory(4096)
    const order: number[] = []
    for (const pfn of fill(k)) {
      const zone = zone_of(k, pfn)
      if (order.at(-1) !== zone) order.push(zone)
    }
    // Down to the low marks first; then kswapd is woken and the same order again, down to the min marks.
    expect(order).toEqual([2, 1, 2, 1])
    expect(zone_of(k, alloc_page(k, GFP_NOWAIT | __GFP_DMA))).toBe(0)
    verifyMemory(k)
  })

  test('ordinary requests stop at the min mark, atomic ones go below it', () => {
    const k = bootMemory(256)
    fill(k)
    // The last movable pages come out of mixed pageblocks, which boosts the marks.
    const min = k.zone.watermark[2 * 3]!
    expect(k.zone.nr_free[2]).toBeLessThanOrEqual(min + k.zone.watermark_boost[2]!)
    expect(k.zone.nr_free[2]).toBeGreaterThan(min - k.zone.pcp_batch[2]! - 1)
    let atomic = 0
    while (alloc_page(k, GFP_ATOMIC) !== 0) atomic++
    expect(atomic).toBeGreaterThan(min / 2)
    expect(k.zone.nr_free[2]).toBeLessThan(min / 2)
    expect(k.zone.nr_free[2]).toBeGreaterThan(0)
    verifyMemory(k)
  })

  test('an atomic high-order request reserves its pageblock for the next one', () => {
    const k = bootMemory(512)
    fill(k).forEach((pfn, i) => {
      if (i % 64 < 32) free_page(k, pfn)
    })
    drain_all_pages(k)
    // Leave no room above min for order 2, so that the request has to try harder.
    fill(k)
    const pfn = alloc_pages(k, GFP_ATOMIC, 2)
    if (pfn === 0) return
    expect(get_pageblock_migratetype(k, pfn)).toBe(MIGRATE_HIGHATOMIC)
    expect(k.zone.nr_reserved_highatomic[zone_of(k, pfn) + 1]).toBe(512)
    verifyMemory(k)
  })
})

describe('migrate types', () => {
  test('keep apart: unmovable pages claim whole pageblocks of movable memory', () => {
    const k = machine(256)
    init_zones(k)
    const unmovable = Array.from({ length: 600 }, () => alloc_page(k, GFP_KERNEL))
    const reclaimable = Array.from({ length: 600 }, () => alloc_page(k, GFP_KERNEL | __GFP_RECLAIMABLE))
    const movable = Array.from({ length: 600 }, () => alloc_page(k, GFP_HIGHUSER_MOVABLE))
    const types = (pages: number[]): Set<number> => new Set(pages.map((p) => get_pageblock_migratetype(k, p)))
    expect(types(unmovable)).toEqual(new Set([MIGRATE_UNMOVABLE]))
    expect(types(reclaimable)).toEqual(new Set([MIGRATE_RECLAIMABLE]))
    expect(types(movable)).toEqual(new Set([MIGRATE_MOVABLE]))
    verifyMemory(k)
  })

  /** All memory taken; then the first `nr` frames of two whole pageblocks are free again. */
  const holes = (k: Kernel, nr: number): [number, number] => {
    init_zones(k)
    k.var.sysctl['vm.watermark_boost_factor'] = 0
    k.zone.watermark.fill(0)
    k.zone.lowmem_reserve.fill(0)
    const pages = new Set(fill(k))
    for (const pfn of pages) k.page.flags[pfn] = PG_lru
    const whole = [...pages].filter((pfn) => pfn % 512 === 0 && [...Array(512).keys()].every((i) => pages.has(pfn + i)))
    const [a, b] = whole.filter((pfn) => zone_of(k, pfn) === 1) as [number, number]
    for (const first of [a, b])
      for (let i = 0; i < nr; i++) {
        k.page.flags[first + i] = 0
        __free_pages_ok(k, first + i, 0, 0)
      }
    return [a, b]
  }

  test('an unmovable request claims a pageblock that is mostly free, and only a part of one that is not', () => {
    const k = machine(128)
    const [a, b] = holes(k, 256)
    const pfn = alloc_pages(k, GFP_NOWAIT, 5)
    expect([a, b]).toContain(pfn & ~511)
    expect(get_pageblock_migratetype(k, pfn)).toBe(MIGRATE_UNMOVABLE)
    const busy = machine(128)
    holes(busy, 64)
    expect(get_pageblock_migratetype(busy, alloc_pages(busy, GFP_NOWAIT, 5))).toBe(MIGRATE_MOVABLE)
    verifyMemory(busy)
  })

  test('an unmovable request takes reclaimable memory before movable memory', () => {
    const k = machine(128)
    const [a, b] = holes(k, 64)
    for (const [first, type] of [
      [a, MIGRATE_MOVABLE],
      [b, MIGRATE_RECLAIMABLE],
    ] as const) {
      set_pageblock_migratetype(k, first, type)
      move_freepages_block(k, 1, first, type)
    }
    expect(alloc_pages(k, GFP_NOWAIT, 6) & ~511).toBe(b)
  })

  test('whole pageblocks of types that must not mix stay apart when they are free', () => {
    const k = machine(128)
    init_zones(k)
    const pfn = alloc_pages(k, GFP_KERNEL, 10)
    const before = area_nr_free(k, 1, 9)
    set_pageblock_migratetype(k, pfn, MIGRATE_HIGHATOMIC)
    __free_pages_ok(k, pfn, 9, 0)
    __free_pages_ok(k, pfn + 512, 9, 0)
    expect(area_nr_free(k, 1, 9)).toBe(before + 2)
    verifyMemory(k)
    // Of one type they are one.
    const both = alloc_pages(k, GFP_KERNEL, 10)
    for (const half of [both, both + 512]) {
      set_pageblock_migratetype(k, half, MIGRATE_HIGHATOMIC)
      __free_pages_ok(k, half, 9, 0)
    }
    expect(area_nr_free(k, 1, 9)).toBe(before + 2)
    expect(blocks(k, free_list(1, MIGRATE_HIGHATOMIC, 10))).toEqual([both])
  })

  test('mixing types raises the watermark boost, and the next request asks kswapd to look', () => {
    const k = machine(256)
    init_zones(k)
    const pages = fill(k)
    // One frame of each 32 comes back: no block is larger than one page, all of them movable.
    pages.forEach((pfn, i) => {
      if (i % 8 === 0) free_page(k, pfn)
    })
    drain_all_pages(k)
    expect(k.zone.watermark_boost[2]).toBe(0)
    for (let i = 0; i < 100; i++) alloc_page(k, GFP_NOWAIT)
    expect(k.zone.watermark_boost[2]).toBeGreaterThan(0)
    // New watermarks begin without a boost.
    write_min_free_kbytes(k, 2048)
    expect(k.zone.watermark_boost[2]).toBe(0)
    verifyMemory(k)
  })
})

describe('under random load', () => {
  test('any sequence of requests leaves a state that verifies', () => {
    const operation = fc.record({ order: fc.nat(10), kind: fc.nat(2), back: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const k = machine(64)
        init_zones(k)
        const total = free_everywhere(k)
        const live: [number, number][] = []
        let taken = 0
        for (const { order, kind, back } of operations) {
          const gfp = [GFP_NOWAIT, GFP_HIGHUSER_MOVABLE & ~0xc00, GFP_NOWAIT | __GFP_RECLAIMABLE][kind]!
          const pfn = alloc_pages(k, gfp, order)
          if (pfn !== 0) {
            live.push([pfn, order])
            taken += 1 << order
            expect(k.page.flags[pfn]! & PG_buddy).toBe(0)
          }
          for (let i = 0; i < back && live.length > 0; i++) {
            const [p, o] = live.shift()!
            free_pages(k, p, o)
            taken -= 1 << o
          }
        }
        verifyMemory(k)
        expect(free_everywhere(k)).toBe(total - taken)
      }),
      { numRuns: 12, seed: 42 },
    )
  })
})
