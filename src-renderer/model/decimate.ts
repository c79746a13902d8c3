/** Rows to pixels: never more than a few points per pixel, and every peak stays. */
import type { RowValue } from './series'

/** Beyond so many rows per pixel a line is reduced. */
const ROWS_PER_PX = 2

/**
 * The rows of `from … to` to draw on `pixels` columns: of each column the first, the last, and those in which any of
 * `values` is lowest or highest. All series of a stack share the rows, so that their sums hold at every point.
 */
export function rowsToDraw(from: number, to: number, pixels: number, values: readonly RowValue[]): number[] {
  const total = to - from + 1
  if (total <= 0) return []
  if (total <= pixels * ROWS_PER_PX) return Array.from({ length: total }, (_, i) => from + i)
  const rows: number[] = []
  for (let px = 0; px < pixels; px++) {
    const first = from + Math.floor((px * total) / pixels)
    const last = from + Math.floor(((px + 1) * total) / pixels) - 1
    if (last >= first) addExtremes(rows, first, last, values)
  }
  return rows
}

function addExtremes(rows: number[], first: number, last: number, values: readonly RowValue[]): void {
  const wanted = new Set([first, last])
  for (const value of values) {
    let low = first
    let high = first
    let lowest = Infinity
    let highest = -Infinity
    for (let row = first; row <= last; row++) {
      const v = value(row)
      if (v < lowest) [low, lowest] = [row, v]
      if (v > highest) [high, highest] = [row, v]
    }
    wanted.add(low).add(high)
  }
  rows.push(...[...wanted].sort((a, b) => a - b))
}

/** Lowest and highest of a series over rows, for an axis that clips nothing. */
export function extent(from: number, to: number, value: RowValue): [number, number] {
  let low = Infinity
  let high = -Infinity
  for (let row = from; row <= to; row++) {
    const v = value(row)
    if (v < low) low = v
    if (v > high) high = v
  }
  return low <= high ? [low, high] : [0, 0]
}
