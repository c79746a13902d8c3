/**
 * When no zone has room above its low mark: wake kswapd, go down to the min mark, compact for high orders, reclaim,
 * retry while that helps, and in the end ask the OOM killer.
 *
 * Linux: mm/page_alloc.c (__alloc_pages_slowpath and what it calls).
 * Simplified: cpusets and zonelist updates cannot change under us. After an OOM kill the request tries again until the
 * victim has given its memory back, which it does where reclaim gives way to it; a victim that sleeps or is another CPU's
 * cannot run inside the call, so the page comes from the reserves then and the task sleeps the jiffy in which it exits.
 */
import {
  fatal_signal_pending,
  is_oom_victim,
  printk,
  psi_memstall_enter,
  psi_memstall_leave,
  schedule_timeout,
} from '../task'
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  JIFFY_NS,
  MIGRATE_MOVABLE,
  PF_MEMALLOC,
  ZONE_NORMAL,
  type Kernel,
} from '../kernel'
import { C } from '@shared/counters'
import { try_to_compact_pages } from './compaction'
import {
  COMPACT_DEFERRED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  compaction_defer_reset,
  should_compact_retry,
  type CompactRetry,
} from './compaction_suitable'
import { NR_ZONE_STATS, zone_of } from './buddy'
import { unreserve_highatomic_pageblock } from './fallback'
import { out_of_memory } from './oom_kill'
import { get_page_from_freelist, gfp_migratetype, gfp_zone, preferred_zone, prep_new_page } from './page_alloc'
import { drain_all_pages, PAGE_ALLOC_COSTLY_ORDER } from './pcp'
import { cond_resched, gives_way_to_dying } from './preempt'
import { show_mem } from './show_mem'
import { nr_swap_pages } from './swapfile'
import { try_to_free_pages, wakeup_kswapd } from './vmscan'
import { throttled } from './throttle'
import {
  __zone_watermark_ok,
  ALLOC_CPUSET,
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_MIN,
  min_wmark_pages,
} from './watermark'

/** Rounds of reclaim without progress before the OOM killer is asked. */
export const MAX_RECLAIM_RETRIES = 16

export function __alloc_pages_slowpath(k: Kernel, gfp: number, order: number): number {
  const can_direct_reclaim = (gfp & __GFP_DIRECT_RECLAIM) !== 0
  const can_compact = (gfp & __GFP_IO) !== 0
  const costly_order = order > PAGE_ALLOC_COSTLY_ORDER
  const compact: CompactRetry = { priority: COMPACT_PRIO_SYNC_LIGHT, retries: 0, result: COMPACT_SKIPPED }
  let alloc_flags = gfp_to_alloc_flags(gfp, order)
  let no_progress_loops = 0

  wake_all_kswapds(k, gfp, order)
  let pfn = get_page_from_freelist(k, gfp, order, alloc_flags)
  if (pfn !== 0) return pfn

  const movable = gfp_migratetype(gfp) === MIGRATE_MOVABLE
  if (
    can_direct_reclaim &&
    can_compact &&
    (costly_order || (order > 0 && !movable)) &&
    pfmemalloc_flags(k, gfp) === 0
  ) {
    compact.result = COMPACT_SKIPPED
    pfn = direct_compact(k, gfp, order, alloc_flags, COMPACT_PRIO_ASYNC, compact)
    if (pfn !== 0) return pfn
    if (costly_order && (gfp & __GFP_NORETRY) !== 0) {
      if (compact.result === COMPACT_SKIPPED || compact.result === COMPACT_DEFERRED) return fail(k, gfp, order)
      if ((gfp & __GFP_THISNODE) !== 0) return fail(k, gfp, order)
      compact.priority = COMPACT_PRIO_ASYNC
    }
  }

  for (;;) {
    wake_all_kswapds(k, gfp, order)
    const reserve_flags = pfmemalloc_flags(k, gfp)
    if (reserve_flags !== 0) alloc_flags = reserve_flags | (alloc_flags & ALLOC_KSWAPD)
    pfn = get_page_from_freelist(k, gfp, order, alloc_flags)
    if (pfn !== 0) return pfn
    if (!can_direct_reclaim || (k.task.flags[k.var.current]! & PF_MEMALLOC) !== 0) break

    const progress = { made: 0 }
    pfn = throttled(k) ? 0 : direct_reclaim(k, gfp, order, alloc_flags, progress)
    if (pfn !== 0) return pfn
    // The fault is made again when kswapd has filled the reserves.
    if (throttled(k)) return (gfp & __GFP_NOFAIL) !== 0 ? fail(k, gfp, order) : 0
    pfn = direct_compact(k, gfp, order, alloc_flags, compact.priority, compact)
    if (pfn !== 0) return pfn

    if ((gfp & __GFP_NORETRY) !== 0) break
    if (costly_order && (!can_compact || (gfp & __GFP_RETRY_MAYFAIL) === 0)) break

    if (progress.made > 0 && order <= PAGE_ALLOC_COSTLY_ORDER) no_progress_loops = 0
    else no_progress_loops++
    if (should_reclaim_retry(k, gfp, order, alloc_flags, no_progress_loops)) continue
    if (progress.made > 0 && can_compact && should_compact_retry(k, gfp, order, alloc_flags, compact)) continue

    const oom = { killed: false }
    pfn = may_oom(k, gfp, order, oom)
    if (pfn !== 0) return pfn
    const reserves = (alloc_flags & ALLOC_OOM) !== 0 || (gfp & __GFP_NOMEMALLOC) !== 0
    if (!oom.killed || (is_oom_victim(k, k.var.current) && reserves)) break
    no_progress_loops = 0
  }
  return fail(k, gfp, order)
}

