/** A few figures over time for a chart: rows that only grow, thinned by half when they get too many. */
const GAP_INTERVALS = 2.5

/** How far apart, in simulated ms, samples come that are shown: at most a few a second of real time. */
export function sampleSpacing(sampleMs: number, speed: number | 'max'): number {
  return speed === 'max' ? Infinity : sampleMs * Math.max(1, speed)
}

export class Track<Id extends string> {
  length = 0
  ms = new Float64Array(256)
  gap = new Uint8Array(256)
  version = 0
  private readonly columns = new Map<Id, Float64Array>()
  private spacing = Number.NaN

  constructor(private readonly most = 7200) {}

  /**
   * Adds a row; an instant before the last one drops what comes after it, the same instant is ignored. A fast machine
   * is seen less often: rows up to `expected` ms apart leave no gap.
   */
  push(ms: number, values: Iterable<readonly [Id, number]>, expected = 0): void {
    if (this.length > 0 && ms === this.ms[this.length - 1]) return
    if (this.length > 0 && ms < this.ms[this.length - 1]!) this.truncate(ms)
    if (this.length === this.ms.length) this.makeRoom()
    const row = this.length++
    const step = row > 0 ? ms - this.ms[row - 1]! : Number.NaN
    this.ms[row] = ms
    this.gap[row] = step > Math.max(this.spacing, expected) * GAP_INTERVALS ? 1 : 0
    if (!(step >= this.spacing)) this.spacing = step
    for (const [id, value] of values) this.columnOf(id)[row] = value
    this.version++
  }
  /** The figure as a function of the row; unknown where it was never told. */
  value(id: Id): (row: number) => number {
    return (row) => this.columns.get(id)?.[row] ?? Number.NaN
  }
  rowAt(ms: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.ms[middle]! <= ms) low = middle + 1
      else high = middle
    }
    return low - 1
  }
  nearest(ms: number): number {
    const before = this.rowAt(ms)
    if (before < 0) return this.length > 0 ? 0 : -1
    if (before + 1 >= this.length) return before
    return ms - this.ms[before]! <= this.ms[before + 1]! - ms ? before : before + 1
  }
  /** The last `spanMs` before `ms` in so many slots of equal time, for a sparkline. */
  course(id: Id, ms: number, spanMs = 60_000, points = 60): number[] {
    const out = new Array<number>(points).fill(Number.NaN)
    const value = this.value(id)
    const last = this.rowAt(ms)
    for (let row = Math.max(0, this.rowAt(ms - spanMs)); row <= last; row++) {
      const at = Math.floor((this.ms[row]! - (ms - spanMs)) / (spanMs / points))
      if (at >= 0) out[Math.min(at, points - 1)] = value(row)
    }
    return out
  }
  clear(): void {
    this.length = 0
    this.columns.clear()
    this.spacing = Number.NaN
    this.version++
  }

  private truncate(ms: number): void {
    this.length = this.rowAt(ms - 1e-6) + 1
    for (const column of this.columns.values()) column.fill(Number.NaN, this.length)
  }
  private columnOf(id: Id): Float64Array {
    let column = this.columns.get(id)
    if (column === undefined) this.columns.set(id, (column = new Float64Array(this.ms.length).fill(Number.NaN)))
    return column
  }
  private makeRoom(): void {
    if (this.length >= this.most) return this.halve()
    const size = Math.min(this.most, this.length * 2)
    this.ms = grown(this.ms, size)
    const gap = new Uint8Array(size)
    gap.set(this.gap)
    this.gap = gap
    for (const [id, column] of this.columns) this.columns.set(id, grown(column, size))
  }
  /** Every other row of the older half goes; a gap it told of stays. */
  private halve(): void {
    const half = this.length >> 1
    let to = 0
    for (let from = 0; from < this.length; from++) {
      if (from < half && from % 2 === 1) {
        this.gap[from + 1]! |= this.gap[from]!
        continue
      }
      this.ms[to] = this.ms[from]!
      this.gap[to] = this.gap[from]!
      for (const column of this.columns.values()) column[to] = column[from]!
      to++
    }
    this.length = to
    for (const column of this.columns.values()) column.fill(Number.NaN, to)
  }
}

function grown(from: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(size).fill(Number.NaN)
  to.set(from)
  return to
}
