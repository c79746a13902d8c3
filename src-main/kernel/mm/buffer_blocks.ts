/**
 * The blocks of a page that its buffer heads stand for: which hold what the disk has, or newer, and which are dirty. Reads and
 * writes of pages are made of them.
 *
 * Linux: fs/buffer.c, fs/mpage.c. Simplified: the blocks that are read of a page are one request.
 */
import { PG_locked, PG_private, PG_uptodate, type Kernel } from '../kernel'
import { READ } from '../block/device'
import { xa_load } from '../lib/xarray'
import { all_blocks, block_size, blocks_kib, blocks_per_page, mapped_blocks, wholly_mapped } from './file_blocks'
import { folio_wait_nested, submit_file_bio } from './page_io'

/** The blocks of a page that hold what the disk has, or newer: all of an up-to-date page, those written of another. */
function uptodate_blocks(k: Kernel, pfn: number): number {
  if ((k.page.flags[pfn]! & PG_uptodate) !== 0) return all_blocks(k)
  return (k.page.flags[pfn]! & PG_private) !== 0 ? k.buffers.uptodate[k.page.private[pfn]!]! : 0
}
/** The blocks that the bytes from … to - 1 of a page touch. */
function blocks_between(k: Kernel, from: number, to: number): number {
  const size = block_size(k)
  return (1 << Math.ceil(to / size)) - (1 << Math.floor(from / size))
}

/** block_is_partially_uptodate: can these bytes of a page be read though others of it cannot? */
export function is_partially_uptodate(k: Kernel, pfn: number, from: number, to: number): boolean {
  if (blocks_per_page(k) === 1 || (k.page.flags[pfn]! & PG_private) === 0) return false
  const want = blocks_between(k, from, to)
  return want !== all_blocks(k) && (uptodate_blocks(k, pfn) & want) === want
}

/** Starts the reads of pages in a row, all of them locked (mpage_readahead); what is a hole is zeros at once. */
export function read_pages(k: Kernel, inode: number, from: number, count: number): void {
  if (wholly_mapped(k, inode, from, count)) return submit_file_bio(k, inode, READ, from, count)
  let first = from
  let kib = 0
  for (let index = from; index < from + count; index++) {
    const mapped = mapped_blocks(k, inode, index)
    kib += blocks_kib(k, mapped)
    if (mapped !== 0) continue
    if (index > first) submit_file_bio(k, inode, READ, first, index - first, kib)
    const pfn = xa_load(k, inode, index)
    k.page.flags[pfn] = (k.page.flags[pfn]! | PG_uptodate) & ~PG_locked
    first = index + 1
    kib = 0
  }
  if (from + count > first) submit_file_bio(k, inode, READ, first, from + count - first, kib)
}

/** block_read_full_folio: starts the reads of the blocks that a partly written page is missing; it is locked meanwhile. */
export function read_missing_blocks(k: Kernel, pfn: number): void {
  const inode = k.page.mapping[pfn]!
  const index = k.page.index[pfn]!
  const missing = mapped_blocks(k, inode, index) & ~uptodate_blocks(k, pfn)
  if ((k.page.flags[pfn]! & PG_private) !== 0) k.buffers.uptodate[k.page.private[pfn]!] = all_blocks(k)
  if (missing === 0) {
    k.page.flags[pfn]! |= PG_uptodate
    return
  }
  k.page.flags[pfn]! |= PG_locked
  submit_file_bio(k, inode, READ, index, 1, blocks_kib(k, missing))
}

/** __block_write_begin: reads the blocks of a page that a write of the bytes from … to - 1 only changes a part of. */
export function block_write_begin(k: Kernel, pfn: number, from: number, to: number): void {
  const inode = k.page.mapping[pfn]!
  const index = k.page.index[pfn]!
  const cut = blocks_between(k, from, to) & ~inner_blocks(k, from, to)
  const read = cut & mapped_blocks(k, inode, index) & ~uptodate_blocks(k, pfn)
  if (read === 0) return
  k.page.flags[pfn]! |= PG_locked
  submit_file_bio(k, inode, READ, index, 1, blocks_kib(k, read))
  folio_wait_nested(k, pfn)
  // Only these blocks were read.
  k.page.flags[pfn]! &= ~PG_uptodate
  k.buffers.uptodate[k.page.private[pfn]!]! |= read
}
/** Blocks that lie wholly within the bytes from … to - 1. */
function inner_blocks(k: Kernel, from: number, to: number): number {
  const size = block_size(k)
  const [first, end] = [Math.ceil(from / size), Math.floor(to / size)]
  return first < end ? (1 << end) - (1 << first) : 0
}
/** block_commit_write: the blocks of these bytes are written; a page all of whose blocks hold something is up to date. */
export function block_commit_write(k: Kernel, pfn: number, from: number, to: number): void {
  const row = k.page.private[pfn]!
  const written = blocks_between(k, from, to)
  k.buffers.uptodate[row] = uptodate_blocks(k, pfn) | written
  k.buffers.dirty[row]! |= written
  if (k.buffers.uptodate[row] === all_blocks(k)) k.page.flags[pfn]! |= PG_uptodate
}
/** A page is written through a mapping: all of its blocks are dirty. */
export function block_page_mkwrite(k: Kernel, pfn: number): void {
  k.buffers.dirty[k.page.private[pfn]!] = all_blocks(k)
}
/** What a write of a page has for the disk, in KiB: its dirty blocks up to the end of the file. They are clean then. */
export function take_dirty_blocks(k: Kernel, pfn: number): number {
  if ((k.page.flags[pfn]! & PG_private) === 0) return 4
  const row = k.page.private[pfn]!
  const dirty = k.buffers.dirty[row]! & mapped_blocks(k, k.page.mapping[pfn]!, k.page.index[pfn]!)
  k.buffers.dirty[row] = 0
  return blocks_kib(k, dirty)
}
