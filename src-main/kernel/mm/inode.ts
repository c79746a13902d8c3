/**
 * Inodes: a row is the file as it is on its disk or in its tmpfs; its slab objects exist while it is in memory.
 *
 *   in use (refcount > 0) ─iput─> unused, on the LRU (disk files without pages) ─prune_icache─> only on disk
 *                            └─ nlink 0: evicted, the row is free
 *
 * Linux: fs/inode.c. Simplified: one superblock for all disk files; no hard links.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { INODE_LRU, GFP_KERNEL_ACCOUNT, __GFP_RECLAIMABLE, string_id, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { row_alloc, row_free } from '../lib/arena'
import { file_resized, forget_holes } from './file_blocks'
import { list_lru_add, list_lru_del, list_lru_first } from './list_lru'
import { cond_resched_rcu } from './preempt'
import { CACHES, kmem_cache_alloc } from './slub'
import { kmem_cache_free_rcu } from '../rcu/callbacks'
import { shmem_unacct_size } from './shmem_acct'
import { invalidate_mapping_pages, truncate_inode_pages } from './truncate'
import { wb_remove } from './fs_writeback'

/** inode.fs; /proc names the device by it. */
export const FS_EXT4 = 1
export const FS_TMPFS = 2
/** Shared anonymous memory and memfd: tmpfs without a name. */
export const FS_SHMEM = 3
/** The metadata of the disk: its pages are Buffers. */
export const FS_BDEV = 4
export const FS_PROC = 5
/** An index of the swap cache (mm/swap_space.ts). */
export const FS_SWAP = 6

/** inode.flags; bits 29 and 30 are xarray marks. */
export const I_DIR = 1
export const I_LRU = 2
export const I_REFERENCED = 4
/** Shared memory whose whole size counts in Committed_AS; other tmpfs files count by page. */
export const I_ACCOUNT = 16
/** Cut to nothing since its last writer closed it (EXT4_STATE_DA_ALLOC_CLOSE). */
export const I_DA_ALLOC_CLOSE = 32

/** First blocks of files: past the metadata. */
export const FIRST_DATA_BLOCK = 1 << 18

interface FsVars {
  next_ino: number
  /** Root directory (row of `dentry`). */
  root: number
  bdev: number
}
export function fs_vars(k: Kernel): FsVars {
  return (k.var.mod['fs'] ??= { next_ino: 12, root: 0, bdev: 0 }) as FsVars
}

export function is_shmem(k: Kernel, inode: number): boolean {
  const fs = k.inode.fs[inode]!
  return fs === FS_TMPFS || fs === FS_SHMEM
}

/** Where a file system's inode table begins on its disk, pages. */
export const INODE_TABLE_BLOCK = 1024

/** A new file in memory, unlinked until it gets a name. 0 without memory. */
export function new_inode(k: Kernel, fs: number, name: string, size: number): number {
  const inode = disk_inode(k, fs, name, size)
  if (inode_read(k, inode)) return inode
  row_free(k.inode, inode)
  return 0
}

/** A file as it is on its disk; nothing of it is in memory. */
export function disk_inode(k: Kernel, fs: number, name: string, size: number): number {
  const inode = row_alloc(k.inode)
  assert(inode !== 0, 'disk_inode: the table is full')
  const vars = fs_vars(k)
  k.inode.fs[inode] = fs
  k.inode.ino[inode] = vars.next_ino++
  k.inode.name[inode] = string_id(k, name)
  k.inode.i_size[inode] = size
  k.inode.start_block[inode] = fs === FS_EXT4 ? alloc_blocks(k, size) : 0
  return inode
}

/** A contiguous extent on the disk, with room to grow to the next 2 MiB. */
function alloc_blocks(k: Kernel, size: number): number {
  const d = k.device
  if (d.next_free[1]! < FIRST_DATA_BLOCK) d.next_free[1] = FIRST_DATA_BLOCK
  const start = d.next_free[1]!
  d.next_free[1]! += Math.max(512, Math.ceil(size / 2 ** 21) * 512)
  return start
}
/** A file that outgrew its extent moves to a larger one: 64 MiB at a time. */
export function extend_blocks(k: Kernel, inode: number, size: number): void {
  if (k.inode.fs[inode] !== FS_EXT4) return
  const blocks = Math.ceil(size / 4096)
  const start = k.inode.start_block[inode]!
  const d = k.device
  if (d.next_free[1]! >= start + blocks) return
  d.next_free[1] = start + blocks
}

