/**
 * Page reclaim: the map. Who needs pages comes in here, directly (try_to_free_pages) or through kswapd (kswapd.ts).
 *
 *   try_to_free_pages ─┐ priority 12 … 0
 *   kswapd_step ───────┴─> shrink_node ─> for every cgroup: shrink_lruvec ─> shrink_list.ts (32 pages at a time)
 *                                      │                    get_scan_count in scan_count.ts: how many of which list
 *                                      └─> shrink_slab in shrinker.ts
 *
 * The pass over a node is plain data (`NodeScan`) that goes on round by round, so that kswapd can stop between
 * rounds, and within a batch between two pages.
 *
 * With the multi-gen LRU (off at boot, as in Debian), shrink_lruvec is lru_gen_evict.ts instead.
 *
 * Linux: mm/vmscan.c. Simplified: no soft limits.
 */
import { C, M } from '@shared/counters'
import { int_div } from '../lib/math'
import {
  __GFP_IO,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  MAX_NR_ZONES,
  type Kernel,
} from '../kernel'
import { blk_finish_plug, blk_start_plug } from '../block/blk_mq'
import { COST } from '../costs'
import { charge, trace } from '../task'
import { COMPACT_SKIPPED, COMPACT_SUCCESS, compact_gap, compaction_suitable } from './compaction_suitable'
import { lru_gen_enabled } from './lru_gen'
import { lru_gen_shrink_begin, lru_gen_shrink_round, type GenScan } from './lru_gen_evict'
import { MEMCG_LOW } from './memcg_stat'
import {
  mem_cgroup_below_low,
  mem_cgroup_below_min,
  mem_cgroup_calculate_protection,
  mem_cgroup_iter,
  memcg_event,
} from './memcontrol'
import { gfp_zone } from './page_alloc'
import { blk_poll, call_time } from './page_io'
import { PAGE_ALLOC_COSTLY_ORDER } from './pcp'
import { cond_resched } from './preempt'
import {
  DEF_PRIORITY,
  get_scan_count,
  inactive_is_low,
  no_pages,
  prepare_scan_count,
  scan_control,
  SWAP_CLUSTER_MAX,
  type ScanControl,
} from './scan_count'
import {
  isolate_inactive,
  reclaim_pages,
  shrink_active_list,
  shrink_inactive_list,
  type InactiveScan,
} from './shrink_list'
import { shrink_slab } from './shrinker'
import { nr_swap_pages, total_swap_pages } from './swapfile'
import {
  consider_reclaim_throttle,
  pgdat,
  reclaim_throttle,
  THROTTLE_CONGESTED,
  THROTTLE_WRITEBACK,
  throttled,
  throttle_direct_reclaim,
} from './throttle'
import { high_wmark_pages, zone_watermark_ok } from './watermark'
import { snapshot_refaults } from './workingset'

export { kswapd_step, wakeup_kswapd } from './kswapd'

// ---------------------------------------------------------------- direct reclaim

/** An allocation reclaims for itself; the number of pages it got, 0 when it is hopeless. */
export function try_to_free_pages(k: Kernel, order: number, gfp: number): number {
  const sc = scan_control({ gfp, order, reclaim_idx: gfp_zone(gfp) })
  const from = call_time(k)
  if (throttle_direct_reclaim(k, sc)) return 1
  if (throttled(k)) return 0
  const nr_reclaimed = do_try_to_free_pages(k, sc)
  stalled(k, call_time(k) - from)
  return nr_reclaimed
}

/** A cgroup at its limit reclaims from its subtree. */
export function try_to_free_mem_cgroup_pages(
  k: Kernel,
  memcg: number,
  nr_pages: number,
  may_swap: boolean,
  proactive = false,
): number {
  const gfp = proactive ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE
  const nr_to_reclaim = Math.max(nr_pages, SWAP_CLUSTER_MAX)
  return do_try_to_free_pages(k, scan_control({ nr_to_reclaim, gfp, target: memcg, may_swap }))
}

