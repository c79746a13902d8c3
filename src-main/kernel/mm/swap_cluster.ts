/**
 * Clusters of 512 slots on solid-state swap: each CPU fills a cluster of its own, so that writes stay sequential
 * without a search. Free clusters are a list, at first in an order that spreads the CPUs over the device.
 *
 * Linux: mm/swapfile.c (cluster_info). Simplified: no discard list.
 */
import { SWAP_MAP_BAD, SWAPFILE_CLUSTER, SWP_SOLIDSTATE } from './swapfile'
import type { Kernel } from '../kernel'
import { list_add_tail, list_del } from '../lib/list'

/** SWAP_CLUSTER_COLS: clusters of one 64 MiB address space. */
const CLUSTER_COLS = 64

/** Sets up the clusters of a new area; `first` is a random place to begin. */
export function setup_clusters(k: Kernel, area: number, first: number): void {
  const si = k.swap_info
  const nr = Math.ceil((si.pages[area]! + 1) / SWAPFILE_CLUSTER)
  const base = k.swap_cluster.meta.high
  k.swap_cluster.meta.high += nr
  si.cluster_start[area] = base
  si.nr_clusters[area] = nr
  const { map } = k.swap
  for (let offset = 0; offset < nr * SWAPFILE_CLUSTER; offset++)
    if (offset > si.pages[area]! || map[si.start[area]! + offset] === SWAP_MAP_BAD)
      k.swap_cluster.count[base + Math.floor(offset / SWAPFILE_CLUSTER)]!++
  const column = Math.floor(first / SWAPFILE_CLUSTER)
  for (let col = 0; col < CLUSTER_COLS; col++) {
    const j = (col + column) % CLUSTER_COLS
    for (let i = 0; i <= Math.floor(nr / CLUSTER_COLS); i++) {
      const index = i * CLUSTER_COLS + j
      if (index < nr && k.swap_cluster.count[base + index] === 0) add_free(k, area, base + index)
    }
  }
}

function add_free(k: Kernel, area: number, cluster: number): void {
  k.swap_cluster.on_free[cluster] = 1
  list_add_tail(k.swap_info, area, k.swap_cluster, cluster)
}

export function cluster_inc(k: Kernel, area: number, offset: number): void {
  if ((k.swap_info.flags[area]! & SWP_SOLIDSTATE) === 0) return
  const cluster = k.swap_info.cluster_start[area]! + Math.floor(offset / SWAPFILE_CLUSTER)
  if (k.swap_cluster.on_free[cluster] !== 0) {
    k.swap_cluster.on_free[cluster] = 0
    list_del(k.swap_info, area, k.swap_cluster, cluster)
  }
  k.swap_cluster.count[cluster]!++
}
export function cluster_dec(k: Kernel, area: number, offset: number): void {
  if ((k.swap_info.flags[area]! & SWP_SOLIDSTATE) === 0) return
  const cluster = k.swap_info.cluster_start[area]! + Math.floor(offset / SWAPFILE_CLUSTER)
  if (--k.swap_cluster.count[cluster]! === 0) add_free(k, area, cluster)
}

/** The next slot to try for the running CPU: in its cluster, else in a new free one, else where the area's search stands. */
export function alloc_ssd_cluster(k: Kernel, area: number): number {
  const si = k.swap_info
  const per = k.swap_percpu
  const row = 1 + area * 64 + k.var.cpu
  if (row >= per.meta.high) per.meta.high = row + 1
  for (;;) {
    if (per.cluster[row] === 0) {
      const cluster = si.head[area]!
      if (cluster === 0) return si.cluster_next[area]!
      per.cluster[row] = cluster
      per.next[row] = (cluster - si.cluster_start[area]!) * SWAPFILE_CLUSTER
    }
    const end = (per.cluster[row]! - si.cluster_start[area]! + 1) * SWAPFILE_CLUSTER
    for (let offset = per.next[row]!; offset < end && offset <= si.highest[area]!; offset++)
      if (k.swap.map[si.start[area]! + offset] === 0) {
        per.next[row] = offset
        return offset
      }
    per.cluster[row] = 0
  }
}
