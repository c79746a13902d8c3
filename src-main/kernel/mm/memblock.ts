/**
 * Memory before the page allocator: which ranges are RAM and which of them are taken, in bytes. The kernel image and the
 * initrd lie where the loader put them; everything else is taken from the top of memory downwards, small things beside
 * each other in the gaps.
 *
 * Linux: mm/memblock.c. Only boot uses it; nothing of it stays.
 */
import { assert } from '@shared/assert'
import { PAGE_SIZE } from '../constants'

export interface Range {
  readonly start: number
  readonly end: number
}
/** Ranges of bytes, ascending and apart. */
export interface Memblock {
  readonly memory: readonly Range[]
  reserved: Range[]
}
/** Small things begin at a cache line. */
export const SMP_CACHE_BYTES = 64
/** Requests for memory that is not for old DMA begin above 16 MiB. */
export const MAX_DMA_ADDRESS = 2 ** 24
/** RAM by frames, nothing taken. */
export function memblock_of(frames: readonly Range[]): Memblock {
  return { memory: frames.map(({ start, end }) => ({ start: start * PAGE_SIZE, end: end * PAGE_SIZE })), reserved: [] }
}

/** Takes the bytes `start … end-1` (parts may be taken already). */
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

/** Gives bytes back (memblock_phys_free). */
export function memblock_phys_free(block: Memblock, start: number, end: number): void {
  if (start >= end) return
  block.reserved = block.reserved.flatMap((r) => {
    if (r.end <= start || r.start >= end) return [r]
    return [
      { start: r.start, end: Math.min(r.end, start) },
      { start: Math.max(r.start, end), end: r.end },
    ].filter((part) => part.start < part.end)
  })
}

/** Takes `size` bytes as high as possible within `from … limit`, aligned, or below `from` where nothing is left above. */
export function memblock_alloc(
  block: Memblock,
  size: number,
  align = SMP_CACHE_BYTES,
  from = 0,
  limit = Infinity,
): number {
  const start = memblock_find(block, size, align, from, limit) || memblock_find(block, size, align, 0, limit)
  assert(start !== 0, 'memblock_alloc: no memory')
  memblock_reserve(block, start, start + size)
  return start
}

/** The highest place for so many bytes, 0 when no gap is large enough (memblock_find_in_range_node). */
export function memblock_find(block: Memblock, size: number, align: number, from: number, limit: number): number {
  for (const range of free_ranges(block).reverse()) {
    const start = Math.floor((Math.min(range.end, limit) - size) / align) * align
    if (start >= Math.max(range.start, from)) return start
  }
  return 0
}

function free_ranges(block: Memblock): Range[] {
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

/** Frames of which no byte is taken, ascending. */
export function memblock_free_frames(block: Memblock): Range[] {
  return free_ranges(block)
    .map(({ start, end }) => ({ start: Math.ceil(start / PAGE_SIZE), end: Math.floor(end / PAGE_SIZE) }))
    .filter(({ start, end }) => start < end)
}
