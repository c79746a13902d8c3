/**
 * The page cache: a file's pages by their index, and the two ways to them, read(2) and faults on mappings.
 *
 * Linux: mm/filemap.c. Kept: batches of 15 in read, marks of readahead, major faults that are retried after their I/O,
 * fault-around. Simplified: no page locks but those of reads under way.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  __GFP_WRITE,
  GFP_HIGHUSER_MOVABLE,
  PAGE_SIZE,
  PG_dirty,
  PG_locked,
  PG_readahead,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_uptodate,
  VM_HUGEPAGE,
  VM_RAND_READ,
  VM_SEQ_READ,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { fatal_signal_pending } from '../task'
import { charge } from '../task'
import { PTRS } from '../arch/x86/pgtable'
import { xa_load, xa_store } from '../lib/xarray'
import { create_buffers, drop_buffers } from './buffer'
import { block_page_mkwrite, is_partially_uptodate, read_missing_blocks, read_pages } from './buffer_blocks'
import { allocate_blocks } from './file_blocks'
import { FS_BDEV, inode_add_lru, is_shmem } from './inode'
import { mem_cgroup_charge, mem_cgroup_from_task } from './memcontrol'
import { count_memcg_event_mm } from './memcg_stat'
import { alloc_page } from './page_alloc'
import { blk_poll, folio_wait_locked, folio_wait_nested } from './page_io'
import { balance_dirty_pages_ratelimited, folio_account_cleaned, set_page_dirty } from './page_writeback'
import { do_page_cache_ra, page_cache_async_ra, page_cache_sync_ra } from './readahead'
import { SHMEM_NODES } from './shmem'
import { abandon_page, lru_cache_add, mark_page_accessed, release_page } from './swap'
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from './vm_fault'
import { PAGE_CACHE_NODES, workingset_refault } from './workingset'

export { file_may_read, file_may_write, fput, get_file } from './file_table'

const PAGEVEC_SIZE = 15
const MMAP_LOTSAMISS = 100

/** False for tmpfs and shared anonymous memory: their dirty pages wait for nobody to write them. */
export function mapping_can_writeback(k: Kernel, inode: number): boolean {
  return !is_shmem(k, inode)
}
export function nodes_of(k: Kernel, inode: number) {
  return is_shmem(k, inode) ? SHMEM_NODES : PAGE_CACHE_NODES
}

// ---------------------------------------------------------------- the index

/** The cached page, 0 when there is none (a shadow does not count). */
export function find_page(k: Kernel, inode: number, index: number): number {
  charge(k, COST.page_cache_lookup)
  const entry = xa_load(k, inode, index)
  return entry > 0 ? entry : 0
}

/** Puts a new page into a file and on its list; its shadow, if there is one, is judged. False without memory. */
export function filemap_add_folio(k: Kernel, inode: number, index: number, pfn: number, gfp: number): boolean {
  if (!mem_cgroup_charge(k, pfn, mem_cgroup_from_task(k, k.var.current), gfp)) return false
  const old = xa_load(k, inode, index)
  assert(old <= 0, 'filemap_add_folio: a page is there')
  if (!xa_store(k, inode, index, pfn, PAGE_CACHE_NODES)) return false
  charge(k, COST.page_cache_op)
  if (old < 0) k.inode.nrexceptional[inode]!--
  page_cache_account(k, inode, pfn, index)
  if (old < 0 && (gfp & __GFP_WRITE) === 0) workingset_refault(k, pfn, old)
  lru_cache_add(k, pfn)
  return true
}

/** The page belongs to the file now. */
export function page_cache_account(k: Kernel, inode: number, pfn: number, index: number): void {
  k.page.mapping[pfn] = inode
  k.page.index[pfn] = index
  k.inode.nrpages[inode]!++
  k.vmstat[C.nr_file_pages]!++
  if (k.inode.fs[inode] === FS_BDEV) k.var.blockdev_pages++
  if ((k.page.flags[pfn]! & PG_swapbacked) !== 0) k.vmstat[C.nr_shmem]!++
}

