/**
 * The address spaces whose page tables the multi-gen LRU walks: a list for each cgroup, in the order of their making.
 *
 * Linux: mm/vmscan.c (lru_gen_add_mm, lru_gen_del_mm, lru_gen_migrate_mm, should_skip_mm), include/linux/mm_types.h
 * (lru_gen_use_mm). Simplified: a walk is never interrupted, so two never share an iteration (nr_walkers, mm_state->head).
 */
import type { Kernel } from '../kernel'
import { list_add_tail, list_del } from '../lib/list'
import { lru_gen_row, MIN_LRU_BATCH } from './lru_gen'
import { mem_cgroup_of_mm } from './memory'
import { kfree } from './slab_common'

/** mm_state->tail, the first address space added since the last walk: the end of the list. */
const NONE_NEW = -1

function heads(k: Kernel) {
  return { head: k.lru_gen.mm_head, tail: k.lru_gen.mm_tail }
}
function links(k: Kernel) {
  return { next: k.mm.lru_gen_next, prev: k.mm.lru_gen_prev }
}

/** A new address space: it is walked once, whatever it did. */
export function lru_gen_add_mm(k: Kernel, mm: number): void {
  const memcg = mem_cgroup_of_mm(k, mm)
  const row = lru_gen_row(memcg)
  if (k.lru_gen.mm_new[row] === NONE_NEW) k.lru_gen.mm_new[row] = mm
  list_add_tail(heads(k), row, links(k), mm)
  k.mm.lru_gen_memcg[mm] = memcg + 1
}

export function lru_gen_del_mm(k: Kernel, mm: number): void {
  if (k.mm.lru_gen_memcg[mm] === 0) return
  const row = lru_gen_row(k.mm.lru_gen_memcg[mm]! - 1)
  if (k.lru_gen.mm_new[row] === mm) k.lru_gen.mm_new[row] = k.mm.lru_gen_next[mm]! || NONE_NEW
  list_del(heads(k), row, links(k), mm)
  k.mm.lru_gen_memcg[mm] = 0
}

/** Its owner moved to another cgroup, or it has another owner. */
export function lru_gen_migrate_mm(k: Kernel, mm: number): void {
  const listed = k.mm.lru_gen_memcg[mm]!
  if (listed === 0 || k.mm.mm_users[mm] === 0 || mem_cgroup_of_mm(k, mm) === listed - 1) return
  lru_gen_del_mm(k, mm)
  lru_gen_add_mm(k, mm)
}

/** Address spaces of a cgroup that a walk looks into now, and from which on it looks everywhere (force_scan). */
export function iterate_mm_list(k: Kernel, row: number, can_swap: boolean, visit: WalkMm): void {
  let force = false
  const g = k.lru_gen
  for (let mm = g.mm_head[row]!; mm !== 0;) {
    const next = k.mm.lru_gen_next[mm]!
    if (g.mm_new[row] === 0 || g.mm_new[row] === mm) {
      g.mm_new[row] = next || NONE_NEW
      force = true
    }
    if (!should_skip_mm(k, mm, can_swap, force)) visit(mm, force)
    mm = next
  }
}
export type WalkMm = (mm: number, force: boolean) => void

/** Nothing of it ran since the last walk, or it is too small to matter. */
function should_skip_mm(k: Kernel, mm: number, can_swap: boolean, force: boolean): boolean {
  const used = k.mm.lru_gen_used[mm] !== 0
  if (!force && !used) return true
  k.mm.lru_gen_used[mm] = 0
  const size = k.mm.rss_file[mm]! + (can_swap ? k.mm.rss_anon[mm]! + k.mm.rss_shmem[mm]! : 0)
  return size < MIN_LRU_BATCH
}

/** A cgroup goes: its filters do, and address spaces whose owner is dead already are its parent's. */
export function lru_gen_exit_memcg(k: Kernel, memcg: number): void {
  const row = lru_gen_row(memcg)
  for (let mm = k.lru_gen.mm_head[row]!; mm !== 0; mm = k.lru_gen.mm_head[row]!) {
    lru_gen_del_mm(k, mm)
    lru_gen_add_mm(k, mm)
  }
  for (let i = row * 2; i < row * 2 + 2; i++) {
    kfree(k, k.lru_gen.filter[i]!)
    k.lru_gen.filter[i] = 0
  }
}
