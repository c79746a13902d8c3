/**
 * mmap and munmap: making areas and taking them away.
 *
 * Linux: mm/mmap.c (do_mmap, mmap_region, do_mas_align_munmap, may_expand_vm), 6.1's own merging in mmap_region included.
 */
import {
  type Kernel,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { task_size } from '../arch/x86/pgtable'
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENOMEM,
  EPERM,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../uapi'
import { unlink_anon_vmas } from './anon_vma'
import { file_may_read, file_may_write, fput, get_file } from './file_table'
import { mm_populate } from './gup'
import { hstate_sizelog, hugetlb_reserve_pages, hugetlb_unreserve } from './hugetlb'
import { hstate_of, huge_page_size } from './hugetlb_pool'
import { FS_EXT4 } from './inode'
import { can_do_mlock, mlock_future_check } from './mlock'
import { maple_unprepare } from './maple_nodes'
import { mas_preallocate, mas_store_prealloc } from './maple_tree'
import { i_mmap_insert, i_mmap_remove } from './mmap_file'
import { get_unmapped_area, mmap_min_addr, thp_get_unmapped_area } from './mmap_lookup'
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather'
import { shmem_zero_setup } from './shmem'
import { OVERCOMMIT_NEVER, overcommit_memory, security_vm_enough_memory_mm, vm_unacct_memory } from './util'
import {
  find_vma,
  find_vma_intersection,
  find_vma_prev,
  vm_area_alloc,
  vm_area_free,
  vm_stat_account,
  vma_link,
  vma_list_remove,
  vma_pages,
} from './vma'
import { update_hiwater_rss } from './rss_stat'
import { lru_add_drain } from './swap'
import { __split_vma, can_vma_merge_after, can_vma_merge_before, max_map_count, merge_new_range } from './vma_merge'
import { free_pgtables, unmap_single_vma } from './zap'
import { khugepaged_enter_vma } from './khugepaged'

const VM_SPECIAL_MAYS = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC

export function page_align(bytes: number): number {
  return Math.ceil(bytes / 4096) * 4096
}

function calc_vm_prot_bits(prot: number): number {
  return (
    ((prot & PROT_READ) !== 0 ? VM_READ : 0) |
    ((prot & PROT_WRITE) !== 0 ? VM_WRITE : 0) |
    ((prot & PROT_EXEC) !== 0 ? VM_EXEC : 0)
  )
}
export { calc_vm_prot_bits }

/**
 * mmap(2) of the running task. `file` is a row of `file` or 0, `offset` in bytes. Returns the address or -errno; with
 * MAP_POPULATE or locked memory the pages are filled before it returns.
 */
export function vm_mmap(
  k: Kernel,
  mm: number,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  file: number,
  offset: number,
): number {
  if (offset % 4096 !== 0) return -EINVAL
  const at = do_mmap(k, mm, addr, length, prot, flags, file, offset / 4096)
  if (at < 0) return at
  const vma = find_vma(k, mm, at)
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0 || (flags & MAP_POPULATE) !== 0)
    mm_populate(k, mm, at, page_align(length))
  return at
}

export function do_mmap(
  k: Kernel,
  mm: number,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  file: number,
  pgoff: number,
): number {
  charge(k, COST.mmap)
  if (length === 0) return -EINVAL
  if ((flags & MAP_FIXED_NOREPLACE) !== 0) flags |= MAP_FIXED
  if ((flags & MAP_FIXED) === 0) addr = round_hint_to_min(k, addr)
  const huge = (flags & MAP_HUGETLB) !== 0
  const hstate = huge ? hstate_sizelog(k, flags) : 0
  if (hstate < 0) return -EINVAL
  const align = huge ? huge_page_size(hstate_of(k, hstate)) : 4096
  const len = Math.ceil(length / align) * align
  if (len === 0 || len > task_size(k) * 2) return -ENOMEM
  if (k.mm.map_count[mm]! > max_map_count(k)) return -ENOMEM
  const at = on_disk(k, file)
    ? thp_get_unmapped_area(k, mm, addr, len, pgoff * 4096, flags)
    : get_unmapped_area(k, mm, addr, len, flags, align)
  if (at < 0) return at
  if (huge && at % align !== 0) return -EINVAL
  if ((flags & MAP_FIXED_NOREPLACE) !== 0 && find_vma_intersection(k, mm, at, at + len) !== 0) return -EEXIST
  let vm_flags = calc_vm_prot_bits(prot) | k.mm.def_flags[mm]! | VM_SPECIAL_MAYS
  if ((flags & MAP_GROWSDOWN) !== 0) vm_flags |= VM_GROWSDOWN
  if ((flags & MAP_LOCKED) !== 0) {
    if (!can_do_mlock(k)) return -EPERM
    vm_flags |= VM_LOCKED
  }
  if (!mlock_future_check(k, mm, vm_flags, len)) return -EAGAIN
  if ((flags & MAP_SHARED) !== 0) {
    if (file !== 0 && !file_may_read(k, file)) return -EACCES
    if (file !== 0 && !file_may_write(k, file)) {
      if ((prot & PROT_WRITE) !== 0) return -EACCES
      vm_flags = (vm_flags | VM_MAYSHARE) & ~(VM_MAYWRITE | VM_SHARED)
    } else vm_flags |= VM_SHARED | VM_MAYSHARE
    if ((vm_flags & VM_GROWSDOWN) !== 0) return -EINVAL
    if (file === 0) pgoff = 0
  } else if ((flags & MAP_PRIVATE) !== 0) {
    if (file !== 0 && !file_may_read(k, file)) return -EACCES
    if ((file !== 0 || huge) && (vm_flags & VM_GROWSDOWN) !== 0) return -EINVAL
    if (file === 0) pgoff = at / 4096
  } else return -EINVAL
  if ((flags & MAP_NORESERVE) !== 0 && (huge || overcommit_memory(k) !== OVERCOMMIT_NEVER)) vm_flags |= VM_NORESERVE
  if (huge) vm_flags |= VM_HUGETLB | VM_DONTEXPAND
  return mmap_region(k, mm, at, len, vm_flags, file, pgoff, hstate)
}

