/** Rows of the machine as CSV: the time and every series under its name in /proc. */
import { SERIES } from '@shared/counters'
import type { Rows } from './series'

export function csvOf(rows: Rows, from: number, to: number): string {
  const lines = [['ms', ...SERIES.map((series) => series.name)].join(',')]
  for (let row = 0; row < rows.length; row++) {
    const ms = rows.ms[row] ?? 0
    if (ms < from || ms > to) continue
    lines.push([ms, ...SERIES.map((series) => rows.at(series.name, row))].join(','))
  }
  return `${lines.join('\n')}\n`
}