/** The end of a request: one that must not fail gets what the reserves hold, any other fails with a line in the log. */
function fail(k: Kernel, gfp: number, order: number): number {
  if ((gfp & __GFP_NOFAIL) !== 0) {
    const pfn = get_page_from_freelist(k, gfp, order, ALLOC_MIN_RESERVE)
    return pfn !== 0 ? pfn : get_page_from_freelist(k, gfp, order, ALLOC_NO_WATERMARKS)
  }
  const quiet = (gfp & __GFP_NOWARN) !== 0 || fatal_signal_pending(k, k.var.current) || k.var.panic !== null
  if (!quiet) warn_alloc(k, gfp, order)
  return 0
}

/** Not more often than ten times in five seconds, as the kernel's rate limit. */
function warn_alloc(k: Kernel, gfp: number, order: number): void {
  const limit = (k.var.mod['warn_alloc'] ??= { begin: 0, printed: 0 }) as { begin: number; printed: number }
  if (k.var.now - limit.begin > 5e9) {
    limit.begin = k.var.now
    limit.printed = 0
  }
  if (limit.printed++ >= 10) return
  const comm = k.strings.list[k.task.comm[k.var.current]!]!
  printk(k, `${comm}: page allocation failure: order:${order}, mode:0x${gfp.toString(16)}, nodemask=(null)`)
  if (limit.printed === 1) show_mem(k)
}

/** Down to the min mark; requests of high priority and those that cannot wait go below it (__GFP_HIGH is ALLOC_MIN_RESERVE). */
function gfp_to_alloc_flags(gfp: number, order: number): number {
  let flags = ALLOC_WMARK_MIN | ALLOC_CPUSET | (gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM))
  if ((gfp & __GFP_DIRECT_RECLAIM) !== 0) return flags
  const high = (flags & ALLOC_MIN_RESERVE) !== 0
  if ((gfp & __GFP_NOMEMALLOC) === 0) flags |= high && order > 0 ? ALLOC_NON_BLOCK | ALLOC_HIGHATOMIC : ALLOC_NON_BLOCK
  return high ? flags & ~ALLOC_CPUSET : flags
}

/** Who may use the reserves: reclaimers all of them, the dying half. */
function pfmemalloc_flags(k: Kernel, gfp: number): number {
  if ((gfp & __GFP_NOMEMALLOC) !== 0) return 0
  if ((gfp & __GFP_MEMALLOC) !== 0) return ALLOC_NO_WATERMARKS
  const current = k.var.current
  if ((k.task.flags[current]! & PF_MEMALLOC) !== 0) return ALLOC_NO_WATERMARKS
  return is_oom_victim(k, current) ? ALLOC_OOM : 0
}

/** Every node's kswapd: here the one of the preferred zone. */
function wake_all_kswapds(k: Kernel, gfp: number, order: number): void {
  if ((gfp & __GFP_KSWAPD_RECLAIM) !== 0) wakeup_kswapd(k, preferred_zone(k, gfp), gfp, order, gfp_zone(gfp))
}

function direct_compact(
  k: Kernel,
  gfp: number,
  order: number,
  alloc_flags: number,
  priority: number,
  compact: CompactRetry,
): number {
  if (order === 0) return 0
  const outermost = psi_memstall_enter(k)
  const current = k.var.current
  const noreclaim = k.task.flags[current]! & PF_MEMALLOC
  k.task.flags[current]! |= PF_MEMALLOC
  compact.result = try_to_compact_pages(k, gfp, order, alloc_flags, priority)
  k.task.flags[current] = (k.task.flags[current]! & ~PF_MEMALLOC) | noreclaim
  psi_memstall_leave(k, outermost)
  if (compact.result === COMPACT_SKIPPED) return 0
  k.vmstat[C.compact_stall]!++
  let pfn = k.var.capture_pfn
  k.var.capture_pfn = 0
  if (pfn !== 0) prep_new_page(k, pfn, order, gfp)
  else pfn = get_page_from_freelist(k, gfp, order, alloc_flags)
  if (pfn !== 0) {
    const zone = zone_of(k, pfn)
    k.zone.compact_blockskip_flush[zone + 1] = 0
    compaction_defer_reset(k, zone, order, true)
    k.vmstat[C.compact_success]!++
    return pfn
  }
  k.vmstat[C.compact_fail]!++
  cond_resched(k)
  return 0
}

