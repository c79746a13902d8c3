/**
 * Address spaces: making one, the last user going, tearing it down.
 *
 * Linux: kernel/fork.c (mm_init, mmput), mm/mmap.c (exit_mmap).
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { tlb_drop_mm } from '../arch/x86/tlb_flush'
import { fput } from './file_table'
import { khugepaged_exit } from './khugepaged'
import { ksm_exit } from './ksm'
import { lru_gen_del_mm } from './lru_gen_mm'
import { tlb_finish_mmu, tlb_gather_mmu } from './mmu_gather'
import { mt_destroy } from './maple_tree'
import { remove_vma } from './mmap'
import { pgd_alloc, pgd_free } from './pgalloc'
import { update_hiwater_rss } from './rss_stat'
import { lru_add_drain } from './swap'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { vma_list_remove } from './vma'
import { free_pgtables, unmap_single_vma } from './zap'

/** An empty address space with its PGD; 0 when memory is out. */
export function mm_alloc(k: Kernel, owner: number): number {
  const obj = kmem_cache_alloc(k, CACHES(k).mm_struct, GFP_KERNEL)
  if (obj === 0) return 0
  const mm = row_alloc(k.mm)
  assert(mm !== 0, 'mm_alloc: the table is full')
  k.mm.obj[mm * 4] = obj
  k.mm.mm_users[mm] = 1
  k.mm.owner[mm] = owner
  if (pgd_alloc(k, mm)) return mm
  kmem_cache_free(k, CACHES(k).mm_struct, obj)
  row_free(k.mm, mm)
  return 0
}

export function mmget(k: Kernel, mm: number): void {
  k.mm.mm_users[mm]!++
}

/** One user less; the last one tears the address space down. */
export function mmput(k: Kernel, mm: number): void {
  assert(k.mm.mm_users[mm]! > 0, 'mmput: no users')
  if (--k.mm.mm_users[mm]! > 0) return
  lru_gen_del_mm(k, mm)
  ksm_exit(k, mm)
  exit_mmap(k, mm)
  khugepaged_exit(k, mm)
  if (k.mm.exe_file[mm] !== 0) fput(k, k.mm.exe_file[mm]!)
  pgd_free(k, mm)
  kmem_cache_free(k, CACHES(k).mm_struct, k.mm.obj[mm * 4]!)
  row_free(k.mm, mm)
}

/** Unmaps everything in one gather, then frees the tables, then the areas. */
export function exit_mmap(k: Kernel, mm: number): void {
  update_hiwater_rss(k, mm)
  const vmas: number[] = []
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) vmas.push(vma)
  if (vmas.length === 0) return
  lru_add_drain(k)
  const tlb = tlb_gather_mmu(k, mm, true)
  for (const vma of vmas) unmap_single_vma(k, tlb, vma, 0, Infinity)
  free_pgtables(k, tlb, vmas, 0, 0)
  tlb_drop_mm(k, mm)
  tlb_finish_mmu(k, tlb)
  for (const vma of vmas) {
    vma_list_remove(k, mm, vma)
    remove_vma(k, mm, vma)
  }
  mt_destroy(k, mm)
  assert(k.mm.pgtables_bytes[mm] === 0, 'exit_mmap: page tables are left')
}
