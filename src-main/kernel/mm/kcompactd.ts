/**
 * kcompactd: compacts in the background, when kswapd asks for a block of some order, and a little all the time where
 * memory is more fragmented than vm.compaction_proactiveness allows.
 *
 * Linux: mm/compaction.c (kcompactd, kcompactd_do_work, proactive_compact_node, fragmentation_score_node).
 */
import { C } from '@shared/counters'
import { kthread_sleep, psi_memstall_enter, psi_memstall_leave, threads, TIMER_KTHREAD, wake_kthread } from '../task'
import { timer_add } from '../lib/timer'
import { MAX_NR_ZONES, ZONE_NORMAL, type Kernel } from '../kernel'
import { compact_zone, kswapd_is_running } from './compaction'
import { compact_control, MIGRATE_SYNC_LIGHT, ORDER_ALL } from './compact_control'
import {
  COMPACT_COMPLETE,
  COMPACT_CONTINUE,
  COMPACT_MAX_DEFER_SHIFT,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
  compaction_defer_reset,
  compaction_deferred,
  compaction_suitable,
  defer_compaction,
} from './compaction_suitable'
import { compaction_proactiveness, fragmentation_score_node, fragmentation_score_wmark } from './extfrag'
import { drain_zone } from './pcp'

/** How often kcompactd looks at the score, ns. */
const HPAGE_FRAG_CHECK_INTERVAL_NS = 500_000_000

interface Kcompactd {
  max_order: number
  highest_zoneidx: number
}
function kcompactd(k: Kernel): Kcompactd {
  return (k.var.mod['kcompactd'] ??= { max_order: 0, highest_zoneidx: last_zone(k) }) as Kcompactd
}
/** pgdat->nr_zones - 1: the last zone with memory. */
function last_zone(k: Kernel): number {
  let zone = ZONE_NORMAL
  while (zone > 0 && k.zone.managed_pages[zone + 1] === 0) zone--
  return zone
}

/** kcompactd starts to look. */
export function kcompactd_run(k: Kernel): void {
  timer_add(k, k.var.now + HPAGE_FRAG_CHECK_INTERVAL_NS, TIMER_KTHREAD, threads(k).kcompactd)
}

/** kswapd made room for a high order: let kcompactd make a block of it. */
export function wakeup_kcompactd(k: Kernel, order: number, highest_zoneidx: number): void {
  if (order === 0) return
  const state = kcompactd(k)
  if (state.max_order < order) state.max_order = order
  state.highest_zoneidx = Math.min(state.highest_zoneidx, highest_zoneidx)
  if (!kcompactd_node_suitable(k)) return
  wake_kthread(k, 'kcompactd')
}

function kcompactd_node_suitable(k: Kernel): boolean {
  const { max_order, highest_zoneidx } = kcompactd(k)
  for (let zone = 0; zone <= highest_zoneidx; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    if (compaction_suitable(k, zone, max_order, 0, highest_zoneidx) === COMPACT_CONTINUE) return true
  }
  return false
}

/** One wake-up of kcompactd: what kswapd asked for, else a look at the score; then it sleeps until the next look. */
export function kcompactd_step(k: Kernel): boolean {
  let timeout = HPAGE_FRAG_CHECK_INTERVAL_NS
  if (kcompactd(k).max_order > 0) {
    const outermost = psi_memstall_enter(k)
    kcompactd_do_work(k)
    psi_memstall_leave(k, outermost)
  } else if (should_proactive_compact_node(k)) {
    const before = fragmentation_score_node(k)
    proactive_compact_node(k)
    // Without progress the next look waits much longer.
    if (fragmentation_score_node(k) >= before) timeout *= 1 << COMPACT_MAX_DEFER_SHIFT
  }
  const t = k.var.current
  if (t !== 0 && t === threads(k).kcompactd)
    kthread_sleep(k, t, compaction_proactiveness(k) === 0 ? Infinity : k.var.now + timeout)
  return true
}

function kcompactd_do_work(k: Kernel): void {
  const state = kcompactd(k)
  const order = state.max_order
  k.vmstat[C.compact_daemon_wake]!++
  for (let zone = 0; zone <= state.highest_zoneidx; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0 || compaction_deferred(k, zone, order)) continue
    if (compaction_suitable(k, zone, order, 0, zone) !== COMPACT_CONTINUE) continue
    const cc = compact_control(zone, order, MIGRATE_SYNC_LIGHT, { highest_zoneidx: state.highest_zoneidx })
    const status = compact_zone(k, cc)
    if (status === COMPACT_SUCCESS) compaction_defer_reset(k, zone, order, false)
    else if (status === COMPACT_PARTIAL_SKIPPED || status === COMPACT_COMPLETE) {
      drain_zone(k, zone)
      defer_compaction(k, zone, order)
    }
    k.vmstat[C.compact_daemon_migrate_scanned]! += cc.migrate_scanned
    k.vmstat[C.compact_daemon_free_scanned]! += cc.free_scanned
  }
  state.max_order = 0
  state.highest_zoneidx = last_zone(k)
}

/** As in 6.1, this is not counted as the daemon's work. */
function proactive_compact_node(k: Kernel): void {
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    const options = { whole_zone: true, proactive: true, ignore_skip_hint: true }
    compact_zone(k, compact_control(zone, ORDER_ALL, MIGRATE_SYNC_LIGHT, options))
  }
}

/** vm.compaction_proactiveness was written: kcompactd looks at once, and goes on looking. */
export function compaction_proactiveness_changed(k: Kernel): void {
  if (compaction_proactiveness(k) > 0) wake_kthread(k, 'kcompactd')
}

function should_proactive_compact_node(k: Kernel): boolean {
  if (compaction_proactiveness(k) === 0 || kswapd_is_running(k)) return false
  return fragmentation_score_node(k) > fragmentation_score_wmark(k, false)
}
