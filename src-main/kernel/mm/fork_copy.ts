/**
 * The page tables of a child: entries of private areas are copied, both sides read-only; what can be faulted in again from
 * a file or shared memory is left out.
 *
 * Linux: mm/memory.c (copy_page_range, copy_present_pte, copy_nonpresent_pte, vma_needs_copy).
 */
import {
  PTE_A,
  PTE_D,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_W,
  VM_HUGETLB,
  VM_PFNMAP,
  VM_SHARED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset, PMD_SIZE, PTRS, set_entry } from '../arch/x86/pgtable'
import { copy_huge_pmd } from './huge_memory'
import { copy_hugetlb_page_range } from './hugetlb'
import { pmd_alloc, pt_alloc, pmd_populate } from './pgalloc'
import { mm_counter, page_dup_rmap } from './rmap'
import { swap_duplicate } from './swapfile'
import { is_cow_mapping } from './vma'

/** Copies what a child needs of one area; false when memory is out. */
export function copy_page_range(k: Kernel, child: number, dst_vma: number, src_vma: number): boolean {
  const flags = k.vma.vm_flags[src_vma]!
  // vma_needs_copy: what has no pages of its own is left to the child's faults, huge pages too.
  if ((flags & VM_PFNMAP) === 0 && k.vma.anon_vma[src_vma] === 0) return true
  if ((flags & VM_HUGETLB) !== 0) return copy_hugetlb_page_range(k, child, dst_vma, src_vma)
  const parent = k.vma.mm[src_vma]!
  const end = k.vma.vm_end[src_vma]!
  for (let addr = k.vma.vm_start[src_vma]!; addr < end;) {
    const next = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
    const src = pmd_offset(k, parent, addr)
    // The child gets a table for each of the parent's, empty or not.
    const dst = src === 0 ? 0 : pmd_alloc(k, child, addr)
    if (src !== 0 && dst === 0) return false
    if (src !== 0 && k.pt.entry[src] !== 0) {
      if ((k.pt.entry[src]! & PTE_PS) !== 0) {
        if (!copy_huge_pmd(k, child, src, dst)) return false
      } else if (!copy_pte_range(k, child, src_vma, src, dst, addr, next)) return false
    }
    addr = next
  }
  return true
}

function copy_pte_range(
  k: Kernel,
  child: number,
  src_vma: number,
  src_pmd: number,
  dst_pmd: number,
  addr: number,
  end: number,
): boolean {
  const entries = k.pt.entry
  if (entries[dst_pmd] === 0) {
    const table = pt_alloc(k, child, 0)
    if (table === 0) return false
    pmd_populate(k, dst_pmd, table)
  }
  const first = Math.floor(addr / 4096) & 511
  const src = (entries[src_pmd]! >>> PTE_SHIFT) * PTRS + first
  const dst = (entries[dst_pmd]! >>> PTE_SHIFT) * PTRS + first
  const nr = (end - addr) / 4096
  let copied = 0
  for (let i = 0; i < nr; i++) {
    const entry = entries[src + i]!
    if (entry === 0) continue
    set_entry(k, dst + i, copy_one(k, child, src_vma, src + i, entry))
    copied++
  }
  charge(k, copied * COST.fork_page)
  return true
}

/** The child's entry; takes the parent's right to write (or the swap entry's exclusiveness) away. */
function copy_one(k: Kernel, child: number, src_vma: number, slot: number, entry: number): number {
  const flags = k.vma.vm_flags[src_vma]!
  if ((entry & PTE_SWAP) !== 0) {
    swap_duplicate(k, entry >>> PTE_SHIFT)
    k.mm.swapents[child]!++
    k.pt.entry[slot] = entry & ~PTE_D
    return entry & ~PTE_D
  }
  if ((entry & PTE_SPECIAL) === 0) {
    const pfn = entry >>> PTE_SHIFT
    mm_counter(k, pfn)[child]!++
    page_dup_rmap(k, pfn)
  }
  if (is_cow_mapping(flags) && (entry & PTE_W) !== 0) {
    entry &= ~PTE_W
    k.pt.entry[slot] = entry
  }
  if ((flags & VM_SHARED) !== 0) entry &= ~PTE_D
  return entry & ~PTE_A
}
