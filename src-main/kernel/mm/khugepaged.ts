/**
 * Collapsing 512 small pages into a huge one: khugepaged walks the address spaces that could have huge pages, a few pages
 * every 10 s; MADV_COLLAPSE does it at once.
 *
 * Linux: mm/khugepaged.c (hpage_collapse_scan_pmd, collapse_huge_page, khugepaged_scan_mm_slot). Simplified: anonymous
 * memory only; swapped pages are read in before the huge page is allocated.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  GFP_KERNEL,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
  PG_anon,
  PG_locked,
  PG_lru,
  PG_referenced,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_W,
  VM_NOHUGEPAGE,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge, kthread_sleep, threads, wake_kthread } from '../task'
import { pmd_offset, PMD_SIZE, PTRS, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { EAGAIN, EBUSY, EINVAL, ENOMEM } from '../uapi'
import { anon_vma_prepare } from './anon_vma'
import { alloc_huge_page, free_huge_page, deposit, HPAGE_PMD_NR, map_new_huge_page } from './huge_memory'
import { hugepage_vma_check, thp, thp_small_machine, transhuge_vma_suitable } from './thp'
import { handle_mm_fault, maybe_mkwrite, vm_page_prot } from './memory'
import { put_unmapped_page } from './mmu_gather'
import { compound_head } from './page_alloc'
import { page_mapcount, page_remove_rmap } from './rmap'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { lru_add_drain, lru_add_drain_all } from './swap'
import { FAULT_FLAG_REMOTE, VM_FAULT_ERROR } from './vm_fault'
import { find_vma, vma_is_anonymous } from './vma'

const NS_PER_MS = 1_000_000

/** The knobs of /sys/kernel/mm/transparent_hugepage/khugepaged, with what boot sets (hugepage_init, khugepaged_init). */
const KNOBS = {
  pages_to_scan: 4096,
  scan_sleep_millisecs: 10_000,
  alloc_sleep_millisecs: 60_000,
  max_ptes_none: 511,
  max_ptes_swap: 64,
  max_ptes_shared: 256,
} as const
export type Knob = keyof typeof KNOBS

export function khugepaged_knob(k: Kernel, name: Knob): number {
  return k.var.sysctl[`khugepaged.${name}`] ?? KNOBS[name]
}
/** scan_sleep_millisecs_store, alloc_sleep_millisecs_store: a new pause begins with a round at once. */
export function set_khugepaged_knob(k: Kernel, name: Knob, value: number): void {
  k.var.sysctl[`khugepaged.${name}`] = value
  if (name.endsWith('_sleep_millisecs')) wake_kthread(k, 'khugepaged')
}
/** khugepaged_defrag: may it reclaim and compact for a huge page? */
export function khugepaged_defrag(k: Kernel): number {
  return k.var.sysctl['khugepaged.defrag'] ?? (thp_small_machine(k) ? 0 : 1)
}

// ---------------------------------------------------------------- which address spaces

interface Slot {
  readonly mm: number
  readonly obj: number
}
interface Khugepaged {
  readonly slots: Slot[]
  /** Where the walk is: slot (-1: at the head of the list) and address. */
  slot: number
  address: number
  pages_collapsed: number
  full_scans: number
}
export function khugepaged(k: Kernel): Khugepaged {
  return (k.var.mod['khugepaged'] ??= {
    slots: [],
    slot: -1,
    address: 0,
    pages_collapsed: 0,
    full_scans: 0,
  }) as Khugepaged
}