export function do_try_to_free_pages(k: Kernel, sc: ScanControl): number {
  k.task.reclaimed_slab[k.var.current] = 0
  for (;;) {
    const initial = sc.priority
    if (sc.target === 0) k.vmstat[C.allocstall_dma + sc.reclaim_idx]!++
    do {
      sc.nr_scanned = 0
      shrink_zones(k, sc)
      if (sc.nr_reclaimed >= sc.nr_to_reclaim || sc.compaction_ready) break
      if (sc.priority < DEF_PRIORITY - 2) sc.may_writepage = true
    } while (--sc.priority >= 0)
    snapshot_refaults(k, sc.target)
    if (sc.nr_reclaimed > 0) return sc.nr_reclaimed
    if (sc.compaction_ready) return 1
    // Active pages were left alone, or protected cgroups: once more without that.
    if (sc.skipped_deactivate) {
      sc.force_deactivate = true
      sc.skipped_deactivate = false
    } else if (sc.memcg_low_skipped) {
      sc.force_deactivate = false
      sc.skipped_deactivate = false
      sc.memcg_low_reclaim = true
      sc.memcg_low_skipped = false
    } else return 0
    sc.priority = initial > 0 ? initial : DEF_PRIORITY
  }
}

/** The node, unless for a costly order every zone has enough free memory to compact instead. */
function shrink_zones(k: Kernel, sc: ScanControl): void {
  let shrink = false
  for (let zone = Math.min(sc.reclaim_idx, MAX_NR_ZONES - 1); zone >= 0; zone--) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    const may_compact = sc.target === 0 && sc.order > PAGE_ALLOC_COSTLY_ORDER
    if (may_compact && compaction_ready(k, zone, sc)) sc.compaction_ready = true
    else shrink = true
  }
  if (!shrink) return
  shrink_node(k, sc)
  consider_reclaim_throttle(k, sc)
}

/** Is there a block already, or free memory above the high mark that compaction can work with? */
function compaction_ready(k: Kernel, zone: number, sc: ScanControl): boolean {
  if ((sc.gfp & __GFP_IO) === 0) return false
  const suitable = compaction_suitable(k, zone, sc.order, 0, sc.reclaim_idx)
  if (suitable === COMPACT_SUCCESS || suitable === COMPACT_SKIPPED) return suitable === COMPACT_SUCCESS
  const watermark = high_wmark_pages(k, zone) + compact_gap(sc.order)
  return zone_watermark_ok(k, zone, 0, watermark, sc.reclaim_idx, 0)
}

/** What its text can show. */
const STALL_EVENT_NS = 100_000
const STALL_EVENT_GAP_NS = 100_000_000

/** A stall of a tenth of a millisecond or more is an event, not more often than ten times a second. */
function stalled(k: Kernel, ns: number): void {
  k.machine[M.allocstall_ns]! += ns
  const t = k.var.current
  if (t !== 0) k.task.reclaim_ns[t]! += ns
  if (ns < STALL_EVENT_NS || t === 0 || k.var.now - pgdat(k).stall_told_ns < STALL_EVENT_GAP_NS) return
  pgdat(k).stall_told_ns = k.var.now
  const name = k.strings.list[k.task.comm[t]!]!
  const text = `${name} reclaimed memory itself for ${(ns / 1e6).toFixed(1)} ms`
  trace(k, { kind: 'direct_reclaim', text, pid: k.task.pid[t]!, name, value: ns })
}

// ---------------------------------------------------------------- a pass over the node

/** Where a pass stands: cgroups still to visit, the lists of the one at hand. */
export interface NodeScan {
  memcgs: number[]
  lru: LruScan | GenScan | null
  nr_reclaimed: number
  nr_scanned: number
}
interface LruScan {
  memcg: number
  nr: number[]
  targets: number[]
  nr_reclaimed: number
  /** The list of this round that is next, and its pages when kswapd gave way in the middle of them. */
  at: number
  inactive: InactiveScan | null
}

export function shrink_node(k: Kernel, sc: ScanControl): void {
  const pass = shrink_node_begin(k, sc)
  while (!shrink_node_round(k, pass, sc)) {
    blk_poll(k)
    cond_resched(k)
  }
}

export function shrink_node_begin(k: Kernel, sc: ScanControl): NodeScan {
  sc.nr = no_pages()
  prepare_scan_count(k, sc)
  return {
    memcgs: mem_cgroup_iter(k, sc.target),
    lru: null,
    nr_reclaimed: sc.nr_reclaimed,
    nr_scanned: sc.nr_scanned,
  }
}

