/**
 * The multi-gen LRU: pages in generations by the time of their last use, the lists and what is counted of them.
 *
 *   max_seq  youngest: faulted in, found used by a walk of page tables   ┐ active, for who counts that
 *   max_seq - 1                                                          ┘
 *   …
 *   min_seq[kind]  oldest: evicted next
 *
 *   lru_gen_aging.ts ── a new youngest generation, after lru_gen_walk.ts looked for used pages in every address space
 *   lru_gen_evict.ts ── takes from the oldest one; lru_gen_ctrl.ts says of which kind, and what came back too often
 *   lru_gen_state.ts ── switches between these lists and the classic ones
 *
 * Within a generation a page has a tier: how often it was read through file descriptors, log2. A page that a walk found used
 * names its new generation at once, but stays on its list until the eviction meets it there.
 *
 * Linux: include/linux/mm_inline.h, include/linux/mmzone.h, mm/swap.c (folio_inc_refs), CONFIG_LRU_GEN of 6.1 with its
 * stable fixes; no CONFIG_LRU_GEN_STATS, so NR_HIST_GENS is 1.
 */
import { C } from '@shared/counters'
import {
  JIFFY_NS,
  MAX_NR_ZONES,
  PF_MEMALLOC,
  PG_active,
  PG_dirty,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
  VM_RAND_READ,
  VM_SEQ_READ,
  type Kernel,
} from '../kernel'
import { list_add, list_add_tail, list_del } from '../lib/list'
import { row_touch } from '../lib/arena'
import { count_memcg_events } from './memcontrol'
import { __update_lru_size, folio_is_file_lru, folio_nr_pages, folio_zone } from './swap'

export const MIN_NR_GENS = 2
export const MAX_NR_GENS = 4
export const MAX_NR_TIERS = 4
export const LRU_GEN_ANON = 0
export const LRU_GEN_FILE = 1
export const ANON_AND_FILE = 2
/** BITS_PER_LONG, and 64 times as many. */
export const MIN_LRU_BATCH = 64
export const MAX_LRU_BATCH = MIN_LRU_BATCH * 64
export const LISTS_PER_LRUVEC = MAX_NR_GENS * ANON_AND_FILE * MAX_NR_ZONES

// ---- bits of /sys/kernel/mm/lru_gen/enabled
export const LRU_GEN_CORE = 1
export const LRU_GEN_MM_WALK = 2
export const LRU_GEN_NONLEAF_YOUNG = 4

// ---- page.lru_gen: generation + 1 (0: on no such list), references beyond PG_referenced and PG_workingset, list it is on
const GEN_MASK = 7
export const LRU_REFS_WIDTH = 2
const REFS_SHIFT = 3
const REFS_MASK = 3 << REFS_SHIFT
const LIST_SHIFT = 5
const REFS_ONE = 1 << REFS_SHIFT

