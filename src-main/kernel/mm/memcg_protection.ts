/**
 * memory.min and memory.low: what a cgroup keeps when its ancestors are reclaimed. A parent's protection is shared by
 * its children in proportion to what each uses of its own claim.
 *
 * Linux: mm/memcontrol.c (mem_cgroup_calculate_protection, effective_protection). Simplified: without the
 * memory_recursiveprot mount option.
 */
import { int_div } from '../lib/math'
import type { Kernel } from '../kernel'
import { cgroup_children } from './memcg_tree'

/** The effective protection of a cgroup while `target` (0: the machine) is reclaimed, in pages. */
export function mem_cgroup_protection(k: Kernel, target: number, memcg: number): { min: number; low: number } {
  if (memcg === 0 || memcg === target) return { min: 0, low: 0 }
  return { min: effective(k, target, memcg, 'min'), low: effective(k, target, memcg, 'low') }
}
export function mem_cgroup_below_min(k: Kernel, target: number, memcg: number): boolean {
  return memcg !== 0 && memcg !== target && mem_cgroup_protection(k, target, memcg).min >= k.memcg.usage[memcg]!
}
export function mem_cgroup_below_low(k: Kernel, target: number, memcg: number): boolean {
  return memcg !== 0 && memcg !== target && mem_cgroup_protection(k, target, memcg).low >= k.memcg.usage[memcg]!
}

function effective(k: Kernel, target: number, memcg: number, claim: 'min' | 'low'): number {
  const protection = claimed(k, memcg, claim)
  const parent = k.memcg.parent[memcg]!
  if (parent === target || parent === 0) return protection
  const granted = effective(k, target, parent, claim)
  let siblings = 0
  for (const child of cgroup_children(k, parent)) siblings += claimed(k, child, claim)
  return siblings > granted ? int_div(protection * granted, siblings) : protection
}
/** A claim counts as far as it is used. */
function claimed(k: Kernel, memcg: number, claim: 'min' | 'low'): number {
  return Math.min(k.memcg.usage[memcg]!, k.memcg[claim][memcg]!)
}
