/** Trees made by hand, one store, and what the nodes hold afterwards: where Linux's rules push, split, join and replace. */
import { beforeEach, describe, expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { big_node, big_push, big_write } from '../../../src-main/kernel/mm/maple_big'
import { LAST_PAGE, LEAF_SLOTS, node_max, node_new } from '../../../src-main/kernel/mm/maple_nodes'
import {
  mas_destroy_bulk,
  mas_expected_entries,
  mas_preallocate,
  mas_store,
  mas_store_bulk,
  mas_store_prealloc,
  mm_depth,
} from '../../../src-main/kernel/mm/maple_tree'
import { cache_by_name } from '../../../src-main/kernel/mm/slub'
import { bare_machine } from '../../support/bare'
import { bareConfig } from '../../support/config'

/** An address space of which there is only the tree. */
const MM = 40
/** Pages of an area; they lie one beside the other. */
const AREA = 4
const X = 999
let k: Kernel
let live: number
beforeEach(() => {
  k = bare_machine()
  live = k.maple.meta.nr_live
})

/** Leaves of so many areas under one root; the last leaf ends with the gap behind all of them. */
function tree(...leaves: number[]): void {
  const w = { mm: MM, index: 0, last: 0, entry: 0, alloc: [], in_rcu: true, bulk: false }
  let area = 0
  const top = big_node(false)
  leaves.forEach((count, n) => {
    const b = big_node(true)
    for (let i = 0; i < count; i++, area++) big_push(b, area + 1, (area + 1) * AREA - 1)
    if (n === leaves.length - 1) big_push(b, 0, LAST_PAGE)
    const leaf = node_new(k, w, true)
    big_write(k, b, 0, b.slot.length, leaf)
    big_push(top, leaf, node_max(k, leaf))
  })
  k.mm.maple[MM] = node_new(k, w, false)
  big_write(k, top, 0, top.slot.length, k.mm.maple[MM]!)
}
/** Entries of the leaves, from left to right. */
function leaves(node = k.mm.maple[MM]!): number[] {
  if (k.maple.leaf[node] === 1) return [k.maple.count[node]!]
  return Array.from({ length: k.maple.count[node]! }, (_, i) => leaves(k.maple.slot[node * LEAF_SLOTS + i]!)).flat()
}
function last_of_leaves(node = k.mm.maple[MM]!): number[] {
  const last = k.maple.slot[node * LEAF_SLOTS + k.maple.count[node]! - 1]!
  if (k.maple.leaf[node] === 1) return [last]
  return Array.from({ length: k.maple.count[node]! }, (_, i) =>
    last_of_leaves(k.maple.slot[node * LEAF_SLOTS + i]!),
  ).flat()
}
/** Stores over pages, and tells how many objects more the slab cache has given away. */
function store(from: number, to: number, entry = X): number {
  const before = objects()
  mas_store(k, MM, from * 4096, to * 4096, entry, [])
  return objects() - before
}
/** In the middle of an area: it becomes three entries. */
const cut = (area: number): number => store(area * AREA + 1, area * AREA + 2)
const whole = (first: number, count: number, entry = X): number => store(first * AREA, (first + count) * AREA, entry)
function objects(): number {
  const cache = cache_by_name(k, 'maple_node')
  let nr = 0
  for (let slab = 1; slab < k.slab.meta.high; slab++) if (k.slab.cache[slab] === cache) nr += k.slab.inuse[slab]!
  return nr
}
function reachable(node = k.mm.maple[MM]!): number {
  if (node === 0) return 0
  let nr = 1
  if (k.maple.leaf[node] === 0)
    for (let i = 0; i < k.maple.count[node]!; i++) nr += reachable(k.maple.slot[node * LEAF_SLOTS + i]!)
  return nr
}

describe('a leaf that holds too much', () => {
  test('gives to the left first, all but a slot', () => {
    tree(10, 16, 10, 8)
    cut(12)
    expect(leaves()).toEqual([15, 13, 10, 9])
  })
  test('gives to the right when the left is full', () => {
    tree(16, 16, 10, 8)
    cut(20)
    expect(leaves()).toEqual([16, 13, 15, 9])
  })
  test('is split where both are full', () => {
    tree(16, 16, 16, 8)
    cut(20)
    expect(leaves()).toEqual([16, 9, 9, 16, 9])
  })
})

describe('a leaf that holds too little', () => {
  test('is one of six entries: it joins the one to the right', () => {
    tree(8, 7, 8, 8)
    whole(10, 2)
    expect(leaves()).toEqual([8, 14, 9])
  })
  test('is none of seven', () => {
    tree(8, 8, 8, 8)
    whole(10, 2)
    expect(leaves()).toEqual([8, 7, 8, 9])
  })
  test('takes of its neighbour what both hold, when that is more than one can', () => {
    tree(8, 7, 16, 8)
    whole(10, 2)
    // 6 + 16 of them: half and half.
    expect(leaves()).toEqual([8, 11, 11, 9])
  })
  test('under a node that then has four children takes those of the next one, too', () => {
    // Two nodes above the leaves: the first comes to hold less than five.
    tree(...Array.from({ length: 9 }, () => 16), 8)
    for (let i = 0; i < 3; i++) cut(5 + 16 * i)
    expect(mm_depth(k, MM)).toBe(3)
    const top = k.mm.maple[MM]!
    const [first, second] = [0, 1].map((i) => k.maple.slot[top * LEAF_SLOTS + i]!)
    const [mine, all] = [k.maple.count[first!]!, k.maple.count[first!]! + k.maple.count[second!]!]
    // All but four of its leaves go with one store.
    const pages = [0, mine - 4].map((i) => node_max(k, k.maple.slot[first! * LEAF_SLOTS + i]!))
    store(1, pages[1]! - 5)
    expect(reachable()).toBe(k.maple.meta.nr_live - live)
    expect(leaves().length).toBeLessThan(all)
    expect(least_children()).toBeGreaterThan(4)
  })
})
/** The fewest children of a node that is not the root. */
function least_children(node = k.mm.maple[MM]!, isRoot = true): number {
  if (k.maple.leaf[node] === 1) return Infinity
  const children = Array.from({ length: k.maple.count[node]! }, (_, i) => k.maple.slot[node * LEAF_SLOTS + i]!)
  return Math.min(isRoot ? Infinity : children.length, ...children.map((child) => least_children(child, false)))
}

describe('a store over more than one leaf', () => {
  test('of two full ones makes three', () => {
    tree(16, 16, 8)
    // From the middle of the last area of the first to the middle of the first of the second: 33 entries.
    store(15 * AREA + 2, 16 * AREA + 2)
    expect(leaves()).toEqual([11, 10, 12, 9])
  })
  test('is one of a gap up to the end of a leaf: none ends with a gap but the last', () => {
    tree(8, 8, 8)
    whole(7, 1, 0)
    // Seven, the gap, and the eight of the next leaf.
    expect(leaves()).toEqual([16, 9])
    expect(last_of_leaves().slice(0, -1)).not.toContain(0)
  })
  test('that leaves one leaf leaves one level, and no node is lost', () => {
    tree(...Array.from({ length: 9 }, () => 16), 8)
    cut(5)
    cut(40)
    expect(mm_depth(k, MM)).toBe(3)
    whole(2, 147, 0)
    expect([mm_depth(k, MM), leaves().length]).toEqual([1, 1])
    expect(k.maple.meta.nr_live - live).toBe(1)
  })
})

describe('slab objects', () => {
  // Of a machine that has grace periods.
  beforeEach(() => {
    k = boot(bareConfig({ shell: true }))
  })
  test('of a leaf that is written anew: another, and the old one until nobody can look at it', () => {
    tree(8, 8)
    expect(cut(3)).toBe(1)
  })
  test('of leaves that are joined: both old ones stay as long, and so does the node above', () => {
    tree(8, 7, 8, 8)
    expect(whole(10, 2)).toBe(2)
  })
  test('are none when only a bound moves', () => {
    tree(8, 8)
    // An area takes a page of the next.
    expect(store(3 * AREA, 4 * AREA + 1, 4)).toBe(0)
    expect(leaves()).toEqual([8, 9])
  })
  test('are taken for the worst before a store, and given back after it', () => {
    tree(8, 8)
    const alloc = mas_preallocate(k, MM)
    expect(alloc).toHaveLength(1 + 2 * 3)
    const before = objects()
    mas_store_prealloc(k, MM, 3 * AREA * 4096, (4 * AREA + 1) * 4096, 4, alloc)
    expect(objects()).toBe(before - 7)
    // 201 entries in leaves of 14, a node for each eight of those, and three.
    expect(mas_expected_entries(k, 100)).toHaveLength(15 + 2 + 3)
  })
})

test('a fork cuts so that the left leaf stays as full as can be', () => {
  const alloc = mas_expected_entries(k, 40)
  const add = (n: number): void => mas_store_bulk(k, MM, n * AREA * 4096, (n + 1) * AREA * 4096, n, alloc)
  for (let n = 1; n <= 15; n++) add(n)
  // The gap before, fifteen areas, the gap behind.
  expect(leaves()).toEqual([11, 6])
  for (let n = 16; n <= 26; n++) add(n)
  expect(leaves()).toEqual([15, 13])
  mas_destroy_bulk(k, MM, alloc)
  expect([leaves(), alloc.length]).toEqual([[15, 13], 0])
})
