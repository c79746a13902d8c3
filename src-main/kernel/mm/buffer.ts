/**
 * Buffer heads: one for each block of a page. A written page of an ext4 file has them while it is cached; so have the
 * pages of the disk's metadata, which are the Buffers of /proc/meminfo.
 *
 * Linux: fs/buffer.c. Simplified: metadata is read page by page, its writes are not modelled.
 */
import {
  __GFP_ACCOUNT,
  __GFP_MOVABLE,
  __GFP_RECLAIMABLE,
  GFP_NOFS,
  GFP_USER,
  PG_dirty,
  PG_locked,
  PG_private,
  PG_uptodate,
  PG_writeback,
  type Kernel,
} from '../kernel'
import { assert } from '@shared/assert'
import { READ } from '../block/device'
import { row_alloc, row_free } from '../lib/arena'
import { xa_load } from '../lib/xarray'
import { filemap_add_folio } from './filemap'
import { FS_BDEV, fs_vars, new_inode } from './inode'
import { alloc_page } from './page_alloc'
import { folio_wait_nested, submit_file_bio } from './page_io'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { mark_page_accessed, release_page } from './swap'

const PER_PAGE_MAX = 4

/**
 * Blocks of a page, by the file system's block size as mke2fs chooses it (mke2fs.conf, `small`): 1 KiB below 512 MiB,
 * as on the little disk of a lab machine, and 4 KiB above.
 */
function blocks_per_page(k: Kernel): number {
  return k.config.bare ? PER_PAGE_MAX : 1
}

/** Gives a page its buffer heads, one a block. */
export function create_buffers(k: Kernel, pfn: number, blocks = blocks_per_page(k)): boolean {
  if ((k.page.flags[pfn]! & PG_private) !== 0) return true
  const row = row_alloc(k.buffers)
  assert(row !== 0, 'create_buffers: more pages with buffers than frames')
  k.page.private[pfn] = row
  k.page.flags[pfn]! |= PG_private
  for (let i = 0; i < blocks; i++) {
    const bh = kmem_cache_alloc(k, CACHES(k).buffer_head, GFP_NOFS | __GFP_ACCOUNT | __GFP_RECLAIMABLE)
    if (bh === 0) {
      drop_buffers(k, pfn)
      return false
    }
    k.buffers.bh[row * PER_PAGE_MAX + i] = bh
  }
  return true
}
/** Frees the buffer heads of a clean page; false when the page is busy. */
export function try_to_free_buffers(k: Kernel, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & (PG_dirty | PG_writeback)) !== 0) return false
  drop_buffers(k, pfn)
  return true
}
export function drop_buffers(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & PG_private) === 0) return
  const row = k.page.private[pfn]!
  for (let at = row * PER_PAGE_MAX; at < (row + 1) * PER_PAGE_MAX; at++) {
    if (k.buffers.bh[at] !== 0) kmem_cache_free(k, CACHES(k).buffer_head, k.buffers.bh[at]!)
  }
  row_free(k.buffers, row)
  k.page.private[pfn] = 0
  k.page.flags[pfn]! &= ~PG_private
}

/** Reads a metadata block through the page cache of the disk. */
export function bread(k: Kernel, block: number): void {
  const bdev = bdev_inode(k)
  let pfn = xa_load(k, bdev, block)
  if (pfn <= 0) {
    pfn = alloc_page(k, GFP_USER | __GFP_MOVABLE)
    if (pfn === 0) return
    k.page.flags[pfn]! |= PG_locked
    if (!filemap_add_folio(k, bdev, block, pfn, GFP_USER)) {
      k.page.flags[pfn]! &= ~PG_locked
      return release_page(k, pfn)
    }
    create_buffers(k, pfn)
    submit_file_bio(k, bdev, READ, block, 1)
  }
  if ((k.page.flags[pfn]! & PG_uptodate) === 0) folio_wait_nested(k, pfn)
  mark_page_accessed(k, pfn)
}

function bdev_inode(k: Kernel): number {
  const vars = fs_vars(k)
  if (vars.bdev === 0) {
    vars.bdev = new_inode(k, FS_BDEV, '/dev/root', k.device.pages[1]! * 4096)
    k.inode.nlink[vars.bdev] = 1
    k.inode.refcount[vars.bdev] = 1
  }
  return vars.bdev
}
