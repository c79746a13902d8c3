/**
 * Taking pages out of files: truncation, which drops everything, and invalidation, which drops what nobody needs.
 *
 * Linux: mm/truncate.c. Simplified: whole pages; writes under way are waited for.
 */
import { PAGE_SIZE, PG_dirty, PG_locked, PG_writeback, type Kernel } from '../kernel'
import { xa_find, xa_load, xa_store } from '../lib/xarray'
import { buffer_busy } from './buffer'
import { delete_from_page_cache, nodes_of } from './filemap'
import { is_shmem } from './inode'
import { blk_poll, folio_wait_nested } from './page_io'
import { cancel_dirty_page } from './page_writeback'
import { cond_resched_rcu } from './preempt'
import { shmem_free_swap } from './shmem'
import { shmem_recalc_inode } from './shmem_acct'
import { deactivate_file_folio, is_isolated } from './swap'
import { unmap_mapping_pages } from './zap'

const MAX_INDEX = 2 ** 31 - 1

/** Drops every page (and shadow, and swap slot of tmpfs) from page `from` on, dirty or not. */
export function truncate_inode_pages(k: Kernel, inode: number, from: number): void {
  if (k.inode.i_mmap[inode] !== 0) unmap_mapping_pages(k, inode, from, MAX_INDEX, true)
  truncate_range(k, inode, from, MAX_INDEX)
}

/** fallocate(FALLOC_FL_PUNCH_HOLE) of pages `from` … `to`; what private mappings have written stays theirs. */
export function punch_hole(k: Kernel, inode: number, from: number, to: number): void {
  if (k.inode.i_mmap[inode] !== 0) unmap_mapping_pages(k, inode, from, to, false)
  truncate_range(k, inode, from, to)
}

function truncate_range(k: Kernel, inode: number, from: number, to: number): void {
  for (let index = xa_find(k, inode, from, to); index >= 0; index = xa_find(k, inode, index + 1, to)) {
    const entry = xa_load(k, inode, index)
    if (entry < 0) {
      if (is_shmem(k, inode)) shmem_free_swap(k, inode, index, -entry)
      else {
        k.inode.nrexceptional[inode]!--
        xa_store(k, inode, index, 0, nodes_of(k, inode))
      }
      continue
    }
    if ((k.page.flags[entry]! & (PG_writeback | PG_locked)) !== 0) folio_wait_nested(k, entry)
    cancel_dirty_page(k, entry)
    delete_from_page_cache(k, entry)
    if ((index & 15) === 15) cond_resched_rcu(k)
  }
  if (is_shmem(k, inode)) shmem_recalc_inode(k, inode)
}

/** Changes the size of a file; what lies beyond goes. */
export function truncate_setsize(k: Kernel, inode: number, size: number): void {
  const old = k.inode.i_size[inode]!
  k.inode.i_size[inode] = size
  if (size < old) truncate_inode_pages(k, inode, Math.ceil(size / PAGE_SIZE))
}

/** Drops the clean, unmapped, unlocked pages; others are moved to where reclaim finds them soon. How many went. */
export function invalidate_mapping_pages(k: Kernel, inode: number, first = 0, last = MAX_INDEX): number {
  let dropped = 0
  for (let index = xa_find(k, inode, first, last); index >= 0; index = xa_find(k, inode, index + 1, last)) {
    // Writes that end while pages before are dropped.
    if (k.inode.nr_writeback[inode]! > 0) blk_poll(k)
    const pfn = xa_load(k, inode, index)
    if (pfn < 0) {
      if (!is_shmem(k, inode)) {
        k.inode.nrexceptional[inode]!--
        xa_store(k, inode, index, 0, nodes_of(k, inode))
      }
      continue
    }
    const flags = k.page.flags[pfn]!
    if ((flags & PG_locked) !== 0) continue
    const held = k.page.mapcount[pfn] !== 0 || is_isolated(k, pfn) || buffer_busy(k, pfn)
    if ((flags & (PG_dirty | PG_writeback)) !== 0 || held) {
      deactivate_file_folio(k, pfn)
      continue
    }
    delete_from_page_cache(k, pfn)
    dropped++
    if ((index & 15) === 15) cond_resched_rcu(k)
  }
  return dropped
}
