/**
 * Eviction: 64 pages and more off the tail of the oldest generation. Each is sorted first: used since, protected by its
 * tier, waiting for the disk, or to be reclaimed by the same judgement as on the classic lists.
 *
 *   lru_gen_shrink_round ─> begin_eviction ─> isolate_folios ─> scan_folios ─> sort_folio ── youngest … second oldest
 *                                       └─> shrink_folio_list                        └─ isolated
 *
 * Linux: mm/vmscan.c (sort_folio, isolate_folio, scan_folios, isolate_folios, evict_folios, get_nr_to_scan,
 * should_abort_scan, lru_gen_shrink_lruvec) of 6.1 with its stable fixes.
 */
import { C } from '@shared/counters'
import {
  __GFP_IO,
  MAX_NR_ZONES,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_locked,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_workingset,
  PG_writeback,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { blk_finish_plug, blk_start_plug } from '../block/blk_mq'
import { charge, fatal_signal_pending } from '../task'
import {
  ANON_AND_FILE,
  count_lru_gen,
  folio_clear_refs,
  folio_inc_gen,
  folio_lru_gen,
  folio_lru_refs,
  get_nr_gens,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  LRU_REFS_WIDTH,
  lru_gen_del_folio,
  lru_gen_from_seq,
  lru_gen_list,
  lru_gen_move,
  lru_gen_row,
  lru_tier_from_refs,
  MAX_LRU_BATCH,
  MIN_LRU_BATCH,
  MIN_NR_GENS,
  WORKINGSET_ACTIVATE,
} from './lru_gen'
import { get_swappiness, oldest_seq, should_run_aging, try_to_inc_max_seq, try_to_inc_min_seq } from './lru_gen_aging'
import { get_tier_idx, get_type_to_scan, protected_at } from './lru_gen_ctrl'
import { MM_WALK_PRESENT } from './lru_gen_walk'
import { count_reclaim_events, mem_cgroup_below_low, mem_cgroup_below_min } from './memcontrol'
import { DEF_PRIORITY, type ScanControl } from './scan_count'
import { folio_batch, move_folios_to_lru, shrink_folio_list, type FolioBatch } from './shrink_list'
import {
  folio_evictable,
  folio_nr_pages,
  folio_zone,
  isolate_lru_page,
  lru_add_drain,
  lruvec_add_folio_tail,
  putback_lru_page,
} from './swap'
import { high_wmark_pages, low_wmark_pages } from './watermark'

// ---------------------------------------------------------------- sorting and isolating

/** Puts a page of the oldest generation where it belongs; false when it is to be reclaimed. */
function sort_folio(k: Kernel, memcg: number, sc: ScanControl, pfn: number, type: number, tier_idx: number): boolean {
  const row = lru_gen_row(memcg)
  const min_seq = k.lru_gen.min_seq[row * ANON_AND_FILE + type]!
  const flags = k.page.flags[pfn]!
  // The generic path culls it.
  if (!folio_evictable(k, pfn)) return false
  // Lazily freed, but written again.
  if (type === LRU_GEN_FILE && (flags & (PG_anon | PG_dirty)) === (PG_anon | PG_dirty)) {
    lru_gen_del_folio(k, pfn, true)
    k.page.flags[pfn]! |= PG_swapbacked
    lruvec_add_folio_tail(k, pfn)
    return true
  }
  if (folio_lru_gen(k, pfn) !== lru_gen_from_seq(min_seq)) {
    lru_gen_move(k, pfn, false)
    return true
  }
  const refs = folio_lru_refs(k, pfn)
  const tier = lru_tier_from_refs(refs)
  if (tier > tier_idx || refs === 2 ** LRU_REFS_WIDTH) {
    folio_inc_gen(k, pfn, false)
    lru_gen_move(k, pfn, true)
    k.lru_gen.protected[protected_at(row, type, tier)]! += folio_nr_pages(k, pfn)
    count_lru_gen(k, memcg, WORKINGSET_ACTIVATE[type]!, folio_nr_pages(k, pfn))
    return true
  }
  // Of no use to who asks, from a zone that is too high: young enough to be out of the way.
  if (folio_zone(k, pfn) > sc.reclaim_idx) {
    folio_inc_gen(k, pfn, false)
    lru_gen_move(k, pfn, true)
    return true
  }
  const busy = (flags & (PG_locked | PG_writeback)) !== 0
  if (!busy && !(type === LRU_GEN_FILE && (flags & PG_dirty) !== 0)) return false
  folio_inc_gen(k, pfn, true)
  lru_gen_move(k, pfn, false)
  return true
}

/** Takes a page off its list; false when this reclaimer may not unmap or write it. */
function isolate_folio(k: Kernel, pfn: number, sc: ScanControl): boolean {
  const flags = k.page.flags[pfn]!
  if (!sc.may_unmap && k.page.mapcount[pfn] !== 0) return false
  const writes = (flags & PG_dirty) !== 0 || (flags & (PG_anon | PG_swapcache)) === PG_anon
  if (writes && !(sc.may_writepage && (sc.gfp & __GFP_IO) !== 0)) return false
  if ((flags & PG_referenced) === 0) folio_clear_refs(k, pfn)
  isolate_lru_page(k, pfn, true)
  k.page.flags[pfn]! &= ~(PG_reclaim | PG_referenced)
  return true
}

/** Sorts the oldest generation of a kind, from the zone asked for down, then the zones above it, until 64 pages are isolated. */
function scan_folios(k: Kernel, memcg: number, sc: ScanControl, type: number, tier: number, list: number[]): number {
  const row = lru_gen_row(memcg)
  if (get_nr_gens(k, row, type) === MIN_NR_GENS) return 0
  const gen = lru_gen_from_seq(k.lru_gen.min_seq[row * ANON_AND_FILE + type]!)
  let remaining = MAX_LRU_BATCH
  let sorted = 0
  let scanned = 0
  let isolated = 0
  const highest = Math.min(sc.reclaim_idx, MAX_NR_ZONES - 1)
  for (let i = MAX_NR_ZONES; i > 0; i--) {
    const zone = (highest + i) % MAX_NR_ZONES
    const head = lru_gen_list(memcg, gen, type, zone)
    const moved: number[] = []
    let skipped = 0
    for (let pfn = k.lru_gen_list.tail[head]!; pfn !== 0;) {
      const prev = k.page.prev[pfn]!
      const nr = folio_nr_pages(k, pfn)
      scanned += nr
      if (sort_folio(k, memcg, sc, pfn, type, tier)) sorted += nr
      else if (isolate_folio(k, pfn, sc)) {
        list.push(pfn)
        isolated += nr
      } else {
        moved.push(pfn)
        skipped += nr
      }
      if (--remaining === 0 || Math.max(isolated, skipped) >= MIN_LRU_BATCH) break
      pfn = prev
    }
    for (const pfn of moved) lru_gen_move(k, pfn, false)
    if (skipped > 0) k.vmstat[C.pgskip_dma + zone]! += skipped
    if (remaining === 0 || isolated >= MIN_LRU_BATCH) break
  }
  charge(k, COST.compact_scan_page * (sorted + isolated))
  count_reclaim_events(k, sc.target, memcg, sc.kswapd ? C.pgscan_kswapd : C.pgscan_direct, isolated)
  count_reclaim_events(k, sc.target, memcg, C.pgrefill, sorted)
  k.vmstat[type === LRU_GEN_FILE ? C.pgscan_file : C.pgscan_anon]! += isolated
  return isolated > 0 || remaining === 0 ? scanned : 0
}

/** Of the older kind; when both are as old, of the one that swappiness and refaults name; else of the other. */
function isolate_folios(k: Kernel, memcg: number, sc: ScanControl, swappiness: number, list: number[]) {
  const row = lru_gen_row(memcg)
  const min_seq = k.lru_gen.min_seq
  let tier = -1
  let type: number
  if (swappiness === 0) type = LRU_GEN_FILE
  else if (min_seq[row * ANON_AND_FILE]! < min_seq[row * ANON_AND_FILE + 1]!) type = LRU_GEN_ANON
  else if (swappiness === 1) type = LRU_GEN_FILE
  else if (swappiness === 200) type = LRU_GEN_ANON
  else ({ type, tier } = get_type_to_scan(k, row, swappiness))
  let scanned = 0
  for (let i = swappiness === 0 ? 1 : 0; i < ANON_AND_FILE; i++) {
    if (tier < 0) tier = get_tier_idx(k, row, type)
    scanned = scan_folios(k, memcg, sc, type, tier, list)
    if (scanned > 0) break
    type = type === LRU_GEN_FILE ? LRU_GEN_ANON : LRU_GEN_FILE
    tier = -1
  }
  return { type, scanned }
}

// ---------------------------------------------------------------- evicting

/** evict_folios on its way: plain data, kswapd may give way in the middle of it. */
interface Eviction {
  readonly type: number
  /** Pages scanned, 0 when there are none left to evict. */
  readonly scanned: number
  batch: FolioBatch
  retry: boolean
}

/** Takes a batch. */
function begin_eviction(k: Kernel, memcg: number, sc: ScanControl, swappiness: number): Eviction {
  const list: number[] = []
  const isolated = isolate_folios(k, memcg, sc, swappiness, list)
  const { type } = isolated
  let { scanned } = isolated
  if (try_to_inc_min_seq(k, memcg, swappiness !== 0)) scanned++
  if (get_nr_gens(k, lru_gen_row(memcg), swappiness !== 0 ? LRU_GEN_ANON : LRU_GEN_FILE) === MIN_NR_GENS) scanned = 0
  return { type, scanned, batch: folio_batch(list), retry: false }
}

/** Judges it; what was written while it was isolated gets a second try. False when kswapd is to give way first. */
function evict_folios(k: Kernel, memcg: number, sc: ScanControl, eviction: Eviction): boolean {
  const { type } = eviction
  while (eviction.batch.list.length > 0) {
    if (!shrink_folio_list(k, eviction.batch, sc, false)) return false
    const { keep, nr_reclaimed } = eviction.batch
    sc.nr_reclaimed += nr_reclaimed
    const clean: number[] = []
    move_folios_to_lru(k, keep_rejected(k, keep, clean, eviction.retry))
    const steal = sc.kswapd ? C.pgsteal_kswapd : C.pgsteal_direct
    count_reclaim_events(k, sc.target, memcg, steal, nr_reclaimed)
    k.vmstat[type === LRU_GEN_FILE ? C.pgsteal_file : C.pgsteal_anon]! += nr_reclaimed
    eviction.batch = folio_batch(clean)
    eviction.retry = true
  }
  return true
}

const BUSY = PG_active | PG_referenced | PG_locked | PG_dirty | PG_writeback
/**
 * Of pages that could not be reclaimed: those that go back to the lists, the youngest generation unless they wait for their
 * write. Those that were written while isolated (`clean`) get a second try, for they missed their rotation.
 */
function keep_rejected(k: Kernel, keep: number[], clean: number[], retry: boolean): number[] {
  const { flags, mapcount } = k.page
  const back: number[] = []
  for (const pfn of keep) {
    if (!folio_evictable(k, pfn)) {
      putback_lru_page(k, pfn)
      continue
    }
    if ((flags[pfn]! & PG_reclaim) !== 0 && (flags[pfn]! & (PG_dirty | PG_writeback)) !== 0) {
      // What isolate_folio cleared of a page with references.
      if ((flags[pfn]! & PG_workingset) !== 0) flags[pfn]! |= PG_referenced
      back.push(pfn)
    } else if (retry || (flags[pfn]! & BUSY) !== 0 || mapcount[pfn] !== 0) {
      folio_clear_refs(k, pfn)
      flags[pfn]! |= PG_active
      back.push(pfn)
    } else clean.push(pfn)
  }
  return back
}

// ---------------------------------------------------------------- a pass over one cgroup

/** lru_gen_shrink_lruvec between two batches: plain data, kswapd stops there. */
export interface GenScan {
  gen: true
  memcg: number
  scanned: number
  reclaimed: number
  max_seq: number
  need_swapping: boolean
  /** get_nr_to_scan of the batch at hand. */
  nr_to_scan: number
  need_aging: boolean
  eviction: Eviction | null
}

export function lru_gen_shrink_begin(k: Kernel, memcg: number, sc: ScanControl): GenScan {
  lru_add_drain(k)
  // One plug for all batches.
  blk_start_plug(k)
  if (sc.kswapd) k.task.mm_walk[k.var.current]! |= MM_WALK_PRESENT
  const max_seq = k.lru_gen.max_seq[lru_gen_row(memcg)]!
  return {
    gen: true,
    memcg,
    scanned: 0,
    reclaimed: sc.nr_reclaimed,
    max_seq,
    need_swapping: false,
    nr_to_scan: 0,
    need_aging: false,
    eviction: null,
  }
}

/** A batch; true when the cgroup has given enough, or has nothing cold. */
export function lru_gen_shrink_round(k: Kernel, scan: GenScan, sc: ScanControl): boolean {
  if (scan.eviction === null) {
    const swappiness = scan_swappiness(k, scan.memcg, sc)
    Object.assign(scan, get_nr_to_scan(k, scan.memcg, sc, swappiness !== 0))
    if (scan.nr_to_scan === 0) return end_scan(k, sc)
    scan.eviction = begin_eviction(k, scan.memcg, sc, swappiness)
  }
  if (!evict_folios(k, scan.memcg, sc, scan.eviction)) return false
  const { type, scanned } = scan.eviction
  scan.eviction = null
  if (scanned === 0) return end_scan(k, sc)
  if (type === LRU_GEN_ANON) scan.need_swapping = true
  scan.scanned += scanned
  if (scan.scanned < scan.nr_to_scan && !should_abort_scan(k, scan, sc)) return false
  // There are cold pages enough: kswapd may skip the aging that comes before its next pass.
  if (sc.nr_reclaimed - scan.reclaimed >= MIN_LRU_BATCH && !scan.need_aging) sc.memcgs_need_aging = false
  return end_scan(k, sc)
}

/** clear_mm_walk (that of kswapd is kept for its next pass), and what the plug held back goes off. */
function end_scan(k: Kernel, sc: ScanControl): true {
  if (sc.kswapd) k.task.mm_walk[k.var.current]! &= ~MM_WALK_PRESENT
  else k.task.mm_walk[k.var.current] = 0
  blk_finish_plug(k)
  return true
}

/** A reclaimer that may not swap takes file pages first, but ages both kinds. */
function scan_swappiness(k: Kernel, memcg: number, sc: ScanControl): number {
  const swappiness = get_swappiness(k, memcg)
  if (sc.may_swap || swappiness === 0) return swappiness
  return sc.target === 0 ? 1 : 0
}

function get_nr_to_scan(
  k: Kernel,
  memcg: number,
  sc: ScanControl,
  can_swap: boolean,
): { nr_to_scan: number; need_aging: boolean } {
  const row = lru_gen_row(memcg)
  const max_seq = k.lru_gen.max_seq[row]!
  const is_low = !sc.memcg_low_reclaim && mem_cgroup_below_low(k, memcg)
  if (is_low || mem_cgroup_below_min(k, memcg)) return { nr_to_scan: 0, need_aging: false }
  // As it was before aging: min_seq of the caller.
  const enough = oldest_seq(k, row, can_swap) + MIN_NR_GENS <= max_seq
  const { need_aging, nr_to_scan } = should_run_aging(k, memcg, sc, can_swap)
  if (!need_aging) return { nr_to_scan, need_aging }
  if (sc.priority !== DEF_PRIORITY) {
    // lru_gen_age_node does it for all cgroups at once.
    if (sc.kswapd) return { nr_to_scan: 0, need_aging }
    if (try_to_inc_max_seq(k, memcg, max_seq, can_swap)) return { nr_to_scan, need_aging }
  }
  return { nr_to_scan: enough ? nr_to_scan : 0, need_aging }
}

/** Enough for fairness to other cgroups, or for the allocation. */
function should_abort_scan(k: Kernel, scan: GenScan, sc: ScanControl): boolean {
  if (!sc.kswapd) {
    if (k.lru_gen.max_seq[lru_gen_row(scan.memcg)]! - scan.max_seq > 1) return true
    if (sc.nr_reclaimed >= sc.nr_to_reclaim && scan.need_swapping) return true
    if (fatal_signal_pending(k, k.var.current)) {
      sc.nr_reclaimed += MIN_LRU_BATCH
      return true
    }
    if (sc.target !== 0) return false
  } else if (sc.nr_reclaimed - sc.last_reclaimed < sc.nr_to_reclaim) return false
  if (sc.priority > DEF_PRIORITY - 2) return false
  for (let zone = 0; zone <= Math.min(sc.reclaim_idx, MAX_NR_ZONES - 1); zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    const wmark = sc.kswapd ? high_wmark_pages(k, zone) : low_wmark_pages(k, zone)
    if (wmark > k.zone.nr_free[zone + 1]!) return false
  }
  sc.nr_reclaimed += MIN_LRU_BATCH
  return true
}
