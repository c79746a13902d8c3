/**
 * The session's past in memory: the machine series of every sample (thinned where it gets long), the last whole samples,
 * and the events. What is older and whole is asked of the recorder, or computed again.
 */
import type { TraceEvent } from '@shared/protocol'
import { HEADER } from '@shared/sample'
import { SERIES } from '@shared/counters'

const SERIES_WORDS = HEADER.length + SERIES.length
/** About 40 MB. */
const MAX_SAMPLES = 16_384
const MAX_WHOLE_BYTES = 32 * 2 ** 20
const MAX_EVENTS = 20_000

export interface History {
  /** In order of time; header and series only. */
  samples: Float64Array[]
  /** The last whole samples. */
  whole: Float64Array[]
  wholeBytes: number
  events: TraceEvent[]
}

export function openHistory(): History {
  return { samples: [], whole: [], wholeBytes: 0, events: [] }
}

/** A sample without its rows. */
export function seriesOnly(data: Float64Array): Float64Array {
  const series = data.slice(0, SERIES_WORDS)
  series.fill(0, HEADER.indexOf('nr_proc'), HEADER.indexOf('nr_buddy') + 1)
  return series
}

export function addSample(h: History, data: Float64Array): Float64Array {
  const series = seriesOnly(data)
  h.samples.push(series)
  if (h.samples.length > MAX_SAMPLES) thin(h)
  h.whole.push(data)
  h.wholeBytes += data.byteLength
  while (h.wholeBytes > MAX_WHOLE_BYTES && h.whole.length > 1) h.wholeBytes -= h.whole.shift()!.byteLength
  return series
}

export function addEvents(h: History, list: readonly TraceEvent[]): void {
  h.events.push(...list)
  if (h.events.length > MAX_EVENTS) h.events.splice(0, h.events.length - MAX_EVENTS)
}

/** Of the older half, every second sample goes. */
function thin(h: History): void {
  const half = h.samples.length >> 1
  h.samples = h.samples.filter((_, i) => i >= half || i % 2 === 0)
}

/** At most `points` series between two instants, evenly spread. */
export function seriesBetween(h: History, from: number, to: number, points: number): Float64Array[] {
  const found = h.samples.slice(firstAfter(h, from), firstAfter(h, to, true))
  const every = Math.max(1, Math.ceil(found.length / points))
  return every === 1 ? found : found.filter((_, i) => i % every === 0 || i === found.length - 1)
}

export function eventsBetween(h: History, from: number, to: number): TraceEvent[] {
  return h.events.filter((e) => e.ms >= from && e.ms <= to)
}

/** The whole sample that stands at `ms`, if it is still in memory. */
export function wholeAt(h: History, ms: number): Float64Array | null {
  const first = h.whole[0]
  if (first === undefined || first[1]! > ms) return null
  for (let i = h.whole.length - 1; i >= 0; i--) if (h.whole[i]![1]! <= ms) return h.whole[i]!
  return null
}

/** The instant of the sample that stands at `ms`, or of its neighbour. */
export function sampleMsAt(h: History, ms: number, step: -1 | 0 | 1 = 0): number | null {
  const at = firstAfter(h, ms, true) - 1
  if (step >= 0) return h.samples[at + step]?.[1] ?? null
  const exact = h.samples[at]?.[1] === ms
  return h.samples[exact ? at - 1 : at]?.[1] ?? null
}

/** Forgets what came after `ms` and returns it. */
export function cutAfter(h: History, ms: number): Float64Array[] {
  const gone = h.samples.splice(firstAfter(h, ms, true))
  h.whole = h.whole.filter((d) => d[1]! <= ms)
  h.wholeBytes = h.whole.reduce((sum, d) => sum + d.byteLength, 0)
  h.events = h.events.filter((e) => e.ms <= ms)
  return gone
}

export function historyBytes(h: History): number {
  return h.samples.length * SERIES_WORDS * 8 + h.wholeBytes
}

/** Index of the first sample at or after `ms` (`beyond`: after it). */
function firstAfter(h: History, ms: number, beyond = false): number {
  let [low, high] = [0, h.samples.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const at = h.samples[middle]![1]!
    if (at < ms || (beyond && at === ms)) low = middle + 1
    else high = middle
  }
  return low
}
