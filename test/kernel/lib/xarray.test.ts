import { describe, expect, it } from 'vitest'
import { row_alloc, row_free } from '../../../src-main/kernel/lib/arena'
import {
  xa_clear_mark,
  xa_count_nodes,
  xa_find,
  xa_get_mark,
  xa_load,
  xa_set_mark,
  xa_store,
  type NodeOps,
} from '../../../src-main/kernel/lib/xarray'
import { machine, random } from '../mm/machine'

const INODE = 1
const OPS: NodeOps = {
  alloc: (k) => row_alloc(k.xa),
  free: (k, node) => row_free(k.xa, node),
  update: () => undefined,
}
const LAST = 2 ** 31 - 1

describe('the index of a file', () => {
  it('keeps an entry alone at index 0 in the inode', () => {
    const k = machine(64)
    xa_store(k, INODE, 0, 7, OPS)
    expect(xa_load(k, INODE, 0)).toBe(7)
    expect(k.xa.meta.nr_live).toBe(0)
  })

  it('grows a level at a time and shrinks when the far entry goes', () => {
    const k = machine(64)
    xa_store(k, INODE, 0, 7, OPS)
    xa_store(k, INODE, 64, 8, OPS)
    expect(xa_count_nodes(k, INODE)).toBe(3)
    xa_store(k, INODE, 64, 0, OPS)
    expect([xa_load(k, INODE, 0), k.xa.meta.nr_live]).toEqual([7, 0])
  })

  it('takes its marks along when it grows and shrinks', () => {
    const k = machine(64)
    xa_store(k, INODE, 0, 7, OPS)
    xa_set_mark(k, INODE, 0, 'dirty')
    xa_store(k, INODE, 5000, 8, OPS)
    expect(xa_get_mark(k, INODE, 0, 'dirty')).toBe(true)
    expect(xa_find(k, INODE, 1, LAST, 'dirty')).toBe(-1)
    xa_store(k, INODE, 5000, 0, OPS)
    expect(xa_get_mark(k, INODE, 0, 'dirty')).toBe(true)
  })

  it('loses nothing when a node cannot be had', () => {
    const k = machine(64)
    xa_store(k, INODE, 0, 7, OPS)
    expect(xa_store(k, INODE, 9999, 8, { ...OPS, alloc: () => 0 })).toBe(false)
    expect([xa_load(k, INODE, 0), xa_load(k, INODE, 9999)]).toEqual([7, 0])
  })

  it.each([1, 2, 3])('agrees with a map over random operations, seed %i', (seed) => {
    const k = machine(64)
    const below = random(seed * 7919)
    const model = new Map<number, number>()
    const marked = new Set<number>()
    for (let i = 0; i < 4000; i++) {
      const index = [below(70), below(4200), below(300_000)][below(3)]!
      const what = below(6)
      if (what < 3) {
        const entry = below(2) === 0 ? 1 + below(1000) : -1 - below(1000)
        xa_store(k, INODE, index, entry, OPS)
        model.set(index, entry)
      } else if (what === 3) {
        xa_store(k, INODE, index, 0, OPS)
        model.delete(index)
        marked.delete(index)
      } else if (what === 4 && model.has(index)) {
        xa_set_mark(k, INODE, index, 'dirty')
        marked.add(index)
      } else if (marked.has(index)) {
        xa_clear_mark(k, INODE, index, 'dirty')
        marked.delete(index)
      }
      expect(xa_load(k, INODE, index)).toBe(model.get(index) ?? 0)
    }
    expect(walk(k, undefined)).toEqual([...model.keys()].sort((a, b) => a - b))
    expect(walk(k, 'dirty')).toEqual([...marked].sort((a, b) => a - b))
    expect(xa_count_nodes(k, INODE)).toBe(k.xa.meta.nr_live)
    for (const index of model.keys()) xa_store(k, INODE, index, 0, OPS)
    expect([k.xa.meta.nr_live, k.inode.xa_root[INODE], k.inode.flags[INODE]]).toEqual([0, 0, 0])
  })
})

function walk(k: ReturnType<typeof machine>, mark: 'dirty' | undefined): number[] {
  const found: number[] = []
  for (let i = xa_find(k, INODE, 0, LAST, mark); i >= 0; i = xa_find(k, INODE, i + 1, LAST, mark)) found.push(i)
  return found
}
