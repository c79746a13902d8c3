/** What must always hold of the generations and of the lists of address spaces. Adds what it counts to verify_lru's sums. */
import { assert } from '@shared/assert'
import { MAX_NR_ZONES, NR_LRU_LISTS, PG_active, PG_lru, PG_unevictable, type Kernel } from '../kernel'
import {
  ANON_AND_FILE,
  folio_list_gen,
  folio_lru_gen,
  folio_type,
  get_nr_gens,
  LISTS_PER_LRUVEC,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lru_gen_enabled,
  lru_gen_is_active,
  lru_gen_list,
  lru_gen_row,
  MAX_NR_GENS,
  MIN_NR_GENS,
  nr_pages_at,
} from './lru_gen'
import { nr_exit_mmaps } from './exit_mmap'
import { folio_nr_pages, folio_zone } from './swap'

export function verify_lru_gen(k: Kernel, on_list: Uint8Array, sums: number[], zones: Float64Array): void {
  const counted = new Float64Array(k.lru_gen.meta.high * LISTS_PER_LRUVEC)
  for (let row = 1; row < k.lru_gen.meta.high; row++) {
    verify_seqs(k, row)
    for (let gen = 0; gen < MAX_NR_GENS; gen++)
      for (let type = 0; type < ANON_AND_FILE; type++)
        for (let zone = 0; zone < MAX_NR_ZONES; zone++) verify_list(k, row, gen, type, zone, on_list, counted)
  }
  for (let row = 1; row < k.lru_gen.meta.high; row++)
    for (let gen = 0; gen < MAX_NR_GENS; gen++)
      for (let type = 0; type < ANON_AND_FILE; type++)
        for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
          const at = nr_pages_at(row, gen, type, zone)
          assert(k.lru_gen.nr_pages[at] === counted[at], 'lru_gen: size and pages differ')
          if (counted[at] === 0) continue
          const lru = type * 2 + (lru_gen_is_active(k, row, gen) ? 1 : 0)
          sums[lru]! += counted[at]!
          zones[zone * NR_LRU_LISTS + lru]! += counted[at]!
        }
  for (let pfn = 1; pfn < k.page.meta.high; pfn++)
    assert(folio_lru_gen(k, pfn) < 0 || on_list[pfn] === 1, 'lru_gen: a page names a generation, but is on no list')
  verify_mm_lists(k)
}

/** At least two generations, at most four; file pages may be evicted further than anonymous ones. */
function verify_seqs(k: Kernel, row: number): void {
  if (k.lru_gen.max_seq[row] === 0) return
  const anon = get_nr_gens(k, row, LRU_GEN_ANON)
  const file = get_nr_gens(k, row, LRU_GEN_FILE)
  assert(file >= MIN_NR_GENS && file <= anon && anon <= MAX_NR_GENS, 'lru_gen: too few generations, or too many')
}

function verify_list(
  k: Kernel,
  row: number,
  gen: number,
  type: number,
  zone: number,
  on_list: Uint8Array,
  counted: Float64Array,
): void {
  const memcg = row - 1
  const list = lru_gen_list(memcg, gen, type, zone)
  let prev = 0
  for (let pfn = k.lru_gen_list.head[list]!; pfn !== 0; prev = pfn, pfn = k.page.next[pfn]!) {
    const flags = k.page.flags[pfn]!
    assert(on_list[pfn] === 0, 'lru_gen: a page is twice on a list')
    on_list[pfn] = 1
    assert(lru_gen_enabled(k), 'lru_gen: a page in a generation, but they are off')
    assert(k.page.prev[pfn] === prev, 'lru_gen: broken links')
    assert((flags & (PG_lru | PG_active | PG_unevictable)) === PG_lru, 'lru_gen: wrong flags')
    assert(folio_list_gen(k, pfn) === gen && folio_type(k, pfn) === type, 'lru_gen: a page is on the wrong list')
    assert(folio_zone(k, pfn) === zone && k.page.memcg[pfn] === memcg, 'lru_gen: a page of another zone or cgroup')
    counted[nr_pages_at(lru_gen_row(memcg), folio_lru_gen(k, pfn), type, zone)]! += folio_nr_pages(k, pfn)
  }
  assert(k.lru_gen_list.tail[list] === prev, 'lru_gen: wrong tail')
}

/** Every address space is on the list of its owner's cgroup. */
function verify_mm_lists(k: Kernel): void {
  // Those that are torn down have left theirs.
  let listed = nr_exit_mmaps(k)
  for (let row = 1; row < k.lru_gen.meta.high; row++) {
    let prev = 0
    for (let mm = k.lru_gen.mm_head[row]!; mm !== 0; prev = mm, mm = k.mm.lru_gen_next[mm]!) {
      assert(k.mm.lru_gen_prev[mm] === prev && k.mm.lru_gen_memcg[mm] === row, 'lru_gen: a broken list of mms')
      assert(k.task.cgroup[k.mm.owner[mm]!] === row - 1, 'lru_gen: an mm of another cgroup')
      listed++
    }
    assert(k.lru_gen.mm_tail[row] === prev, 'lru_gen: wrong tail of mms')
  }
  assert(listed === k.mm.meta.nr_live, 'lru_gen: an mm is not listed')
}
