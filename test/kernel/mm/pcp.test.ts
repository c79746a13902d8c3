/** Per-CPU lists: how many pages they take and give at a time, and how long they get. */
import { expect, test } from 'vitest'
import {
  __GFP_MOVABLE,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  MIGRATE_HIGHATOMIC,
  MIGRATE_UNMOVABLE,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import {
  alloc_page,
  alloc_pages,
  drain_all_pages,
  free_page,
  free_pages,
  set_pageblock_migratetype,
} from '../../../src-main/kernel/mm/page_alloc'
import { nr_pcp_pages } from '../../../src-main/kernel/mm/pcp'
import { ZONE_RECLAIM_ACTIVE } from '../../../src-main/kernel/mm/watermark'
import { bootMemory, verifyMemory } from './machine'

const DMA32 = 1
const pages = (k: Kernel, nr: number): number[] => Array.from({ length: nr }, () => alloc_page(k, GFP_KERNEL))

/** Pages that left the list at each of the frees that made it shorter. */
function drains(k: Kernel, taken: readonly number[]): number[] {
  const list: number[] = []
  for (const pfn of taken) {
    const before = nr_pcp_pages(k, DMA32)
    free_page(k, pfn)
    const gone = before + 1 - nr_pcp_pages(k, DMA32)
    if (gone > 0) list.push(gone)
  }
  return list
}

test('a list that only grows gives a batch back, then two, then four, and calms down with allocations', () => {
  const k = bootMemory(2048)
  const batch = k.zone.pcp_batch[DMA32 + 1]!
  const high = k.zone.pcp_high[DMA32 + 1]!
  const taken = pages(k, 6 * high)
  drain_all_pages(k)
  const gone = drains(k, taken)
  expect(gone.slice(0, 3)).toEqual([batch, 2 * batch, 4 * batch])
  expect(Math.max(...gone)).toBe(high - batch)
  // Two allocations quarter the batches to come.
  const [a, b] = [alloc_page(k, GFP_KERNEL), alloc_page(k, GFP_KERNEL)]
  const more = pages(k, 12)
  const calm = drains(k, [...more, a, b])
  expect(calm.every((nr) => nr <= batch)).toBe(true)
  const next = drains(k, pages(k, high))
  expect(next[0] ?? batch).toBe(batch)
  verifyMemory(k)
})

test('huge pages of the movable type are on a list of their own', () => {
  const k = bootMemory(2048)
  const [a, b] = [alloc_pages(k, GFP_HIGHUSER_MOVABLE, 9), alloc_pages(k, GFP_HIGHUSER_MOVABLE, 9)]
  drain_all_pages(k)
  set_pageblock_migratetype(k, a, MIGRATE_UNMOVABLE)
  free_pages(k, a, 9)
  free_pages(k, b, 9)
  expect(nr_pcp_pages(k, DMA32)).toBe(1024)
  // The last that was freed comes back first, but only within its type.
  expect(alloc_pages(k, GFP_KERNEL, 9)).toBe(a)
  expect(alloc_pages(k, GFP_HIGHUSER_MOVABLE, 9)).toBe(b)
  verifyMemory(k)
})

test('while kswapd works no list holds more than four batches', () => {
  const k = bootMemory(2048)
  const taken = pages(k, 1000)
  drain_all_pages(k)
  k.zone.flags[DMA32 + 1]! |= ZONE_RECLAIM_ACTIVE
  const limit = 4 * k.zone.pcp_batch[DMA32 + 1]!
  expect(limit).toBeLessThan(k.zone.pcp_high[DMA32 + 1]!)
  let most = 0
  for (const pfn of taken) {
    free_page(k, pfn)
    most = Math.max(most, nr_pcp_pages(k, DMA32))
  }
  expect(most).toBe(limit - 1)
})

test('larger blocks come by as many pages as single ones, two at least', () => {
  const k = bootMemory(2048)
  const batch = k.zone.pcp_batch[DMA32 + 1]!
  for (const order of [1, 2, 3]) {
    drain_all_pages(k)
    alloc_pages(k, GFP_KERNEL, order)
    expect(nr_pcp_pages(k, DMA32)).toBe((Math.max(batch >> order, 2) - 1) << order)
  }
})

test('blocks that are freed in a row go back to the buddy system at once', () => {
  const k = bootMemory(2048)
  const high = k.zone.pcp_high[DMA32 + 1]!
  const blocks = Array.from({ length: 8 }, () => alloc_pages(k, GFP_KERNEL, 2))
  const taken = pages(k, 2 * high)
  drain_all_pages(k)
  drains(k, taken)
  expect(nr_pcp_pages(k, DMA32)).toBeGreaterThan(0)
  // Only frees came for a while: a whole list goes with the block.
  free_pages(k, blocks[0]!, 2)
  expect(nr_pcp_pages(k, DMA32)).toBe(0)
  verifyMemory(k)
})

test('a page of a block kept for atomic requests waits among the movable ones', () => {
  const k = bootMemory(256)
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE)
  set_pageblock_migratetype(k, pfn, MIGRATE_HIGHATOMIC)
  free_page(k, pfn)
  expect(alloc_page(k, GFP_KERNEL | __GFP_MOVABLE)).toBe(pfn)
})
