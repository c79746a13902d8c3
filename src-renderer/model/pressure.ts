/** The tasks that hold pressure, found in a sample by their names: whoever started them, and however they ended. */
import { PRESSURE_KINDS, pressureName, type PressureKind } from '@shared/protocol'
import type { Sample } from './sample'

export interface Held {
  readonly kind: PressureKind
  readonly mib: number
}

const KINDS: ReadonlyMap<string, PressureKind> = new Map(PRESSURE_KINDS.map((kind) => [pressureName(kind), kind]))

/** What is held, of the kind that is told first; null when there is no such task. */
export function pressureHeld(sample: Sample, name: (id: number) => string): Held | null {
  for (let row = 0; row < sample.nrProc; row++) {
    const comm = name(sample.proc(row, 'name'))
    const kind = KINDS.get(comm)
    const isAlive = sample.proc(row, 'VmSize') > 0
    if (kind !== undefined && isAlive)
      return { kind, mib: Math.round((sample.proc(row, 'VmRSS') + sample.proc(row, 'VmSwap')) / 1024) }
  }
  return null
}
