/**
 * Address spaces: making one, the last user going, tearing it down.
 *
 * Linux: kernel/fork.c (mm_init, mmput).
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { exit_mmap, exit_mmap_begin, exit_mmap_step } from './exit_mmap'
import { fput } from './file_table'
import { khugepaged_exit } from './khugepaged'
import { ksm_exit } from './ksm'
import { lru_gen_del_mm } from './lru_gen_mm'
import { pgd_alloc, pgd_free } from './pgalloc'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'

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
  if (!mm_users_gone(k, mm)) return
  exit_mmap(k, mm)
  mm_free(k, mm)
}

/** mmput of who exits: false when others use the address space, else the teardown begins. */
export function mmput_begin(k: Kernel, mm: number): boolean {
  if (!mm_users_gone(k, mm)) return false
  exit_mmap_begin(k, mm)
  return true
}
/** A piece of it; true when the address space is gone. */
export function mmput_step(k: Kernel, mm: number): boolean {
  if (k.mm.exit_stage[mm] !== 0 && !exit_mmap_step(k, mm)) return false
  mm_free(k, mm)
  return true
}

function mm_users_gone(k: Kernel, mm: number): boolean {
  assert(k.mm.mm_users[mm]! > 0, 'mmput: no users')
  if (--k.mm.mm_users[mm]! > 0) return false
  lru_gen_del_mm(k, mm)
  ksm_exit(k, mm)
  return true
}

function mm_free(k: Kernel, mm: number): void {
  khugepaged_exit(k, mm)
  if (k.mm.exe_file[mm] !== 0) fput(k, k.mm.exe_file[mm]!)
  pgd_free(k, mm)
  kmem_cache_free(k, CACHES(k).mm_struct, k.mm.obj[mm * 4]!)
  row_free(k.mm, mm)
}
