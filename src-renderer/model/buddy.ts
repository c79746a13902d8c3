/** Free areas: blocks by zone, migrate type and order, as /proc/buddyinfo and /proc/pagetypeinfo tell, and what they are worth. */
import type { Sample } from './sample'

export const ORDERS = 11
export const ZONE_NAMES = ['DMA', 'DMA32', 'Normal'] as const
export const MIGRATE_TYPES = ['Unmovable', 'Movable', 'Reclaimable', 'HighAtomic'] as const

export interface FreeArea {
  readonly zone: string
  readonly type: string
  readonly blocks: readonly number[]
  readonly pages: number
}

const pagesIn = (blocks: readonly number[]): number => blocks.reduce((sum, n, order) => sum + n * 2 ** order, 0)

export function freeAreas(sample: Sample): FreeArea[] {
  return Array.from({ length: sample.nrBuddy }, (_, row) => {
    const { zone, type } = sample.zoneType(row)
    const blocks = Array.from({ length: ORDERS }, (_, order) => sample.buddy(row, order))
    return { zone: ZONE_NAMES[zone] ?? '?', type: MIGRATE_TYPES[type] ?? '?', blocks, pages: pagesIn(blocks) }
  })
}

/** /proc/buddyinfo: all migrate types of a zone together. */
export function byZone(
  areas: readonly FreeArea[],
): { readonly zone: string; readonly blocks: number[]; readonly pages: number }[] {
  return ZONE_NAMES.filter((zone) => areas.some((a) => a.zone === zone)).map((zone) => {
    const blocks = sumBlocks(areas.filter((a) => a.zone === zone))
    return { zone, blocks, pages: pagesIn(blocks) }
  })
}

export function sumBlocks(areas: readonly { readonly blocks: readonly number[] }[]): number[] {
  return Array.from({ length: ORDERS }, (_, order) => areas.reduce((sum, a) => sum + (a.blocks[order] ?? 0), 0))
}

/** Share of the free pages in blocks too small for `order`: 0 all usable, 1 none (mm/vmstat.c, unusable_free_index). */
export function unusableIndex(blocks: readonly number[], order: number): number {
  const free = pagesIn(blocks)
  if (free === 0) return 0
  const usable = blocks.reduce((sum, n, o) => (o >= order ? sum + n * 2 ** o : sum), 0)
  return (free - usable) / free
}

/**
 * Why an allocation of `order` would fail: towards 0 for want of memory, towards 1 for fragmentation; −1 where it
 * would not fail (mm/vmstat.c, fragmentation_index).
 */
export function fragmentationIndex(blocks: readonly number[], order: number): number {
  const total = blocks.reduce((sum, n) => sum + n, 0)
  if (total === 0) return 0
  if (blocks.some((n, o) => o >= order && n > 0)) return -1
  return 1 - (1 + pagesIn(blocks) / 2 ** order) / total
}

export interface ZoneLevel {
  readonly name: string
  readonly managed: number
  readonly free: number
  readonly min: number
  readonly low: number
  readonly high: number
  readonly level: 'below min' | 'below low' | 'between low and high' | 'above high'
}

/** Free pages of a zone against its watermarks; the sample holds the machine's sums, shared out by managed pages. */
export function zoneLevels(
  zones: readonly { readonly name: string; readonly managed: number }[],
  value: (
    name: 'wmark_min' | 'wmark_low' | 'wmark_high' | 'zone_dma_free' | 'zone_dma32_free' | 'zone_normal_free',
  ) => number,
): ZoneLevel[] {
  const managed = zones.reduce((sum, z) => sum + z.managed, 0)
  const free: Readonly<Record<string, number>> = {
    DMA: value('zone_dma_free'),
    DMA32: value('zone_dma32_free'),
    Normal: value('zone_normal_free'),
  }
  return zones
    .filter((z) => z.managed > 0)
    .map((zone) => {
      const part = (mark: 'wmark_min' | 'wmark_low' | 'wmark_high'): number =>
        Math.floor((value(mark) * zone.managed) / managed)
      const marks = { min: part('wmark_min'), low: part('wmark_low'), high: part('wmark_high') }
      const at = free[zone.name] ?? Number.NaN
      const level =
        at < marks.min
          ? 'below min'
          : at < marks.low
            ? 'below low'
            : at < marks.high
              ? 'between low and high'
              : 'above high'
      return { name: zone.name, managed: zone.managed, free: at, ...marks, level }
    })
}
