/**
 * swapoff's walk: every entry of an address space that names a slot of the area gets its page back.
 *
 * Linux: mm/swapfile.c (unuse_mm, unuse_pte).
 */
import { PG_locked, PTE_D, PTE_SHIFT, type Kernel } from '../kernel'
import { PMD_SIZE, pte_is_swap, pte_offset, pte_present, set_entry } from '../arch/x86/pgtable'
import { vm_page_prot } from './memory'
import { folio_wait_nested } from './page_io'
import { page_add_anon_rmap } from './rmap'
import { swap_free, try_to_free_swap } from './swapfile'
import { lookup_swap_cache, swapin_readahead } from './swap_state'

/** False when memory ran out. Slots are rows `from` … `to` of k.swap. */
export function unuse_mm(k: Kernel, mm: number, from: number, to: number): boolean {
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
    if (k.vma.anon_vma[vma] === 0) continue
    let addr = k.vma.vm_start[vma]!
    while (addr < k.vma.vm_end[vma]!) {
      const at = pte_offset(k, mm, addr)
      if (at === 0) {
        addr = (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE
        continue
      }
      const entry = k.pt.entry[at]!
      const slot = entry >>> PTE_SHIFT
      if (!pte_present(entry) && pte_is_swap(entry) && slot >= from && slot <= to)
        if (!unuse_pte(k, vma, addr, at, slot)) return false
      addr += 4096
    }
  }
  return true
}

function unuse_pte(k: Kernel, vma: number, addr: number, at: number, slot: number): boolean {
  let pfn = lookup_swap_cache(k, slot, vma, addr)
  if (pfn === 0) pfn = swapin_readahead(k, slot, vma, addr)
  if (pfn === 0) return false
  if ((k.page.flags[pfn]! & PG_locked) !== 0) folio_wait_nested(k, pfn)
  const mm = k.vma.mm[vma]!
  const exclusive = (k.pt.entry[at]! & PTE_D) !== 0
  k.mm.swapents[mm]!--
  k.mm.rss_anon[mm]!++
  page_add_anon_rmap(k, pfn, vma, addr, exclusive)
  set_entry(k, at, (pfn << PTE_SHIFT) | vm_page_prot(k, vma))
  swap_free(k, slot)
  try_to_free_swap(k, pfn)
  return true
}