/** An area that may have huge pages and has been written: its address space is put on the walk. */
export function khugepaged_enter_vma(k: Kernel, vma: number): void {
  if (k.vma.anon_vma[vma] === 0) return
  if (thp(k).enabled === 'never' || !hugepage_vma_check(k, vma, aligned_start(k, vma))) return
  const mm = k.vma.mm[vma]!
  if ((k.mm.flags[mm]! & MMF_VM_HUGEPAGE) !== 0) return
  const obj = kmem_cache_alloc(k, CACHES(k).khugepaged_mm_slot, GFP_KERNEL)
  if (obj === 0) return
  k.mm.flags[mm]! |= MMF_VM_HUGEPAGE
  const state = khugepaged(k)
  state.slots.push({ mm, obj })
  if (state.slots.length === 1) wake_kthread(k, 'khugepaged')
}
const MMF_VM_HUGEPAGE = 1
function aligned_start(k: Kernel, vma: number): number {
  return Math.ceil(k.vma.vm_start[vma]! / PMD_SIZE) * PMD_SIZE
}

export function khugepaged_fork(k: Kernel, mm: number, oldmm: number): void {
  k.mm.flags[mm]! &= ~MMF_VM_HUGEPAGE
  if ((k.mm.flags[oldmm]! & MMF_VM_HUGEPAGE) === 0) return
  const obj = kmem_cache_alloc(k, CACHES(k).khugepaged_mm_slot, GFP_KERNEL)
  if (obj === 0) return
  k.mm.flags[mm]! |= MMF_VM_HUGEPAGE
  khugepaged(k).slots.push({ mm, obj })
}

export function khugepaged_exit(k: Kernel, mm: number): void {
  if ((k.mm.flags[mm]! & MMF_VM_HUGEPAGE) === 0) return
  const state = khugepaged(k)
  const at = state.slots.findIndex((slot) => slot.mm === mm)
  assert(at >= 0, 'khugepaged_exit: not on the walk')
  kmem_cache_free(k, CACHES(k).khugepaged_mm_slot, state.slots[at]!.obj)
  state.slots.splice(at, 1)
  if (at < state.slot) state.slot--
  else if (at === state.slot) next_slot(state, at)
}

// ---------------------------------------------------------------- the thread

/**
 * One round (khugepaged_do_scan): up to pages_to_scan pages, at most once past the head of the list; then khugepaged sleeps.
 * The first time that no huge page is to be had it sleeps for longer, and tries again from where it was.
 */
export function khugepaged_step(k: Kernel): boolean {
  const state = khugepaged(k)
  if (state.slots.length === 0 || thp(k).enabled === 'never') return true
  const pages = khugepaged_knob(k, 'pages_to_scan')
  let sleep: Knob = 'scan_sleep_millisecs'
  lru_add_drain_all(k)
  for (let progress = 0, passes = 0; progress < pages && state.slots.length > 0;) {
    if (state.slot < 0 && ++passes > 1) break
    const result = scan_mm_slot(k, state, pages - progress)
    progress += result.progress
    if (result.failed) {
      sleep = 'alloc_sleep_millisecs'
      break
    }
  }
  // Without a pause (0) the next round still comes with the next tick: nothing runs for ever here.
  const ns = Math.max(4, khugepaged_knob(k, sleep)) * NS_PER_MS
  if (k.var.current !== 0 && k.var.current === threads(k).khugepaged) kthread_sleep(k, k.var.current, k.var.now + ns)
  return true
}

interface Progress {
  progress: number
  failed: boolean
}
/** Walks one address space from where the last round stopped (khugepaged_scan_mm_slot); a collapse ends the walk for now. */
function scan_mm_slot(k: Kernel, state: Khugepaged, pages: number): Progress {
  if (state.slot < 0) {
    state.slot = 0
    state.address = 0
  }
  const mm = state.slots[state.slot]!.mm
  let progress = 1
  for (let vma = find_vma(k, mm, state.address); vma !== 0; vma = k.vma.next[vma]!) {
    const start = aligned_start(k, vma)
    const end = Math.floor(k.vma.vm_end[vma]! / PMD_SIZE) * PMD_SIZE
    if (k.vma.anon_vma[vma] === 0 || !hugepage_vma_check(k, vma, start) || state.address > end) {
      progress++
      continue
    }
    state.address = Math.max(state.address, start)
    while (state.address < end) {
      const result = scan_pmd(k, vma, state.address, true)
      charge(k, COST.khugepaged_scan_page * HPAGE_PMD_NR)
      state.address += PMD_SIZE
      progress += HPAGE_PMD_NR
      if (result === SCAN_SUCCEED) state.pages_collapsed++
      if (result === SCAN_SUCCEED || result === SCAN_ALLOC_FAIL) return { progress, failed: result !== SCAN_SUCCEED }
      if (progress >= pages) return { progress, failed: false }
    }
  }
  next_slot(state, state.slot + 1)
  return { progress, failed: false }
}
/** The walk goes on with the next address space; past the last one a full scan is done. */
function next_slot(state: Khugepaged, slot: number): void {
  state.address = 0
  state.slot = slot
  if (slot < state.slots.length) return
  state.slot = -1
  state.full_scans++
}

