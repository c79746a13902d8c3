import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '@shared/protocol'
import { Rings } from '../../src-renderer/client/rings'
import { remedies } from '../../src-renderer/model/avert'
import { csvOf } from '../../src-renderer/model/csv'
import { extent, rowsToDraw } from '../../src-renderer/model/decimate'
import { mergeEvents, mergeFlags, runs } from '../../src-renderer/model/events'
import { bytes, clock, count, cpuTime, duration, fixed, mib } from '../../src-renderer/model/format'
import { nearestEvent } from '../../src-renderer/model/instant'
import { parseJump } from '../../src-renderer/model/jump'
import { STACK, stackOf, stackRows, usedKb } from '../../src-renderer/model/memory'
import { ranking, secondsLeft, totalPages } from '../../src-renderer/model/oom'
import { paletteItems } from '../../src-renderer/model/palette'
import { Recent } from '../../src-renderer/model/recent'
import { machineRate, procRate, Sample } from '../../src-renderer/model/sample'
import { gauge, rate } from '../../src-renderer/model/series'
import { slotShares } from '../../src-renderer/model/slots'
import { axisOf, ticksTo, timeTicks } from '../../src-renderer/model/ticks'
import { fakeEvents, fakeSample } from '../support/fakeBridge'

function rings(toMs: number): Rings {
  const rows = new Rings(500)
  for (let ms = 0; ms <= toMs; ms += 500) rows.push(fakeSample(ms))
  return rows
}

describe('numbers', () => {
  test('are grouped, with a true minus, and a dash for what is unknown', () => {
    expect([count(1003128), count(-95463), count(-0.2), count(Number.NaN)]).toEqual(['1,003,128', '−95,463', '0', '–'])
    expect([fixed(-1.25, 1), mib(1003128), bytes(1 << 30), bytes(1468006)]).toEqual([
      '−1.3',
      '979.6',
      '1 GiB',
      '1.4 MiB',
    ])
  })

  test('of time are minutes, seconds and tenths', () => {
    expect([clock(0), clock(40_500), clock(95_000), clock(3_723_400)]).toEqual([
      '0:00.0',
      '0:40.5',
      '1:35.0',
      '1:02:03.4',
    ])
    expect([clock(95_000, false), cpuTime(61_180_000_000)]).toEqual(['1:35', '1:01.18'])
    expect([duration(212), duration(700), duration(38_000), duration(130_000)]).toEqual([
      '212 ms',
      '700 ms',
      '38 s',
      '2 min 10 s',
    ])
  })

  test('never show 60 seconds', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => !/:60/.test(clock(ms))))
  })
})

describe('the jump box', () => {
  test.each([
    ['-30s', 65_000],
    ['−30s', 65_000],
    ['+5m', 395_000],
    ['95s', 95_000],
    ['95', 95_000],
    ['1:35', 95_000],
    ['1:35.5', 95_500],
    ['+1m30s', 185_000],
    ['-10m', 0],
    ['250ms', 250],
  ])('reads %s', (text, ms) => expect(parseJump(text, 95_000)).toBe(ms))

  test.each(['', 'soon', '5x', '1:5', '--3s'])('refuses %j and says what would be right', (text) =>
    expect(parseJump(text, 0)).toContain('-30s'),
  )
})

describe('axes', () => {
  test('are round in powers of two for memory', () => {
    expect(axisOf(0, 900_000, 'binary').ticks).toEqual([0, 524288, 1048576])
    expect(ticksTo(1_003_128)).toEqual([0, 262144, 524288, 786432, 1_003_128])
  })

  test('are round in tens otherwise, below zero too', () => {
    expect(axisOf(0, 61, 'decimal', 2).ticks).toEqual([0, 40, 80])
    expect(axisOf(-31, 5).ticks).toEqual([-40, -20, 0, 20])
  })

  test('clip nothing and have at most six marks', () => {
    const value = fc.double({ min: -1e9, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(value, value, fc.constantFrom('binary' as const, 'decimal' as const), (a, b, base) => {
        const { min, max, ticks } = axisOf(Math.min(a, b), Math.max(a, b), base)
        const slack = 1e-6 + (max - min) * 1e-8
        return min <= Math.min(a, b, 0) + slack && max >= Math.max(a, b, 0) - slack && ticks.length <= 6 && max > min
      }),
    )
  })

  test('of time leave room for their labels', () => {
    expect(timeTicks(0, 95_000, 800)).toEqual([
      0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000, 90_000,
    ])
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 1e8 }), fc.integer({ min: 100, max: 2000 }), (span, width) => {
        const ticks = timeTicks(0, span, width)
        return ticks.every((t, i) => i === 0 || ((t - ticks[i - 1]!) / span) * width >= 63.9)
      }),
    )
  })
})

