/**
 * The index of a file's pages (lib/xarray.c): a radix tree of 64-way nodes per inode. A slot holds 0, a pfn (> 0) or a
 * value (< 0: a shadow of an evicted page, or a swap slot of tmpfs). An entry alone at index 0 sits in the inode itself.
 *
 *   height 0: xa_root is the entry of index 0        height h: xa_root is a node of shift 6(h-1)
 *
 * Marks (dirty, writeback) are bits per slot; a set bit in a node means that some entry below has the mark.
 * Kept: node counts, growing and shrinking, marks. Simplified: no multi-index entries, no retry entries.
 */
import { assert } from '@shared/assert'
import type { Kernel } from '../kernel'

const CHUNK_SHIFT = 6
const CHUNK_SIZE = 64

export type XaMark = 'dirty' | 'writeback'
/** Marks of an entry without a node live in inode.flags. */
const ROOT_MARK = { dirty: 1 << 30, writeback: 1 << 29 } as const

/** Where nodes come from: page cache nodes are slab objects (mm/workingset.ts). `alloc` gives 0 when memory is out. */
export interface NodeOps {
  alloc(k: Kernel, inode: number): number
  free(k: Kernel, node: number): void
  /** The number of entries or values of a leaf node changed. */
  update(k: Kernel, node: number): void
}

/** The entry at `index`, or 0. */
export function xa_load(k: Kernel, inode: number, index: number): number {
  const height = k.inode.xa_height[inode]!
  let entry = k.inode.xa_root[inode]!
  if (height === 0) return index === 0 ? entry : 0
  if (index > max_index(height)) return 0
  const slot = k.xa.slot
  for (let shift = CHUNK_SHIFT * (height - 1); shift >= 0 && entry !== 0; shift -= CHUNK_SHIFT)
    entry = slot[entry * CHUNK_SIZE + ((index >>> shift) & 63)]!
  return entry
}

/** The leaf node that holds `index`, 0 when there is none. */
export function xa_leaf(k: Kernel, inode: number, index: number): number {
  const height = k.inode.xa_height[inode]!
  if (height === 0 || index > max_index(height)) return 0
  let node = k.inode.xa_root[inode]!
  for (let shift = CHUNK_SHIFT * (height - 1); shift > 0 && node !== 0; shift -= CHUNK_SHIFT)
    node = k.xa.slot[node * CHUNK_SIZE + ((index >>> shift) & 63)]!
  return node
}

/** Stores an entry; 0 erases, with its marks. False when a node was needed and could not be had. */
export function xa_store(k: Kernel, inode: number, index: number, entry: number, ops: NodeOps): boolean {
  assert(index >= 0 && index < 2 ** 31, 'xa_store: index')
  if (entry === 0) {
    erase(k, inode, index, ops)
    return true
  }
  if (!grow(k, inode, index, ops)) return false
  if (k.inode.xa_height[inode] === 0) {
    k.inode.xa_root[inode] = entry
    return true
  }
  const node = make_path(k, inode, index, ops)
  if (node === 0) return false
  const at = node * CHUNK_SIZE + (index & 63)
  const old = k.xa.slot[at]!
  k.xa.slot[at] = entry
  if (old === 0) k.xa.count[node]!++
  const values = Number(entry < 0) - Number(old < 0)
  if (values !== 0) k.xa.nr_values[node]! += values
  if (old === 0 || values !== 0) ops.update(k, node)
  return true
}

/** The first index in from … to that holds an entry (with `mark`, one that has it); -1 when there is none. */
export function xa_find(k: Kernel, inode: number, from: number, to: number, mark?: XaMark): number {
  const height = k.inode.xa_height[inode]!
  const root = k.inode.xa_root[inode]!
  if (root === 0 || from > to) return -1
  if (height === 0) return from === 0 && (mark === undefined || xa_get_mark(k, inode, 0, mark)) ? 0 : -1
  const found = find_below(k, root, CHUNK_SHIFT * (height - 1), 0, from, Math.min(to, max_index(height)), mark)
  return found <= to ? found : -1
}

/** The next gap: the first index in from … to without a page (values count as gaps); `to + 1` when all are pages. */
export function page_cache_next_miss(k: Kernel, inode: number, from: number, to: number): number {
  let index = from
  while (index <= to && xa_load(k, inode, index) > 0) index++
  return index
}

