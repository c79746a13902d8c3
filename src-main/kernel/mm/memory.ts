/**
 * Page faults: from an address to a mapped page.
 *
 *   handle_mm_fault ─ no entry ── anonymous: zero page (read) or a fresh page (write)
 *                   │             file: fault.ts — read (with fault-around), copy, or shared
 *                   ├ swap entry ─ do_swap_page (swap_fault.ts): swap cache or disk
 *                   └ present ──── write to a read-only entry: do_wp_page (wp.ts)
 *
 * Linux: mm/memory.c. Simplified: no locks, so no races that need a second look; NUMA hinting does not exist.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  __GFP_ZERO,
  GFP_HIGHUSER_MOVABLE,
  PG_uptodate,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_W,
  VM_HUGETLB,
  VM_SHARED,
  VM_WRITE,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { PTRS, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_page } from '../arch/x86/tlb_flush'
import { anon_vma_prepare } from './anon_vma'
import { do_fault } from './fault'
import { begin_fault, end_fault, FAULT_HUGE, FAULT_HUGETLB, note_fault, note_fault_kind } from './fault_log'
import { mapping_can_writeback } from './filemap'
import { create_huge_pmd, wp_huge_pmd } from './huge_memory'
import { hugepage_vma_check } from './thp'
import { hugetlb_fault } from './hugetlb'
import { lru_gen_enabled, lru_gen_enter_fault, lru_gen_exit_fault } from './lru_gen'
import { mem_cgroup_charge, mem_cgroup_from_task } from './memcontrol'
import { count_memcg_event_mm } from './memcg_stat'
import { alloc_page, free_page } from './page_alloc'
import { pmd_alloc, pt_alloc, pmd_populate } from './pgalloc'
import { page_add_new_anon_rmap } from './rmap'
import { add_mm_counter_fast, check_sync_rss_stat, MM_ANONPAGES } from './rss_stat'
import { lru_cache_add_inactive_or_unevictable } from './swap'
import { do_swap_page } from './swap_fault'
import {
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WAITED,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from './vm_fault'
import { linear_page_index, vma_is_anonymous } from './vma'
import { do_wp_page } from './wp'

/** The frame of zeros that reads of untouched memory map; part of the kernel image. */
export const ZERO_PFN = 0x1400
/** The page of code that every process has as [vdso], and the data page before it. */
export const VDSO_PFN = 0x1401
export const VVAR_PFN = 0x1402

