/**
 * Shrinkers: caches of kernel objects give some back whenever lists are scanned, in proportion to the pressure.
 *
 *   to scan = freeable >> priority, × 4 / seeks; what is less than a batch is kept for the next time (nr_deferred)
 *
 * Linux: mm/vmscan.c (do_shrink_slab, shrink_slab), fs/super.c (super_cache_scan).
 */
import { C } from '@shared/counters'
import { int_div } from '../lib/math'
import { charge } from '../task'
import { COST } from '../costs'
import type { Kernel } from '../kernel'
import { nr_cached_dentries, prune_dcache } from './dcache'
import { nr_cached_inodes, prune_icache } from './inode'
import { shift } from './scan_count'
import { count_shadow_nodes, scan_shadow_nodes } from './workingset'

const SHRINK_BATCH = 128

interface Shrinker {
  /** Row of list_lru whose nr_deferred is this shrinker's. */
  readonly row: number
  readonly seeks: number
  readonly batch: number
  count(k: Kernel): number
  scan(k: Kernel, nr_to_scan: number): { freed: number; scanned: number }
}

const SUPER_BLOCKS: Shrinker = { row: 1, seeks: 2, batch: 1024, count: super_cache_count, scan: super_cache_scan }
const SHADOW_NODES: Shrinker = { row: 3, seeks: 0, batch: 0, count: count_shadow_nodes, scan: shadow_scan }
const SHRINKERS = [SUPER_BLOCKS, SHADOW_NODES]

/** One round over all shrinkers; the number of objects freed. */
export function shrink_slab(k: Kernel, priority: number): number {
  let freed = 0
  charge(k, COST.shrink_slab)
  for (const shrinker of SHRINKERS) freed += do_shrink_slab(k, shrinker, priority)
  return freed
}

function do_shrink_slab(k: Kernel, shrinker: Shrinker, priority: number): number {
  const freeable = shrinker.count(k)
  if (freeable === 0) return 0
  const deferred = k.list_lru.nr_deferred
  if (shrinker.row >= k.list_lru.meta.high) k.list_lru.meta.high = shrinker.row + 1
  const nr = deferred[shrinker.row]!
  deferred[shrinker.row] = 0
  const delta = shrinker.seeks > 0 ? int_div(shift(freeable, priority) * 4, shrinker.seeks) : int_div(freeable, 2)
  let total_scan = Math.min(shift(nr, priority) + delta, 2 * freeable)
  const batch = shrinker.batch === 0 ? SHRINK_BATCH : shrinker.batch
  let freed = 0
  let scanned = 0
  while (total_scan >= batch || total_scan >= freeable) {
    const nr_to_scan = Math.min(batch, total_scan)
    if (nr_to_scan === 0) break
    const done = shrinker.scan(k, nr_to_scan)
    freed += done.freed
    k.vmstat[C.slabs_scanned]! += done.scanned
    charge(k, COST.slab_shrink_object * done.scanned)
    total_scan -= done.scanned
    scanned += done.scanned
    if (done.scanned === 0) break
  }
  deferred[shrinker.row] = Math.min(Math.max(nr + delta - scanned, 0), 2 * freeable)
  return freed
}

/** Unused dentries and inodes, weighed by vfs_cache_pressure. */
function super_cache_count(k: Kernel): number {
  const total = nr_cached_dentries(k) + nr_cached_inodes(k)
  return int_div(total * (k.var.sysctl['vm.vfs_cache_pressure'] ?? 100), 100)
}
function super_cache_scan(k: Kernel, nr_to_scan: number): { freed: number; scanned: number } {
  const dentries = nr_cached_dentries(k)
  const inodes = nr_cached_inodes(k)
  const total = dentries + inodes + 1
  const nr_dentries = int_div(nr_to_scan * dentries, total) + 1
  const nr_inodes = int_div(nr_to_scan * inodes, total) + 1
  const freed = prune_dcache(k, nr_dentries) + prune_icache(k, nr_inodes)
  return { freed, scanned: nr_to_scan }
}
function shadow_scan(k: Kernel, nr_to_scan: number): { freed: number; scanned: number } {
  return { freed: scan_shadow_nodes(k, nr_to_scan), scanned: nr_to_scan }
}

/** drop_caches 2: rounds at priority 0 until they bring little. */
export function drop_slab(k: Kernel): void {
  for (let round = 0; shrink_slab(k, 0) >> round > 1; round++);
}
