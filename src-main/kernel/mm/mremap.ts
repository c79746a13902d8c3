/**
 * mremap: grows, shrinks and moves a mapping; its pages and, where whole, its page tables move along.
 *
 * Linux: mm/mremap.c (vma_to_resize, move_vma, move_page_tables, mremap_to).
 */
import {
  PTE_PS,
  PTE_SHIFT,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MAYSHARE,
  VM_MERGEABLE,
  VM_PFNMAP,
  VM_SHARED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset, PMD_SIZE, PTRS, set_entry, task_size } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { EAGAIN, EFAULT, EINVAL, ENOMEM, MAP_FIXED, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../uapi'
import { anon_vma_clone, unlink_anon_vmas } from './anon_vma'
import { get_file } from './file_table'
import { mm_populate } from './gup'
import { clear_vma_resv_huge_pages, hugetlb_dup, move_hugetlb_page_tables, vma_kernel_pagesize } from './hugetlb'
import { move_huge_pmd, __split_huge_pmd } from './huge_memory'
import { mlock_future_check } from './mlock'
import { unmerge_ksm_pages } from './ksm_merge'
import { do_munmap, may_expand_vm, on_disk, page_align } from './mmap'
import { i_mmap_insert } from './mmap_file'
import { get_unmapped_area, thp_get_unmapped_area } from './mmap_lookup'
import { pmd_alloc, pt_alloc, pmd_populate } from './pgalloc'
import { security_vm_enough_memory_mm, vm_unacct_memory } from './util'
import {
  find_vma,
  find_vma_prev,
  is_vm_hugetlb_page,
  linear_page_index,
  vm_area_dup,
  vm_area_free,
  vm_stat_account,
  vma_is_anonymous,
  vma_link,
  vma_pages,
} from './vma'
import {
  can_vma_merge_after,
  can_vma_merge_before,
  max_map_count,
  merge_new_range,
  set_bounds,
  split_vma,
} from './vma_merge'

/** The new address or -errno. */
export function do_mremap(
  k: Kernel,
  mm: number,
  addr: number,
  old_length: number,
  new_length: number,
  flags: number,
  new_addr: number,
): number {
  charge(k, COST.mmap)
  if ((flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) !== 0 || addr % 4096 !== 0) return -EINVAL
  if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0 && (flags & MREMAP_MAYMOVE) === 0) return -EINVAL
  if ((flags & MREMAP_DONTUNMAP) !== 0 && old_length !== new_length) return -EINVAL
  let old_len = page_align(old_length)
  let new_len = page_align(new_length)
  if (new_len === 0) return -EINVAL
  const vma = find_vma(k, mm, addr)
  if (vma === 0 || k.vma.vm_start[vma]! > addr) return -EFAULT
  if (is_vm_hugetlb_page(k, vma)) {
    const size = vma_kernel_pagesize(k, vma)
    old_len = Math.ceil(old_len / size) * size
    new_len = Math.ceil(new_len / size) * size
    // A reservation does not grow.
    if (addr % size !== 0 || new_addr % size !== 0 || new_len > old_len) return -EINVAL
  }
  if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0)
    return mremap_to(k, mm, addr, old_len, new_addr, new_len, flags)
  if (old_len >= new_len) {
    if (old_len > new_len) {
      const error = do_munmap(k, mm, addr + new_len, old_len - new_len)
      if (error < 0) return error
    }
    return addr
  }
  const error = vma_to_resize(k, mm, vma, addr, old_len, new_len, flags)
  if (error < 0) return error
  if (old_len === k.vma.vm_end[vma]! - addr && vma_expandable(k, vma, new_len - old_len))
    return expand_in_place(k, mm, vma, addr, old_len, new_len)
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM
  const to = place_for(k, mm, vma, addr, 0, new_len, 0)
  return to < 0 ? to : move_vma(k, mm, vma, addr, old_len, new_len, to, flags)
}

/** Where a mapping of the area's kind may go. */
function place_for(k: Kernel, mm: number, vma: number, addr: number, hint: number, len: number, flags: number): number {
  if (!on_disk(k, k.vma.vm_file[vma]!)) return get_unmapped_area(k, mm, hint, len, flags)
  return thp_get_unmapped_area(k, mm, hint, len, linear_page_index(k, vma, addr) * 4096, flags)
}

