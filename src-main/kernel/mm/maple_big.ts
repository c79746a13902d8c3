/**
 * The entries of one or two nodes of a maple tree laid out in a row, to be cut into nodes anew.
 *
 * Linux: lib/maple_tree.c (struct maple_big_node, mas_mab_cp, mab_mas_cp, mab_calc_split, mab_no_null_split,
 * mab_middle_node).
 */
import type { Kernel } from '../kernel'
import { LEAF_SLOTS, node_min_slots, node_slots } from './maple_nodes'

export interface BigNode {
  readonly leaf: boolean
  readonly pivot: number[]
  readonly slot: number[]
}

export function big_node(leaf: boolean): BigNode {
  return { leaf, pivot: [], slot: [] }
}
export function big_push(b: BigNode, slot: number, pivot: number): void {
  b.slot.push(slot)
  b.pivot.push(pivot)
}
/** Appends the entries [from, to) of a node. */
export function big_copy(k: Kernel, b: BigNode, node: number, from: number, to: number): void {
  const first = node * LEAF_SLOTS
  for (let i = from; i < to; i++) big_push(b, k.maple.slot[first + i]!, k.maple.pivot[first + i]!)
}
export function big_append(k: Kernel, b: BigNode, node: number): void {
  big_copy(k, b, node, 0, k.maple.count[node]!)
}
/** The same with the entries of another node in front. */
export function big_prepend(k: Kernel, b: BigNode, node: number): BigNode {
  const joined = big_node(b.leaf)
  big_append(k, joined, node)
  for (let i = 0; i < b.slot.length; i++) big_push(joined, b.slot[i]!, b.pivot[i]!)
  return joined
}

/** Makes the entries [from, to) those of a node, and the node the parent of those that are nodes. */
export function big_write(k: Kernel, b: BigNode, from: number, to: number, node: number): void {
  const { pivot, slot, parent, count } = k.maple
  const first = node * LEAF_SLOTS
  for (let i = 0; i < LEAF_SLOTS; i++) {
    const used = from + i < to
    pivot[first + i] = used ? b.pivot[from + i]! : 0
    slot[first + i] = used ? b.slot[from + i]! : 0
    if (used && !b.leaf) parent[b.slot[from + i]!] = node
  }
  count[node] = to - from
}

/** Entries that go into the first of two nodes, and of three those of the first two. */
export interface Cut {
  left: number
  middle: number
}

/** mab_calc_split: where entries for which one node is too small are cut. A bulk load keeps the left side full. */
export function calc_split(b: BigNode, bulk: boolean): Cut {
  const b_end = b.slot.length - 1
  const slots = node_slots(b.leaf)
  if (bulk) {
    const split = b_end - node_min_slots(b.leaf)
    return { left: (b.slot[split] === 0 ? split - 1 : split) + 1, middle: 0 }
  }
  const half = b_end >> 1
  const three = b_end >= 2 * slots || (b.slot[half] === 0 && b_end >= 2 * slots - 1)
  const split = three ? Math.floor(b_end / 3) : half
  const left = no_null_split(b, split, b_end) + 1
  return { left, middle: three ? no_null_split(b, split * 2, b_end) + 1 : 0 }
}

/** mab_no_null_split: no node ends with a gap, so that gaps stay together. */
export function no_null_split(b: BigNode, split: number, b_end: number): number {
  if (b.slot[split] !== 0) return split
  return split < node_slots(b.leaf) - 1 && b_end - split > node_min_slots(b.leaf) ? split + 1 : split - 1
}
