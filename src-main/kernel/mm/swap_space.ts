/**
 * Indexes of the swap cache: an xarray for every 64 MiB of an area, by the offset in the area. A node exists as long as
 * one of its 64 slots has a page in the cache or the shadow of one that was evicted; nobody is charged for it.
 *
 * Linux: mm/swap_state.c (init_swap_address_space, add_to_swap_cache, __delete_from_swap_cache,
 * clear_shadow_from_swap_cache). The entry of a slot is kept in `swap.cache` too, where it is found at once; an index is
 * a row of `inode` without objects.
 */
import { assert } from '@shared/assert'
import type { Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { xa_load, xa_store } from '../lib/xarray'
import { FS_SWAP } from './inode'
import { SWAP_CACHE_NODES } from './workingset'

/** SWAP_ADDRESS_SPACE_SHIFT: slots of an index. */
const SPACE_SHIFT = 14

/** Row of `swap_space`: each area has as many as the largest could need. */
function space_row(k: Kernel, area: number, offset: number): number {
  const per_area = Math.floor(k.swap_space.meta.capacity / k.swap_info.meta.capacity)
  return area * per_area + (offset >> SPACE_SHIFT)
}
function last_row(k: Kernel, area: number): number {
  return space_row(k, area, k.swap_info.pages[area]!)
}

export function init_swap_address_space(k: Kernel, area: number): void {
  for (let row = space_row(k, area, 0); row <= last_row(k, area); row++) {
    const inode = row_alloc(k.inode)
    assert(inode !== 0, 'init_swap_address_space: the table is full')
    k.inode.fs[inode] = FS_SWAP
    k.inode.start_block[inode] = k.swap_info.start[area]!
    k.swap_space.inode[row] = inode
    if (row >= k.swap_space.meta.high) k.swap_space.meta.high = row + 1
  }
}
/** swapoff: the indexes are empty by now. */
export function exit_swap_address_space(k: Kernel, area: number): void {
  for (let row = space_row(k, area, 0); row <= last_row(k, area); row++) {
    const inode = k.swap_space.inode[row]!
    assert(k.inode.xa_root[inode] === 0, 'exit_swap_address_space: not empty')
    row_free(k.inode, inode)
    k.swap_space.inode[row] = 0
  }
}

/** Stores a page or a shadow (below 0) for a slot of an area, or nothing (0). False when a node could not be had. */
export function swap_cache_store(k: Kernel, area: number, slot: number, entry: number): boolean {
  const offset = slot - k.swap_info.start[area]!
  const inode = k.swap_space.inode[space_row(k, area, offset)]!
  if (!xa_store(k, inode, offset, entry, SWAP_CACHE_NODES)) return false
  k.swap.cache[slot] = entry
  return true
}

/** What the index says of a slot: for verify. */
export function swap_cache_entry(k: Kernel, area: number, slot: number): number {
  const offset = slot - k.swap_info.start[area]!
  return xa_load(k, k.swap_space.inode[space_row(k, area, offset)]!, offset)
}