describe('memory', () => {
  test('parts sum to MemTotal at every instant', () => {
    for (let ms = 0; ms <= 95_000; ms += 500) {
      const { read } = new Sample(fakeSample(ms))
      expect(stackOf(read).reduce((sum, kB) => sum + kB, 0)).toBeCloseTo(read('MemTotal'), 3)
    }
  })

  test('parts sum to MemTotal also where the kernel counts a page twice', () => {
    const figures = fc.record({ AnonPages: fc.nat(9e5), Cached: fc.nat(9e5), MemFree: fc.nat(9e4) })
    fc.assert(
      fc.property(figures, (given) => {
        const read = (name: string): number =>
          name === 'MemTotal' ? 1e6 : ((given as Record<string, number>)[name] ?? 0)
        const over = given.AnonPages + given.MemFree > 1e6
        const sum = stackOf(read).reduce((all, kB) => all + kB, 0)
        return over || Math.abs(sum - 1e6) < 1e-3
      }),
    )
  })

  test('rows give the same parts as a sample', () => {
    const rows = rings(45_000)
    const values = stackRows(rows)
    for (const row of [0, 40, 82, 10, 82]) {
      const expected = stackOf((name) => rows.at(name, row))
      expect(STACK.map((_, i) => values[i]!(row))).toEqual(expected)
    }
  })

  test('used is what is not available', () => {
    const { read } = new Sample(fakeSample(30_000))
    expect(usedKb(read)).toBe(read('MemTotal') - read('MemAvailable'))
  })
})

describe('series', () => {
  test('of events are rates, unknown at the first row and over a gap', () => {
    const rows = rings(2000)
    rows.push(fakeSample(9000))
    const faults = rate(rows, 'pgfault')
    expect(faults(0)).toBeNaN()
    expect(faults(2)).toBeCloseTo((rows.at('pgfault', 2) - rows.at('pgfault', 1)) * 2)
    expect(faults(5)).toBeNaN()
    expect(gauge(rows, 'MemTotal', 1 / 1024)(0)).toBeCloseTo(979.6, 1)
  })

  test('drawn with fewer points keep their extremes and their ends', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 2000 }), (values) => {
        const value = (row: number): number => values[row] ?? Number.NaN
        const drawn = rowsToDraw(0, values.length - 1, 50, [value])
        expect(drawn.length).toBeLessThanOrEqual(Math.max(100, 50 * 4))
        expect(Math.max(...drawn.map(value))).toBe(Math.max(...values))
        expect(Math.min(...drawn.map(value))).toBe(Math.min(...values))
        expect([drawn[0], drawn.at(-1)]).toEqual([0, values.length - 1])
        expect(drawn.every((row, i) => i === 0 || row > drawn[i - 1]!)).toBe(true)
      }),
    )
    expect(extent(0, 2, (row) => [3, Number.NaN, 1][row]!)).toEqual([1, 3])
  })
})

describe('events', () => {
  const at = (ms: number, kind: TraceEvent['kind'] = 'action'): TraceEvent => ({ ms, kind, text: kind })

  test('closer than a flag become one, the worst on top', () => {
    const flags = mergeFlags([at(0), at(10, 'oom_kill'), at(20, 'kswapd_wake'), at(100)], (ms) => ms)
    expect(flags.map(({ kind, count, x }) => [kind, count, x])).toEqual([
      ['oom', 3, 10],
      ['action', 1, 100],
    ])
  })

  test('that would crowd the axis have no flag', () => {
    // The same again and again is one line in a list.
    expect(
      runs([at(0), at(5), at(9, 'oom_kill'), at(12)]).map(({ first, last, count }) => [first.ms, last.ms, count]),
    ).toEqual([
      [0, 5, 2],
      [9, 9, 1],
      [12, 12, 1],
    ])
    expect(mergeFlags([at(0, 'exit'), at(50, 'kswapd_sleep')], (ms) => ms)).toEqual([])
  })

  test('from the recorder and live are told once, by time', () => {
    const merged = mergeEvents([at(5), at(9)], [at(1), at(5), at(7)])
    expect(merged.map((event) => event.ms)).toEqual([1, 5, 7, 9])
    expect(mergeEvents(merged, [at(7)])).toBe(merged)
  })

  test('near an instant are named, an OOM kill first', () => {
    expect(nearestEvent(fakeEvents, 40_500)).toMatchObject({ before: true, what: 'OOM kill' })
    expect(nearestEvent(fakeEvents, 70_000)).toBeNull()
  })
})

