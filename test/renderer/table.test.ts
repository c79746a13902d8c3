/** The table draws what is in sight, and scrolls no more than it must. */
import { expect, test } from 'vitest'
import { movedRow, scrollToRow, visibleRange } from '../../src-renderer/components/table'

test('of ten thousand rows those in sight are drawn', () => {
  expect(visibleRange(0, 500, 22, 10_000)).toEqual({ first: 0, end: 29 })
  expect(visibleRange(110_000, 500, 22, 10_000)).toEqual({ first: 4994, end: 5029 })
  expect(visibleRange(9_999_999, 500, 22, 10)).toEqual({ first: 4, end: 10 })
  expect(visibleRange(0, 500, 22, 0)).toEqual({ first: 0, end: 0 })
})
test('a row in sight is not scrolled to', () => {
  expect(scrollToRow(5, 0, 500, 22)).toBe(0)
  expect(scrollToRow(40, 0, 500, 22)).toBe(41 * 22 - 500)
  expect(scrollToRow(2, 200, 500, 22)).toBe(44)
})
test('keys move within the rows', () => {
  expect(movedRow('ArrowDown', -1, 3, 10)).toBe(0)
  expect(movedRow('ArrowUp', 0, 3, 10)).toBe(0)
  expect(movedRow('PageDown', 0, 3, 10)).toBe(2)
  expect(movedRow('End', 0, 3, 10)).toBe(2)
  expect(movedRow('x', 0, 3, 10)).toBeNull()
  expect(movedRow('ArrowDown', 0, 0, 10)).toBeNull()
})
