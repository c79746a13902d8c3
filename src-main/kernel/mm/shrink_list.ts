/**
 * Scanning the lists: 32 pages off the tail, each one judged, the rest put back at the head.
 *
 *   active tail ──shrink_active_list──> inactive head … inactive tail ──shrink_inactive_list──> free
 *                                            ^── referenced once: another round     └─> active: referenced again, busy
 *
 * Linux: mm/vmscan.c. Simplified: a huge page is split before it is swapped out; no demotion to slower memory.
 */
import { C } from '@shared/counters'
import {
  __GFP_FS,
  __GFP_IO,
  LRU_ACTIVE_ANON,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_head,
  PG_isolated,
  PG_locked,
  PG_lru,
  PG_mlocked,
  PG_private,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_workingset,
  PG_writeback,
  TASK_RUNNING,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge, fatal_signal_pending, need_resched } from '../task'
import { try_to_free_buffers } from './buffer'
import { compound_mapcount } from './huge_memory'
import { split_huge_page } from './huge_split'
import { count_memcg_events, count_reclaim_events, mem_cgroup_swap_full } from './memcontrol'
import { memcg_event, MEMCG_SWAP_FAIL } from './memcg_stat'
import { lru_gen_enabled } from './lru_gen'
import { is_gathered } from './mmu_gather'
import { blk_poll } from './page_io'
import { wakeup_flusher_threads } from './page_writeback'
import { __remove_mapping, PAGE_ACTIVATE, PAGE_CLEAN, PAGE_SUCCESS, pageout } from './pageout'
import {
  page_mapcount,
  page_referenced,
  REFERENCED_COUNT,
  REFERENCED_EXEC,
  REFERENCED_LOCKED,
  try_to_unmap,
} from './rmap'
import { cond_resched } from './preempt'
import { SWAP_CLUSTER_MAX, type ScanControl } from './scan_count'
import {
  folio_evictable,
  folio_is_file_lru,
  folio_nr_pages,
  folio_zone,
  free_released,
  is_isolated,
  is_orphan,
  isolate_lru_page,
  lru_add_drain,
  lru_note_cost,
  lru_row,
  lruvec_add_folio,
  putback_lru_page,
} from './swap'
import { try_to_free_swap } from './swapfile'
import { add_to_swap } from './swap_state'
import { pgdat, reclaim_throttle, THROTTLE_ISOLATED } from './throttle'
import { workingset_age_nonresident } from './workingset'

interface ReclaimStat {
  nr_dirty: number
  nr_unqueued_dirty: number
  nr_congested: number
  nr_writeback: number
  nr_immediate: number
  nr_pageout: number
  nr_activate: number
}
function reclaim_stat(): ReclaimStat {
  return {
    nr_dirty: 0,
    nr_unqueued_dirty: 0,
    nr_congested: 0,
    nr_writeback: 0,
    nr_immediate: 0,
    nr_pageout: 0,
    nr_activate: 0,
  }
}

/** Takes up to `nr_to_scan` pages off the tail of a list; pages of zones that do not help stay, at the head. */
function isolate_lru_folios(k: Kernel, nr_to_scan: number, memcg: number, sc: ScanControl, lru: number) {
  const row = lru_row(memcg, lru)
  const taken: number[] = []
  const skipped: number[] = []
  let scan = 0
  let total_scan = 0
  let nr_taken = 0
  for (let pfn = k.lru.tail[row]!; pfn !== 0 && scan < nr_to_scan;) {
    const prev = k.page.prev[pfn]!
    const nr = folio_nr_pages(k, pfn)
    total_scan += nr
    if (folio_zone(k, pfn) > sc.reclaim_idx) {
      k.vmstat[C.pgskip_dma + folio_zone(k, pfn)]! += nr
      skipped.push(pfn)
    } else {
      scan += nr
      if (sc.may_unmap || k.page.mapcount[pfn] === 0) {
        isolate_lru_page(k, pfn)
        taken.push(pfn)
        nr_taken += nr
      } else skipped.push(pfn)
    }
    pfn = prev
  }
  for (const pfn of skipped) {
    isolate_lru_page(k, pfn)
    k.page.flags[pfn] = (k.page.flags[pfn]! & ~PG_isolated) | PG_lru
    lruvec_add_folio(k, pfn)
  }
  return { taken, nr_scanned: total_scan, nr_taken }
}