/** Up to 32 pages of each list; true when the pass is over. */
export function shrink_node_round(k: Kernel, pass: NodeScan, sc: ScanControl): boolean {
  if (pass.lru === null) {
    const memcg = next_memcg(k, pass, sc)
    if (memcg < 0) return finish_node(k, pass, sc)
    if (memcg !== 0) charge(k, COST.shrink_memcg)
    pass.lru = lru_gen_enabled(k) ? lru_gen_shrink_begin(k, memcg, sc) : shrink_lruvec_begin(k, memcg, sc)
  }
  const { lru } = pass
  if (!('gen' in lru ? lru_gen_shrink_round(k, lru, sc) : shrink_lruvec_round(k, lru, sc))) return false
  shrink_slab(k, lru.memcg, sc.priority, sc.gfp)
  pass.lru = null
  return pass.memcgs.length === 0 ? finish_node(k, pass, sc) : false
}

/** The next cgroup that its protection does not exempt; -1 at the end. */
function next_memcg(k: Kernel, pass: NodeScan, sc: ScanControl): number {
  for (;;) {
    const memcg = pass.memcgs.shift()
    if (memcg === undefined) return -1
    mem_cgroup_calculate_protection(k, sc.target, memcg)
    if (mem_cgroup_below_min(k, memcg)) continue
    if (mem_cgroup_below_low(k, memcg)) {
      if (!sc.memcg_low_reclaim) {
        sc.memcg_low_skipped = true
        continue
      }
      memcg_event(k, memcg, MEMCG_LOW)
    }
    return memcg
  }
}

function finish_node(k: Kernel, pass: NodeScan, sc: ScanControl): boolean {
  const node = pgdat(k)
  // Slabs that came free meanwhile count, whoever's they were.
  sc.nr_reclaimed += k.task.reclaimed_slab[k.var.current]!
  k.task.reclaimed_slab[k.var.current] = 0
  if (sc.kswapd) {
    if (sc.nr.writeback > 0 && sc.nr.writeback === sc.nr.taken) node.writeback = true
    if (sc.nr.unqueued_dirty === sc.nr.file_taken) node.dirty = true
    if (sc.nr.immediate > 0) reclaim_throttle(k, sc, THROTTLE_WRITEBACK)
  }
  if ((sc.kswapd || sc.target !== 0) && sc.nr.dirty > 0 && sc.nr.dirty === sc.nr.congested) node.congested = true
  if (!sc.kswapd && node.congested) reclaim_throttle(k, sc, THROTTLE_CONGESTED)
  if (should_continue_reclaim(k, sc.nr_reclaimed - pass.nr_reclaimed, sc)) {
    Object.assign(pass, shrink_node_begin(k, sc))
    return false
  }
  if (sc.nr_reclaimed > pass.nr_reclaimed) node.kswapd_failures = 0
  return true
}

/** Reclaim for a block of a high order goes on while it gets something and compaction could not yet work with it. */
function should_continue_reclaim(k: Kernel, nr_reclaimed: number, sc: ScanControl): boolean {
  if (!in_reclaim_compaction(sc) || nr_reclaimed === 0) return false
  for (let zone = 0; zone <= sc.reclaim_idx && zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    if (compaction_suitable(k, zone, sc.order, 0, sc.reclaim_idx) !== COMPACT_SKIPPED) return false
  }
  const anon = nr_swap_pages(k) > 0 ? k.vmstat[C.nr_inactive_anon]! : 0
  return k.vmstat[C.nr_inactive_file]! + anon > compact_gap(sc.order)
}
function in_reclaim_compaction(sc: ScanControl): boolean {
  if ((sc.gfp & __GFP_IO) === 0 || sc.order === 0) return false
  return sc.order > PAGE_ALLOC_COSTLY_ORDER || sc.priority < DEF_PRIORITY - 2
}

// ---------------------------------------------------------------- a pass over the lists of one cgroup

function shrink_lruvec_begin(k: Kernel, memcg: number, sc: ScanControl): LruScan {
  const nr = [0, 0, 0, 0]
  get_scan_count(k, memcg, sc, nr)
  // One plug for all rounds: writes gather to whole requests, while clean pages are still looked for.
  blk_start_plug(k)
  return { memcg, nr, targets: [...nr], nr_reclaimed: 0, at: LRU_INACTIVE_ANON, inactive: null }
}

