/** The last steps of reclaim: writing a dirty page out, and taking a clean one out of its cache. Linux: mm/vmscan.c. */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { PG_dirty, PG_reclaim, PG_swapbacked, PG_swapcache, type Kernel } from '../kernel'
import { __filemap_remove_folio, inode_may_shrink } from './filemap'
import { swap_writepage } from './page_io'
import { clear_page_dirty_for_io, writepage } from './page_writeback'
import { shmem_writepage } from './shmem'
import { put_swap_page } from './swapfile'
import { __delete_from_swap_cache } from './swap_state'
import { workingset_eviction } from './workingset'

/** What became of the write. */
export const PAGE_KEEP = 0
export const PAGE_ACTIVATE = 1
export const PAGE_SUCCESS = 2
export const PAGE_CLEAN = 3

/** Starts the write of a dirty page: to swap, or (kswapd, in need) to its file. */
export function pageout(k: Kernel, pfn: number): number {
  const flags = k.page.flags
  if (k.page.mapping[pfn] === 0 && (flags[pfn]! & PG_swapcache) === 0) return PAGE_KEEP
  if (!clear_page_dirty_for_io(k, pfn)) return PAGE_CLEAN
  flags[pfn]! |= PG_reclaim
  if ((flags[pfn]! & PG_swapcache) !== 0) swap_writepage(k, pfn)
  else if ((flags[pfn]! & PG_swapbacked) !== 0) {
    if (!shmem_writepage(k, pfn)) {
      flags[pfn] = (flags[pfn]! & ~PG_reclaim) | PG_dirty
      return PAGE_ACTIVATE
    }
  } else writepage(k, pfn)
  k.vmstat[C.nr_vmscan_write]! += 1
  return PAGE_SUCCESS
}

/** Takes an unused clean page out of its cache, leaving a shadow. */
export function __remove_mapping(k: Kernel, pfn: number, target: number): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_dirty) !== 0) return false
  if ((flags & PG_swapcache) !== 0) {
    const slot = k.page.private[pfn]!
    const shadow = workingset_eviction(k, pfn, target)
    __delete_from_swap_cache(k, pfn, shadow)
    put_swap_page(k, slot)
    return true
  }
  const inode = k.page.mapping[pfn]!
  assert(inode !== 0, '__remove_mapping: no file')
  // A hole of tmpfs that was only read is dropped without a trace.
  __filemap_remove_folio(k, pfn, (flags & PG_swapbacked) !== 0 ? 0 : workingset_eviction(k, pfn, target))
  inode_may_shrink(k, inode)
  return true
}
