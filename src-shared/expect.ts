/**
 * A scenario's `expect` list, evaluated over its run: give every sample and every event to `observe`, ask `results` at the
 * end. The state is plain data.
 */
import { S, type CounterName } from './counters'
import type { TraceEvent } from './protocol'
import { HEADER, sampleShape } from './sample'
import type { Expectation } from './scenario'

interface Seen {
  first: number
  last: number
  min: number
  max: number
  sum: number
  count: number
}
export interface Expecting {
  readonly list: readonly Expectation[]
  readonly seen: Seen[]
  /** First times (ms) of events and of the growth of counters, for `order`. */
  readonly firsts: Record<string, number>
  readonly initial: Record<string, number>
}
export interface AssertionResult {
  readonly text: string
  readonly value: number | string | null
  readonly pass: boolean
}

export function openExpectations(list: readonly Expectation[]): Expecting {
  const seen = list.map(() => ({ first: 0, last: 0, min: Infinity, max: -Infinity, sum: 0, count: 0 }))
  return { list, seen, firsts: {}, initial: {} }
}

export function observeSample(state: Expecting, data: Float64Array): void {
  observeCounters(state, sampleShape(data).ms, (name) => data[HEADER.length + S[name]]!)
}

/** The same, of counters that are kept otherwise. */
export function observeCounters(state: Expecting, ms: number, read: (name: CounterName) => number): void {
  state.list.forEach((e, i) => {
    if ('counter' in e && within(e, ms)) put(state.seen[i]!, read(e.counter as CounterName))
    if ('order' in e)
      for (const name of e.order) {
        if (!(name in S)) continue
        const value = read(name as CounterName)
        const initial = (state.initial[name] ??= value)
        if (value > initial) state.firsts[name] ??= ms
      }
  })
}

export function observeEvent(state: Expecting, event: TraceEvent): void {
  state.firsts[event.kind] ??= event.ms
  state.list.forEach((e, i) => {
    if (!('event' in e) || e.event !== event.kind || !within(e, event.ms)) return
    if (e.name === undefined || e.name === event.name) put(state.seen[i]!, event.ms)
  })
}

export function expectationResults(state: Expecting): AssertionResult[] {
  return state.list.map((e, i) => {
    const seen = state.seen[i]!
    if ('counter' in e) {
      const value = seen.count === 0 ? null : figure(seen, e.of)
      const pass = value !== null && value > (e.above ?? -Infinity) && value < (e.below ?? Infinity)
      return { text: e.text, value, pass }
    }
    if ('event' in e) {
      const pass = seen.count >= e.count.min && seen.count <= (e.count.max ?? Infinity)
      return { text: e.text, value: seen.count, pass }
    }
    const times = e.order.map((name) => state.firsts[name])
    const pass = times.every((t, n) => t !== undefined && (n === 0 || t >= (times[n - 1] ?? Infinity)))
    const value = e.order
      .map((name, n) => `${name} ${times[n] === undefined ? 'never' : `${times[n] / 1000}s`}`)
      .join(', ')
    return { text: e.text, value, pass }
  })
}

function within(e: { from?: number | undefined; to?: number | undefined }, ms: number): boolean {
  return ms >= (e.from ?? 0) && ms <= (e.to ?? Infinity)
}

function put(seen: Seen, value: number): void {
  if (seen.count === 0) seen.first = value
  seen.last = value
  seen.min = Math.min(seen.min, value)
  seen.max = Math.max(seen.max, value)
  seen.sum += value
  seen.count++
}

function figure(seen: Seen, of: 'max' | 'min' | 'mean' | 'first' | 'last' | 'change'): number {
  if (of === 'mean') return seen.sum / seen.count
  if (of === 'change') return seen.last - seen.first
  return seen[of]
}
