/**
 * How simulated time follows the wall clock: how far the machine should be by now, and when to look again. Pure: the
 * clock is a parameter. A machine that cannot keep up does not run after its debt; its pace starts anew.
 */
export type Speed = number | 'max'

export interface Pace {
  readonly speed: Speed
  readonly wallMs: number
  readonly simMs: number
}

/** A slice of work: short, so that commands are answered in between. */
export const SLICE_MS = 8
/** Debt of simulated time, in wall ms, that is forgiven instead of caught up with. */
const MAX_DEBT_WALL_MS = 250
/** Steps come in bunches of so many wall ms: fewer wake-ups when the machine is slow. */
const BUNCH_MS = 20

export function startPace(speed: Speed, wallMs: number, simMs: number): Pace {
  return { speed, wallMs, simMs }
}

/** The simulated time at which the machine should be. */
export function due(pace: Pace, wallMs: number): number {
  return pace.speed === 'max' ? Infinity : pace.simMs + (wallMs - pace.wallMs) * pace.speed
}

/** The pace to go on with: the same, or a new start where the debt has grown too large. */
export function forgive(pace: Pace, wallMs: number, simMs: number): Pace {
  if (pace.speed === 'max') return pace
  const debtMs = (due(pace, wallMs) - simMs) / pace.speed
  return debtMs > MAX_DEBT_WALL_MS ? startPace(pace.speed, wallMs, simMs) : pace
}

/** Wall ms until there is enough to do again; 0 when there is already. */
export function rest(pace: Pace, wallMs: number, simMs: number, stepMs: number): number {
  if (pace.speed === 'max') return 0
  const bunchMs = Math.max(stepMs / pace.speed, BUNCH_MS)
  const nextWallMs = pace.wallMs + (simMs - pace.simMs) / pace.speed + bunchMs
  return Math.max(0, nextWallMs - wallMs)
}