/** Puts pages back, in their order, at the head of the lists that their flags name. */
export function move_folios_to_lru(k: Kernel, list: readonly number[]): number {
  let nr_moved = 0
  for (const pfn of list) {
    if (!folio_evictable(k, pfn) || is_orphan(k, pfn)) {
      putback_lru_page(k, pfn)
      continue
    }
    k.page.flags[pfn] = (k.page.flags[pfn]! & ~PG_isolated) | PG_lru
    lruvec_add_folio(k, pfn)
    const nr = folio_nr_pages(k, pfn)
    nr_moved += nr
    if ((k.page.flags[pfn]! & PG_active) !== 0) workingset_age_nonresident(k, k.page.memcg[pfn]!, nr)
  }
  return nr_moved
}

// ---------------------------------------------------------------- inactive

/** Pages of an inactive list on their way. Plain data: kswapd may give way in the middle of them. */
export interface InactiveScan {
  readonly lru: number
  readonly nr_taken: number
  readonly batch: FolioBatch
}

/** The first half of shrink_inactive_list: takes up to `nr_to_scan` pages off the tail. */
export function isolate_inactive(
  k: Kernel,
  nr_to_scan: number,
  memcg: number,
  sc: ScanControl,
  lru: number,
): InactiveScan {
  const file = lru > LRU_ACTIVE_ANON
  if (too_many_isolated(k, file, sc)) {
    reclaim_throttle(k, sc, THROTTLE_ISOLATED)
    if (fatal_signal_pending(k, k.var.current))
      return { lru, nr_taken: 0, batch: { ...folio_batch([]), nr_reclaimed: SWAP_CLUSTER_MAX } }
  }
  lru_add_drain(k)
  const { taken, nr_scanned, nr_taken } = isolate_lru_folios(k, nr_to_scan, memcg, sc, lru)
  k.vmstat[file ? C.nr_isolated_file : C.nr_isolated_anon]! += nr_taken
  const scan = sc.kswapd ? C.pgscan_kswapd : C.pgscan_direct
  count_reclaim_events(k, sc.target, memcg, scan, nr_scanned)
  k.vmstat[file ? C.pgscan_file : C.pgscan_anon]! += nr_scanned
  return { lru, nr_taken, batch: folio_batch(taken) }
}

/** The second half: judges them and puts back what stays; false when kswapd is to give way first. */
export function shrink_inactive_list(k: Kernel, memcg: number, sc: ScanControl, scan: InactiveScan): boolean {
  const { lru, nr_taken, batch } = scan
  if (nr_taken === 0) return true
  if (!shrink_folio_list(k, batch, sc, false)) return false
  const file = lru > LRU_ACTIVE_ANON
  const { stat, nr_reclaimed } = batch
  move_folios_to_lru(k, batch.keep)
  k.vmstat[file ? C.nr_isolated_file : C.nr_isolated_anon]! -= nr_taken
  const steal = sc.kswapd ? C.pgsteal_kswapd : C.pgsteal_direct
  count_reclaim_events(k, sc.target, memcg, steal, nr_reclaimed)
  k.vmstat[file ? C.pgsteal_file : C.pgsteal_anon]! += nr_reclaimed
  lru_note_cost(k, memcg, file, stat.nr_pageout)
  // Only dirty pages that no flusher has queued: it is not doing its job.
  if (stat.nr_unqueued_dirty === nr_taken) wakeup_flusher_threads(k)
  sc.nr.dirty += stat.nr_dirty
  sc.nr.congested += stat.nr_congested
  sc.nr.unqueued_dirty += stat.nr_unqueued_dirty
  sc.nr.writeback += stat.nr_writeback
  sc.nr.immediate += stat.nr_immediate
  sc.nr.taken += nr_taken
  if (file) sc.nr.file_taken += nr_taken
  return true
}

/** Direct reclaimers stand back when more pages are isolated than are on the list. */
function too_many_isolated(k: Kernel, file: boolean, sc: ScanControl): boolean {
  if (sc.kswapd || sc.target !== 0) return false
  const inactive = k.vmstat[file ? C.nr_inactive_file : C.nr_inactive_anon]!
  const isolated = k.vmstat[file ? C.nr_isolated_file : C.nr_isolated_anon]!
  const both = __GFP_IO | __GFP_FS
  return isolated > ((sc.gfp & both) === both ? inactive >> 3 : inactive)
}

