/**
 * Pages on their way out of an address space: they are collected, the translations flushed once, then freed. Beyond the
 * first 8 the batches are pages themselves, 510 entries each and at most 19, so tearing down shows in pgalloc and pgfree.
 *
 * The gather of an exit is let go of batch by batch, and others run in between: it holds its anonymous pages meanwhile, so
 * that nobody else frees them (file pages belong to their cache, whoever unmaps them).
 *
 * Linux: mm/mmu_gather.c. Page-table pages go through the same batches (native, not paravirtual table freeing).
 */
import { assert } from '@shared/assert'
import { __GFP_NOWARN, GFP_NOWAIT, PG_anon, PG_head, PG_hugetlb, PG_tail, type Kernel } from '../kernel'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { compound_ref_count, HPAGE_PMD_NR } from './huge_memory'
import { memcg_uncharge_table } from './memcg_kmem'
import { alloc_page, compound_head, free_page } from './page_alloc'
import { free_page_and_swap_cache, lru_add_drain } from './swap'

const MMU_GATHER_BUNDLE = 8
const MAX_GATHER_BATCH = 510
const MAX_GATHER_BATCH_COUNT = 19
/** Above every address, and still a number when the machine is written down. */
const NO_ADDRESS = Number.MAX_SAFE_INTEGER

/** One teardown under way; lives on the stack, an exit's in exit_gathers. */
export interface MmuGather {
  readonly mm: number
  /** The whole address space goes: nobody runs in it. */
  readonly fullmm: boolean
  /** What must be flushed. */
  start: number
  end: number
  /** Pages (>0) and page-table frames (<0) that wait for the flush; 0: a page that does not. */
  readonly pages: number[]
  /** Frames of the batches beyond the bundle. */
  readonly batches: number[]
  room: number
  /** The batch in use: 0 is the bundle. */
  active: number
}

export function tlb_gather_mmu(_k: Kernel, mm: number, fullmm = false): MmuGather {
  return {
    mm,
    fullmm,
    start: NO_ADDRESS,
    end: 0,
    pages: [],
    batches: [],
    room: MMU_GATHER_BUNDLE,
    active: 0,
  }
}

/** An entry was cleared: its translation must go before the page does. */
export function tlb_remove_entry(tlb: MmuGather, addr: number, size = 4096): void {
  if (addr < tlb.start) tlb.start = addr
  if (addr + size > tlb.end) tlb.end = addr + size
}

/** Collects a page; flushes when the batches are full. */
export function tlb_remove_page(k: Kernel, tlb: MmuGather, pfn: number): void {
  tlb.pages.push(tlb.fullmm ? hold(k, pfn) : pfn)
  if (--tlb.room === 0 && !tlb_next_batch(k, tlb)) tlb_flush_mmu(k, tlb)
}

/** The gather's reference; 0 for a page that does not need one. */
function hold(k: Kernel, pfn: number): number {
  if (pfn < 0) return pfn
  if ((k.page.flags[pfn]! & PG_anon) === 0) return 0
  assert(k.page.gathered[pfn]! < 255, 'tlb_remove_page: held too often')
  k.page.gathered[pfn]!++
  return pfn
}

/** Collects the frame of a page table. */
export function tlb_remove_table(k: Kernel, tlb: MmuGather, pfn: number): void {
  tlb_remove_page(k, tlb, -pfn)
}

function tlb_next_batch(k: Kernel, tlb: MmuGather): boolean {
  if (tlb.active < tlb.batches.length) {
    tlb.active++
    tlb.room = MAX_GATHER_BATCH
    return true
  }
  if (tlb.batches.length === MAX_GATHER_BATCH_COUNT) return false
  const pfn = alloc_page(k, GFP_NOWAIT | __GFP_NOWARN)
  if (pfn === 0) return false
  tlb.batches.push(pfn)
  tlb.active++
  tlb.room = MAX_GATHER_BATCH
  return true
}

/** Whether an exit that is under way will let go of a page, or of a part of a huge one. */
export function is_gathered(k: Kernel, head: number): boolean {
  const { flags, gathered } = k.page
  if ((flags[head]! & PG_head) === 0 || (flags[head]! & PG_hugetlb) !== 0) return gathered[head] !== 0
  for (let i = head; i < head + HPAGE_PMD_NR; i++) if (gathered[i] !== 0) return true
  return false
}

/** Flushes the translations and frees what was collected; the batches stay. */
export function tlb_flush_mmu(k: Kernel, tlb: MmuGather): void {
  if (tlb.end > tlb.start && !tlb.fullmm) flush_tlb_range(k, tlb.mm, tlb.start, tlb.end)
  tlb.start = NO_ADDRESS
  tlb.end = 0
  if (tlb.pages.length > 0) {
    lru_add_drain(k)
    for (const pfn of tlb.pages) let_go(k, tlb, pfn)
    tlb.pages.length = 0
  }
  tlb.active = 0
  tlb.room = MMU_GATHER_BUNDLE
}

/** One batch of an exit's gather, oldest first; true when there is none left. */
export function tlb_finish_batch(k: Kernel, tlb: MmuGather): boolean {
  if (tlb.pages.length === 0) return true
  lru_add_drain(k)
  const nr = tlb.active < 0 ? MAX_GATHER_BATCH : MMU_GATHER_BUNDLE
  tlb.active = -1
  for (const pfn of tlb.pages.splice(0, nr)) let_go(k, tlb, pfn)
  return tlb.pages.length === 0
}

function let_go(k: Kernel, tlb: MmuGather, pfn: number): void {
  if (pfn < 0) return free_table(k, -pfn)
  if (pfn === 0) return
  if (tlb.fullmm) k.page.gathered[pfn]!--
  put_unmapped_page(k, pfn)
}

function free_table(k: Kernel, pfn: number): void {
  memcg_uncharge_table(k, pfn)
  free_page(k, pfn)
}

/** A page lost an entry: when it was the last one of it (of any part of a huge page), and nobody else holds it, it goes. */
export function put_unmapped_page(k: Kernel, pfn: number): void {
  if (k.page.gathered[pfn] !== 0) return
  const flags = k.page.flags[pfn]!
  if ((flags & (PG_head | PG_tail)) === 0 || (flags & PG_hugetlb) !== 0) return free_page_and_swap_cache(k, pfn)
  const head = compound_head(k, pfn)
  if ((flags & PG_anon) === 0 || compound_ref_count(k, head) !== 0 || is_gathered(k, head)) return
  free_page_and_swap_cache(k, head)
}

export function tlb_finish_mmu(k: Kernel, tlb: MmuGather): void {
  tlb_flush_mmu(k, tlb)
  for (const pfn of tlb.batches) free_page(k, pfn)
  tlb.batches.length = 0
}
