/**
 * The whole samples of the last minutes, for rates between neighbours and for the sparklines of processes. Bounded
 * in bytes, so that a machine of ten thousand processes keeps fewer.
 */
import type { ProcColumn } from '@shared/sample'
import type { Sample } from './sample'

const BYTES_MAX = 16 << 20
const SAMPLES_MAX = 600

export class Recent {
  private list: Sample[] = []
  private bytes = 0

  push(sample: Sample): void {
    while (this.list.length > 0 && (this.list.at(-1)?.ms ?? 0) >= sample.ms) this.drop(this.list.length - 1)
    this.list.push(sample)
    this.bytes += sample.data.byteLength
    while (this.list.length > 2 && (this.bytes > BYTES_MAX || this.list.length > SAMPLES_MAX)) this.drop(0)
  }
  clear(): void {
    this.list = []
    this.bytes = 0
  }
  /** The newest sample before `ms` that is at most `withinMs` older. */
  before(ms: number, withinMs: number): Sample | null {
    for (let i = this.list.length - 1; i >= 0; i--) {
      const sample = this.list[i]
      if (sample !== undefined && sample.ms < ms) return ms - sample.ms <= withinMs ? sample : null
    }
    return null
  }
  nearest(ms: number): Sample | null {
    let best: Sample | null = null
    for (const sample of this.list)
      if (best === null || Math.abs(sample.ms - ms) <= Math.abs(best.ms - ms)) best = sample
    return best
  }
  /** A process's course up to `ms` in `points` slots of equal time; NaN where there is no sample of it. */
  course(
    pid: number,
    start_ns: number,
    columns: readonly ProcColumn[],
    ms: number,
    spanMs = 60_000,
    points = 60,
  ): number[] {
    const out = new Array<number>(points).fill(Number.NaN)
    const slot = spanMs / points
    let filled = -1
    for (const sample of this.list) {
      const at = Math.floor((sample.ms - (ms - spanMs)) / slot)
      if (at < 0 || sample.ms > ms) continue
      const row = sample.rowOf(pid, start_ns)
      if (row < 0) continue
      const value = columns.reduce((sum, column) => sum + sample.proc(row, column), 0)
      const place = Math.min(at, points - 1)
      // Samples farther apart than a slot hold their value until the next, up to five slots.
      if (filled >= 0 && place - filled <= 5) out.fill(out[filled] ?? Number.NaN, filled + 1, place)
      out[place] = value
      filled = place
    }
    return out
  }

  private drop(at: number): void {
    const [gone] = this.list.splice(at, 1)
    this.bytes -= gone?.data.byteLength ?? 0
  }
}
