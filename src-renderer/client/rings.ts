/**
 * The past of every machine series, in one typed-array column per series and one for the time.
 *
 *   row      0 … length-1, by time; whole samples only, so that sums of a row always hold
 *   gap      1 where samples are missing between the row before and this one
 *
 * Columns double up to `capacity`. Then the older half is thinned: of four rows two stay, those in which `pilot` is
 * lowest and highest, so that peaks of memory use survive. Events are running totals, so no event is ever lost.
 */
import { SERIES, S, type CounterName } from '@shared/counters'
import { HEADER } from '@shared/sample'

const CAPACITY_START = 1024
/** Two hours at 2 Hz before the first thinning: 290 columns × 8 bytes × 14,400 = 33 MB. */
const CAPACITY_MAX = 14_400
/** So many sample intervals without a sample make a gap. */
const GAP_INTERVALS = 2.5

export class Rings {
  length = 0
  ms: Float64Array
  gap: Uint8Array
  /** Grows with every change; what is derived from rows can be kept until it moves. */
  version = 0
  private columns: Float64Array[]
  private capacity: number

  constructor(
    private sampleMs: number,
    private readonly capacityMax = CAPACITY_MAX,
    private readonly pilot: CounterName = 'MemAvailable',
  ) {
    this.capacity = Math.min(CAPACITY_START, capacityMax)
    this.ms = new Float64Array(this.capacity)
    this.gap = new Uint8Array(this.capacity)
    this.columns = SERIES.map(() => new Float64Array(this.capacity))
  }

  get firstMs(): number {
    return this.length === 0 ? 0 : (this.ms[0] ?? 0)
  }
  get lastMs(): number {
    return this.length === 0 ? 0 : (this.ms[this.length - 1] ?? 0)
  }
  /** The value of a series in a row; NaN beyond the rows. */
  at(name: CounterName, row: number): number {
    return row < 0 || row >= this.length ? Number.NaN : (this.columns[S[name]]?.[row] ?? Number.NaN)
  }
  /** The column of a series. Valid until the next row is added. */
  column(name: CounterName): Float64Array {
    return this.columns[S[name]] ?? new Float64Array(0)
  }
  /** The last row at or before `ms`, or -1. */
  rowAt(ms: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.ms[middle] ?? 0) <= ms) low = middle + 1
      else high = middle
    }
    return low - 1
  }
  /** The row nearest to `ms`, or -1 when there is none. */
  nearest(ms: number): number {
    const before = this.rowAt(ms)
    if (before < 0) return this.length > 0 ? 0 : -1
    if (before + 1 >= this.length) return before
    return ms - (this.ms[before] ?? 0) <= (this.ms[before + 1] ?? 0) - ms ? before : before + 1
  }

  /** Adds the machine part of a sample. A sample of the past means that time was turned back: the later rows go. */
  push(data: Float64Array, spacing = this.sampleMs): void {
    const ms = data[1] ?? 0
    if (this.length > 0 && ms <= this.lastMs) {
      if (ms === this.lastMs) return
      this.truncate(ms)
    }
    if (this.length === this.capacity) this.makeRoom()
    const row = this.length++
    this.ms[row] = ms
    this.gap[row] = row > 0 && ms - (this.ms[row - 1] ?? 0) > spacing * GAP_INTERVALS ? 1 : 0
    for (let k = 0; k < this.columns.length; k++) this.columns[k]![row] = data[HEADER.length + k] ?? Number.NaN
    this.version++
  }

  /** Puts one sample of the past between the rows that are there, which may be farther apart. */
  insert(data: Float64Array): void {
    const ms = data[1] ?? 0
    const row = this.rowAt(ms) + 1
    if (row > 0 && this.ms[row - 1] === ms) return
    if (row === this.length) return this.push(data)
    if (this.length === this.capacity) {
      this.makeRoom()
      return this.insert(data)
    }
    const inGap = this.gap[row] === 1
    for (const column of [this.ms, this.gap, ...this.columns]) column.copyWithin(row + 1, row, this.length)
    this.length++
    this.ms[row] = ms
    this.gap[row] = inGap ? 1 : 0
    for (let k = 0; k < this.columns.length; k++) this.columns[k]![row] = data[HEADER.length + k] ?? Number.NaN
    this.version++
  }

  /** Puts rows from the recorder before, between and after those that came live meanwhile. */
  load(rows: readonly Float64Array[]): void {
    if (rows.length === 0) return
    const live = this.copyRows()
    const times = new Set(rows.map((row) => row[1]))
    const all = [...rows, ...live.filter((row) => !times.has(row[1]))].sort((a, b) => (a[1] ?? 0) - (b[1] ?? 0))
    const spacing = Math.max(this.sampleMs, medianStep(rows))
    this.length = 0
    for (const row of all) this.push(row, spacing)
  }

  /** Drops every row at or after `ms`. */
  truncate(ms: number): void {
    const at = this.rowAt(ms)
    this.length = at >= 0 && this.ms[at] === ms ? at : at + 1
    this.version++
  }

  clear(sampleMs: number): void {
    this.sampleMs = sampleMs
    this.length = 0
    this.version++
  }

  private copyRows(): Float64Array[] {
    return Array.from({ length: this.length }, (_, row) => {
      const data = new Float64Array(HEADER.length + this.columns.length)
      data[1] = this.ms[row] ?? 0
      this.columns.forEach((column, k) => (data[HEADER.length + k] = column[row] ?? Number.NaN))
      return data
    })
  }

  private makeRoom(): void {
    if (this.capacity < this.capacityMax) this.grow(Math.min(this.capacity * 2, this.capacityMax))
    else this.thin()
  }

  private grow(capacity: number): void {
    const longer = (from: Float64Array): Float64Array => {
      const to = new Float64Array(capacity)
      to.set(from)
      return to
    }
    const gap = new Uint8Array(capacity)
    gap.set(this.gap)
    this.gap = gap
    this.ms = longer(this.ms)
    this.columns = this.columns.map(longer)
    this.capacity = capacity
  }

  private thin(): void {
    const kept = keptRows(this.column(this.pilot), this.length >> 1)
    const half = (this.length >> 1) & ~3
    const rows = [...kept, ...Array.from({ length: this.length - half }, (_, i) => half + i)]
    let last = -1
    rows.forEach((from, to) => {
      let gap = 0
      for (let i = last + 1; i <= from; i++) gap |= this.gap[i] ?? 0
      last = from
      this.gap[to] = gap
      this.ms[to] = this.ms[from] ?? 0
      for (const column of this.columns) column[to] = column[from] ?? Number.NaN
    })
    this.length = rows.length
  }
}

/** Of every four rows the two with the lowest and the highest value, in their order. */
export function keptRows(values: Float64Array, end: number): number[] {
  const kept: number[] = []
  for (let group = 0; group + 4 <= end; group += 4) {
    let low = group
    let high = group
    for (let i = group + 1; i < group + 4; i++) {
      if ((values[i] ?? 0) < (values[low] ?? 0)) low = i
      if ((values[i] ?? 0) >= (values[high] ?? 0)) high = i
    }
    if (low === high) high = group + 3
    kept.push(Math.min(low, high), Math.max(low, high))
  }
  return kept
}

function medianStep(rows: readonly Float64Array[]): number {
  const steps = rows.slice(1).map((row, i) => (row[1] ?? 0) - (rows[i]?.[1] ?? 0))
  steps.sort((a, b) => a - b)
  return steps[steps.length >> 1] ?? 0
}
