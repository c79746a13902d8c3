/**
 * The LRU lists and the way pages come to them: through per-CPU batches of 15, so that a page is on its list, and in
 * the counts, only when its batch is drained.
 *
 *   lru_add ─batch─> inactive (head) <─ deactivate ─ active (head) <─batch─ activate (second touch, refault)
 *                    inactive (tail) ─> reclaim
 *                    inactive (tail) <─batch─ rotate (written back for reclaim)
 *
 * Linux: mm/swap.c, include/linux/mm_inline.h. Simplified: pages carry no reference counts, so a page that is freed or
 * isolated leaves its batch at once (Linux keeps it until the drain); PG_isolated on a page of a list says "in a batch".
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  NR_LRU_LISTS,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_head,
  PG_isolated,
  PG_lru,
  PG_mlocked,
  PG_ORDER_SHIFT,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
  VM_LOCKED,
  type Kernel,
} from '../kernel'
import { list_add, list_add_tail, list_del } from '../lib/list'
import { zone_of } from './buddy'
import { undo_deferred_split } from './deferred_split'
import { compound_ref_count } from './huge_memory'
import { count_memcg_events, mem_cgroup_uncharge, mod_lruvec_lru_size, parent_lruvec } from './memcontrol'
import { is_gathered } from './mmu_gather'
import { free_pages, mod_zone_page_state } from './page_alloc'
import { folio_inc_refs, lru_gen_add_folio, lru_gen_del_folio, lru_gen_enabled, lru_gen_hot } from './lru_gen'
import { try_to_free_swap } from './swapfile'
import { workingset_activation } from './workingset'

export const PAGEVEC_SIZE = 15
const LRU_ADD = 0
const LRU_ROTATE = 1
const LRU_DEACTIVATE_FILE = 2
const LRU_DEACTIVATE = 3
const LRU_LAZYFREE = 4
const LRU_ACTIVATE = 5
const NR_BATCHES = 6
const BATCHES_PER_CPU = 8

// ---------------------------------------------------------------- what a page is

export function folio_zone(k: Kernel, pfn: number): number {
  return zone_of(k, pfn)
}
export function folio_nr_pages(k: Kernel, pfn: number): number {
  const flags = k.page.flags[pfn]!
  return (flags & PG_head) === 0 ? 1 : 1 << ((flags >>> PG_ORDER_SHIFT) & 15)
}
export function folio_is_file_lru(k: Kernel, pfn: number): boolean {
  return (k.page.flags[pfn]! & PG_swapbacked) === 0
}
export function folio_evictable(k: Kernel, pfn: number): boolean {
  return (k.page.flags[pfn]! & PG_mlocked) === 0
}
export function folio_lru_list(flags: number): number {
  if ((flags & PG_unevictable) !== 0) return LRU_UNEVICTABLE
  const lru = (flags & PG_swapbacked) !== 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE
  return (flags & PG_active) !== 0 ? lru + 1 : lru
}
/** Row of k.lru for a list of a memory cgroup. */
export function lru_row(memcg: number, lru: number): number {
  return 1 + memcg * NR_LRU_LISTS + lru
}

// ---------------------------------------------------------------- lists

