/**
 * Memory before the page allocator: which ranges are RAM and which of them are taken. The kernel image and the initrd
 * lie where the loader put them; everything else is taken from the top of memory downwards.
 *
 * Linux: mm/memblock.c. Only boot uses it; nothing of it stays.
 */
import { assert } from '@shared/assert'

export interface Range {
  readonly start: number
  readonly end: number
}
/** Ranges of frames, ascending and apart. */
export interface Memblock {
  readonly memory: readonly Range[]
  reserved: Range[]
}

/** Takes the frames `start … end-1` (parts may be taken already). */
export function memblock_reserve(block: Memblock, start: number, end: number): void {
  const ranges = [...block.reserved, { start, end }].sort((a, b) => a.start - b.start)
  const merged: Range[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last !== undefined && range.start <= last.end)
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) }
    else merged.push(range)
  }
  block.reserved = merged
}

/** Gives frames back (memblock_phys_free). */
export function memblock_free_range(block: Memblock, start: number, end: number): void {
  if (start >= end) return
  block.reserved = block.reserved.flatMap((r) => {
    if (r.end <= start || r.start >= end) return [r]
    return [
      { start: r.start, end: Math.min(r.end, start) },
      { start: Math.max(r.start, end), end: r.end },
    ].filter((part) => part.start < part.end)
  })
}

/** Takes `nr` frames as high as possible below `limit`, aligned to `align` frames; returns the first. */
export function memblock_alloc(block: Memblock, nr: number, align: number, limit: number): number {
  const start = memblock_try_alloc(block, nr, align, limit)
  assert(start !== 0, 'memblock_alloc: no memory')
  return start
}

/** The same, 0 when no gap is large enough. */
export function memblock_try_alloc(block: Memblock, nr: number, align: number, limit: number): number {
  for (const range of memblock_free(block).reverse()) {
    const start = Math.floor((Math.min(range.end, limit) - nr) / align) * align
    if (start < range.start) continue
    memblock_reserve(block, start, start + nr)
    return start
  }
  return 0
}

/** What is RAM and not taken, ascending. */
export function memblock_free(block: Memblock): Range[] {
  const free: Range[] = []
  for (const { start, end } of block.memory) {
    let at = start
    for (const taken of block.reserved) {
      if (taken.end <= at || taken.start >= end) continue
      if (taken.start > at) free.push({ start: at, end: taken.start })
      at = Math.max(at, taken.end)
    }
    if (at < end) free.push({ start: at, end })
  }
  return free
}
