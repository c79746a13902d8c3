/**
 * How hard to press which list: the reclaimer's orders (scan_control), the balance of anonymous and file pages, and the
 * number of pages to scan of each list at a priority.
 *
 *   scan of a list = size >> priority, times the list kind's share:
 *   anon : file = swappiness / (1 + anon cost) : (200 - swappiness) / (1 + file cost)
 *
 * Linux: mm/vmscan.c (scan_control, prepare_scan_count, get_scan_count, inactive_is_low).
 */
import { C } from '@shared/counters'
import { int_div, int_sqrt } from '../lib/math'
import { LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, MAX_NR_ZONES, type Kernel } from '../kernel'
import { lru_gen_enabled } from './lru_gen'
import { lruvec_page_state, mem_cgroup_flush_stats } from './lruvec_stat'
import { memcg_page_state, mem_cgroup_protection, mem_cgroup_swap_pages } from './memcontrol'
import { lru_row, lruvec_size } from './swap'
import { high_wmark_pages } from './watermark'

export const DEF_PRIORITY = 12
export const SWAP_CLUSTER_MAX = 32
const DEACTIVATE_ANON = 1
const DEACTIVATE_FILE = 2
const LRU_FILE = 2

/** Plain data: kswapd keeps its orders from one step to the next. */
export interface ScanControl {
  nr_to_reclaim: number
  gfp: number
  /** Highest zone whose pages help the request (gfp_zone: 3 is any). */
  reclaim_idx: number
  order: number
  priority: number
  kswapd: boolean
  /** The cgroup at its limit, 0 for global reclaim. */
  target: number
  may_writepage: boolean
  may_unmap: boolean
  may_swap: boolean
  force_deactivate: boolean
  skipped_deactivate: boolean
  may_deactivate: number
  cache_trim_mode: boolean
  file_is_tiny: boolean
  memcg_low_reclaim: boolean
  memcg_low_skipped: boolean
  compaction_ready: boolean
  anon_cost: number
  file_cost: number
  /** Multi-gen LRU: aging is due before kswapd's next pass; what had been reclaimed before the one at hand. */
  memcgs_need_aging: boolean
  last_reclaimed: number
  nr_scanned: number
  nr_reclaimed: number
  /** What this pass over the node met. */
  nr: {
    dirty: number
    unqueued_dirty: number
    congested: number
    writeback: number
    immediate: number
    file_taken: number
    taken: number
  }
}

export function scan_control(fields: Partial<ScanControl>): ScanControl {
  return {
    nr_to_reclaim: SWAP_CLUSTER_MAX,
    gfp: 0,
    reclaim_idx: MAX_NR_ZONES,
    order: 0,
    priority: DEF_PRIORITY,
    kswapd: false,
    target: 0,
    may_writepage: true,
    may_unmap: true,
    may_swap: true,
    force_deactivate: false,
    skipped_deactivate: false,
    may_deactivate: 0,
    cache_trim_mode: false,
    file_is_tiny: false,
    memcg_low_reclaim: false,
    memcg_low_skipped: false,
    compaction_ready: false,
    anon_cost: 0,
    file_cost: 0,
    memcgs_need_aging: false,
    last_reclaimed: 0,
    nr_scanned: 0,
    nr_reclaimed: 0,
    nr: no_pages(),
    ...fields,
  }
}
export function no_pages(): ScanControl['nr'] {
  return { dirty: 0, unqueued_dirty: 0, congested: 0, writeback: 0, immediate: 0, file_taken: 0, taken: 0 }
}

/** Decides, once a pass over the node, what may be deactivated and whether file pages alone should go. */
export function prepare_scan_count(k: Kernel, sc: ScanControl): void {
  if (lru_gen_enabled(k)) return
  mem_cgroup_flush_stats(k)
  const target = sc.target
  const row = 1 + target
  sc.anon_cost = k.lruvec.anon_cost[row]!
  sc.file_cost = k.lruvec.file_cost[row]!
  if (sc.force_deactivate) sc.may_deactivate = DEACTIVATE_ANON | DEACTIVATE_FILE
  else {
    const anon = memcg_page_state(k, target, C.workingset_activate_anon)
    const file = memcg_page_state(k, target, C.workingset_activate_file)
    sc.may_deactivate = 0
    if (anon !== k.lruvec.refaults[row * 2] || inactive_is_low(k, target, LRU_INACTIVE_ANON))
      sc.may_deactivate |= DEACTIVATE_ANON
    if (file !== k.lruvec.refaults[row * 2 + 1] || inactive_is_low(k, target, LRU_INACTIVE_FILE))
      sc.may_deactivate |= DEACTIVATE_FILE
  }
  const inactive_file = lruvec_size(k, target, LRU_INACTIVE_FILE)
  sc.cache_trim_mode = shift(inactive_file, sc.priority) > 0 && (sc.may_deactivate & DEACTIVATE_FILE) === 0
  if (target !== 0) return
  let total_high_wmark = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    if (k.zone.managed_pages[zone + 1] !== 0) total_high_wmark += high_wmark_pages(k, zone)
  const file = k.vmstat[C.nr_active_file]! + k.vmstat[C.nr_inactive_file]!
  const anon = k.vmstat[C.nr_inactive_anon]!
  sc.file_is_tiny =
    file + k.vmstat[C.nr_free_pages]! <= total_high_wmark &&
    (sc.may_deactivate & DEACTIVATE_ANON) === 0 &&
    shift(anon, sc.priority) > 0
}

