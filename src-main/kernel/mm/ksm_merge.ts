/**
 * KSM at the page tables: taking the right to write away, putting the merged page in a page's place, copying it back.
 *
 * Linux: mm/ksm.c (try_to_merge_one_page, write_protect_page, replace_page, break_ksm, unmerge_ksm_pages, run_store),
 * and ksm_might_need_to_copy for pages that come back from swap.
 */
import { C } from '@shared/counters'
import {
  PG_anon,
  PG_anon_exclusive,
  PG_dirty,
  PG_head,
  PG_ksm,
  PG_locked,
  PG_lru,
  PG_tail,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_W,
  VM_LOCKED,
  VM_MERGEABLE,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge, wake_kthread } from '../task'
import { flush_tlb_page } from '../arch/x86/tlb_flush'
import { EINVAL, ENOMEM } from '../uapi'
import { page_content } from './content'
import { mapped_entry } from './gup'
import { split_huge_page } from './huge_split'
import { ksm, KSM_RUN_MERGE, KSM_RUN_UNMERGE, ksm_run, ksm_unused, remove_all_rmap_items } from './ksm'
import { page_stable_node, remove_all_stable_nodes } from './ksm_stable'
import { find_mergeable_vma } from './ksm_unstable'
import { alloc_user_page, handle_mm_fault, vm_page_prot, ZERO_PFN } from './memory'
import { mlock_page } from './mlock'
import { put_unmapped_page } from './mmu_gather'
import { compound_head } from './page_alloc'
import { page_remove_rmap, page_vma_mapped } from './rmap'
import { set_entry } from '../arch/x86/pgtable'
import { try_to_free_swap } from './swapfile'
import { FAULT_FLAG_REMOTE, FAULT_FLAG_WRITE, VM_FAULT_OOM, type VmFault } from './vm_fault'
import { linear_page_index } from './vma'

/**
 * The page at an address becomes KSM's (`kpage` 0), is replaced by the merged page `kpage`, or by the zero page (-1). False
 * when it is in use in a way that does not allow it.
 */
export function try_to_merge_one_page(k: Kernel, vma: number, addr: number, pfn: number, kpage: number): boolean {
  if (kpage === pfn) return true
  const { flags } = k.page
  if ((flags[pfn]! & PG_anon) === 0 || (flags[pfn]! & PG_locked) !== 0) return false
  if ((flags[pfn]! & (PG_head | PG_tail)) !== 0 && !split_huge_page(k, compound_head(k, pfn))) return false
  // A page in a batch has a reference more than its mappings explain.
  if ((flags[pfn]! & PG_lru) === 0) return false
  const slot = page_vma_mapped(k, pfn, vma, addr)
  if (slot === 0) return false
  write_protect_page(k, vma, addr, slot, pfn)
  if (kpage === 0) {
    flags[pfn]! = (flags[pfn]! & ~PG_anon_exclusive) | PG_ksm | PG_dirty
    k.page.mapping[pfn] = 0
    return true
  }
  charge(k, COST.ksm_compare_page)
  if (kpage > 0 && page_content(k, pfn) !== page_content(k, kpage)) return false
  replace_page(k, vma, slot, pfn, kpage)
  return true
}

/** Entries that could write, or were written, become clean and read-only; the page takes the dirt over. */
function write_protect_page(k: Kernel, vma: number, addr: number, slot: number, pfn: number): void {
  const entry = k.pt.entry[slot]!
  if ((entry & (PTE_W | PTE_D)) === 0 && (k.page.flags[pfn]! & PG_anon_exclusive) === 0) return
  flush_tlb_page(k, k.vma.mm[vma]!, addr)
  if ((entry & PTE_D) !== 0) k.page.flags[pfn]! |= PG_dirty
  k.page.flags[pfn]! &= ~PG_anon_exclusive
  k.pt.entry[slot] = entry & ~(PTE_W | PTE_D)
}