export function lru_gen_enabled(k: Kernel): boolean {
  return (k.var.lru_gen_caps & LRU_GEN_CORE) !== 0
}
export function lru_gen_from_seq(seq: number): number {
  return seq % MAX_NR_GENS
}
/** Row of k.lru_gen for the pages of a cgroup. */
export function lru_gen_row(memcg: number): number {
  return memcg + 1
}
/** Row of k.lru_gen_list. */
export function lru_gen_list(memcg: number, gen: number, type: number, zone: number): number {
  return 1 + memcg * LISTS_PER_LRUVEC + (gen * ANON_AND_FILE + type) * MAX_NR_ZONES + zone
}
/** Generation of a page, -1 when it is in none. */
export function folio_lru_gen(k: Kernel, pfn: number): number {
  return (k.page.lru_gen[pfn]! & GEN_MASK) - 1
}
/** Whose list it is on: the generation that it had when it was put there. */
export function folio_list_gen(k: Kernel, pfn: number): number {
  return k.page.lru_gen[pfn]! >> LIST_SHIFT
}
export function folio_type(k: Kernel, pfn: number): number {
  return folio_is_file_lru(k, pfn) ? LRU_GEN_FILE : LRU_GEN_ANON
}
/** Accesses beyond the first, up to 4. */
export function folio_lru_refs(k: Kernel, pfn: number): number {
  const workingset = (k.page.flags[pfn]! & PG_workingset) !== 0 ? 1 : 0
  return ((k.page.lru_gen[pfn]! & REFS_MASK) >> REFS_SHIFT) + workingset
}
/** order_base_2(refs + 1). */
export function lru_tier_from_refs(refs: number): number {
  return refs < 2 ? refs : refs < 4 ? 2 : 3
}
export function get_nr_gens(k: Kernel, row: number, type: number): number {
  return k.lru_gen.max_seq[row]! - k.lru_gen.min_seq[row * ANON_AND_FILE + type]! + 1
}
/** The two youngest generations count as active. */
export function lru_gen_is_active(k: Kernel, row: number, gen: number): boolean {
  const max_seq = k.lru_gen.max_seq[row]!
  return gen === lru_gen_from_seq(max_seq) || gen === lru_gen_from_seq(max_seq - 1)
}
/** Is a page counted as active, on these lists or the classic ones? */
export function folio_counts_as_active(k: Kernel, pfn: number): boolean {
  const gen = folio_lru_gen(k, pfn)
  if (gen < 0) return (k.page.flags[pfn]! & PG_active) !== 0
  return lru_gen_is_active(k, lru_gen_row(k.page.memcg[pfn]!), gen)
}
/** Pages of a generation, kind and zone: index into k.lru_gen.nr_pages. */
export function nr_pages_at(row: number, gen: number, type: number, zone: number): number {
  return row * LISTS_PER_LRUVEC + (gen * ANON_AND_FILE + type) * MAX_NR_ZONES + zone
}

/** lru_gen_init_lruvec: a new lruvec has all four generations, empty. */
export function lru_gen_init_lruvec(k: Kernel, memcg: number): void {
  const row = lru_gen_row(memcg)
  row_touch(k.lru_gen, row)
  row_touch(k.lru_gen_list, lru_gen_list(memcg + 1, 0, 0, 0) - 1)
  const g = k.lru_gen
  const now = Math.floor(k.var.now / JIFFY_NS)
  g.max_seq[row] = MIN_NR_GENS + 1
  g.min_seq.fill(0, row * ANON_AND_FILE, (row + 1) * ANON_AND_FILE)
  g.timestamps.fill(now, row * MAX_NR_GENS, (row + 1) * MAX_NR_GENS)
  for (const column of [g.avg_refaulted, g.avg_total, g.refaulted, g.evicted])
    column.fill(0, row * TIERS_PER_LRUVEC, (row + 1) * TIERS_PER_LRUVEC)
  g.protected.fill(0, row * PROTECTED_PER_LRUVEC, (row + 1) * PROTECTED_PER_LRUVEC)
  g.mm_seq[row] = MIN_NR_GENS
  g.mm_new[row] = 0
}
const TIERS_PER_LRUVEC = ANON_AND_FILE * MAX_NR_TIERS
const PROTECTED_PER_LRUVEC = ANON_AND_FILE * (MAX_NR_TIERS - 1)

// ---------------------------------------------------------------- coming, going, moving

/** Counts pages that come (old_gen -1), leave (new_gen -1) or change their generation. */
export function lru_gen_update_size(k: Kernel, pfn: number, old_gen: number, new_gen: number): void {
  const memcg = k.page.memcg[pfn]!
  const row = lru_gen_row(memcg)
  const type = folio_type(k, pfn)
  const zone = folio_zone(k, pfn)
  const nr = folio_nr_pages(k, pfn)
  const nr_pages = k.lru_gen.nr_pages
  if (old_gen >= 0) nr_pages[nr_pages_at(row, old_gen, type, zone)]! -= nr
  if (new_gen >= 0) nr_pages[nr_pages_at(row, new_gen, type, zone)]! += nr
  const lru = type * 2
  const was = old_gen >= 0 && lru_gen_is_active(k, row, old_gen)
  const is = new_gen >= 0 && lru_gen_is_active(k, row, new_gen)
  if (old_gen < 0) __update_lru_size(k, memcg, zone, is ? lru + 1 : lru, nr)
  else if (new_gen < 0) __update_lru_size(k, memcg, zone, was ? lru + 1 : lru, -nr)
  else if (is && !was) {
    __update_lru_size(k, memcg, zone, lru, -nr)
    __update_lru_size(k, memcg, zone, lru + 1, nr)
  }
}

