/**
 * How near each frame is to being reclaimed: its place between the newest and the oldest page of its kind, in fifths. The
 * kernel keeps no times of pages; what it has is their order: active before inactive and head before tail, or the
 * generations from the youngest on.
 */
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  MAX_NR_ZONES,
  type Kernel,
} from '../../kernel/kernel'
import { get_nr_gens, lru_gen_enabled, lru_gen_from_seq, lru_gen_list, lru_gen_row } from '../../kernel/mm/lru_gen'
import { folio_nr_pages, lru_row } from '../../kernel/mm/swap'

const FIFTHS = 5
const LISTS = [
  [LRU_ACTIVE_ANON, LRU_INACTIVE_ANON],
  [LRU_ACTIVE_FILE, LRU_INACTIVE_FILE],
] as const

/** A byte a frame: 1–5 anonymous, 6–10 file, 0 on no list. */
export function paintAge(k: Kernel, from: number, count: number): Uint8Array {
  const age = new Uint8Array(count)
  for (let memcg = 0; memcg === 0 || memcg < k.memcg.meta.high; memcg++)
    for (const kind of [0, 1]) {
      const heads = lru_gen_enabled(k)
        ? generations(k, memcg, kind)
        : LISTS[kind]!.map((lru) => k.lru.head[lru_row(memcg, lru)]!)
      paintLists(k, heads, kind * FIFTHS, { age, from })
    }
  return age
}

/** First pages of the lists of a kind, the youngest generation first. */
function generations(k: Kernel, memcg: number, kind: number): number[] {
  const row = lru_gen_row(memcg)
  const heads: number[] = []
  for (let i = 0; i < get_nr_gens(k, row, kind); i++) {
    const gen = lru_gen_from_seq(k.lru_gen.max_seq[row]! - i)
    for (let zone = 0; zone < MAX_NR_ZONES; zone++)
      heads.push(k.lru_gen_list.head[lru_gen_list(memcg, gen, kind, zone)]!)
  }
  return heads
}

/** Goes over the lists twice: how many pages there are, then which fifth each is in. */
function paintLists(k: Kernel, heads: readonly number[], base: number, to: { age: Uint8Array; from: number }): void {
  let total = 0
  for (const head of heads) for (let pfn = head; pfn !== 0; pfn = k.page.next[pfn]!) total += folio_nr_pages(k, pfn)
  let before = 0
  for (const head of heads)
    for (let pfn = head; pfn !== 0; pfn = k.page.next[pfn]!) {
      const pages = folio_nr_pages(k, pfn)
      const value = base + 1 + Math.min(FIFTHS - 1, Math.floor((before * FIFTHS) / total))
      const first = pfn - to.from
      to.age.fill(value, Math.max(0, first), Math.max(0, first + pages))
      before += pages
    }
}