/** Brings in the page at `addr` of an area. Returns VM_FAULT_… bits; counts the fault for the machine and the task. */
export function handle_mm_fault(k: Kernel, vma: number, addr: number, flags: number): number {
  begin_fault(k, flags)
  if ((flags & FAULT_FLAG_WAITED) === 0) {
    k.vmstat[C.pgfault]!++
    count_memcg_event_mm(k, k.vma.mm[vma]!, C.pgfault)
    check_sync_rss_stat(k)
    charge(k, COST.fault)
  }
  if (lru_gen_enabled(k)) lru_gen_enter_fault(k, vma)
  const ret =
    (k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0
      ? hugetlb_fault(k, k.vma.mm[vma]!, vma, addr, flags)
      : __handle_mm_fault(k, vma, Math.floor(addr / 4096) * 4096, flags)
  lru_gen_exit_fault(k)
  if ((k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0) note_fault_kind(k, FAULT_HUGETLB, 0)
  mm_account_fault(k, addr, flags, ret)
  return ret
}

/** getrusage counts finished faults only; one that had to be tried again is major. */
function mm_account_fault(k: Kernel, addr: number, flags: number, ret: number): void {
  if ((ret & (VM_FAULT_ERROR | VM_FAULT_RETRY)) !== 0) return
  const major = (ret & VM_FAULT_MAJOR) !== 0 || (flags & FAULT_FLAG_TRIED) !== 0
  if (major) k.task.maj_flt[k.var.current]!++
  else k.task.min_flt[k.var.current]!++
  end_fault(k, addr, major)
}

function __handle_mm_fault(k: Kernel, vma: number, address: number, flags: number): number {
  const mm = k.vma.mm[vma]!
  const pmd = pmd_alloc(k, mm, address)
  if (pmd === 0) return VM_FAULT_OOM
  const entry = k.pt.entry[pmd]!
  const pgoff = linear_page_index(k, vma, address)
  const vmf: VmFault = { mm, vma, address, pgoff, flags, page: 0, pte: 0, orig_pte: 0 }
  if (entry === 0) {
    if (hugepage_vma_check(k, vma, address)) {
      const ret = create_huge_pmd(k, vmf, pmd)
      if ((ret & VM_FAULT_FALLBACK) === 0) {
        note_fault_kind(k, FAULT_HUGE, k.pt.entry[pmd]! >>> PTE_SHIFT)
        return ret
      }
    }
  } else if ((entry & PTE_PS) !== 0) {
    note_fault_kind(k, FAULT_HUGE, entry >>> PTE_SHIFT)
    if ((flags & FAULT_FLAG_WRITE) === 0 || (entry & PTE_W) !== 0) return 0
    const ret = wp_huge_pmd(k, vmf, pmd)
    if ((ret & VM_FAULT_FALLBACK) === 0) return ret
  }
  const below = k.pt.entry[pmd]!
  if (below !== 0) {
    vmf.pte = (below >>> PTE_SHIFT) * PTRS + (Math.floor(address / 4096) & 511)
    vmf.orig_pte = k.pt.entry[vmf.pte]!
  }
  const found = vmf.orig_pte
  const ret = handle_pte_fault(k, vmf, pmd)
  note_fault(k, vmf, found, vma_is_anonymous(k, vma))
  return ret
}

function handle_pte_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  const entry = vmf.orig_pte
  if (entry === 0) return vma_is_anonymous(k, vmf.vma) ? do_anonymous_page(k, vmf, pmd) : do_fault(k, vmf, pmd)
  if ((entry & PTE_SWAP) !== 0) return do_swap_page(k, vmf)
  if ((vmf.flags & FAULT_FLAG_WRITE) !== 0) {
    if ((entry & PTE_W) === 0) return do_wp_page(k, vmf)
    k.pt.entry[vmf.pte]! |= PTE_A | PTE_D
  } else k.pt.entry[vmf.pte]! |= PTE_A
  // Spurious: the entry was fine, some cached translation was not.
  flush_tlb_page(k, vmf.mm, vmf.address)
  return 0
}

/** Makes the PTE table below a PMD entry when there is none. False: out of memory. */
export function pte_alloc_vmf(k: Kernel, vmf: VmFault, pmd: number): boolean {
  if (vmf.pte !== 0) return true
  if (k.pt.entry[pmd] === 0) {
    const table = pt_alloc(k, vmf.mm, 0)
    if (table === 0) return false
    pmd_populate(k, pmd, table)
  }
  vmf.pte = (k.pt.entry[pmd]! >>> PTE_SHIFT) * PTRS + (Math.floor(vmf.address / 4096) & 511)
  return true
}

/** The access bits that an area's protection gives its entries. Private areas never get write from here. */
export function vm_page_prot(k: Kernel, vma: number): number {
  const flags = k.vma.vm_flags[vma]!
  if ((flags & 7) === 0) return PTE_PROTNONE | PTE_A
  return (flags & (VM_SHARED | VM_WRITE)) === (VM_SHARED | VM_WRITE) && !vma_wants_writenotify(k, vma)
    ? PTE_P | PTE_A | PTE_W
    : PTE_P | PTE_A
}

/** Shared writable mappings of files that are written back start read-only, to learn of the first write. */
export function vma_wants_writenotify(k: Kernel, vma: number): boolean {
  const flags = k.vma.vm_flags[vma]!
  if ((flags & (VM_WRITE | VM_SHARED)) !== (VM_WRITE | VM_SHARED) || k.vma.vm_file[vma] === 0) return false
  return mapping_can_writeback(k, k.file.inode[k.vma.vm_file[vma]!]!)
}

export function maybe_mkwrite(k: Kernel, vma: number, entry: number): number {
  return (k.vma.vm_flags[vma]! & VM_WRITE) !== 0 ? entry | PTE_W : entry
}

function do_anonymous_page(k: Kernel, vmf: VmFault, pmd: number): number {
  const { mm, vma, address } = vmf
  if ((k.vma.vm_flags[vma]! & VM_SHARED) !== 0) return VM_FAULT_SIGBUS
  if (!pte_alloc_vmf(k, vmf, pmd)) return VM_FAULT_OOM
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) {
    set_entry(k, vmf.pte, (ZERO_PFN << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_SPECIAL)
    return 0
  }
  if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
  const pfn = alloc_user_page(k, mm, true)
  if (pfn === 0) return VM_FAULT_OOM
  const entry = maybe_mkwrite(k, vma, (pfn << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_D)
  add_mm_counter_fast(k, mm, MM_ANONPAGES, 1)
  page_add_new_anon_rmap(k, pfn, vma, address)
  lru_cache_add_inactive_or_unevictable(k, pfn, vma)
  set_entry(k, vmf.pte, entry)
  charge(k, COST.page_add)
  return 0
}

/** A movable page charged to the task's cgroup, zeroed or to be overwritten; 0 when memory is out. */
export function alloc_user_page(k: Kernel, mm: number, zeroed: boolean): number {
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP | (zeroed ? __GFP_ZERO : 0))
  if (pfn === 0) return 0
  assert(k.page.mapcount[pfn] === 0, 'alloc_user_page: the page is mapped')
  if (!mem_cgroup_charge(k, pfn, mem_cgroup_of_mm(k, mm))) {
    free_page(k, pfn)
    return 0
  }
  k.page.flags[pfn]! |= PG_uptodate
  return pfn
}

/** The cgroup that pays for an address space: that of its owner. */
export function mem_cgroup_of_mm(k: Kernel, mm: number): number {
  return mem_cgroup_from_task(k, k.mm.owner[mm]!)
}

/** The frame that an entry maps and counts, or 0 (zero page, swap, nothing). */
export function vm_normal_page(entry: number): number {
  return (entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0 ? 0 : entry >>> PTE_SHIFT
}