/**
 * Puts a page into a generation; false when that is not for it (unevictable). Hot ones are youngest,
 * what cannot be evicted at once goes to the second youngest, what should go first (`reclaiming`) to the oldest.
 */
export function lru_gen_add_folio(k: Kernel, pfn: number, reclaiming: boolean): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_unevictable) !== 0) return false
  const memcg = k.page.memcg[pfn]!
  const row = lru_gen_row(memcg)
  const type = (flags & PG_swapbacked) !== 0 ? LRU_GEN_ANON : LRU_GEN_FILE
  const max_seq = k.lru_gen.max_seq[row]!
  const min_seq = k.lru_gen.min_seq[row * ANON_AND_FILE + type]!
  const waits = (flags & PG_reclaim) !== 0 && (flags & (PG_dirty | PG_writeback)) !== 0
  let seq: number
  if ((flags & PG_active) !== 0) seq = max_seq
  else if ((type === LRU_GEN_ANON && (flags & PG_swapcache) === 0) || waits) seq = max_seq - 1
  else if (reclaiming || min_seq + MIN_NR_GENS >= max_seq) seq = min_seq
  else seq = min_seq + 1
  const gen = lru_gen_from_seq(seq)
  k.page.flags[pfn] = flags & ~PG_active
  k.page.lru_gen[pfn] = (k.page.lru_gen[pfn]! & REFS_MASK) | (gen + 1) | (gen << LIST_SHIFT)
  lru_gen_update_size(k, pfn, -1, gen)
  const list = lru_gen_list(memcg, gen, type, folio_zone(k, pfn))
  if (reclaiming) list_add_tail(k.lru_gen_list, list, k.page, pfn)
  else list_add(k.lru_gen_list, list, k.page, pfn)
  return true
}

/** Takes a page out of its generation; false when it is in none. One that is not reclaimed remembers that it was active. */
export function lru_gen_del_folio(k: Kernel, pfn: number, reclaiming: boolean): boolean {
  const gen = folio_lru_gen(k, pfn)
  if (gen < 0) return false
  const memcg = k.page.memcg[pfn]!
  list_del(k.lru_gen_list, list_of(k, pfn), k.page, pfn)
  if (!reclaiming && lru_gen_is_active(k, lru_gen_row(memcg), gen)) k.page.flags[pfn]! |= PG_active
  k.page.lru_gen[pfn]! &= REFS_MASK
  lru_gen_update_size(k, pfn, gen, -1)
  return true
}

function list_of(k: Kernel, pfn: number): number {
  return lru_gen_list(k.page.memcg[pfn]!, folio_list_gen(k, pfn), folio_type(k, pfn), folio_zone(k, pfn))
}
/** To the list of the generation it has: its head, or its tail, which the eviction meets first. */
export function lru_gen_move(k: Kernel, pfn: number, tail: boolean): void {
  list_del(k.lru_gen_list, list_of(k, pfn), k.page, pfn)
  k.page.lru_gen[pfn] = (k.page.lru_gen[pfn]! & (GEN_MASK | REFS_MASK)) | (folio_lru_gen(k, pfn) << LIST_SHIFT)
  if (tail) list_add_tail(k.lru_gen_list, list_of(k, pfn), k.page, pfn)
  else list_add(k.lru_gen_list, list_of(k, pfn), k.page, pfn)
}

/** Forgets how often a page was accessed through file descriptors (LRU_REFS_MASK | LRU_REFS_FLAGS). */
export function folio_clear_refs(k: Kernel, pfn: number): void {
  k.page.lru_gen[pfn]! &= ~REFS_MASK
  k.page.flags[pfn]! &= ~(PG_referenced | PG_workingset)
}

