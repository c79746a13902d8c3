/** What must always hold of the LRU lists and their batches. Walks every list; throws KernelBug. */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  LRU_UNEVICTABLE,
  MAX_NR_ZONES,
  NR_LRU_LISTS,
  PG_active,
  PG_isolated,
  PG_lru,
  PG_unevictable,
  type Kernel,
} from '../kernel'
import { kswapd_isolated } from './kswapd'
import { lru_gen_enabled } from './lru_gen'
import { folio_lru_list, folio_nr_pages, folio_zone, PAGEVEC_SIZE } from './swap'
import { verify_lru_gen } from './verify_lru_gen'

export function verify_lru(k: Kernel): void {
  const on_list = new Uint8Array(k.page.meta.high)
  const sums = [0, 0, 0, 0, 0]
  const zones = new Float64Array(MAX_NR_ZONES * NR_LRU_LISTS)
  for (let row = 1; row < k.lru.head.length; row++) {
    const lru = (row - 1) % NR_LRU_LISTS
    const memcg = Math.floor((row - 1) / NR_LRU_LISTS)
    if (lru === LRU_UNEVICTABLE) continue
    let nr = 0
    let prev = 0
    for (let pfn = k.lru.head[row]!; pfn !== 0; prev = pfn, pfn = k.page.next[pfn]!) {
      const flags = k.page.flags[pfn]!
      assert(on_list[pfn] === 0, 'lru: a page is twice on a list')
      on_list[pfn] = 1
      assert(k.page.prev[pfn] === prev, 'lru: broken links')
      assert((flags & PG_lru) !== 0, 'lru: a listed page is not marked')
      assert(!lru_gen_enabled(k), 'lru: a page on a classic list while the generations are on')
      assert(folio_lru_list(flags) === lru && k.page.memcg[pfn] === memcg, 'lru: a page is on the wrong list')
      nr += folio_nr_pages(k, pfn)
      zones[folio_zone(k, pfn) * NR_LRU_LISTS + lru]! += folio_nr_pages(k, pfn)
    }
    assert(k.lru.tail[row] === prev, 'lru: wrong tail')
    assert(k.lru.nr[row] === nr, 'lru: size and length differ')
    sums[lru]! += nr
  }
  verify_lru_gen(k, on_list, sums, zones)
  count_unevictable(k, on_list, sums, zones)
  for (let lru = 0; lru < NR_LRU_LISTS; lru++) {
    assert(k.vmstat[C.nr_inactive_anon + lru] === sums[lru], 'lru: vmstat differs')
    for (let zone = 0; zone < MAX_NR_ZONES; zone++)
      assert(k.zone.nr_lru[(zone + 1) * 5 + lru] === zones[zone * NR_LRU_LISTS + lru], 'lru: a zone differs')
  }
  verify_batches(k)
  const [anon, file] = kswapd_isolated(k)
  assert(
    k.vmstat[C.nr_isolated_anon] === anon && k.vmstat[C.nr_isolated_file] === file,
    'lru: isolated pages left over',
  )
}

/** Every marked page is on a list, or unevictable. */
function count_unevictable(k: Kernel, on_list: Uint8Array, sums: number[], zones: Float64Array): void {
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    const flags = k.page.flags[pfn]!
    if ((flags & PG_lru) === 0) {
      // In a batch on its way to its list, or judged by kswapd, which has not put it back yet.
      const on_its_way = k.page.prev[pfn]! < 0 || (flags & PG_isolated) !== 0
      assert((flags & (PG_unevictable | PG_active)) === 0 || on_its_way, 'lru: active, but nowhere')
      continue
    }
    if ((flags & PG_unevictable) === 0) {
      assert(on_list[pfn] === 1, 'lru: a marked page is on no list')
      continue
    }
    sums[LRU_UNEVICTABLE]! += folio_nr_pages(k, pfn)
    zones[folio_zone(k, pfn) * NR_LRU_LISTS + LRU_UNEVICTABLE]! += folio_nr_pages(k, pfn)
  }
}

function verify_batches(k: Kernel): void {
  let pending = 0
  for (let row = 1; row < k.lru_batch.meta.high; row++) {
    assert(k.lru_batch.nr[row]! < PAGEVEC_SIZE, 'lru: a full batch was not drained')
    for (let i = 0; i < k.lru_batch.nr[row]!; i++) {
      const pfn = k.lru_batch.pfn[row * PAGEVEC_SIZE + i]!
      const flags = k.page.flags[pfn]!
      if ((row - 1) % 8 === 0)
        assert((flags & PG_lru) === 0 && k.page.prev[pfn] === -row, 'lru: a batched page does not know its batch')
      else assert((flags & (PG_lru | PG_isolated)) === (PG_lru | PG_isolated), 'lru: a batched page is not marked')
      pending++
    }
  }
  let marked = 0
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    const flags = k.page.flags[pfn]!
    if ((flags & (PG_lru | PG_isolated)) === (PG_lru | PG_isolated)) marked++
    else if ((flags & PG_lru) === 0 && k.page.prev[pfn]! < 0) marked++
  }
  assert(marked === pending, 'lru: batches and marks differ')
}
