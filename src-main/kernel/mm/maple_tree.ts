/**
 * The maple tree of an address space: a B-tree of ranges, areas and the gaps between them. Areas are looked up through
 * their list; the tree decides how many nodes there are and when they are made and freed.
 *
 *   store ─ a range replaced or one bound moved ──────────> in place
 *         ├ fits into the leaf ─────────────────────────> a new leaf instead of it
 *         ├ too much ── push to a sibling, else split ──> maple_split.ts, upwards as far as needed
 *         └ too little, or over more than one leaf ─────> maple_rebalance.ts, up to the root
 *
 * Linux: lib/maple_tree.c (mas_store_prealloc, mas_wr_store_entry, mas_is_span_wr, mas_wr_extend_null, mas_wr_modify,
 * mas_wr_slot_store, mas_wr_node_store, mas_store_b_node, mas_commit_b_node, mas_wr_spanning_store, mas_preallocate,
 * mas_expected_entries, __mt_destroy), 6.1. Without: the detached tree of a munmap.
 */
import { assert } from '@shared/assert'
import type { Kernel } from '../kernel'
import { big_copy, big_node, type BigNode, big_push, big_write } from './maple_big'
import {
  free_subtree,
  LAST_PAGE,
  LEAF_SLOTS,
  maple_prepare,
  maple_unprepare,
  type MapleAlloc,
  type MapleWrite,
  node_height,
  node_max,
  node_min_slots,
  node_new,
  node_renew,
} from './maple_nodes'
import { mas_rebalance, mas_spanning_rebalance } from './maple_rebalance'
import { mas_destroy_rebalance, mas_split } from './maple_split'

/** mas_mt_height of an address space's tree. */
export function mm_depth(k: Kernel, mm: number): number {
  return node_height(k, k.mm.maple[mm]!)
}

/** mas_preallocate: as many nodes as the worst store needs. */
export function mas_preallocate(k: Kernel, mm: number): MapleAlloc {
  return maple_prepare(k, 1 + mm_depth(k, mm) * 3)
}

/** mas_expected_entries: nodes for a whole tree of so many areas. */
export function mas_expected_entries(k: Kernel, areas: number): MapleAlloc {
  const leaves = Math.ceil((areas * 2 + 1) / (LEAF_SLOTS - 2))
  return maple_prepare(k, leaves + Math.ceil(leaves / 8) + 3)
}

/** Stores an area, or 0 for a gap, over [start, end) bytes. */
export function mas_store(k: Kernel, mm: number, start: number, end: number, entry: number, alloc: MapleAlloc): void {
  store(k, { mm, index: start / 4096, last: end / 4096 - 1, entry, alloc, in_rcu: true, bulk: false })
}
export function mas_store_prealloc(
  k: Kernel,
  mm: number,
  start: number,
  end: number,
  entry: number,
  alloc: MapleAlloc,
): void {
  mas_store(k, mm, start, end, entry, alloc)
  maple_unprepare(k, alloc)
}
/** dup_mmap's: nobody reads this tree yet, and areas come in their order. */
export function mas_store_bulk(
  k: Kernel,
  mm: number,
  start: number,
  end: number,
  entry: number,
  alloc: MapleAlloc,
): void {
  store(k, { mm, index: start / 4096, last: end / 4096 - 1, entry, alloc, in_rcu: false, bulk: true })
}
/** The end of such a filling: a last leaf of next to nothing takes from the one before, and spare nodes go back. */
export function mas_destroy_bulk(k: Kernel, mm: number, alloc: MapleAlloc): void {
  mas_destroy_rebalance(k, k.mm.maple[mm]!)
  maple_unprepare(k, alloc)
}

/** __mt_destroy: the whole tree. Of an address space without users nobody reads it any more. */
export function mt_destroy(k: Kernel, mm: number): void {
  const root = k.mm.maple[mm]!
  k.mm.maple[mm] = 0
  if (root !== 0) free_subtree(k, root, false)
}

// ---------------------------------------------------------------- one store

/** Where a write found its place in a leaf. */
interface Place {
  leaf: number
  offset: number
  r_min: number
  r_max: number
  min: number
}

function store(k: Kernel, w: MapleWrite): void {
  const root = k.mm.maple[w.mm]!
  if (root === 0) {
    if (w.entry !== 0) root_expand(k, w)
    return
  }
  const place = walk(k, root, w.index)
  if (spans(k, root, w)) return spanning_store(k, w, place)
  leaf_store(k, w, place)
}

/** mas_root_expand: the first area. */
function root_expand(k: Kernel, w: MapleWrite): void {
  const root = node_new(k, w, true)
  k.mm.maple[w.mm] = root
  const b = big_node(true)
  if (w.index > 0) big_push(b, 0, w.index - 1)
  big_push(b, w.entry, w.last)
  if (w.last !== LAST_PAGE) big_push(b, 0, LAST_PAGE)
  big_write(k, b, 0, b.slot.length, root)
}

