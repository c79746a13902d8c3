/**
 * Memory cgroups: who pays for a page. Cgroup 0 is the root, which has no limit and whose charges are free.
 *
 * Linux: mm/memcontrol.c.
 */
import type { Kernel } from '../kernel'
import { nr_swap_pages, vm_swap_full } from './swapfile'

/** The cgroup of a task's memory. */
export function mem_cgroup_from_task(_k: Kernel, _t: number): number {
  return 0
}

/** Charges a page to a cgroup; false when its limit holds and nothing could be reclaimed. */
export function mem_cgroup_charge(k: Kernel, pfn: number, memcg: number): boolean {
  k.page.memcg[pfn] = memcg
  return true
}
export function mem_cgroup_uncharge(k: Kernel, pfn: number): void {
  k.page.memcg[pfn] = 0
}

/** A swap slot belongs to the cgroup of the page that went there. */
export function mem_cgroup_swapout(k: Kernel, pfn: number, slot: number): void {
  k.swap.memcg[slot] = k.page.memcg[pfn]!
}
export function mem_cgroup_uncharge_swap(k: Kernel, slot: number): void {
  k.swap.memcg[slot] = 0
}

/** The parent, -1 above the root. */
export function parent_lruvec(_k: Kernel, memcg: number): number {
  return memcg === 0 ? -1 : 0
}

/** Cgroups of a subtree in walking order, the root of it first. */
export function mem_cgroup_iter(_k: Kernel, _root: number): number[] {
  return [0]
}

export function count_memcg_events(_k: Kernel, _memcg: number, _event: number, _nr: number): void {
  return
}
export function mod_lruvec_lru_size(_k: Kernel, _memcg: number, _lru: number, _nr: number): void {
  return
}

// ---------------------------------------------------------------- limits and what reclaim asks

/** A counter of a cgroup and all below it; item -1 is its usage in pages. */
export function memcg_page_state(k: Kernel, memcg: number, item: number): number {
  return memcg === 0 && item >= 0 ? k.vmstat[item]! : 0
}
export function mem_cgroup_protection(_k: Kernel, _target: number, _memcg: number): { min: number; low: number } {
  return { min: 0, low: 0 }
}
export function mem_cgroup_below_min(_k: Kernel, _target: number, _memcg: number): boolean {
  return false
}
export function mem_cgroup_below_low(_k: Kernel, _target: number, _memcg: number): boolean {
  return false
}
/** Swap slots that a cgroup may still use. */
export function mem_cgroup_swap_pages(k: Kernel, _memcg: number): number {
  return nr_swap_pages(k)
}
/** Slots of the page's cgroup (or of the machine) are more than half used. */
export function mem_cgroup_swap_full(k: Kernel, _pfn: number): boolean {
  return vm_swap_full(k)
}
export function mem_cgroup_get_max(k: Kernel, _memcg: number): number {
  return k.var.totalram_pages
}

// ---------------------------------------------------------------- OOM

export const MEMCG_OOM_KILL = 4
export const MEMCG_OOM_GROUP_KILL = 5
export function memcg_event(_k: Kernel, _memcg: number, _event: number): void {
  return
}
export function mem_cgroup_in_subtree(_k: Kernel, _t: number, _memcg: number): boolean {
  return true
}
export function mem_cgroup_get_oom_group(_k: Kernel, _victim: number, _memcg: number): number {
  return 0
}
export function mem_cgroup_print_oom_meminfo(_k: Kernel, _memcg: number): void {
  return
}
export function cgroup_path(_k: Kernel, _memcg: number): string {
  return '/'
}
