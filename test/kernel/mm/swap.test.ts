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
  deactivate_page,
  folio_activate,
  folio_rotate_reclaimable,
  isolate_lru_page,
  lru_add_drain,
  lru_cache_add,
  lru_note_cost,
  mark_page_accessed,
  putback_lru_page,
  release_page,
} from '../../../src-main/kernel/mm/swap'
import { inactive_is_low } from '../../../src-main/kernel/mm/scan_count'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { GFP_HIGHUSER_MOVABLE, LRU_INACTIVE_ANON } from '../../../src-main/kernel/kernel'
import { C } from '../../../src-shared/counters'
import { bare_machine } from '../../support/bare'
import { random } from './machine'

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
    expect(inactive_is_low(k, 0, LRU_INACTIVE_ANON)).toBe(k.vmstat[C.nr_inactive_anon]! < k.vmstat[C.nr_active_anon]!)
    folio_activate(k, pages[i]!)
    folio_activate(k, pages[i + 1]!)
    lru_add_drain(k)
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

describe('random use', () => {
  it.each([11, 12, 13])('keeps lists, batches and counts together, seed %i', (seed) => {
    const k = bare_machine({ cpus: 2 })
    const below = random(seed * 104729)
    const pages: number[] = []
    const isolated: number[] = []
    for (let i = 0; i < 3000; i++) {
      k.var.cpu = below(2)
      const what = below(10)
      const pfn = pages[below(Math.max(1, pages.length))]
      if (what < 3 || pfn === undefined) pages.push(anon_page(k))
      else if (what === 3) mark_page_accessed(k, pfn)
      else if (what === 4) folio_activate(k, pfn)
      else if (what === 5) deactivate_page(k, pfn)
      else if (what === 6 && (k.page.flags[pfn]! & PG_lru) !== 0) folio_rotate_reclaimable(k, pfn)
      else if (what === 7 && isolate_lru_page(k, pfn)) {
        pages.splice(pages.indexOf(pfn), 1)
        isolated.push(pfn)
      } else if (what === 8 && isolated.length > 0) {
        const back = isolated.pop()!
        putback_lru_page(k, back)
        pages.push(back)
      } else if (what === 9) {
        pages.splice(pages.indexOf(pfn), 1)
        release_page(k, pfn)
      }
      if (i % 300 === 0) check(k, isolated)
    }
    check(k, isolated)
  })
})

/** Drained at every step, the lists are two arrays: heads first, and a mark of every page that was referenced. */
describe('random use against two arrays', () => {
  it.each([21, 22, 23])('keeps every page where a naive model has it, seed %i', (seed) => {
    const k = bare_machine()
    lru_add_drain(k)
    const below = random(seed * 15485863)
    const start = [0, 1].map((lru) => list(k, LRU_INACTIVE_ANON + lru))
    const lists: number[][] = [[], []]
    const referenced = new Set<number>()
    const move = (pfn: number, to: number, tail = false): void => {
      for (const pages of lists) if (pages.includes(pfn)) pages.splice(pages.indexOf(pfn), 1)
      if (tail) lists[to]!.push(pfn)
      else lists[to]!.unshift(pfn)
    }
    for (let i = 0; i < 1500; i++) {
      const all = [...lists[0]!, ...lists[1]!]
      const pfn = all[below(Math.max(1, all.length))]
      const active = pfn !== undefined && lists[1]!.includes(pfn)
      const what = below(8)
      if (what < 2 || pfn === undefined) lists[0]!.unshift(anon_page(k))
      else if (what < 4) {
        mark_page_accessed(k, pfn)
        if (!referenced.has(pfn)) referenced.add(pfn)
        else if (!active) {
          referenced.delete(pfn)
          move(pfn, 1)
        }
      } else if (what === 4) {
        folio_activate(k, pfn)
        if (!active) move(pfn, 1)
      } else if (what === 5) {
        deactivate_page(k, pfn)
        if (active) {
          referenced.delete(pfn)
          move(pfn, 0)
        }
      } else if (what === 6) {
        folio_rotate_reclaimable(k, pfn)
        // Behind the pages that were there before the test.
        move(pfn, 0, true)
      } else {
        release_page(k, pfn)
        for (const pages of lists) if (pages.includes(pfn)) pages.splice(pages.indexOf(pfn), 1)
        referenced.delete(pfn)
      }
      lru_add_drain(k)
    }
    const mine = new Set([...lists[0]!, ...lists[1]!])
    for (const lru of [0, 1])
      expect(list(k, LRU_INACTIVE_ANON + lru).filter((pfn) => mine.has(pfn))).toEqual(lists[lru])
    for (const pfn of mine) expect((k.page.flags[pfn]! & PG_referenced) !== 0).toBe(referenced.has(pfn))
    expect(start.flat().every((pfn) => !mine.has(pfn))).toBe(true)
    verify_lru(k)
  })
})

/** Pages of a list, the head first. */
function list(k: Kernel, lru: number): number[] {
  const pages: number[] = []
  for (let pfn = k.lru.head[1 + lru]!; pfn !== 0; pfn = k.page.next[pfn]!) pages.push(pfn)
  return pages
}

/** Isolated pages are on no list; everything else must hold. */
function check(k: Kernel, isolated: number[]): void {
  const active = isolated.map((pfn) => k.page.flags[pfn]! & PG_active)
  isolated.forEach((pfn) => (k.page.flags[pfn]! &= ~PG_active))
  verify_lru(k)
  isolated.forEach((pfn, i) => (k.page.flags[pfn]! |= active[i]!))
}