/** One round of up to 32 pages a list; true when enough is scanned or reclaimed. */
function shrink_lruvec_round(k: Kernel, scan: LruScan, sc: ScanControl): boolean {
  const nr = scan.nr
  const begins = scan.at === LRU_INACTIVE_ANON && scan.inactive === null
  if (begins && nr[LRU_INACTIVE_ANON]! + nr[LRU_ACTIVE_FILE]! + nr[LRU_INACTIVE_FILE]! === 0)
    return end_lruvec(k, scan, sc)
  for (; scan.at <= LRU_ACTIVE_FILE; scan.at++) if (!shrink_list(k, scan, sc)) return false
  scan.at = LRU_INACTIVE_ANON
  // The first pass of a direct reclaimer does all that was asked for: kswapd does not keep up.
  const proportional = sc.target === 0 && !sc.kswapd && sc.priority === DEF_PRIORITY
  if (scan.nr_reclaimed < sc.nr_to_reclaim || proportional) return false
  const nr_file = nr[LRU_INACTIVE_FILE]! + nr[LRU_ACTIVE_FILE]!
  const nr_anon = nr[LRU_INACTIVE_ANON]! + nr[LRU_ACTIVE_ANON]!
  if (nr_file === 0 || nr_anon === 0) return end_lruvec(k, scan, sc)
  keep_proportion(scan, nr_file, nr_anon)
  return false
}

/** Enough is reclaimed: drop the smaller kind, and scan of the larger only its share of what was done of the smaller. */
function keep_proportion(scan: LruScan, nr_file: number, nr_anon: number): void {
  const { nr, targets } = scan
  const small = nr_file > nr_anon ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE
  const large = small === LRU_INACTIVE_ANON ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON
  const target = targets[small]! + targets[small + 1]! + 1
  const percentage = int_div(Math.min(nr_file, nr_anon) * 100, target)
  nr[small] = 0
  nr[small + 1] = 0
  for (let lru = large; lru <= large + 1; lru++) {
    const scanned = targets[lru]! - nr[lru]!
    const share = int_div(targets[lru]! * (100 - percentage), 100)
    nr[lru] = share - Math.min(share, scanned)
  }
}

function end_lruvec(k: Kernel, scan: LruScan, sc: ScanControl): boolean {
  blk_finish_plug(k)
  sc.nr_reclaimed += scan.nr_reclaimed
  // Aging goes on even when no anonymous page is evicted.
  if (total_swap_pages(k) > 0 && inactive_is_low(k, scan.memcg, LRU_INACTIVE_ANON))
    shrink_active_list(k, SWAP_CLUSTER_MAX, scan.memcg, sc, LRU_ACTIVE_ANON)
  return true
}

/** Up to 32 pages of the list that is next; false when kswapd gives way in the middle of them. */
function shrink_list(k: Kernel, scan: LruScan, sc: ScanControl): boolean {
  const { at: lru, memcg } = scan
  if (scan.inactive === null) {
    const nr_to_scan = Math.min(scan.nr[lru]!, SWAP_CLUSTER_MAX)
    if (nr_to_scan === 0) return true
    scan.nr[lru]! -= nr_to_scan
    if (lru === LRU_ACTIVE_ANON || lru === LRU_ACTIVE_FILE) {
      if ((sc.may_deactivate & (lru === LRU_ACTIVE_FILE ? 2 : 1)) === 0) sc.skipped_deactivate = true
      else shrink_active_list(k, nr_to_scan, memcg, sc, lru)
      return true
    }
    scan.inactive = isolate_inactive(k, nr_to_scan, memcg, sc, lru)
  }
  if (!shrink_inactive_list(k, memcg, sc, scan.inactive)) return false
  scan.nr_reclaimed += scan.inactive.batch.nr_reclaimed
  scan.inactive = null
  return true
}

// ---------------------------------------------------------------- MADV_PAGEOUT

/** Reclaims these isolated pages at once, used or not. */
export function reclaim_page_list(k: Kernel, list: number[]): number {
  return reclaim_pages(k, list, scan_control({ gfp: GFP_KERNEL }))
}