function mremap_to(
  k: Kernel,
  mm: number,
  addr: number,
  old_len: number,
  new_addr: number,
  new_len: number,
  flags: number,
): number {
  if (new_addr % 4096 !== 0 || new_len > task_size(k) || new_addr > task_size(k) - new_len) return -EINVAL
  if (addr + old_len > new_addr && new_addr + new_len > addr) return -EINVAL
  if (k.mm.map_count[mm]! + 2 >= max_map_count(k) - 3) return -ENOMEM
  let error = (flags & MREMAP_FIXED) === 0 ? 0 : do_munmap(k, mm, new_addr, new_len)
  if (error < 0) return error
  if (old_len > new_len) {
    error = do_munmap(k, mm, addr + new_len, old_len - new_len)
    if (error < 0) return error
    old_len = new_len
  }
  const vma = find_vma(k, mm, addr)
  error = vma_to_resize(k, mm, vma, addr, old_len, new_len, flags)
  if (error < 0) return error
  const keeps = (flags & MREMAP_DONTUNMAP) !== 0
  if (keeps && !may_expand_vm(k, mm, k.vma.vm_flags[vma]!, old_len / 4096)) return -ENOMEM
  const to = place_for(k, mm, vma, addr, new_addr, new_len, (flags & MREMAP_FIXED) === 0 ? 0 : MAP_FIXED)
  return to < 0 ? to : move_vma(k, mm, vma, addr, old_len, new_len, to, flags)
}

