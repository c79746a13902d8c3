/**
 * A node of a maple tree that holds too little, or a write over more than one leaf: the entries of the nodes at both ends
 * are joined and cut anew, level by level up to the root, all that lies between goes, and the tree may lose a level.
 *
 * Linux: lib/maple_tree.c (mas_rebalance, mas_spanning_rebalance, mast_spanning_rebalance, mas_mab_to_node,
 * mast_combine_cp_left, mast_combine_cp_right, mast_topiary, mast_new_root).
 */
import type { Kernel } from '../kernel'
import { big_append, big_copy, big_node, type BigNode, big_prepend, big_push, big_write, calc_split } from './maple_big'
import {
  descend,
  type MapleWrite,
  neighbour,
  node_free,
  node_max,
  node_min_slots,
  node_new,
  node_slots,
  parent_slot,
  sibling,
} from './maple_nodes'

/** The nodes of one level that are replaced: the first, the last, and the entries that take their place. */
interface Level {
  left: number
  right: number
  b: BigNode
}

/** A leaf has too few entries: it is joined with its sibling to the right, else with the one to the left. */
export function mas_rebalance(k: Kernel, w: MapleWrite, node: number, b: BigNode): void {
  const level = { left: node, right: node, b }
  const next = sibling(k, node, 1)
  if (next !== 0) join_right(k, level, next)
  else join_left(k, level, sibling(k, node, -1))
  mas_spanning_rebalance(k, w, level)
}

export function mas_spanning_rebalance(k: Kernel, w: MapleWrite, level: Level): void {
  for (;;) {
    if (level.b.slot.length <= node_min_slots(level.b.leaf) && !is_whole(k, level)) join_nearest(k, level)
    const made = mab_to_nodes(k, w, level.b)
    const done = made.length === 1 && is_whole(k, level)
    const up = level_above(k, level, made)
    free_level(k, w, level)
    level = up
    if (!done) continue
    free_ancestors(k, w, level)
    k.maple.parent[made[0]!] = 0
    k.mm.maple[w.mm] = made[0]!
    return
  }
}

/** From the first to the last node of their level: what is made of them may be a root. */
function is_whole(k: Kernel, level: Level): boolean {
  return neighbour(k, level.left, -1) === 0 && neighbour(k, level.right, 1) === 0
}

function join_right(k: Kernel, level: Level, node: number): void {
  big_append(k, level.b, node)
  level.right = node
}
function join_left(k: Kernel, level: Level, node: number): void {
  level.b = big_prepend(k, level.b, node)
  level.left = node
}

/** mast_spanning_rebalance: with the nearest node of the level, under the same ancestor rather to the right. */
function join_nearest(k: Kernel, level: Level): void {
  let { left, right } = level
  for (let depth = 0; left !== 0; depth++) {
    const after = sibling(k, right, 1)
    if (after !== 0) return join_right(k, level, descend(k, after, depth, false))
    const before = sibling(k, left, -1)
    if (before !== 0) return join_left(k, level, descend(k, before, depth, true))
    left = k.maple.parent[left]!
    right = k.maple.parent[right]!
  }
}

/** One, two or (when two full ones met) three nodes of the entries. */
function mab_to_nodes(k: Kernel, w: MapleWrite, b: BigNode): number[] {
  const ends: number[] = []
  if (b.slot.length > node_slots(b.leaf)) {
    const { left, middle } = calc_split(b, w.bulk)
    ends.push(left)
    if (middle !== 0) ends.push(middle)
  }
  ends.push(b.slot.length)
  let from = 0
  return ends.map((to) => {
    const node = node_new(k, w, b.leaf)
    big_write(k, b, from, to, node)
    from = to
    return node
  })
}

/** What replaces the parents: their entries before and after, and the new nodes. */
function level_above(k: Kernel, level: Level, made: readonly number[]): Level {
  const left = k.maple.parent[level.left]!
  const right = k.maple.parent[level.right]!
  const b = big_node(false)
  if (left !== 0) big_copy(k, b, left, 0, parent_slot(k, level.left))
  for (const node of made) big_push(b, node, node_max(k, node))
  if (right !== 0) big_copy(k, b, right, parent_slot(k, level.right) + 1, k.maple.count[right]!)
  return { left, right, b }
}

/** The replaced nodes of a level, and those between them. */
function free_level(k: Kernel, w: MapleWrite, level: Level): void {
  for (let node = level.left; node !== 0;) {
    const next = node === level.right ? 0 : neighbour(k, node, 1)
    node_free(k, node, w.in_rcu)
    node = next
  }
}

/** A new root stands lower than the old one: the levels above it go. */
function free_ancestors(k: Kernel, w: MapleWrite, level: Level): void {
  while (level.left !== 0) {
    const left = k.maple.parent[level.left]!
    const right = k.maple.parent[level.right]!
    free_level(k, w, level)
    level = { left, right, b: level.b }
  }
}