/** The range of the leaf that holds a page. */
function walk(k: Kernel, root: number, page: number): Place {
  const { pivot, slot, leaf } = k.maple
  let min = 0
  for (let node = root; ;) {
    const offset = offset_of(k, node, page)
    const at = node * LEAF_SLOTS + offset
    const r_min = offset === 0 ? min : pivot[at - 1]! + 1
    if (leaf[node] === 1) return { leaf: node, offset, r_min, r_max: pivot[at]!, min }
    min = r_min
    node = slot[at]!
  }
}
function offset_of(k: Kernel, node: number, page: number): number {
  const first = node * LEAF_SLOTS
  const pivot = k.maple.pivot
  let i = 0
  while (page > pivot[first + i]!) i++
  return i
}

/** mas_is_span_wr, at every level: the write ends beyond one node, or would let it end with a gap. */
function spans(k: Kernel, root: number, w: MapleWrite): boolean {
  const { pivot, slot, leaf, count } = k.maple
  for (let node = root; ;) {
    const first = node * LEAF_SLOTS
    const i = offset_of(k, node, w.index)
    const r_max = pivot[first + i]!
    if (leaf[node] === 1) {
      const max = pivot[first + count[node]! - 1]!
      if (r_max > w.last || w.last < max) return false
      return !(w.last === max && (w.entry !== 0 || w.last === LAST_PAGE))
    }
    if (r_max < w.last) return true
    if (r_max === w.last && w.entry === 0 && w.last !== LAST_PAGE) return true
    node = slot[first + i]!
  }
}

/** mas_wr_modify: the write lies within one leaf. */
function leaf_store(k: Kernel, w: MapleWrite, p: Place): void {
  const { pivot, slot, count } = k.maple
  const first = p.leaf * LEAF_SLOTS
  const node_end = count[p.leaf]! - 1
  let offset_end = p.offset
  while (w.last > pivot[first + offset_end]!) offset_end++
  if (w.entry === 0) offset_end = extend_null(k, w, p, offset_end)
  if (w.index === 0 && w.last === LAST_PAGE) return new_root(k, w)
  if (p.r_min === w.index && p.r_max === w.last) {
    slot[first + p.offset] = w.entry
    return
  }
  const node_size = node_end - offset_end + p.offset + 2 + (pivot[first + node_end] === LAST_PAGE ? 1 : 0)
  if (node_size < LEAF_SLOTS && slot_store(k, w, p)) return
  const b = big_node(true)
  big_copy(k, b, p.leaf, 0, p.offset)
  if (p.r_min < w.index) big_push(b, slot[first + p.offset]!, w.index - 1)
  big_push(b, w.entry, w.last)
  if (w.last < pivot[first + offset_end]!) big_push(b, slot[first + offset_end]!, pivot[first + offset_end]!)
  big_copy(k, b, p.leaf, offset_end + 1, node_end + 1)
  commit(k, w, p.leaf, b)
}

/** mas_wr_node_store, mas_commit_b_node: the leaf with new entries. */
function commit(k: Kernel, w: MapleWrite, leaf: number, b: BigNode): void {
  const b_end = b.slot.length - 1
  if (b_end >= LEAF_SLOTS) return mas_split(k, w, leaf, b)
  if (b_end < node_min_slots(true) && k.maple.parent[leaf] !== 0 && !w.bulk) return mas_rebalance(k, w, leaf, b)
  node_renew(k, w, leaf)
  big_write(k, b, 0, b.slot.length, leaf)
}

/** mas_wr_extend_null: gaps that touch become one. The write may grow, and its place move one to the left. */
function extend_null(k: Kernel, w: MapleWrite, p: Place, offset_end: number): number {
  const { pivot, slot } = k.maple
  const first = p.leaf * LEAF_SLOTS
  const node_end = k.maple.count[p.leaf]! - 1
  const end_piv = pivot[first + offset_end]!
  const content = slot[first + p.offset]!
  if (w.last < end_piv && slot[first + offset_end] === 0) w.last = end_piv
  if (w.last === end_piv && offset_end !== node_end && slot[first + offset_end + 1] === 0)
    w.last = pivot[first + ++offset_end]!
  if (content === 0) w.index = p.r_min
  else if (w.index === p.r_min && p.offset > 0 && slot[first + p.offset - 1] === 0) {
    p.offset--
    w.index = p.r_min = p.offset === 0 ? p.min : pivot[first + p.offset - 1]! + 1
    p.r_max = pivot[first + p.offset]!
  }
  return offset_end
}

