/** Where axes have their marks: round in the unit that is shown, at most four steps. */

/** A round step of powers of two for memory, of 1-2-4-5 for everything else. */
export type TickBase = 'binary' | 'decimal'

export interface Axis {
  readonly min: number
  readonly max: number
  readonly ticks: readonly number[]
}

/** An axis from 0 (or below, for mirrored values) that holds `low…high` without clipping. */
export function axisOf(low: number, high: number, base: TickBase = 'decimal', steps = 3): Axis {
  const top = Math.max(high, 0)
  const bottom = Math.min(low, 0)
  const span = top - bottom
  if (!(span > 1e-6)) return { min: 0, max: 1, ticks: [0, 1] }
  const step = roundStep(span / steps, base)
  const max = Math.ceil(top / step - 1e-9) * step
  const min = Math.floor(bottom / step + 1e-9) * step + 0
  const ticks: number[] = []
  for (let value = min; value <= max + step / 2; value += step) ticks.push(round(value))
  return { min, max: max === min ? min + step : max, ticks }
}

/** Ticks of an axis that ends at a given value, such as MemTotal: round steps, and the end itself. */
export function ticksTo(end: number, base: TickBase = 'binary', steps = 4): number[] {
  if (!(end > 0)) return [0]
  const step = roundStep(end / steps, base)
  const ticks = [0]
  for (let value = step; value < end - step * 0.35; value += step) ticks.push(round(value))
  return [...ticks, end]
}

/** The smallest round number that is not below `least`. */
export function roundStep(least: number, base: TickBase): number {
  if (base === 'binary') return 2 ** Math.ceil(Math.log2(least) - 1e-9)
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9)
  const factor = [1, 2, 4, 5, 10].find((f) => f * power >= least * (1 - 1e-9)) ?? 10
  return round(factor * power)
}

const TIME_STEPS_S = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400,
]

/** Times for the x axis, so far apart that labels of `labelPx` do not touch. */
export function timeTicks(fromMs: number, toMs: number, widthPx: number, labelPx = 64): number[] {
  const span = toMs - fromMs
  if (!(span > 0) || widthPx <= 0) return []
  const least = (span * labelPx) / widthPx / 1000
  const stepMs = (TIME_STEPS_S.find((s) => s >= least) ?? Math.ceil(least / 86400) * 86400) * 1000
  const ticks: number[] = []
  for (let t = Math.ceil(fromMs / stepMs - 1e-9) * stepMs; t <= toMs + 1e-6; t += stepMs) ticks.push(round(t))
  return ticks
}

function round(value: number): number {
  return Number(value.toPrecision(12))
}