/** Takes a page out of its file, leaving `shadow` or nothing; the page is the caller's. */
export function __filemap_remove_folio(k: Kernel, pfn: number, shadow: number): void {
  const inode = k.page.mapping[pfn]!
  const index = k.page.index[pfn]!
  assert(k.page.mapcount[pfn] === 0, 'filemap_remove_folio: mapped')
  assert(xa_load(k, inode, index) === pfn, 'filemap_remove_folio: not in its file')
  charge(k, COST.page_cache_op)
  if ((k.page.flags[pfn]! & PG_dirty) !== 0) folio_account_cleaned(k, pfn)
  drop_buffers(k, pfn)
  xa_store(k, inode, index, shadow, nodes_of(k, inode))
  if (shadow !== 0) k.inode.nrexceptional[inode]!++
  k.inode.nrpages[inode]!--
  k.vmstat[C.nr_file_pages]!--
  if (k.inode.fs[inode] === FS_BDEV) k.var.blockdev_pages--
  if ((k.page.flags[pfn]! & PG_swapbacked) !== 0) k.vmstat[C.nr_shmem]!--
  k.page.mapping[pfn] = 0
  k.page.index[pfn] = 0
  k.page.flags[pfn]! &= ~(PG_dirty | PG_reclaim | PG_referenced)
}

/** Takes an unused page out of its file and frees it. */
export function delete_from_page_cache(k: Kernel, pfn: number): void {
  __filemap_remove_folio(k, pfn, 0)
  abandon_page(k, pfn)
}
/** A file that lost a page may now be forgotten. */
export function inode_may_shrink(k: Kernel, inode: number): void {
  inode_add_lru(k, inode)
}

export function mapping_gfp(_k: Kernel, _inode: number): number {
  return GFP_HIGHUSER_MOVABLE
}

/** A new locked page of a file, not read yet; 0 without memory. */
export function page_cache_alloc(k: Kernel, inode: number, index: number, gfp: number): number {
  const pfn = alloc_page(k, gfp | __GFP_COMP)
  if (pfn === 0) return 0
  // Reclaim inside the allocation may have changed the tree, not added this page.
  k.page.flags[pfn]! |= PG_locked
  if (filemap_add_folio(k, inode, index, pfn, gfp)) return pfn
  k.page.flags[pfn]! &= ~PG_locked
  release_page(k, pfn)
  return 0
}

/** Reads a single page, with nothing around it; 0 without memory. */
export function read_cache_page(k: Kernel, inode: number, index: number): number {
  const pfn = page_cache_alloc(k, inode, index, mapping_gfp(k, inode))
  if (pfn !== 0) read_pages(k, inode, index, 1)
  return pfn
}

// ---------------------------------------------------------------- read(2)

/** Bytes read from `pos` on, at most `count`; less at the end of the file or after a fatal signal. */
export function filemap_read(k: Kernel, file: number, pos: number, count: number): number {
  const inode = k.file.inode[file]!
  const size = k.inode.i_size[inode]!
  if (pos >= size || count === 0) return 0
  const end = Math.min(pos + count, size)
  const start = pos
  while (pos < end) {
    const batch = filemap_get_pages(k, file, pos, start + count)
    if (batch.length === 0) break
    const prev = k.file.prev_pos[file]!
    // A page that is read in small pieces is accessed once.
    const same = prev > 0 && Math.floor((prev - 1) / PAGE_SIZE) === Math.floor(pos / PAGE_SIZE)
    batch.forEach((pfn, i) => {
      if (pos >= end) return
      if (i > 0 || !same) mark_page_accessed(k, pfn)
      pos = Math.min(end, (Math.floor(pos / PAGE_SIZE) + 1) * PAGE_SIZE)
      charge(k, COST.copy_user_page)
    })
    k.file.prev_pos[file] = pos
    if (fatal_signal_pending(k, k.var.current)) break
  }
  return pos - start
}

