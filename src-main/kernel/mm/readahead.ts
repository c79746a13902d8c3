/**
 * Readahead: a sequential reader finds its pages already on their way. The window doubles, 4 … 32 pages, and a marked
 * page inside it starts the next one before the reader gets to the end.
 *
 *     |<----- async_size ------|
 *   |------------------- size -------------------->|==================#===================== |
 *   ^start                                                            ^page marked with PG_readahead
 *
 * Linux: mm/readahead.c. Kept: all window arithmetic. Simplified: no large folios.
 */
import { __GFP_NORETRY, __GFP_NOWARN, PAGE_SIZE, PG_readahead, PG_writeback, type Kernel } from '../kernel'
import { blk_finish_plug, blk_start_plug } from '../block/blk_mq'
import { roundup_pow_of_two } from '../lib/math'
import { page_cache_next_miss, xa_load } from '../lib/xarray'
import { read_pages } from './buffer_blocks'
import { ext4_map_pages } from './extents'
import { FMODE_RANDOM } from './file_table'
import { mapping_gfp, page_cache_alloc } from './filemap'

/** Pages one request may take beyond the window (bdi->io_pages): 1280 KiB. */
const IO_PAGES = 320
/** force_page_cache_ra reads in pieces of 2 MiB. */
const FORCE_PAGES = 512
/** BIO_MAX_VECS. */
const BIO_PAGES = 256

/** A page was missing: read it with what the pattern of the file suggests. */
export function page_cache_sync_ra(k: Kernel, file: number, index: number, req_count: number): void {
  const random = (k.file.flags[file]! & FMODE_RANDOM) !== 0
  if (k.file.ra_pages[file] === 0) return force_page_cache_ra(k, file, index, 1)
  if (random) return force_page_cache_ra(k, file, index, req_count)
  ondemand_readahead(k, file, index, req_count, false)
}

/** A reader met the marked page. */
export function page_cache_async_ra(k: Kernel, file: number, pfn: number, index: number, req_count: number): void {
  if (k.file.ra_pages[file] === 0 || (k.page.flags[pfn]! & PG_writeback) !== 0) return
  k.page.flags[pfn]! &= ~PG_readahead
  ondemand_readahead(k, file, index, req_count, true)
}

/** MADV_WILLNEED and random files: exactly what is asked for. */
export function force_page_cache_ra(k: Kernel, file: number, index: number, nr: number): void {
  const inode = k.file.inode[file]!
  nr = Math.min(nr, Math.max(IO_PAGES, k.file.ra_pages[file]!))
  for (let left = nr; left > 0; left -= FORCE_PAGES, index += FORCE_PAGES)
    do_page_cache_ra(k, inode, index, Math.min(left, FORCE_PAGES), 0)
}

function ondemand_readahead(k: Kernel, file: number, index: number, req_size: number, marked: boolean): void {
  const f = k.file
  const inode = f.inode[file]!
  let max_pages = f.ra_pages[file]!
  if (req_size > max_pages && IO_PAGES > max_pages) max_pages = Math.min(req_size, IO_PAGES)
  const start = f.ra_start[file]!
  const size = f.ra_size[file]!
  if (index === 0) initial_window(k, file, index, req_size, max_pages)
  else if (index === start + size - f.ra_async_size[file]! || index === start + size) {
    f.ra_start[file] = start + size
    f.ra_size[file] = get_next_ra_size(size, max_pages)
    f.ra_async_size[file] = f.ra_size[file]!
  } else if (marked) {
    // A marked page without a matching state: interleaved readers. The cached run tells the window.
    const next = page_cache_next_miss(k, inode, index + 1, index + max_pages)
    if (next - index > max_pages) return
    f.ra_start[file] = next
    f.ra_size[file] = get_next_ra_size(next - index + req_size, max_pages)
    f.ra_async_size[file] = f.ra_size[file]!
  } else if (req_size > max_pages) initial_window(k, file, index, req_size, max_pages)
  else {
    const prev = Math.floor(f.prev_pos[file]! / PAGE_SIZE)
    if (f.prev_pos[file]! >= 0 && index - prev >= 0 && index - prev <= 1)
      initial_window(k, file, index, req_size, max_pages)
    else if (!try_context_readahead(k, file, index, req_size, max_pages))
      // A small random read: as it is, and the state of the file stays.
      return do_page_cache_ra(k, inode, index, req_size, 0)
  }
  // The read itself meets the mark at the start of its window: make the next window part of this one.
  if (index === f.ra_start[file] && f.ra_size[file] === f.ra_async_size[file]) {
    const add = get_next_ra_size(f.ra_size[file]!, max_pages)
    if (f.ra_size[file]! + add <= max_pages) {
      f.ra_async_size[file] = add
      f.ra_size[file]! += add
    } else {
      f.ra_size[file] = max_pages
      f.ra_async_size[file] = max_pages >> 1
    }
  }
  do_page_cache_ra(k, inode, f.ra_start[file]!, f.ra_size[file]!, f.ra_async_size[file]!)
}

function initial_window(k: Kernel, file: number, index: number, req_size: number, max: number): void {
  const size = get_init_ra_size(req_size, max)
  k.file.ra_start[file] = index
  k.file.ra_size[file] = size
  k.file.ra_async_size[file] = size > req_size ? size - req_size : size
}
export function get_init_ra_size(req_size: number, max: number): number {
  const size = roundup_pow_of_two(req_size)
  if (size <= Math.floor(max / 32)) return size * 4
  return size <= Math.floor(max / 4) ? size * 2 : max
}
export function get_next_ra_size(cur: number, max: number): number {
  if (cur < Math.floor(max / 16)) return 4 * cur
  return cur <= Math.floor(max / 2) ? 2 * cur : max
}

/** The cached pages right before the miss are the trace of a sequential reader whose state is lost. */
function try_context_readahead(k: Kernel, file: number, index: number, req_size: number, max: number): boolean {
  const inode = k.file.inode[file]!
  let size = 0
  while (size < max && index - 1 - size >= 0 && xa_load(k, inode, index - 1 - size) > 0) size++
  if (size <= req_size) return false
  if (size >= index) size *= 2
  k.file.ra_start[file] = index
  k.file.ra_size[file] = Math.min(size + req_size, max)
  k.file.ra_async_size[file] = 1
  return true
}

/** Reads the missing ones of `nr` pages; the page `lookahead` before the end gets the mark. */
export function do_page_cache_ra(k: Kernel, inode: number, index: number, nr: number, lookahead: number): void {
  const pages = Math.ceil(k.inode.i_size[inode]! / PAGE_SIZE)
  if (index >= pages) return
  nr = Math.min(nr, pages - index)
  const gfp = mapping_gfp(k, inode) | __GFP_NORETRY | __GFP_NOWARN
  let from = -1
  let count = 0
  blk_start_plug(k)
  for (let i = 0; i < nr; i++) {
    if (xa_load(k, inode, index + i) > 0) {
      count = flush(k, inode, from, count)
      continue
    }
    const pfn = page_cache_alloc(k, inode, index + i, gfp)
    if (pfn === 0) break
    if (i === nr - lookahead) k.page.flags[pfn]! |= PG_readahead
    if (count === 0) from = index + i
    if (++count === BIO_PAGES) count = flush(k, inode, from, count)
  }
  flush(k, inode, from, count)
  blk_finish_plug(k)
}
/** One request for pages in a row. */
function flush(k: Kernel, inode: number, from: number, count: number): number {
  if (count === 0) return 0
  ext4_map_pages(k, inode, from, count)
  read_pages(k, inode, from, count)
  return 0
}
