/** A chart in words: what each series is now, and between what it moved. */
import { extent } from '../../model/decimate'
import { clock, short } from '../../model/format'
import { rowRange } from './points'
import type { ChartRows, ChartSeries } from './types'

export function describe(series: readonly ChartSeries[], rows: ChartRows, span: { from: number; to: number }): string {
  if (rows.length === 0) return 'No samples.'
  const [first, last] = rowRange(rows, span.from, span.to)
  const said = series.map((one) => {
    const [low, high] = extent(first, last, one.value)
    return `${one.label}: ${short(one.value(last))}, between ${short(low)} and ${short(high)}`
  })
  return `${clock(rows.ms[first] ?? 0)} to ${clock(rows.ms[last] ?? 0)}. ${said.join('. ')}.`
}