/** The next cached, readable pages from `pos` on, up to 15 and to `to`; starts the reads that are missing. */
function filemap_get_pages(k: Kernel, file: number, pos: number, to: number): number[] {
  const inode = k.file.inode[file]!
  const index = Math.floor(pos / PAGE_SIZE)
  const last_index = Math.ceil(to / PAGE_SIZE)
  let batch = get_read_batch(k, inode, index, last_index)
  if (batch.length === 0) {
    page_cache_sync_ra(k, file, index, last_index - index)
    batch = get_read_batch(k, inode, index, last_index)
  }
  if (batch.length === 0) {
    const pfn = read_cache_page(k, inode, index)
    if (pfn === 0) return []
    batch = [pfn]
  }
  const last = batch[batch.length - 1]!
  if ((k.page.flags[last]! & PG_readahead) !== 0)
    page_cache_async_ra(k, file, last, k.page.index[last]!, last_index - k.page.index[last]!)
  if (!filemap_range_uptodate(k, last, pos, to)) {
    if (batch.length > 1) batch.pop()
    else folio_wait_nested(k, last)
  }
  return batch
}
/** Can the part of a page that is wanted be read? If not, its read is under way now. A partly written page may do. */
function filemap_range_uptodate(k: Kernel, pfn: number, pos: number, to: number): boolean {
  if ((k.page.flags[pfn]! & PG_uptodate) !== 0) return true
  if ((k.page.flags[pfn]! & PG_locked) !== 0) return false
  const start = k.page.index[pfn]! * PAGE_SIZE
  if (is_partially_uptodate(k, pfn, Math.max(0, pos - start), Math.min(PAGE_SIZE, to - start))) return true
  read_missing_blocks(k, pfn)
  return (k.page.flags[pfn]! & PG_uptodate) !== 0
}
function get_read_batch(k: Kernel, inode: number, index: number, last_index: number): number[] {
  blk_poll(k)
  const batch: number[] = []
  for (let i = index; i < last_index && batch.length < PAGEVEC_SIZE; i++) {
    const pfn = find_page(k, inode, i)
    if (pfn === 0) break
    batch.push(pfn)
    if ((k.page.flags[pfn]! & (PG_uptodate | PG_readahead)) !== PG_uptodate) break
  }
  return batch
}

// ---------------------------------------------------------------- faults

