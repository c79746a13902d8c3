/**
 * Dirty pages: counting them, how many are allowed, and making writers wait.
 *
 *   dirty ──background threshold── the flusher writes ──(background + limit)/2── writers pause ──limit──
 *
 * Linux: mm/page-writeback.c. Kept: dirtyable memory, both thresholds by ratio or bytes, free run, pauses of 10 … 200 ms
 * in proportion to how near the limit is. Simplified: one disk of known bandwidth instead of estimators; no strict limit.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { int_div, ilog2 } from '../lib/math'
import {
  PAGE_SIZE,
  PG_anon,
  PG_dirty,
  PG_reclaim,
  PG_swapbacked,
  PG_swapcache,
  PG_writeback,
  TASK_RUNNING,
  type Kernel,
} from '../kernel'
import { device_write_pages_per_s, WRITE } from '../block/device'
import { schedule_timeout_killable } from '../task'
import { xa_clear_mark, xa_set_mark } from '../lib/xarray'
import {
  mark_inode_dirty,
  set_dirty_limit,
  update_dirty_limit,
  wb_start_background,
  wb_writeout_inc,
  writeback_in_progress,
} from './fs_writeback'
import { blocks_allocated } from './balloc'
import { take_dirty_blocks } from './buffer_blocks'
import { is_shmem } from './inode'
import { mod_zone_page_state } from './page_alloc'
import { call_time, file_device, set_page_writeback, submit_file_bio } from './page_io'
import { page_mkclean } from './rmap'
import { folio_zone } from './swap'

export { flusher_step, wakeup_flusher_threads } from './fs_writeback'

// ---------------------------------------------------------------- marking

/** folio_mark_dirty: a page of a file, or of the swap cache, that becomes dirty is not to go, nor a mark of readahead. */
export function set_page_dirty(k: Kernel, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_swapcache) !== 0 || ((flags & PG_anon) === 0 && k.page.mapping[pfn] !== 0))
    k.page.flags[pfn] = flags & ~PG_reclaim
  return __set_page_dirty(k, pfn)
}
/** A page's content differs from the disk's. True when it was clean. */
export function __set_page_dirty(k: Kernel, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_dirty) !== 0) return false
  k.page.flags[pfn] = flags | PG_dirty
  const inode = k.page.mapping[pfn]!
  if ((flags & (PG_swapbacked | PG_swapcache)) !== 0 || inode === 0 || (flags & PG_anon) !== 0) return true
  folio_account_dirtied(k, pfn, inode)
  return true
}

function folio_account_dirtied(k: Kernel, pfn: number, inode: number): void {
  k.vmstat[C.nr_dirty]!++
  k.vmstat[C.nr_dirtied]!++
  mod_zone_page_state(k, folio_zone(k, pfn), C.nr_zone_write_pending, 1)
  k.inode.nr_dirty[inode]!++
  xa_set_mark(k, inode, k.page.index[pfn]!, 'dirty')
  const t = k.var.current
  if (t !== 0) {
    k.task.nr_dirtied[t]!++
    k.task.write_bytes[t]! += PAGE_SIZE
  }
  mark_inode_dirty(k, inode)
}

/** A dirty page is dropped or about to be written: it leaves the counts. */
export function folio_account_cleaned(k: Kernel, pfn: number): void {
  const inode = k.page.mapping[pfn]!
  if ((k.page.flags[pfn]! & PG_swapbacked) !== 0 || inode === 0 || is_shmem(k, inode)) return
  k.vmstat[C.nr_dirty]!--
  mod_zone_page_state(k, folio_zone(k, pfn), C.nr_zone_write_pending, -1)
  k.inode.nr_dirty[inode]!--
  xa_clear_mark(k, inode, k.page.index[pfn]!, 'dirty')
}
export function cancel_dirty_page(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & PG_dirty) === 0) return
  folio_account_cleaned(k, pfn)
  k.page.flags[pfn]! &= ~PG_dirty
}

/** Takes the dirty mark for a write; shared mappings fault again at their next store. False when it was clean. */
export function clear_page_dirty_for_io(k: Kernel, pfn: number): boolean {
  const inode = k.page.mapping[pfn]!
  const flags = k.page.flags[pfn]!
  const file = (flags & (PG_swapbacked | PG_swapcache)) === 0 && inode !== 0
  if (file && page_mkclean(k, pfn) > 0) set_page_dirty(k, pfn)
  if ((k.page.flags[pfn]! & PG_dirty) === 0) return false
  if (file) folio_account_cleaned(k, pfn)
  k.page.flags[pfn]! &= ~PG_dirty
  return true
}

/** Writes one page of a file (reclaim's last resort). */
export function writepage(k: Kernel, pfn: number): void {
  const inode = k.page.mapping[pfn]!
  start_writeback_file(k, inode, pfn)
  blocks_allocated(k, inode, k.page.index[pfn]!)
  submit_file_bio(k, inode, WRITE, k.page.index[pfn]!, 1, take_dirty_blocks(k, pfn))
}
export function start_writeback_file(k: Kernel, inode: number, pfn: number): void {
  assert((k.page.flags[pfn]! & (PG_dirty | PG_writeback)) === 0, 'start_writeback: page state')
  set_page_writeback(k, pfn)
  k.inode.nr_writeback[inode]!++
  xa_set_mark(k, inode, k.page.index[pfn]!, 'writeback')
}
/** The file's part of the end of a write. */
export function end_page_writeback_file(k: Kernel, inode: number, pfn: number): void {
  k.inode.nr_writeback[inode]!--
  wb_writeout_inc(k)
  xa_clear_mark(k, inode, k.page.index[pfn]!, 'writeback')
}

