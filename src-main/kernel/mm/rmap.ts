/**
 * The reverse map: from a frame to the entries that map it, and the counts that follow from mapping and unmapping.
 *
 * Counts: `mapcount` of a frame is the number of entries that map it. For a huge page the head's also counts the PMD
 * entries; `compound_mapcount` (PMD entries alone, kept in the first tail's `index`) tells the two apart.
 *
 * Linux: mm/rmap.c. Simplified: no page locks; a walk visits the areas in list order.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  PAGE_SIZE,
  PG_anon,
  PG_anon_exclusive,
  PG_dirty,
  PG_head,
  PG_ksm,
  PG_mlocked,
  PG_swapbacked,
  PG_swapcache,
  PG_tail,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_W,
  VM_EXEC,
  VM_LOCKED,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SHARED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset, pte_offset, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_page } from '../arch/x86/tlb_flush'
import { deferred_split_huge_page } from './deferred_split'
import { __split_huge_pmd, compound_mapcount, HPAGE_PMD_NR, huge_page_referenced } from './huge_memory'
import { rmap_walk_ksm } from './ksm_stable'
import { lru_gen_enabled } from './lru_gen'
import { lru_gen_look_around } from './lru_gen_walk'
import { mlock_page, munlock_page } from './mlock'
import { compound_head } from './page_alloc'
import { set_page_dirty } from './page_writeback'
import { update_hiwater_rss } from './rss_stat'
import { swap_duplicate } from './swapfile'
import { linear_page_index, vma_address } from './vma'

// ---------------------------------------------------------------- counts

/** The counter of resident pages that a frame belongs to. */
export function mm_counter(k: Kernel, pfn: number): Float64Array {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_anon) !== 0) return k.mm.rss_anon
  return (flags & PG_swapbacked) !== 0 ? k.mm.rss_shmem : k.mm.rss_file
}

export function page_mapped(k: Kernel, pfn: number): boolean {
  return k.page.mapcount[pfn] !== 0 || compound_mapcount(k, pfn) !== 0
}
export function page_mapcount(k: Kernel, pfn: number): number {
  const own = k.page.mapcount[pfn]!
  return (k.page.flags[pfn]! & PG_head) !== 0 ? own : own + compound_mapcount(k, pfn)
}

/** A fresh page that only this area maps. */
export function page_add_new_anon_rmap(k: Kernel, pfn: number, vma: number, addr: number): void {
  const page = k.page
  assert(page.mapcount[pfn] === 0, 'page_add_new_anon_rmap: it is mapped')
  page.flags[pfn]! |= PG_anon | PG_swapbacked | PG_anon_exclusive
  page.mapping[pfn] = k.vma.anon_vma[vma]!
  page.index[pfn] = linear_page_index(k, vma, addr) | 0
  page.mapcount[pfn] = 1
  k.vmstat[C.nr_anon_pages]!++
}

/** One more entry for an anonymous page (swap-in, migration). */
export function page_add_anon_rmap(k: Kernel, pfn: number, vma: number, addr: number, exclusive: boolean): void {
  const page = k.page
  if (page.mapcount[pfn]!++ === 0) k.vmstat[C.nr_anon_pages]!++
  if ((page.flags[pfn]! & (PG_anon | PG_ksm)) === 0 || page.mapping[pfn] === 0) {
    page.mapping[pfn] = anon_vma_for(k, vma, exclusive)
    page.index[pfn] = linear_page_index(k, vma, addr) | 0
  }
  page.flags[pfn]! |= exclusive ? PG_anon | PG_swapbacked | PG_anon_exclusive : PG_anon | PG_swapbacked
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) mlock_page(k, pfn)
}
/** A page that others may map too hangs on the root: every area that could map it is there. */
function anon_vma_for(k: Kernel, vma: number, exclusive: boolean): number {
  const av = k.vma.anon_vma[vma]!
  return exclusive ? av : k.anon_vma.root[av]!
}

/** The only mapper takes a page over into its own anon_vma. */
export function page_move_anon_rmap(k: Kernel, pfn: number, vma: number): void {
  k.page.mapping[pfn] = k.vma.anon_vma[vma]!
  k.page.flags[pfn]! |= PG_anon_exclusive
}

export function page_add_file_rmap(k: Kernel, pfn: number, vma: number): void {
  if (k.page.mapcount[pfn]!++ === 0) k.vmstat[C.nr_mapped]!++
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) mlock_page(k, pfn)
}

/** fork maps the page once more; an anonymous page is not exclusive any longer. */
export function page_dup_rmap(k: Kernel, pfn: number): void {
  k.page.mapcount[pfn]!++
  k.page.flags[pfn]! &= ~PG_anon_exclusive
}

