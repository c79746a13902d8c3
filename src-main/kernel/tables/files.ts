/** Columns of the tables. Files, their names and their indexes. */
import type { TableSpec } from '../lib/arena'

export const INODE = {
  /** FS_… of mm/filemap.ts: ext4, tmpfs, anonymous shmem, block device, sysfs/proc. */
  fs: 'u8',
  ino: 'f64',
  i_size: 'f64',
  nlink: 'i32',
  /** Open files and mappings that hold it, and 1 while in the inode cache. */
  refcount: 'i32',
  name: 'i32',
  parent: 'i32',
  xa_root: 'i32',
  xa_height: 'u8',
  nrpages: 'i32',
  nrexceptional: 'i32',
  nr_dirty: 'i32',
  nr_writeback: 'i32',
  dirtied_when: 'f64',
  writeback_index: 'f64',
  i_mmap: 'i32',
  /** First block on its device, in pages; -1 for holes (tmpfs). */
  start_block: 'f64',
  /** On a list of `wb`: which one, and the links. */
  wb_list: 'u8',
  io_next: 'i32',
  io_prev: 'i32',
  lru_next: 'i32',
  lru_prev: 'i32',
  flags: 'i32',
  shm_swapped: 'i32',
  /** Pages of such a file that are charged: cached, in swap, or dropped by reclaim and not yet missed. */
  shm_alloced: 'i32',
  /** Its name in the directory tree (row of `dentry`); 0 for files without one. */
  dentry: 'i32',
  obj: ['i32', 2],
} as const satisfies TableSpec

export const DENTRY = {
  inode: 'i32',
  parent: 'i32',
  name: 'i32',
  hash_next: 'i32',
  lru_next: 'i32',
  lru_prev: 'i32',
  flags: 'i32',
  refcount: 'i32',
  obj: 'i32',
} as const satisfies TableSpec

export const FILE = {
  inode: 'i32',
  refcount: 'i32',
  flags: 'i32',
  pos: 'f64',
  ra_start: 'f64',
  ra_size: 'i32',
  ra_async_size: 'i32',
  ra_pages: 'i32',
  mmap_miss: 'i32',
  prev_pos: 'f64',
  obj: 'i32',
} as const satisfies TableSpec

/** XArray nodes: 64 slots; a slot holds 0, pfn (>0), or a shadow or swap value (<0). */
export const XA = {
  slot: ['i32', 64],
  parent: 'i32',
  offset: 'u8',
  shift: 'u8',
  count: 'u8',
  nr_values: 'u8',
  inode: 'i32',
  lru_next: 'i32',
  lru_prev: 'i32',
  obj: 'i32',
  dirty: ['i32', 2],
  writeback: ['i32', 2],
} as const satisfies TableSpec