describe('samples', () => {
  const now = new Sample(fakeSample(40_000))
  const before = new Sample(fakeSample(39_500))

  test('give processes by PID and start time', () => {
    const row = now.rowOf(1043)
    expect(now.proc(row, 'VmRSS')).toBeGreaterThan(0)
    expect(now.rowOf(1043, 1)).toBe(-1)
    expect(now.rowOf(99_999)).toBe(-1)
  })

  test('give rates against the sample before, and none without it', () => {
    const row = now.rowOf(520)
    expect(procRate(now, before, row, 'minflt')).toBeCloseTo(4.2 * 300, -2)
    expect(procRate(now, null, row, 'minflt')).toBeNaN()
    expect(machineRate(now, before, 'pgfault')).toBeGreaterThan(0)
  })

  test('of the last minutes are found by time, and draw the course of a process', () => {
    const recent = new Recent()
    for (let ms = 0; ms <= 60_000; ms += 500) recent.push(new Sample(fakeSample(ms)))
    expect(recent.before(60_000, 1000)?.ms).toBe(59_500)
    expect(recent.before(70_000, 1000)).toBeNull()
    expect(recent.nearest(41_260)?.ms).toBe(41_500)
    const course = recent.course(1043, 6_000_000_000, ['Pss', 'VmSwap'], 60_000)
    expect(course.slice(0, 6).every(Number.isNaN)).toBe(true)
    expect(course[30]!).toBeGreaterThan(course[10]!)
    expect(course[50]).toBeNaN()
  })
})

describe('the OOM ranking', () => {
  const sample = new Sample(fakeSample(40_000))
  const list = ranking(sample, (id) => String(id))

  test('puts the most points first and the exempt last, without kernel threads', () => {
    expect(list[0]).toMatchObject({ pid: 1043 })
    expect(list.slice(-2).map((one) => one.points)).toEqual([null, null])
    expect(list.some((one) => one.pid === 37)).toBe(false)
  })

  test('has terms that reach the points', () => {
    for (const one of list.filter((c) => c.points !== null)) {
      const sum = one.anon + one.file + one.shmem + one.swap + one.pgtables + one.adj
      expect(Math.abs(sum - one.points!)).toBeLessThanOrEqual(4)
    }
    expect(totalPages(sample)).toBe((1_003_128 + 524_284) / 4)
  })

  test('tells when memory ends only while it shrinks', () => {
    const rows = rings(60_000)
    expect(secondsLeft(rows, 20_000)).toBeGreaterThan(1)
    expect(secondsLeft(rows, 50_000)).toBeNull()
    expect(secondsLeft(rows, 500)).toBeNull()
  })

  test('says who would die instead', () => {
    const done = remedies(list, totalPages(sample), 38, 12_288)
    expect(done.find((one) => one.id === 'swapon')?.when).toBe('≈ 81 s')
    expect(done.find((one) => one.id === 'adj')?.effect).toMatch(/dies/)
    expect(remedies([], 1, null, 0)).toEqual([])
  })
})

describe('the palette', () => {
  const world = {
    views: [{ id: 'slab', label: 'Slab', key: '5' }],
    events: fakeEvents,
    sample: new Sample(fakeSample(40_000)),
    name: () => 'leakd',
    nowMs: 40_000,
  }
  test('goes to views, instants and processes, and explains counters', () => {
    expect(paletteItems('slab', world)[0]?.act).toEqual({ kind: 'view', id: 'slab' })
    expect(paletteItems('-30s', world)[0]?.act).toEqual({ kind: 'seek', ms: 10_000 })
    expect(paletteItems('leakd 1043', world)[0]?.act).toEqual({ kind: 'process', pid: 1043 })
    expect(paletteItems('pgscan_direct', world)[0]?.hint).toContain('/proc/vmstat')
    expect(paletteItems('no such thing', world)).toEqual([])
  })
})

test('CSV holds the rows of a span under the names of /proc', () => {
  const lines = csvOf(rings(5000), 1000, 2000).trim().split('\n')
  expect(lines[0]!.startsWith('ms,nr_free_pages')).toBe(true)
  expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(['1000', '1500', '2000'])
})

test('a run of swap slots with any used slot is never quite empty', () => {
  const map = new Uint8Array(1000)
  map[3] = 1
  expect(slotShares(map, 10)).toEqual([0.15, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  expect(slotShares(new Uint8Array(4).fill(1), 8).every((share) => share <= 1 && share > 0)).toBe(true)
})
