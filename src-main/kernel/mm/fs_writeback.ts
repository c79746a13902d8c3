/**
 * The flusher: writes dirty files back, the longest dirty first, when they are old, when there are too many, when
 * reclaim asks or the file system runs out of room.
 *
 *   mark_inode_dirty ─> b_dirty (by time) ─queue_io─> b_io ─turn─> clean, or b_more_io: its turn is used up
 *
 * A wake-up goes through what may be to do (wb_do_writeback): all files, old ones, the background threshold. Each
 * goes on in batches of turns, one turn a file, and a turn in extents: between two of them the flusher gives way.
 *
 * Linux: fs/fs-writeback.c. Simplified: one disk; metadata is not written; the bandwidth that bounds a turn is the 100 MB/s
 * that Linux begins with.
 */
import { C } from '@shared/counters'
import { type Kernel } from '../kernel'
import { list_add_tail, list_del } from '../lib/list'
import { timer_add, timer_del } from '../lib/timer'
import { charge, kthread_sleep, threads, TIMER_KTHREAD, wake_kthread } from '../task'
import { COST } from '../costs'
import { blocks_per_page } from './file_blocks'
import { inode_add_lru } from './inode'
import { blk_poll } from './page_io'
import { global_dirty_limits } from './page_writeback'
import { do_writepages, filemap_write_and_wait, MAX_INDEX } from './writepages'

const B_DIRTY = 1
const B_IO = 2
const B_MORE_IO = 3
/** 4 MiB: the least that one turn of a file writes. */
const MIN_WRITEBACK_PAGES = 1024
/** A turn may write half a second's worth, and an eighth of what may be dirty. */
const DIRTY_SCOPE = 8
/** Pages a second (INIT_BW). */
const INIT_BW = (100 << 20) / 4096
/** ext4 maps this many blocks at a time (MAX_WRITEPAGES_EXTENT_LEN). */
const EXTENT_BLOCKS = 2048
/** A batch of turns is over after a tenth of a second. */
const BATCH_NS = 100_000_000
/** Completions that a CPU keeps to itself (PROP_BATCH). */
const PROP_BATCH = 8
const LONG_MAX = Number.MAX_SAFE_INTEGER
const NEVER = -1

/** What a wake-up asks in turn (wb_do_writeback). */
const NONE = 0
const START_ALL = 1
const OLD_DATA = 2
const BACKGROUND = 3

interface Writeback {
  work: number
  /** What the work may still write; 0 before it has begun. */
  nr_pages: number
  /** Files that are dirty since then, for work that does not look again (dirtied_before). */
  before_ns: number
  /** When the batch of turns began, NEVER between two. */
  batch_ns: number
  wrote: number
  /** The file whose turn it is, 0 for none (I_SYNC); pages left of its turn; where the turn began, and whether it is past the end. */
  inode: number
  left: number
  begin: number
  cycled: boolean
  /** wakeup_flusher_threads asks for all (WB_start_all). */
  start_all: boolean
  last_old_flush_ns: number
  /** The timer of the next periodic look, 0 when none is armed. */
  timer: number
  next_periodic_ns: number
  /** The dirty limit as writers felt it last; 0 before boot has set it. */
  dirty_limit: number
  /** Pages that the disk has written, as far as they count for its share of the threshold. */
  completions: number
}
function wb(k: Kernel): Writeback {
  return (k.var.mod['writeback'] ??= {
    work: NONE,
    nr_pages: 0,
    before_ns: 0,
    batch_ns: NEVER,
    wrote: 0,
    inode: 0,
    left: 0,
    begin: 0,
    cycled: false,
    start_all: false,
    last_old_flush_ns: 0,
    timer: 0,
    next_periodic_ns: 0,
    dirty_limit: 0,
    completions: 0,
  }) as Writeback
}

