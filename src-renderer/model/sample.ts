/** A sample as the views read it: by name of counter, by process, with text resolved through the string table. */
import type { CounterName } from '@shared/counters'
import {
  B,
  BUDDY,
  P,
  PROC,
  SLAB,
  sampleShape,
  seriesOf,
  type ProcColumn,
  type SampleShape,
  type SlabColumn,
} from '@shared/sample'

export class Sample {
  readonly shape: SampleShape
  private rows: Map<number, number> | null = null

  constructor(readonly data: Float64Array) {
    this.shape = sampleShape(data)
  }
  get ms(): number {
    return this.shape.ms
  }
  get nrProc(): number {
    return this.shape.nr_proc
  }
  get nrSlab(): number {
    return this.shape.nr_slab
  }
  get nrBuddy(): number {
    return this.shape.nr_buddy
  }
  read = (name: CounterName): number => seriesOf(this.data, name)

  /** A column of the process in row 0 … nrProc-1. */
  proc(row: number, column: ProcColumn): number {
    return this.data[this.shape.proc + row * PROC.length + P[column]] ?? Number.NaN
  }
  slab(row: number, column: SlabColumn): number {
    return this.data[this.shape.slab + row * SLAB.length + B[column]] ?? Number.NaN
  }
  /** Free blocks of an order in a buddy row; `zoneType` gives what the row is about. */
  buddy(row: number, order: number): number {
    return this.data[this.shape.buddy + row * BUDDY.length + 2 + order] ?? Number.NaN
  }
  zoneType(row: number): { zone: number; type: number } {
    const at = this.shape.buddy + row * BUDDY.length
    return { zone: this.data[at] ?? 0, type: this.data[at + 1] ?? 0 }
  }
  /** The row of a process, or -1. With a start time, only that very process. */
  rowOf(pid: number, start_ns?: number): number {
    if (this.rows === null) {
      this.rows = new Map()
      for (let row = 0; row < this.nrProc; row++) this.rows.set(this.proc(row, 'pid'), row)
    }
    const row = this.rows.get(pid) ?? -1
    return row >= 0 && start_ns !== undefined && this.proc(row, 'start_ns') !== start_ns ? -1 : row
  }
}

/** Per second, of a column that only grows, between two samples of the same process. NaN when there is no earlier one. */
export function procRate(now: Sample, before: Sample | null, row: number, column: ProcColumn): number {
  if (before === null || now.ms <= before.ms) return Number.NaN
  const then = before.rowOf(now.proc(row, 'pid'), now.proc(row, 'start_ns'))
  const seconds = (now.ms - before.ms) / 1000
  const past = then >= 0 ? before.proc(then, column) : 0
  return Math.max(0, now.proc(row, column) - past) / seconds
}

/** Per second, of a machine event, between two samples. */
export function machineRate(now: Sample, before: Sample | null, name: CounterName): number {
  if (before === null || now.ms <= before.ms) return Number.NaN
  return Math.max(0, now.read(name) - before.read(name)) / ((now.ms - before.ms) / 1000)
}
