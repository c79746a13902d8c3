/**
 * Aging: a new youngest generation, once the used pages are known; and what makes room for it, the end of the oldest one.
 *
 *   try_to_inc_max_seq ── walks every address space of the cgroup ──> inc_max_seq
 *   try_to_inc_min_seq ── the oldest generation is empty ──> the next one is the oldest
 *
 * It runs when less than three generations are left, or when pages are spread badly over three (should_run_aging). kswapd
 * ages all cgroups in turn, before it evicts (lru_gen_age_node); a direct reclaimer ages the one it works on.
 *
 * Linux: mm/vmscan.c (should_run_aging, inc_max_seq, try_to_inc_max_seq, inc_min_seq, try_to_inc_min_seq, age_lruvec,
 * lru_gen_age_node) of 6.1: there is no LRU of cgroups yet.
 */
import { JIFFY_NS, MAX_NR_ZONES, type Kernel } from '../kernel'
import {
  ANON_AND_FILE,
  folio_inc_gen,
  get_nr_gens,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lru_gen_from_seq,
  lru_gen_list,
  LRU_GEN_MM_WALK,
  lru_gen_move,
  lru_gen_row,
  MAX_NR_GENS,
  MIN_LRU_BATCH,
  MIN_NR_GENS,
  nr_pages_at,
} from './lru_gen'
import { reset_ctrl_pos } from './lru_gen_ctrl'
import { iterate_mm_list } from './lru_gen_mm'
import { MM_WALK_CAN_SWAP, MM_WALK_PRESENT, reset_filter, walk_mm, type MmWalk } from './lru_gen_walk'
import {
  mem_cgroup_below_min,
  mem_cgroup_calculate_protection,
  mem_cgroup_iter,
  mem_cgroup_swap_pages,
} from './memcontrol'
import { out_of_memory } from './oom_kill'
import { DEF_PRIORITY, shift, type ScanControl } from './scan_count'
import { __update_lru_size } from './swap'

/** vm.swappiness, 0 when there is next to no swap. */
export function get_swappiness(k: Kernel, memcg: number): number {
  return mem_cgroup_swap_pages(k, memcg) < MIN_LRU_BATCH ? 0 : (k.var.sysctl['vm.swappiness'] ?? 60)
}
function min_seq_of(k: Kernel, row: number, type: number): number {
  return k.lru_gen.min_seq[row * ANON_AND_FILE + type]!
}
/** Oldest generation of the kinds that may be evicted. */
export function oldest_seq(k: Kernel, row: number, can_swap: boolean): number {
  return min_seq_of(k, row, can_swap ? LRU_GEN_ANON : LRU_GEN_FILE)
}

// ---------------------------------------------------------------- the oldest generation

/** Empties the oldest generation of a kind into the next one and ends it. */
function inc_min_seq(k: Kernel, memcg: number, type: number, can_swap: boolean): void {
  const row = lru_gen_row(memcg)
  const old_gen = lru_gen_from_seq(min_seq_of(k, row, type))
  if (type === LRU_GEN_FILE || can_swap)
    for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
      const list = lru_gen_list(memcg, old_gen, type, zone)
      for (let pfn = k.lru_gen_list.tail[list]!; pfn !== 0; pfn = k.lru_gen_list.tail[list]!) {
        folio_inc_gen(k, pfn, false)
        lru_gen_move(k, pfn, true)
      }
    }
  reset_ctrl_pos(k, row, type)
  k.lru_gen.min_seq[row * ANON_AND_FILE + type]!++
}

/** Ends the generations that are empty; with swap the two kinds stay together. True when one ended. */
export function try_to_inc_min_seq(k: Kernel, memcg: number, can_swap: boolean): boolean {
  const row = lru_gen_row(memcg)
  const g = k.lru_gen
  const min_seq: [number, number] = [min_seq_of(k, row, LRU_GEN_ANON), min_seq_of(k, row, LRU_GEN_FILE)]
  const first = can_swap ? LRU_GEN_ANON : LRU_GEN_FILE
  for (let type = first; type < ANON_AND_FILE; type++)
    while (min_seq[type]! + MIN_NR_GENS <= g.max_seq[row]! && is_empty(k, memcg, min_seq[type]!, type)) min_seq[type]!++
  if (can_swap) {
    min_seq[LRU_GEN_ANON] = Math.min(min_seq[LRU_GEN_ANON], min_seq[LRU_GEN_FILE])
    min_seq[LRU_GEN_FILE] = Math.max(min_seq[LRU_GEN_ANON], min_seq_of(k, row, LRU_GEN_FILE))
  }
  let success = false
  for (let type = first; type < ANON_AND_FILE; type++) {
    if (min_seq[type] === min_seq_of(k, row, type)) continue
    reset_ctrl_pos(k, row, type)
    g.min_seq[row * ANON_AND_FILE + type] = min_seq[type]!
    success = true
  }
  return success
}
function is_empty(k: Kernel, memcg: number, seq: number, type: number): boolean {
  const list = lru_gen_list(memcg, lru_gen_from_seq(seq), type, 0)
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) if (k.lru_gen_list.head[list + zone] !== 0) return false
  return true
}

// ---------------------------------------------------------------- the youngest generation

