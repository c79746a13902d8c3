/**
 * Shrinkers: caches of kernel objects give some back whenever lists are scanned, in proportion to the pressure. Each
 * cgroup has what it was charged for; the root has what nobody was.
 *
 *   to scan = freeable >> priority, × 4 / seeks; what is less than a batch is kept for the next time (nr_deferred)
 *
 * Linux: mm/vmscan.c (do_shrink_slab, shrink_slab, shrink_slab_memcg, drop_slab_node, reparent_shrinker_deferred),
 * fs/super.c (super_cache_scan), mm/huge_memory.c (deferred_split_shrinker). Simplified: one super block.
 */
import { C } from '@shared/counters'
import { int_div } from '../lib/math'
import { charge } from '../task'
import { COST } from '../costs'
import { __GFP_FS, DEFERRED_SPLIT, DENTRY_LRU, GFP_KERNEL, INODE_LRU, SHADOW_NODES, type Kernel } from '../kernel'
import { dentry_links, prune_dcache } from './dcache'
import { deferred_split_count, deferred_split_scan } from './deferred_split'
import { inode_links, prune_icache } from './inode'
import { list_lru_count_one, list_lru_row, memcg_reparent_list_lru, reparent_deferred } from './list_lru'
import { mem_cgroup_iter } from './memcg_tree'
import { shift } from './scan_count'
import { count_shadow_nodes, scan_shadow_nodes, shadow_links } from './workingset'

const SHRINK_BATCH = 128
const SHRINK_STOP = -1

interface Shrinker {
  /** The list whose row of each cgroup has this shrinker's nr_deferred. */
  readonly list: number
  readonly seeks: number
  readonly batch: number
  count(k: Kernel, memcg: number): number
  /** Objects freed of `nr_to_scan`; SHRINK_STOP when it cannot go on. */
  scan(k: Kernel, memcg: number, nr_to_scan: number, gfp: number): number
}

const SUPER_BLOCKS: Shrinker = {
  list: DENTRY_LRU,
  seeks: 2,
  batch: 1024,
  count: super_cache_count,
  scan: super_cache_scan,
}
const SHADOWS: Shrinker = {
  list: SHADOW_NODES,
  seeks: 0,
  batch: 0,
  count: count_shadow_nodes,
  scan: scan_shadow_nodes,
}
const HUGE_PAGES: Shrinker = {
  list: DEFERRED_SPLIT,
  seeks: 2,
  batch: 0,
  count: deferred_split_count,
  scan: split_scan,
}
const SHRINKERS = [HUGE_PAGES, SHADOWS, SUPER_BLOCKS]

/** One round over the shrinkers of one cgroup (0: the root, what nobody else was charged for); objects freed. */
export function shrink_slab(k: Kernel, memcg: number, priority: number, gfp: number): number {
  if (k.memcg.offline[memcg] !== 0) return 0
  let freed = 0
  // A cgroup only asks those whose bit is set in its map (shrinker_info): the others have nothing.
  if (memcg === 0) charge(k, COST.shrink_slab)
  for (const shrinker of SHRINKERS) freed += do_shrink_slab(k, shrinker, memcg, priority, gfp)
  return freed
}

function do_shrink_slab(k: Kernel, shrinker: Shrinker, memcg: number, priority: number, gfp: number): number {
  const freeable = shrinker.count(k, memcg)
  if (freeable === 0) return 0
  const deferred = k.list_lru.nr_deferred
  const row = list_lru_row(shrinker.list, memcg)
  const nr = deferred[row]!
  deferred[row] = 0
  const delta = shrinker.seeks > 0 ? int_div(shift(freeable, priority) * 4, shrinker.seeks) : int_div(freeable, 2)
  let total_scan = Math.min(shift(nr, priority) + delta, 2 * freeable)
  const batch = shrinker.batch === 0 ? SHRINK_BATCH : shrinker.batch
  let freed = 0
  let scanned = 0
  while (total_scan >= batch || total_scan >= freeable) {
    const nr_to_scan = Math.min(batch, total_scan)
    const ret = shrinker.scan(k, memcg, nr_to_scan, gfp)
    if (ret === SHRINK_STOP) break
    freed += ret
    k.vmstat[C.slabs_scanned]! += nr_to_scan
    charge(k, COST.slab_shrink_object * nr_to_scan)
    total_scan -= nr_to_scan
    scanned += nr_to_scan
  }
  deferred[row] = Math.min(Math.max(nr + delta - scanned, 0), 2 * freeable)
  return freed
}

/** Unused dentries and inodes, weighed by vfs_cache_pressure. */
function super_cache_count(k: Kernel, memcg: number): number {
  const total = list_lru_count_one(k, DENTRY_LRU, memcg) + list_lru_count_one(k, INODE_LRU, memcg)
  return int_div(total * (k.var.sysctl['vm.vfs_cache_pressure'] ?? 100), 100)
}
/** Dentries first: they hold the inodes. At least one of each, so that a cgroup's lists can be emptied. */
function super_cache_scan(k: Kernel, memcg: number, nr_to_scan: number, gfp: number): number {
  if ((gfp & __GFP_FS) === 0) return SHRINK_STOP
  const dentries = list_lru_count_one(k, DENTRY_LRU, memcg)
  const inodes = list_lru_count_one(k, INODE_LRU, memcg)
  const total = dentries + inodes + 1
  const nr_dentries = int_div(nr_to_scan * dentries, total) + 1
  const nr_inodes = int_div(nr_to_scan * inodes, total) + 1
  return prune_dcache(k, memcg, nr_dentries) + prune_icache(k, memcg, nr_inodes)
}
function split_scan(k: Kernel, memcg: number, nr_to_scan: number): number {
  const split = deferred_split_scan(k, nr_to_scan, memcg)
  return split === 0 && deferred_split_count(k, memcg) === 0 ? SHRINK_STOP : split
}

/** drop_caches 2: rounds over all cgroups at priority 0 until they bring little. */
export function drop_slab(k: Kernel): void {
  for (let round = 0; ; round++) {
    let freed = 0
    for (const memcg of mem_cgroup_iter(k, 0)) freed += shrink_slab(k, memcg, 0, GFP_KERNEL)
    if (freed >> round <= 1) return
  }
}

/** Objects of a removed cgroup, which are its parent's by now, move to the parent's lists. */
export function memcg_reparent_list_lrus(k: Kernel, memcg: number, parent: number): void {
  memcg_reparent_list_lru(k, DENTRY_LRU, dentry_links(k), memcg, parent)
  memcg_reparent_list_lru(k, INODE_LRU, inode_links(k), memcg, parent)
  memcg_reparent_list_lru(k, SHADOW_NODES, shadow_links(k), memcg, parent)
  // Huge pages stay where they are queued; the work that was put off goes to the parent (reparent_shrinker_deferred).
  reparent_deferred(k, DEFERRED_SPLIT, memcg, parent)
}
