/**
 * tmpfs and shared anonymous memory: files whose pages live in the page cache, and in swap when memory is short. A slot
 * of the index holds the page, or the negated swap slot it went to.
 *
 * Linux: mm/shmem.c. Simplified: no huge pages, no size limits, no mempolicy.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  GFP_HIGHUSER_MOVABLE,
  PAGE_SIZE,
  PG_dirty,
  PG_locked,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { xa_load, xa_store, type NodeOps } from '../lib/xarray'
import { alloc_file, O_RDWR } from './file_table'
import { page_cache_account } from './filemap'
import { FS_SHMEM, iput, new_inode, igrab } from './inode'
import { mem_cgroup_charge, mem_cgroup_from_task, mem_cgroup_try_charge_swap } from './memcontrol'
import { count_memcg_event_mm } from './memcg_stat'
import { alloc_page, free_page } from './page_alloc'
import { folio_wait_locked, folio_wait_nested, swap_writepage } from './page_io'
import {
  shmem_acct_block,
  shmem_acct_size,
  shmem_block_added,
  shmem_mark_accounted,
  shmem_recalc_inode,
  shmem_unacct_block,
} from './shmem_acct'
import { lru_cache_add, mark_page_accessed } from './swap'
import { free_swap_and_cache, get_swap_page, put_swap_page, swap_duplicate, swap_free } from './swapfile'
import { add_to_swap_cache, delete_from_swap_cache, lookup_swap_cache, swap_cluster_readahead } from './swap_state'
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from './vm_fault'
import { PAGE_CACHE_NODES } from './workingset'

/** Swap slots in the index are not shadows: such nodes are never listed for the shadow shrinker. */
export const SHMEM_NODES: NodeOps = {
  alloc: (k, inode) => PAGE_CACHE_NODES.alloc(k, inode),
  free: (k, node) => PAGE_CACHE_NODES.free(k, node),
  update: () => undefined,
}

/** What `shmem_get_page` may do. */
export const SGP_READ = 0
export const SGP_CACHE = 1
export const SGP_WRITE = 2

/** An open file of shared anonymous memory; 0 without memory. */
export function shmem_file_setup(k: Kernel, name: string, size: number): number {
  const inode = new_inode(k, FS_SHMEM, name, size)
  if (inode === 0) return 0
  igrab(k, inode)
  const file = alloc_file(k, inode, O_RDWR)
  iput(k, inode)
  return file
}
/** MAP_SHARED | MAP_ANONYMOUS: the file behind an area; 0 without memory or beyond the commit limit. */
export function shmem_zero_setup(k: Kernel, size: number, noreserve: boolean): number {
  if (!noreserve && !shmem_acct_size(k, size)) return 0
  const file = shmem_file_setup(k, '/dev/zero', size)
  if (!noreserve) shmem_mark_accounted(k, file, size)
  return file
}

/** A page was brought in from swap: the caller counts a major fault. */
export interface ShmemGet {
  pfn: number
  major: boolean
}

/** The page of an index: cached, swapped in, or new and zero (not for SGP_READ: pfn 0 is a hole). Null without memory. */
export function shmem_get_page(k: Kernel, inode: number, index: number, sgp: number): ShmemGet | null {
  charge(k, COST.page_cache_lookup)
  const entry = xa_load(k, inode, index)
  if (entry > 0) {
    if (sgp === SGP_WRITE) mark_page_accessed(k, entry)
    return { pfn: entry, major: false }
  }
  if (entry < 0) return shmem_swapin_page(k, inode, index, -entry, sgp)
  if (sgp === SGP_READ) return { pfn: 0, major: false }
  if (!shmem_acct_block(k, inode)) return null
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP)
  if (pfn === 0) {
    shmem_unacct_block(k, inode)
    return null
  }
  // A write fills the page itself; a mapping must not show what was there.
  if (sgp !== SGP_WRITE) charge(k, COST.zero_page)
  k.page.flags[pfn]! |= PG_swapbacked | (sgp === SGP_WRITE ? PG_referenced : 0)
  if (!shmem_add_to_page_cache(k, inode, index, pfn)) {
    k.page.flags[pfn] = 0
    free_page(k, pfn)
    shmem_unacct_block(k, inode)
    return null
  }
  k.page.flags[pfn]! |= PG_uptodate
  lru_cache_add(k, pfn)
  shmem_block_added(k, inode)
  return { pfn, major: false }
}

function shmem_add_to_page_cache(k: Kernel, inode: number, index: number, pfn: number): boolean {
  if (!mem_cgroup_charge(k, pfn, mem_cgroup_from_task(k, k.var.current))) return false
  if (!xa_store(k, inode, index, pfn, SHMEM_NODES)) return false
  charge(k, COST.page_cache_op)
  page_cache_account(k, inode, pfn, index)
  return true
}

