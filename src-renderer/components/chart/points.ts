/** Series to points: reduced to the pixels there are, broken where samples are missing. */
import { rowsToDraw } from '../../model/decimate'
import type { ChartRows, ChartSeries } from './types'

export interface Point {
  x: number
  y: number
}

/** The rows of a span, with one more on either side so that lines reach the edges. */
export function rowRange(rows: ChartRows, from: number, to: number): [number, number] {
  return [Math.max(0, rows.rowAt(from)), Math.min(rows.length - 1, rows.rowAt(to) + 1)]
}

/** Points of one line or area, its extremes kept. */
export function linePoints(series: ChartSeries, own: ChartRows, from: number, to: number, pixels: number): Point[] {
  const rows = series.rows ?? own
  const [first, last] = rowRange(rows, from, to)
  const sign = series.mirror === true ? -1 : 1
  const points: Point[] = []
  for (const row of rowsToDraw(first, last, pixels, [series.value]))
    addPoint(points, rows, row, sign * series.value(row))
  return points
}

/** Points of stacked bands. All share the rows, so that the stack is whole at each of them. */
export function bandPoints(
  bands: readonly ChartSeries[],
  rows: ChartRows,
  from: number,
  to: number,
  pixels: number,
): Point[][] {
  const [first, last] = rowRange(rows, from, to)
  // The extremes that a stack shows are those of its largest bands: the lowest and the highest one.
  const pilots = [bands[0], bands.at(-1)].flatMap((band) => (band === undefined ? [] : [band.value]))
  const chosen = rowsToDraw(first, last, pixels, pilots)
  const points: Point[][] = bands.map(() => [])
  for (const row of chosen) {
    let sum = 0
    bands.forEach((band, i) => addPoint(points[i]!, rows, row, (sum += band.value(row))))
  }
  return points
}

function addPoint(points: Point[], rows: ChartRows, row: number, y: number): void {
  const x = rows.ms[row] ?? 0
  const last = points.at(-1)
  if (last !== undefined && gapBetween(rows, last.x, row)) points.push({ x: (last.x + x) / 2, y: Number.NaN })
  points.push({ x, y })
}

/** Whether samples are missing between the point drawn last and this row. */
function gapBetween(rows: ChartRows, lastX: number, row: number): boolean {
  for (let i = row; i > 0 && (rows.ms[i] ?? 0) > lastX; i--) if (rows.gap[i] === 1) return true
  return false
}

/** The spans without samples, as [from, to] in ms. */
export function gapsIn(rows: ChartRows, from: number, to: number): [number, number][] {
  const [first, last] = rowRange(rows, from, to)
  const gaps: [number, number][] = []
  for (let row = Math.max(1, first); row <= last; row++)
    if (rows.gap[row] === 1) gaps.push([rows.ms[row - 1] ?? 0, rows.ms[row] ?? 0])
  return gaps
}
