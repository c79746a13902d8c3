/**
 * kswapd: reclaims in the background from the low watermark up to the high one. Its loop is a state machine over plain
 * data, advanced a bounded piece at a time, so that others run in between.
 *
 *   ASLEEP ─wakeup_kswapd─> START ─> LOOP <─> NODE (rounds of shrink_node) ─> TRY_SLEEP ─> SHORT (100 ms) ─> ASLEEP
 *                             ^─────────── not balanced, or woken early ────────┴────────────┘
 *
 * Linux: mm/vmscan.c (kswapd, balance_pgdat, kswapd_try_to_sleep, wakeup_kswapd). Simplified: one node.
 */
import { C } from '@shared/counters'
import {
  __GFP_DIRECT_RECLAIM,
  GFP_KERNEL,
  LRU_ACTIVE_ANON,
  MAX_NR_ZONES,
  PAGEBLOCK_ORDER,
  PF_KSWAPD,
  PF_MEMALLOC,
  TASK_RUNNING,
  type Kernel,
} from '../kernel'
import {
  kthread_sleep,
  need_resched,
  psi_memstall_enter,
  psi_memstall_leave,
  threads,
  trace,
  wake_kthread,
} from '../task'
import { reset_isolation_suitable } from './compact_control'
import { wakeup_kcompactd } from './kcompactd'
import { lru_gen_enabled } from './lru_gen'
import { lru_gen_age_node } from './lru_gen_aging'
import { blk_poll } from './page_io'
import { DEF_PRIORITY, scan_control, SWAP_CLUSTER_MAX, type ScanControl } from './scan_count'
import { clear_pgdat_congested, MAX_RECLAIM_RETRIES, pgdat, wake_up_pfmemalloc } from './throttle'
import { shrink_node_begin, shrink_node_round, type NodeScan } from './vmscan'
import { high_wmark_pages, low_wmark_pages, ZONE_RECLAIM_ACTIVE, zone_watermark_ok } from './watermark'
import { snapshot_refaults } from './workingset'

const ASLEEP = 0
const START = 1
const LOOP = 2
const NODE = 3
const TRY_SLEEP = 4
const SHORT = 5
/** HZ/10. */
const SHORT_SLEEP_NS = 100_000_000
/** Pages scanned in one step: a batch, after which a task that woke may run (cond_resched). */
const STEP_PAGES = SWAP_CLUSTER_MAX
/** No zone asked for: one past the highest index. */
const NO_ZONE = MAX_NR_ZONES + 1

interface Kswapd {
  phase: number
  alloc_order: number
  reclaim_order: number
  highest: number
  deadline_ns: number
  sc: ScanControl
  pass: NodeScan | null
  nr_boost_reclaim: number
  boosted: number
  zone_boosts: number[]
  raise_priority: boolean
  reclaimed_before: number
  memstall: boolean
}
function kswapd(k: Kernel): Kswapd {
  return (k.var.mod['kswapd'] ??= {
    // Its first look, at boot, found nothing to do.
    phase: ASLEEP,
    alloc_order: 0,
    reclaim_order: 0,
    highest: MAX_NR_ZONES,
    deadline_ns: 0,
    sc: scan_control({ kswapd: true, gfp: GFP_KERNEL }),
    pass: null,
    nr_boost_reclaim: 0,
    boosted: 0,
    zone_boosts: [0, 0, 0],
    raise_priority: true,
    reclaimed_before: 0,
    memstall: false,
  }) as Kswapd
}

/** A zone fell below its low mark: wakes kswapd, unless the node is balanced or hopeless. */
export function wakeup_kswapd(k: Kernel, zone: number, gfp: number, order: number, highest: number): void {
  if (k.zone.managed_pages[zone + 1] === 0) return
  const node = pgdat(k)
  if (node.kswapd_highest_zoneidx === NO_ZONE || node.kswapd_highest_zoneidx < highest)
    node.kswapd_highest_zoneidx = highest
  if (node.kswapd_order < order) node.kswapd_order = order
  if (!node.kswapd_waiting) return
  const hopeless = node.kswapd_failures >= MAX_RECLAIM_RETRIES
  if (hopeless || (pgdat_balanced(k, order, highest) && !pgdat_watermark_boosted(k, highest))) {
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0) wakeup_kcompactd(k, order, highest)
    return
  }
  if (!wake_kthread(k, 'kswapd')) return
  node.kswapd_waiting = false
  if (kswapd(k).phase !== ASLEEP) return
  tell_low_watermark(k)
  trace(k, { kind: 'kswapd_wake', text: `kswapd0 woken, order ${order}` })
}