/** From swap back into the file. A page whose read is under way is waited for inside the call. */
function shmem_swapin_page(k: Kernel, inode: number, index: number, slot: number, sgp: number): ShmemGet | null {
  let major = false
  let pfn = lookup_swap_cache(k, slot, 0, 0)
  if (pfn === 0) {
    major = true
    k.vmstat[C.pgmajfault]!++
    count_memcg_event_mm(k, k.task.mm[k.var.current]!, C.pgmajfault)
    pfn = swap_cluster_readahead(k, slot)
    if (pfn === 0) return null
  }
  if ((k.page.flags[pfn]! & PG_locked) !== 0) folio_wait_nested(k, pfn)
  folio_wait_writeback(k, pfn)
  delete_from_swap_cache(k, pfn)
  xa_store(k, inode, index, pfn, SHMEM_NODES)
  k.inode.shm_swapped[inode]!--
  page_cache_account(k, inode, pfn, index)
  shmem_recalc_inode(k, inode)
  k.page.flags[pfn]! |= PG_dirty
  swap_free(k, slot)
  if (sgp === SGP_WRITE) mark_page_accessed(k, pfn)
  return { pfn, major }
}
function folio_wait_writeback(k: Kernel, pfn: number): void {
  folio_wait_nested(k, pfn)
}

/** An unpacker's window: so many bytes of the archive are written at once. */
const UNPACK_WINDOW = 32 * 1024
/**
 * Fills a file as an unpacker does that has its first byte at `at` of the archive. What is written a second time is active:
 * pages that a window's end cuts, and those of its first `used` bytes, which are used again after it.
 */
export function shmem_populate(k: Kernel, inode: number, used: number, at: number): void {
  const size = k.inode.i_size[inode]!
  for (let index = 0; index * PAGE_SIZE < size; index++) {
    const got = shmem_get_page(k, inode, index, SGP_WRITE)
    assert(got !== null, 'shmem_populate: out of memory')
    k.page.flags[got.pfn]! |= PG_dirty
    const first = at + index * PAGE_SIZE
    const last = at + Math.min((index + 1) * PAGE_SIZE, size) - 1
    const cut = Math.floor(first / UNPACK_WINDOW) !== Math.floor(last / UNPACK_WINDOW)
    if (cut || index * PAGE_SIZE < used) shmem_get_page(k, inode, index, SGP_WRITE)
  }
}

/** vm_ops->fault of shared memory. */
export function shmem_fault(k: Kernel, vmf: VmFault): number {
  const inode = k.file.inode[k.vma.vm_file[vmf.vma]!]!
  if (vmf.pgoff >= Math.ceil(k.inode.i_size[inode]! / PAGE_SIZE)) return VM_FAULT_SIGBUS
  const may_retry = (vmf.flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY
  const entry = xa_load(k, inode, vmf.pgoff)
  if (entry < 0 && may_retry && shmem_start_swapin(k, -entry)) {
    return VM_FAULT_MAJOR | VM_FAULT_RETRY
  }
  const got = shmem_get_page(k, inode, vmf.pgoff, SGP_CACHE)
  if (got === null) return VM_FAULT_OOM
  vmf.page = got.pfn
  return got.major ? VM_FAULT_MAJOR : 0
}
/** Starts the read of a slot; true when the task sleeps for it. */
function shmem_start_swapin(k: Kernel, slot: number): boolean {
  let pfn = k.swap.cache[slot]!
  if (pfn <= 0) {
    k.vmstat[C.pgmajfault]!++
    count_memcg_event_mm(k, k.task.mm[k.var.current]!, C.pgmajfault)
    pfn = swap_cluster_readahead(k, slot)
    if (pfn === 0) return false
  }
  return (k.page.flags[pfn]! & PG_locked) !== 0 && folio_wait_locked(k, pfn)
}

/** Reclaim writes a page of a file to swap: the index names the slot, the page is in the swap cache. False: keep it. */
export function shmem_writepage(k: Kernel, pfn: number): boolean {
  const inode = k.page.mapping[pfn]!
  const index = k.page.index[pfn]!
  assert(k.page.mapcount[pfn] === 0, 'shmem_writepage: mapped')
  const slot = get_swap_page(k)
  if (slot === 0) return false
  if (!mem_cgroup_try_charge_swap(k, pfn, slot)) {
    put_swap_page(k, slot)
    return false
  }
  if (!add_to_swap_cache(k, pfn, slot)) {
    put_swap_page(k, slot)
    return false
  }
  swap_duplicate(k, slot)
  shmem_recalc_inode(k, inode)
  k.inode.shm_swapped[inode]!++
  xa_store(k, inode, index, -slot, SHMEM_NODES)
  k.inode.nrpages[inode]!--
  k.vmstat[C.nr_file_pages]!--
  k.vmstat[C.nr_shmem]!--
  k.page.mapping[pfn] = 0
  k.page.index[pfn] = slot
  assert((k.page.flags[pfn]! & PG_swapcache) !== 0, 'shmem_writepage: not cached')
  swap_writepage(k, pfn)
  return true
}

/** Truncation meets a swapped page. */
export function shmem_free_swap(k: Kernel, inode: number, index: number, slot: number): void {
  xa_store(k, inode, index, 0, SHMEM_NODES)
  k.inode.shm_swapped[inode]!--
  free_swap_and_cache(k, slot)
}

/** swapoff: brings a slot of a file back. False without memory. */
export function shmem_unuse(k: Kernel, inode: number, index: number): boolean {
  return shmem_get_page(k, inode, index, SGP_CACHE) !== null
}
