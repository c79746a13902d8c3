/**
 * The flusher: writes dirty files back, the longest dirty first, when they are old, when there are too many, when
 * reclaim or sync(2) asks.
 *
 *   mark_inode_dirty ─> b_dirty (by time) ─queue_io─> b_io ─writeback_sb_inodes─> clean, or back to b_dirty
 *
 * Linux: fs/fs-writeback.c. Simplified: one disk; metadata is not written; what is left of a file goes to the end of b_io
 * (Linux: b_more_io).
 */
import { C } from '@shared/counters'
import { type Kernel } from '../kernel'
import { blk_finish_plug, blk_start_plug } from '../block/blk_mq'
import { device_write_pages_per_s, WRITE } from '../block/device'
import { COST } from '../costs'
import { list_add_tail, list_del } from '../lib/list'
import { timer_add, timer_del } from '../lib/timer'
import { xa_find, xa_load } from '../lib/xarray'
import { charge, kthread_sleep, threads, TIMER_KTHREAD, wake_kthread } from '../task'
import { take_dirty_blocks } from './buffer_blocks'
import { inode_add_lru } from './inode'
import { blk_poll, file_device, io_wait_nested, page_done_ns, submit_file_bio } from './page_io'
import { clear_page_dirty_for_io, global_dirty_limits, start_writeback_file } from './page_writeback'

const B_DIRTY = 1
const B_IO = 2
/** 4 MiB: the least that one turn of a file writes. */
const MIN_WRITEBACK_PAGES = 1024
/** A turn may write half a second's worth, and an eighth of what may be dirty. */
const DIRTY_SCOPE = 8
const BIO_PAGES = 256
const MAX_INDEX = 2 ** 31 - 1

interface Writeback {
  /** Pages still to write for reclaim or sync; background work goes on while over the threshold. */
  nr_to_write: number
  background: boolean
  /** The periodic round is under way. */
  kupdate: boolean
  /** The timer of the next periodic look, 0 when none is armed. */
  timer: number
  next_periodic_ns: number
  /** The dirty limit as writers felt it last; 0 before boot has set it. */
  dirty_limit: number
}
function wb(k: Kernel): Writeback {
  return (k.var.mod['writeback'] ??= {
    nr_to_write: 0,
    background: false,
    kupdate: false,
    timer: 0,
    next_periodic_ns: 0,
    dirty_limit: 0,
  }) as Writeback
}

export function writeback_in_progress(k: Kernel): boolean {
  return wb(k).background
}
/** The limit that turns are measured by: set at boot and by the sysctls, followed while writers are throttled. */
export function set_dirty_limit(k: Kernel, thresh: number): void {
  wb(k).dirty_limit = thresh
}
/** Up at once; down by a 32nd of the way (update_dirty_limit). */
export function update_dirty_limit(k: Kernel, thresh: number, dirty: number): void {
  const work = wb(k)
  const target = Math.max(thresh, dirty)
  if (work.dirty_limit < thresh) work.dirty_limit = thresh
  else if (work.dirty_limit > target) work.dirty_limit -= (work.dirty_limit - target) >> 5
}
function writeback_chunk_size(k: Kernel): number {
  const bandwidth = device_write_pages_per_s(k, file_device(k, 0))
  const pages = Math.floor(Math.min(bandwidth / 2, wb(k).dirty_limit / DIRTY_SCOPE))
  return Math.floor((pages + MIN_WRITEBACK_PAGES) / MIN_WRITEBACK_PAGES) * MIN_WRITEBACK_PAGES
}

/** Over the background threshold. */
export function wb_start_background(k: Kernel): void {
  if (wb(k).background) return
  wb(k).background = true
  wake_kthread(k, 'flusher')
}
/** Reclaim finds dirty pages that nobody writes: all of them, please. */
export function wakeup_flusher_threads(k: Kernel): void {
  if (k.wb.head[B_DIRTY] === 0 && k.wb.head[B_IO] === 0) return
  wb(k).nr_to_write = Math.max(wb(k).nr_to_write, k.vmstat[C.nr_dirty]!)
  wake_kthread(k, 'flusher')
}

