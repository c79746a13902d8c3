import { describe, expect, test } from 'vitest'
import { HEADER } from '@shared/sample'
import { S, SERIES } from '@shared/counters'
import { keptRows, Rings } from '../../src-renderer/client/rings'

function row(ms: number, available = ms): Float64Array {
  const data = new Float64Array(HEADER.length + SERIES.length)
  data[1] = ms
  data[HEADER.length + S.MemAvailable] = available
  return data
}
function filled(from: number, to: number, step = 500, rings = new Rings(500)): Rings {
  for (let ms = from; ms <= to; ms += step) rings.push(row(ms))
  return rings
}

describe('rings', () => {
  test('keep every series of every sample in the order of time', () => {
    const rings = filled(0, 2000)
    expect([...rings.ms.subarray(0, rings.length)]).toEqual([0, 500, 1000, 1500, 2000])
    expect(rings.at('MemAvailable', 3)).toBe(1500)
    expect(rings.at('MemAvailable', 5)).toBeNaN()
  })

  test('find the row at, and the row nearest to, an instant', () => {
    const rings = filled(500, 2000)
    expect([rings.rowAt(499), rings.rowAt(500), rings.rowAt(1499), rings.rowAt(9e9)]).toEqual([-1, 0, 1, 3])
    expect([rings.nearest(0), rings.nearest(740), rings.nearest(760), rings.nearest(9e9)]).toEqual([0, 0, 1, 3])
  })

  test('take a sample once', () => {
    const rings = filled(0, 1000)
    rings.push(row(1000))
    expect(rings.length).toBe(3)
  })

  test('drop what lay after an instant when time was turned back', () => {
    const rings = filled(0, 5000)
    rings.push(row(2200))
    expect(rings.lastMs).toBe(2200)
    expect(rings.length).toBe(6)
  })

  test('mark where samples are missing', () => {
    const rings = filled(0, 1000)
    rings.push(row(4000))
    rings.push(row(4500))
    expect([...rings.gap.subarray(0, rings.length)]).toEqual([0, 0, 0, 1, 0])
  })

  test('put the recorded past before what came live', () => {
    const rings = filled(5000, 6000)
    rings.load(Array.from({ length: 11 }, (_, i) => row(i * 500)))
    expect(rings.length).toBe(13)
    expect([rings.firstMs, rings.lastMs]).toEqual([0, 6000])
    expect([...rings.gap.subarray(0, 13)].every((gap) => gap === 0)).toBe(true)
  })

  test('see no gap in a past that was thinned evenly', () => {
    const rings = filled(60_000, 61_000)
    rings.load(Array.from({ length: 13 }, (_, i) => row(i * 5000)))
    expect(rings.gap.subarray(0, rings.length).every((gap) => gap === 0)).toBe(true)
  })

  test('take a sample of the past between rows that are farther apart', () => {
    const rings = filled(0, 60_000, 5000)
    rings.insert(row(12_500))
    rings.insert(row(12_500))
    expect([rings.length, rings.rowAt(12_500), rings.at('MemAvailable', 3), rings.at('MemAvailable', 4)]).toEqual([
      14, 3, 12_500, 15_000,
    ])
    expect(rings.ms[rings.length - 1]).toBe(60_000)
  })

  test('stay within their capacity, keep the newest, and keep the deepest dip', () => {
    const rings = new Rings(500, 64)
    for (let i = 0; i < 1000; i++) rings.push(row(i * 500, i === 400 ? -1 : i))
    expect(rings.length).toBeLessThanOrEqual(64)
    expect(rings.lastMs).toBe(999 * 500)
    const values = Array.from({ length: rings.length }, (_, at) => rings.at('MemAvailable', at))
    expect(Math.min(...values)).toBe(-1)
    expect([...rings.ms.subarray(0, rings.length)]).toEqual(
      [...rings.ms.subarray(0, rings.length)].sort((a, b) => a - b),
    )
    expect(rings.gap.subarray(0, rings.length).some((gap) => gap === 1)).toBe(false)
  })

  test('keep a gap where rows around it were thinned out', () => {
    const rings = new Rings(500, 32)
    for (let i = 0; i < 8; i++) rings.push(row(i * 500))
    for (let i = 0; i < 60; i++) rings.push(row(100_000 + i * 500))
    expect([...rings.gap.subarray(0, rings.length)].filter((gap) => gap === 1)).toHaveLength(1)
  })
})

test('of four rows the lowest and the highest stay, in their order', () => {
  expect(keptRows(Float64Array.of(5, 9, 1, 4, 7, 7, 7, 7), 8)).toEqual([1, 2, 4, 7])
})