/** A page of a mapped file: from the cache, or major: the read is started and the fault is tried again after it. */
export function filemap_fault(k: Kernel, vmf: VmFault): number {
  const file = k.vma.vm_file[vmf.vma]!
  const inode = k.file.inode[file]!
  const index = vmf.pgoff
  if (index >= Math.ceil(k.inode.i_size[inode]! / PAGE_SIZE)) return VM_FAULT_SIGBUS
  const may_retry = (vmf.flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY
  blk_poll(k)
  let pfn = find_page(k, inode, index)
  let ret = 0
  // True once the map lock had to be dropped for I/O: then the fault is taken again.
  let dropped = false
  if (pfn !== 0) {
    if ((vmf.flags & FAULT_FLAG_TRIED) === 0) dropped = do_async_mmap_readahead(k, vmf, file, pfn)
  } else {
    k.vmstat[C.pgmajfault]!++
    count_memcg_event_mm(k, k.vma.mm[vmf.vma]!, C.pgmajfault)
    ret = VM_FAULT_MAJOR
    dropped = do_sync_mmap_readahead(k, vmf, file)
    pfn = find_page(k, inode, index)
    if (pfn === 0) {
      pfn = read_cache_page(k, inode, index)
      if (pfn === 0) return dropped && may_retry ? ret | VM_FAULT_RETRY : VM_FAULT_OOM
      dropped = true
    }
  }
  dropped &&= may_retry
  if ((k.page.flags[pfn]! & (PG_uptodate | PG_locked)) === 0) read_missing_blocks(k, pfn)
  if ((k.page.flags[pfn]! & PG_uptodate) === 0) {
    if (!may_retry) folio_wait_nested(k, pfn)
    else if (folio_wait_locked(k, pfn)) dropped = true
  }
  if (dropped) return ret | VM_FAULT_RETRY
  vmf.page = pfn
  return ret
}

/** Reads around a missing page of a mapping: 16 pages before it, 16 from it on. True when a read was started. */
function do_sync_mmap_readahead(k: Kernel, vmf: VmFault, file: number): boolean {
  const flags = k.vma.vm_flags[vmf.vma]!
  if ((flags & VM_HUGEPAGE) !== 0) {
    huge_mmap_readahead(k, vmf, file, (flags & VM_RAND_READ) !== 0)
    return true
  }
  const ra_pages = k.file.ra_pages[file]!
  if ((flags & VM_RAND_READ) !== 0 || ra_pages === 0) return false
  if ((flags & VM_SEQ_READ) !== 0) {
    page_cache_sync_ra(k, file, vmf.pgoff, ra_pages)
    return true
  }
  if (k.file.mmap_miss[file]! < MMAP_LOTSAMISS * 10) k.file.mmap_miss[file]!++
  if (k.file.mmap_miss[file]! > MMAP_LOTSAMISS) return false
  k.file.ra_start[file] = Math.max(0, vmf.pgoff - ra_pages / 2)
  k.file.ra_size[file] = ra_pages
  k.file.ra_async_size[file] = ra_pages / 4
  do_page_cache_ra(k, k.file.inode[file]!, k.file.ra_start[file]!, ra_pages, ra_pages / 4)
  return true
}

/** MADV_HUGEPAGE: the huge page around, and the next one unless told not to; in small pages, as disk files have no others. */
function huge_mmap_readahead(k: Kernel, vmf: VmFault, file: number, random: boolean): void {
  const size = random ? PTRS : PTRS * 2
  k.file.ra_size[file] = size
  k.file.ra_async_size[file] = PTRS
  do_page_cache_ra(k, k.file.inode[file]!, vmf.pgoff - (vmf.pgoff % PTRS), size, PTRS)
}

function do_async_mmap_readahead(k: Kernel, vmf: VmFault, file: number, pfn: number): boolean {
  if ((k.vma.vm_flags[vmf.vma]! & VM_RAND_READ) !== 0 || k.file.ra_pages[file] === 0) return false
  if (k.file.mmap_miss[file]! > 0) k.file.mmap_miss[file]!--
  if ((k.page.flags[pfn]! & PG_readahead) === 0) return false
  page_cache_async_ra(k, file, pfn, vmf.pgoff, k.file.ra_pages[file]!)
  return true
}

/** Fault-around: the readable cached pages first … last, by their place in `pfns` (0: none); whether there are any. */
export function filemap_map_pages(k: Kernel, vmf: VmFault, first: number, last: number, pfns: number[]): boolean {
  const file = k.vma.vm_file[vmf.vma]!
  const inode = k.file.inode[file]!
  const end = Math.min(last, Math.ceil(k.inode.i_size[inode]! / PAGE_SIZE) - 1)
  blk_poll(k)
  let found = false
  for (let i = first; i <= end; i++) {
    const entry = xa_load(k, inode, i)
    const ready = entry > 0 && (k.page.flags[entry]! & (PG_uptodate | PG_locked | PG_readahead)) === PG_uptodate
    pfns[i - first] = ready ? entry : 0
    if (ready && k.file.mmap_miss[file]! > 0) k.file.mmap_miss[file]!--
    found ||= ready
  }
  return found
}

/** The first write through a shared mapping since the last writeback: buffers, dirty, and the writer may have to wait. */
export function filemap_page_mkwrite(k: Kernel, _vmf: VmFault, pfn: number): number {
  if (k.page.mapping[pfn] === 0) return VM_FAULT_RETRY
  if (!create_buffers(k, pfn)) return VM_FAULT_OOM
  const inode = k.page.mapping[pfn]!
  const start = k.page.index[pfn]! * PAGE_SIZE
  allocate_blocks(k, inode, start, Math.min(start + PAGE_SIZE, k.inode.i_size[inode]!))
  block_page_mkwrite(k, pfn)
  set_page_dirty(k, pfn)
  balance_dirty_pages_ratelimited(k)
  return 0
}