export function lruvec_add_folio(k: Kernel, pfn: number): void {
  if (lru_gen_enabled(k) && lru_gen_add_folio(k, pfn, false)) return
  const lru = folio_lru_list(k.page.flags[pfn]!)
  update_lru_size(k, pfn, lru, folio_nr_pages(k, pfn))
  if (lru !== LRU_UNEVICTABLE) list_add(k.lru, lru_row(k.page.memcg[pfn]!, lru), k.page, pfn)
}
export function lruvec_add_folio_tail(k: Kernel, pfn: number): void {
  if (lru_gen_enabled(k) && lru_gen_add_folio(k, pfn, true)) return
  const lru = folio_lru_list(k.page.flags[pfn]!)
  update_lru_size(k, pfn, lru, folio_nr_pages(k, pfn))
  if (lru !== LRU_UNEVICTABLE) list_add_tail(k.lru, lru_row(k.page.memcg[pfn]!, lru), k.page, pfn)
}
export function lruvec_del_folio(k: Kernel, pfn: number, reclaiming = false): void {
  if (k.page.lru_gen[pfn] !== 0 && lru_gen_del_folio(k, pfn, reclaiming)) return
  const lru = folio_lru_list(k.page.flags[pfn]!)
  if (lru !== LRU_UNEVICTABLE) list_del(k.lru, lru_row(k.page.memcg[pfn]!, lru), k.page, pfn)
  update_lru_size(k, pfn, lru, -folio_nr_pages(k, pfn))
}
/** Unevictable pages are counted, but on no list (6.1 keeps their mlock count in the links). */
function update_lru_size(k: Kernel, pfn: number, lru: number, nr: number): void {
  const memcg = k.page.memcg[pfn]!
  __update_lru_size(k, memcg, folio_zone(k, pfn), lru, nr)
  const row = lru_row(memcg, lru)
  if (row >= k.lru.meta.high) k.lru.meta.high = row + 1
  k.lru.nr[row]! += nr
}
/** The counters of a kind of page; lists keep their own length. */
export function __update_lru_size(k: Kernel, memcg: number, zone: number, lru: number, nr: number): void {
  k.vmstat[C.nr_inactive_anon + lru]! += nr
  mod_zone_page_state(k, zone, C.nr_zone_inactive_anon + lru, nr)
  k.zone.nr_lru[(zone + 1) * 5 + lru]! += nr
  if (memcg !== 0) mod_lruvec_lru_size(k, memcg, lru, nr)
}

// ---------------------------------------------------------------- batches

function batch_add(k: Kernel, kind: number, pfn: number): void {
  const row = 1 + k.var.cpu * BATCHES_PER_CPU + kind
  if (row >= k.lru_batch.meta.high) k.lru_batch.meta.high = row + 1
  const nr = k.lru_batch.nr[row]!
  k.lru_batch.pfn[row * PAGEVEC_SIZE + nr] = pfn
  k.lru_batch.nr[row] = nr + 1
  if (kind === LRU_ADD)
    k.page.prev[pfn] = -row // not on a list yet: the way back to its batch
  else k.page.flags[pfn]! |= PG_isolated
  if (nr + 1 === PAGEVEC_SIZE || (k.page.flags[pfn]! & PG_head) !== 0) drain_batch(k, row, kind)
}

function drain_batch(k: Kernel, row: number, kind: number): void {
  const { nr, pfn: pages } = k.lru_batch
  const count = nr[row]!
  nr[row] = 0
  for (let i = 0; i < count; i++) {
    const pfn = pages[row * PAGEVEC_SIZE + i]!
    pages[row * PAGEVEC_SIZE + i] = 0
    if (kind === LRU_ADD) {
      k.page.prev[pfn] = 0
      lru_add_fn(k, pfn)
      continue
    }
    k.page.flags[pfn]! &= ~PG_isolated
    if (kind === LRU_ROTATE) lru_move_tail_fn(k, pfn)
    else if (kind === LRU_ACTIVATE) folio_activate_fn(k, pfn)
    else if (kind === LRU_DEACTIVATE) lru_deactivate_fn(k, pfn)
    else if (kind === LRU_DEACTIVATE_FILE) lru_deactivate_file_fn(k, pfn)
    else lru_lazyfree_fn(k, pfn)
  }
}

/** Drains the batches of the running CPU. */
export function lru_add_drain(k: Kernel): void {
  lru_add_drain_cpu(k, k.var.cpu)
}
export function lru_add_drain_all(k: Kernel): void {
  for (let cpu = 0; cpu < k.config.cpus; cpu++) lru_add_drain_cpu(k, cpu)
}
function lru_add_drain_cpu(k: Kernel, cpu: number): void {
  const first = 1 + cpu * BATCHES_PER_CPU
  for (let kind = 0; kind < NR_BATCHES; kind++)
    if (k.lru_batch.nr[first + kind] !== 0) drain_batch(k, first + kind, kind)
}