function replace_page(k: Kernel, vma: number, slot: number, pfn: number, kpage: number): void {
  const mm = k.vma.mm[vma]!
  if (kpage > 0) {
    if (k.page.mapcount[kpage]!++ === 0) k.vmstat[C.nr_anon_pages]!++
    set_entry(k, slot, (kpage << PTE_SHIFT) | vm_page_prot(k, vma))
  } else {
    k.mm.rss_anon[mm]!--
    set_entry(k, slot, (ZERO_PFN << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_SPECIAL)
  }
  page_remove_rmap(k, pfn, vma)
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0 && kpage > 0) mlock_page(k, kpage)
  if (k.page.mapcount[pfn] === 0) try_to_free_swap(k, pfn)
  put_unmapped_page(k, pfn)
}

// ---------------------------------------------------------------- undoing

/** Gives an address its own copy again. False: no memory. */
function break_ksm(k: Kernel, vma: number, addr: number): boolean {
  const entry = mapped_entry(k, k.vma.mm[vma]!, addr)
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) return true
  if ((k.page.flags[entry >>> PTE_SHIFT]! & PG_ksm) === 0) return true
  const ret = handle_mm_fault(k, vma, addr, FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE)
  return (ret & VM_FAULT_OOM) === 0
}
export function break_cow(k: Kernel, mm: number, addr: number): void {
  const vma = find_mergeable_vma(k, mm, addr)
  if (vma !== 0) break_ksm(k, vma, addr)
}
/** MADV_UNMERGEABLE: 0 or -ENOMEM. */
export function unmerge_ksm_pages(k: Kernel, vma: number, start: number, end: number): number {
  if (ksm_unused(k)) return 0
  for (let addr = start; addr < end; addr += 4096) if (!break_ksm(k, vma, addr)) return -ENOMEM
  return 0
}

/** /sys/kernel/mm/ksm/run: 0 stops, 1 merges, 2 stops and takes all merging back. */
export function run_store(k: Kernel, run: number): number {
  if (run > KSM_RUN_UNMERGE) return -EINVAL
  const before = ksm_run(k)
  if (before === run) return 0
  k.var.sysctl['ksm.run'] = run
  if ((run & KSM_RUN_UNMERGE) !== 0 && !ksm_unused(k)) {
    const error = unmerge_and_remove_all_rmap_items(k)
    if (error < 0) {
      k.var.sysctl['ksm.run'] = before
      return error
    }
  }
  if ((run & KSM_RUN_MERGE) !== 0) wake_kthread(k, 'ksmd')
  return 0
}
function unmerge_and_remove_all_rmap_items(k: Kernel): number {
  for (const { mm } of ksm(k).slots)
    for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
      if ((k.vma.vm_flags[vma]! & VM_MERGEABLE) === 0 || k.vma.anon_vma[vma] === 0) continue
      const error = unmerge_ksm_pages(k, vma, k.vma.vm_start[vma]!, k.vma.vm_end[vma]!)
      if (error < 0) return error
    }
  remove_all_rmap_items(k)
  remove_all_stable_nodes(k)
  return 0
}

// ---------------------------------------------------------------- pages from swap

/**
 * A page of the swap cache that another address space has mapped already, which was merged when it went out: it is not known
 * to the areas of this one, so that one gets a copy. The page to map, or 0: no memory.
 */
export function ksm_might_need_to_copy(k: Kernel, vmf: VmFault, pfn: number): number {
  const page = k.page
  if ((page.flags[pfn]! & PG_ksm) !== 0) {
    if (page_stable_node(k, pfn) !== 0 && (ksm_run(k) & KSM_RUN_UNMERGE) === 0) return pfn
  } else {
    const anon_vma = (page.flags[pfn]! & PG_anon) === 0 ? 0 : page.mapping[pfn]!
    if (anon_vma === 0) return pfn
    const own = k.vma.anon_vma[vmf.vma]!
    const same_index = page.index[pfn] === (linear_page_index(k, vmf.vma, vmf.address) | 0)
    if (same_index && own !== 0 && k.anon_vma.root[anon_vma] === k.anon_vma.root[own]) return pfn
  }
  const copy = alloc_user_page(k, vmf.mm, false)
  if (copy === 0) return 0
  charge(k, COST.copy_page)
  page.private[copy] = page_content(k, pfn)
  page.flags[copy]! |= PG_dirty
  k.vmstat[C.ksm_swpin_copy]!++
  return copy
}
