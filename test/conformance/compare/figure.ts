/** One compared figure, and what the comparators of the experiments' kinds share. */
import type { LabLine } from '../../../src-main/lab/measure'
import type { Experiment } from '../reference'

export interface Figure {
  readonly step: string
  readonly name: string
  readonly kind: 'exact' | 'close'
  readonly real: number | string
  readonly got: number | string
  readonly ok: boolean
}

/** Figures of one kind out of an experiment and what its lab program printed; none where the kind does not occur. */
export type Comparator = (real: Experiment, lines: readonly LabLine[]) => Figure[]

export function within(real: number, got: number, slack: number, share: number): boolean {
  return Math.abs(real - got) <= Math.max(slack, Math.abs(real) * share)
}

export function exact(step: string, name: string, real: number | string, got: number | string): Figure {
  return { step, name, kind: 'exact', real, got, ok: real === got }
}

export function close(step: string, name: string, real: number, got: number, slack: number, share: number): Figure {
  return { step, name, kind: 'close', real, got, ok: within(real, got, slack, share) }
}

/** A step that the program did not reach: one wrong figure, never silence. */
export function missing(step: string): Figure {
  return { step, name: 'step', kind: 'exact', real: 'there', got: 'missing', ok: false }
}

/** Figures that are 0 on both sides count once a step. */
export function zeroOnce(step: string, figures: readonly Figure[]): Figure[] {
  const still = figures.filter((f) => f.real === 0 && f.got === 0)
  const moving = figures.filter((f) => f.real !== 0 || f.got !== 0)
  if (still.length === 0) return moving
  return [...moving, { step, name: `${still.length} figures at 0`, kind: 'exact', real: 0, got: 0, ok: true }]
}
