/**
 * Counters of resident memory as others see them: a task counts what its own faults map in itself, and adds it to its
 * address space once in 64 faults. What /proc/PID/status, statm and the OOM killer read lags by that much; smaps walks the
 * page tables and is exact, as the columns `rss_…` and `swapents` of `mm` are here.
 *
 *   count seen = mm.rss_… − mm.rss_unsynced (the sum of task.rss_stat over its tasks), not below 0
 *
 * Linux: mm/memory.c (SPLIT_RSS_COUNTING: sync_mm_rss, add_mm_counter_fast, check_sync_rss_stat, add_mm_rss_vec),
 * include/linux/mm.h (get_mm_counter).
 */
import { assert } from '@shared/assert'
import { PG_anon, PG_swapbacked, type Kernel } from '../kernel'

export const MM_FILEPAGES = 0
export const MM_ANONPAGES = 1
export const MM_SWAPENTS = 2
export const MM_SHMEMPAGES = 3
const NR_MM_COUNTERS = 4
/** TASK_RSS_EVENTS_THRESH. */
const EVENTS_THRESH = 64

function column(k: Kernel, member: number): Float64Array {
  if (member === MM_ANONPAGES) return k.mm.rss_anon
  if (member === MM_FILEPAGES) return k.mm.rss_file
  return member === MM_SWAPENTS ? k.mm.swapents : k.mm.rss_shmem
}
/** The counter that a frame belongs to. */
export function mm_counter_of(k: Kernel, pfn: number): number {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_anon) !== 0) return MM_ANONPAGES
  return (flags & PG_swapbacked) !== 0 ? MM_SHMEMPAGES : MM_FILEPAGES
}

/** A fault of the running task maps (1) or takes away (-1): counted in the task where it is its own memory. */
export function add_mm_counter_fast(k: Kernel, mm: number, member: number, val: number): void {
  column(k, member)[mm]! += val
  const t = k.var.current
  if (k.task.mm[t] !== mm) return
  k.task.rss_stat[t * NR_MM_COUNTERS + member]! += val
  k.mm.rss_unsynced[mm * NR_MM_COUNTERS + member]! += val
}

/** What the running task has counted becomes its address space's. */
export function sync_mm_rss(k: Kernel, mm: number): void {
  const t = k.var.current
  if (mm === 0 || k.task.mm[t] !== mm) return
  for (let i = 0; i < NR_MM_COUNTERS; i++) {
    k.mm.rss_unsynced[mm * NR_MM_COUNTERS + i]! -= k.task.rss_stat[t * NR_MM_COUNTERS + i]!
    k.task.rss_stat[t * NR_MM_COUNTERS + i] = 0
  }
  k.task.rss_events[t] = 0
}
/** At each fault of a task. */
export function check_sync_rss_stat(k: Kernel): void {
  const t = k.var.current
  if (k.task.rss_events[t]!++ > EVENTS_THRESH) sync_mm_rss(k, k.task.mm[t]!)
}

export function get_mm_counter(k: Kernel, mm: number, member: number): number {
  return Math.max(0, column(k, member)[mm]! - k.mm.rss_unsynced[mm * NR_MM_COUNTERS + member]!)
}
export function get_mm_rss(k: Kernel, mm: number): number {
  return (
    get_mm_counter(k, mm, MM_FILEPAGES) + get_mm_counter(k, mm, MM_ANONPAGES) + get_mm_counter(k, mm, MM_SHMEMPAGES)
  )
}
export function update_hiwater_rss(k: Kernel, mm: number): void {
  const rss = get_mm_rss(k, mm)
  if (rss > k.mm.hiwater_rss[mm]!) k.mm.hiwater_rss[mm] = rss
}

/** What an address space lacks is what its tasks have counted. Throws KernelBug. */
export function verify_rss_stat(k: Kernel): void {
  const sums = new Map<number, number>()
  for (let t = k.var.task_head; t !== 0; t = k.task.list_next[t]!)
    for (let i = 0; i < NR_MM_COUNTERS; i++) {
      const val = k.task.rss_stat[t * NR_MM_COUNTERS + i]!
      const at = k.task.mm[t]! * NR_MM_COUNTERS + i
      assert(val === 0 || k.task.mm[t] !== 0, 'rss_stat: of a task without memory')
      sums.set(at, (sums.get(at) ?? 0) + val)
    }
  for (let at = NR_MM_COUNTERS; at < k.mm.meta.high * NR_MM_COUNTERS; at++)
    assert(k.mm.rss_unsynced[at] === (sums.get(at) ?? 0), 'rss_stat: counts of tasks')
}