/** As if it had been accessed through file descriptors as often as is counted. */
export function folio_max_refs(k: Kernel, pfn: number): void {
  k.page.lru_gen[pfn]! |= REFS_MASK
  k.page.flags[pfn]! |= PG_workingset
}

/** A walk or the reverse map found a page used: its generation from now on; the one it had, -1 when it was isolated. */
export function folio_update_gen(k: Kernel, pfn: number, gen: number): number {
  const old = folio_lru_gen(k, pfn)
  if (old < 0) {
    // For shrink_folio_list.
    k.page.flags[pfn]! |= PG_referenced
    return -1
  }
  folio_clear_refs(k, pfn)
  k.page.lru_gen[pfn] = (k.page.lru_gen[pfn]! & ~GEN_MASK) | (gen + 1)
  if (old !== gen) lru_gen_update_size(k, pfn, old, gen)
  return old
}

/** From the oldest generation into the next one, unless it was promoted meanwhile. The generation it has then. */
export function folio_inc_gen(k: Kernel, pfn: number, reclaiming: boolean): number {
  const row = lru_gen_row(k.page.memcg[pfn]!)
  const old_gen = lru_gen_from_seq(k.lru_gen.min_seq[row * ANON_AND_FILE + folio_type(k, pfn)]!)
  const gen = folio_lru_gen(k, pfn)
  if (gen !== old_gen) return gen
  const new_gen = (old_gen + 1) % MAX_NR_GENS
  folio_clear_refs(k, pfn)
  k.page.lru_gen[pfn] = (k.page.lru_gen[pfn]! & ~GEN_MASK) | (new_gen + 1)
  if (reclaiming) k.page.flags[pfn]! |= PG_reclaim
  lru_gen_update_size(k, pfn, old_gen, new_gen)
  return new_gen
}

// ---------------------------------------------------------------- uses

/** mark_page_accessed: referenced, workingset, then the count that makes the upper tiers. */
export function folio_inc_refs(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_unevictable) !== 0) return
  if ((flags & PG_referenced) === 0) k.page.flags[pfn] = flags | PG_referenced
  else if ((flags & PG_workingset) === 0) k.page.flags[pfn] = flags | PG_workingset
  else if ((k.page.lru_gen[pfn]! & REFS_MASK) !== REFS_MASK) k.page.lru_gen[pfn]! += REFS_ONE
}

/** The running task takes a fault: what it brings in is hot, unless the area is read in order or at random. */
export function lru_gen_enter_fault(k: Kernel, vma: number): void {
  const advised = (k.vma.vm_flags[vma]! & (VM_SEQ_READ | VM_RAND_READ)) !== 0
  k.task.in_lru_fault[k.var.current] = advised || k.var.current === 0 ? 0 : 1
}
export function lru_gen_exit_fault(k: Kernel): void {
  k.task.in_lru_fault[k.var.current] = 0
}
export function lru_gen_in_fault(k: Kernel): boolean {
  return k.task.in_lru_fault[k.var.current] !== 0
}
/** Is a page that goes to the lists now hot from the start (folio_add_lru)? */
export function lru_gen_hot(k: Kernel, pfn: number): boolean {
  if ((k.page.flags[pfn]! & PG_unevictable) !== 0 || !lru_gen_in_fault(k)) return false
  return (k.task.flags[k.var.current]! & PF_MEMALLOC) === 0
}

export function count_lru_gen(k: Kernel, memcg: number, event: number, nr: number): void {
  k.vmstat[event]! += nr
  count_memcg_events(k, memcg, event, nr)
}
export const WORKINGSET_REFAULT = [C.workingset_refault_anon, C.workingset_refault_file] as const
export const WORKINGSET_ACTIVATE = [C.workingset_activate_anon, C.workingset_activate_file] as const
export const WORKINGSET_RESTORE = [C.workingset_restore_anon, C.workingset_restore_file] as const