/** mas_new_root, of a gap over everything: the tree is empty. */
function new_root(k: Kernel, w: MapleWrite): void {
  const root = k.mm.maple[w.mm]!
  k.mm.maple[w.mm] = 0
  free_subtree(k, root, w.in_rcu)
}

/** mas_wr_slot_store: only the bound between a range and the next moves. */
function slot_store(k: Kernel, w: MapleWrite, p: Place): boolean {
  const { pivot, slot } = k.maple
  const at = p.leaf * LEAF_SLOTS + p.offset
  if (p.offset === k.maple.count[p.leaf]! - 1 || p.r_max > w.last) return false
  const lmax = pivot[at + 1]!
  if (p.r_min === w.index) {
    if (lmax <= w.last) return false
    slot[at] = w.entry
    pivot[at] = w.last
    return true
  }
  if (lmax !== w.last) return false
  slot[at + 1] = w.entry
  pivot[at] = w.index - 1
  return true
}

// ---------------------------------------------------------------- over more than one leaf

/** mas_wr_spanning_store: what the first leaf has before and the last one has after it, with the entry between. */
function spanning_store(k: Kernel, w: MapleWrite, l: Place): void {
  const { pivot, slot, count } = k.maple
  const root = k.mm.maple[w.mm]!
  const r = walk(k, root, Math.min(w.last + 1, LAST_PAGE))
  if (w.entry === 0) extend_spanning_null(k, w, l, r)
  if (w.index === 0 && w.last === LAST_PAGE) return new_root(k, w)
  const b = big_node(true)
  const first = l.leaf * LEAF_SLOTS
  big_copy(k, b, l.leaf, 0, l.offset)
  const start = l.offset === 0 ? l.min : pivot[first + l.offset - 1]! + 1
  if (start < w.index) big_push(b, slot[first + l.offset]!, w.index - 1)
  big_push(b, w.entry, w.last)
  if (node_max(k, r.leaf) > w.last) big_copy(k, b, r.leaf, r.offset, count[r.leaf]!)
  mas_spanning_rebalance(k, w, { left: l.leaf, right: r.leaf, b })
}

/** mas_extend_spanning_null: gaps that touch become one. */
function extend_spanning_null(k: Kernel, w: MapleWrite, l: Place, r: Place): void {
  const { pivot, slot, count } = k.maple
  const left = l.leaf * LEAF_SLOTS
  const right = r.leaf * LEAF_SLOTS
  if (slot[left + l.offset] === 0) w.index = l.r_min
  if (w.index === l.r_min && l.offset > 0 && slot[left + l.offset - 1] === 0) {
    l.offset--
    w.index = l.offset === 0 ? l.min : pivot[left + l.offset - 1]! + 1
  }
  if (slot[right + r.offset] === 0) {
    if (w.last < r.r_max) w.last = r.r_max
    r.offset++
  } else if (w.last === r.r_max && r.offset + 1 < count[r.leaf]! && slot[right + r.offset + 1] === 0) {
    w.last = pivot[right + r.offset + 1]!
    r.offset++
  }
}

// ---------------------------------------------------------------- checks

/** Leaves hold the areas in their order and nothing else, nodes know their parents and are neither too full nor too empty. */
export function verify_maple(k: Kernel, mm: number): void {
  const { slot, pivot, count, leaf, parent } = k.maple
  const root = k.mm.maple[mm]!
  assert((root === 0) === (k.mm.vma_head[mm] === 0), 'verify_maple: a root without areas or the reverse')
  if (root === 0) return
  let vma = k.mm.vma_head[mm]!
  const visit = (node: number, min: number, level: number): number => {
    const is_leaf = leaf[node] === 1
    assert(is_leaf === (level === 1), 'verify_maple: leaves of two levels')
    assert(node === root || count[node]! > 1, 'verify_maple: a node of one entry')
    for (let i = 0; i < count[node]!; i++) {
      const at = node * LEAF_SLOTS + i
      const entry = slot[at]!
      assert(pivot[at]! >= min, 'verify_maple: order')
      if (!is_leaf) {
        assert(parent[entry] === node && node_max(k, entry) === pivot[at], 'verify_maple: a child and its parent')
        visit(entry, min, level - 1)
      } else if (entry !== 0) {
        assert(entry === vma && k.vma.vm_start[vma] === min * 4096, 'verify_maple: an area or its start')
        assert(k.vma.vm_end[vma] === (pivot[at]! + 1) * 4096, 'verify_maple: the end of an area')
        vma = k.vma.next[vma]!
      } else assert(i === 0 || slot[at - 1] !== 0, 'verify_maple: two gaps that touch')
      min = pivot[at]! + 1
    }
    return min
  }
  assert(visit(root, 0, node_height(k, root)) === LAST_PAGE + 1 && vma === 0, 'verify_maple: areas that the tree lacks')
}