// ---------------------------------------------------------------- collapsing

const SCAN_FAIL = 0
const SCAN_SUCCEED = 1
const SCAN_ALLOC_FAIL = 2
const SCAN_AGAIN = 3
const SCAN_BUSY = 4
const SCAN_PMD_MAPPED = 5

/** MADV_COLLAPSE: 0, or the reason of the last failure. */
export function madvise_collapse(k: Kernel, vma: number, start: number, end: number): number {
  if (!vma_is_anonymous(k, vma) || (k.vma.vm_flags[vma]! & VM_NOHUGEPAGE) !== 0) return -EINVAL
  // hugepage_vma_check: some huge page has to fit, and something has to have been written.
  if (k.vma.anon_vma[vma] === 0 || !transhuge_vma_suitable(k, vma, k.vma.vm_end[vma]! - PMD_SIZE)) return -EINVAL
  lru_add_drain_all(k)
  let last = SCAN_SUCCEED
  const from = Math.ceil(start / PMD_SIZE) * PMD_SIZE
  // A range inside one huge page's place holds less than none: not what was asked for.
  if (from > Math.floor(end / PMD_SIZE) * PMD_SIZE) return -EINVAL
  for (let haddr = from; haddr + PMD_SIZE <= end; haddr += PMD_SIZE) {
    const result = scan_pmd(k, vma, haddr, false)
    if (result !== SCAN_SUCCEED && result !== SCAN_PMD_MAPPED) last = result
  }
  if (last === SCAN_SUCCEED) return 0
  return last === SCAN_ALLOC_FAIL ? -ENOMEM : last === SCAN_AGAIN ? -EAGAIN : last === SCAN_BUSY ? -EBUSY : -EINVAL
}

/** Looks whether the 512 entries at `haddr` are worth a huge page, and makes it. */
function scan_pmd(k: Kernel, vma: number, haddr: number, daemon: boolean): number {
  if (!transhuge_vma_suitable(k, vma, haddr)) return SCAN_FAIL
  const mm = k.vma.mm[vma]!
  const pmd = pmd_offset(k, mm, haddr)
  const entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
  if (entry === 0) return SCAN_FAIL
  if ((entry & PTE_PS) !== 0) return SCAN_PMD_MAPPED
  const base = (entry >>> PTE_SHIFT) * PTRS
  const max_none = daemon ? khugepaged_knob(k, 'max_ptes_none') : PTRS
  const max_swap = daemon ? khugepaged_knob(k, 'max_ptes_swap') : PTRS
  const max_shared = daemon ? khugepaged_knob(k, 'max_ptes_shared') : PTRS
  let none = 0
  let swapped = 0
  let shared = 0
  let referenced = 0
  let writable = false
  for (let slot = base; slot < base + PTRS; slot++) {
    const pte = k.pt.entry[slot]!
    if ((pte & PTE_SWAP) !== 0) {
      if (++swapped > max_swap) return exceed(k, C.thp_scan_exceed_swap_pte)
      continue
    }
    if (pte === 0 || (pte & PTE_SPECIAL) !== 0) {
      if (++none > max_none) return exceed(k, C.thp_scan_exceed_none_pte)
      continue
    }
    if ((pte & PTE_P) === 0) return SCAN_FAIL
    if ((pte & PTE_W) !== 0) writable = true
    const pfn = pte >>> PTE_SHIFT
    if (page_mapcount(k, pfn) > 1 && ++shared > max_shared) return exceed(k, C.thp_scan_exceed_share_pte)
    // The parts of a huge page that is mapped by small entries are judged by their head.
    const flags = k.page.flags[compound_head(k, pfn)]!
    if ((flags & PG_anon) === 0) return SCAN_FAIL
    if ((flags & PG_lru) === 0 || (flags & PG_locked) !== 0) return SCAN_AGAIN
    if ((pte & PTE_A) !== 0 || (flags & PG_referenced) !== 0) referenced++
  }
  if (!writable) return SCAN_FAIL
  if (daemon && (referenced === 0 || (swapped > 0 && referenced < HPAGE_PMD_NR / 2))) return SCAN_FAIL
  return collapse_huge_page(k, vma, haddr, pmd, daemon)
}