export function xa_get_mark(k: Kernel, inode: number, index: number, mark: XaMark): boolean {
  if (k.inode.xa_height[inode] === 0) return index === 0 && (k.inode.flags[inode]! & ROOT_MARK[mark]) !== 0
  const node = xa_leaf(k, inode, index)
  return node !== 0 && has_bit(k.xa[mark], node, index & 63)
}

export function xa_set_mark(k: Kernel, inode: number, index: number, mark: XaMark): void {
  if (k.inode.xa_height[inode] === 0) {
    k.inode.flags[inode]! |= ROOT_MARK[mark]
    return
  }
  let node = xa_leaf(k, inode, index)
  let offset = index & 63
  const words = k.xa[mark]
  while (node !== 0 && !has_bit(words, node, offset)) {
    words[node * 2 + (offset >> 5)]! |= 1 << (offset & 31)
    offset = k.xa.offset[node]!
    node = k.xa.parent[node]!
  }
}

export function xa_clear_mark(k: Kernel, inode: number, index: number, mark: XaMark): void {
  if (k.inode.xa_height[inode] === 0) {
    if (index === 0) k.inode.flags[inode]! &= ~ROOT_MARK[mark]
    return
  }
  clear_mark(k, xa_leaf(k, inode, index), index & 63, mark)
}

/** The number of nodes of a tree, walked: for verify. */
export function xa_count_nodes(k: Kernel, inode: number): number {
  const height = k.inode.xa_height[inode]!
  return height === 0 ? 0 : count_nodes(k, k.inode.xa_root[inode]!, height - 1)
}

function count_nodes(k: Kernel, node: number, level: number): number {
  let nr = 1
  if (level > 0)
    for (let i = 0; i < CHUNK_SIZE; i++) {
      const child = k.xa.slot[node * CHUNK_SIZE + i]!
      if (child !== 0) nr += count_nodes(k, child, level - 1)
    }
  return nr
}

function max_index(height: number): number {
  return height === 0 ? 0 : 2 ** (CHUNK_SHIFT * height) - 1
}

function has_bit(words: Int32Array, node: number, offset: number): boolean {
  return (words[node * 2 + (offset >> 5)]! & (1 << (offset & 31))) !== 0
}

function clear_mark(k: Kernel, node: number, offset: number, mark: XaMark): void {
  const words = k.xa[mark]
  while (node !== 0 && has_bit(words, node, offset)) {
    words[node * 2 + (offset >> 5)]! &= ~(1 << (offset & 31))
    if ((words[node * 2]! | words[node * 2 + 1]!) !== 0) return
    offset = k.xa.offset[node]!
    node = k.xa.parent[node]!
  }
}

function find_below(
  k: Kernel,
  node: number,
  shift: number,
  base: number,
  from: number,
  to: number,
  mark: XaMark | undefined,
): number {
  const span = 2 ** shift
  const first = from <= base ? 0 : Math.floor((from - base) / span)
  for (let i = first; i < CHUNK_SIZE; i++) {
    const at = base + i * span
    if (at > to) return -1
    const entry = k.xa.slot[node * CHUNK_SIZE + i]!
    if (entry === 0) continue
    if (mark !== undefined && !has_bit(k.xa[mark], node, i)) continue
    if (shift === 0) return at
    const found = find_below(k, entry, shift - CHUNK_SHIFT, at, from, to, mark)
    if (found >= 0) return found
  }
  return -1
}

/** xas_expand: makes the tree high enough for `index`. */
function grow(k: Kernel, inode: number, index: number, ops: NodeOps): boolean {
  const { xa_root, xa_height, flags } = k.inode
  if (xa_root[inode] === 0) {
    let height = 0
    while (index > max_index(height)) height++
    if (height === 0) return true
    const node = new_node(k, inode, 0, 0, CHUNK_SHIFT * (height - 1), ops)
    if (node === 0) return false
    xa_root[inode] = node
    xa_height[inode] = height
    return true
  }
  while (index > max_index(xa_height[inode]!)) {
    const old = xa_root[inode]!
    const height = xa_height[inode]!
    const node = new_node(k, inode, 0, 0, CHUNK_SHIFT * height, ops)
    if (node === 0) return false
    k.xa.slot[node * CHUNK_SIZE] = old
    k.xa.count[node] = 1
    if (height > 0) k.xa.parent[old] = node
    else if (old < 0) k.xa.nr_values[node] = 1
    for (const mark of ['dirty', 'writeback'] as const) {
      const marked =
        height > 0 ? (k.xa[mark][old * 2]! | k.xa[mark][old * 2 + 1]!) !== 0 : (flags[inode]! & ROOT_MARK[mark]) !== 0
      if (marked) k.xa[mark][node * 2] = 1
      if (height === 0) flags[inode]! &= ~ROOT_MARK[mark]
    }
    xa_root[inode] = node
    xa_height[inode] = height + 1
    if (height === 0) ops.update(k, node)
  }
  return true
}

