/**
 * Faults on swap entries: from the swap cache, or from the disk with its neighbours.
 *
 * Linux: mm/memory.c (do_swap_page, should_try_to_free_swap). A task that must wait for the disk comes back with the same
 * fault (VM_FAULT_RETRY); a system call that fills memory waits inside.
 */
import { C } from '@shared/counters'
import {
  PG_ksm,
  PG_locked,
  PG_lru,
  PG_mlocked,
  PG_swapcache,
  PG_writeback,
  PTE_D,
  PTE_SHIFT,
  VM_LOCKED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { set_entry } from '../arch/x86/pgtable'
import { ksm_unused } from './ksm'
import { ksm_might_need_to_copy } from './ksm_merge'
import { maybe_mkwrite, vm_page_prot } from './memory'
import { count_memcg_event_mm } from './memcg_stat'
import { folio_wait_locked, folio_wait_nested } from './page_io'
import { page_add_anon_rmap, page_add_new_anon_rmap } from './rmap'
import { add_mm_counter_fast, MM_ANONPAGES, MM_SWAPENTS } from './rss_stat'
import { is_isolated, lru_add_drain, lru_cache_add_inactive_or_unevictable } from './swap'
import { lookup_swap_cache, swapin_alone, swapin_readahead } from './swap_state'
import { swap_free, try_to_free_swap, vm_swap_full } from './swapfile'
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_WAITS,
  type VmFault,
} from './vm_fault'
import { do_wp_page } from './wp'

export function do_swap_page(k: Kernel, vmf: VmFault): number {
  const slot = vmf.orig_pte >>> PTE_SHIFT
  let ret = 0
  let pfn = lookup_swap_cache(k, slot, vmf.vma, vmf.address)
  if (pfn === 0) {
    pfn = swapin_readahead(k, slot, vmf.vma, vmf.address)
    if (pfn === 0) return VM_FAULT_OOM
    ret = VM_FAULT_MAJOR
    k.vmstat[C.pgmajfault]!++
    count_memcg_event_mm(k, k.vma.mm[vmf.vma]!, C.pgmajfault)
  }
  if ((k.page.flags[pfn]! & PG_locked) !== 0) {
    const synchronous = ret !== 0 && swapin_alone(k, vmf.vma)
    if ((vmf.flags & FAULT_FLAG_ALLOW_RETRY) === 0) folio_wait_nested(k, pfn)
    else if (folio_wait_locked(k, pfn)) return ret | VM_FAULT_RETRY | (synchronous ? VM_FAULT_WAITS : 0)
  }
  if (!ksm_unused(k)) {
    const copy = ksm_might_need_to_copy(k, vmf, pfn)
    if (copy === 0) return VM_FAULT_OOM
    if (copy !== pfn) return ret | map_copy(k, vmf, slot, copy)
  }
  return ret | map_swapped_in(k, vmf, slot, pfn)
}

/** A page of its own instead of the one in the swap cache. */
function map_copy(k: Kernel, vmf: VmFault, slot: number, pfn: number): number {
  const { vma, mm } = vmf
  swap_free(k, slot)
  add_mm_counter_fast(k, mm, MM_ANONPAGES, 1)
  add_mm_counter_fast(k, mm, MM_SWAPENTS, -1)
  const entry = (pfn << PTE_SHIFT) | vm_page_prot(k, vma)
  page_add_new_anon_rmap(k, pfn, vma, vmf.address)
  lru_cache_add_inactive_or_unevictable(k, pfn, vma)
  set_entry(k, vmf.pte, (vmf.flags & FAULT_FLAG_WRITE) !== 0 ? maybe_mkwrite(k, vma, entry | PTE_D) : entry)
  charge(k, COST.page_add)
  return 0
}

function map_swapped_in(k: Kernel, vmf: VmFault, slot: number, pfn: number): number {
  const { vma, mm } = vmf
  const flags = k.page.flags
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0
  if (write && (flags[pfn]! & (PG_ksm | PG_lru)) === 0) lru_add_drain(k)
  // While the slot is being written its content must not change: devices with checksums would notice.
  let exclusive = (vmf.orig_pte & PTE_D) !== 0
  swap_free(k, slot)
  if (should_try_to_free_swap(k, vmf, pfn)) try_to_free_swap(k, pfn)
  add_mm_counter_fast(k, mm, MM_ANONPAGES, 1)
  add_mm_counter_fast(k, mm, MM_SWAPENTS, -1)
  let entry = (pfn << PTE_SHIFT) | vm_page_prot(k, vma)
  const alone = (flags[pfn]! & PG_swapcache) === 0 && k.page.mapcount[pfn] === 0 && !is_isolated(k, pfn)
  exclusive = (flags[pfn]! & PG_ksm) === 0 && (exclusive || alone)
  if (exclusive && write) entry = maybe_mkwrite(k, vma, entry | PTE_D)
  page_add_anon_rmap(k, pfn, vma, vmf.address, exclusive)
  set_entry(k, vmf.pte, entry)
  charge(k, COST.page_add)
  if (!write || exclusive) return 0
  vmf.orig_pte = entry
  const ret = do_wp_page(k, vmf)
  return (ret & VM_FAULT_ERROR) !== 0 ? ret & VM_FAULT_ERROR : ret
}

function should_try_to_free_swap(k: Kernel, vmf: VmFault, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_swapcache) === 0) return false
  if ((k.vma.vm_flags[vmf.vma]! & VM_LOCKED) !== 0 || (flags & PG_mlocked) !== 0) return true
  if (vm_swap_full(k)) return true
  if (k.page.mapcount[pfn] !== 0 || is_isolated(k, pfn)) return false
  return (vmf.flags & FAULT_FLAG_WRITE) !== 0 && (flags & (PG_ksm | PG_writeback)) === 0
}
