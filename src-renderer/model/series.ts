/**
 * Series as functions of a row: a gauge in a unit, or an event counter as its rate between two samples. A rate over
 * missing samples is unknown at that row, so that no line crosses a gap.
 */
import type { CounterName } from '@shared/counters'

/** What the model needs of the rings. */
export interface Rows {
  readonly length: number
  readonly ms: Float64Array
  readonly gap: Uint8Array
  at(name: CounterName, row: number): number
}
export type RowValue = (row: number) => number

export function gauge(rows: Rows, name: CounterName, scale = 1): RowValue {
  return (row) => rows.at(name, row) * scale
}

/** Events per second between a row and the one before it. */
export function rate(rows: Rows, name: CounterName, scale = 1): RowValue {
  return (row) => {
    if (row <= 0 || row >= rows.length || rows.gap[row] === 1) return Number.NaN
    const seconds = ((rows.ms[row] ?? 0) - (rows.ms[row - 1] ?? 0)) / 1000
    return seconds > 0 ? (Math.max(0, rows.at(name, row) - rows.at(name, row - 1)) / seconds) * scale : Number.NaN
  }
}

export function sumOf(...values: readonly RowValue[]): RowValue {
  return (row) => values.reduce((sum, value) => sum + value(row), 0)
}

/** Like `value`, but unknown outside `from … to`. */
export function during(rows: Rows, value: RowValue, from: number, to: number): RowValue {
  return (row) => ((rows.ms[row] ?? 0) >= from && (rows.ms[row] ?? 0) <= to ? value(row) : Number.NaN)
}
