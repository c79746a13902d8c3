/** Two sessions on one time axis: where their zeros lie, and what they differ in there. */
import type { CounterName } from '@shared/counters'
import type { TraceEvent } from '@shared/protocol'
import type { Rings } from '../client/rings'
import { clock } from './format'
import { gauge, rate, type RowValue, type Rows } from './series'
import { timeTicks } from './ticks'

/** Rows whose time counts from `zeroMs`. */
export class Shifted implements Rows {
  readonly length: number
  readonly ms: Float64Array
  readonly gap: Uint8Array

  constructor(
    private readonly of: Rings,
    private readonly zeroMs: number,
  ) {
    this.length = of.length
    this.ms = of.ms.subarray(0, of.length).map((ms) => ms - zeroMs)
    this.gap = of.gap
  }
  get firstMs(): number {
    return this.ms[0] ?? 0
  }
  get lastMs(): number {
    return this.ms[this.length - 1] ?? 0
  }
  at(name: CounterName, row: number): number {
    return this.of.at(name, row)
  }
  rowAt(ms: number): number {
    return this.of.rowAt(ms + this.zeroMs)
  }
  nearest(ms: number): number {
    return this.of.nearest(ms + this.zeroMs)
  }
  /** The row at an instant; -1 before the first and after the last. */
  within(ms: number): number {
    return this.length === 0 || ms < this.firstMs || ms > this.lastMs ? -1 : this.nearest(ms)
  }
}

export type Align = 'start' | 'kill'
/** The instant that becomes zero; null where a session has no such marker. */
export function zeroOf(align: Align, events: readonly TraceEvent[]): number | null {
  return align === 'start' ? 0 : (events.find(({ kind }) => kind === 'oom_kill')?.ms ?? null)
}

/** `+1:05.0` after the marker, `−0:10.0` before it. */
export function signedClock(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${clock(Math.abs(ms), Math.abs(ms) % 1000 !== 0)}`
}
export const ALIGNED = { name: 'Time from the marker', ticks: timeTicks, text: signedClock }

export interface ComparedChart {
  readonly title: string
  readonly unit: string
  readonly base: 'binary' | 'decimal'
  readonly value: (rows: Rows) => RowValue
}
const MIB = 1 / 1024
const swapUsed = (rows: Rows): RowValue => {
  const [total, free] = [gauge(rows, 'SwapTotal', MIB), gauge(rows, 'SwapFree', MIB)]
  return (row) => total(row) - free(row)
}
export const CHARTS: readonly ComparedChart[] = [
  { title: 'MemAvailable', unit: 'MiB', base: 'binary', value: (rows) => gauge(rows, 'MemAvailable', MIB) },
  { title: 'SwapUsed', unit: 'MiB', base: 'binary', value: swapUsed },
  { title: 'AnonPages', unit: 'MiB', base: 'binary', value: (rows) => gauge(rows, 'AnonPages', MIB) },
  { title: 'Cached', unit: 'MiB', base: 'binary', value: (rows) => gauge(rows, 'Cached', MIB) },
  { title: 'PSI memory some', unit: '% avg10', base: 'decimal', value: (rows) => gauge(rows, 'psi_memory_some_avg10') },
  { title: 'Major faults', unit: '/s', base: 'decimal', value: (rows) => rate(rows, 'pgmajfault') },
] // prettier-ignore

/** Lines of meminfo at an instant, then events since boot. */
export const FIGURES: readonly CounterName[] = [
  'MemFree', 'MemAvailable', 'Cached', 'AnonPages', 'Shmem', 'Slab', 'PageTables', 'SwapFree', 'Committed_AS',
  'pgfault', 'pgmajfault', 'pswpin', 'pswpout', 'pgscan_kswapd', 'pgscan_direct', 'pgsteal_kswapd', 'pgsteal_direct',
  'workingset_refault_anon', 'workingset_refault_file', 'oom_kill',
] // prettier-ignore
const GAUGES = 9

export interface Difference {
  readonly name: CounterName
  readonly unit: '' | 'kB'
  readonly shown: number
  readonly other: number
  /** The other one's, less the shown one's. */
  readonly change: number
}
export function differences(shown: Shifted, other: Shifted, ms: number): Difference[] {
  const [a, b] = [shown.within(ms), other.within(ms)]
  return FIGURES.map((name, i) => {
    const [left, right] = [shown.at(name, a), other.at(name, b)]
    return { name, unit: i < GAUGES ? 'kB' : '', shown: left, other: right, change: right - left }
  })
}