const Verdict = { Free: 0, Keep: 1, Activate: 2 } as const
type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** Isolated pages that are being judged, oldest first; `at`: the next one. Plain data. */
export interface FolioBatch {
  readonly list: number[]
  at: number
  /** What stays, and what goes when all are judged. */
  readonly keep: number[]
  readonly free: number[]
  readonly stat: ReclaimStat
  nr_reclaimed: number
}
export function folio_batch(list: number[]): FolioBatch {
  return { list, at: 0, keep: [], free: [], stat: reclaim_stat(), nr_reclaimed: 0 }
}

/**
 * Judges isolated pages, oldest first, and frees at the end what can go. False when kswapd, which gives way between two
 * pages, has more to judge.
 */
export function shrink_folio_list(k: Kernel, batch: FolioBatch, sc: ScanControl, ignore_references: boolean): boolean {
  const { list, stat, free } = batch
  while (batch.at < list.length) {
    judge_folio(k, list[batch.at++]!, batch, sc, ignore_references)
    if (sc.kswapd && batch.at < list.length && kswapd_gives_way(k)) return false
  }
  // The list is a stack: what was judged last goes first.
  for (let pfn = free.pop(); pfn !== undefined; pfn = free.pop()) free_released(k, pfn)
  k.vmstat[C.pgactivate]! += stat.nr_activate
  stat.nr_activate = 0
  return true
}
/** cond_resched of kswapd: somebody is to run, or it waits for its own write. */
function kswapd_gives_way(k: Kernel): boolean {
  return need_resched(k) || k.task.state[k.var.current] !== TASK_RUNNING
}

function judge_folio(k: Kernel, pfn: number, batch: FolioBatch, sc: ScanControl, ignore_references: boolean): void {
  const nr = folio_nr_pages(k, pfn)
  charge(k, COST.scan_page)
  cond_resched(k)
  // Interrupts come at any time: a write that ends while its page is isolated does not rotate it.
  blk_poll(k)
  if ((k.page.flags[pfn]! & PG_locked) !== 0) {
    batch.keep.push(pfn)
    return
  }
  sc.nr_scanned += nr
  const verdict = shrink_folio(k, pfn, nr, sc, batch.stat, batch.list, ignore_references)
  if (verdict === Verdict.Free) {
    batch.nr_reclaimed += nr
    if ((k.page.flags[pfn]! & PG_head) !== 0) free_released(k, pfn)
    else batch.free.push(pfn)
    return
  }
  if (verdict === Verdict.Activate) activate_locked(k, pfn, batch.stat)
  batch.keep.push(pfn)
}

function activate_locked(k: Kernel, pfn: number, stat: ReclaimStat): void {
  const mlocked = (k.page.flags[pfn]! & PG_mlocked) !== 0
  // Not a candidate for swapping, so its slot is better used by another page.
  if ((k.page.flags[pfn]! & PG_swapcache) !== 0 && (mlocked || mem_cgroup_swap_full(k, pfn))) try_to_free_swap(k, pfn)
  if (mlocked) return
  const nr = folio_nr_pages(k, pfn)
  k.page.flags[pfn]! |= PG_active
  stat.nr_activate += nr
  count_memcg_events(k, k.page.memcg[pfn]!, C.pgactivate, nr)
}