/** The inactive list should hold 1/(1 + ratio) of its kind, ratio = sqrt(10 × size in GiB). */
export function inactive_is_low(k: Kernel, memcg: number, inactive_lru: number): boolean {
  const inactive = lruvec_page_state(k, memcg, inactive_lru)
  const active = lruvec_page_state(k, memcg, inactive_lru + 1)
  const gb = int_div(inactive + active, 2 ** 18)
  return inactive * (gb > 0 ? int_sqrt(10 * gb) : 1) < active
}

/** Fills `nr` with the pages to scan of the four evictable lists of a cgroup. */
export function get_scan_count(k: Kernel, memcg: number, sc: ScanControl, nr: number[]): void {
  const swappiness = k.var.sysctl['vm.swappiness'] ?? 60
  const only = one_kind(k, memcg, sc, swappiness)
  const total = sc.anon_cost + sc.file_cost
  const anon_cost = total + sc.anon_cost
  const file_cost = total + sc.file_cost
  const sum = anon_cost + file_cost
  const ap = int_div(swappiness * (sum + 1), anon_cost + 1)
  const fp = int_div((200 - swappiness) * (sum + 1), file_cost + 1)
  const { min, low } = mem_cgroup_protection(k, sc.target, memcg)
  for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) {
    const file = lru >= LRU_FILE
    const size = lruvec_lru_size(k, memcg, lru, sc.reclaim_idx)
    let scan = size
    if (min > 0 || low > 0) scan = protected_scan(k, memcg, sc, size, min, low)
    scan = shift(scan, sc.priority)
    // A removed cgroup is scraped to its last page.
    const offline = k.memcg.offline[memcg] !== 0
    if (scan === 0 && offline) scan = Math.min(size, SWAP_CLUSTER_MAX)
    if (only === 'fract') scan = int_div(scan * (file ? fp : ap) + (offline ? ap + fp - 1 : 0), ap + fp)
    else if ((only === 'anon' && file) || (only === 'file' && !file)) scan = 0
    nr[lru] = scan
  }
}

/** Reasons not to weigh the two kinds: file only, anon only, both alike; else 'fract'. */
function one_kind(k: Kernel, memcg: number, sc: ScanControl, swappiness: number): 'file' | 'anon' | 'equal' | 'fract' {
  if (!sc.may_swap || mem_cgroup_swap_pages(k, memcg) <= 0) return 'file'
  if (sc.target !== 0 && swappiness === 0) return 'file'
  if (sc.priority === 0 && swappiness !== 0) return 'equal'
  if (sc.file_is_tiny) return 'anon'
  return sc.cache_trim_mode ? 'file' : 'fract'
}

/** memory.min and memory.low: pressure in proportion to what lies above them. */
function protected_scan(k: Kernel, memcg: number, sc: ScanControl, size: number, min: number, low: number): number {
  let protection = min
  if (!sc.memcg_low_reclaim && low > min) {
    protection = low
    sc.memcg_low_skipped = true
  }
  const usage = Math.max(memcg_page_state(k, memcg, -1), protection)
  return Math.max(size - int_div(size * protection, usage + 1), SWAP_CLUSTER_MAX)
}

/** Pages of one list in the zones that the request may use. */
function lruvec_lru_size(k: Kernel, memcg: number, lru: number, zone_idx: number): number {
  if (zone_idx >= MAX_NR_ZONES - 1) return k.lru.nr[lru_row(memcg, lru)]!
  let size = 0
  for (let zone = 0; zone <= zone_idx; zone++) size += k.zone.nr_lru[(zone + 1) * 5 + lru]!
  return Math.min(size, k.lru.nr[lru_row(memcg, lru)]!)
}

export function shift(n: number, by: number): number {
  return Math.floor(n / 2 ** by)
}
