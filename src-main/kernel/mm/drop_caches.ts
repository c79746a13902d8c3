/**
 * /proc/sys/vm/drop_caches: 1 the clean unmapped page cache, 2 dentries and inodes, 3 both.
 *
 * Linux: fs/drop_caches.c.
 */
import { C } from '@shared/counters'
import type { Kernel } from '../kernel'
import { invalidate_bh_lrus } from './buffer'
import { inode_cached } from './inode'
import { lru_add_drain_all } from './swap'
import { drop_slab } from './shrinker'
import { invalidate_mapping_pages } from './truncate'

export function drop_caches(k: Kernel, mode: number): void {
  if ((mode & 1) !== 0) {
    lru_add_drain_all(k)
    invalidate_bh_lrus(k)
    for (let inode = 1; inode < k.inode.meta.high; inode++)
      if (inode_cached(k, inode) && k.inode.nrpages[inode] !== 0) invalidate_mapping_pages(k, inode)
    k.vmstat[C.drop_pagecache]!++
  }
  if ((mode & 2) !== 0) {
    drop_slab(k)
    k.vmstat[C.drop_slab]!++
  }
}