/** The leaf for `index`, with every node above it. */
function make_path(k: Kernel, inode: number, index: number, ops: NodeOps): number {
  let node = k.inode.xa_root[inode]!
  for (let shift = CHUNK_SHIFT * (k.inode.xa_height[inode]! - 1); shift > 0; shift -= CHUNK_SHIFT) {
    const offset = (index >>> shift) & 63
    let child = k.xa.slot[node * CHUNK_SIZE + offset]!
    if (child === 0) {
      child = new_node(k, inode, node, offset, shift - CHUNK_SHIFT, ops)
      if (child === 0) {
        if (k.xa.count[node] === 0) delete_node(k, inode, node, ops)
        return 0
      }
      k.xa.slot[node * CHUNK_SIZE + offset] = child
      k.xa.count[node]!++
    }
    node = child
  }
  return node
}

function new_node(k: Kernel, inode: number, parent: number, offset: number, shift: number, ops: NodeOps): number {
  const node = ops.alloc(k, inode)
  if (node === 0) return 0
  k.xa.parent[node] = parent
  k.xa.offset[node] = offset
  k.xa.shift[node] = shift
  k.xa.inode[node] = inode
  return node
}

function erase(k: Kernel, inode: number, index: number, ops: NodeOps): void {
  if (k.inode.xa_height[inode] === 0) {
    if (index !== 0) return
    k.inode.xa_root[inode] = 0
    k.inode.flags[inode]! &= ~(ROOT_MARK.dirty | ROOT_MARK.writeback)
    return
  }
  const node = xa_leaf(k, inode, index)
  if (node === 0) return
  const at = node * CHUNK_SIZE + (index & 63)
  const old = k.xa.slot[at]!
  if (old === 0) return
  clear_mark(k, node, index & 63, 'dirty')
  clear_mark(k, node, index & 63, 'writeback')
  k.xa.slot[at] = 0
  k.xa.count[node]!--
  if (old < 0) k.xa.nr_values[node]!--
  ops.update(k, node)
  delete_node(k, inode, node, ops)
}

/** xas_delete_node: frees empty nodes upwards, then lowers a tree that has become too high. */
function delete_node(k: Kernel, inode: number, node: number, ops: NodeOps): void {
  while (k.xa.count[node] === 0) {
    const parent = k.xa.parent[node]!
    const offset = k.xa.offset[node]!
    ops.free(k, node)
    if (parent === 0) {
      k.inode.xa_root[inode] = 0
      k.inode.xa_height[inode] = 0
      return
    }
    k.xa.slot[parent * CHUNK_SIZE + offset] = 0
    k.xa.count[parent]!--
    node = parent
  }
  if (k.xa.parent[node] === 0) shrink(k, inode, ops)
}

function shrink(k: Kernel, inode: number, ops: NodeOps): void {
  const { xa_root, xa_height, flags } = k.inode
  while (xa_height[inode]! > 0) {
    const node = xa_root[inode]!
    const entry = k.xa.slot[node * CHUNK_SIZE]!
    if (k.xa.count[node] !== 1 || entry === 0) return
    if (xa_height[inode] === 1) {
      for (const mark of ['dirty', 'writeback'] as const)
        if (has_bit(k.xa[mark], node, 0)) flags[inode]! |= ROOT_MARK[mark]
    } else k.xa.parent[entry] = 0
    k.xa.count[node] = 0
    k.xa.nr_values[node] = 0
    ops.update(k, node)
    xa_root[inode] = entry
    xa_height[inode]!--
    ops.free(k, node)
  }
}
