import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../src-main/kernel/kernel'
import { hash, restore, snapshot } from '../../src-main/kernel/snapshot'
import { runningOf, scenarioNamed } from '../support/machine'

/** Words of every column, of used rows and of some beyond them. */
function differences(a: Kernel, b: Kernel): string[] {
  const found: string[] = []
  a.arena.tables.forEach((table, i) => {
    const other = b.arena.tables[i]!
    for (const column in table.meta.spec) {
      const whole = (table as unknown as Record<string, Float64Array>)[column]!
      const looked = (whole.length / table.meta.capacity) * (table.meta.high + 2000)
      const x = whole.subarray(0, looked)
      const y = (other as unknown as Record<string, Float64Array>)[column]!
      if (x.some((value, n) => value !== y[n] && !Number.isNaN(value))) found.push(`${table.meta.name}.${column}`)
    }
  })
  return found
}

describe('a machine', () => {
  test('with the same seed comes to the same hash, with another to another', () => {
    const run = (seed: number): string => {
      const m = runningOf({ ...scenarioNamed('oom-storm'), seed })
      m.runTo(12)
      return hash(m.k)
    }
    const first = run(11)
    expect(run(11)).toBe(first)
    expect(run(12)).not.toBe(first)
  })

  test('goes on from a snapshot to the same hash', () => {
    const scenario = scenarioNamed('oom-storm')
    const m = runningOf(scenario)
    m.runTo(21)
    const taken = structuredClone(snapshot(m.k))
    const copy = runningOf(scenario, restore(taken))
    expect(differences(m.k, copy.k)).toEqual([])
    expect(hash(copy.k)).toBe(hash(m.k))
    m.runTo(30)
    copy.runTo(30)
    expect(copy.events.map((e) => e.kind)).toEqual(m.events.slice(-copy.events.length).map((e) => e.kind))
    expect(hash(copy.k)).toBe(hash(m.k))
  })

  test('does not notice another machine in the same process', () => {
    const alone = runningOf(scenarioNamed('fork-and-cow'))
    alone.runTo(8)
    const a = runningOf(scenarioNamed('fork-and-cow'))
    const b = runningOf(scenarioNamed('segfaults'))
    for (let s = 1; s <= 8; s++) {
      a.runTo(s)
      b.runTo(s)
    }
    expect(hash(a.k)).toBe(hash(alone.k))
  })
})
