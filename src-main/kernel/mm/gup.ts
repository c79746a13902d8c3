/** Filling memory on behalf of a system call: MAP_POPULATE, mlock, MADV_POPULATE (mm/gup.c). */
import {
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_W,
  VM_IO,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Kernel,
} from '../kernel'
import { fatal_signal_pending } from '../task'
import { pmd_offset, PTRS, pud_offset } from '../arch/x86/pgtable'
import { EFAULT, EINTR, EINVAL, ENOMEM } from '../uapi'
import { hugetlb_fault } from './hugetlb'
import { handle_mm_fault } from './memory'
import { compound_head } from './page_alloc'
import { set_page_dirty } from './page_writeback'
import { lru_add_drain, mark_page_accessed } from './swap'
import { FAULT_FLAG_REMOTE, FAULT_FLAG_WRITE, VM_FAULT_ERROR, VM_FAULT_OOM } from './vm_fault'
import { find_vma, is_vm_hugetlb_page, vma_is_accessible } from './vma'

/** Faults every page of [start, start + len) in as far as it goes; errors are ignored, as mmap(2) does. */
export function mm_populate(k: Kernel, mm: number, start: number, len: number): void {
  __mm_populate(k, mm, start, len, true)
}

/** Areas in [start, start + len) get their pages; 0 or -errno of the first failure unless errors are ignored. */
export function __mm_populate(k: Kernel, mm: number, start: number, len: number, ignore_errors: boolean): number {
  const end = start + len
  for (let vma = find_vma(k, mm, start); vma !== 0 && k.vma.vm_start[vma]! < end; vma = k.vma.next[vma]!) {
    const from = Math.max(start, k.vma.vm_start[vma]!)
    const to = Math.min(end, k.vma.vm_end[vma]!)
    const flags = k.vma.vm_flags[vma]!
    if ((flags & (VM_IO | VM_PFNMAP)) !== 0) continue
    const ret = populate_vma_page_range(k, vma, from, to)
    if (ret < 0 && !ignore_errors) return ret
  }
  return 0
}

/** Private writable areas are broken from sharing at once; others are read in. */
export function populate_vma_page_range(k: Kernel, vma: number, start: number, end: number): number {
  const flags = k.vma.vm_flags[vma]!
  if ((flags & VM_LOCKONFAULT) !== 0) return 0
  const write = (flags & (VM_WRITE | VM_SHARED)) === VM_WRITE
  if (!vma_is_accessible(flags)) {
    lru_add_drain(k)
    return -EFAULT
  }
  return faultin_range(k, vma, start, end, write)
}

/** MADV_POPULATE_READ/WRITE of one area. */
export function faultin_vma_page_range(k: Kernel, vma: number, start: number, end: number, write: boolean): number {
  const flags = k.vma.vm_flags[vma]!
  if ((flags & (VM_IO | VM_PFNMAP)) !== 0) return -EINVAL
  if (write ? (flags & VM_WRITE) === 0 : (flags & VM_READ) === 0) return -EINVAL
  return faultin_range(k, vma, start, end, write)
}

/** Afterwards the CPU's batches are emptied: new pages are on their lists, locked ones on the unevictable list. */
function faultin_range(k: Kernel, vma: number, start: number, end: number, write: boolean): number {
  const ret = get_user_pages(k, vma, start, end, write)
  lru_add_drain(k)
  return ret
}

function get_user_pages(k: Kernel, vma: number, start: number, end: number, write: boolean): number {
  for (let addr = start; addr < end; addr += 4096) {
    if (!follow_page(k, k.vma.mm[vma]!, addr, write)) {
      if (fatal_signal_pending(k, k.var.current)) return -EINTR
      const flags = FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0)
      // follow_hugetlb_page goes past handle_mm_fault: what it faults in is nobody's fault.
      const ret = is_vm_hugetlb_page(k, vma)
        ? hugetlb_fault(k, k.vma.mm[vma]!, vma, addr, flags)
        : handle_mm_fault(k, vma, addr, flags)
      if ((ret & VM_FAULT_ERROR) !== 0) return (ret & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT
      follow_page(k, k.vma.mm[vma]!, addr, write)
    }
  }
  return 0
}

/** True when the page is there, and writable when it is to be written; it counts as touched (FOLL_TOUCH). */
function follow_page(k: Kernel, mm: number, addr: number, write: boolean): boolean {
  const entry = mapped_entry(k, mm, addr)
  if ((entry & PTE_P) === 0 || (write && (entry & PTE_W) === 0)) return false
  if ((entry & PTE_PS) !== 0) touch_huge(k, entry_at(k, mm, addr), write)
  else if ((entry & PTE_SPECIAL) === 0) touch_page(k, entry, write)
  return true
}
function touch_page(k: Kernel, entry: number, write: boolean): void {
  const pfn = compound_head(k, entry >>> PTE_SHIFT)
  if (write && (entry & PTE_D) === 0) set_page_dirty(k, pfn)
  mark_page_accessed(k, pfn)
}
/** touch_pmd */
function touch_huge(k: Kernel, slot: number, write: boolean): void {
  k.pt.entry[slot]! |= write ? PTE_A | PTE_D : PTE_A
}

/** The leaf entry of an address: of a page or of a huge page of either size; 0 when there is none. */
export function mapped_entry(k: Kernel, mm: number, addr: number): number {
  const at = entry_at(k, mm, addr)
  return at === 0 ? 0 : k.pt.entry[at]!
}

/** Where that entry is in the page tables, 0 when there is no table for it. */
export function entry_at(k: Kernel, mm: number, addr: number): number {
  const pmd = pmd_offset(k, mm, addr)
  if (pmd === 0) {
    const pud = pud_offset(k, mm, addr)
    return pud !== 0 && (k.pt.entry[pud]! & PTE_PS) !== 0 ? pud : 0
  }
  const entry = k.pt.entry[pmd]!
  if (entry === 0 || (entry & PTE_PS) !== 0) return pmd
  return (entry >>> PTE_SHIFT) * PTRS + (Math.floor(addr / 4096) & 511)
}
