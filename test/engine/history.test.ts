/** The past in memory: found by its instant, thinned when long, cut at a branch. */
import { expect, test } from 'vitest'
import { addSample, cutAfter, openHistory, sampleMsAt, seriesBetween, wholeAt } from '../../src-main/engine/history'
import { sampleShape } from '@shared/sample'
import { fakeSample } from '../support/fakeSample'

function filled(count: number) {
  const h = openHistory()
  for (let i = 0; i < count; i++) addSample(h, fakeSample(i, 2))
  return h
}

test('a whole sample stands until the next one', () => {
  const h = filled(10)
  expect(wholeAt(h, 1499)).toEqual(fakeSample(2, 2))
  expect(wholeAt(h, 1500)).toEqual(fakeSample(3, 2))
  expect(wholeAt(h, -1)).toBeNull()
})

test('a series holds no rows and is a sample all the same', () => {
  const [series] = seriesBetween(filled(3), 500, 500, 10)
  expect(sampleShape(series!)).toMatchObject({ ms: 500, nr_proc: 0, nr_slab: 0, nr_buddy: 0 })
})

test('a range gives at most the points that were asked for, the last one among them', () => {
  const series = seriesBetween(filled(101), 0, 1e9, 20)
  expect(series.length).toBeLessThanOrEqual(20)
  expect(series.at(-1)![1]).toBe(50_000)
})

test('a neighbour is the next sample, or none', () => {
  const h = filled(3)
  expect(sampleMsAt(h, 0, 1)).toBe(500)
  expect(sampleMsAt(h, 700)).toBe(500)
  expect(sampleMsAt(h, 500, -1)).toBe(0)
  expect(sampleMsAt(h, 700, -1)).toBe(500)
  expect(sampleMsAt(h, 1000, 1)).toBeNull()
})

test('a branch takes the future away and hands it over', () => {
  const h = filled(10)
  expect(cutAfter(h, 2000).map((d) => d[1])).toEqual([2500, 3000, 3500, 4000, 4500])
  expect(wholeAt(h, 9999)![1]).toBe(2000)
})

test('a day of samples stays within its bounds and keeps its first', () => {
  const h = openHistory()
  for (let i = 0; i < 20_000; i++) addSample(h, fakeSample(i, 0))
  expect(h.samples.length).toBeLessThanOrEqual(16_384)
  expect(h.samples[0]![1]).toBe(0)
  expect(h.wholeBytes).toBeLessThanOrEqual(33 * 2 ** 20)
})
