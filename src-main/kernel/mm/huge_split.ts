/**
 * Splitting a huge page into 512 pages of their own: reclaim does it before it swaps, and to huge pages that lost parts
 * (deferred_split.ts). The PMD entries are split first; frames that nobody maps go back at once.
 *
 * Linux: mm/huge_memory.c (split_huge_page_to_list, __split_huge_page).
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  PG_anon_exclusive,
  PG_head,
  PG_isolated,
  PG_lru,
  PG_ORDER_SHIFT,
  PG_swapcache,
  PG_tail,
  PG_writeback,
  PTE_PS,
  PTE_SHIFT,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset } from '../arch/x86/pgtable'
import { deferred_split_huge_page, undo_deferred_split } from './deferred_split'
import { __split_huge_pmd, compound_ref_count, HPAGE_PMD_NR } from './huge_memory'
import { mem_cgroup_split } from './memcontrol'
import { rmap_walk } from './rmap'
import { is_gathered } from './mmu_gather'
import { is_isolated, isolate_lru_page, lru_cache_add, release_page } from './swap'

const COMPOUND = PG_head | PG_tail | (15 << PG_ORDER_SHIFT)

/**
 * Splits the huge page of a frame. The parts of an isolated page stay isolated, else they go to the LRU; unmapped ones are
 * freed. False when it cannot be split now: somebody else than the caller (`holds`: it isolated the page) holds it.
 */
export function split_huge_page(k: Kernel, pfn: number, holds = false): boolean {
  const page = k.page
  const flags = page.flags[pfn]!
  assert((flags & PG_head) !== 0, 'split_huge_page: not a head')
  const isolated = is_isolated(k, pfn)
  if ((flags & (PG_writeback | PG_swapcache)) !== 0 || is_gathered(k, pfn) || isolated !== holds) {
    k.vmstat[C.thp_split_page_failed]!++
    return false
  }
  rmap_walk(k, pfn, (vma, addr) => {
    const pmd = pmd_offset(k, k.vma.mm[vma]!, addr)
    const entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
    if ((entry & PTE_PS) !== 0 && entry >>> PTE_SHIFT === pfn) __split_huge_pmd(k, vma, pmd, addr)
    return true
  })
  // unmap_folio: the first of its entries to be replaced queues it, as any that goes does; then it leaves the queue.
  if (compound_ref_count(k, pfn) > 0) deferred_split_huge_page(k, pfn)
  undo_deferred_split(k, pfn)
  if (!isolated) isolate_lru_page(k, pfn)
  const memcg = page.memcg[pfn]!
  const mapping = page.mapping[pfn]!
  const index = page.index[pfn]!
  const kept = page.flags[pfn]! & ~(COMPOUND | PG_isolated | PG_lru | PG_anon_exclusive)
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const part = pfn + i
    const own = page.flags[part]! & PG_anon_exclusive
    page.flags[part] = kept | own | (isolated ? PG_isolated : 0)
    page.mapping[part] = mapping
    page.index[part] = (index + i) | 0
    page.private[part] = 0
    page.lru_gen[part] = page.lru_gen[pfn]!
    mem_cgroup_split(k, part, memcg)
  }
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const part = pfn + i
    if (page.mapcount[part] === 0 && !(i === 0 && isolated)) release_page(k, part)
    else if (!isolated) lru_cache_add(k, part)
  }
  k.vmstat[C.thp_split_page]!++
  charge(k, COST.zap_table)
  return true
}
