/** The tasks that hold pressure, found in a sample by their names: whoever started them, and however they ended. */
import { PRESSURE_KINDS } from '@shared/protocol'
import type { Sample } from './sample'

export type PressureKind = (typeof PRESSURE_KINDS)[number]
export interface Held {
  readonly kind: PressureKind
  readonly mib: number
}

/** As the engine names them; comm has 15 characters. */
const nameOf = (kind: PressureKind): string => `pressure-${kind}`.slice(0, 15)

/** What is held, of the kind that is told first; null when there is no such task. */
export function pressureHeld(sample: Sample, name: (id: number) => string): Held | null {
  for (let row = 0; row < sample.nrProc; row++) {
    const comm = name(sample.proc(row, 'name'))
    const kind = comm.startsWith('pressure-') ? PRESSURE_KINDS.find((k) => nameOf(k) === comm) : undefined
    const isAlive = sample.proc(row, 'VmSize') > 0
    if (kind !== undefined && isAlive)
      return { kind, mib: Math.round((sample.proc(row, 'VmRSS') + sample.proc(row, 'VmSwap')) / 1024) }
  }
  return null
}
