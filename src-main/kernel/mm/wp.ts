/**
 * Writes to read-only entries: re-use the page when nobody else can see it, else copy it.
 *
 * Linux: mm/memory.c (do_wp_page, wp_page_copy, wp_page_reuse, wp_page_shared).
 */
import { C } from '@shared/counters'
import {
  PG_anon,
  PG_anon_exclusive,
  PG_ksm,
  PG_lru,
  PG_swapcache,
  PTE_A,
  PTE_D,
  PTE_SHIFT,
  PTE_W,
  VM_MAYSHARE,
  VM_SHARED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { set_entry } from '../arch/x86/pgtable'
import { flush_tlb_page } from '../arch/x86/tlb_flush'
import { anon_vma_prepare } from './anon_vma'
import { page_content } from './content'
import { do_page_mkwrite } from './fault'
import { alloc_user_page, maybe_mkwrite, vm_normal_page, vm_page_prot } from './memory'
import { put_unmapped_page } from './mmu_gather'
import { add_mm_counter_fast, MM_ANONPAGES, mm_counter_of } from './rss_stat'
import { page_add_new_anon_rmap, page_move_anon_rmap, page_remove_rmap } from './rmap'
import { compound_head } from './page_alloc'
import { compound_ref_count } from './huge_memory'
import { is_isolated, lru_add_drain, lru_cache_add_inactive_or_unevictable } from './swap'
import { try_to_free_swap } from './swapfile'
import { VM_FAULT_OOM, type VmFault } from './vm_fault'

export function do_wp_page(k: Kernel, vmf: VmFault): number {
  const pfn = vm_normal_page(vmf.orig_pte)
  if ((k.vma.vm_flags[vmf.vma]! & (VM_SHARED | VM_MAYSHARE)) !== 0) return wp_page_shared(k, vmf, pfn)
  if (pfn !== 0 && (k.page.flags[pfn]! & PG_anon) !== 0 && may_reuse(k, vmf, pfn)) {
    wp_page_reuse(k, vmf)
    return 0
  }
  return wp_page_copy(k, vmf, pfn)
}

/** An anonymous page is this area's alone when it is marked so, or when this entry (and its swap slot) is all that holds it. */
function may_reuse(k: Kernel, vmf: VmFault, pfn: number): boolean {
  const flags = k.page.flags
  if ((flags[pfn]! & PG_anon_exclusive) !== 0) return true
  const head = compound_head(k, pfn)
  if ((flags[pfn]! & PG_ksm) !== 0 || compound_ref_count(k, head) > 1 || is_isolated(k, head)) return false
  if ((flags[head]! & PG_lru) === 0) lru_add_drain(k)
  // The slot may be referenced by others still: then they will read the page from the swap cache.
  if ((flags[head]! & PG_swapcache) !== 0 && !try_to_free_swap(k, head)) return false
  page_move_anon_rmap(k, pfn, vmf.vma)
  return true
}

/** Makes the entry writable in place. */
function wp_page_reuse(k: Kernel, vmf: VmFault): void {
  flush_tlb_page(k, vmf.mm, vmf.address)
  set_entry(k, vmf.pte, maybe_mkwrite(k, vmf.vma, vmf.orig_pte | PTE_A | PTE_D))
  k.vmstat[C.pgreuse]!++
}

function wp_page_copy(k: Kernel, vmf: VmFault, old: number): number {
  const { mm, vma, address } = vmf
  if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
  const pfn = alloc_user_page(k, mm, old === 0)
  if (pfn === 0) return VM_FAULT_OOM
  if (old !== 0) {
    charge(k, COST.copy_page)
    if ((k.page.flags[old]! & PG_anon) !== 0) k.page.private[pfn] = page_content(k, old)
    if ((k.page.flags[old]! & PG_ksm) !== 0) k.vmstat[C.cow_ksm]!++
    if ((k.page.flags[old]! & PG_anon) === 0) {
      add_mm_counter_fast(k, mm, mm_counter_of(k, old), -1)
      add_mm_counter_fast(k, mm, MM_ANONPAGES, 1)
    }
  } else add_mm_counter_fast(k, mm, MM_ANONPAGES, 1)
  flush_tlb_page(k, mm, address)
  page_add_new_anon_rmap(k, pfn, vma, address)
  lru_cache_add_inactive_or_unevictable(k, pfn, vma)
  set_entry(k, vmf.pte, maybe_mkwrite(k, vma, (pfn << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_D))
  charge(k, COST.page_add)
  if (old !== 0) {
    page_remove_rmap(k, old, vma)
    put_unmapped_page(k, old)
  }
  return 0
}

/** A shared mapping of a file that is written back: tell the file system, then allow the write. */
function wp_page_shared(k: Kernel, vmf: VmFault, pfn: number): number {
  if (pfn !== 0) {
    const ret = do_page_mkwrite(k, vmf, pfn)
    if (ret !== 0) return ret
  }
  flush_tlb_page(k, vmf.mm, vmf.address)
  set_entry(k, vmf.pte, vmf.orig_pte | PTE_W | PTE_A | PTE_D)
  k.vmstat[C.pgreuse]!++
  return 0
}