function exceed(k: Kernel, counter: number): number {
  k.vmstat[counter]!++
  return SCAN_FAIL
}

function collapse_huge_page(k: Kernel, vma: number, haddr: number, pmd: number, daemon: boolean): number {
  const mm = k.vma.mm[vma]!
  const gfp = !daemon || khugepaged_defrag(k) !== 0 ? GFP_TRANSHUGE : GFP_TRANSHUGE_LIGHT
  const pfn = alloc_huge_page(k, mm, gfp)
  k.vmstat[pfn === 0 ? C.thp_collapse_alloc_failed : C.thp_collapse_alloc]!++
  if (pfn === 0) return SCAN_ALLOC_FAIL
  if (!swap_in_all(k, vma, haddr, pmd) || !anon_vma_prepare(k, vma) || k.pt.entry[pmd] === 0) {
    free_huge_page(k, pfn)
    return SCAN_FAIL
  }
  const table = k.pt.entry[pmd]! >>> PTE_SHIFT
  set_entry(k, pmd, 0)
  flush_tlb_range(k, mm, haddr, haddr + PMD_SIZE)
  const dirty = release_small_pages(k, vma, table)
  deposit(k, pmd, table)
  const entry = maybe_mkwrite(k, vma, (pfn << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_PS | PTE_D)
  map_new_huge_page(k, vma, haddr, pmd, pfn, entry)
  charge(k, COST.copy_page * dirty)
  return SCAN_SUCCEED
}

/** Reads what is in swap back. False when that failed. */
function swap_in_all(k: Kernel, vma: number, haddr: number, pmd: number): boolean {
  for (let i = 0; i < PTRS; i++) {
    const table = k.pt.entry[pmd]! >>> PTE_SHIFT
    if (table === 0) return false
    if ((k.pt.entry[table * PTRS + i]! & PTE_SWAP) === 0) continue
    const ret = handle_mm_fault(k, vma, haddr + i * 4096, FAULT_FLAG_REMOTE)
    if ((ret & VM_FAULT_ERROR) !== 0) return false
  }
  lru_add_drain(k)
  return true
}

/** Their content is in the huge page now: the entries go, and the pages that nobody else maps. How many there were. */
function release_small_pages(k: Kernel, vma: number, table: number): number {
  const mm = k.vma.mm[vma]!
  let copied = 0
  for (let slot = table * PTRS; slot < (table + 1) * PTRS; slot++) {
    const pte = k.pt.entry[slot]!
    if (pte === 0) continue
    set_entry(k, slot, 0)
    if ((pte & PTE_SPECIAL) !== 0) continue
    const pfn = pte >>> PTE_SHIFT
    k.mm.rss_anon[mm]!--
    page_remove_rmap(k, pfn, vma)
    put_unmapped_page(k, pfn)
    copied++
  }
  return copied
}
