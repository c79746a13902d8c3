/**
 * The first page of a swap device: swapon reads it through the device's page cache, and the open device keeps it there, as
 * a page of Buffers that reclaim may take, until swapoff.
 *
 * Linux: mm/swapfile.c (swapon: read_mapping_page, claim_swapfile: set_blocksize; swapoff). Simplified: it is there at once.
 */
import { GFP_USER, PG_uptodate, string_id, __GFP_MOVABLE, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { create_buffers } from './buffer'
import { filemap_add_folio } from './filemap'
import { FS_BDEV, inode_read, iput } from './inode'
import { alloc_page } from './page_alloc'
import { mark_page_accessed, release_page } from './swap'

/** Opens the device of an area and looks at its header; the device's inode, 0 without memory. */
export function read_swap_header(k: Kernel, name: string, bytes: number): number {
  const bdev = row_alloc(k.inode)
  if (bdev === 0) return 0
  k.inode.fs[bdev] = FS_BDEV
  k.inode.name[bdev] = string_id(k, name)
  k.inode.i_size[bdev] = bytes
  k.inode.refcount[bdev] = 1
  if (!inode_read(k, bdev)) {
    row_free(k.inode, bdev)
    return 0
  }
  const pfn = alloc_page(k, GFP_USER | __GFP_MOVABLE)
  if (pfn === 0) return bdev
  if (!filemap_add_folio(k, bdev, 0, pfn, GFP_USER)) release_page(k, pfn)
  else {
    k.page.flags[pfn]! |= PG_uptodate
    create_buffers(k, pfn, 1)
    mark_page_accessed(k, pfn)
  }
  return bdev
}

/** Closes it: nobody else has it open, so its pages go. */
export function release_swap_device(k: Kernel, bdev: number): void {
  if (bdev !== 0) iput(k, bdev)
}
