/**
 * The feedback of the multi-gen LRU: of each kind and tier, what part of the evicted pages came back. The eviction takes the
 * kind whose first tier refaults less, weighed by swappiness, and protects the tiers that refault more than the first.
 *
 *   P = refaulted / (evicted + protected) of the oldest generation     I = its moving average, halved with each generation
 *
 * Linux: mm/vmscan.c (read_ctrl_pos, reset_ctrl_pos, positive_ctrl_err, get_tier_idx, get_type_to_scan),
 * mm/workingset.c (lru_gen_eviction, lru_gen_refault) of 6.1: only a page that comes back while the generation it was
 * evicted from is still the oldest one counts as a refault.
 */
import type { Kernel } from '../kernel'
import {
  ANON_AND_FILE,
  count_lru_gen,
  folio_lru_refs,
  folio_max_refs,
  folio_type,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  LRU_REFS_WIDTH,
  lru_gen_in_fault,
  lru_gen_row,
  lru_tier_from_refs,
  MAX_NR_TIERS,
  MIN_LRU_BATCH,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from './lru_gen'
import { folio_nr_pages } from './swap'

interface CtrlPos {
  readonly refaulted: number
  readonly total: number
  readonly gain: number
}

/** Index of a kind and tier in the columns of tiers; of protected pages, which the first tier has none of. */
function tier_at(row: number, type: number, tier: number): number {
  return (row * ANON_AND_FILE + type) * MAX_NR_TIERS + tier
}
export function protected_at(row: number, type: number, tier: number): number {
  return (row * ANON_AND_FILE + type) * (MAX_NR_TIERS - 1) + tier - 1
}

function read_ctrl_pos(k: Kernel, row: number, type: number, tier: number, gain: number): CtrlPos {
  const g = k.lru_gen
  const at = tier_at(row, type, tier)
  const kept = tier > 0 ? g.protected[protected_at(row, type, tier)]! : 0
  return {
    refaulted: g.avg_refaulted[at]! + g.refaulted[at]!,
    total: g.avg_total[at]! + g.evicted[at]! + kept,
    gain,
  }
}

/** The oldest generation of a kind is gone: its counts become half of the averages. */
export function reset_ctrl_pos(k: Kernel, row: number, type: number): void {
  const g = k.lru_gen
  for (let tier = 0; tier < MAX_NR_TIERS; tier++) {
    const { refaulted, total } = read_ctrl_pos(k, row, type, tier, 1)
    const at = tier_at(row, type, tier)
    g.avg_refaulted[at] = Math.floor(refaulted / 2)
    g.avg_total[at] = Math.floor(total / 2)
    g.refaulted[at] = 0
    g.evicted[at] = 0
    if (tier > 0) g.protected[protected_at(row, type, tier)] = 0
  }
}

/** The process variable has few refaults, or a lower share of them than the set point. */
function positive_ctrl_err(sp: CtrlPos, pv: CtrlPos): boolean {
  if (pv.refaulted < MIN_LRU_BATCH) return true
  return pv.refaulted * (sp.total + MIN_LRU_BATCH) * sp.gain <= (sp.refaulted + 1) * pv.total * pv.gain
}

/** The last tier that is evicted when a kind is scanned for reasons other than its refaults. */
export function get_tier_idx(k: Kernel, row: number, type: number): number {
  const sp = read_ctrl_pos(k, row, type, 0, 1)
  let tier = 1
  while (tier < MAX_NR_TIERS && positive_ctrl_err(sp, read_ctrl_pos(k, row, type, tier, 2))) tier++
  return tier - 1
}

/** The kind to evict, by the refaults of the first tiers, and its last tier to evict. */
export function get_type_to_scan(k: Kernel, row: number, swappiness: number): { type: number; tier: number } {
  const gain = [swappiness, 200 - swappiness]
  const anon = read_ctrl_pos(k, row, LRU_GEN_ANON, 0, gain[LRU_GEN_ANON]!)
  const file = read_ctrl_pos(k, row, LRU_GEN_FILE, 0, gain[LRU_GEN_FILE]!)
  const type = positive_ctrl_err(anon, file) ? LRU_GEN_FILE : LRU_GEN_ANON
  const sp = type === LRU_GEN_FILE ? anon : file
  let tier = 1
  while (tier < MAX_NR_TIERS && positive_ctrl_err(sp, read_ctrl_pos(k, row, type, tier, gain[type]!))) tier++
  return { type, tier: tier - 1 }
}

// ---------------------------------------------------------------- shadows

/** A page is evicted: the token of its shadow, generation and references. */
export function lru_gen_eviction(k: Kernel, pfn: number): { token: number; refs: number } {
  const row = lru_gen_row(k.page.memcg[pfn]!)
  const type = folio_type(k, pfn)
  const refs = folio_lru_refs(k, pfn)
  const min_seq = k.lru_gen.min_seq[row * ANON_AND_FILE + type]!
  k.lru_gen.evicted[tier_at(row, type, lru_tier_from_refs(refs))]! += folio_nr_pages(k, pfn)
  return { token: min_seq * 2 ** LRU_REFS_WIDTH + Math.max(refs - 1, 0), refs }
}

/** A page comes back; `token` is as wide as `mask`, `workingset` tells no reference from one. */
export function lru_gen_refault(
  k: Kernel,
  pfn: number,
  memcg: number,
  token: number,
  mask: number,
  workingset: boolean,
): void {
  if (memcg !== k.page.memcg[pfn]!) return
  const row = lru_gen_row(memcg)
  const type = folio_type(k, pfn)
  const nr = folio_nr_pages(k, pfn)
  const min_seq = k.lru_gen.min_seq[row * ANON_AND_FILE + type]!
  if (token >>> LRU_REFS_WIDTH !== (min_seq & (mask >>> LRU_REFS_WIDTH))) return
  const refs = (token & (2 ** LRU_REFS_WIDTH - 1)) + (workingset ? 1 : 0)
  k.lru_gen.refaulted[tier_at(row, type, lru_tier_from_refs(refs))]! += nr
  count_lru_gen(k, memcg, WORKINGSET_REFAULT[type]!, nr)
  // A stall: a hot page was evicted, or one that was read too often to be. It has all references from now on: when it is
  // oldest the next time, sort_folio spares it (counted as activated).
  if (!lru_gen_in_fault(k) && refs < 2 ** LRU_REFS_WIDTH - 1) return
  folio_max_refs(k, pfn)
  count_lru_gen(k, memcg, WORKINGSET_RESTORE[type]!, nr)
}