/** One entry less; the page itself stays. */
export function page_remove_rmap(k: Kernel, pfn: number, vma: number): void {
  const page = k.page
  assert(page.mapcount[pfn]! > 0, 'page_remove_rmap: nobody maps it')
  const left = --page.mapcount[pfn]!
  const flags = page.flags[pfn]!
  if (left === 0 && compound_mapcount(k, pfn) === 0) {
    if ((flags & PG_anon) !== 0) {
      k.vmstat[C.nr_anon_pages]!--
      page.flags[pfn] = flags & ~PG_anon_exclusive
      if ((flags & (PG_head | PG_tail)) !== 0) deferred_split_huge_page(k, pfn)
    } else k.vmstat[C.nr_mapped]!--
  }
  if ((flags & PG_mlocked) === 0 || (k.vma.vm_flags[vma]! & VM_LOCKED) === 0) return
  // Small entries do not count for the lock of a huge page.
  if ((flags & (PG_head | PG_tail)) === 0) munlock_page(k, pfn)
}

// ---------------------------------------------------------------- walking

/**
 * Calls `visit(vma, addr)` for every area that may map a frame, until it returns false. The areas of an anonymous page
 * are those of its anon_vma, those of a file page the ones that map the file.
 */
export function rmap_walk(k: Kernel, pfn: number, visit: (vma: number, addr: number) => boolean): void {
  if ((k.page.flags[pfn]! & PG_ksm) !== 0) return rmap_walk_ksm(k, pfn, visit)
  // The parts of a huge page are found through its head.
  const head = compound_head(k, pfn)
  const index = (k.page.index[head]! + pfn - head) | 0
  const mapping = k.page.mapping[head]!
  if (mapping === 0) return
  if ((k.page.flags[pfn]! & PG_anon) !== 0) {
    for (let link = k.anon_vma.head[mapping]!; link !== 0;) {
      const next = k.avc.anon_next[link]!
      const vma = k.avc.vma[link]!
      const addr = vma_address(k, vma, index)
      if (addr >= 0 && !visit(vma, addr)) return
      link = next
    }
    return
  }
  for (let vma = k.inode.i_mmap[mapping]!; vma !== 0;) {
    const next = k.vma.i_next[vma]!
    const addr = vma_address(k, vma, index)
    if (addr >= 0 && !visit(vma, addr)) return
    vma = next
  }
}

/** Index of the entry that maps `pfn` at `addr`, or 0. */
export function page_vma_mapped(k: Kernel, pfn: number, vma: number, addr: number): number {
  const slot = pte_offset(k, k.vma.mm[vma]!, addr)
  if (slot === 0) return 0
  const entry = k.pt.entry[slot]!
  const present = (entry & (PTE_P | PTE_PROTNONE)) !== 0 && (entry & PTE_SPECIAL) === 0
  return present && entry >>> PTE_SHIFT === pfn ? slot : 0
}

// ---------------------------------------------------------------- what reclaim asks

/** Bits of page_referenced's result above its count. */
export const REFERENCED_COUNT = 0xffff
export const REFERENCED_EXEC = 1 << 16
export const REFERENCED_LOCKED = 1 << 17

/**
 * How many entries of a page were used since the last time (their accessed bits are cleared), with REFERENCED_EXEC when an
 * executable area maps it and REFERENCED_LOCKED when an mlocked one does (the walk stops there). The translation caches
 * keep their copies, as on x86.
 */
export function page_referenced(k: Kernel, pfn: number): number {
  let count = 0
  let bits = 0
  let walked = 0
  const mapped = page_mapcount(k, pfn)
  if (mapped === 0) return 0
  const huge = (k.page.flags[pfn]! & PG_head) !== 0
  rmap_walk(k, pfn, (vma, addr) => {
    const flags = k.vma.vm_flags[vma]!
    const slot = page_vma_mapped(k, pfn, vma, addr)
    if (slot === 0) {
      if (!huge) return true
      const young = huge_page_referenced(k, pfn, vma, addr)
      if (young < 0) return true
      count += young
    } else if ((k.pt.entry[slot]! & PTE_A) !== 0) {
      const advice = flags & (VM_SEQ_READ | VM_RAND_READ)
      if (advice === 0 && lru_gen_enabled(k)) lru_gen_look_around(k, pfn, vma, addr, slot)
      k.pt.entry[slot]! &= ~PTE_A
      // A sequential reader does not make its pages hot.
      if (advice !== VM_SEQ_READ) count++
    }
    if ((flags & VM_LOCKED) !== 0) {
      bits |= REFERENCED_LOCKED
      return false
    }
    if ((flags & VM_EXEC) !== 0) bits |= REFERENCED_EXEC
    return ++walked < mapped
  })
  charge(k, COST.rmap_walk * Math.max(1, walked))
  return Math.min(count, REFERENCED_COUNT) | bits
}

