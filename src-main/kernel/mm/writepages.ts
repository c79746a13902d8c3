/**
 * Writing the dirty pages of one file: into requests of adjacent pages, in order; and waiting for what is being written.
 *
 * Linux: fs/ext4/inode.c (ext4_writepages, mpage_prepare_extent_to_map), mm/filemap.c (file_write_and_wait_range).
 */
import { type Kernel } from '../kernel'
import { blk_finish_plug, blk_start_plug } from '../block/blk_mq'
import { WRITE } from '../block/device'
import { COST } from '../costs'
import { xa_find, xa_load } from '../lib/xarray'
import { charge } from '../task'
import { blocks_allocated } from './balloc'
import { take_dirty_blocks } from './buffer_blocks'
import { io_wait_nested, page_done_ns, submit_file_bio } from './page_io'
import { clear_page_dirty_for_io, start_writeback_file } from './page_writeback'

const BIO_PAGES = 256
export const MAX_INDEX = 2 ** 31 - 1

/**
 * Writes up to `nr` dirty pages of `from` … `last`; how many. Who writes for integrity waits for a page that is dirty again
 * while its last write is under way; the flusher leaves it (WB_SYNC_NONE).
 */
export function do_writepages(
  k: Kernel,
  inode: number,
  from: number,
  nr: number,
  last = MAX_INDEX,
  integrity = true,
): number {
  let written = 0
  let first = -1
  let count = 0
  let kib = 0
  blk_start_plug(k)
  for (let index = xa_find(k, inode, from, last, 'dirty'); index >= 0 && written < nr;) {
    const pfn = xa_load(k, inode, index)
    if (integrity) wait_writeback(k, pfn)
    if ((integrity || page_done_ns(k, pfn) === 0) && clear_page_dirty_for_io(k, pfn)) {
      start_writeback_file(k, inode, pfn)
      charge(k, COST.writeback_page)
      blocks_allocated(k, inode, index)
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

/**
 * filemap_write_and_wait: writes a file's dirty pages and waits for all its writes. The inode stays where it stands among the
 * dirty ones, with its time: only the flusher's next visit finds that nothing is left to do.
 */
export function filemap_write_and_wait(k: Kernel, inode: number): void {
  if (k.inode.nr_dirty[inode]! > 0) do_writepages(k, inode, 0, MAX_INDEX)
  filemap_fdatawait_range(k, inode, 0, MAX_INDEX)
}
/** __filemap_fdatawrite_range: begins to write pages `first` … `last`; where its turns of writeback go on stays. */
export function file_write_range(k: Kernel, inode: number, first: number, last: number): void {
  const turn = k.inode.writeback_index[inode]!
  if (k.inode.nr_dirty[inode]! > 0 && do_writepages(k, inode, first, MAX_INDEX, last) > 0)
    k.inode.writeback_index[inode] = turn
}
/** filemap_flush: begins to write all of a file but what is being written. */
export function file_flush(k: Kernel, inode: number): void {
  if (k.inode.nr_dirty[inode]! > 0) do_writepages(k, inode, 0, MAX_INDEX, MAX_INDEX, false)
}
/** file_write_and_wait_range. */
export function file_write_and_wait_range(k: Kernel, inode: number, first: number, last: number): void {
  file_write_range(k, inode, first, last)
  filemap_fdatawait_range(k, inode, first, last)
}
/** Waits for the writes of pages `first` … `last`, in order. */
function filemap_fdatawait_range(k: Kernel, inode: number, first: number, last: number): void {
  for (let index = first - 1; k.inode.nr_writeback[inode]! > 0;) {
    index = xa_find(k, inode, index + 1, last, 'writeback')
    if (index < 0) return
    wait_writeback(k, xa_load(k, inode, index))
  }
}
