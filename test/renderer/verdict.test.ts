/** What a scenario must show, weighed while it runs. */
import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '@shared/protocol'
import type { Expectation } from '@shared/scenario'
import { weigh } from '../../src-renderer/model/verdict'

const kill: Expectation = { text: 'one is killed', event: 'oom_kill', count: { min: 1, max: 1 }, to: 60_000 }
const swap: Expectation = { text: 'pages go to swap', counter: 'pswpout', of: 'last', above: 100 }
const calm: Expectation = { text: 'never under 50 kB', counter: 'MemFree', of: 'min', above: 50 }

const rows = {
  length: 4,
  ms: [0, 10_000, 20_000, 30_000],
  at: (name: string, row: number): number => (name === 'pswpout' ? [0, 90, 200, 300] : [900, 500, 60, 40])[row]!,
}
const killed = (ms: number): TraceEvent => ({ ms, kind: 'oom_kill', text: 'killed' })
const verdicts = (list: Expectation[], events: TraceEvent[], ms: number, end: number | null = 90_000): string[] =>
  weigh(list, rows, events, ms, end).map((w) => w.verdict)

describe('a scenario that runs', () => {
  test('leaves open what may still come, and then holds it', () => {
    expect(verdicts([swap, kill], [], 10_000)).toEqual(['open', 'open'])
    expect(verdicts([swap, kill], [killed(25_000)], 20_000)).toEqual(['holds', 'open'])
    expect(verdicts([swap, kill], [killed(25_000)], 30_000)).toEqual(['holds', 'holds'])
  })

  test('fails at once what nothing can mend', () => {
    expect(verdicts([calm], [], 20_000)).toEqual(['holds'])
    expect(verdicts([calm], [], 30_000)).toEqual(['fails'])
    expect(verdicts([kill], [killed(21_000), killed(22_000)], 30_000)).toEqual(['fails'])
    expect(verdicts([kill], [], 60_001)).toEqual(['fails'])
  })

  test('fails at its end what has not come', () => {
    expect(verdicts([{ ...swap, above: 1000 }], [], 30_000, 30_000)).toEqual(['fails'])
    expect(verdicts([{ ...swap, above: 1000 }], [], 30_000, null)).toEqual(['open'])
  })
})