function inode_cache(k: Kernel, fs: number): number {
  const c = CACHES(k)
  if (fs === FS_EXT4) return c.ext4_inode_cache
  if (fs === FS_TMPFS || fs === FS_SHMEM) return c.shmem_inode_cache
  return fs === FS_PROC ? c.proc_inode_cache : c.inode_cache
}

/** Brings an inode into memory: its slab objects. */
export function inode_read(k: Kernel, inode: number): boolean {
  if (inode_cached(k, inode)) return true
  const gfp = GFP_KERNEL_ACCOUNT | __GFP_RECLAIMABLE
  const obj = kmem_cache_alloc(k, inode_cache(k, k.inode.fs[inode]!), gfp)
  if (obj === 0) return false
  k.inode.obj[inode * 2] = obj
  k.inode.obj[inode * 2 + 1] = kmem_cache_alloc(k, CACHES(k).lsm_inode_cache, GFP_KERNEL_ACCOUNT)
  return true
}
export function inode_cached(k: Kernel, inode: number): boolean {
  return k.inode.obj[inode * 2] !== 0
}
function inode_forget(k: Kernel, inode: number): void {
  charge(k, COST.inode_evict)
  const blob = k.inode.obj[inode * 2 + 1]!
  if (blob !== 0) kmem_cache_free_rcu(k, blob)
  kmem_cache_free_rcu(k, k.inode.obj[inode * 2]!)
  k.inode.obj[inode * 2] = 0
  k.inode.obj[inode * 2 + 1] = 0
}

export function igrab(k: Kernel, inode: number): void {
  if (k.inode.refcount[inode]!++ === 0) inode_lru_del(k, inode)
}
/** The last user leaves: an unlinked file goes, another one stays in the cache. */
export function iput(k: Kernel, inode: number): void {
  assert(k.inode.refcount[inode]! > 0, 'iput: nobody holds it')
  if (--k.inode.refcount[inode]! > 0) return
  if (k.inode.nlink[inode] === 0) evict(k, inode)
  else inode_add_lru(k, inode)
}

function evict(k: Kernel, inode: number): void {
  inode_lru_del(k, inode)
  // The flusher leaves what is being freed alone (I_FREEING).
  wb_remove(k, inode)
  truncate_inode_pages(k, inode, 0)
  file_resized(k, inode, k.inode.i_size[inode]!, 0)
  forget_holes(k, inode)
  shmem_unacct_size(k, inode)
  if (inode_cached(k, inode)) inode_forget(k, inode)
  row_free(k.inode, inode)
}

// ---------------------------------------------------------------- LRU and shrinker

export function inode_links(k: Kernel) {
  return { next: k.inode.lru_next, prev: k.inode.lru_prev }
}
/** mapping_shrinkable: without pages, at most a shadow in the inode itself. */
function mapping_shrinkable(k: Kernel, inode: number): boolean {
  return k.inode.xa_height[inode] === 0 && k.inode.xa_root[inode]! <= 0
}
/** An unused clean disk file without pages may be forgotten. */
export function inode_add_lru(k: Kernel, inode: number): void {
  const flags = k.inode.flags[inode]!
  if ((flags & I_LRU) !== 0 || k.inode.refcount[inode] !== 0 || k.inode.nlink[inode] === 0) return
  if (k.inode.fs[inode] !== FS_EXT4 || k.inode.wb_list[inode] !== 0 || !mapping_shrinkable(k, inode)) return
  if (!inode_cached(k, inode)) return
  k.inode.flags[inode] = flags | I_LRU
  list_lru_add(k, INODE_LRU, inode_links(k), inode, k.inode.obj[inode * 2]!)
}
function inode_lru_del(k: Kernel, inode: number): void {
  if ((k.inode.flags[inode]! & I_LRU) === 0) return
  k.inode.flags[inode]! &= ~I_LRU
  list_lru_del(k, INODE_LRU, inode_links(k), inode, k.inode.obj[inode * 2]!)
}

/** Forgets up to `nr` unused inodes of a cgroup, oldest first. */
export function prune_icache(k: Kernel, memcg: number, nr: number): number {
  let freed = 0
  for (let i = 0; i < nr; i++) {
    const inode = list_lru_first(k, INODE_LRU, memcg)
    if (inode === 0) break
    inode_lru_del(k, inode)
    if ((k.inode.flags[inode]! & I_REFERENCED) !== 0) {
      k.inode.flags[inode]! &= ~I_REFERENCED
      inode_add_lru(k, inode)
      continue
    }
    const dropped = invalidate_mapping_pages(k, inode)
    k.vmstat[C.pginodesteal]! += dropped
    inode_forget(k, inode)
    cond_resched_rcu(k)
    freed++
  }
  return freed
}