/** Reclaims as a memory allocator (PF_MEMALLOC), then looks again; the per-CPU lists are the last place to look. */
function direct_reclaim(
  k: Kernel,
  gfp: number,
  order: number,
  alloc_flags: number,
  progress: { made: number },
): number {
  const current = k.var.current
  const outermost = psi_memstall_enter(k)
  cond_resched(k)
  k.task.flags[current]! |= PF_MEMALLOC
  progress.made = try_to_free_pages(k, order, gfp)
  k.task.flags[current]! &= ~PF_MEMALLOC
  cond_resched(k)
  psi_memstall_leave(k, outermost)
  if (progress.made === 0) return 0
  const pfn = get_page_from_freelist(k, gfp, order, alloc_flags)
  if (pfn !== 0) return pfn
  unreserve_highatomic_pageblock(k, preferred_zone(k, gfp), gfp_migratetype(gfp), false)
  drain_all_pages(k)
  return get_page_from_freelist(k, gfp, order, alloc_flags)
}

/** Would reclaiming everything help? Then once more, up to MAX_RECLAIM_RETRIES rounds without progress. */
function should_reclaim_retry(
  k: Kernel,
  gfp: number,
  order: number,
  alloc_flags: number,
  no_progress_loops: number,
): boolean {
  const highest = preferred_zone(k, gfp)
  if (no_progress_loops <= MAX_RECLAIM_RETRIES) {
    const enough = reclaimable_enough(k, highest, order, gfp_zone(gfp), alloc_flags)
    cond_resched(k)
    if (enough) return true
  }
  return unreserve_highatomic_pageblock(k, highest, gfp_migratetype(gfp), true)
}

/** Some zone would be above its min mark if everything that can be reclaimed in it were free. */
function reclaimable_enough(k: Kernel, highest: number, order: number, zoneidx: number, alloc_flags: number): boolean {
  for (let zone = highest; zone >= 0; zone--) {
    if (k.zone.managed_pages[zone + 1] === 0) continue
    const available = zone_reclaimable_pages(k, zone) + k.zone.nr_free[zone + 1]!
    if (__zone_watermark_ok(k, zone, order, min_wmark_pages(k, zone), zoneidx, alloc_flags, available)) return true
  }
  return false
}

/**
 * File pages, and anonymous pages as long as there is swap space; a zone without any counts with its free pages, so that
 * reclaim and its throttle do not pass over it.
 */
export function zone_reclaimable_pages(k: Kernel, zone: number): number {
  const base = (zone + 1) * NR_ZONE_STATS
  const stat = k.zone.stat
  let nr = stat[base + C.nr_zone_inactive_file]! + stat[base + C.nr_zone_active_file]!
  if (nr_swap_pages(k) > 0) nr += stat[base + C.nr_zone_inactive_anon]! + stat[base + C.nr_zone_active_anon]!
  return nr === 0 ? k.zone.nr_free[zone + 1]! : nr
}
/** One last look at the high mark (somebody may just have freed), then the OOM killer. */
function may_oom(k: Kernel, gfp: number, order: number, oom: { killed: boolean }): number {
  const look = (gfp | __GFP_HARDWALL) & ~__GFP_DIRECT_RECLAIM
  let pfn = get_page_from_freelist(k, look, order, ALLOC_WMARK_HIGH | ALLOC_CPUSET)
  if (pfn !== 0) return pfn
  if (order > PAGE_ALLOC_COSTLY_ORDER) return 0
  if ((gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0 || gfp_zone(gfp) < ZONE_NORMAL) return 0
  oom.killed = out_of_memory(k, gfp, order) || (gfp & __GFP_NOFAIL) !== 0
  if (!oom.killed || is_oom_victim(k, k.var.current) || gives_way_to_dying(k)) return 0
  if (k.var.current !== 0) schedule_timeout(k, JIFFY_NS, 'out_of_memory')
  pfn = get_page_from_freelist(k, gfp, order, ALLOC_NO_WATERMARKS)
  if (pfn === 0) oom.killed = false
  return pfn
}