function shrink_folio(
  k: Kernel,
  pfn: number,
  nr: number,
  sc: ScanControl,
  stat: ReclaimStat,
  list: number[],
  ignore_references: boolean,
): Verdict {
  const { flags, mapping } = k.page
  // Its last user has exited since it was isolated.
  if (is_orphan(k, pfn)) return Verdict.Keep
  if (!folio_evictable(k, pfn)) return Verdict.Activate
  if (!sc.may_unmap && page_mapcount(k, pfn) !== 0) return Verdict.Keep
  // A walk of page tables tried to promote it meanwhile.
  if (!ignore_references && lru_gen_enabled(k) && (flags[pfn]! & PG_referenced) !== 0 && page_mapcount(k, pfn) !== 0)
    return Verdict.Keep
  const writeback = (flags[pfn]! & PG_writeback) !== 0
  const dirty = folio_is_file_lru(k, pfn) && (flags[pfn]! & PG_dirty) !== 0 && (flags[pfn]! & PG_anon) === 0
  const wb_file = folio_is_file_lru(k, pfn) && writeback
  if (dirty || wb_file) stat.nr_dirty += nr
  if (dirty && !writeback) stat.nr_unqueued_dirty += nr
  if (wb_file && (flags[pfn]! & PG_reclaim) !== 0) stat.nr_congested += nr
  if (writeback) {
    if (sc.kswapd && (flags[pfn]! & PG_reclaim) !== 0 && pgdat(k).writeback) stat.nr_immediate += nr
    else {
      flags[pfn]! |= PG_reclaim
      stat.nr_writeback += nr
    }
    return Verdict.Activate
  }

  let reclaim_clean = false
  if (!ignore_references) {
    const references = folio_check_references(k, pfn)
    if (references === REF_ACTIVATE) return Verdict.Activate
    if (references === REF_KEEP) return Verdict.Keep
    reclaim_clean = references === REF_RECLAIM_CLEAN
  }

  const anon = (flags[pfn]! & PG_anon) !== 0
  const swapbacked = (flags[pfn]! & PG_swapbacked) !== 0
  if (anon && swapbacked && (flags[pfn]! & PG_swapcache) === 0) {
    if ((sc.gfp & __GFP_IO) === 0) return Verdict.Keep
    if ((flags[pfn]! & PG_head) !== 0) {
      // Without a PMD entry some of its parts may be free already; with one it is a whole that no run of slots is for.
      const entire = compound_mapcount(k, pfn) > 0
      if (entire) memcg_event(k, k.page.memcg[pfn]!, MEMCG_SWAP_FAIL)
      if (!split_isolated(k, pfn, list)) return Verdict.Activate
      if (entire) k.vmstat[C.thp_swpout_fallback]!++
      sc.nr_scanned -= nr - 1
      nr = 1
    }
    if (!add_to_swap(k, pfn)) return Verdict.Activate
  }
  if (page_mapcount(k, pfn) !== 0 && !try_to_unmap(k, pfn)) return Verdict.Activate

  if ((flags[pfn]! & PG_dirty) !== 0 && !(anon && !swapbacked)) {
    if (folio_is_file_lru(k, pfn) && !(sc.kswapd && (flags[pfn]! & PG_reclaim) !== 0 && pgdat(k).dirty)) {
      // Reclaim it as soon as the flusher has written it.
      k.vmstat[C.nr_vmscan_immediate_reclaim]! += nr
      flags[pfn]! |= PG_reclaim
      return Verdict.Activate
    }
    if (reclaim_clean || !may_enter_fs(k, pfn, sc.gfp) || !sc.may_writepage) return Verdict.Keep
    const wrote = pageout(k, pfn)
    if (wrote !== PAGE_CLEAN) {
      if (wrote === PAGE_SUCCESS) stat.nr_pageout += nr
      // What zswap took is written already: the page can go now.
      if (wrote !== PAGE_SUCCESS || (flags[pfn]! & (PG_writeback | PG_dirty)) !== 0)
        return wrote === PAGE_ACTIVATE ? Verdict.Activate : Verdict.Keep
    }
  }
  if ((flags[pfn]! & PG_private) !== 0 && !anon && !try_to_free_buffers(k, pfn)) return Verdict.Activate
  // folio_ref_freeze: an exit under way holds it.
  if (anon && is_gathered(k, pfn)) return Verdict.Keep
  if (anon && (flags[pfn]! & (PG_swapbacked | PG_swapcache)) === 0) {
    // Lazily freed, and not written since.
    if ((flags[pfn]! & PG_dirty) !== 0) return Verdict.Keep
    k.vmstat[C.pglazyfreed]! += nr
    count_memcg_events(k, k.page.memcg[pfn]!, C.pglazyfreed, nr)
    return Verdict.Free
  }
  if (mapping[pfn] === 0 && (flags[pfn]! & PG_swapcache) === 0) return Verdict.Keep
  return __remove_mapping(k, pfn, sc.target) ? Verdict.Free : Verdict.Keep
}

