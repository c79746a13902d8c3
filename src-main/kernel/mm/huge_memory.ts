/**
 * Transparent huge pages of 2 MiB: one PMD entry maps 512 frames. A PTE table is deposited with each, so that a split never
 * needs memory.
 *
 *   fault ─> huge page (or the huge zero page) ─ partial unmap, fork + write ─> split PMD: 512 PTEs, same frames
 *                                               ─ reclaim, deferred split ────> split page: 512 separate frames
 *
 * In the first tail of a huge page `index` holds the number of PMD entries, `private` whether it is queued (deferred_split.ts).
 *
 * Linux: mm/huge_memory.c. Simplified: no file huge pages, no migration entries, no PUD-sized pages.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_MOVABLE,
  __GFP_NORETRY,
  __GFP_THISNODE,
  GFP_TRANSHUGE_LIGHT,
  PG_anon,
  PG_anon_exclusive,
  PG_dirty,
  PG_head,
  PG_lru,
  PG_swapbacked,
  PG_swapcache,
  PG_tail,
  PG_uptodate,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_W,
  VM_LOCKED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset, PMD_SIZE, PTRS, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { anon_vma_prepare } from './anon_vma'
import { deferred_split_huge_page } from './deferred_split'
import { khugepaged_enter_vma } from './khugepaged'
import { mem_cgroup_charge, mem_cgroup_uncharge } from './memcontrol'
import { maybe_mkwrite, mem_cgroup_of_mm, vm_page_prot, ZERO_PFN } from './memory'
import { munlock_page } from './mlock'
import { tlb_remove_entry, tlb_remove_page, type MmuGather } from './mmu_gather'
import { alloc_pages, compound_head, free_page, free_pages } from './page_alloc'
import { pmd_populate, pt_alloc, pt_release } from './pgalloc'
import { lru_add_drain, lru_cache_add_inactive_or_unevictable } from './swap'
import { split_huge_page } from './huge_split'
import { thp, vma_thp_gfp_mask } from './thp'
import { FAULT_FLAG_WRITE, VM_FAULT_FALLBACK, VM_FAULT_OOM, type VmFault } from './vm_fault'
import { linear_page_index, vma_is_anonymous } from './vma'

export { split_huge_page }

export const HPAGE_PMD_ORDER = 9
export const HPAGE_PMD_NR = 512

// ---------------------------------------------------------------- counts

/** PMD entries that map the huge page of a frame; 0 for plain pages. */
export function compound_mapcount(k: Kernel, pfn: number): number {
  return (k.page.flags[pfn]! & (PG_head | PG_tail)) === 0 ? 0 : k.page.index[compound_head(k, pfn) + 1]!
}

/** References of a page that come from entries: all of a huge page's, PMD entries counted once. */
export function compound_ref_count(k: Kernel, head: number): number {
  const { flags, mapcount } = k.page
  if ((flags[head]! & PG_head) === 0) return mapcount[head]!
  let count = 0
  for (let i = head; i < head + HPAGE_PMD_NR; i++) count += mapcount[i]!
  return count
}

// ---------------------------------------------------------------- deposited tables

export function deposit(k: Kernel, pmd: number, table: number): void {
  const of = pmd >>> 9
  k.pt.deposit_next[table] = k.pt.deposit[of]!
  k.pt.deposit[of] = table
}
export function withdraw(k: Kernel, pmd: number): number {
  const of = pmd >>> 9
  const table = k.pt.deposit[of]!
  assert(table !== 0, 'withdraw: no deposited table')
  k.pt.deposit[of] = k.pt.deposit_next[table]!
  k.pt.deposit_next[table] = 0
  return table
}

// ---------------------------------------------------------------- faults

