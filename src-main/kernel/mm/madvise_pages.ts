/**
 * The advices that walk pages: MADV_FREE, MADV_COLD and MADV_PAGEOUT, with what they do to huge pages.
 *
 * Linux: mm/madvise.c (madvise_free_pte_range, madvise_cold_or_pageout_pte_range), mm/huge_memory.c.
 */
import {
  PG_anon,
  PG_dirty,
  PG_head,
  PG_lru,
  PG_referenced,
  PG_swapcache,
  PG_tail,
  PG_unevictable,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  VM_HUGETLB,
  VM_LOCKED,
  VM_PFNMAP,
  type Kernel,
} from '../kernel'
import { pmd_offset, PMD_SIZE, PTRS, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { EINVAL } from '../uapi'
import { compound_ref_count } from './huge_memory'
import { split_huge_page } from './huge_split'
import { compound_head } from './page_alloc'
import { page_mapcount } from './rmap'
import { sync_mm_rss, update_hiwater_rss } from './rss_stat'
import { deactivate_page, isolate_lru_page, lru_add_drain, mark_page_lazyfree, putback_lru_page } from './swap'
import { free_swap_and_cache, try_to_free_swap } from './swapfile'
import { vma_is_anonymous } from './vma'
import { reclaim_page_list } from './vmscan'

/** Calls `visit` for every entry in use of a range; a huge page of which a part lies in it is left to its PMD entry. */
export function walk_range(
  k: Kernel,
  vma: number,
  start: number,
  end: number,
  visit: (slot: number, entry: number) => void,
): void {
  const every = (slot: number, entry: number): boolean => {
    visit(slot, entry)
    return true
  }
  walk_pmds(k, vma, start, end, null, (from, to) => walk_table(k, vma, from, to, every))
}

/** The entries in use of one table, up to the first for which `visit` returns false. None of a huge page. */
function walk_table(
  k: Kernel,
  vma: number,
  start: number,
  end: number,
  visit: (slot: number, entry: number) => boolean,
): void {
  const pmd = pmd_offset(k, k.vma.mm[vma]!, start)
  const entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
  if (entry === 0 || (entry & PTE_PS) !== 0) return
  const base = (entry >>> PTE_SHIFT) * PTRS
  for (let at = start; at < end; at += 4096) {
    const slot = base + (Math.floor(at / 4096) & 511)
    if (k.pt.entry[slot] !== 0 && !visit(slot, k.pt.entry[slot]!)) return
  }
}

/** Calls `huge` for each PMD entry of a range that is one, with whether the range has all of it, and `table` for each. */
function walk_pmds(
  k: Kernel,
  vma: number,
  start: number,
  end: number,
  huge: ((pmd: number, whole: boolean) => void) | null,
  table: (start: number, end: number) => void,
): void {
  const mm = k.vma.mm[vma]!
  for (let addr = start; addr < end;) {
    const next = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
    const pmd = pmd_offset(k, mm, addr)
    if (pmd !== 0 && (k.pt.entry[pmd]! & PTE_PS) !== 0) huge?.(pmd, next - addr === PMD_SIZE)
    table(addr, next)
    addr = next
  }
}

/** A huge page that small entries map is split when it is worth it: when its caller alone maps it, as far as it looks. */
function split_compound(k: Kernel, pfn: number, mappers: number): boolean {
  return mappers === 1 && split_huge_page(k, compound_head(k, pfn))
}

/** MADV_FREE: the content may go; pages that are clean until reclaim looks are dropped then. */
export function madvise_free_single_vma(k: Kernel, vma: number, start: number, end: number): number {
  if (!vma_is_anonymous(k, vma)) return -EINVAL
  const mm = k.vma.mm[vma]!
  update_hiwater_rss(k, mm)
  lru_add_drain(k)
  walk_pmds(
    k,
    vma,
    start,
    end,
    (pmd, whole) => madvise_free_huge_pmd(k, pmd, whole),
    (from, to) => walk_table(k, vma, from, to, (slot, entry) => madvise_free_pte(k, mm, slot, entry)),
  )
  flush_tlb_range(k, mm, start, end)
  return 0
}

/**
 * MADV_FREE of a PMD entry: a whole huge page that nobody else maps may go; of which only a part is
 * given up is split, and the caller goes on with its small pages.
 */
function madvise_free_huge_pmd(k: Kernel, pmd: number, whole: boolean): void {
  const entry = k.pt.entry[pmd]!
  const pfn = entry >>> PTE_SHIFT
  if ((entry & PTE_SPECIAL) !== 0 || compound_ref_count(k, pfn) !== 1) return
  if (!whole) {
    split_huge_page(k, pfn)
    return
  }
  k.page.flags[pfn]! &= ~PG_dirty
  k.pt.entry[pmd] = entry & ~(PTE_A | PTE_D)
  mark_page_lazyfree(k, pfn)
}

/** One entry of MADV_FREE; false: leave the rest of its table. */
function madvise_free_pte(k: Kernel, mm: number, slot: number, entry: number): boolean {
  if ((entry & PTE_SWAP) !== 0) {
    sync_mm_rss(k, mm)
    k.mm.swapents[mm]!--
    set_entry(k, slot, 0)
    free_swap_and_cache(k, entry >>> PTE_SHIFT)
    return true
  }
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) return true
  const pfn = entry >>> PTE_SHIFT
  if ((k.page.flags[pfn]! & PG_anon) === 0) return true
  // folio_estimated_sharers: who maps its first page.
  if (is_compound(k, pfn) && !split_compound(k, pfn, page_mapcount(k, compound_head(k, pfn)))) return false
  const flags = k.page.flags[pfn]!
  if ((flags & (PG_swapcache | PG_dirty)) !== 0) {
    if (page_mapcount(k, pfn) !== 1) return true
    if ((flags & PG_swapcache) !== 0 && !try_to_free_swap(k, pfn)) return true
    k.page.flags[pfn]! &= ~PG_dirty
  }
  k.pt.entry[slot] = entry & ~(PTE_A | PTE_D)
  mark_page_lazyfree(k, pfn)
  return true
}
function is_compound(k: Kernel, pfn: number): boolean {
  return (k.page.flags[pfn]! & (PG_head | PG_tail)) !== 0
}