function tell_low_watermark(k: Kernel): void {
  const node = pgdat(k)
  if (node.low_told) return
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    const free = k.zone.nr_free[zone + 1]!
    if (k.zone.managed_pages[zone + 1] === 0 || free >= low_wmark_pages(k, zone)) continue
    node.low_told = true
    trace(k, { kind: 'low_watermark', text: `free pages under the low watermark: ${free}`, value: free })
    return
  }
}

/** Some usable zone has what a request of this order needs above its high mark. */
export function pgdat_balanced(k: Kernel, order: number, highest: number): boolean {
  let managed = false
  for (let zone = 0; zone <= highest && zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    managed = true
    if (zone_watermark_ok(k, zone, order, high_wmark_pages(k, zone), Math.min(highest, MAX_NR_ZONES), 0)) return true
  }
  return !managed
}
function pgdat_watermark_boosted(k: Kernel, highest: number): boolean {
  for (let zone = 0; zone <= highest && zone < MAX_NR_ZONES; zone++)
    if (k.zone.watermark_boost[zone + 1]! > 0) return true
  return false
}

/** A bounded piece of kswapd's work; true when it went to sleep. */
export function kswapd_step(k: Kernel): boolean {
  const s = kswapd(k)
  const t = threads(k).kswapd
  k.task.flags[t]! |= PF_MEMALLOC | PF_KSWAPD
  let budget = STEP_PAGES
  do {
    blk_poll(k)
    const scanned = s.sc.nr_scanned
    if (kswapd_advance(k, s, t)) return true
    if (k.task.state[t] !== TASK_RUNNING) return true
    budget -= Math.max(16, s.sc.nr_scanned - scanned)
  } while (budget > 0 && !need_resched(k))
  return false
}

function kswapd_advance(k: Kernel, s: Kswapd, t: number): boolean {
  switch (s.phase) {
    case ASLEEP:
    case START:
      begin_balance(k, s)
      return false
    case LOOP:
      begin_priority(k, s)
      return false
    case NODE:
      if (shrink_node_round(k, s.pass!, s.sc)) end_priority(k, s)
      return false
    case TRY_SLEEP:
      return try_to_sleep(k, s, t)
    default:
      return after_short_sleep(k, s, t)
  }
}

/** Pages that kswapd has isolated while somebody else runs: anonymous ones and those of files. For verify(). */
export function kswapd_isolated(k: Kernel): readonly [anon: number, file: number] {
  const lru = kswapd(k).pass?.lru
  if (lru === null || lru === undefined || 'gen' in lru || lru.inactive === null) return [0, 0]
  const { nr_taken, lru: list } = lru.inactive
  return list > LRU_ACTIVE_ANON ? [0, nr_taken] : [nr_taken, 0]
}

// ---------------------------------------------------------------- sleeping

function prepare_kswapd_sleep(k: Kernel, order: number, highest: number): boolean {
  wake_up_pfmemalloc(k, true)
  if (pgdat(k).kswapd_failures >= MAX_RECLAIM_RETRIES) return true
  if (!pgdat_balanced(k, order, highest)) return false
  clear_pgdat_congested(k)
  return true
}

function try_to_sleep(k: Kernel, s: Kswapd, t: number): boolean {
  const node = pgdat(k)
  if (!prepare_kswapd_sleep(k, s.reclaim_order, s.highest)) {
    k.vmstat[C.kswapd_high_wmark_hit_quickly]!++
    s.phase = START
    return false
  }
  reset_isolation_suitable(k)
  wakeup_kcompactd(k, s.alloc_order, s.highest)
  node.kswapd_waiting = true
  s.phase = SHORT
  s.deadline_ns = k.var.now + SHORT_SLEEP_NS
  kthread_sleep(k, t, s.deadline_ns)
  return true
}

function after_short_sleep(k: Kernel, s: Kswapd, t: number): boolean {
  const node = pgdat(k)
  const premature = k.var.now < s.deadline_ns
  if (premature) {
    if (node.kswapd_highest_zoneidx === NO_ZONE) node.kswapd_highest_zoneidx = s.highest
    node.kswapd_order = Math.max(node.kswapd_order, s.reclaim_order)
  } else if (prepare_kswapd_sleep(k, s.reclaim_order, s.highest)) {
    node.kswapd_waiting = true
    s.phase = ASLEEP
    trace(k, { kind: 'kswapd_sleep', text: 'kswapd0 asleep' })
    kthread_sleep(k, t)
    return true
  }
  k.vmstat[premature ? C.kswapd_low_wmark_hit_quickly : C.kswapd_high_wmark_hit_quickly]!++
  node.kswapd_waiting = false
  s.phase = START
  return false
}

// ---------------------------------------------------------------- balance_pgdat