export function writeback_in_progress(k: Kernel): boolean {
  return wb(k).work !== NONE
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
function writeback_chunk_size(work: Writeback): number {
  const pages = Math.min(INIT_BW / 2, Math.floor(work.dirty_limit / DIRTY_SCOPE), work.nr_pages)
  return Math.floor((pages + MIN_WRITEBACK_PAGES) / MIN_WRITEBACK_PAGES) * MIN_WRITEBACK_PAGES
}

/** The end of a page's write counts for the disk's share of the threshold (wb_domain_writeout_add). */
export function wb_writeout_inc(k: Kernel): void {
  wb(k).completions++
}
/**
 * wb_over_bg_thresh: too much for all, or for this disk's share of what was written lately (wb_calc_thresh). The one disk's
 * share is all once it has written, and stays it; before its first page it is nothing, so that the first look after boot
 * writes whatever is dirty.
 */
function over_background(k: Kernel): boolean {
  const share = wb(k).completions >= PROP_BATCH ? global_dirty_limits(k).background : 0
  return k.vmstat[C.nr_dirty]! > share
}

/** Over the background threshold. */
export function wb_start_background(k: Kernel): void {
  wake_kthread(k, 'flusher')
}
/** Reclaim finds dirty pages that nobody writes, or the interval was changed: all of them, please. */
export function wakeup_flusher_threads(k: Kernel): void {
  if (!wb_has_dirty_io(k) || wb(k).start_all) return
  wb(k).start_all = true
  wake_kthread(k, 'flusher')
}

// ---------------------------------------------------------------- dirty inodes

function links(k: Kernel) {
  return { next: k.inode.io_next, prev: k.inode.io_prev }
}
function wb_has_dirty_io(k: Kernel): boolean {
  return k.wb.head[B_DIRTY] !== 0 || k.wb.head[B_IO] !== 0 || k.wb.head[B_MORE_IO] !== 0
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
function wb_del(k: Kernel, inode: number): void {
  if (k.inode.wb_list[inode] === 0) return
  list_del(k.wb, k.inode.wb_list[inode]!, links(k), inode)
  k.inode.wb_list[inode] = 0
}
/** The file goes, or is written by another: a turn of it ends here. */
export function wb_remove(k: Kernel, inode: number): void {
  wb_del(k, inode)
  if (wb(k).inode === inode) wb(k).inode = 0
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

/** An extent of the file whose turn it is, or the next turn; true when there is nothing to do. */
export function flusher_step(k: Kernel): boolean {
  const work = wb(k)
  blk_poll(k)
  if (work.inode !== 0) {
    go_on(k, work)
    return false
  }
  if (work.work === NONE) {
    disarm_periodic(k)
    work.work = START_ALL
  }
  for (; work.work <= BACKGROUND; work.work++) {
    if (work.nr_pages === 0) begin(k, work)
    if (work.nr_pages > 0 && next_turn(k, work)) return false
    finish(work)
  }
  work.work = NONE
  // Who asked in the meantime woke it once more.
  if (work.start_all) return false
  if (wb_has_dirty_io(k)) arm_periodic(k)
  kthread_sleep(k, threads(k).flusher)
  return true
}

/** How much a kind of work may write; nothing where it is not due. */
function begin(k: Kernel, work: Writeback): void {
  const dirty = k.vmstat[C.nr_dirty]! + k.inode.meta.nr_live
  work.before_ns = k.var.now
  if (work.work === START_ALL) work.nr_pages = work.start_all ? dirty : 0
  else if (work.work === BACKGROUND) work.nr_pages = LONG_MAX
  else if (interval_ns(k) > 0 && k.var.now >= work.last_old_flush_ns + interval_ns(k)) {
    work.last_old_flush_ns = k.var.now
    work.nr_pages = dirty
  }
}
function finish(work: Writeback): void {
  work.nr_pages = 0
  work.batch_ns = NEVER
  if (work.work === START_ALL) work.start_all = false
}

/** wb_writeback and, within a batch, writeback_sb_inodes: gives a file its turn; false when this kind of work is over. */
function next_turn(k: Kernel, work: Writeback): boolean {
  if (work.batch_ns !== NEVER && batch_over(k, work)) {
    work.batch_ns = NEVER
    if (work.wrote === 0) return false
  }
  if (work.batch_ns === NEVER) {
    if (work.work === BACKGROUND && !over_background(k)) return false
    if (k.wb.head[B_IO] === 0) queue_io(k, dirtied_before(k, work))
    if (k.wb.head[B_IO] === 0) return false
    work.batch_ns = k.var.now
    work.wrote = 0
  }
  charge(k, COST.bio_submit)
  work.inode = k.wb.head[B_IO]!
  work.left = writeback_chunk_size(work)
  work.begin = k.inode.writeback_index[work.inode]!
  work.cycled = work.begin === 0
  return true
}
function batch_over(k: Kernel, work: Writeback): boolean {
  return k.wb.head[B_IO] === 0 || (work.wrote > 0 && (work.nr_pages <= 0 || k.var.now > work.batch_ns + BATCH_NS))
}
function dirtied_before(k: Kernel, work: Writeback): number {
  if (work.work === OLD_DATA) return k.var.now - expire_ns(k)
  return work.work === BACKGROUND ? k.var.now : work.before_ns
}
/** What has used up its turn comes first, then what is dirty since before then. */
function queue_io(k: Kernel, before_ns: number): void {
  for (let inode = k.wb.head[B_MORE_IO]!; inode !== 0; inode = k.wb.head[B_MORE_IO]!) move(k, inode, B_IO)
  for (;;) {
    const inode = k.wb.head[B_DIRTY]!
    if (inode === 0 || k.inode.dirtied_when[inode]! > before_ns) return
    move(k, inode, B_IO)
  }
}
function move(k: Kernel, inode: number, list: number): void {
  wb_del(k, inode)
  wb_add(k, inode, list)
}

/** The next extent of the file whose turn it is: from where its last turn stopped to its end, then from its start. */
function go_on(k: Kernel, work: Writeback): void {
  const inode = work.inode
  const from = k.inode.writeback_index[inode]!
  const past = work.cycled && work.begin > 0
  const last = past ? work.begin - 1 : MAX_INDEX
  const extent = Math.min(work.left, EXTENT_BLOCKS / blocks_per_page(k))
  const written = from > last ? 0 : do_writepages(k, inode, from, extent, last, false)
  if (work.inode !== inode) return
  work.left -= written
  work.nr_pages -= written
  work.wrote += written
  if (written === extent && work.left > 0) return
  if (work.left > 0 && !work.cycled) {
    work.cycled = true
    k.inode.writeback_index[inode] = 0
    return
  }
  work.inode = 0
  if (k.inode.nr_dirty[inode] === 0) work.wrote++
  requeue_inode(k, inode, work.left)
}

/** Its turn is used up, something was in the way, or it is clean. */
function requeue_inode(k: Kernel, inode: number, left: number): void {
  if (k.inode.nr_dirty[inode]! === 0) {
    wb_del(k, inode)
    inode_add_lru(k, inode)
  } else if (left <= 0) move(k, inode, B_MORE_IO)
  else redirty_tail(k, inode)
}
/** b_dirty is by time: what is older than its youngest is as if dirtied now. */
function redirty_tail(k: Kernel, inode: number): void {
  const youngest = k.wb.tail[B_DIRTY]!
  if (youngest !== 0 && k.inode.dirtied_when[inode]! < k.inode.dirtied_when[youngest]!)
    k.inode.dirtied_when[inode] = k.var.now
  move(k, inode, B_DIRTY)
}

/** Writes every dirty file; who asks for integrity waits for pages that are dirty again. */
function write_all(k: Kernel, integrity: boolean): void {
  const dirty: number[] = []
  for (const list of [B_DIRTY, B_IO, B_MORE_IO])
    for (let inode = k.wb.head[list]!; inode !== 0; inode = k.inode.io_next[inode]!) dirty.push(inode)
  for (const inode of dirty) {
    charge(k, COST.bio_submit)
    do_writepages(k, inode, 0, MAX_INDEX, MAX_INDEX, integrity)
    if (k.inode.nr_dirty[inode]! > 0) continue
    wb_remove(k, inode)
    inode_add_lru(k, inode)
  }
}
/** The file system runs out of room (WB_REASON_FS_FREE_SPACE). */
export function writeback_inodes_sb(k: Kernel): void {
  write_all(k, false)
}
/** sync(2). */
export function sync_filesystem(k: Kernel): void {
  write_all(k, true)
  for (let inode = 1; inode < k.inode.meta.high; inode++)
    if (k.inode.nr_writeback[inode]! > 0) filemap_write_and_wait(k, inode)
}