export function on_disk(k: Kernel, file: number): boolean {
  return file !== 0 && k.inode.fs[k.file.inode[file]!] === FS_EXT4
}

function round_hint_to_min(k: Kernel, hint: number): number {
  const page = Math.floor(hint / 4096) * 4096
  return page !== 0 && page < mmap_min_addr(k) ? page_align(mmap_min_addr(k)) : page
}

/** RLIMIT_AS and RLIMIT_DATA. */
export function may_expand_vm(k: Kernel, mm: number, flags: number, pages: number): boolean {
  const t = k.var.current
  if (k.mm.total_vm[mm]! + pages > Math.floor(rlimit(k.task.rlim_as[t]!) / 4096)) return false
  const data = (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE
  return !data || k.mm.data_vm[mm]! + pages <= Math.floor(rlimit(k.task.rlim_data[t]!) / 4096)
}
/** A limit of 0 in a fresh task row means that none was set. */
export function rlimit(bytes: number): number {
  return bytes === 0 ? Infinity : bytes
}

/** Private, writable and not MAP_NORESERVE: counts in Committed_AS. */
function accountable_mapping(flags: number): boolean {
  return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE | VM_HUGETLB)) === VM_WRITE
}

function mmap_region(
  k: Kernel,
  mm: number,
  addr: number,
  len: number,
  flags: number,
  file: number,
  pgoff: number,
  hstate: number,
): number {
  const end = addr + len
  if (!may_expand_vm(k, mm, flags, len / 4096)) {
    const replaced = count_vma_pages_range(k, mm, addr, end)
    if (!may_expand_vm(k, mm, flags, len / 4096 - replaced)) return -ENOMEM
  }
  const unmapped = do_munmap(k, mm, addr, len)
  if (unmapped < 0) return unmapped
  if (accountable_mapping(flags)) {
    if (security_vm_enough_memory_mm(k, mm, len / 4096) < 0) return -ENOMEM
    flags |= VM_ACCOUNT
  }
  const shared_anon = file === 0 && (flags & VM_SHARED) !== 0 && (flags & VM_HUGETLB) === 0
  let vma = shared_anon ? 0 : expand_neighbour(k, mm, addr, end, flags, file, pgoff)
  if (vma === 0) {
    const made = new_area(k, mm, addr, end, flags, file, pgoff, shared_anon, hstate)
    if (made < 0) {
      if ((flags & VM_ACCOUNT) !== 0) vm_unacct_memory(k, len / 4096)
      return made
    }
    vma = made
  }
  k.vma.soft_clean[vma] = 0
  khugepaged_enter_vma(k, vma)
  vm_stat_account(k, mm, flags, len / 4096)
  if ((flags & VM_LOCKED) !== 0) k.mm.locked_vm[mm]! += len / 4096
  return addr
}

function new_area(
  k: Kernel,
  mm: number,
  addr: number,
  end: number,
  flags: number,
  file: number,
  pgoff: number,
  shared_anon: boolean,
  hstate: number,
): number {
  const vma = vm_area_alloc(k, mm)
  if (vma === 0) return -ENOMEM
  const v = k.vma
  v.vm_start[vma] = addr
  v.vm_end[vma] = end
  v.vm_flags[vma] = flags
  v.vm_pgoff[vma] = pgoff
  if ((flags & VM_HUGETLB) !== 0) {
    const reserved = hugetlb_reserve_pages(k, vma, hstate)
    if (reserved < 0) {
      vm_area_free(k, vma)
      return reserved
    }
  } else if (shared_anon) {
    const zero = shmem_zero_setup(k, end - addr, (flags & VM_NORESERVE) !== 0)
    if (zero === 0) {
      vm_area_free(k, vma)
      return -ENOMEM
    }
    v.vm_file[vma] = zero
    i_mmap_insert(k, vma)
  } else if (file !== 0) {
    get_file(k, file)
    v.vm_file[vma] = file
    i_mmap_insert(k, vma)
  }
  vma_link(k, mm, vma)
  return vma
}

