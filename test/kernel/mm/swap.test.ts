import { mem_cgroup_flush_stats } from '../../../src-main/kernel/mm/lruvec_stat'
import { describe, expect, it } from 'vitest'
import {
  PG_active,
  PG_anon,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_uptodate,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { alloc_page } from '../../../src-main/kernel/mm/page_alloc'
import {
  folio_activate,
  folio_rotate_reclaimable,
  lru_add_drain,
  lru_cache_add,
  lru_note_cost,
  mark_page_accessed,
  mark_page_lazyfree,
  release_page,
} from '../../../src-main/kernel/mm/swap'
import { inactive_is_low } from '../../../src-main/kernel/mm/scan_count'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { GFP_HIGHUSER_MOVABLE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE } from '../../../src-main/kernel/kernel'
import { C } from '../../../src-shared/counters'
import { bare_machine } from '../../support/bare'

function anon_page(k: Kernel): number {
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE)
  k.page.flags[pfn]! |= PG_anon | PG_swapbacked | PG_uptodate
  lru_cache_add(k, pfn)
  return pfn
}

describe('LRU batches', () => {
  it('put a page on its list when fifteen are together', () => {
    const k = bare_machine()
    lru_add_drain(k)
    const before = k.vmstat[C.nr_inactive_anon]!
    for (let i = 0; i < 14; i++) anon_page(k)
    expect(k.vmstat[C.nr_inactive_anon]).toBe(before)
    anon_page(k)
    expect(k.vmstat[C.nr_inactive_anon]).toBe(before + 15)
  })

  it('forget a page that is freed', () => {
    const k = bare_machine()
    const pfn = anon_page(k)
    release_page(k, pfn)
    lru_add_drain(k)
    expect(k.page.flags[pfn]! & PG_lru).toBe(0)
    verify_lru(k)
  })
})

describe('a page of the LRU', () => {
  it('is referenced by the first touch and activated by the second', () => {
    const k = bare_machine()
    const pfn = anon_page(k)
    lru_add_drain(k)
    mark_page_accessed(k, pfn)
    expect(k.page.flags[pfn]! & (PG_referenced | PG_active)).toBe(PG_referenced)
    mark_page_accessed(k, pfn)
    lru_add_drain(k)
    expect(k.page.flags[pfn]! & (PG_referenced | PG_active)).toBe(PG_active)
    expect(k.vmstat[C.pgactivate]).toBe(1)
  })

  it('goes to the tail of its list after a write that reclaim asked for', () => {
    const k = bare_machine()
    const pages = Array.from({ length: 15 }, () => anon_page(k))
    k.page.flags[pages[14]!]! |= PG_reclaim
    folio_rotate_reclaimable(k, pages[14]!)
    lru_add_drain(k)
    expect(k.lru.tail[1 + LRU_INACTIVE_ANON]).toBe(pages[14])
    expect(k.vmstat[C.pgrotated]).toBe(1)
  })
})

it('MADV_FREE makes anonymous pages droppable as those of files: at the head of the inactive file list', () => {
  const k = bare_machine()
  lru_add_drain(k)
  const pages = Array.from({ length: 15 }, () => anon_page(k))
  const file = k.vmstat[C.nr_inactive_file]!
  const anon = k.vmstat[C.nr_inactive_anon]!
  for (const pfn of pages) mark_page_lazyfree(k, pfn)
  expect([k.vmstat[C.nr_inactive_file], k.vmstat[C.nr_inactive_anon]]).toEqual([file + 15, anon - 15])
  expect(k.lru.head[1 + LRU_INACTIVE_FILE]).toBe(pages[14])
  expect(k.vmstat[C.pglazyfree]).toBe(15)
  // A second time it is no anonymous page of the swap-backed kind any more.
  mark_page_lazyfree(k, pages[0]!)
  lru_add_drain(k)
  expect(k.vmstat[C.pglazyfree]).toBe(15)
  verify_lru(k)
})

describe('the balance of the lists', () => {
  it('wants as many inactive as active pages on a small machine', () => {
    const k = bare_machine()
    const pages = Array.from({ length: 300 }, () => anon_page(k))
    lru_add_drain(k)
    const half = (k.vmstat[C.nr_inactive_anon]! + k.vmstat[C.nr_active_anon]!) / 2
    let i = 0
    while (k.vmstat[C.nr_inactive_anon]! > half) {
      folio_activate(k, pages[i++]!)
      lru_add_drain(k)
    }
    mem_cgroup_flush_stats(k)
    expect(inactive_is_low(k, 0, LRU_INACTIVE_ANON)).toBe(k.vmstat[C.nr_inactive_anon]! < k.vmstat[C.nr_active_anon]!)
    folio_activate(k, pages[i]!)
    folio_activate(k, pages[i + 1]!)
    lru_add_drain(k)
    mem_cgroup_flush_stats(k)
    expect(inactive_is_low(k, 0, LRU_INACTIVE_ANON)).toBe(true)
  })

  it('remembers costs, the old ones ever less', () => {
    const k = bare_machine()
    for (let i = 0; i < 120; i++) anon_page(k)
    lru_add_drain(k)
    for (let i = 0; i < 100; i++) lru_note_cost(k, 0, false, 32)
    const size = k.vmstat[C.nr_inactive_anon]! + k.vmstat[C.nr_active_anon]!
    expect(k.lruvec.anon_cost[1]).toBeLessThanOrEqual(size / 4 + 32)
    const anon = k.lruvec.anon_cost[1]!
    for (let i = 0; i < 20; i++) lru_note_cost(k, 0, true, 32)
    expect(k.lruvec.anon_cost[1]!).toBeLessThan(anon)
    expect(k.lruvec.file_cost[1]!).toBeGreaterThan(k.lruvec.anon_cost[1]!)
  })
})
