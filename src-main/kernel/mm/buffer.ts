/**
 * Buffer heads: one for each block of a page. A written page of an ext4 file has them while it is cached; so have the
 * pages of the disk's metadata, which are the Buffers of /proc/meminfo.
 *
 * Each CPU remembers the last sixteen that it looked up, and while it does their pages cannot go; nor can those that a
 * mounted file system holds.
 *
 * Linux: fs/buffer.c (bh_lru_install, invalidate_bh_lrus, drop_buffers). Simplified: metadata is read page by page, its
 * writes are not modelled.
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
import { all_blocks, blocks_per_page } from './file_blocks'
import { filemap_add_folio } from './filemap'
import { FS_BDEV, fs_vars, new_inode } from './inode'
import { alloc_page } from './page_alloc'
import { folio_wait_nested, submit_file_bio } from './page_io'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { mark_page_accessed, release_page } from './swap'

const PER_PAGE_MAX = 4

/** Gives a page its buffer heads, one a block. */
export function create_buffers(k: Kernel, pfn: number, blocks = blocks_per_page(k)): boolean {
  if ((k.page.flags[pfn]! & PG_private) !== 0) return true
  const row = row_alloc(k.buffers)
  assert(row !== 0, 'create_buffers: more pages with buffers than frames')
  k.page.private[pfn] = row
  k.buffers.uptodate[row] = (k.page.flags[pfn]! & PG_uptodate) !== 0 ? all_blocks(k) : 0
  k.buffers.dirty[row] = 0
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
  if ((flags & (PG_dirty | PG_writeback)) !== 0 || buffer_busy(k, pfn)) return false
  drop_buffers(k, pfn)
  return true
}
export function drop_buffers(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & PG_private) === 0) return
  const row = k.page.private[pfn]!
  if (k.buffers.count[row] !== 0) forget(k, row)
  for (let at = row * PER_PAGE_MAX; at < (row + 1) * PER_PAGE_MAX; at++) {
    if (k.buffers.bh[at] !== 0) kmem_cache_free(k, CACHES(k).buffer_head, k.buffers.bh[at]!)
  }
  row_free(k.buffers, row)
  k.page.private[pfn] = 0
  k.page.flags[pfn]! &= ~PG_private
}

// ---------------------------------------------------------------- who holds them

/** BH_LRU_SIZE. */
const BH_LRU_SIZE = 16

/** Buffer heads that each CPU looked up last, the latest first. Plain data in var.mod. */
function bh_lrus(k: Kernel): number[][] {
  return (k.var.mod['bh_lrus'] ??= Array.from({ length: k.config.cpus }, () => [])) as number[][]
}
function row_of(bh: number): number {
  return Math.floor(bh / PER_PAGE_MAX)
}
export function buffer_busy(k: Kernel, pfn: number): boolean {
  return (k.page.flags[pfn]! & PG_private) !== 0 && k.buffers.count[k.page.private[pfn]!] !== 0
}

function bh_lru_install(k: Kernel, bh: number): void {
  const lru = bh_lrus(k)[k.var.cpu]!
  const at = lru.indexOf(bh)
  if (at >= 0) lru.splice(at, 1)
  else k.buffers.count[row_of(bh)]!++
  lru.unshift(bh)
  if (lru.length > BH_LRU_SIZE) k.buffers.count[row_of(lru.pop()!)]!--
}
/** Of all CPUs; what a file system holds stays held. */
export function invalidate_bh_lrus(k: Kernel): void {
  for (const lru of bh_lrus(k)) for (const bh of lru.splice(0)) k.buffers.count[row_of(bh)]!--
}
/** The page leaves its file. */
function forget(k: Kernel, row: number): void {
  const lrus = bh_lrus(k)
  for (let cpu = 0; cpu < lrus.length; cpu++) lrus[cpu] = lrus[cpu]!.filter((bh) => row_of(bh) !== row)
  k.buffers.count[row] = 0
}

/** How many of the references to a page's buffer heads are those of the CPUs: for verify. */
export function bh_lru_count(k: Kernel): number {
  return bh_lrus(k).reduce((sum, lru) => sum + lru.length, 0)
}

// ---------------------------------------------------------------- metadata

/** Reads a page of metadata through the page cache of the disk; who looks for it is after the block `part` of it. */
export function bread(k: Kernel, index: number, part = 0): void {
  const { pfn, fresh } = getblk(k, index, GFP_USER | __GFP_MOVABLE)
  if (pfn === 0) return
  if (fresh) submit_file_bio(k, bdev_inode(k), READ, index, 1)
  if ((k.page.flags[pfn]! & PG_uptodate) === 0) folio_wait_nested(k, pfn)
  touch(k, pfn, fresh, part)
}

/** The same where nobody waits for the disk. Simplified: it is there at once. */
export function bread_ahead(k: Kernel, index: number, part = 0, gfp = GFP_USER | __GFP_MOVABLE): number {
  const { pfn, fresh } = getblk(k, index, gfp)
  if (pfn === 0) return 0
  if (fresh) k.page.flags[pfn] = (k.page.flags[pfn]! | PG_uptodate) & ~PG_locked
  touch(k, pfn, fresh, part)
  return pfn
}

/** A file system keeps this block for as long as it is mounted. */
export function get_bh(k: Kernel, pfn: number): void {
  k.buffers.count[k.page.private[pfn]!]!++
}

/** Who finds a block marks its page accessed; a new page is so from the start, and found right after. */
function touch(k: Kernel, pfn: number, fresh: boolean, part: number): void {
  if (fresh) mark_page_accessed(k, pfn)
  mark_page_accessed(k, pfn)
  if ((k.page.flags[pfn]! & PG_private) === 0) return
  bh_lru_install(k, k.page.private[pfn]! * PER_PAGE_MAX + (part % blocks_per_page(k)))
}

/** grow_buffers: the page of a block, locked and to be read where it is new; 0 without memory. */
function getblk(k: Kernel, index: number, gfp: number): { pfn: number; fresh: boolean } {
  const bdev = bdev_inode(k)
  const cached = xa_load(k, bdev, index)
  if (cached > 0) return { pfn: cached, fresh: false }
  const pfn = alloc_page(k, gfp)
  if (pfn === 0) return { pfn, fresh: false }
  k.page.flags[pfn]! |= PG_locked
  if (!filemap_add_folio(k, bdev, index, pfn, GFP_USER)) {
    k.page.flags[pfn]! &= ~PG_locked
    release_page(k, pfn)
    return { pfn: 0, fresh: false }
  }
  create_buffers(k, pfn)
  return { pfn, fresh: true }
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
