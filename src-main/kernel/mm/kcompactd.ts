/**
 * kcompactd: compacts in the background, when kswapd asks for a block of some order, and a little all the time where
 * memory is more fragmented than vm.compaction_proactiveness allows.
 *
 * Linux: mm/compaction.c (kcompactd, kcompactd_do_work, proactive_compact_node, fragmentation_score_node).
 */
import { C } from '@shared/counters'
import { wake_kthread } from '../task'
import { MAX_NR_ZONES, ZONE_NORMAL, type Kernel } from '../kernel'
import { compact_zone } from './compaction'
import { compact_control, MIGRATE_SYNC_LIGHT, ORDER_ALL } from './compact_control'
import {
  COMPACT_COMPLETE,
  COMPACT_CONTINUE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
  compaction_defer_reset,
  compaction_deferred,
  compaction_suitable,
  defer_compaction,
} from './compaction_suitable'
import { extfrag_for_order } from './extfrag'
import { drain_all_pages } from './pcp'

const HPAGE_ORDER = 9
/** Rounds without a look after proactive compaction did not help. */
const PROACTIVE_DEFER = 64

interface Kcompactd {
  max_order: number
  highest_zoneidx: number
  proactive_defer: number
}
function kcompactd(k: Kernel): Kcompactd {
  return (k.var.mod['kcompactd'] ??= { max_order: 0, highest_zoneidx: ZONE_NORMAL, proactive_defer: 0 }) as Kcompactd
}

/** kswapd made room for a high order: let kcompactd make a block of it. */
export function wakeup_kcompactd(k: Kernel, order: number, highest_zoneidx: number): void {
  if (order === 0) return
  const state = kcompactd(k)
  if (state.max_order < order) state.max_order = order
  state.highest_zoneidx = Math.min(highest_zoneidx, ZONE_NORMAL)
  if (!kcompactd_node_suitable(k)) return
  wake_kthread(k, 'kcompactd')
}

function kcompactd_node_suitable(k: Kernel): boolean {
  const { max_order, highest_zoneidx } = kcompactd(k)
  for (let zone = 0; zone <= highest_zoneidx; zone++)
    if (k.zone.managed_pages[zone + 1] !== 0 && compaction_suitable(k, zone, max_order, 0, zone) === COMPACT_CONTINUE)
      return true
  return false
}

/** kcompactd's work for one wake-up; true: it has nothing more to do. */
export function kcompactd_step(k: Kernel): boolean {
  const state = kcompactd(k)
  const order = state.max_order
  if (order === 0) return proactive_compact(k)
  k.vmstat[C.compact_daemon_wake]!++
  for (let zone = 0; zone <= state.highest_zoneidx; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0 || compaction_deferred(k, zone, order)) continue
    if (compaction_suitable(k, zone, order, 0, zone) !== COMPACT_CONTINUE) continue
    const cc = compact_control(zone, order, MIGRATE_SYNC_LIGHT, { highest_zoneidx: state.highest_zoneidx })
    const status = compact_zone(k, cc)
    if (status === COMPACT_SUCCESS) compaction_defer_reset(k, zone, order, false)
    else if (status === COMPACT_PARTIAL_SKIPPED || status === COMPACT_COMPLETE) {
      drain_all_pages(k)
      defer_compaction(k, zone, order)
    }
    k.vmstat[C.compact_daemon_migrate_scanned]! += cc.migrate_scanned
    k.vmstat[C.compact_daemon_free_scanned]! += cc.free_scanned
  }
  state.max_order = 0
  state.highest_zoneidx = ZONE_NORMAL
  return true
}

/** Every 500 ms kcompactd looks whether memory is fragmented more than vm.compaction_proactiveness allows. */
function proactive_compact(k: Kernel): boolean {
  const state = kcompactd(k)
  const proactiveness = k.var.sysctl['vm.compaction_proactiveness'] ?? 20
  if (proactiveness === 0) return true
  const low = Math.max(100 - proactiveness, 5)
  const high = Math.min(low + 10, 100)
  const before = fragmentation_score_node(k)
  if (before <= high) return true
  if (state.proactive_defer > 0) {
    state.proactive_defer--
    return true
  }
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    const options = { whole_zone: true, proactive: true, ignore_skip_hint: true }
    const cc = compact_control(zone, ORDER_ALL, MIGRATE_SYNC_LIGHT, options)
    compact_zone(k, cc)
    k.vmstat[C.compact_daemon_migrate_scanned]! += cc.migrate_scanned
    k.vmstat[C.compact_daemon_free_scanned]! += cc.free_scanned
  }
  if (fragmentation_score_node(k) >= before) state.proactive_defer = PROACTIVE_DEFER
  return true
}

/** Per cent of free memory that is not in blocks of a huge page, weighted by the zones' sizes. */
function fragmentation_score_node(k: Kernel): number {
  let present = 0
  for (let row = 1; row <= MAX_NR_ZONES; row++) present += k.zone.present_pages[row]!
  let score = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    score += Math.floor((k.zone.present_pages[zone + 1]! * extfrag_for_order(k, zone, HPAGE_ORDER)) / (present + 1))
  return score
}
