/**
 * What a cgroup's own counters take of per-CPU memory: its parent pays, by the byte, until the cgroup is gone.
 *
 * Linux: mm/memcontrol.c (mem_cgroup_css_alloc, mem_cgroup_alloc, alloc_mem_cgroup_per_node_info), mm/percpu.c
 * (pcpu_memcg_pre_alloc_hook, pcpu_obj_full_size).
 */
import { GFP_KERNEL_ACCOUNT, type Kernel } from '../kernel'
import { obj_cgroup_charge, obj_cgroup_uncharge } from './memcg_kmem'

const LONG = 8
/** Items of enum node_stat_item, of enum memcg_stat_item behind them, and events, as Debian's kernel has them. */
const NR_VM_NODE_STAT_ITEMS = 43
const MEMCG_NR_STAT = NR_VM_NODE_STAT_ITEMS + 7
const NR_MEMCG_EVENTS = 17
/** struct memcg_vmstats_percpu: state and events with what was last told of them, page events, two targets. */
const VMSTATS_PERCPU = LONG * (2 * (MEMCG_NR_STAT + NR_MEMCG_EVENTS) + 3)
/** struct lruvec_stats_percpu of the one node. */
const LRUVEC_STATS_PERCPU = LONG * 2 * NR_VM_NODE_STAT_ITEMS
const PCPU_MIN_ALLOC_SIZE = 4

/** A copy for each CPU, and a pointer to the payer for each 4 bytes of one. */
function pcpu_obj_full_size(k: Kernel, size: number): number {
  return size * k.config.cpus + (size / PCPU_MIN_ALLOC_SIZE) * LONG
}
/** What one cgroup takes. */
export function memcg_percpu_bytes(k: Kernel): number {
  return pcpu_obj_full_size(k, VMSTATS_PERCPU) + pcpu_obj_full_size(k, LRUVEC_STATS_PERCPU)
}

/** Charges a new cgroup to its parent; false when that may not. The root pays for nothing. */
export function memcg_percpu_charge(k: Kernel, memcg: number, parent: number): boolean {
  if (parent === 0) return true
  const vmstats = pcpu_obj_full_size(k, VMSTATS_PERCPU)
  if (!obj_cgroup_charge(k, parent, GFP_KERNEL_ACCOUNT, vmstats)) return false
  if (!obj_cgroup_charge(k, parent, GFP_KERNEL_ACCOUNT, pcpu_obj_full_size(k, LRUVEC_STATS_PERCPU))) {
    obj_cgroup_uncharge(k, parent, vmstats)
    return false
  }
  k.memcg.percpu_payer[memcg] = parent
  mod_percpu(k, parent, memcg_percpu_bytes(k))
  return true
}
export function memcg_percpu_uncharge(k: Kernel, memcg: number): void {
  const payer = k.memcg.percpu_payer[memcg]!
  if (payer === 0) return
  k.memcg.percpu_payer[memcg] = 0
  mod_percpu(k, payer, -memcg_percpu_bytes(k))
  obj_cgroup_uncharge(k, payer, memcg_percpu_bytes(k))
}
/** A payer is removed: its parent pays. The bytes that move. */
export function memcg_percpu_reparent(k: Kernel, memcg: number, parent: number): number {
  let bytes = 0
  for (let m = 1; m < k.memcg.meta.high; m++) {
    if (k.memcg.percpu_payer[m] !== memcg) continue
    k.memcg.percpu_payer[m] = parent
    bytes += memcg_percpu_bytes(k)
  }
  k.memcg.percpu_b[memcg] = 0
  return bytes
}
function mod_percpu(k: Kernel, memcg: number, bytes: number): void {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.percpu_b[m]! += bytes
}
