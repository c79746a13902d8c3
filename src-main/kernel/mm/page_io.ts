/**
 * Pages and the disk: submitting requests for pages, ending them, waiting for them.
 *
 *   read:  page PG_locked, not PG_uptodate  → request done → PG_uptodate, unlocked
 *   write: page PG_writeback                → request done → end_page_writeback (rotated when PG_reclaim)
 *
 * Linux: mm/page_io.c, mm/filemap.c (folio_end_writeback), fs/mpage.c. Simplified: a call runs to completion, so what
 * must be waited for inside a call is delivered at once (`io_wait_nested`) while the task sleeps until that time.
 */
import { assert } from '@shared/assert'
import { C, M } from '@shared/counters'
import {
  PAGE_SIZE,
  PF_KSWAPD,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_reclaim,
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
  PG_writeback,
  type Kernel,
} from '../kernel'
import { BIO_FILE_READ, BIO_FILE_WRITE, BIO_SWAP_READ, BIO_SWAP_WRITE } from '../block/bio'
import { bio_alloc, bio_alloc_nowait, bio_put } from './bio_set'
import { blk_flush_plug, blk_flush_plugs_of_others, blk_mq_submit_bio, would_merge } from '../block/blk_mq'
import { arm, dequeue_bio, first_bio, completion_cost, queue_congested, READ, WRITE } from '../block/device'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { xa_load } from '../lib/xarray'
import { call_time, charge, charge_irq, io_wait, schedule_timeout, TSK_IOWAIT, TSK_MEMSTALL } from '../task'
import { end_page_writeback_file } from './page_writeback'
import { folio_rotate_reclaimable, folio_zone } from './swap'
import { swap_area_of } from './swapfile'
import { mod_zone_page_state } from './page_alloc'
import { zswap_load, zswap_store } from './zswap'

export { call_time }

// ---------------------------------------------------------------- submitting

const PAGE_KIB = PAGE_SIZE / 1024

/** Reads a swap slot into a locked page of the swap cache; from zswap it is there at once. */
export function swap_readpage(k: Kernel, pfn: number): void {
  const slot = k.page.private[pfn]!
  assert((k.page.flags[pfn]! & (PG_swapcache | PG_locked)) === (PG_swapcache | PG_locked), 'swap_readpage: page state')
  if (k.swap.zswap[slot] !== 0 && zswap_load(k, pfn, slot)) return
  k.vmstat[C.pswpin]!++
  submit_swap(k, pfn, slot, READ)
}

/** Writes a page of the swap cache: into zswap, or to the disk. */
export function swap_writepage(k: Kernel, pfn: number): void {
  assert((k.page.flags[pfn]! & PG_swapcache) !== 0, 'swap_writepage: not in the swap cache')
  if (!zswap_store(k, pfn, k.page.private[pfn]!)) __swap_writepage(k, pfn)
}

/** Starts the write to the disk. */
export function __swap_writepage(k: Kernel, pfn: number): void {
  set_page_writeback(k, pfn)
  k.vmstat[C.pswpout]!++
  submit_swap(k, pfn, k.page.private[pfn]!, WRITE)
}

function submit_swap(k: Kernel, pfn: number, slot: number, dir: number): void {
  const area = swap_area_of(k, slot)
  const block = slot - k.swap_info.start[area]!
  const kind = dir === READ ? BIO_SWAP_READ : BIO_SWAP_WRITE
  submit_bio(k, k.swap_info.device[area]!, dir, block, 1, kind, pfn, 0, 0)
}

/** Pages index … index + nr - 1 of a file, adjacent on its disk; `kib` where not all of their blocks are meant. */
export function submit_file_bio(
  k: Kernel,
  inode: number,
  dir: number,
  index: number,
  nr: number,
  kib = nr * PAGE_KIB,
): void {
  const block = k.inode.start_block[inode]! + index
  const kind = dir === READ ? BIO_FILE_READ : BIO_FILE_WRITE
  const t = k.var.current
  if (t !== 0 && dir === READ) k.task.read_bytes[t]! += kib * 1024
  if (dir === READ) charge(k, nr * COST.read_page)
  submit_bio(k, file_device(k, inode), dir, block, nr, kind, 0, inode, index, kib)
}

/** All files live on the first disk. */
export function file_device(_k: Kernel, _inode: number): number {
  return 1
}

function submit_bio(
  k: Kernel,
  device: number,
  dir: number,
  block: number,
  nr: number,
  kind: number,
  pfn: number,
  obj: number,
  index: number,
  kib = nr * PAGE_KIB,
): void {
  charge(k, COST.bio_submit)
  while (k.bio.meta.nr_live >= k.bio.meta.capacity - 2) wait_for_request(k, device, dir)
  const bio = row_alloc(k.bio)
  assert(bio !== 0, 'submit_bio: out of requests')
  k.bio.device[bio] = device
  k.bio.write[bio] = dir
  k.bio.block[bio] = block
  k.bio.nr[bio] = nr
  k.bio.kind[bio] = kind
  k.bio.pfn[bio] = pfn
  k.bio.obj[bio] = obj
  k.bio.index[bio] = index
  const kswapd = is_kswapd(k)
  k.bio.kswapd[bio] = kswapd ? 1 : 0
  take_bio(k, bio)
  if (!would_merge(k, bio)) while (queue_congested(k, device, dir, kswapd)) wait_for_request(k, device, dir)
  k.vmstat[dir === READ ? C.pgpgin : C.pgpgout]! += kib
  if (kind === BIO_FILE_READ) k.machine[M.disk_read_bytes]! += kib * 1024
  else if (kind === BIO_FILE_WRITE) k.machine[M.disk_write_bytes]! += kib * 1024
  blk_mq_submit_bio(k, bio)
}

