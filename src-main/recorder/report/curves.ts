/** The courses that a report draws: every sample is read once, and of each narrow slice of time the peaks are kept. */
import type { CounterName } from '@shared/counters'
import { numberOf } from '../foreign'
import { quoted } from '../schema'
import type { Database } from '../sqlite'

/** A sum of counters, or how fast it grows a second, in a unit of its own. */
export interface CurveSpec {
  readonly label: string
  /** Which colour: a class of the style sheet. */
  readonly tone: string
  readonly plus: readonly CounterName[]
  readonly minus?: readonly CounterName[]
  readonly scale: number
  readonly rate?: true
}
export interface Curve {
  readonly spec: CurveSpec
  /** ms and value in turn, by time; a value that is not a number is a gap. */
  readonly points: readonly number[]
  readonly low: number
  readonly high: number
  readonly highMs: number
  readonly last: number
}

const SLICES = 500
/** Samples of a slice that are held; a slice of more keeps the peaks of each so many. */
const HELD = 4096
/** What is beyond it no machine has counted: no instant, and a gap in a curve. */
export const BEYOND = 1e15

export function curvesOf(db: Database, specs: readonly CurveSpec[], from: number, to: number): Curve[] {
  const names = [...new Set(specs.flatMap(({ plus, minus = [] }) => [...plus, ...minus]))]
  const place = new Map(names.map((name, i) => [name, i + 1]))
  const slice = Math.max(1, (to - from) / SLICES)
  const courses = specs.map((spec) => course(spec, place, from, slice))
  const rows = db.prepare(`SELECT ms, ${names.map(quoted).join(', ')} FROM sample ORDER BY ms`).raw()
  for (const row of rows.iterate() as IterableIterator<unknown[]>) for (const one of courses) one.take(row)
  return courses.map((one) => one.end())
}

function course(spec: CurveSpec, place: ReadonlyMap<string, number>, from: number, slice: number) {
  const sum = (row: readonly unknown[], list: readonly string[]): number =>
    list.reduce((total, name) => total + numberOf(row[place.get(name)!]), 0)
  const kept = thinned(from, slice)
  let [low, high, highMs, last] = [Infinity, -Infinity, from, Number.NaN]
  let before: { readonly ms: number; readonly total: number } | null = null

  const valueOf = (ms: number, total: number): number => {
    if (spec.rate === undefined) return total * spec.scale
    const value = before === null || ms <= before.ms ? Number.NaN : (total - before.total) / ((ms - before.ms) / 1000)
    before = { ms, total }
    return value * spec.scale
  }
  return {
    take(row: readonly unknown[]): void {
      const ms = numberOf(row[0])
      if (!isWithin(ms)) return
      const given = valueOf(ms, sum(row, spec.plus) - sum(row, spec.minus ?? []))
      const value = isWithin(given) ? given : Number.NaN
      kept.add(ms, value)
      if (Number.isNaN(value)) return
      last = value
      if (value < low) low = value
      if (value > high) [high, highMs] = [value, ms]
    },
    end: (): Curve => ({ spec, points: kept.end(), low, high, highMs, last }),
  }
}

/** Not for what is no number either. */
export const isWithin = (value: number): boolean => Math.abs(value) <= BEYOND

/** Of each slice the first, the lowest, the highest and the last. */
function thinned(from: number, slice: number) {
  const points: number[] = []
  let current = -1
  let held: { readonly ms: number; readonly value: number }[] = []
  const flush = (): void => {
    if (held.length === 0) return
    const [first, last] = [held[0]!, held.at(-1)!]
    const low = held.reduce((a, b) => (b.value < a.value ? b : a))
    const high = held.reduce((a, b) => (b.value > a.value ? b : a))
    const gap = held.find(({ value }) => Number.isNaN(value)) ?? first
    const kept = [...new Set([first, low, high, gap, last])].sort((a, b) => a.ms - b.ms)
    for (const { ms, value } of kept) points.push(ms, value)
    held = []
  }
  return {
    add(ms: number, value: number): void {
      const own = Math.floor((ms - from) / slice)
      if (own !== current || held.length >= HELD) flush()
      current = own
      held.push({ ms, value })
    },
    end(): number[] {
      flush()
      return points
    },
  }
}
