/** Simulated time follows the wall clock at the set speed, and does not run after what it missed. */
import { expect, test } from 'vitest'
import { due, forgive, rest, startPace } from '../../src-main/engine/pacing'

test('at 2× a second of wall clock is two seconds of the machine', () => {
  const pace = startPace(2, 1000, 500)
  expect(due(pace, 1000)).toBe(500)
  expect(due(pace, 2000)).toBe(2500)
})

test('at max there is always more to do', () => {
  const pace = startPace('max', 0, 0)
  expect(due(pace, 1)).toBe(Infinity)
  expect(rest(pace, 1, 1e9, 4)).toBe(0)
})

test('a small debt is caught up with', () => {
  const pace = startPace(1, 0, 0)
  expect(forgive(pace, 100, 0)).toBe(pace)
})

test('a large debt is forgiven', () => {
  const pace = forgive(startPace(64, 0, 0), 1000, 1000)
  expect(due(pace, 1000)).toBe(1000)
  expect(due(pace, 1010)).toBe(1640)
})

test('a slow machine wakes up once for several steps, and never for less than one', () => {
  expect(rest(startPace(1, 0, 0), 0, 0, 4)).toBe(20)
  expect(rest(startPace(0.25, 0, 0), 0, 0, 4)).toBe(20)
  expect(rest(startPace(1, 0, 0), 50, 0, 4)).toBe(0)
})