function is_kswapd(k: Kernel): boolean {
  return k.var.current !== 0 && (k.task.flags[k.var.current]! & PF_KSWAPD) !== 0
}
/** rq_qos_wait, blk_mq_get_tag: the submitter sleeps until a request of the queue is done. */
function wait_for_request(k: Kernel, device: number, dir: number): void {
  blk_flush_plug(k, k.var.current, true)
  if (first_bio(k) === 0) blk_flush_plugs_of_others(k)
  const bio = k.device.head[device * 2 + dir]! || first_bio(k)
  assert(bio !== 0, 'wait_for_request: nothing in flight')
  io_wait_nested(k, k.bio.done_ns[bio]!, dir === WRITE ? 'rq_qos_wait' : 'blk_mq_get_tag')
}

/** mempool_alloc: the submitter sleeps until a bio is done, its own or another's, who has the CPU meanwhile. */
function take_bio(k: Kernel, bio: number): void {
  while (!bio_alloc(k, bio)) {
    blk_flush_plug(k, k.var.current, true)
    blk_flush_plugs_of_others(k)
    const first = first_bio(k)
    if (first === 0) return bio_alloc_nowait(k, bio)
    io_wait_nested(k, k.bio.done_ns[first]!, 'mempool_alloc')
  }
}

// ---------------------------------------------------------------- completion

/** The timer of a device queue is due (TIMER_BIO, argument queue). */
export function bio_end_io(k: Kernel, queue: number): void {
  k.device.timer[queue] = 0
  blk_poll(k, k.var.now)
  arm(k, queue)
}

/** Ends every request that is done by `until`: interrupts that came while the running call worked. */
export function blk_poll(k: Kernel, until = k.var.now): void {
  for (;;) {
    const bio = first_bio(k)
    if (bio === 0) return
    const done = k.bio.done_ns[bio]!
    if (until > k.var.now) {
      // The future of a call that sleeps: the interrupt takes its time from whoever has the CPU then.
      if (done > until && !any_done(k, until)) return
    } else {
      if (k.bio.irq_ns[bio]! > until) return
      if (k.bio.first[bio] === bio) charge_interrupt(k, bio)
    }
    end_bio(k, bio)
  }
}

/** A request that is done by then, though the interrupt of another, which takes longer, came before its own. */
function any_done(k: Kernel, until: number): boolean {
  const { head, meta } = k.device
  for (let queue = 2; queue < meta.high * 2; queue++)
    if (head[queue] !== 0 && k.bio.done_ns[head[queue]!]! <= until) return true
  return false
}

/** One interrupt for all bios of a request. */
function charge_interrupt(k: Kernel, first: number): void {
  let bios = 1
  for (let b = k.bio.next[first]!; b !== 0 && k.bio.first[b] === first; b = k.bio.next[b]!) bios++
  charge_irq(k, completion_cost(k, k.bio.device[first]!, bios))
}

function end_bio(k: Kernel, bio: number): void {
  dequeue_bio(k, bio)
  const kind = k.bio.kind[bio]!
  const pfn = k.bio.pfn[bio]!
  const inode = k.bio.obj[bio]!
  const index = k.bio.index[bio]!
  const nr = k.bio.nr[bio]!
  const queue = k.bio.device[bio]! * 2 + k.bio.write[bio]!
  bio_put(k, bio)
  row_free(k.bio, bio)
  if (kind === BIO_SWAP_READ) end_swap_bio_read(k, pfn)
  else if (kind === BIO_SWAP_WRITE) end_page_writeback(k, pfn)
  else
    for (let i = index; i < index + nr; i++) {
      const page = xa_load(k, inode, i)
      assert(page > 0, 'end_bio: page left the cache under I/O')
      if (kind === BIO_FILE_READ) end_page_read(k, page)
      else {
        end_page_writeback_file(k, inode, page)
        end_page_writeback(k, page)
      }
    }
  arm(k, queue)
}

function end_swap_bio_read(k: Kernel, pfn: number): void {
  assert((k.page.flags[pfn]! & PG_locked) !== 0, 'end_swap_bio_read: not locked')
  end_page_read(k, pfn)
}
function end_page_read(k: Kernel, pfn: number): void {
  k.page.flags[pfn] = (k.page.flags[pfn]! | PG_uptodate) & ~PG_locked
}

