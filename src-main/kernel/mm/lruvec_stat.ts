/**
 * The sizes of the lists as reclaim's rules and refaults see them: each CPU keeps its changes to itself until they are
 * flushed, before a pass of reclaim and every two seconds. In between a list has the size that it had then.
 *
 * Linux: mm/memcontrol.c (mem_cgroup_flush_stats, flush_memcg_stats_dwork), include/linux/memcontrol.h
 * (lruvec_page_state). Simplified: a pass flushes however little has changed; who asks first after two seconds finds what
 * the worker would have flushed.
 */
import { LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, type Kernel } from '../kernel'
import { lruvec_size } from './swap'

/** FLUSH_TIME. */
const FLUSH_NS = 2_000_000_000
const LISTS = 4

function stats(k: Kernel): { period: number } {
  return (k.var.mod['memcg_stats'] ??= { period: -1 }) as { period: number }
}

export function mem_cgroup_flush_stats(k: Kernel): void {
  stats(k).period = Math.floor(k.var.now / FLUSH_NS)
  const { lruvec, memcg } = k
  for (let m = 0; m === 0 || m < memcg.meta.high; m++) {
    const row = 1 + m
    if (row >= lruvec.meta.high) lruvec.meta.high = row + 1
    for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++)
      lruvec.size[row * LISTS + lru] = lruvec_size(k, m, lru)
  }
}

/** flush_memcg_stats_dwork, every two seconds. */
export function flush_stats_periodic(k: Kernel): void {
  if (Math.floor(k.var.now / FLUSH_NS) !== stats(k).period) mem_cgroup_flush_stats(k)
}

export function lruvec_page_state(k: Kernel, memcg: number, lru: number): number {
  return k.lruvec.size[(1 + memcg) * LISTS + lru]!
}
