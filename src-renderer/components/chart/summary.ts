/** A chart in words: what each series is now, and between what it moved. */
import { extent } from '../../model/decimate'
import { short } from '../../model/format'
import { rowRange } from './points'
import type { ChartRows, ChartSeries, ChartX } from './types'

export function describe(
  series: readonly ChartSeries[],
  rows: ChartRows,
  span: { from: number; to: number },
  x: ChartX,
): string {
  if (rows.length === 0) return 'No samples.'
  const [first, last] = rowRange(rows, span.from, span.to)
  const said = series.map((one) => {
    const [low, high] = extent(first, last, one.value)
    return `${one.label}: ${short(one.value(last))}, between ${short(low)} and ${short(high)}`
  })
  return `${x.text(rows.ms[first] ?? 0)} to ${x.text(rows.ms[last] ?? 0)}. ${said.join('. ')}.`
}
