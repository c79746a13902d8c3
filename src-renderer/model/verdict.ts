/** What a scenario must show, weighed over its course up to the shown instant: what holds, what fails, what is still open. */
import type { CounterName } from '@shared/counters'
import { expectationResults, observeCounters, observeEvent, openExpectations } from '@shared/expect'
import type { TraceEvent } from '@shared/protocol'
import type { Expectation } from '@shared/scenario'

export type Verdict = 'holds' | 'fails' | 'open'
export interface Weighed {
  readonly text: string
  readonly verdict: Verdict
  /** What was found, for a failure to tell. */
  readonly value: number | string | null
}
export interface Course {
  readonly length: number
  readonly ms: ArrayLike<number>
  at(name: CounterName, row: number): number
}

/** `endMs` is the scenario's own end (null: it has none): until then what is missing may still come. */
export function weigh(
  list: readonly Expectation[],
  rows: Course,
  events: readonly TraceEvent[],
  shownMs: number,
  endMs: number | null,
): Weighed[] {
  const state = openExpectations(list)
  for (const event of events) if (event.ms <= shownMs) observeEvent(state, event)
  for (let row = 0; row < rows.length && rows.ms[row]! <= shownMs; row++)
    observeCounters(state, rows.ms[row]!, (name) => rows.at(name, row))
  const isOver = endMs !== null && shownMs >= endMs
  return expectationResults(state).map(({ text, value, pass }, i) => {
    const verdict = pass ? 'holds' : isOver || isLost(list[i]!, value, shownMs) ? 'fails' : 'open'
    return { text, value, verdict }
  })
}

/** Whether nothing that comes can mend it. */
function isLost(e: Expectation, value: number | string | null, ms: number): boolean {
  if ('order' in e) return false
  if (e.to !== undefined && ms > e.to) return true
  if (typeof value !== 'number') return false
  if ('event' in e) return value > (e.count.max ?? Infinity)
  return (e.of === 'max' && value >= (e.below ?? Infinity)) || (e.of === 'min' && value <= (e.above ?? -Infinity))
}
