/**
 * Nodes of maple trees: their rows, their slab objects, how one gets from one to the next.
 *
 * A node holds up to 16 ranges (a leaf) or 10 children (a node that also tracks gaps). Ranges have no start of their own:
 * one begins where the one before ends. Its end is kept as `pivot`, in pages; an area or 0 (a gap) is its `slot`.
 *
 * Linux: lib/maple_tree.c (mt_slots, mt_min_slots, mas_alloc_nodes, mas_pop_node, mas_destroy, mas_free,
 * mas_prev_sibling, mas_next_sibling), include/linux/maple_tree.h.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, GFP_NOWAIT, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { kmem_cache_free_rcu } from '../rcu/callbacks'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'

/** MAPLE_RANGE64_SLOTS: room in a leaf, and the words of a row. */
export const LEAF_SLOTS = 16
/** MAPLE_ARANGE64_SLOTS: room in a node above the leaves. */
const INNER_SLOTS = 10
/** The last page of 64 bits of addresses (ULONG_MAX). */
export const LAST_PAGE = 2 ** 52 - 1

/** mt_slots and mt_min_slots: how many entries a node may hold, and below which index of the last one it is too small. */
export function node_slots(leaf: boolean): number {
  return leaf ? LEAF_SLOTS : INNER_SLOTS
}
export function node_min_slots(leaf: boolean): number {
  return leaf ? LEAF_SLOTS / 2 - 2 : INNER_SLOTS / 2 - 1
}

/** Slab objects taken before a store, so that it cannot fail for want of memory (ma_state.alloc). */
export type MapleAlloc = number[]

/** One write: what is stored where (in pages, the last one included), and under which rules. */
export interface MapleWrite {
  readonly mm: number
  index: number
  last: number
  readonly entry: number
  readonly alloc: MapleAlloc
  /** Readers may walk the tree (MT_FLAGS_USE_RCU). */
  readonly in_rcu: boolean
  /** A fork fills the tree from left to right (MA_STATE_BULK). */
  readonly bulk: boolean
}

/** mas_node_count_gfp. */
export function maple_prepare(k: Kernel, count: number): MapleAlloc {
  const alloc: MapleAlloc = []
  for (let i = 0; i < count; i++) {
    const obj = kmem_cache_alloc(k, CACHES(k).maple_node, GFP_KERNEL)
    if (obj === 0) break
    alloc.push(obj)
  }
  return alloc
}

/** mas_destroy: what was prepared and not needed goes back. */
export function maple_unprepare(k: Kernel, alloc: MapleAlloc): void {
  for (const obj of alloc) kmem_cache_free(k, CACHES(k).maple_node, obj)
  alloc.length = 0
}

/** mas_pop_node: the last of what was prepared, else a new one. A node that gets no memory has no object. */
function pop_object(k: Kernel, alloc: MapleAlloc): number {
  return alloc.pop() ?? kmem_cache_alloc(k, CACHES(k).maple_node, GFP_NOWAIT)
}

export function node_new(k: Kernel, w: MapleWrite, leaf: boolean): number {
  const node = row_alloc(k.maple)
  assert(node !== 0, 'node_new: the table is full')
  k.maple.obj[node] = pop_object(k, w.alloc)
  k.maple.leaf[node] = leaf ? 1 : 0
  return node
}

/** Readers may look at the old node still: a write makes another of it. A tree without readers is written in place. */
export function node_renew(k: Kernel, w: MapleWrite, node: number): void {
  if (!w.in_rcu) return
  const old = k.maple.obj[node]!
  k.maple.obj[node] = pop_object(k, w.alloc)
  if (old !== 0) kmem_cache_free_rcu(k, old)
}

export function node_free(k: Kernel, node: number, in_rcu: boolean): void {
  const obj = k.maple.obj[node]!
  row_free(k.maple, node)
  if (obj === 0) return
  if (in_rcu) kmem_cache_free_rcu(k, obj)
  else kmem_cache_free(k, CACHES(k).maple_node, obj)
}

// ---------------------------------------------------------------- ways through the tree

/** Levels of the tree below and including the node. */
export function node_height(k: Kernel, node: number): number {
  let height = 0
  for (let n = node; n !== 0; n = k.maple.leaf[n] === 1 ? 0 : k.maple.slot[n * LEAF_SLOTS]!) height++
  return height
}

/** Place of a node among its parent's children. */
export function parent_slot(k: Kernel, node: number): number {
  const first = k.maple.parent[node]! * LEAF_SLOTS
  let i = 0
  while (k.maple.slot[first + i] !== node) i++
  return i
}

/** The node of the same parent to the left (-1) or right (1), or 0. */
export function sibling(k: Kernel, node: number, step: number): number {
  const parent = k.maple.parent[node]!
  if (parent === 0) return 0
  const at = parent_slot(k, node) + step
  return at < 0 || at >= k.maple.count[parent]! ? 0 : k.maple.slot[parent * LEAF_SLOTS + at]!
}

/** The next node of the same level to the left or right, whoever its parent is, or 0. */
export function neighbour(k: Kernel, node: number, step: number): number {
  let depth = 0
  let n = node
  let found = sibling(k, n, step)
  while (found === 0) {
    n = k.maple.parent[n]!
    if (n === 0) return 0
    depth++
    found = sibling(k, n, step)
  }
  return descend(k, found, depth, step < 0)
}

/** `depth` levels down along the last or first children. */
export function descend(k: Kernel, node: number, depth: number, last: boolean): number {
  for (; depth > 0; depth--) node = k.maple.slot[node * LEAF_SLOTS + (last ? k.maple.count[node]! - 1 : 0)]!
  return node
}

/** The end of a node's range. */
export function node_max(k: Kernel, node: number): number {
  return k.maple.pivot[node * LEAF_SLOTS + k.maple.count[node]! - 1]!
}

/** Every node of the tree below and including this one. */
export function free_subtree(k: Kernel, node: number, in_rcu: boolean): void {
  if (k.maple.leaf[node] === 0)
    for (let i = 0; i < k.maple.count[node]!; i++) free_subtree(k, k.maple.slot[node * LEAF_SLOTS + i]!, in_rcu)
  node_free(k, node, in_rcu)
}
