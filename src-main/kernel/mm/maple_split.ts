/**
 * A node of a maple tree that holds too much: its surplus goes to a sibling that has room, else it becomes two. Both ways
 * its parent is written too, and may be split in its turn.
 *
 * Linux: lib/maple_tree.c (mas_split, mas_push_data, mast_split_data, mast_fill_bnode, mas_split_final_node,
 * mas_destroy_rebalance).
 */
import type { Kernel } from '../kernel'
import {
  big_append,
  big_copy,
  big_node,
  type BigNode,
  big_prepend,
  big_push,
  big_write,
  calc_split,
  no_null_split,
} from './maple_big'
import {
  LAST_PAGE,
  LEAF_SLOTS,
  type MapleWrite,
  node_max,
  node_new,
  node_renew,
  node_slots,
  parent_slot,
  sibling,
} from './maple_nodes'

/** Puts the entries in the place of a node of fewer. */
export function mas_split(k: Kernel, w: MapleWrite, node: number, b: BigNode): void {
  for (;;) {
    if (b.slot.length <= node_slots(b.leaf)) {
      node_renew(k, w, node)
      big_write(k, b, 0, b.slot.length, node)
      return
    }
    if (push_data(k, w, node, b, -1) || push_data(k, w, node, b, 1)) return
    const right = node_new(k, w, b.leaf)
    const max = node_max(k, node)
    const { left } = calc_split(b, w.bulk)
    node_renew(k, w, node)
    big_write(k, b, 0, left, node)
    big_write(k, b, left, b.slot.length, right)
    const parent = k.maple.parent[node]!
    b = big_node(false)
    if (parent === 0) return new_root(k, w, b, node, right)
    const at = parent_slot(k, node)
    big_copy(k, b, parent, 0, at)
    big_push(b, node, node_max(k, node))
    big_push(b, right, max)
    big_copy(k, b, parent, at + 1, k.maple.count[parent]!)
    node = parent
  }
}

function new_root(k: Kernel, w: MapleWrite, b: BigNode, left: number, right: number): void {
  const root = node_new(k, w, false)
  big_push(b, left, node_max(k, left))
  big_push(b, right, node_max(k, right))
  big_write(k, b, 0, 2, root)
  k.mm.maple[w.mm] = root
}

/** Fills the sibling to the left (-1) or right (1) but for one slot if both together have room. */
function push_data(k: Kernel, w: MapleWrite, node: number, b: BigNode, step: number): boolean {
  const other = sibling(k, node, step)
  if (other === 0) return false
  const slots = node_slots(b.leaf)
  const total = b.slot.length - 1 + k.maple.count[other]! - 1
  const space = 2 * slots - 2 - (b.leaf ? 1 : 0) - (node_max(k, node) === LAST_PAGE ? 1 : 0)
  if (total >= space) return false
  const left = step < 0 ? other : node
  const right = step < 0 ? node : other
  let both = b
  if (step < 0) both = big_prepend(k, b, other)
  else big_append(k, b, other)
  const split = step < 0 ? slots - 2 : total - (slots - 2)
  const cut = no_null_split(both, split, step < 0 ? total + 1 : total + 2) + 1
  node_renew(k, w, left)
  node_renew(k, w, right)
  big_write(k, both, 0, cut, left)
  big_write(k, both, cut, both.slot.length, right)
  const parent = k.maple.parent[node]!
  node_renew(k, w, parent)
  k.maple.pivot[parent * LEAF_SLOTS + parent_slot(k, left)] = node_max(k, left)
  return true
}

/** After a bulk load: a last leaf with next to nothing takes half of what the one before it has. */
export function mas_destroy_rebalance(k: Kernel, root: number): void {
  const { leaf, slot, pivot, count } = k.maple
  if (root === 0 || leaf[root] === 1) return
  let last = root
  while (leaf[last] === 0) last = slot[last * LEAF_SLOTS + count[last]! - 1]!
  const left = sibling(k, last, -1)
  if (left === 0 || count[last]! >= node_slots(true) / 2 - 3) return
  const b = big_node(true)
  big_append(k, b, left)
  big_append(k, b, last)
  let split = node_slots(true) / 2
  if (b.slot[split] === 0) split++
  big_write(k, b, 0, split + 1, left)
  big_write(k, b, split + 1, b.slot.length, last)
  const parent = k.maple.parent[last]!
  pivot[parent * LEAF_SLOTS + parent_slot(k, left)] = node_max(k, left)
}