// ---------------------------------------------------------------- dirty inodes

function links(k: Kernel) {
  return { next: k.inode.io_next, prev: k.inode.io_prev }
}
export function mark_inode_dirty(k: Kernel, inode: number): void {
  if (k.inode.wb_list[inode] !== 0) return
  k.inode.dirtied_when[inode] = k.var.now
  wb_add(k, inode, B_DIRTY)
  arm_periodic(k)
}
function wb_add(k: Kernel, inode: number, list: number): void {
  k.inode.wb_list[inode] = list
  list_add_tail(k.wb, list, links(k), inode)
  if (k.wb.meta.high <= list) k.wb.meta.high = list + 1
}
export function wb_remove(k: Kernel, inode: number): void {
  if (k.inode.wb_list[inode] === 0) return
  list_del(k.wb, k.inode.wb_list[inode]!, links(k), inode)
  k.inode.wb_list[inode] = 0
}

function interval_ns(k: Kernel): number {
  return (k.var.sysctl['vm.dirty_writeback_centisecs'] ?? 500) * 10_000_000
}
function expire_ns(k: Kernel): number {
  return (k.var.sysctl['vm.dirty_expire_centisecs'] ?? 3000) * 10_000_000
}
/** wb_wakeup_delayed: the flusher looks after five seconds when something is dirty; any work before that moves the look. */
function arm_periodic(k: Kernel): void {
  const t = threads(k).flusher
  const work = wb(k)
  if (work.timer !== 0 || t === 0 || interval_ns(k) === 0) return
  work.next_periodic_ns = k.var.now + interval_ns(k)
  work.timer = timer_add(k, work.next_periodic_ns, TIMER_KTHREAD, t)
}
function disarm_periodic(k: Kernel): void {
  const work = wb(k)
  // A timer that is due has freed its row.
  if (work.timer !== 0 && k.var.now < work.next_periodic_ns) timer_del(k, work.timer)
  work.timer = 0
}

// ---------------------------------------------------------------- the thread

/** One turn of one file; true when there is nothing to do. */
export function flusher_step(k: Kernel): boolean {
  const work = wb(k)
  blk_poll(k)
  if (work.timer !== 0 && k.var.now >= work.next_periodic_ns) {
    work.timer = 0
    work.kupdate = true
    queue_expired(k)
  } else disarm_periodic(k)
  if (work.background && k.vmstat[C.nr_dirty]! <= global_dirty_limits(k).background) work.background = false
  if (k.vmstat[C.nr_dirty] === 0) work.nr_to_write = 0
  const all = work.background || work.nr_to_write > 0
  if (all && k.wb.head[B_IO] === 0) queue_io(k, Infinity)
  const inode = all || work.kupdate ? k.wb.head[B_IO]! : 0
  if (inode === 0) {
    work.background = false
    work.kupdate = false
    work.nr_to_write = 0
    // What a turn has left over waits on b_io for the next work, the periodic one at the latest.
    if (k.wb.head[B_DIRTY] !== 0 || k.wb.head[B_IO] !== 0) arm_periodic(k)
    kthread_sleep(k, threads(k).flusher)
    return true
  }
  const written = writeback_single_inode(k, inode, writeback_chunk_size(k))
  work.nr_to_write = Math.max(0, work.nr_to_write - written)
  return false
}

/** Kupdate: what is dirty for longer than dirty_expire_centisecs. */
function queue_expired(k: Kernel): void {
  queue_io(k, k.var.now - expire_ns(k))
}
function queue_io(k: Kernel, older_than: number): void {
  for (;;) {
    const inode = k.wb.head[B_DIRTY]!
    if (inode === 0 || k.inode.dirtied_when[inode]! > older_than) return
    wb_remove(k, inode)
    wb_add(k, inode, B_IO)
  }
}

