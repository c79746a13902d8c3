/**
 * Pages on their way out of an address space: they are collected, the translations flushed once, then freed. Beyond the
 * first 8 the batches are pages themselves, 510 entries each and at most 19, so tearing down shows in pgalloc and pgfree.
 *
 * Linux: mm/mmu_gather.c. Page-table pages go through the same batches (native, not paravirtual table freeing).
 */
import { __GFP_NOWARN, GFP_NOWAIT, PG_anon, PG_head, PG_hugetlb, PG_tail, type Kernel } from '../kernel'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { compound_ref_count } from './huge_memory'
import { memcg_uncharge_table } from './memcg_kmem'
import { alloc_page, compound_head, free_page } from './page_alloc'
import { free_page_and_swap_cache, lru_add_drain } from './swap'

const MMU_GATHER_BUNDLE = 8
const MAX_GATHER_BATCH = 510
const MAX_GATHER_BATCH_COUNT = 19

/** One teardown under way; lives on the stack. */
export interface MmuGather {
  readonly mm: number
  /** The whole address space goes: nobody runs in it. */
  readonly fullmm: boolean
  /** What must be flushed. */
  start: number
  end: number
  /** Pages (>0) and page-table frames (<0) that wait for the flush. */
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
    start: Infinity,
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
  tlb.pages.push(pfn)
  if (--tlb.room === 0 && !tlb_next_batch(k, tlb)) tlb_flush_mmu(k, tlb)
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

/** Flushes the translations and frees what was collected; the batches stay. */
export function tlb_flush_mmu(k: Kernel, tlb: MmuGather): void {
  if (tlb.end > tlb.start && !tlb.fullmm) flush_tlb_range(k, tlb.mm, tlb.start, tlb.end)
  tlb.start = Infinity
  tlb.end = 0
  if (tlb.pages.length > 0) {
    lru_add_drain(k)
    for (const pfn of tlb.pages) {
      if (pfn < 0) free_table(k, -pfn)
      else put_unmapped_page(k, pfn)
    }
    tlb.pages.length = 0
  }
  tlb.active = 0
  tlb.room = MMU_GATHER_BUNDLE
}

function free_table(k: Kernel, pfn: number): void {
  memcg_uncharge_table(k, pfn)
  free_page(k, pfn)
}

/** A page lost an entry: when it was the last one of it (of any part of a huge page), the page goes. */
export function put_unmapped_page(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  if ((flags & (PG_head | PG_tail)) === 0 || (flags & PG_hugetlb) !== 0) return free_page_and_swap_cache(k, pfn)
  const head = compound_head(k, pfn)
  if ((flags & PG_anon) === 0 || compound_ref_count(k, head) !== 0) return
  free_page_and_swap_cache(k, head)
}

export function tlb_finish_mmu(k: Kernel, tlb: MmuGather): void {
  tlb_flush_mmu(k, tlb)
  for (const pfn of tlb.batches) free_page(k, pfn)
  tlb.batches.length = 0
}