function begin_balance(k: Kernel, s: Kswapd): void {
  const node = pgdat(k)
  node.kswapd_waiting = false
  s.alloc_order = node.kswapd_order
  if (node.kswapd_highest_zoneidx !== NO_ZONE) s.highest = node.kswapd_highest_zoneidx
  node.kswapd_order = 0
  node.kswapd_highest_zoneidx = NO_ZONE
  s.memstall = psi_memstall_enter(k)
  k.vmstat[C.pageoutrun]!++
  k.task.reclaimed_slab[k.var.current] = 0
  s.nr_boost_reclaim = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    const boost = zone <= s.highest ? k.zone.watermark_boost[zone + 1]! : 0
    s.zone_boosts[zone] = boost
    s.nr_boost_reclaim += boost
  }
  s.boosted = s.nr_boost_reclaim
  s.sc = scan_control({ kswapd: true, gfp: GFP_KERNEL, order: s.alloc_order })
  restart(k, s)
}
function restart(k: Kernel, s: Kswapd): void {
  set_reclaim_active(k, s.highest, true)
  s.sc.priority = DEF_PRIORITY
  s.phase = LOOP
}
function set_reclaim_active(k: Kernel, highest: number, active: boolean): void {
  for (let zone = 0; zone <= highest && zone < MAX_NR_ZONES; zone++)
    if (active) k.zone.flags[zone + 1]! |= ZONE_RECLAIM_ACTIVE
    else k.zone.flags[zone + 1]! &= ~ZONE_RECLAIM_ACTIVE
}

function begin_priority(k: Kernel, s: Kswapd): void {
  const sc = s.sc
  s.reclaimed_before = sc.nr_reclaimed
  s.raise_priority = true
  sc.reclaim_idx = s.highest
  const balanced = pgdat_balanced(k, sc.order, s.highest)
  if (!balanced && s.nr_boost_reclaim > 0) {
    s.nr_boost_reclaim = 0
    return restart(k, s)
  }
  if (s.nr_boost_reclaim === 0 && balanced) return end_balance(k, s, false)
  if (s.nr_boost_reclaim > 0 && sc.priority === DEF_PRIORITY - 2) s.raise_priority = false
  // Boosted reclaim neither writes nor swaps.
  sc.may_writepage = s.nr_boost_reclaim === 0 || sc.priority < DEF_PRIORITY - 2
  sc.may_swap = s.nr_boost_reclaim === 0
  if (lru_gen_enabled(k)) lru_gen_age_node(k, sc)
  sc.nr_scanned = 0
  sc.nr_to_reclaim = 0
  for (let zone = 0; zone <= s.highest && zone < MAX_NR_ZONES; zone++)
    if (k.zone.managed_pages[zone + 1] !== 0) sc.nr_to_reclaim += Math.max(high_wmark_pages(k, zone), SWAP_CLUSTER_MAX)
  s.pass = shrink_node_begin(k, sc)
  s.phase = NODE
}

function end_priority(k: Kernel, s: Kswapd): void {
  const sc = s.sc
  s.pass = null
  s.phase = LOOP
  wake_up_pfmemalloc(k, false)
  if (sc.order > 0 && sc.nr_reclaimed >= 2 << sc.order) sc.order = 0
  if (sc.nr_scanned >= sc.nr_to_reclaim) s.raise_priority = false
  const nr_reclaimed = sc.nr_reclaimed - s.reclaimed_before
  s.nr_boost_reclaim -= Math.min(s.nr_boost_reclaim, nr_reclaimed)
  if (s.nr_boost_reclaim > 0 && nr_reclaimed === 0) return end_balance(k, s, true)
  if (s.raise_priority || nr_reclaimed === 0) sc.priority--
  if (sc.priority < 1) end_balance(k, s, true)
}

function end_balance(k: Kernel, s: Kswapd, gave_up: boolean): void {
  if (gave_up && s.sc.nr_reclaimed === 0) pgdat(k).kswapd_failures++
  set_reclaim_active(k, s.highest, false)
  if (s.boosted > 0) {
    s.zone_boosts.forEach((boost, zone) => {
      const row = zone + 1
      k.zone.watermark_boost[row]! -= Math.min(k.zone.watermark_boost[row]!, boost)
    })
    wakeup_kcompactd(k, PAGEBLOCK_ORDER, s.highest)
  }
  snapshot_refaults(k, 0)
  psi_memstall_leave(k, s.memstall)
  s.reclaim_order = s.sc.order
  // After a high-order pass that fell back to order 0 it may sleep for the smaller order.
  if (s.reclaim_order >= s.alloc_order) {
    s.alloc_order = pgdat(k).kswapd_order
    s.reclaim_order = s.alloc_order
    if (pgdat(k).kswapd_highest_zoneidx !== NO_ZONE) s.highest = pgdat(k).kswapd_highest_zoneidx
  }
  s.phase = TRY_SLEEP
}
