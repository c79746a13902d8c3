/**
 * Names: the directory tree as dentries, looked up by hash of parent and name. A row is a directory entry on its disk;
 * its slab object exists while it is in the cache. A name that was not found leaves a negative dentry.
 *
 * Linux: fs/dcache.c, fs/namei.c. Kept: the cost of a miss (dentry, inode, metadata blocks), the LRU with its second
 * chance, dentries of tmpfs that cannot go. Simplified: no links, no mounts: the file system is the file's own.
 */
import { assert } from '@shared/assert'
import { __GFP_RECLAIMABLE, DENTRY_LRU, GFP_KERNEL_ACCOUNT, string_id, type Kernel } from '../kernel'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { charge } from '../task'
import { bread } from './buffer'
import {
  disk_inode,
  FS_EXT4,
  fs_vars,
  I_DIR,
  igrab,
  INODE_TABLE_BLOCK,
  inode_read,
  iput,
  new_inode,
  type FS_TMPFS,
} from './inode'
import { list_lru_add, list_lru_del, list_lru_first } from './list_lru'
import { cond_resched_rcu } from './preempt'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { kmem_cache_free_rcu } from '../rcu/callbacks'

const HASH_MASK = (1 << 14) - 1
/** dentry.flags */
const D_LRU = 1
const D_REFERENCED = 2
/** Where directories lie on their disk, pages. */
const DIRECTORY_BLOCK = 1 << 16

/** The row of an entry, in the cache or not; 0 when the directory has no such name and none is remembered. */
function d_find(k: Kernel, parent: number, name: number): number {
  let d = k.dentry_hash.head[d_hash(parent, name)]!
  while (d !== 0 && (k.dentry.parent[d] !== parent || k.dentry.name[d] !== name)) d = k.dentry.hash_next[d]!
  return d
}
function d_hash(parent: number, name: number): number {
  return ((Math.imul(parent, 0x9e3779b1) ^ Math.imul(name, 0x85ebca6b)) >>> 12) & HASH_MASK
}

function d_alloc(k: Kernel, parent: number, name: number, inode: number): number {
  const d = row_alloc(k.dentry)
  assert(d !== 0, 'd_alloc: the table is full')
  const h = d_hash(parent, name)
  if (h >= k.dentry_hash.meta.high) k.dentry_hash.meta.high = h + 1
  k.dentry.parent[d] = parent
  k.dentry.name[d] = name
  k.dentry.hash_next[d] = k.dentry_hash.head[h]!
  k.dentry_hash.head[h] = d
  d_instantiate(k, d, inode)
  return d
}
function d_instantiate(k: Kernel, d: number, inode: number): void {
  k.dentry.inode[d] = inode
  if (inode === 0) return
  k.inode.dentry[inode] = d
  k.inode.nlink[inode] = 1
}
/** Takes an entry out of its directory for good. */
function d_delete_row(k: Kernel, d: number): void {
  const h = d_hash(k.dentry.parent[d]!, k.dentry.name[d]!)
  if (k.dentry_hash.head[h] === d) k.dentry_hash.head[h] = k.dentry.hash_next[d]!
  else {
    let at = k.dentry_hash.head[h]!
    while (k.dentry.hash_next[at] !== d) at = k.dentry.hash_next[at]!
    k.dentry.hash_next[at] = k.dentry.hash_next[d]!
  }
  row_free(k.dentry, d)
}

function d_cached(k: Kernel, d: number): boolean {
  return k.dentry.obj[d] !== 0
}
/** Brings an entry (and its inode) into the cache; it holds its parent there. False without memory. */
function d_read(k: Kernel, d: number): boolean {
  if (d_cached(k, d)) return true
  const obj = kmem_cache_alloc(k, CACHES(k).dentry, GFP_KERNEL_ACCOUNT | __GFP_RECLAIMABLE)
  if (obj === 0) return false
  const inode = k.dentry.inode[d]!
  if (inode !== 0 && !inode_read(k, inode)) {
    kmem_cache_free(k, CACHES(k).dentry, obj)
    return false
  }
  k.dentry.obj[d] = obj
  if (inode !== 0) igrab(k, inode)
  if (k.dentry.parent[d] !== 0) dget(k, k.dentry.parent[d]!)
  // Entries of tmpfs exist only here: they are held for good.
  if (inode !== 0 && k.inode.fs[inode] !== FS_EXT4) k.dentry.refcount[d]!++
  else d_lru_add(k, d)
  return true
}