export function set_page_writeback(k: Kernel, pfn: number): void {
  assert((k.page.flags[pfn]! & PG_writeback) === 0, 'set_page_writeback: twice')
  k.page.flags[pfn]! |= PG_writeback
  k.vmstat[C.nr_writeback]!++
  mod_zone_page_state(k, folio_zone(k, pfn), C.nr_zone_write_pending, 1)
}

/** A write is done; a page that reclaim waits for goes to the tail of its list, to be freed at the next scan. */
export function end_page_writeback(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  assert((flags & PG_writeback) !== 0, 'end_page_writeback: not under writeback')
  k.vmstat[C.nr_writeback]!--
  k.vmstat[C.nr_written]!++
  mod_zone_page_state(k, folio_zone(k, pfn), C.nr_zone_write_pending, -1)
  k.page.flags[pfn] = flags & ~(PG_writeback | PG_reclaim)
  if ((flags & PG_reclaim) !== 0 && (flags & (PG_lru | PG_locked | PG_dirty | PG_unevictable)) === PG_lru)
    folio_rotate_reclaimable(k, pfn)
}

// ---------------------------------------------------------------- waiting

/** When the request that holds a page (locked for reading, or under writeback) is done; 0 when none does. */
export function page_done_ns(k: Kernel, pfn: number): number {
  blk_flush_plug(k, k.var.current, true)
  const done = request_of(k, pfn)
  if (done !== 0) return done
  blk_flush_plugs_of_others(k)
  return request_of(k, pfn)
}
function request_of(k: Kernel, pfn: number): number {
  const { mapping, index } = k.page
  const swap = (k.page.flags[pfn]! & PG_swapcache) !== 0
  for (let queue = 2; queue < k.device.meta.high * 2; queue++)
    for (let bio = k.device.head[queue]!; bio !== 0; bio = k.bio.next[bio]!) {
      const first = k.bio.index[bio]!
      const hit = swap
        ? k.bio.pfn[bio] === pfn
        : k.bio.obj[bio] === mapping[pfn] &&
          k.bio.obj[bio] !== 0 &&
          index[pfn]! >= first &&
          index[pfn]! < first + k.bio.nr[bio]!
      if (hit) return k.bio.done_ns[bio]!
    }
  return 0
}

/** folio_wait_bit_common: who waits for a page that was in use before it was evicted is short of memory. */
function wait_flags(k: Kernel, pfn: number): number {
  const thrashing = (k.page.flags[pfn]! & (PG_locked | PG_uptodate | PG_workingset)) === (PG_locked | PG_workingset)
  return thrashing ? TSK_IOWAIT | TSK_MEMSTALL : TSK_IOWAIT
}

/** The running task sleeps until a page's request is done; true when it sleeps: retry the access after it. */
export function folio_wait_locked(k: Kernel, pfn: number): boolean {
  blk_poll(k)
  if ((k.page.flags[pfn]! & (PG_locked | PG_writeback)) === 0) return false
  const until = page_done_ns(k, pfn)
  if (until <= call_time(k)) {
    blk_poll(k, until)
    return false
  }
  io_wait(k, until, 'folio_wait_bit_common', wait_flags(k, pfn))
  return true
}

/** The same inside a call that goes on with the page: the request is ended at once, the task sleeps until its time. */
export function folio_wait_nested(k: Kernel, pfn: number): void {
  const until = page_done_ns(k, pfn)
  if (until !== 0) io_wait_nested(k, until, 'folio_wait_bit_common', wait_flags(k, pfn))
}

/** Sleeps inside a call that goes on: requests done by then are delivered now. */
export function io_wait_nested(k: Kernel, until: number, wchan = 'folio_wait_bit_common', flags = TSK_IOWAIT): void {
  blk_poll(k, until)
  if (k.var.current !== 0 && until > call_time(k)) io_wait(k, until, wchan, flags)
}

/** Sleeps in a call for `ns`, or until `nr` writes are done, whichever is first; PSI flags as schedule_timeout. */
export function writeback_wait_nested(k: Kernel, nr: number, ns: number, wchan: string, psi_flags: number): void {
  blk_flush_plug(k, k.var.current, true)
  const from = call_time(k)
  let until = from + ns
  for (let left = nr; left > 0;) {
    const bio = first_bio(k)
    if (bio === 0 || k.bio.done_ns[bio]! > until) break
    const done = k.bio.done_ns[bio]!
    if (k.bio.write[bio] === WRITE && --left === 0) until = Math.max(from, done)
    end_bio(k, bio)
  }
  blk_poll(k, until)
  if (k.var.current !== 0 && until > k.var.now) schedule_timeout(k, until - k.var.now, wchan, psi_flags)
}

/** When the n-th write from now will be done, 0 when fewer are in flight. */
export function nth_write_done_ns(k: Kernel, n: number): number {
  blk_flush_plug(k, k.var.current, true)
  const done: number[] = []
  for (let device = 1; device < k.device.meta.high; device++)
    for (let bio = k.device.head[device * 2 + WRITE]!; bio !== 0; bio = k.bio.next[bio]!)
      for (let i = 0; i < k.bio.nr[bio]! && i < n; i++) done.push(k.bio.done_ns[bio]!)
  done.sort((a, b) => a - b)
  return done[n - 1] ?? 0
}
