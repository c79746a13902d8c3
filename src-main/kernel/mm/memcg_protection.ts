/**
 * memory.min and memory.low: what a cgroup keeps when its ancestors are reclaimed. A parent's protection is shared by
 * its children in proportion to what each uses of its own claim. Reclaim works it out from the top down as it comes to
 * each cgroup; that of the cgroup whose reclaim it is stays what an earlier reclaim found.
 *
 * Linux: mm/memcontrol.c (mem_cgroup_calculate_protection, effective_protection), include/linux/memcontrol.h
 * (mem_cgroup_protection, mem_cgroup_below_min). Simplified: without the memory_recursiveprot mount option.
 */
import { int_div } from '../lib/math'
import type { Kernel } from '../kernel'
import { cgroup_children } from './memcg_tree'

/** Reclaim of `target` (0: the machine) comes to a cgroup: what is it granted? */
export function mem_cgroup_calculate_protection(k: Kernel, target: number, memcg: number): void {
  if (memcg === target || memcg === 0 || k.memcg.usage[memcg] === 0) return
  k.memcg.emin[memcg] = effective(k, target, memcg, 'min', 'emin')
  k.memcg.elow[memcg] = effective(k, target, memcg, 'low', 'elow')
}
/** The effective protection in pages; a cgroup's own reclaim has none. */
export function mem_cgroup_protection(k: Kernel, target: number, memcg: number): { min: number; low: number } {
  if (memcg === 0 || memcg === target) return { min: 0, low: 0 }
  return { min: k.memcg.emin[memcg]!, low: k.memcg.elow[memcg]! }
}
export function mem_cgroup_below_min(k: Kernel, memcg: number): boolean {
  return memcg !== 0 && k.memcg.emin[memcg]! >= k.memcg.usage[memcg]!
}
export function mem_cgroup_below_low(k: Kernel, memcg: number): boolean {
  return memcg !== 0 && k.memcg.elow[memcg]! >= k.memcg.usage[memcg]!
}

function effective(k: Kernel, target: number, memcg: number, claim: 'min' | 'low', granted: 'emin' | 'elow'): number {
  const parent = k.memcg.parent[memcg]!
  if (parent === target) return k.memcg[claim][memcg]!
  const protection = claimed(k, memcg, claim)
  let siblings = 0
  for (const child of cgroup_children(k, parent)) siblings += claimed(k, child, claim)
  const share = k.memcg[granted][parent]!
  return siblings > share ? int_div(protection * share, siblings) : protection
}
/** A claim counts as far as it is used. */
function claimed(k: Kernel, memcg: number, claim: 'min' | 'low'): number {
  return Math.min(k.memcg.usage[memcg]!, k.memcg[claim][memcg]!)
}