/** Writes up to `nr` dirty pages of a file, in order from where the last call stopped; how many. */
export function writeback_single_inode(k: Kernel, inode: number, nr: number): number {
  charge(k, COST.bio_submit)
  let written = do_writepages(k, inode, k.inode.writeback_index[inode]!, nr)
  if (written < nr && k.inode.writeback_index[inode]! > 0) {
    k.inode.writeback_index[inode] = 0
    written += do_writepages(k, inode, 0, nr - written)
  }
  wb_remove(k, inode)
  if (k.inode.nr_dirty[inode]! > 0) {
    // Its turn is used up: requeue_io. Else something is in the way: redirty_tail.
    if (written < nr) k.inode.dirtied_when[inode] = k.var.now
    wb_add(k, inode, written < nr ? B_DIRTY : B_IO)
  } else inode_add_lru(k, inode)
  return written
}

function do_writepages(k: Kernel, inode: number, from: number, nr: number, last = MAX_INDEX): number {
  let written = 0
  let first = -1
  let count = 0
  let kib = 0
  blk_start_plug(k)
  for (let index = xa_find(k, inode, from, last, 'dirty'); index >= 0 && written < nr;) {
    const pfn = xa_load(k, inode, index)
    wait_writeback(k, pfn)
    if (clear_page_dirty_for_io(k, pfn)) {
      start_writeback_file(k, inode, pfn)
      charge(k, COST.page_cache_op)
      if (count > 0 && (index !== first + count || count === BIO_PAGES)) {
        submit_file_bio(k, inode, WRITE, first, count, kib)
        count = 0
        kib = 0
      }
      if (count === 0) first = index
      count++
      kib += take_dirty_blocks(k, pfn)
      written++
    }
    k.inode.writeback_index[inode] = index + 1
    index = xa_find(k, inode, index + 1, last, 'dirty')
  }
  if (count > 0) submit_file_bio(k, inode, WRITE, first, count, kib)
  blk_finish_plug(k)
  return written
}
/** A page that is dirty again while its last write is under way. */
function wait_writeback(k: Kernel, pfn: number): void {
  const until = page_done_ns(k, pfn)
  if (until !== 0) io_wait_nested(k, until)
}

// ---------------------------------------------------------------- sync

/**
 * filemap_write_and_wait: writes a file's dirty pages and waits for all its writes. The inode stays where it stands among the
 * dirty ones, with its time: only the flusher's next visit finds that nothing is left to do.
 */
export function filemap_write_and_wait(k: Kernel, inode: number): void {
  if (k.inode.nr_dirty[inode]! > 0) do_writepages(k, inode, 0, MAX_INDEX)
  for (let index = 0; k.inode.nr_writeback[inode]! > 0; index++) {
    index = xa_find(k, inode, index, MAX_INDEX, 'writeback')
    if (index < 0) return
    wait_writeback(k, xa_load(k, inode, index))
  }
}
/** __filemap_fdatawrite_range: begins to write pages `first` … `last`; where its turns of writeback go on stays. */
export function file_write_range(k: Kernel, inode: number, first: number, last: number): void {
  const turn = k.inode.writeback_index[inode]!
  if (k.inode.nr_dirty[inode]! > 0 && do_writepages(k, inode, first, MAX_INDEX, last) > 0)
    k.inode.writeback_index[inode] = turn
}
/** file_write_and_wait_range. */
export function file_write_and_wait_range(k: Kernel, inode: number, first: number, last: number): void {
  file_write_range(k, inode, first, last)
  for (let index = xa_find(k, inode, first, last, 'writeback'); index >= 0;) {
    wait_writeback(k, xa_load(k, inode, index))
    index = xa_find(k, inode, index + 1, last, 'writeback')
  }
}
/** sync(2). */
export function sync_filesystem(k: Kernel): void {
  const dirty: number[] = []
  for (const list of [B_DIRTY, B_IO])
    for (let inode = k.wb.head[list]!; inode !== 0; inode = k.inode.io_next[inode]!) dirty.push(inode)
  for (const inode of dirty) writeback_single_inode(k, inode, MAX_INDEX)
  for (let inode = 1; inode < k.inode.meta.high; inode++)
    if (k.inode.nr_writeback[inode]! > 0) filemap_write_and_wait(k, inode)
}
