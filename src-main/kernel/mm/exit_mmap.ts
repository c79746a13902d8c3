/**
 * Tearing an address space down, in pieces: who exits may be made to wait between two of them, and others find it half done.
 *
 *   entries of each table ── MMF_OOM_SKIP ── tables ── what was gathered, a batch at a time ── areas, one by one
 *
 * Until its pages are unmapped the OOM killer waits for a victim; from then on it looks for another, though the gathered
 * pages are not free yet. Linux: mm/mmap.c exit_mmap with the cond_resched of zap_pmd_range, tlb_batch_pages_flush and of
 * the loop over remove_vma. Simplified: a table of entries is one piece.
 */
import { assert } from '@shared/assert'
import { MMF_OOM_SKIP, type Kernel } from '../kernel'
import { tlb_drop_mm } from '../arch/x86/tlb_flush'
import { mt_destroy } from './maple_tree'
import { remove_vma } from './mmap'
import { tlb_finish_batch, tlb_finish_mmu, tlb_gather_mmu, type MmuGather } from './mmu_gather'
import { update_hiwater_rss } from './rss_stat'
import { lru_add_drain } from './swap'
import { vma_list_remove } from './vma'
import { free_pgtables, zap_next } from './zap'

/** How far a teardown is (`mm.exit_stage`): 0 none; `mm.exit_vma` and `mm.exit_addr` say where entries go next. */
const UNMAP = 1
const FLUSH = 2
const REMOVE = 3

/** What teardowns under way have gathered, by address space. */
export function exit_gathers(k: Kernel): Record<number, MmuGather> {
  return (k.var.mod['exit_gathers'] ?? {}) as Record<number, MmuGather>
}

/** Whether the areas of an address space go already: its tree does not follow. */
export function exit_removes_areas(k: Kernel, mm: number): boolean {
  return k.mm.exit_stage[mm] === REMOVE
}

/** How many teardowns are under way. */
export function nr_exit_mmaps(k: Kernel): number {
  let nr = 0
  for (let mm = 1; mm < k.mm.meta.high; mm++) if (k.mm.exit_stage[mm] !== 0) nr++
  return nr
}

/** True when there is nothing to tear down. */
export function exit_mmap_begin(k: Kernel, mm: number): boolean {
  update_hiwater_rss(k, mm)
  const first = k.mm.vma_head[mm]!
  if (first === 0) return true
  lru_add_drain(k)
  k.var.mod['exit_gathers'] = { ...exit_gathers(k), [mm]: tlb_gather_mmu(k, mm, true) }
  k.mm.exit_stage[mm] = UNMAP
  k.mm.exit_vma[mm] = first
  k.mm.exit_addr[mm] = k.vma.vm_start[first]!
  return false
}

/** One piece; true when it was the last. */
export function exit_mmap_step(k: Kernel, mm: number): boolean {
  switch (k.mm.exit_stage[mm]) {
    case UNMAP:
      unmap_piece(k, mm)
      return false
    case FLUSH:
      flush_piece(k, mm)
      return false
    default:
      return remove_piece(k, mm)
  }
}

/** All of it at once: an address space that nobody waits for (a failed fork, an exec). */
export function exit_mmap(k: Kernel, mm: number): void {
  if (!exit_mmap_begin(k, mm)) while (!exit_mmap_step(k, mm));
}

function unmap_piece(k: Kernel, mm: number): void {
  const vma = k.mm.exit_vma[mm]!
  const end = k.vma.vm_end[vma]!
  const next = zap_next(k, exit_gathers(k)[mm]!, vma, k.mm.exit_addr[mm]!, end)
  k.mm.exit_addr[mm] = next
  if (next < end) return
  const following = k.vma.next[vma]!
  k.mm.exit_vma[mm] = following
  if (following !== 0) k.mm.exit_addr[mm] = k.vma.vm_start[following]!
  else all_unmapped(k, mm)
}

/** The OOM killer need not wait any longer; the tables go, with the lock held. */
function all_unmapped(k: Kernel, mm: number): void {
  k.mm.flags[mm]! |= MMF_OOM_SKIP
  const vmas: number[] = []
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) vmas.push(vma)
  free_pgtables(k, exit_gathers(k)[mm]!, vmas, 0, 0)
  tlb_drop_mm(k, mm)
  k.mm.exit_stage[mm] = FLUSH
}

function flush_piece(k: Kernel, mm: number): void {
  const tlb = exit_gathers(k)[mm]!
  if (!tlb_finish_batch(k, tlb)) return
  tlb_finish_mmu(k, tlb)
  delete exit_gathers(k)[mm]
  k.mm.exit_stage[mm] = REMOVE
}

function remove_piece(k: Kernel, mm: number): boolean {
  const vma = k.mm.vma_head[mm]!
  vma_list_remove(k, mm, vma)
  remove_vma(k, mm, vma)
  if (k.mm.vma_head[mm] !== 0) return false
  mt_destroy(k, mm)
  assert(k.mm.pgtables_bytes[mm] === 0, 'exit_mmap: page tables are left')
  k.mm.exit_stage[mm] = 0
  return true
}
