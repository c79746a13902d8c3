/**
 * What reclaimers do when there is nothing good to reclaim: stand still until pages are written, or for a moment.
 *
 * Linux: mm/vmscan.c (reclaim_throttle, consider_reclaim_throttle, throttle_direct_reclaim). Simplified: a direct
 * reclaimer sleeps inside its call (page_io's nested waits), so the requests it waits for end at once.
 */
import { C } from '@shared/counters'
import { JIFFY_NS, MAX_NR_ZONES, PF_KTHREAD, type Kernel } from '../kernel'
import {
  fatal_signal_pending,
  schedule_timeout,
  task_blocked,
  threads,
  WAIT_PFMEMALLOC,
  wait_killable,
  wake_up_task,
} from '../task'
import { zone_reclaimable_pages } from './page_slowpath'
import { nth_write_done_ns, writeback_wait_nested } from './page_io'
import { SWAP_CLUSTER_MAX, type ScanControl } from './scan_count'
import { min_wmark_pages } from './watermark'

export const THROTTLE_WRITEBACK = 0
export const THROTTLE_ISOLATED = 1
export const THROTTLE_NOPROGRESS = 2
export const THROTTLE_CONGESTED = 3
export const MAX_RECLAIM_RETRIES = 16

/** pg_data_t: the node as reclaim sees it. Plain data in var.mod. */
export interface Pgdat {
  kswapd_order: number
  kswapd_highest_zoneidx: number
  kswapd_failures: number
  /** kswapd waits on its queue (asleep, or in its short sleep). */
  kswapd_waiting: boolean
  /** PGDAT_DIRTY, PGDAT_WRITEBACK, LRUVEC_CONGESTED. */
  dirty: boolean
  writeback: boolean
  congested: boolean
  low_told: boolean
  /** Tasks that wait for the reserves to fill again. */
  pfmemalloc_wait: number[]
  stall_told_ns: number
}
export function pgdat(k: Kernel): Pgdat {
  return (k.var.mod['pgdat'] ??= {
    kswapd_order: 0,
    kswapd_highest_zoneidx: MAX_NR_ZONES + 1,
    kswapd_failures: 0,
    kswapd_waiting: true,
    dirty: false,
    writeback: false,
    congested: false,
    low_told: false,
    pfmemalloc_wait: [],
    stall_told_ns: -1e9,
  }) as Pgdat
}
export function clear_pgdat_congested(k: Kernel): void {
  const node = pgdat(k)
  node.congested = false
  node.dirty = false
  node.writeback = false
}

export function reclaim_throttle(k: Kernel, sc: ScanControl, reason: number): void {
  const t = k.var.current
  if (t === 0 || ((k.task.flags[t]! & PF_KTHREAD) !== 0 && !sc.kswapd)) return
  if ((reason === THROTTLE_NOPROGRESS || reason === THROTTLE_CONGESTED) && skip_throttle_noprogress(k)) return
  const ns = reason === THROTTLE_WRITEBACK ? 100_000_000 : reason === THROTTLE_ISOLATED ? 20_000_000 : JIFFY_NS
  const nr = reason === THROTTLE_WRITEBACK ? SWAP_CLUSTER_MAX : Infinity
  if (!sc.kswapd) return writeback_wait_nested(k, nr, ns, 'reclaim_throttle', 0)
  const done = nr === Infinity ? 0 : nth_write_done_ns(k, nr)
  const until = done === 0 ? k.var.now + ns : Math.min(done, k.var.now + ns)
  schedule_timeout(k, Math.max(1, until - k.var.now), 'reclaim_throttle')
}

/** No use in waiting when kswapd has given up, or for the disk while less than half of what is reclaimable waits for it. */
function skip_throttle_noprogress(k: Kernel): boolean {
  if (pgdat(k).kswapd_failures >= MAX_RECLAIM_RETRIES) return true
  let reclaimable = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    if (k.zone.managed_pages[zone + 1] !== 0) reclaimable += zone_reclaimable_pages(k, zone)
  return 2 * k.vmstat[C.nr_zone_write_pending]! <= reclaimable
}

export function consider_reclaim_throttle(k: Kernel, sc: ScanControl): void {
  if (sc.nr_reclaimed > sc.nr_scanned >> 3 || sc.kswapd || sc.target !== 0) return
  if (sc.priority === 1 && sc.nr_reclaimed === 0) reclaim_throttle(k, sc, THROTTLE_NOPROGRESS)
}

/** Half of the min marks is left for kswapd and for those who free memory: others wait here while it is used up. */
export function throttle_direct_reclaim(k: Kernel, sc: ScanControl): boolean {
  const t = k.var.current
  if (t === 0 || (k.task.flags[t]! & PF_KTHREAD) !== 0 || fatal_signal_pending(k, t)) return false
  if (allow_direct_reclaim(k)) return false
  k.vmstat[C.pgscan_direct_throttle]!++
  // A fault is made again after its sleep, so it can wait for kswapd. A system call goes on at once and takes its sleep later.
  if (k.var.fault_addr !== 0 && !task_blocked(k) && threads(k).kswapd !== 0) {
    pgdat(k).pfmemalloc_wait.push(t)
    wait_killable(k, WAIT_PFMEMALLOC, 'throttle_direct_reclaim')
  } else writeback_wait_nested(k, SWAP_CLUSTER_MAX, JIFFY_NS, 'throttle_direct_reclaim', 0)
  return fatal_signal_pending(k, t) && sc.nr_reclaimed === 0
}

/** kswapd has done something: who waits for the reserves may go on, when they suffice or kswapd is about to sleep. */
export function wake_up_pfmemalloc(k: Kernel, always: boolean): void {
  const waiting = pgdat(k).pfmemalloc_wait
  if (waiting.length === 0 || !(always || allow_direct_reclaim(k))) return
  for (const t of waiting.splice(0)) if (k.task.wait_kind[t] === WAIT_PFMEMALLOC) wake_up_task(k, t)
}

/** The request has made its task wait for kswapd: there is no page for it now. */
export function throttled(k: Kernel): boolean {
  return k.task.wait_kind[k.var.current] === WAIT_PFMEMALLOC
}

export function allow_direct_reclaim(k: Kernel): boolean {
  if (pgdat(k).kswapd_failures >= MAX_RECLAIM_RETRIES) return true
  let reserve = 0
  let free = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0 || zone_reclaimable_pages(k, zone) === 0) continue
    reserve += min_wmark_pages(k, zone)
    free += k.zone.nr_free[zone + 1]!
  }
  return reserve === 0 || free > Math.floor(reserve / 2)
}