/** Takes a page out of whatever batch it is in. */
function batch_remove(k: Kernel, pfn: number): void {
  const row = k.page.prev[pfn]!
  if ((k.page.flags[pfn]! & PG_lru) === 0 && row < 0) {
    k.page.prev[pfn] = 0
    remove_from(k, -row, pfn)
    return
  }
  k.page.flags[pfn]! &= ~PG_isolated
  for (let r = 1; r < k.lru_batch.meta.high; r++) if (k.lru_batch.nr[r] !== 0) remove_from(k, r, pfn)
}
function remove_from(k: Kernel, row: number, pfn: number): void {
  const { nr, pfn: pages } = k.lru_batch
  const base = row * PAGEVEC_SIZE
  for (let i = 0; i < nr[row]!; i++) {
    if (pages[base + i] !== pfn) continue
    pages.copyWithin(base + i, base + i + 1, base + nr[row]!)
    pages[base + --nr[row]!] = 0
    i--
  }
}

function lru_add_fn(k: Kernel, pfn: number): void {
  const was_unevictable = (k.page.flags[pfn]! & PG_unevictable) !== 0
  k.page.flags[pfn] = (k.page.flags[pfn]! & ~PG_unevictable) | PG_lru
  if (folio_evictable(k, pfn)) {
    if (was_unevictable) k.vmstat[C.unevictable_pgs_rescued]! += folio_nr_pages(k, pfn)
  } else {
    k.page.flags[pfn] = (k.page.flags[pfn]! & ~PG_active) | PG_unevictable
    if (!was_unevictable) k.vmstat[C.unevictable_pgs_culled]! += folio_nr_pages(k, pfn)
  }
  lruvec_add_folio(k, pfn)
}
function lru_move_tail_fn(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & PG_unevictable) !== 0) return
  lruvec_del_folio(k, pfn)
  k.page.flags[pfn]! &= ~PG_active
  lruvec_add_folio_tail(k, pfn)
  k.vmstat[C.pgrotated]! += folio_nr_pages(k, pfn)
}
function folio_activate_fn(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & (PG_active | PG_unevictable)) !== 0) return
  lruvec_del_folio(k, pfn)
  k.page.flags[pfn]! |= PG_active
  lruvec_add_folio(k, pfn)
  count(k, pfn, C.pgactivate)
}
function lru_deactivate_fn(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_unevictable) !== 0 || ((flags & PG_active) === 0 && !lru_gen_enabled(k))) return
  lruvec_del_folio(k, pfn)
  k.page.flags[pfn]! &= ~(PG_active | PG_referenced)
  lruvec_add_folio(k, pfn)
  count(k, pfn, C.pgdeactivate)
}
function lru_deactivate_file_fn(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  // Some processes map it: leave it.
  if ((flags & PG_unevictable) !== 0 || k.page.mapcount[pfn] !== 0) return
  const active = (flags & PG_active) !== 0
  lruvec_del_folio(k, pfn)
  k.page.flags[pfn]! &= ~(PG_active | PG_referenced)
  if ((flags & (PG_writeback | PG_dirty)) !== 0) {
    lruvec_add_folio(k, pfn)
    k.page.flags[pfn]! |= PG_reclaim
  } else {
    lruvec_add_folio_tail(k, pfn)
    k.vmstat[C.pgrotated]! += folio_nr_pages(k, pfn)
  }
  if (active) count(k, pfn, C.pgdeactivate)
}
function lru_lazyfree_fn(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  const lazy = (flags & PG_anon) !== 0 && (flags & PG_swapbacked) !== 0
  if (!lazy || (flags & (PG_swapcache | PG_unevictable)) !== 0) return
  lruvec_del_folio(k, pfn)
  // Lazily freed anonymous pages count as file pages: clean, droppable.
  k.page.flags[pfn]! &= ~(PG_active | PG_referenced | PG_swapbacked)
  lruvec_add_folio(k, pfn)
  count(k, pfn, C.pglazyfree)
}
function count(k: Kernel, pfn: number, event: number): void {
  const nr = folio_nr_pages(k, pfn)
  k.vmstat[event]! += nr
  count_memcg_events(k, k.page.memcg[pfn]!, event, nr)
}

// ---------------------------------------------------------------- coming and moving

/** A new page goes to its list (folio_add_lru). */
export function lru_cache_add(k: Kernel, pfn: number): void {
  assert((k.page.flags[pfn]! & PG_lru) === 0, 'lru_cache_add: already on a list')
  if (lru_gen_enabled(k) && lru_gen_hot(k, pfn)) k.page.flags[pfn]! |= PG_active
  batch_add(k, LRU_ADD, pfn)
}
export const folio_add_lru = lru_cache_add