/**
 * Takes every entry of a page away: anonymous ones become swap entries (the page is in the swap cache) or vanish (lazily
 * freed and still clean); file ones vanish. True when nobody maps it afterwards.
 */
export function try_to_unmap(k: Kernel, pfn: number): boolean {
  let walked = 0
  const huge = (k.page.flags[pfn]! & PG_head) !== 0
  rmap_walk(k, pfn, (vma, addr) => {
    if (huge) return try_to_unmap_huge(k, pfn, vma, addr)
    const slot = page_vma_mapped(k, pfn, vma, addr)
    if (slot === 0) return true
    if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) return false
    walked++
    return try_to_unmap_one(k, pfn, vma, addr, slot) && k.page.mapcount[pfn]! > 0
  })
  charge(k, COST.unmap_page * Math.max(1, walked))
  return !page_mapped(k, pfn)
}

/** TTU_SPLIT_HUGE_PMD: the PMD entry becomes 512 small ones, which go one by one; the page stays whole. */
function try_to_unmap_huge(k: Kernel, head: number, vma: number, addr: number): boolean {
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) return false
  const pmd = pmd_offset(k, k.vma.mm[vma]!, addr)
  const entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
  if ((entry & PTE_PS) !== 0 && entry >>> PTE_SHIFT === head) __split_huge_pmd(k, vma, pmd, addr)
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const slot = page_vma_mapped(k, head + i, vma, addr + i * PAGE_SIZE)
    if (slot !== 0 && !try_to_unmap_one(k, head + i, vma, addr + i * PAGE_SIZE, slot)) return false
  }
  return true
}

function try_to_unmap_one(k: Kernel, pfn: number, vma: number, addr: number, slot: number): boolean {
  const mm = k.vma.mm[vma]!
  const entry = k.pt.entry[slot]!
  set_entry(k, slot, 0)
  flush_tlb_page(k, mm, addr)
  update_hiwater_rss(k, mm)
  // What is asked of the whole page is in its head's flags.
  const head = compound_head(k, pfn)
  const flags = k.page.flags[head]!
  if ((entry & PTE_D) !== 0) set_page_dirty(k, head)
  if ((flags & PG_anon) === 0) {
    mm_counter(k, pfn)[mm]!--
    page_remove_rmap(k, pfn, vma)
    return true
  }
  if ((flags & PG_swapbacked) === 0) {
    // MADV_FREE: written again since means it is kept.
    if ((k.page.flags[head]! & PG_dirty) !== 0) {
      set_entry(k, slot, entry)
      k.page.flags[head]! |= PG_swapbacked
      return false
    }
    k.mm.rss_anon[mm]!--
    page_remove_rmap(k, pfn, vma)
    return true
  }
  assert((flags & PG_swapcache) !== 0, 'try_to_unmap: no swap slot')
  const swap = k.page.private[pfn]!
  swap_duplicate(k, swap)
  const exclusive = (flags & PG_anon_exclusive) !== 0
  set_entry(k, slot, (swap << PTE_SHIFT) | PTE_SWAP | (exclusive ? PTE_D : 0))
  k.page.flags[pfn]! &= ~PG_anon_exclusive
  k.mm.rss_anon[mm]!--
  k.mm.swapents[mm]!++
  page_remove_rmap(k, pfn, vma)
  return true
}

/** Writes every shared entry of a file page read-only and clean (before writeback); how many were dirty. */
export function page_mkclean(k: Kernel, pfn: number): number {
  let cleaned = 0
  if (k.page.mapcount[pfn] === 0 || (k.page.flags[pfn]! & PG_anon) !== 0) return 0
  rmap_walk(k, pfn, (vma, addr) => {
    if ((k.vma.vm_flags[vma]! & VM_SHARED) === 0) return true
    const slot = page_vma_mapped(k, pfn, vma, addr)
    if (slot === 0) return true
    const entry = k.pt.entry[slot]!
    if ((entry & (PTE_D | PTE_W)) === 0) return true
    k.pt.entry[slot] = entry & ~(PTE_D | PTE_W)
    flush_tlb_page(k, k.vma.mm[vma]!, addr)
    cleaned++
    return true
  })
  return cleaned
}

/** True when another area than `except` has the page locked in memory. */
export function mlocked_elsewhere(k: Kernel, pfn: number, except: number): boolean {
  if (k.page.mapcount[pfn] === 0) return false
  let found = false
  rmap_walk(k, pfn, (vma, addr) => {
    if (vma === except || (k.vma.vm_flags[vma]! & VM_LOCKED) === 0) return true
    found = page_vma_mapped(k, pfn, vma, addr) !== 0
    return !found
  })
  return found
}