// ---------------------------------------------------------------- limits

/** Memory that may hold dirty pages: free above the reserves, and file pages. */
export function global_dirtyable_memory(k: Kernel): number {
  const free = k.vmstat[C.nr_free_pages]!
  const file = k.vmstat[C.nr_inactive_file]! + k.vmstat[C.nr_active_file]!
  return free - Math.min(free, k.var.totalreserve_pages) + file + 1
}

export interface DirtyLimits {
  background: number
  thresh: number
}
/** At boot and when a sysctl changes the limits. */
export function writeback_set_ratelimit(k: Kernel, available = global_dirtyable_memory(k)): void {
  set_dirty_limit(k, global_dirty_limits(k, available).thresh)
}

export function global_dirty_limits(k: Kernel, available = global_dirtyable_memory(k)): DirtyLimits {
  const thresh = limit(k, 'dirty', 20, available)
  const background = limit(k, 'dirty_background', 10, available)
  return { background: background >= thresh ? int_div(thresh, 2) : background, thresh }
}
function limit(k: Kernel, name: string, ratio: number, available: number): number {
  const bytes = k.var.sysctl[`vm.${name}_bytes`] ?? 0
  if (bytes > 0) return Math.ceil(bytes / PAGE_SIZE)
  const percent = k.var.sysctl[`vm.${name}_ratio`] ?? ratio
  return int_div(int_div(percent * PAGE_SIZE, 100) * available, PAGE_SIZE)
}

/** Pages for writing are spread: a node over its share of the limit gives none. */
export function node_dirty_ok(k: Kernel): boolean {
  const free = k.vmstat[C.nr_free_pages]!
  const node =
    free - Math.min(free, k.var.totalreserve_pages) + k.vmstat[C.nr_inactive_file]! + k.vmstat[C.nr_active_file]!
  const bytes = k.var.sysctl['vm.dirty_bytes'] ?? 0
  const dirtyable = global_dirtyable_memory(k)
  const allowed =
    bytes > 0
      ? int_div(Math.ceil(bytes / PAGE_SIZE) * node, dirtyable)
      : int_div((k.var.sysctl['vm.dirty_ratio'] ?? 20) * node, 100)
  return k.vmstat[C.nr_dirty]! + k.vmstat[C.nr_writeback]! <= allowed
}

// ---------------------------------------------------------------- throttling

const DIRTIED_PAUSE = 32
const MAX_PAUSE_NS = 200_000_000
const MIN_PAUSE_NS = 10_000_000

/** After every page made dirty: now and then the writer looks at the limits. */
export function balance_dirty_pages_ratelimited(k: Kernel): void {
  const t = k.var.current
  if (t === 0) return
  const pause = k.task.nr_dirtied_pause[t] === 0 ? DIRTIED_PAUSE : k.task.nr_dirtied_pause[t]!
  if (k.task.nr_dirtied[t]! >= pause) balance_dirty_pages(k, t, k.task.nr_dirtied[t]!)
}

function balance_dirty_pages(k: Kernel, t: number, pages_dirtied: number): void {
  const { background, thresh } = global_dirty_limits(k)
  const nr_dirty = k.vmstat[C.nr_dirty]!
  const dirty = nr_dirty + k.vmstat[C.nr_writeback]!
  if (nr_dirty > background && !writeback_in_progress(k)) wb_start_background(k)
  k.task.nr_dirtied[t] = 0
  const freerun = int_div(thresh + background, 2)
  if (dirty <= freerun) {
    k.task.nr_dirtied_pause[t] = dirty_poll_interval(dirty, freerun)
    return
  }
  wb_start_background(k)
  update_dirty_limit(k, thresh, dirty)
  // The writer may dirty as fast as the disk writes at the set point, slower towards the limit.
  const bandwidth = device_write_pages_per_s(k, file_device(k, 0))
  const rate = Math.max(1, int_div(bandwidth * pos_ratio(dirty, freerun, thresh), 1024))
  const ns = Math.min(MAX_PAUSE_NS, int_div(pages_dirtied * 1_000_000_000, rate))
  if (ns < MIN_PAUSE_NS && dirty < thresh) {
    // Too short to sleep for: come back after more pages.
    k.task.nr_dirtied_pause[t] = Math.max(1, int_div(MIN_PAUSE_NS * rate, 1_000_000_000))
    k.task.nr_dirtied[t] = pages_dirtied
    if (pages_dirtied < k.task.nr_dirtied_pause[t]!) return
    k.task.nr_dirtied[t] = 0
  }
  const pause = Math.max(MIN_PAUSE_NS, ns)
  k.task.dirty_pause_ns[t]! += pause
  const base = k.task.state[t] === TASK_RUNNING ? 0 : call_time(k) - k.var.now
  schedule_timeout_killable(k, base + pause, 'balance_dirty_pages')
}

/** Fewer checks while far from the limit. */
function dirty_poll_interval(dirty: number, thresh: number): number {
  return thresh > dirty ? 1 << (ilog2(thresh - dirty) >> 1) : 1
}

/** In 1024ths: 2048 at the free-run ceiling, 1024 at the set point between it and the limit, 0 at the limit. */
function pos_ratio(dirty: number, freerun: number, thresh: number): number {
  if (dirty >= thresh) return 0
  const setpoint = int_div(freerun + thresh, 2)
  const x = int_div((setpoint - dirty) * 1024, Math.max(1, thresh - setpoint))
  const cube = Math.trunc((Math.trunc((x * x) / 1024) * x) / 1024)
  return Math.max(0, Math.min(2048, 1024 + cube))
}
