/**
 * Taking pages out of address ranges: munmap, MADV_DONTNEED, truncate, exit. Tables stay until `free_pgtables`.
 *
 * Linux: mm/memory.c (zap_pte_range, unmap_single_vma, zap_page_range_single, free_pgtables, unmap_mapping_range).
 */
import {
  PG_anon,
  PTE_A,
  PTE_D,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  VM_HUGETLB,
  VM_RAND_READ,
  VM_SEQ_READ,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset, PMD_SIZE, pud_offset, PUD_SIZE, PTRS, set_entry } from '../arch/x86/pgtable'
import { zap_huge_pmd, __split_huge_pmd } from './huge_memory'
import { __unmap_hugepage_range } from './hugetlb'
import {
  tlb_finish_mmu,
  tlb_flush_mmu,
  tlb_gather_mmu,
  tlb_remove_entry,
  tlb_remove_page,
  tlb_remove_table,
  type MmuGather,
} from './mmu_gather'
import { set_page_dirty } from './page_writeback'
import { free_pgd_range } from './pgalloc'
import { cond_resched_rcu } from './preempt'
import { mm_counter, page_remove_rmap } from './rmap'
import { sync_mm_rss, update_hiwater_rss } from './rss_stat'
import { lru_add_drain, mark_page_accessed } from './swap'
import { free_swap_and_cache } from './swapfile'

/** Which pages go: all, or only those of the file (truncate leaves private copies when `even_cows` is false). */
export interface ZapDetails {
  readonly even_cows: boolean
}

/** Takes everything mapped in [start, end) of one area away. */
export function unmap_single_vma(
  k: Kernel,
  tlb: MmuGather,
  vma: number,
  start: number,
  end: number,
  details?: ZapDetails,
): void {
  const from = Math.max(start, k.vma.vm_start[vma]!)
  const to = Math.min(end, k.vma.vm_end[vma]!)
  if (from >= to) return
  for (let addr = from; addr < to;) addr = zap_next(k, tlb, vma, addr, to, details)
}

