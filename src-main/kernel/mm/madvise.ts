/**
 * madvise: dropping pages (DONTNEED, FREE), ageing them (COLD, PAGEOUT), reading ahead (WILLNEED), filling (POPULATE), and
 * the advices that are flags of an area.
 *
 * Linux: mm/madvise.c.
 */
import {
  PTE_SHIFT,
  PTE_SWAP,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_DONTEXPAND,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { xa_find, xa_load } from '../lib/xarray'
import {
  EACCES,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
} from '../uapi'
import { force_page_cache_ra } from './readahead'
import { faultin_vma_page_range } from './gup'
import { hugetlb_punch_hole, vma_kernel_pagesize } from './hugetlb'
import { khugepaged_enter_vma, madvise_collapse } from './khugepaged'
import { __ksm_enter } from './ksm'
import { unmerge_ksm_pages } from './ksm_merge'
import { madvise_cold_or_pageout, madvise_free_single_vma, walk_range } from './madvise_pages'
import { page_align } from './mmap'
import { is_shmem } from './inode'
import { lru_add_drain } from './swap'
import { read_swap_cache_async } from './swap_state'
import { punch_hole } from './truncate'
import { find_vma, linear_page_index, vma_is_special } from './vma'
import { vma_modify } from './vma_merge'
import { zap_page_range } from './zap'

/** 0 or -errno. Unmapped parts are skipped and reported as ENOMEM at the end. */
export function do_madvise(k: Kernel, mm: number, start: number, length: number, advice: number): number {
  charge(k, COST.vma_op)
  if (!valid_advice(advice) || start % 4096 !== 0) return -EINVAL
  const end = start + page_align(length)
  if (end === start) return 0
  let unmapped = 0
  let at = start
  let vma = find_vma(k, mm, start)
  let prev = vma !== 0 && start > k.vma.vm_start[vma]! ? vma : vma !== 0 ? k.vma.prev[vma]! : 0
  while (vma !== 0 && at < end) {
    if (at < k.vma.vm_start[vma]!) {
      unmapped = -ENOMEM
      at = k.vma.vm_start[vma]!
      if (at >= end) break
      prev = k.vma.prev[vma]!
    }
    const to = Math.min(end, k.vma.vm_end[vma]!)
    const done = madvise_vma_behavior(k, mm, vma, prev, at, to, advice)
    if (done < 0) return done
    at = to
    prev = done
    vma = k.vma.vm_end[done]! > at ? done : k.vma.next[done]!
  }
  return vma === 0 && at < end ? -ENOMEM : unmapped
}

function valid_advice(advice: number): boolean {
  return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || (advice >= MADV_FREE && advice <= MADV_COLLAPSE)
}

/** The area that holds the range afterwards, or -errno. */
function madvise_vma_behavior(
  k: Kernel,
  mm: number,
  vma: number,
  prev: number,
  start: number,
  end: number,
  advice: number,
): number {
  const flags = k.vma.vm_flags[vma]!
  switch (advice) {
    case MADV_WILLNEED:
      return or_error(madvise_willneed(k, vma, start, end), vma)
    case MADV_COLD:
      return or_error(madvise_cold_or_pageout(k, vma, start, end, false), vma)
    case MADV_PAGEOUT:
      return or_error(madvise_cold_or_pageout(k, vma, start, end, true), vma)
    case MADV_REMOVE:
      return or_error(madvise_remove(k, vma, start, end), vma)
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED: {
      const to = dontneed_end(k, vma, start, end, advice)
      if (to < 0) return to
      if (to > start) zap_page_range(k, vma, start, to)
      return vma
    }
    case MADV_FREE:
      if ((flags & (VM_LOCKED | VM_PFNMAP)) !== 0) return -EINVAL
      return or_error(madvise_free_single_vma(k, vma, start, end), vma)
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
      return or_error(madvise_populate(k, vma, start, end, advice === MADV_POPULATE_WRITE), vma)
    case MADV_COLLAPSE:
      return or_error(madvise_collapse(k, vma, start, end), vma)
    case MADV_MERGEABLE:
      if ((flags & (NOT_MERGEABLE | VM_MERGEABLE)) === 0) __ksm_enter(k, mm)
      break
    case MADV_UNMERGEABLE:
      if ((flags & VM_MERGEABLE) !== 0 && unmerge_ksm_pages(k, vma, start, end) < 0) return -EAGAIN
  }
  const changed = advised_flags(k, vma, advice)
  return changed < 0 ? changed : madvise_update_vma(k, mm, vma, prev, start, end, changed)
}
/** Locked areas stay, but for those who say that they mean them. Of huge pages whole ones go: the start has to be one's, the end is rounded down. */
function dontneed_end(k: Kernel, vma: number, start: number, end: number, advice: number): number {
  const flags = k.vma.vm_flags[vma]!
  const forbidden = advice === MADV_DONTNEED_LOCKED ? VM_PFNMAP : VM_PFNMAP | VM_LOCKED
  if ((flags & VM_HUGETLB) === 0) return (flags & forbidden) !== 0 ? -EINVAL : end
  const size = vma_kernel_pagesize(k, vma)
  return start % size !== 0 ? -EINVAL : Math.floor(end / size) * size
}
function or_error(ret: number, vma: number): number {
  return ret < 0 ? ret : vma
}

const NOT_MERGEABLE = VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_HUGETLB

/** The area's flags after an advice that is only a flag, or -EINVAL. */
function advised_flags(k: Kernel, vma: number, advice: number): number {
  const flags = k.vma.vm_flags[vma]!
  switch (advice) {
    case MADV_NORMAL:
      return flags & ~(VM_RAND_READ | VM_SEQ_READ)
    case MADV_SEQUENTIAL:
      return (flags & ~VM_RAND_READ) | VM_SEQ_READ
    case MADV_RANDOM:
      return (flags & ~VM_SEQ_READ) | VM_RAND_READ
    case MADV_DONTFORK:
      return flags | VM_DONTCOPY
    case MADV_DOFORK:
      return (flags & VM_IO) !== 0 ? -EINVAL : flags & ~VM_DONTCOPY
    case MADV_WIPEONFORK:
      return k.vma.vm_file[vma] !== 0 || (flags & VM_SHARED) !== 0 ? -EINVAL : flags | VM_WIPEONFORK
    case MADV_KEEPONFORK:
      return flags & ~VM_WIPEONFORK
    case MADV_DONTDUMP:
      return flags | VM_DONTDUMP
    case MADV_DODUMP:
      return (flags & VM_HUGETLB) === 0 && vma_is_special(flags) ? -EINVAL : flags & ~VM_DONTDUMP
    case MADV_MERGEABLE:
      return (flags & NOT_MERGEABLE) !== 0 ? flags : flags | VM_MERGEABLE
    case MADV_UNMERGEABLE:
      return flags & ~VM_MERGEABLE
    case MADV_HUGEPAGE:
      return (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE
    case MADV_NOHUGEPAGE:
      return (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE
  }
  return -EINVAL
}

function madvise_update_vma(
  k: Kernel,
  mm: number,
  vma: number,
  prev: number,
  start: number,
  end: number,
  newflags: number,
): number {
  if (newflags === k.vma.vm_flags[vma]) return vma
  vma = vma_modify(k, mm, vma, prev, start, end, newflags)
  if (vma < 0) return -EAGAIN
  k.vma.vm_flags[vma] = newflags
  khugepaged_enter_vma(k, vma)
  return vma
}

function madvise_populate(k: Kernel, vma: number, start: number, end: number, write: boolean): number {
  const ret = faultin_vma_page_range(k, vma, start, end, write)
  return ret < 0 && ret !== -EINVAL && ret !== -ENOMEM ? -EFAULT : Math.min(ret, 0)
}

/** A hole is made in the file that a shared mapping shows. */
function madvise_remove(k: Kernel, vma: number, start: number, end: number): number {
  const flags = k.vma.vm_flags[vma]!
  const file = k.vma.vm_file[vma]!
  const huge = (flags & VM_HUGETLB) !== 0
  if ((flags & VM_LOCKED) !== 0 || (file === 0 && !huge)) return -EINVAL
  if ((flags & (VM_SHARED | VM_MAYWRITE)) !== (VM_SHARED | VM_MAYWRITE)) return -EACCES
  if (huge) {
    hugetlb_punch_hole(k, vma, start, end)
    return 0
  }
  const first = linear_page_index(k, vma, start)
  punch_hole(k, k.file.inode[file]!, first, first + (end - start) / 4096 - 1)
  return 0
}

function madvise_willneed(k: Kernel, vma: number, start: number, end: number): number {
  const file = k.vma.vm_file[vma]!
  if (file === 0) {
    swapin_walk(k, vma, start, end)
    lru_add_drain(k)
    return 0
  }
  const first = linear_page_index(k, vma, start)
  const nr = (end - start) / 4096
  const inode = k.file.inode[file]!
  if (is_shmem(k, inode)) force_shm_swapin_readahead(k, inode, first, first + nr)
  else force_page_cache_ra(k, file, first, nr)
  return 0
}

/** Starts the reads of what a file of shared memory has in swap; the index of the range's end is looked at, too. */
function force_shm_swapin_readahead(k: Kernel, inode: number, from: number, to: number): void {
  for (let index = xa_find(k, inode, from, to); index >= 0; index = xa_find(k, inode, index + 1, to)) {
    const entry = xa_load(k, inode, index)
    if (entry < 0) read_swap_cache_async(k, -entry)
  }
  lru_add_drain(k)
}

/** Starts the reads of what is in swap; the faults will find it in the cache. */
function swapin_walk(k: Kernel, vma: number, start: number, end: number): void {
  walk_range(k, vma, start, end, (_slot, entry) => {
    if ((entry & PTE_SWAP) !== 0) read_swap_cache_async(k, entry >>> PTE_SHIFT)
  })
}