/** 6.1 tries to let a neighbour (or both) grow over the new range; returns it, or 0. */
function expand_neighbour(
  k: Kernel,
  mm: number,
  addr: number,
  end: number,
  flags: number,
  file: number,
  pgoff: number,
): number {
  if ((flags & (VM_IO | VM_PFNMAP | VM_HUGETLB)) !== 0) return 0
  const prev = find_vma_prev(k, mm, addr)
  const next = prev === 0 ? k.mm.vma_head[mm]! : k.vma.next[prev]!
  const pages = (end - addr) / 4096
  const up =
    next !== 0 && k.vma.vm_start[next] === end && can_vma_merge_before(k, next, flags, 0, file, pgoff + pages)
      ? next
      : 0
  const anon_vma = up === 0 ? 0 : k.vma.anon_vma[up]!
  const down =
    prev !== 0 && k.vma.vm_end[prev] === addr && can_vma_merge_after(k, prev, flags, anon_vma, file, pgoff) ? prev : 0
  return up === 0 && down === 0 ? 0 : merge_new_range(k, mm, down, up, addr, end)
}

function count_vma_pages_range(k: Kernel, mm: number, start: number, end: number): number {
  let pages = 0
  for (let vma = find_vma(k, mm, start); vma !== 0 && k.vma.vm_start[vma]! < end; vma = k.vma.next[vma]!)
    pages += (Math.min(end, k.vma.vm_end[vma]!) - Math.max(start, k.vma.vm_start[vma]!)) / 4096
  return pages
}

// ---------------------------------------------------------------- munmap

/** Removes every mapping in [start, start + len). 0 or -errno. */
export function do_munmap(k: Kernel, mm: number, start: number, length: number): number {
  if (start % 4096 !== 0 || start > task_size(k) || length > task_size(k) - start) return -EINVAL
  const end = start + page_align(length)
  if (end === start) return -EINVAL
  const vma = find_vma_intersection(k, mm, start, end)
  if (vma === 0) return 0
  charge(k, COST.munmap)
  const alloc = mas_preallocate(k, mm)
  const gone: number[] = []
  const error = split_ends(k, mm, vma, start, end, gone)
  if (error < 0) {
    maple_unprepare(k, alloc)
    return error
  }
  mas_store_prealloc(k, mm, start, end, 0, alloc)
  unmap_region(k, mm, gone, end)
  return 0
}

/** Collects the areas of a range; those that reach out of it are split, and what stays of the last one keeps its row. */
function split_ends(k: Kernel, mm: number, first: number, start: number, end: number, gone: number[]): number {
  const { vm_start, vm_end, next, prev } = k.vma
  let vma = first
  if (start > vm_start[vma]!) {
    // A hole in the middle makes one area more.
    if (end < vm_end[vma]! && k.mm.map_count[mm]! >= max_map_count(k)) return -ENOMEM
    const split = __split_vma(k, mm, vma, start, false)
    if (split < 0) return split
    vma = next[vma]!
  }
  for (; vma !== 0 && vm_start[vma]! < end; vma = next[vma]!) {
    if (vm_end[vma]! > end) {
      const split = __split_vma(k, mm, vma, end, true)
      if (split < 0) return split
      vma = prev[vma]!
    }
    gone.push(vma)
  }
  return 0
}

/** Unlinks the areas, then their pages and tables go, then they do. */
function unmap_region(k: Kernel, mm: number, gone: readonly number[], end: number): void {
  const first = gone[0]!
  const prev = k.vma.prev[first]!
  const floor = prev === 0 ? 0 : k.vma.vm_end[prev]!
  for (const vma of gone) {
    if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) k.mm.locked_vm[mm]! -= vma_pages(k, vma)
    vma_list_remove(k, mm, vma)
  }
  const next = prev === 0 ? k.mm.vma_head[mm]! : k.vma.next[prev]!
  const ceiling = next === 0 ? 0 : k.vma.vm_start[next]!
  lru_add_drain(k)
  const tlb = tlb_gather_mmu(k, mm)
  update_hiwater_rss(k, mm)
  for (const vma of gone) unmap_single_vma(k, tlb, vma, 0, end)
  free_pgtables(k, tlb, gone, floor, ceiling)
  tlb_finish_mmu(k, tlb)
  for (const vma of gone) remove_vma(k, mm, vma)
}

/** The last of an area: its counts, its commit charge, its file. It is off the list and maps nothing. */
export function remove_vma(k: Kernel, mm: number, vma: number): void {
  const flags = k.vma.vm_flags[vma]!
  const pages = vma_pages(k, vma)
  if ((flags & VM_ACCOUNT) !== 0) vm_unacct_memory(k, pages)
  vm_stat_account(k, mm, flags, -pages)
  if ((flags & VM_HUGETLB) !== 0) hugetlb_unreserve(k, vma)
  const file = k.vma.vm_file[vma]!
  if (file !== 0) {
    i_mmap_remove(k, vma)
    k.vma.vm_file[vma] = 0
  }
  unlink_anon_vmas(k, vma)
  vm_area_free(k, vma)
  if (file !== 0) fput(k, file)
  charge(k, COST.vma_op)
}