/** MADV_COLD: to the inactive list; MADV_PAGEOUT: reclaimed at once, table by table. What others map too is left alone. */
export function madvise_cold_or_pageout(k: Kernel, vma: number, start: number, end: number, pageout: boolean): number {
  if ((k.vma.vm_flags[vma]! & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB)) !== 0) return -EINVAL
  lru_add_drain(k)
  const taken: number[] = []
  walk_pmds(
    k,
    vma,
    start,
    end,
    (pmd, whole) => cold_or_pageout_pmd(k, pmd, whole, pageout, taken),
    (from, to) => {
      walk_table(k, vma, from, to, (slot, entry) => cold_or_pageout_pte(k, slot, entry, pageout, taken))
      if (taken.length > 0) reclaim_page_list(k, taken)
      taken.length = 0
    },
  )
  flush_tlb_range(k, k.vma.mm[vma]!, start, end)
  return 0
}

/** One entry of MADV_COLD or MADV_PAGEOUT; false: leave the rest of its table. */
function cold_or_pageout_pte(k: Kernel, slot: number, entry: number, pageout: boolean, taken: number[]): boolean {
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) return true
  const pfn = entry >>> PTE_SHIFT
  if (is_compound(k, pfn) && !split_compound(k, pfn, page_mapcount(k, pfn))) return false
  if (page_mapcount(k, pfn) !== 1 || (k.page.flags[pfn]! & PG_lru) === 0) return true
  k.pt.entry[slot] = entry & ~PTE_A
  cold_or_pageout_page(k, pfn, pageout, taken)
  return true
}

/**
 * MADV_COLD and MADV_PAGEOUT of a PMD entry (madvise_cold_or_pageout_pte_range): the huge page of which a part is meant is
 * split, and the caller goes on with its small pages; a whole one is deactivated, or isolated into `taken`.
 */
function cold_or_pageout_pmd(k: Kernel, pmd: number, whole: boolean, pageout: boolean, taken: number[]): void {
  const entry = k.pt.entry[pmd]!
  const pfn = entry >>> PTE_SHIFT
  if ((entry & PTE_SPECIAL) !== 0 || page_mapcount(k, pfn) !== 1) return
  if (!whole) {
    split_huge_page(k, pfn)
    return
  }
  k.pt.entry[pmd] = entry & ~PTE_A
  cold_or_pageout_page(k, pfn, pageout, taken)
}

/** A page that only its caller maps is deactivated, or isolated into `taken`. */
function cold_or_pageout_page(k: Kernel, pfn: number, pageout: boolean, taken: number[]): void {
  k.page.flags[pfn]! &= ~PG_referenced
  if (!pageout) return deactivate_page(k, pfn)
  if (!isolate_lru_page(k, pfn)) return
  if ((k.page.flags[pfn]! & PG_unevictable) !== 0) putback_lru_page(k, pfn)
  else taken.push(pfn)
}