/** The same for a page of a VMA: locked ones are unevictable from the start. */
export function lru_cache_add_inactive_or_unevictable(k: Kernel, pfn: number, vma: number): void {
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0 && (k.page.flags[pfn]! & PG_mlocked) === 0) {
    const nr = folio_nr_pages(k, pfn)
    k.page.flags[pfn]! |= PG_mlocked
    mod_zone_page_state(k, folio_zone(k, pfn), C.nr_mlock, nr)
    k.vmstat[C.unevictable_pgs_mlocked]! += nr
  }
  lru_cache_add(k, pfn)
}

/** inactive, unreferenced → inactive, referenced → active; the second touch activates. */
export function mark_page_accessed(k: Kernel, pfn: number): void {
  if (lru_gen_enabled(k)) return folio_inc_refs(k, pfn)
  const flags = k.page.flags[pfn]!
  if ((flags & PG_referenced) === 0) k.page.flags[pfn] = flags | PG_referenced
  else if ((flags & (PG_unevictable | PG_active)) === 0) {
    if ((flags & PG_lru) !== 0) folio_activate(k, pfn)
    else if (k.page.prev[pfn]! < 0) k.page.flags[pfn]! |= PG_active
    k.page.flags[pfn]! &= ~PG_referenced
    workingset_activation(k, pfn)
  }
}

export function folio_activate(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  if ((flags & (PG_lru | PG_active | PG_unevictable | PG_isolated)) === PG_lru) batch_add(k, LRU_ACTIVATE, pfn)
}
/** To the tail of the inactive list after a write that reclaim asked for. */
export function folio_rotate_reclaimable(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & PG_isolated) === 0) batch_add(k, LRU_ROTATE, pfn)
}
/** MADV_COLD. */
export function deactivate_page(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  const gen = lru_gen_enabled(k)
  if ((flags & (PG_lru | PG_unevictable | PG_isolated)) === PG_lru && (gen || (flags & PG_active) !== 0))
    batch_add(k, LRU_DEACTIVATE, pfn)
}
/** A page that could not be invalidated: soon to be reclaimed. */
export function deactivate_file_folio(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & (PG_lru | PG_unevictable | PG_isolated)) === PG_lru) batch_add(k, LRU_DEACTIVATE_FILE, pfn)
}
/** MADV_FREE. */
export function mark_page_lazyfree(k: Kernel, pfn: number): void {
  const want = PG_lru | PG_anon | PG_swapbacked
  if ((k.page.flags[pfn]! & (want | PG_swapcache | PG_unevictable | PG_isolated)) === want)
    batch_add(k, LRU_LAZYFREE, pfn)
}

// ---------------------------------------------------------------- isolating and leaving

/** Takes a page off its list for reclaim, compaction or migration; false when it is on none. */
export function isolate_lru_page(k: Kernel, pfn: number, reclaiming = false): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_lru) === 0) return false
  if ((flags & PG_isolated) !== 0) batch_remove(k, pfn)
  lruvec_del_folio(k, pfn, reclaiming)
  k.page.flags[pfn] = (k.page.flags[pfn]! & ~PG_lru) | PG_isolated
  return true
}
/** Off its list: whoever took it holds it, and puts it back or frees it. */
export function is_isolated(k: Kernel, pfn: number): boolean {
  return (k.page.flags[pfn]! & (PG_isolated | PG_lru)) === PG_isolated
}
/** The mapping of a page that left its file, or tmpfs's swap, while it was isolated. */
const ABANDONED = -1
/** Its last user lets go of a page: it is freed, by whoever isolated it if somebody did. */
export function abandon_page(k: Kernel, pfn: number): void {
  if (!is_isolated(k, pfn)) return release_page(k, pfn)
  if ((k.page.flags[pfn]! & PG_anon) === 0) k.page.mapping[pfn] = ABANDONED
}
/**
 * A page that nobody else uses any more: its last entry went, or it left its file, while it was isolated. Whoever holds it
 * is its last user.
 */
export function is_orphan(k: Kernel, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  if (k.page.mapping[pfn] === ABANDONED) return true
  if ((flags & (PG_anon | PG_swapcache)) !== PG_anon || k.page.mapcount[pfn] !== 0 || k.page.mapping[pfn] === 0)
    return false
  return (flags & PG_head) === 0 || compound_ref_count(k, pfn) === 0
}