/** A fault in an empty PMD entry: a huge page, the huge zero page, or VM_FAULT_FALLBACK. */
export function create_huge_pmd(k: Kernel, vmf: VmFault, pmd: number): number {
  const { mm, vma } = vmf
  const haddr = Math.floor(vmf.address / PMD_SIZE) * PMD_SIZE
  if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
  khugepaged_enter_vma(k, vma)
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0 && thp(k).use_zero_page !== 0) return map_huge_zero_page(k, vmf, pmd)
  const pfn = prepare_huge_page(k, mm, vma_alloc_folio(k, vma_thp_gfp_mask(k, vma)))
  if (pfn === 0) {
    k.vmstat[C.thp_fault_fallback]!++
    return VM_FAULT_FALLBACK
  }
  const table = pt_alloc(k, mm, 0)
  if (table === 0) {
    free_huge_page(k, pfn)
    return VM_FAULT_OOM
  }
  deposit(k, pmd, table)
  const entry = maybe_mkwrite(k, vma, (pfn << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_PS | PTE_D)
  map_new_huge_page(k, vma, haddr, pmd, pfn, entry)
  k.vmstat[C.thp_fault_alloc]!++
  return 0
}

/** A zeroed huge page of the task's cgroup; 0: none to be had. */
export function alloc_huge_page(k: Kernel, mm: number, gfp: number): number {
  return prepare_huge_page(k, mm, alloc_pages(k, gfp, HPAGE_PMD_ORDER))
}
function prepare_huge_page(k: Kernel, mm: number, pfn: number): number {
  if (pfn === 0) return 0
  if (!mem_cgroup_charge(k, pfn, mem_cgroup_of_mm(k, mm))) {
    k.vmstat[C.thp_fault_fallback_charge]!++
    free_pages(k, pfn, HPAGE_PMD_ORDER)
    return 0
  }
  charge(k, COST.zero_page * HPAGE_PMD_NR)
  return pfn
}

/** First what compaction alone can make of the node's memory, then with reclaim where the caller may wait for it. */
function vma_alloc_folio(k: Kernel, gfp: number): number {
  const pfn = alloc_pages(k, gfp | __GFP_THISNODE | __GFP_NORETRY, HPAGE_PMD_ORDER)
  return pfn !== 0 || (gfp & __GFP_DIRECT_RECLAIM) === 0 ? pfn : alloc_pages(k, gfp, HPAGE_PMD_ORDER)
}

/** A huge page that was not used after all. */
export function free_huge_page(k: Kernel, pfn: number): void {
  mem_cgroup_uncharge(k, pfn)
  free_pages(k, pfn, HPAGE_PMD_ORDER)
}

/** Hangs a fresh huge page below a PMD entry. */
export function map_new_huge_page(
  k: Kernel,
  vma: number,
  haddr: number,
  pmd: number,
  pfn: number,
  entry: number,
): void {
  const page = k.page
  const mm = k.vma.mm[vma]!
  for (let i = pfn; i < pfn + HPAGE_PMD_NR; i++) page.flags[i]! |= PG_anon | PG_swapbacked | PG_uptodate
  page.flags[pfn]! |= PG_anon_exclusive
  page.mapping[pfn] = k.vma.anon_vma[vma]!
  page.index[pfn] = linear_page_index(k, vma, haddr) | 0
  page.mapcount[pfn] = 1
  page.index[pfn + 1] = 1
  page.private[pfn + 1] = 0
  k.vmstat[C.nr_anon_pages]! += HPAGE_PMD_NR
  k.vmstat[C.nr_anon_transparent_hugepages]!++
  k.mm.rss_anon[mm]! += HPAGE_PMD_NR
  lru_cache_add_inactive_or_unevictable(k, pfn, vma)
  set_entry(k, pmd, entry)
  charge(k, COST.page_add)
}

function map_huge_zero_page(k: Kernel, vmf: VmFault, pmd: number): number {
  const state = thp(k)
  const table = pt_alloc(k, vmf.mm, 0)
  if (table === 0) return VM_FAULT_OOM
  if (state.huge_zero === 0) {
    const pfn = alloc_pages(k, (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM) & ~__GFP_MOVABLE, HPAGE_PMD_ORDER)
    if (pfn === 0) {
      free_page(k, pt_release(k, vmf.mm, table))
      k.vmstat[C.thp_zero_page_alloc_failed]!++
      k.vmstat[C.thp_fault_fallback]!++
      return VM_FAULT_FALLBACK
    }
    charge(k, COST.zero_page * HPAGE_PMD_NR)
    state.huge_zero = pfn
    k.vmstat[C.thp_zero_page_alloc]!++
  }
  deposit(k, pmd, table)
  set_entry(k, pmd, (state.huge_zero << PTE_SHIFT) | vm_page_prot(k, vmf.vma) | PTE_PS | PTE_SPECIAL)
  return 0
}