/** Takes away what is mapped from `addr` to the end of its table, or `to`; where to go on. */
export function zap_next(
  k: Kernel,
  tlb: MmuGather,
  vma: number,
  addr: number,
  to: number,
  details?: ZapDetails,
): number {
  if ((k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0) {
    __unmap_hugepage_range(k, tlb, vma, addr, to)
    return to
  }
  const pud = pud_offset(k, tlb.mm, addr)
  // Nothing below this PUD entry (or PGD entry).
  if (pud === 0 || k.pt.entry[pud] === 0) return (Math.floor(addr / PUD_SIZE) + 1) * PUD_SIZE
  const next = Math.min(to, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
  const pmd = pmd_offset(k, tlb.mm, addr)
  const entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
  if (entry !== 0) zap_pmd(k, tlb, vma, pmd, addr, next, details)
  // zap_pmd_range gives way after each table: what unmapping leaves behind (nodes of the swap cache) is freed meanwhile.
  cond_resched_rcu(k)
  return next
}

function zap_pmd(
  k: Kernel,
  tlb: MmuGather,
  vma: number,
  pmd: number,
  addr: number,
  end: number,
  details: ZapDetails | undefined,
): void {
  if ((k.pt.entry[pmd]! & PTE_PS) !== 0) {
    if (end - addr === PMD_SIZE) {
      zap_huge_pmd(k, tlb, vma, pmd, addr)
      return
    }
    __split_huge_pmd(k, vma, pmd, Math.floor(addr / PMD_SIZE) * PMD_SIZE)
    if (k.pt.entry[pmd] === 0) return
  }
  const table = k.pt.entry[pmd]! >>> PTE_SHIFT
  charge(k, COST.zap_table)
  if (k.pt.nr[table] === 0) return
  const dirty = zap_pte_range(k, tlb, vma, table * PTRS + (Math.floor(addr / 4096) & 511), addr, end, details)
  // Pages of a file that were written must not be written through old translations once they count as clean.
  if (dirty) tlb_flush_mmu(k, tlb)
}

/** True when a written page of a file was among them. */
function zap_pte_range(
  k: Kernel,
  tlb: MmuGather,
  vma: number,
  first: number,
  start: number,
  end: number,
  details: ZapDetails | undefined,
): boolean {
  const entries = k.pt.entry
  let zapped = 0
  let dirty = false
  let slot = first
  for (let addr = start; addr < end; addr += 4096, slot++) {
    const entry = entries[slot]!
    if (entry === 0) continue
    if ((entry & PTE_SWAP) !== 0) {
      if (details !== undefined && !details.even_cows) continue
      k.mm.swapents[tlb.mm]!--
      set_entry(k, slot, 0)
      free_swap_and_cache(k, entry >>> PTE_SHIFT)
      continue
    }
    if ((entry & PTE_SPECIAL) !== 0) {
      set_entry(k, slot, 0)
      tlb_remove_entry(tlb, addr)
      continue
    }
    const pfn = entry >>> PTE_SHIFT
    if (details !== undefined && !details.even_cows && (k.page.flags[pfn]! & PG_anon) !== 0) continue
    set_entry(k, slot, 0)
    tlb_remove_entry(tlb, addr)
    if ((entry & PTE_D) !== 0 && (k.page.flags[pfn]! & PG_anon) === 0) dirty = true
    zap_present(k, tlb, vma, pfn, entry)
    zapped++
  }
  sync_mm_rss(k, tlb.mm)
  charge(k, zapped * COST.zap_page)
  return dirty
}

/** An entry that mapped a page is gone: what the hardware noted in it goes to the page, and the counts go down. */
function zap_present(k: Kernel, tlb: MmuGather, vma: number, pfn: number, entry: number): void {
  if ((k.page.flags[pfn]! & PG_anon) === 0) {
    if ((entry & PTE_D) !== 0) set_page_dirty(k, pfn)
    const sequential = (k.vma.vm_flags[vma]! & (VM_SEQ_READ | VM_RAND_READ)) === VM_SEQ_READ
    if ((entry & PTE_A) !== 0 && !sequential) mark_page_accessed(k, pfn)
  }
  mm_counter(k, pfn)[tlb.mm]!--
  page_remove_rmap(k, pfn, vma)
  tlb_remove_page(k, tlb, pfn)
}

/** zap_page_range_single: [start, end) of one area, with its own gather. */
export function zap_page_range(k: Kernel, vma: number, start: number, end: number, details?: ZapDetails): void {
  const mm = k.vma.mm[vma]!
  lru_add_drain(k)
  const tlb = tlb_gather_mmu(k, mm)
  update_hiwater_rss(k, mm)
  unmap_single_vma(k, tlb, vma, start, end, details)
  tlb_finish_mmu(k, tlb)
}

/** Frees the tables of a run of areas, `first` … up to (not including) `last` in list order; see free_pgd_range. */
export function free_pgtables(
  k: Kernel,
  tlb: MmuGather,
  vmas: readonly number[],
  floor: number,
  ceiling: number,
): void {
  vmas.forEach((vma, i) => {
    const next = vmas[i + 1]
    const top = next === undefined ? ceiling : k.vma.vm_start[next]!
    free_pgd_range(k, tlb.mm, k.vma.vm_start[vma]!, k.vma.vm_end[vma]!, floor, top, (pfn) =>
      tlb_remove_table(k, tlb, pfn),
    )
  })
}

/** Takes pages [first, last] of a file out of every area that maps them (truncate, invalidate). */
export function unmap_mapping_pages(k: Kernel, inode: number, first: number, last: number, even_cows: boolean): void {
  for (let vma = k.inode.i_mmap[inode]!; vma !== 0; vma = k.vma.i_next[vma]!) {
    const { vm_start, vm_end, vm_pgoff } = k.vma
    const pgoff = vm_pgoff[vma]!
    const pages = (vm_end[vma]! - vm_start[vma]!) / 4096
    const from = Math.max(first, pgoff)
    const to = Math.min(last, pgoff + pages - 1)
    if (from > to) continue
    const start = vm_start[vma]! + (from - pgoff) * 4096
    zap_page_range(k, vma, start, start + (to - from + 1) * 4096, { even_cows })
  }
}
