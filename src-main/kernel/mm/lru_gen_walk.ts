/**
 * Looking for used pages in page tables: a walk over address spaces (aging), and around an entry that the reverse map found
 * used (eviction). Each clears the accessed bits it sees and puts the pages into a young generation.
 *
 * A walk looks only into PTE tables whose PMD entry was used (LRU_GEN_NONLEAF_YOUNG), and of those that were there at the
 * last walk only into the ones where that walk, or the reverse map since, found at least one used entry in eight: their
 * table names the generation (`pt.walk_seq`, even and odd ones in turn).
 *
 * Linux: mm/vmscan.c (walk_mm, walk_pmd_range, walk_pte_range, should_skip_vma, get_pfn_folio, lru_gen_look_around,
 * reset_bloom_filter). Simplified: Linux's two Bloom filters a lruvec are exact here (no false positives) and known by the
 * table; their memory is taken all the same. A walk is one piece: no other task runs in it.
 */
import {
  __GFP_HIGH,
  __GFP_NOMEMALLOC,
  __GFP_NOWARN,
  PG_anon,
  PG_dirty,
  PG_swapbacked,
  PG_swapcache,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  VM_HUGETLB,
  VM_LOCKED,
  VM_RAND_READ,
  VM_SEQ_READ,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { PMD_SIZE, pmd_offset, PTRS, PUD_SIZE, pud_offset } from '../arch/x86/pgtable'
import { is_shmem } from './inode'
import {
  folio_lru_gen,
  folio_update_gen,
  LRU_GEN_NONLEAF_YOUNG,
  lru_gen_from_seq,
  lru_gen_row,
  MIN_LRU_BATCH,
} from './lru_gen'
import { compound_head } from './page_alloc'
import { set_page_dirty } from './page_writeback'
import { kmalloc } from './slab_common'
import { folio_activate, folio_is_file_lru, PAGEVEC_SIZE } from './swap'
import { vma_is_accessible, vma_is_anonymous, vma_is_special } from './vma'

export interface MmWalk {
  readonly memcg: number
  readonly max_seq: number
  readonly can_swap: boolean
  /** Look into every PTE table. */
  force: boolean
}

// ---------------------------------------------------------------- which tables

/** BLOOM_FILTER_SHIFT 15: bits of a filter, in bytes. */
const FILTER_BYTES = 4096

/** The filter of a generation becomes empty, and is there from then on. */
export function reset_filter(k: Kernel, row: number, seq: number): void {
  const at = row * 2 + (seq & 1)
  if (k.lru_gen.filter[at] !== 0) return
  k.lru_gen.filter[at] = kmalloc(k, FILTER_BYTES, __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN)
}
/** Without a filter every table is looked into. */
function test_filter(k: Kernel, row: number, seq: number, table: number): boolean {
  if (k.lru_gen.filter[row * 2 + (seq & 1)] === 0) return true
  return k.pt.walk_seq[table * 2 + (seq & 1)] === seq
}
function update_filter(k: Kernel, row: number, seq: number, table: number): void {
  if (k.lru_gen.filter[row * 2 + (seq & 1)] !== 0) k.pt.walk_seq[table * 2 + (seq & 1)] = seq
}
/** On average at least one used entry in a cache line of them. */
function suitable_to_scan(total: number, young: number): boolean {
  return young * 8 >= total
}

// ---------------------------------------------------------------- which entries

/** VM_SPECIAL and advice say nothing about the future; locked pages are not evicted. */
function should_skip_vma(k: Kernel, vma: number, can_swap: boolean): boolean {
  const flags = k.vma.vm_flags[vma]!
  if (!vma_is_accessible(flags) || vma_is_special(flags) || k.vma.special[vma] !== 0) return true
  if ((flags & (VM_HUGETLB | VM_LOCKED | VM_SEQ_READ | VM_RAND_READ)) !== 0) return true
  if (vma_is_anonymous(k, vma) || is_shmem(k, k.file.inode[k.vma.vm_file[vma]!]!)) return !can_swap
  return false
}

/** The page of an entry, as far as it belongs to the cgroup; 0 for none. */
function get_pfn_folio(k: Kernel, entry: number, memcg: number, can_swap: boolean): number {
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) return 0
  const pfn = compound_head(k, entry >>> PTE_SHIFT)
  if (k.page.memcg[pfn] !== memcg) return 0
  return folio_is_file_lru(k, pfn) || can_swap ? pfn : 0
}

/** The entry's accessed bit goes; its dirty bit becomes known, but for what gets a slot only when it is evicted. */
function clear_young(k: Kernel, slot: number, pfn: number): void {
  const entry = k.pt.entry[slot]!
  k.pt.entry[slot] = entry & ~PTE_A
  if ((entry & PTE_D) === 0 || (k.page.flags[pfn]! & PG_dirty) !== 0) return
  const unsaved = (k.page.flags[pfn]! & (PG_anon | PG_swapbacked | PG_swapcache)) === (PG_anon | PG_swapbacked)
  if (!unsaved) set_page_dirty(k, pfn)
}

// ---------------------------------------------------------------- the walk

/** Every area of an address space, one PMD entry after the other. */
export function walk_mm(k: Kernel, mm: number, walk: MmWalk): void {
  let at = 0
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
    if (should_skip_vma(k, vma, walk.can_swap)) continue
    at = Math.max(at, k.vma.vm_start[vma]!)
    while (at < k.vma.vm_end[vma]!) at = walk_pmd(k, mm, vma, at, walk)
  }
}