function vma_to_resize(
  k: Kernel,
  mm: number,
  vma: number,
  addr: number,
  old_len: number,
  new_len: number,
  how: number,
): number {
  const flags = k.vma.vm_flags[vma]!
  if (old_len === 0 && (flags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL
  if ((how & MREMAP_DONTUNMAP) !== 0 && (flags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0) return -EINVAL
  if (old_len > k.vma.vm_end[vma]! - addr) return -EFAULT
  if (new_len === old_len) return 0
  if ((flags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0) return -EFAULT
  if (!mlock_future_check(k, mm, flags, new_len - old_len)) return -EAGAIN
  if (!may_expand_vm(k, mm, flags, (new_len - old_len) / 4096)) return -ENOMEM
  return 0
}

/** Is the room above an area free? */
function vma_expandable(k: Kernel, vma: number, delta: number): boolean {
  const end = k.vma.vm_end[vma]! + delta
  const next = k.vma.next[vma]!
  return end <= task_size(k) && (next === 0 || k.vma.vm_start[next]! >= end)
}

function expand_in_place(k: Kernel, mm: number, vma: number, addr: number, old_len: number, new_len: number): number {
  const v = k.vma
  const flags = v.vm_flags[vma]!
  const pages = (new_len - old_len) / 4096
  if ((flags & VM_ACCOUNT) !== 0 && security_vm_enough_memory_mm(k, mm, pages) < 0) return -ENOMEM
  const start = v.vm_end[vma]!
  const end = addr + new_len
  const next = v.next[vma]!
  const pgoff = v.vm_pgoff[vma]! + vma_pages(k, vma)
  const meets =
    next !== 0 &&
    v.vm_start[next] === end &&
    can_vma_merge_before(k, next, flags, v.anon_vma[vma]!, v.vm_file[vma]!, pgoff + pages)
  if (meets) merge_new_range(k, mm, vma, next, start, end)
  else set_bounds(k, vma, v.vm_start[vma]!, end, v.vm_pgoff[vma]!)
  vm_stat_account(k, mm, flags, pages)
  if ((flags & VM_LOCKED) !== 0) {
    k.mm.locked_vm[mm]! += pages
    mm_populate(k, mm, start, end - start)
  }
  return addr
}

/** Makes an area at `to`, moves the entries there and unmaps the old place. */
function move_vma(
  k: Kernel,
  mm: number,
  vma: number,
  addr: number,
  old_len: number,
  new_len: number,
  to: number,
  how: number,
): number {
  const v = k.vma
  let flags = v.vm_flags[vma]!
  const keeps = (how & MREMAP_DONTUNMAP) !== 0
  const pages = new_len / 4096
  const more = keeps ? pages : pages - old_len / 4096
  if (k.mm.map_count[mm]! >= max_map_count(k) - 3) return -ENOMEM
  if ((flags & VM_MERGEABLE) !== 0) {
    if (v.anon_vma[vma] !== 0 && unmerge_ksm_pages(k, vma, addr, addr + old_len) < 0) return -ENOMEM
    flags &= ~VM_MERGEABLE
  }
  if (keeps && (flags & VM_LOCKED) !== 0) {
    const error = split_around(k, mm, vma, addr, addr + old_len)
    if (error < 0) return error
  }
  if ((flags & VM_ACCOUNT) !== 0 && security_vm_enough_memory_mm(k, mm, more) < 0) return -ENOMEM
  const pgoff = linear_page_index(k, vma, addr)
  const target = copy_vma(k, mm, vma, to, new_len, pgoff, keeps)
  if (target === 0) {
    if ((flags & VM_ACCOUNT) !== 0) vm_unacct_memory(k, more)
    return -ENOMEM
  }
  // The area may have been merged with the new one below it.
  vma = find_vma(k, mm, addr)
  const moved = move_page_tables(k, mm, vma, addr, target, to, old_len)
  if (moved < old_len) {
    move_page_tables(k, mm, target, to, vma, addr, moved)
    // What the new area gives back is more than was charged for it.
    if ((flags & VM_ACCOUNT) !== 0) vm_unacct_memory(k, more - pages)
    do_munmap(k, mm, to, new_len)
    return -ENOMEM
  }
  if (is_vm_hugetlb_page(k, vma)) clear_vma_resv_huge_pages(k, vma)
  vm_stat_account(k, mm, flags, pages)
  if (keeps) {
    keep_empty(k, vma, addr, old_len)
    return to
  }
  unmap_moved(k, mm, vma, addr, old_len)
  if ((flags & VM_LOCKED) !== 0) k.mm.locked_vm[mm]! += pages
  if ((flags & VM_LOCKED) !== 0 && new_len > old_len) mm_populate(k, mm, to + old_len, new_len - old_len)
  return to
}

function split_around(k: Kernel, mm: number, vma: number, start: number, end: number): number {
  const below = start === k.vma.vm_start[vma] ? 0 : split_vma(k, mm, vma, start, true)
  if (below < 0 || end === k.vma.vm_end[vma]) return below
  return split_vma(k, mm, vma, end, false)
}

/** MREMAP_DONTUNMAP: the old area stays, without its pages and its lock (which is counted for the new one now). */
function keep_empty(k: Kernel, vma: number, addr: number, len: number): void {
  const v = k.vma
  v.vm_flags[vma]! &= ~(VM_LOCKED | VM_LOCKONFAULT)
  if (v.vm_start[vma] !== addr || v.vm_end[vma] !== addr + len) return
  unlink_anon_vmas(k, vma)
  if (vma_is_anonymous(k, vma)) v.vm_pgoff[vma] = addr / 4096
}

/** Takes the old place away, but not its commit charge, which is the new one's; what is left of the area keeps its own. */
function unmap_moved(k: Kernel, mm: number, vma: number, addr: number, len: number): void {
  const v = k.vma
  const accounted = (v.vm_flags[vma]! & VM_ACCOUNT) !== 0
  const below = v.vm_start[vma]! < addr
  const above = v.vm_end[vma]! > addr + len
  v.vm_flags[vma]! &= ~VM_ACCOUNT
  const failed = do_munmap(k, mm, addr, len) < 0
  if (!accounted) return
  if (failed) vm_unacct_memory(k, -len / 4096)
  if (failed || below || above) v.vm_flags[vma]! |= VM_ACCOUNT
  if (!failed && below && above) v.vm_flags[v.next[vma]!]! |= VM_ACCOUNT
}

/** An area like `vma` at another place; an untouched anonymous one gets the page offsets of its new place. */
function copy_vma(k: Kernel, mm: number, vma: number, to: number, len: number, pgoff: number, keeps: boolean): number {
  const v = k.vma
  const untouched = v.vm_file[vma] === 0 && v.anon_vma[vma] === 0 && !is_vm_hugetlb_page(k, vma)
  if (untouched) pgoff = to / 4096
  // A source that stays must not become one with its copy.
  const beside = keeps && untouched && (to === v.vm_end[vma] || to + len === v.vm_start[vma])
  const flags = v.vm_flags[vma]!
  const file = v.vm_file[vma]!
  const anon_vma = v.anon_vma[vma]!
  const prev = find_vma_prev(k, mm, to)
  const next = prev === 0 ? k.mm.vma_head[mm]! : v.next[prev]!
  const end = to + len
  const up =
    !beside &&
    next !== 0 &&
    v.vm_start[next] === end &&
    can_vma_merge_before(k, next, flags, anon_vma, file, pgoff + len / 4096)
      ? next
      : 0
  const down =
    !beside && prev !== 0 && v.vm_end[prev] === to && can_vma_merge_after(k, prev, flags, anon_vma, file, pgoff)
      ? prev
      : 0
  if (up !== 0 || down !== 0) {
    const merged = merge_new_range(k, mm, down, up, to, end)
    if (anon_vma !== 0 && v.anon_vma[merged] === 0) {
      v.anon_vma[merged] = anon_vma
      if (!anon_vma_clone(k, merged, vma)) return 0
    }
    return merged
  }
  const copy = vm_area_dup(k, vma, mm)
  if (copy === 0) return 0
  v.vm_start[copy] = to
  v.vm_end[copy] = end
  v.vm_pgoff[copy] = pgoff
  hugetlb_dup(k, copy, vma, false)
  v.anon_vma[copy] = anon_vma
  if (!anon_vma_clone(k, copy, vma)) {
    v.anon_vma[copy] = 0
    unlink_anon_vmas(k, copy)
    vm_area_free(k, copy)
    return 0
  }
  if (file !== 0) {
    get_file(k, file)
    i_mmap_insert(k, copy)
  }
  vma_link(k, mm, copy)
  return copy
}

/** Moves the entries of `len` bytes; a whole table moves as one. Returns how many bytes were moved. */
function move_page_tables(
  k: Kernel,
  mm: number,
  vma: number,
  from: number,
  target: number,
  to: number,
  len: number,
): number {
  if (is_vm_hugetlb_page(k, vma)) return move_hugetlb_page_tables(k, vma, from, to, len)
  const entry = k.pt.entry
  let done = 0
  while (done < len) {
    const a = from + done
    const b = to + done
    const extent = Math.min(len - done, PMD_SIZE - (a % PMD_SIZE), PMD_SIZE - (b % PMD_SIZE))
    const old_pmd = pmd_offset(k, mm, a)
    if (old_pmd === 0 || entry[old_pmd] === 0) {
      done += Math.min(len - done, PMD_SIZE - (a % PMD_SIZE))
      continue
    }
    const new_pmd = pmd_alloc(k, mm, b)
    if (new_pmd === 0) return done
    const whole = extent === PMD_SIZE && entry[new_pmd] === 0
    if ((entry[old_pmd]! & PTE_PS) !== 0) {
      if (whole) move_huge_pmd(k, old_pmd, new_pmd)
      else {
        __split_huge_pmd(k, vma, old_pmd, Math.floor(a / PMD_SIZE) * PMD_SIZE)
        continue
      }
    } else if (whole) {
      set_entry(k, new_pmd, entry[old_pmd]!)
      set_entry(k, old_pmd, 0)
    } else if (!move_ptes(k, mm, old_pmd, a, new_pmd, b, extent)) return done
    done += extent
  }
  flush_tlb_range(k, mm, from, from + len)
  return done
}

function move_ptes(
  k: Kernel,
  mm: number,
  old_pmd: number,
  a: number,
  new_pmd: number,
  b: number,
  extent: number,
): boolean {
  const entry = k.pt.entry
  if (entry[new_pmd] === 0) {
    const table = pt_alloc(k, mm, 0)
    if (table === 0) return false
    pmd_populate(k, new_pmd, table)
  }
  const src = (entry[old_pmd]! >>> PTE_SHIFT) * PTRS + (Math.floor(a / 4096) & 511)
  const dst = (entry[new_pmd]! >>> PTE_SHIFT) * PTRS + (Math.floor(b / 4096) & 511)
  for (let i = 0; i < extent / 4096; i++) {
    const pte = entry[src + i]!
    if (pte === 0) continue
    set_entry(k, src + i, 0)
    set_entry(k, dst + i, pte)
  }
  return true
}