export function dget(k: Kernel, d: number): void {
  k.dentry.refcount[d]!++
  d_lru_del(k, d)
}
export function dput(k: Kernel, d: number): void {
  assert(k.dentry.refcount[d]! > 0, 'dput: nobody holds it')
  if (--k.dentry.refcount[d]! === 0) {
    k.dentry.flags[d]! |= D_REFERENCED
    d_lru_add(k, d)
  }
}

// ---------------------------------------------------------------- paths

/** The root directory, made at the first call. */
function root_dentry(k: Kernel, fs: number): number {
  const vars = fs_vars(k)
  if (vars.root === 0) {
    const inode = new_inode(k, fs, '/', 4096)
    k.inode.flags[inode]! |= I_DIR
    vars.root = d_alloc(k, 0, string_id(k, '/'), inode)
    d_read(k, vars.root)
    k.dentry.refcount[vars.root]!++
    d_lru_del(k, vars.root)
  }
  return vars.root
}

function components(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** Walks a path; the inode it names, or 0. Entries that are not cached are read from the disk. */
export function path_lookup(k: Kernel, path: string): number {
  const root = fs_vars(k).root
  if (root === 0) return 0
  let d = root
  for (const part of components(path)) {
    d = lookup(k, d, string_id(k, part))
    if (d === 0 || k.dentry.inode[d] === 0) return 0
  }
  return k.dentry.inode[d]!
}

/** One component: from the cache, or from the disk; a name that does not exist gives a negative dentry. */
function lookup(k: Kernel, parent: number, name: number): number {
  charge(k, COST.path_component)
  let d = d_find(k, parent, name)
  if (d !== 0 && d_cached(k, d)) {
    k.dentry.flags[d]! |= D_REFERENCED
    return d
  }
  const dir = k.dentry.inode[parent]!
  if (k.inode.fs[dir] === FS_EXT4) {
    charge(k, COST.path_component_miss)
    bread(k, DIRECTORY_BLOCK + k.inode.ino[dir]!)
    if (d !== 0) read_inode(k, k.inode.ino[k.dentry.inode[d]!]!)
  } else if (d === 0) return 0
  if (d === 0) d = d_alloc(k, parent, name, 0)
  if (!d_read(k, d)) {
    if (k.dentry.inode[d] === 0) d_delete_row(k, d)
    return 0
  }
  return d
}

/** __ext4_get_inode_loc: sixteen inodes of 256 bytes lie in a page. */
function read_inode(k: Kernel, ino: number): void {
  bread(k, INODE_TABLE_BLOCK + Math.floor(ino / 16), Math.floor((ino % 16) / 4))
}

/** Makes a file with its directories; its inode, or 0 when the name exists or memory is out. */
export function vfs_create(k: Kernel, path: string, size: number, fs: typeof FS_EXT4 | typeof FS_TMPFS): number {
  let parent = root_dentry(k, fs)
  const parts = components(path)
  const leaf = parts.pop()
  assert(leaf !== undefined, 'vfs_create: no name')
  let prefix = ''
  for (const part of parts) {
    prefix += `/${part}`
    parent = make_child(k, parent, part, prefix, fs, 4096, true)
    if (parent === 0) return 0
  }
  const existing = d_find(k, parent, string_id(k, leaf))
  if (existing !== 0 && k.dentry.inode[existing] !== 0) return 0
  const d = make_child(k, parent, leaf, `${prefix}/${leaf}`, fs, size, false)
  return d === 0 ? 0 : k.dentry.inode[d]!
}

function make_child(k: Kernel, parent: number, part: string, path: string, fs: number, size: number, dir: boolean) {
  const name = string_id(k, part)
  let d = d_find(k, parent, name)
  if (d !== 0 && k.dentry.inode[d] !== 0) return d_read(k, d) ? d : 0
  const inode = new_inode(k, fs, path, size)
  if (inode === 0) return 0
  if (dir) k.inode.flags[inode]! |= I_DIR
  if (d !== 0) {
    d_forget(k, d)
    d = d_find(k, parent, name)
  }
  if (d === 0) d = d_alloc(k, parent, name, inode)
  else d_instantiate(k, d, inode)
  if (!d_read(k, d)) return 0
  return d
}

/** A file that the disk had before the machine booted, with its directories: nothing of it is in memory. Its inode. */
export function vfs_install(k: Kernel, path: string, size: number): number {
  let parent = root_dentry(k, FS_EXT4)
  let inode = 0
  const parts = components(path)
  parts.forEach((part, i) => {
    const name = string_id(k, part)
    let d = d_find(k, parent, name)
    if (d === 0) {
      const dir = i < parts.length - 1
      inode = disk_inode(k, FS_EXT4, part, dir ? 4096 : size)
      if (dir) k.inode.flags[inode]! |= I_DIR
      k.inode.parent[inode] = k.dentry.inode[parent]!
      d = d_alloc(k, parent, name, inode)
    }
    inode = k.dentry.inode[d]!
    parent = d
  })
  return inode
}

/** True when a path names a file, in memory or on its disk; nothing is read. */
export function vfs_exists(k: Kernel, path: string): boolean {
  let d = fs_vars(k).root
  for (const part of components(path)) if (d !== 0) d = d_find(k, d, string_id(k, part))
  return d !== 0 && k.dentry.inode[d] !== 0
}

/** Removes a name; the file itself goes with its last user. */
export function vfs_unlink(k: Kernel, inode: number): void {
  const d = k.inode.dentry[inode]!
  if (d === 0) return
  k.inode.nlink[inode] = 0
  k.inode.dentry[inode] = 0
  const parent = k.dentry.parent[d]!
  const cached = d_cached(k, d)
  d_lru_del(k, d)
  if (cached) kmem_cache_free_rcu(k, k.dentry.obj[d]!)
  d_delete_row(k, d)
  if (cached) {
    if (parent !== 0) dput(k, parent)
    iput(k, inode)
  } else if (k.inode.refcount[inode] === 0) {
    igrab(k, inode)
    iput(k, inode)
  }
}

// ---------------------------------------------------------------- LRU and shrinker

export function dentry_links(k: Kernel) {
  return { next: k.dentry.lru_next, prev: k.dentry.lru_prev }
}
function d_lru_add(k: Kernel, d: number): void {
  if ((k.dentry.flags[d]! & D_LRU) !== 0 || k.dentry.refcount[d] !== 0) return
  k.dentry.flags[d]! |= D_LRU
  list_lru_add(k, DENTRY_LRU, dentry_links(k), d, k.dentry.obj[d]!)
}
function d_lru_del(k: Kernel, d: number): void {
  if ((k.dentry.flags[d]! & D_LRU) === 0) return
  k.dentry.flags[d]! &= ~D_LRU
  list_lru_del(k, DENTRY_LRU, dentry_links(k), d, k.dentry.obj[d]!)
}

/** A dentry leaves the cache; a negative one is forgotten altogether. */
function d_forget(k: Kernel, d: number): void {
  d_lru_del(k, d)
  if (d_cached(k, d)) {
    kmem_cache_free_rcu(k, k.dentry.obj[d]!)
    k.dentry.obj[d] = 0
    k.dentry.flags[d] = 0
    if (k.dentry.parent[d] !== 0) dput(k, k.dentry.parent[d]!)
    if (k.dentry.inode[d] !== 0) iput(k, k.dentry.inode[d]!)
  }
  if (k.dentry.inode[d] === 0) d_delete_row(k, d)
}

/** Frees up to `nr` unused dentries of a cgroup; one that was looked up since gets a second round. */
export function prune_dcache(k: Kernel, memcg: number, nr: number): number {
  let freed = 0
  for (let i = 0; i < nr; i++) {
    const d = list_lru_first(k, DENTRY_LRU, memcg)
    if (d === 0) break
    d_lru_del(k, d)
    if ((k.dentry.flags[d]! & D_REFERENCED) !== 0) {
      k.dentry.flags[d]! &= ~D_REFERENCED
      d_lru_add(k, d)
      continue
    }
    d_forget(k, d)
    cond_resched_rcu(k)
    freed++
  }
  return freed
}