/** What lies below one PMD entry, of this area and those after it; the address where to go on. */
function walk_pmd(k: Kernel, mm: number, vma: number, addr: number, walk: MmWalk): number {
  charge(k, COST.walk_pte)
  const slot = pmd_offset(k, mm, addr)
  if (slot === 0) {
    const pud = pud_offset(k, mm, addr)
    const size = pud !== 0 && k.pt.entry[pud] !== 0 ? PMD_SIZE : PUD_SIZE
    return (Math.floor(addr / size) + 1) * size
  }
  const end = (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE
  const entry = k.pt.entry[slot]!
  if ((entry & PTE_P) === 0) return end
  if ((entry & PTE_PS) !== 0) {
    if ((entry & PTE_A) !== 0) promote(k, slot, walk)
    return end
  }
  if ((k.var.lru_gen_caps & LRU_GEN_NONLEAF_YOUNG) !== 0) {
    if ((entry & PTE_A) === 0) return end
    k.pt.entry[slot] = entry & ~PTE_A
  }
  const table = entry >>> PTE_SHIFT
  const row = lru_gen_row(walk.memcg)
  if (!walk.force && !test_filter(k, row, walk.max_seq, table)) return end
  if (walk_ptes(k, vma, addr, end, table, walk)) update_filter(k, row, walk.max_seq + 1, table)
  return end
}

/** The entries of one table between two addresses, as far as areas are walked; true when enough of them were used. */
function walk_ptes(k: Kernel, vma: number, addr: number, end: number, table: number, walk: MmWalk): boolean {
  let total = 0
  let young = 0
  for (; vma !== 0 && k.vma.vm_start[vma]! < end; vma = k.vma.next[vma]!) {
    if (should_skip_vma(k, vma, walk.can_swap)) continue
    const first = Math.floor(Math.max(addr, k.vma.vm_start[vma]!) / 4096)
    const last = Math.floor(Math.min(end, k.vma.vm_end[vma]!) / 4096)
    for (let page = first; page < last; page++) if (promote(k, table * PTRS + (page & (PTRS - 1)), walk)) young++
    total += last - first
  }
  charge(k, COST.walk_pte * total)
  return suitable_to_scan(total, young)
}

/** A used page goes to the youngest generation; false when the entry was not used, or is none of these pages. */
function promote(k: Kernel, slot: number, walk: MmWalk): boolean {
  const entry = k.pt.entry[slot]!
  if ((entry & PTE_A) === 0) return false
  const pfn = get_pfn_folio(k, entry, walk.memcg, walk.can_swap)
  if (pfn === 0) return false
  clear_young(k, slot, pfn)
  folio_update_gen(k, pfn, lru_gen_from_seq(walk.max_seq))
  return true
}

// ---------------------------------------------------------------- around a used entry

/**
 * The reverse map found the entry `slot` of an isolated page used: up to 64 entries around it are looked at, and their used
 * pages promoted. A reclaimer without a walk of its own (it has not aged anything) activates them instead, when they are few.
 */
export function lru_gen_look_around(k: Kernel, pfn: number, vma: number, addr: number, slot: number): void {
  const memcg = k.page.memcg[pfn]!
  const row = lru_gen_row(memcg)
  const max_seq = k.lru_gen.max_seq[row]!
  const new_gen = lru_gen_from_seq(max_seq)
  const mm_walk = k.task.mm_walk[k.var.current]!
  const can_swap = mm_walk === 0 || (mm_walk & MM_WALK_CAN_SWAP) !== 0
  const [first, last] = window(k, vma, addr)
  const base = slot - Math.floor(addr / 4096)
  const used: number[] = []
  let young = 0
  for (let page = first; page < last; page++) {
    const entry = k.pt.entry[base + page]!
    if ((entry & PTE_A) === 0) continue
    const folio = get_pfn_folio(k, entry, memcg, can_swap)
    if (folio === 0) continue
    clear_young(k, base + page, folio)
    young++
    const old_gen = folio_lru_gen(k, folio)
    if (old_gen < 0) folio_update_gen(k, folio, new_gen)
    else if (old_gen !== new_gen) used.push(folio)
  }
  charge(k, COST.walk_pte * (last - first))
  if (suitable_to_scan(last - first, young)) update_filter(k, row, max_seq, Math.floor(slot / PTRS))
  if (mm_walk === 0 && used.length < PAGEVEC_SIZE) for (const folio of used) folio_activate(k, folio)
  else for (const folio of used) folio_update_gen(k, folio, new_gen)
}
export const MM_WALK_PRESENT = 1
export const MM_WALK_CAN_SWAP = 2

/** Pages of the area in the same table, 64 of them at most, around the address. */
function window(k: Kernel, vma: number, addr: number): [number, number] {
  const table = Math.floor(addr / PMD_SIZE) * PMD_SIZE
  const page = Math.floor(addr / 4096)
  const start = Math.max(table, k.vma.vm_start[vma]!) / 4096
  const end = Math.min(table + PMD_SIZE, k.vma.vm_end[vma]!) / 4096
  if (end - start <= MIN_LRU_BATCH) return [start, end]
  if (page - start < MIN_LRU_BATCH / 2) return [start, start + MIN_LRU_BATCH]
  if (end - page < MIN_LRU_BATCH / 2) return [end - MIN_LRU_BATCH, end]
  return [page - MIN_LRU_BATCH / 2, page + MIN_LRU_BATCH / 2]
}