/** Puts an isolated page back through the batch; one that nobody uses any more is freed. */
export function putback_lru_page(k: Kernel, pfn: number): void {
  k.page.flags[pfn]! &= ~PG_isolated
  if (is_orphan(k, pfn) && !is_gathered(k, pfn)) return free_released(k, pfn)
  lru_cache_add(k, pfn)
}
/** The last user of a page is gone: off the lists, uncharged, back to the allocator (__folio_put). */
export function release_page(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  assert((flags & PG_swapcache) === 0, 'release_page: in the swap cache')
  if ((flags & PG_lru) !== 0) {
    if ((flags & PG_isolated) !== 0) batch_remove(k, pfn)
    lruvec_del_folio(k, pfn)
  } else if (k.page.prev[pfn]! < 0) batch_remove(k, pfn)
  free_released(k, pfn)
}
/** The same for a page that is on no list any more. */
export function free_released(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_head) !== 0) undo_deferred_split(k, pfn)
  if ((flags & PG_mlocked) !== 0) clear_mlocked(k, pfn)
  mem_cgroup_uncharge(k, pfn)
  k.page.flags[pfn] = flags & ~(PG_lru | PG_active | PG_unevictable | PG_workingset | PG_isolated | PG_mlocked)
  k.page.lru_gen[pfn] = 0
  free_pages(k, pfn, (flags & PG_head) === 0 ? 0 : (flags >>> PG_ORDER_SHIFT) & 15)
}

/** A page that is freed with its lock, because no entry that counts for it was left to take it back. */
function clear_mlocked(k: Kernel, pfn: number): void {
  const nr = folio_nr_pages(k, pfn)
  mod_zone_page_state(k, folio_zone(k, pfn), C.nr_mlock, -nr)
  k.vmstat[C.unevictable_pgs_cleared]! += nr
}

/** An anonymous page lost an entry: when it was the last one, the page goes, from the swap cache too if it can. */
export function free_page_and_swap_cache(k: Kernel, pfn: number): void {
  if (k.page.mapcount[pfn] !== 0) return
  const flags = k.page.flags[pfn]!
  if ((flags & PG_swapcache) !== 0 && !try_to_free_swap(k, pfn)) return
  if ((k.page.flags[pfn]! & PG_anon) !== 0) abandon_page(k, pfn)
}

// ---------------------------------------------------------------- costs

/** Reclaim of a kind of page caused I/O: the balance of anon and file remembers it, halving as it grows. */
export function lru_note_cost(k: Kernel, memcg: number, file: boolean, nr_pages: number): void {
  for (let m = memcg; m >= 0; m = parent_lruvec(k, m)) {
    const row = 1 + m
    if (row >= k.lruvec.meta.high) k.lruvec.meta.high = row + 1
    if (file) k.lruvec.file_cost[row]! += nr_pages
    else k.lruvec.anon_cost[row]! += nr_pages
    const size =
      lruvec_size(k, m, LRU_INACTIVE_ANON) +
      lruvec_size(k, m, LRU_ACTIVE_ANON) +
      lruvec_size(k, m, LRU_INACTIVE_FILE) +
      lruvec_size(k, m, LRU_ACTIVE_FILE)
    if (k.lruvec.file_cost[row]! + k.lruvec.anon_cost[row]! > Math.floor(size / 4)) {
      k.lruvec.file_cost[row] = Math.floor(k.lruvec.file_cost[row]! / 2)
      k.lruvec.anon_cost[row] = Math.floor(k.lruvec.anon_cost[row]! / 2)
    }
  }
}
export function lru_note_cost_folio(k: Kernel, pfn: number): void {
  lru_note_cost(k, k.page.memcg[pfn]!, folio_is_file_lru(k, pfn), folio_nr_pages(k, pfn))
}
/** Pages of a list of a cgroup and all below it: for the root, the whole node. */
export function lruvec_size(k: Kernel, memcg: number, lru: number): number {
  return memcg === 0 ? k.vmstat[C.nr_inactive_anon + lru]! : k.memcg.lru_nr[memcg * 5 + lru]!
}
