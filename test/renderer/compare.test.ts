import { describe, expect, test } from 'vitest'
import { differences, FIGURES, Shifted, signedClock, zeroOf } from '../../src-renderer/model/compare'
import { Rings } from '../../src-renderer/client/rings'
import { rate } from '../../src-renderer/model/series'
import { S, SERIES, type CounterName } from '../../src-shared/counters'
import { HEADER } from '../../src-shared/sample'
import type { TraceEvent } from '../../src-shared/protocol'

function rings(from: number, values: readonly Partial<Record<CounterName, number>>[]): Rings {
  const made = new Rings(500)
  values.forEach((row, i) => {
    const data = new Float64Array(HEADER.length + SERIES.length)
    data[1] = from + i * 500
    for (const [name, value] of Object.entries(row)) data[HEADER.length + S[name as CounterName]] = value
    made.push(data)
  })
  return made
}
const leak = [
  { MemFree: 900, pgmajfault: 0 },
  { MemFree: 500, pgmajfault: 10 },
  { MemFree: 100, pgmajfault: 30 },
]
const calm = [{ MemFree: 900 }, { MemFree: 890 }, { MemFree: 880 }]
const kill: TraceEvent = { ms: 1000, kind: 'oom_kill', text: 'killed' }

describe('two sessions on one axis', () => {
  test('count their time from the marker', () => {
    const shifted = new Shifted(rings(0, leak), 1000)
    expect([...shifted.ms]).toEqual([-1000, -500, 0])
    expect(shifted.rowAt(-600)).toBe(0)
    expect(shifted.nearest(-100)).toBe(2)
    expect(shifted.within(-1100)).toBe(-1)
    expect(shifted.within(100)).toBe(-1)
    expect(rate(shifted, 'pgmajfault')(2)).toBe(40)
  })

  test('have their zero at the start, or at the first kill if there is one', () => {
    expect(zeroOf('start', [])).toBe(0)
    expect(zeroOf('kill', [{ ...kill, ms: 10, kind: 'action' }, kill, { ...kill, ms: 2000 }])).toBe(1000)
    expect(zeroOf('kill', [])).toBeNull()
    expect([signedClock(-10_000), signedClock(65_500), signedClock(0)]).toEqual(['−0:10', '+1:05.5', '+0:00'])
  })

  test('differ by the figures of one instant; beyond an end nothing is known', () => {
    const [shown, other] = [new Shifted(rings(0, leak), 0), new Shifted(rings(0, calm), 0)]
    const at = (ms: number) => differences(shown, other, ms).find(({ name }) => name === 'MemFree')
    expect(at(1000)).toEqual({ name: 'MemFree', unit: 'kB', shown: 100, other: 880, change: 780 })
    expect(at(1400)?.shown).toBeNaN()
    expect(differences(shown, other, 0).map(({ name }) => name)).toEqual(FIGURES)
  })
})