/** A write to a read-only huge page: re-used when it is this area's alone, else split and left to the small page. */
export function wp_huge_pmd(k: Kernel, vmf: VmFault, pmd: number): number {
  const entry = k.pt.entry[pmd]!
  const pfn = entry >>> PTE_SHIFT
  if ((entry & PTE_SPECIAL) === 0 && may_reuse_huge(k, pfn)) {
    k.page.mapping[pfn] = k.vma.anon_vma[vmf.vma]!
    k.page.flags[pfn]! |= PG_anon_exclusive
    flush_huge(k, vmf.mm, vmf.address)
    k.pt.entry[pmd] = maybe_mkwrite(k, vmf.vma, entry | PTE_A | PTE_D)
    return 0
  }
  __split_huge_pmd(k, vmf.vma, pmd, Math.floor(vmf.address / PMD_SIZE) * PMD_SIZE)
  return VM_FAULT_FALLBACK
}
function may_reuse_huge(k: Kernel, pfn: number): boolean {
  if ((k.page.flags[pfn]! & PG_anon_exclusive) !== 0) return true
  if ((k.page.flags[pfn]! & PG_lru) === 0) lru_add_drain(k)
  return (k.page.flags[pfn]! & PG_swapcache) === 0 && compound_ref_count(k, pfn) === 1
}
function flush_huge(k: Kernel, mm: number, addr: number): void {
  const haddr = Math.floor(addr / PMD_SIZE) * PMD_SIZE
  flush_tlb_range(k, mm, haddr, haddr + 4096)
}

// ---------------------------------------------------------------- taking away, splitting, moving

/** Unmaps a whole huge page. */
export function zap_huge_pmd(k: Kernel, tlb: MmuGather, vma: number, pmd: number, addr: number): void {
  const entry = k.pt.entry[pmd]!
  set_entry(k, pmd, 0)
  tlb_remove_entry(tlb, addr, PMD_SIZE)
  free_page(k, pt_release(k, tlb.mm, withdraw(k, pmd)))
  if ((entry & PTE_SPECIAL) !== 0) return
  const pfn = entry >>> PTE_SHIFT
  page_remove_compound_rmap(k, pfn)
  munlock_vma_huge_page(k, pfn, vma)
  k.mm.rss_anon[tlb.mm]! -= HPAGE_PMD_NR
  tlb_remove_page(k, tlb, pfn)
  charge(k, COST.zap_page)
}

/** One PMD entry less. Frames that no PTE maps either leave the count of anonymous pages. */
export function page_remove_compound_rmap(k: Kernel, pfn: number): void {
  const page = k.page
  page.mapcount[pfn]!--
  if (--page.index[pfn + 1]! > 0) return
  k.vmstat[C.nr_anon_transparent_hugepages]!--
  let unmapped = 0
  for (let i = pfn; i < pfn + HPAGE_PMD_NR; i++) if (page.mapcount[i] === 0) unmapped++
  k.vmstat[C.nr_anon_pages]! -= unmapped
  if (unmapped > 0 && unmapped < HPAGE_PMD_NR) deferred_split_huge_page(k, pfn)
}

/** A huge page is locked through its PMD entries only: with a locked area's entry its lock goes. */
function munlock_vma_huge_page(k: Kernel, pfn: number, vma: number): void {
  if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0) munlock_page(k, pfn, vma)
}