/** Splits a huge page that reclaim holds; its tails are judged after it, in the same pass. */
function split_isolated(k: Kernel, pfn: number, list: number[]): boolean {
  const nr = folio_nr_pages(k, pfn)
  if (!split_huge_page(k, pfn, true)) return false
  for (let p = pfn + 1; p < pfn + nr; p++) if (is_isolated(k, p)) list.push(p)
  return true
}

const REF_RECLAIM = 0
const REF_RECLAIM_CLEAN = 1
const REF_KEEP = 2
const REF_ACTIVATE = 3

/** Second chance: used once since the last look, another round; used twice or executable, active. */
function folio_check_references(k: Kernel, pfn: number): number {
  const result = page_referenced(k, pfn)
  const ptes = result & REFERENCED_COUNT
  const was_referenced = (k.page.flags[pfn]! & PG_referenced) !== 0
  k.page.flags[pfn]! &= ~PG_referenced
  if ((result & REFERENCED_LOCKED) !== 0) return REF_ACTIVATE
  if (ptes > 0) {
    k.page.flags[pfn]! |= PG_referenced
    if (was_referenced || ptes > 1) return REF_ACTIVATE
    if ((result & REFERENCED_EXEC) !== 0 && folio_is_file_lru(k, pfn)) return REF_ACTIVATE
    return REF_KEEP
  }
  return was_referenced && folio_is_file_lru(k, pfn) ? REF_RECLAIM_CLEAN : REF_RECLAIM
}

/** Swap needs __GFP_IO only, a file system __GFP_FS. */
function may_enter_fs(k: Kernel, pfn: number, gfp: number): boolean {
  if ((gfp & __GFP_FS) !== 0) return true
  return (k.page.flags[pfn]! & PG_swapcache) !== 0 && (gfp & __GFP_IO) !== 0
}

// ---------------------------------------------------------------- active

/** Moves the tail of an active list to the inactive one; only executable file pages in use go round again. */
export function shrink_active_list(k: Kernel, nr_to_scan: number, memcg: number, sc: ScanControl, lru: number): void {
  const file = lru > LRU_ACTIVE_ANON
  lru_add_drain(k)
  const { taken, nr_scanned, nr_taken } = isolate_lru_folios(k, nr_to_scan, memcg, sc, lru)
  const isolated = file ? C.nr_isolated_file : C.nr_isolated_anon
  k.vmstat[isolated]! += nr_taken
  count_reclaim_events(k, sc.target, memcg, C.pgrefill, nr_scanned)
  const active: number[] = []
  const inactive: number[] = []
  for (const pfn of taken) {
    charge(k, COST.scan_page)
    if (!folio_evictable(k, pfn)) {
      putback_lru_page(k, pfn)
      continue
    }
    const result = page_referenced(k, pfn)
    const used = (result & (REFERENCED_COUNT | REFERENCED_LOCKED)) !== 0
    if (used && (result & REFERENCED_EXEC) !== 0 && folio_is_file_lru(k, pfn)) {
      active.push(pfn)
      continue
    }
    k.page.flags[pfn] = (k.page.flags[pfn]! & ~PG_active) | PG_workingset
    inactive.push(pfn)
  }
  move_folios_to_lru(k, active)
  const nr_deactivate = move_folios_to_lru(k, inactive)
  k.vmstat[C.pgdeactivate]! += nr_deactivate
  count_memcg_events(k, memcg, C.pgdeactivate, nr_deactivate)
  k.vmstat[isolated]! -= nr_taken
}

/** MADV_PAGEOUT: reclaims pages that the caller has isolated; the others go back. */
export function reclaim_pages(k: Kernel, list: number[], sc: ScanControl): number {
  for (const pfn of list) {
    k.page.flags[pfn]! &= ~PG_active
    k.vmstat[folio_is_file_lru(k, pfn) ? C.nr_isolated_file : C.nr_isolated_anon]! += folio_nr_pages(k, pfn)
  }
  const kinds = list.map((pfn) => [folio_is_file_lru(k, pfn), folio_nr_pages(k, pfn)] as const)
  const batch = folio_batch(list)
  shrink_folio_list(k, batch, sc, true)
  for (const [file, nr] of kinds) k.vmstat[file ? C.nr_isolated_file : C.nr_isolated_anon]! -= nr
  for (const pfn of batch.keep) putback_lru_page(k, pfn)
  return batch.nr_reclaimed
}
