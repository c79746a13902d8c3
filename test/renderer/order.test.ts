/** The packed sort agrees with the plain one. */
import { describe, expect, test } from 'vitest'
import * as fc from 'fast-check'
import { Family, orderByValue } from '../../src-renderer/model/order'

const identity = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i)

describe('the order by value', () => {
  test('is that of a stable sort, for whole numbers and unknowns', () => {
    const value = fc.oneof(
      fc.integer({ min: -1000, max: 2 ** 36 }),
      fc.integer({ min: 0, max: 3 }),
      fc.constant(Number.NaN),
    )
    fc.assert(
      fc.property(fc.array(value, { maxLength: 300 }), fc.boolean(), (list, descending) => {
        const values = Float64Array.from(list)
        const rank = (v: number): number => (Number.isNaN(v) ? -Infinity : v)
        const plain = [...list.keys()].sort((a, b) => {
          const [x, y] = [rank(list[a]!), rank(list[b]!)]
          return x === y ? a - b : (x < y ? -1 : 1) * (descending ? -1 : 1)
        })
        expect([...orderByValue(values, descending, identity(list.length))]).toEqual(plain)
      }),
    )
  })
  test('tells fractions apart', () => {
    expect([...orderByValue(Float64Array.of(0.25, 99.5, 0.5, 0), true, identity(4))]).toEqual([1, 2, 0, 3])
  })
})

test('a family adds up to its roots, in any order of rows', () => {
  // 0 ← 1 ← 3, 0 ← 2, and 4 alone
  const family = new Family(Int32Array.of(-1, 0, 0, 1, -1))
  expect([...family.sums(Float64Array.of(1, 2, 4, 8, 16))]).toEqual([15, 10, 4, 8, 16])
  const tree = family.inOrder(Int32Array.of(4, 3, 2, 1, 0))
  expect(tree.roots).toEqual([4, 0])
  expect([...tree.children(0)]).toEqual([2, 1])
  const marks = Uint8Array.of(0, 0, 0, 1, 0)
  family.markUp(marks)
  expect([...marks]).toEqual([1, 1, 0, 1, 0])
})