/** Replaces a huge PMD entry by 512 small ones to the same frames. */
export function __split_huge_pmd(k: Kernel, vma: number, pmd: number, haddr: number): void {
  const entry = k.pt.entry[pmd]!
  assert((entry & PTE_PS) !== 0, 'split_huge_pmd: not huge')
  k.vmstat[C.thp_split_pmd]!++
  const mm = k.vma.mm[vma]!
  const table = withdraw(k, pmd)
  const base = table * PTRS
  const pfn = entry >>> PTE_SHIFT
  const bits = entry & (PTE_P | PTE_W | PTE_A | PTE_PROTNONE)
  set_entry(k, pmd, 0)
  if ((entry & PTE_SPECIAL) !== 0) {
    const zero = (ZERO_PFN << PTE_SHIFT) | (bits & ~PTE_W) | PTE_SPECIAL
    k.pt.entry.fill(zero, base, base + PTRS)
  } else {
    const page = k.page
    // The small entries are clean: that it was written is the page's to know now.
    if ((entry & PTE_D) !== 0) page.flags[pfn]! |= PG_dirty
    const exclusive = page.flags[pfn]! & PG_anon_exclusive
    for (let i = 0; i < PTRS; i++) {
      k.pt.entry[base + i] = ((pfn + i) << PTE_SHIFT) | bits
      page.flags[pfn + i]! |= exclusive
      page.mapcount[pfn + i]!++
    }
    // The head's count held the PMD entry; it holds the PTE now.
    page.mapcount[pfn]!--
    if (--page.index[pfn + 1]! === 0) k.vmstat[C.nr_anon_transparent_hugepages]!--
    munlock_vma_huge_page(k, pfn, vma)
  }
  k.pt.nr[table] = PTRS
  pmd_populate(k, pmd, table)
  flush_huge(k, mm, haddr)
  charge(k, COST.zap_table)
}

/** Areas that change their borders split what would lie across them. */
export function vma_adjust_trans_huge(k: Kernel, vma: number, start: number, end: number): void {
  split_huge_pmd_if_needed(k, vma, start)
  split_huge_pmd_if_needed(k, vma, end)
}
function split_huge_pmd_if_needed(k: Kernel, vma: number, addr: number): void {
  if (addr % PMD_SIZE === 0 || !vma_is_anonymous(k, vma)) return
  const haddr = Math.floor(addr / PMD_SIZE) * PMD_SIZE
  if (haddr < k.vma.vm_start[vma]! || haddr + PMD_SIZE > k.vma.vm_end[vma]!) return
  const pmd = pmd_offset(k, k.vma.mm[vma]!, haddr)
  if (pmd !== 0 && (k.pt.entry[pmd]! & PTE_PS) !== 0) __split_huge_pmd(k, vma, pmd, haddr)
}

/** mremap of a whole huge page: the entry and its deposited table move. */
export function move_huge_pmd(k: Kernel, from: number, to: number): void {
  if (from >>> 9 !== to >>> 9) deposit(k, to, withdraw(k, from))
  set_entry(k, to, k.pt.entry[from]!)
  set_entry(k, from, 0)
}

/** fork: parent and child map the huge page, both read-only. False: out of memory. */
export function copy_huge_pmd(k: Kernel, child: number, src: number, dst: number): boolean {
  const table = pt_alloc(k, child, 0)
  if (table === 0) return false
  const entry = k.pt.entry[src]!
  deposit(k, dst, table)
  if ((entry & PTE_SPECIAL) !== 0) {
    set_entry(k, dst, entry)
    return true
  }
  const pfn = entry >>> PTE_SHIFT
  k.page.flags[pfn]! &= ~PG_anon_exclusive
  k.page.mapcount[pfn]!++
  k.page.index[pfn + 1]!++
  k.mm.rss_anon[child]! += HPAGE_PMD_NR
  k.pt.entry[src] = entry & ~PTE_W
  set_entry(k, dst, entry & ~(PTE_W | PTE_A))
  return true
}

// ---------------------------------------------------------------- what reclaim asks

/** Was the huge page used through this area's PMD entry? 1, 0; -1 when it has none. The accessed bit is cleared. */
export function huge_page_referenced(k: Kernel, pfn: number, vma: number, addr: number): number {
  const pmd = pmd_offset(k, k.vma.mm[vma]!, addr)
  if (pmd === 0) return -1
  const entry = k.pt.entry[pmd]!
  if ((entry & PTE_PS) === 0 || entry >>> PTE_SHIFT !== pfn) return -1
  k.pt.entry[pmd] = entry & ~PTE_A
  return (entry & PTE_A) !== 0 ? 1 : 0
}
