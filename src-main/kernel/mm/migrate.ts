/**
 * Moving a page to another frame: everything that names the old frame is made to name the new one.
 *
 * Linux: mm/migrate.c (unmap_and_move, folio_migrate_mapping, remove_migration_ptes).
 * Simplified: entries are rewritten at once, without migration entries in between; locked pages, pages under I/O and huge
 * pages are not moved.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { charge } from '../task'
import { COST } from '../costs'
import { xa_leaf } from '../lib/xarray'
import { flush_tlb_page } from '../arch/x86/tlb_flush'
import {
  PG_anon,
  PG_hugetlb,
  PG_isolated,
  PG_ksm,
  PG_locked,
  PG_swapcache,
  PG_head,
  PG_tail,
  PG_writeback,
  PTE_SHIFT,
  type Kernel,
} from '../kernel'
import { buffer_busy, invalidate_bh_lrus } from './buffer'
import { ksm_migrate_page } from './ksm_stable'
import { free_page } from './page_alloc'
import { is_gathered } from './mmu_gather'
import { page_vma_mapped, rmap_walk } from './rmap'
import { is_orphan, putback_lru_page } from './swap'
import { swap_cache_store } from './swap_space'
import { swap_area_of } from './swapfile'

const UNMOVABLE = PG_locked | PG_writeback | PG_hugetlb | PG_head | PG_tail
const PTE_FLAGS = (1 << PTE_SHIFT) - 1

/** Moves an isolated LRU page to the free frame `to`, puts that on the LRU and frees the old one. False: it stays. */
export function migrate_page(k: Kernel, from: number, to: number): boolean {
  const page = k.page
  const flags = page.flags[from]!
  assert((flags & PG_isolated) !== 0 && page.flags[to] === 0, 'migrate_page: not isolated, or no free target')
  charge(k, COST.migrate_page)
  if (
    (flags & UNMOVABLE) !== 0 ||
    held_by_buffers(k, from) ||
    is_orphan(k, from) ||
    is_gathered(k, from) ||
    !move_ptes(k, from, to)
  ) {
    k.vmstat[C.pgmigrate_fail]!++
    return false
  }
  move_mapping(k, from, to)
  page.flags[to] = flags
  page.mapping[to] = page.mapping[from]!
  page.index[to] = page.index[from]!
  page.mapcount[to] = page.mapcount[from]!
  page.memcg[to] = page.memcg[from]!
  page.private[to] = page.private[from]!
  if ((flags & PG_ksm) !== 0) ksm_migrate_page(k, to)
  page.lru_gen[to] = page.lru_gen[from]!
  page.lru_gen[from] = 0
  page.flags[from] = 0
  page.mapcount[from] = 0
  page.memcg[from] = 0
  free_page(k, from)
  putback_lru_page(k, to)
  k.vmstat[C.pgmigrate_success]!++
  return true
}

/** buffer_migrate_folio_norefs: a page of metadata stays when somebody has its buffer heads, after the CPUs let go of theirs. */
function held_by_buffers(k: Kernel, from: number): boolean {
  if ((k.page.flags[from]! & PG_anon) !== 0 || !buffer_busy(k, from)) return false
  invalidate_bh_lrus(k)
  return buffer_busy(k, from)
}

/** Rewrites every entry that maps the frame. False when an entry is not found where the reverse map says it is. */
function move_ptes(k: Kernel, from: number, to: number): boolean {
  const mapcount = k.page.mapcount[from]!
  if (mapcount === 0) return true
  const slots: number[] = []
  rmap_walk(k, from, (vma, addr) => {
    const slot = page_vma_mapped(k, from, vma, addr)
    if (slot === 0) return true
    slots.push(slot)
    flush_tlb_page(k, k.vma.mm[vma]!, addr)
    return slots.length < mapcount
  })
  if (slots.length !== mapcount) return false
  for (const slot of slots) k.pt.entry[slot] = (k.pt.entry[slot]! & PTE_FLAGS) | (to << PTE_SHIFT)
  return true
}

/** The page cache or the swap cache names the new frame. */
function move_mapping(k: Kernel, from: number, to: number): void {
  const flags = k.page.flags[from]!
  if ((flags & PG_swapcache) !== 0) {
    const slot = k.page.private[from]!
    swap_cache_store(k, swap_area_of(k, slot), slot, to)
  }
  if ((flags & PG_anon) !== 0 || k.page.mapping[from] === 0 || (flags & PG_swapcache) !== 0) return
  const inode = k.page.mapping[from]!
  if (k.inode.xa_height[inode] === 0) {
    assert(k.inode.xa_root[inode] === from, 'migrate_page: not in its page cache')
    k.inode.xa_root[inode] = to
    return
  }
  const index = k.page.index[from]!
  const node = xa_leaf(k, inode, index)
  const slot = node * 64 + (index & 63)
  assert(node !== 0 && k.xa.slot[slot] === from, 'migrate_page: not in its page cache')
  k.xa.slot[slot] = to
}
