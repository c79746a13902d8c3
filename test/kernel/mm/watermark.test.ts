/** The marks: how much must be free for whom, to the page, and what the sysctls make of them. */
import { describe, expect, test } from 'vitest'
import { GFP_ATOMIC, GFP_NOWAIT, type Kernel } from '../../../src-main/kernel/kernel'
import {
  __zone_watermark_ok,
  alloc_page,
  write_min_free_kbytes,
  write_watermark_scale_factor,
} from '../../../src-main/kernel/mm/page_alloc'
import {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
  wmark_pages,
  zone_watermark_fast,
} from '../../../src-main/kernel/mm/watermark'
import { bootMemory } from './machine'

const DMA = 0
const DMA32 = 1
const NORMAL = 2

/** The fewest free pages with which a request passes a mark of 1000. */
function least(k: Kernel, alloc_flags: number, order = 0, reserved = 0): number {
  k.zone.nr_reserved_highatomic[DMA32 + 1] = reserved
  let free = 0
  while (!__zone_watermark_ok(k, DMA32, order, 1000, DMA32, alloc_flags, free)) free++
  return free
}

describe('a request passes a mark of 1000', () => {
  const k = bootMemory(128)
  test.each([
    ['an ordinary one with one page more', 0, 0, 0, 1001],
    ['of eight pages with as many more', 0, 3, 0, 1008],
    ['of high priority with half of it', ALLOC_MIN_RESERVE, 0, 0, 501],
    ['that must not wait with as much as an ordinary one', ALLOC_NON_BLOCK, 0, 0, 1001],
    ['of the dying with half', ALLOC_OOM, 0, 0, 501],
    ['of an interrupt with three eighths', ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK, 0, 0, 376],
    ['an ordinary one without the pageblocks of atomic ones', 0, 0, 512, 1513],
    ['an atomic one with them', ALLOC_HIGHATOMIC, 0, 512, 1001],
  ])('%s', (_what, flags, order, reserved, want) => {
    expect(least(k, flags, order, reserved)).toBe(want)
  })
})

test('a boost is for kswapd: it stops others, and no interrupt', () => {
  const k = bootMemory(256)
  k.zone.watermark_boost[DMA32 + 1] = k.zone.nr_free[DMA32 + 1]! * 4
  k.zone.watermark_boost[DMA + 1] = k.zone.nr_free[DMA + 1]! * 4
  expect(alloc_page(k, GFP_NOWAIT)).toBe(0)
  expect(alloc_page(k, GFP_ATOMIC)).toBeGreaterThan(0)
  // It is passed over at the min mark only: at the low one kswapd is to be woken first.
  const passes = (which: number): boolean =>
    zone_watermark_fast(k, DMA32, 0, wmark_pages(k, DMA32, which), DMA32, which | ALLOC_MIN_RESERVE, GFP_ATOMIC)
  expect([passes(ALLOC_WMARK_MIN), passes(ALLOC_WMARK_LOW)]).toEqual([true, false])
})

test('a zone is protected by a share of the zones above it', () => {
  const k = bootMemory(4096)
  const managed = (zone: number): number => k.zone.managed_pages[zone + 1]!
  const kept = (zone: number, from: number): number => k.zone.lowmem_reserve[(zone + 1) * 4 + from]!
  expect(managed(NORMAL)).toBeGreaterThan(0)
  // Computed at boot, before the last frames came; at most a few pages fewer than now.
  const share = (pages: number, ratio: number): [number, number] => [Math.floor(pages / ratio) - 64, pages / ratio]
  const within = (value: number, [from, to]: [number, number]): void => {
    expect(value).toBeGreaterThan(from)
    expect(value).toBeLessThanOrEqual(to)
  }
  expect([kept(DMA, DMA), kept(DMA32, DMA32), kept(NORMAL, NORMAL)]).toEqual([0, 0, 0])
  within(kept(DMA, DMA32), share(managed(DMA32), 256))
  within(kept(DMA, NORMAL), share(managed(DMA32) + managed(NORMAL), 256))
  within(kept(DMA32, NORMAL), share(managed(NORMAL), 256))
  expect(kept(DMA, 3)).toBe(kept(DMA, NORMAL))
})

test('the marks are a quarter of min apart, or watermark_scale_factor of the zone if that is more', () => {
  const k = bootMemory(1024)
  const marks = (): number[] => [0, 1, 2].map((i) => k.zone.watermark[(DMA32 + 1) * 3 + i]!)
  write_min_free_kbytes(k, 65536)
  let [min, low, high] = marks() as [number, number, number]
  expect([low - min, high - low]).toEqual([Math.floor(min / 4), Math.floor(min / 4)])
  write_watermark_scale_factor(k, 1000)
  ;[min, low, high] = marks() as [number, number, number]
  const tenth = Math.floor(k.zone.managed_pages[DMA32 + 1]! / 10)
  expect([low - min, high - low]).toEqual([tenth, tenth])
})