function inc_max_seq(k: Kernel, memcg: number, can_swap: boolean): void {
  const row = lru_gen_row(memcg)
  const g = k.lru_gen
  for (let type = ANON_AND_FILE - 1; type >= 0; type--)
    if (get_nr_gens(k, row, type) === MAX_NR_GENS) inc_min_seq(k, memcg, type, can_swap)
  // The second youngest is active no longer; what is left where the new one will be (swap is short) becomes so.
  const prev = lru_gen_from_seq(g.max_seq[row]! - 1)
  const next = lru_gen_from_seq(g.max_seq[row]! + 1)
  for (let type = 0; type < ANON_AND_FILE; type++)
    for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
      const delta = g.nr_pages[nr_pages_at(row, prev, type, zone)]! - g.nr_pages[nr_pages_at(row, next, type, zone)]!
      if (delta === 0) continue
      __update_lru_size(k, memcg, zone, type * 2, delta)
      __update_lru_size(k, memcg, zone, type * 2 + 1, -delta)
    }
  g.timestamps[row * MAX_NR_GENS + next] = Math.floor(k.var.now / JIFFY_NS)
  g.max_seq[row]!++
}

/** Makes a new youngest generation; false when another reclaimer has made it. */
export function try_to_inc_max_seq(k: Kernel, memcg: number, max_seq: number, can_swap: boolean): boolean {
  const row = lru_gen_row(memcg)
  const g = k.lru_gen
  if (max_seq <= g.mm_seq[row]!) return max_seq < g.max_seq[row]!
  if ((k.var.lru_gen_caps & LRU_GEN_MM_WALK) !== 0) {
    k.task.mm_walk[k.var.current] = MM_WALK_PRESENT | (can_swap ? MM_WALK_CAN_SWAP : 0)
    const walk: MmWalk = { memcg, max_seq, can_swap, force: false }
    let first = true
    iterate_mm_list(k, row, can_swap, (mm, force) => {
      if (first) reset_filter(k, row, max_seq + 1)
      first = false
      walk.force = force
      walk_mm(k, mm, walk)
    })
  }
  g.mm_seq[row]!++
  inc_max_seq(k, memcg, can_swap)
  return true
}

// ---------------------------------------------------------------- when

/** Is a new generation needed; and the pages to scan of the lruvec at this priority. */
export function should_run_aging(
  k: Kernel,
  memcg: number,
  sc: ScanControl,
  can_swap: boolean,
): { need_aging: boolean; nr_to_scan: number } {
  const row = lru_gen_row(memcg)
  const max_seq = k.lru_gen.max_seq[row]!
  let old = 0
  let young = 0
  let total = 0
  for (let type = can_swap ? LRU_GEN_ANON : LRU_GEN_FILE; type < ANON_AND_FILE; type++)
    for (let seq = min_seq_of(k, row, type); seq <= max_seq; seq++) {
      const size = generation_size(k, row, seq, type)
      total += size
      if (seq === max_seq) young += size
      else if (seq + MIN_NR_GENS === max_seq) old += size
    }
  const oldest = oldest_seq(k, row, can_swap)
  let need_aging: boolean
  if (oldest + MIN_NR_GENS !== max_seq) need_aging = oldest + MIN_NR_GENS > max_seq
  // A third of the pages each is best: the youngest up to a half, the oldest down to a quarter.
  else need_aging = young * MIN_NR_GENS > total || old * (MIN_NR_GENS + 2) < total
  return { need_aging, nr_to_scan: shift(total, sc.priority) }
}
function generation_size(k: Kernel, row: number, seq: number, type: number): number {
  const at = nr_pages_at(row, lru_gen_from_seq(seq), type, 0)
  let size = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) size += Math.max(0, k.lru_gen.nr_pages[at + zone]!)
  return size
}

/** kswapd, before each priority: every cgroup that needs it gets a new generation. Skipped when the last pass did well. */
export function lru_gen_age_node(k: Kernel, sc: ScanControl): void {
  sc.last_reclaimed = sc.nr_reclaimed
  if (!sc.memcgs_need_aging) {
    sc.memcgs_need_aging = true
    return
  }
  const min_ttl = k.var.sysctl['lru_gen.min_ttl'] ?? 0
  let success = false
  k.task.mm_walk[k.var.current]! |= MM_WALK_PRESENT
  for (const memcg of mem_cgroup_iter(k, 0)) if (age_lruvec(k, memcg, sc, min_ttl)) success = true
  k.task.mm_walk[k.var.current]! &= ~MM_WALK_PRESENT
  if (success || min_ttl === 0 || sc.order > 0) return
  // All memory is the working set of the last min_ttl: rather a victim than thrashing.
  out_of_memory(k, sc.gfp, 0)
}

/** False when the cgroup is protected, or when all it has is younger than `min_ttl` jiffies. */
function age_lruvec(k: Kernel, memcg: number, sc: ScanControl, min_ttl: number): boolean {
  mem_cgroup_calculate_protection(k, 0, memcg)
  if (mem_cgroup_below_min(k, memcg)) return false
  const row = lru_gen_row(memcg)
  const can_swap = get_swappiness(k, memcg) !== 0
  const max_seq = k.lru_gen.max_seq[row]!
  const { need_aging, nr_to_scan } = should_run_aging(k, memcg, sc, can_swap)
  if (min_ttl > 0) {
    const birth = k.lru_gen.timestamps[row * MAX_NR_GENS + lru_gen_from_seq(min_seq_of(k, row, LRU_GEN_FILE))]!
    if (Math.floor(k.var.now / JIFFY_NS) < birth + min_ttl) return false
    if (nr_to_scan === 0 && sc.priority !== DEF_PRIORITY) return false
  }
  if (need_aging) try_to_inc_max_seq(k, memcg, max_seq, can_swap)
  return true
}
