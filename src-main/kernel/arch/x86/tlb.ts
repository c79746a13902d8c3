/**
 * The translation caches of each CPU: L1 for 4 KiB pages (64 entries, 4-way), L1 for 2 MiB pages (32, 4-way), a shared L2
 * (1536, 12-way), 4 and 16 places for 1 GiB pages, the paging-structure caches (32 PMD and 4 PUD entries) and the cache
 * lines that page walks leave behind.
 *
 * A tag is one positive 31-bit word: 27 bits of page number within a PGD slot under 4 bits of context. A context is a pair
 * (address space, PGD slot: 512 GiB, a P4D slot with five levels); 15 of them live on a CPU, so a switch of address spaces flushes nothing (PCID). Bit 31
 * marks a 2 MiB page. An entry is a copy of the page-table entry; a first write looks that up again to set dirty in it.
 *
 * All of a CPU's caches are one block of words, so that the hot code holds a single array.
 *
 * Linux: arch/x86/mm/tlb.c. How they forget: tlb_flush.ts.
 */
import { M } from '@shared/counters'
import { PTE_A, PTE_D, PTE_P, PTE_PS, PTE_SHIFT, PTE_W, type Kernel } from '../../kernel'
import { COST } from '../../costs'
import { row_touch } from '../../lib/arena'
import { PTRS } from './pgtable'

/** Words of a CPU, and where its parts start. */
export const TLB_WORDS = 8192
export const L1_TAG = 0
export const L1_PTE = 64
const L1_RR = 128
export const L1H_TAG = 144
const L1H_PTE = 176
const L1H_RR = 208
export const PDE_TAG = 216
const PDE_TABLE = 248
export const PDPE_TAG = 280
const PDPE_TABLE = 284
export const CTX_MM = 288
export const CTX_SLOT = 304
const CTX_NEXT = 320
/** A 2 MiB entry was cached since boot: then misses look for those too. */
const HAS_HUGE = 321
/** The same of a 1 GiB entry. */
const HAS_GIGANTIC = 322
/** Entries of 1 GiB: 4 in the first level, 16 in the second, four sets of four. */
export const L1G_TAG = 328
const L1G_PTE = 332
export const L2G_TAG = 336
const L2G_PTE = 352
const L1G_RR = 368
const L2G_RR = 372
export const L2_TAG = 512
const L2_PTE = 2048
const L2_RR = 3584
const LINE = 4096

export const NR_CONTEXTS = 16
export const RETIRED = -1
export const HUGE = 1 << 31
/** Of a tag: its context. */
export const CONTEXT_MASK = 15 << 27
const NR_LINES = 4096
/** Named here, so that the walk looks nothing up. */
const { walk_level_cached_cycles: CACHED_CYCLES, walk_level_memory_cycles: MEMORY_CYCLES } = COST

export function tlb_init(k: Kernel): void {
  row_touch(k.tlb, k.config.cpus)
}

/** Where the words of a CPU start. */
export function tlb_base(cpu: number): number {
  return (cpu + 1) * TLB_WORDS
}

// ---------------------------------------------------------------- contexts

/** The context of an address space and PGD slot on a CPU, as the upper bits of its tags. */
export function tlb_context(k: Kernel, cpu: number, mm: number, pgd_slot: number): number {
  const w = k.tlb.word
  const base = tlb_base(cpu)
  for (let i = 1; i < NR_CONTEXTS; i++)
    if (w[base + CTX_MM + i] === mm && w[base + CTX_SLOT + i] === pgd_slot) return i << 27
  let id = free_context(w, base)
  if (id === 0) {
    sweep_retired(w, base)
    id = free_context(w, base)
  }
  if (id === 0) {
    id = 1 + (w[base + CTX_NEXT]! % (NR_CONTEXTS - 1))
    w[base + CTX_NEXT] = id
    w[base + CTX_MM + id] = RETIRED
    sweep_retired(w, base)
  }
  w[base + CTX_MM + id] = mm
  w[base + CTX_SLOT + id] = pgd_slot
  k.mm.cpumask[mm * 2 + (cpu >> 5)]! |= 1 << (cpu & 31)
  return id << 27
}

function free_context(w: Int32Array, base: number): number {
  for (let i = 1; i < NR_CONTEXTS; i++) if (w[base + CTX_MM + i] === 0) return i
  return 0
}

/** Forgets every entry of a retired context, so that its number can be used again. */
function sweep_retired(w: Int32Array, base: number): void {
  let retired = 0
  for (let i = 1; i < NR_CONTEXTS; i++)
    if (w[base + CTX_MM + i] === RETIRED) {
      retired |= 1 << i
      w[base + CTX_MM + i] = 0
    }
  sweep(w, base + L1_TAG, 64, retired)
  sweep(w, base + L1H_TAG, 32, retired)
  sweep(w, base + L2_TAG, 1536, retired)
  sweep(w, base + L1G_TAG, 4, retired)
  sweep(w, base + L2G_TAG, 16, retired)
  sweep(w, base + PDE_TAG, 32, retired)
  sweep(w, base + PDPE_TAG, 4, retired)
}
function sweep(w: Int32Array, from: number, n: number, contexts: number): void {
  for (let i = from; i < from + n; i++) if ((contexts & (1 << ((w[i]! >>> 27) & 15))) !== 0) w[i] = 0
}

// ---------------------------------------------------------------- lookup behind the first level

/**
 * Translation of page `vpn` (27 bits) of a context after a miss in the 4 KiB L1. Returns the entry, with dirty set for a
 * write, or 0: page fault.
 */
export function tlb_miss(k: Kernel, base: number, ctx: number, pgd_table: number, vpn: number, write: number): number {
  const w = k.tlb.word
  const tag = ctx | vpn
  const first = base + L2_TAG + (vpn & 127) * 12
  for (let i = first, end = first + 12; i < end; i++) {
    if (w[i] !== tag) continue
    const pte = i + (L2_PTE - L2_TAG)
    if (write !== 0 && (w[pte]! & PTE_D) === 0 && !make_dirty(k, i, pte, pgd_table, vpn)) return 0
    k.machine[M.tlb_l2_hit]!++
    l1_insert(w, base, tag, vpn, w[pte]!)
    return w[pte]!
  }
  if (w[base + HAS_HUGE] !== 0) {
    const hit = tlb_miss_huge(k, w, base, ctx, pgd_table, vpn, write)
    if (hit >= 0) return hit
  }
  if (w[base + HAS_GIGANTIC] !== 0) {
    const hit = tlb_miss_gigantic(k, w, base, ctx, pgd_table, vpn, write)
    if (hit >= 0) return hit
  }
  return walk(k, w, base, ctx, pgd_table, vpn, write)
}

/** The same among the 2 MiB entries of both levels: 1, 0 for a page fault, -1 when they do not have it. */
function tlb_miss_huge(
  k: Kernel,
  w: Int32Array,
  base: number,
  ctx: number,
  pgd_table: number,
  vpn: number,
  write: number,
): number {
  const need = write !== 0 ? PTE_D : 0
  const tag = HUGE | ctx | (vpn >> 9)
  const h = base + L1H_TAG + (((vpn >> 9) & 7) << 2)
  for (let i = h; i < h + 4; i++) {
    if (w[i] !== tag) continue
    const pte = i + (L1H_PTE - L1H_TAG)
    if ((w[pte]! & need) !== need && !make_dirty(k, i, pte, pgd_table, vpn)) return 0
    k.machine[M.tlb_l1_hit]!++
    return 1
  }
  const b = base + L2_TAG + ((vpn >> 9) & 127) * 12
  for (let i = b; i < b + 12; i++) {
    if (w[i] !== tag) continue
    const pte = i + (L2_PTE - L2_TAG)
    if ((w[pte]! & need) !== need && !make_dirty(k, i, pte, pgd_table, vpn)) return 0
    k.machine[M.tlb_l2_hit]!++
    l1h_insert(w, base, tag, vpn, w[pte]!)
    return 1
  }
  return -1
}

/** And among the 1 GiB entries. */
function tlb_miss_gigantic(
  k: Kernel,
  w: Int32Array,
  base: number,
  ctx: number,
  pgd_table: number,
  vpn: number,
  write: number,
): number {
  const need = write !== 0 ? PTE_D : 0
  const tag = HUGE | ctx | (vpn >> 18)
  for (let i = base + L1G_TAG; i < base + L1G_TAG + 4; i++) {
    if (w[i] !== tag) continue
    const pte = i + (L1G_PTE - L1G_TAG)
    if ((w[pte]! & need) !== need && !make_dirty(k, i, pte, pgd_table, vpn)) return 0
    k.machine[M.tlb_l1_hit]!++
    return 1
  }
  const set = base + L2G_TAG + ((vpn >> 18) & 3) * 4
  for (let i = set; i < set + 4; i++) {
    if (w[i] !== tag) continue
    const pte = i + (L2G_PTE - L2G_TAG)
    if ((w[pte]! & need) !== need && !make_dirty(k, i, pte, pgd_table, vpn)) return 0
    k.machine[M.tlb_l2_hit]!++
    l1g_insert(w, base, tag, w[pte]!)
    return 1
  }
  return -1
}

/**
 * Sets dirty in a cached entry (its words are given) and in the page table. False, and the entry is forgotten, when the page
 * may not be written.
 */
export function make_dirty(k: Kernel, tag: number, pte: number, pgd_table: number, vpn: number): boolean {
  const w = k.tlb.word
  if ((w[pte]! & PTE_W) === 0) {
    w[tag] = 0
    return false
  }
  w[pte]! |= PTE_D
  const base = Math.floor(tag / TLB_WORDS) * TLB_WORDS
  k.pt.entry[leaf(k, w, base, w[tag]!, pgd_table, vpn)]! |= PTE_D
  return true
}

/** Index of the entry that a cached translation came from. */
function leaf(k: Kernel, w: Int32Array, base: number, tag: number, pgd_table: number, vpn: number): number {
  const entry = k.pt.entry
  const p4d = w[base + CTX_SLOT + ((tag >>> 27) & 15)]!
  const table = k.la57 ? entry[pgd_table * PTRS + (p4d >> 9)]! >>> PTE_SHIFT : pgd_table
  const pgd = entry[table * PTRS + (k.la57 ? p4d & 511 : p4d)]!
  const pud_slot = (pgd >>> PTE_SHIFT) * PTRS + (vpn >> 18)
  const pud = entry[pud_slot]!
  if ((pud & PTE_PS) !== 0) return pud_slot
  const pmd_slot = (pud >>> PTE_SHIFT) * PTRS + ((vpn >> 9) & 511)
  return (entry[pmd_slot]! & PTE_PS) !== 0 ? pmd_slot : (entry[pmd_slot]! >>> PTE_SHIFT) * PTRS + (vpn & 511)
}

function l1_insert(w: Int32Array, base: number, tag: number, vpn: number, pte: number): void {
  const rr = base + L1_RR + (vpn & 15)
  const way = w[rr]!
  w[rr] = (way + 1) & 3
  const i = base + ((vpn & 15) << 2) + way
  w[i] = tag
  w[i + L1_PTE] = pte
}

function l1h_insert(w: Int32Array, base: number, tag: number, vpn: number, pte: number): void {
  const set = (vpn >> 9) & 7
  const way = w[base + L1H_RR + set]!
  w[base + L1H_RR + set] = (way + 1) & 3
  const i = base + L1H_TAG + set * 4 + way
  w[i] = tag
  w[i + (L1H_PTE - L1H_TAG)] = pte
}

function l1g_insert(w: Int32Array, base: number, tag: number, pte: number): void {
  const way = w[base + L1G_RR]!
  w[base + L1G_RR] = (way + 1) & 3
  w[base + L1G_TAG + way] = tag
  w[base + L1G_PTE + way] = pte
}

function l2g_insert(w: Int32Array, base: number, tag: number, vpn: number, pte: number): void {
  const set = (vpn >> 18) & 3
  const way = w[base + L2G_RR + set]!
  w[base + L2G_RR + set] = (way + 1) & 3
  const i = base + L2G_TAG + set * 4 + way
  w[i] = tag
  w[i + (L2G_PTE - L2G_TAG)] = pte
}

function l2_insert(w: Int32Array, base: number, tag: number, page: number, pte: number): void {
  const rr = base + L2_RR + (page & 127)
  const way = w[rr]!
  w[rr] = way === 11 ? 0 : way + 1
  const i = base + L2_TAG + (page & 127) * 12 + way
  w[i] = tag
  w[i + (L2_PTE - L2_TAG)] = pte
}

/** The hardware's page walk: sets accessed and dirty, fills both levels. 0: not present or not writable. */
function walk(
  k: Kernel,
  w: Int32Array,
  base: number,
  ctx: number,
  pgd_table: number,
  vpn: number,
  write: number,
): number {
  const entry = k.pt.entry
  const pde = base + PDE_TAG + ((vpn >> 9) & 31)
  const pde_tag = ctx | (vpn >> 9)
  let cycles = 0
  let slot: number
  if (w[pde] === pde_tag) slot = w[pde + (PDE_TABLE - PDE_TAG)]! + (vpn & 511)
  else {
    const pdpe = base + PDPE_TAG + ((vpn >> 18) & 3)
    const pdpe_tag = ctx | (vpn >> 18)
    if (w[pdpe] === pdpe_tag) slot = w[pdpe + (PDPE_TABLE - PDPE_TAG)]!
    else {
      slot = w[base + CTX_SLOT + (ctx >>> 27)]!
      if (k.la57) {
        const top = pgd_table * PTRS + (slot >> 9)
        cycles += line_cycles(w, base, top)
        if ((entry[top]! & PTE_P) === 0) return miss_cycles(k, cycles, 0)
        slot = (entry[top]! >>> PTE_SHIFT) * PTRS + (slot & 511)
      } else slot += pgd_table * PTRS
      cycles += line_cycles(w, base, slot)
      const pgd = entry[slot]!
      if ((pgd & PTE_P) === 0) return miss_cycles(k, cycles, 0)
      slot = (pgd >>> PTE_SHIFT) * PTRS + (vpn >> 18)
      cycles += line_cycles(w, base, slot)
      const pud = entry[slot]!
      if ((pud & PTE_P) === 0) return miss_cycles(k, cycles, 0)
      if ((pud & PTE_PS) !== 0) return fill_gigantic(k, w, base, ctx, vpn, write, slot, cycles)
      slot = (pud >>> PTE_SHIFT) * PTRS
      w[pdpe] = pdpe_tag
      w[pdpe + (PDPE_TABLE - PDPE_TAG)] = slot
    }
    slot += (vpn >> 9) & 511
    cycles += line_cycles(w, base, slot)
    const pmd = entry[slot]!
    if ((pmd & PTE_P) === 0) return miss_cycles(k, cycles, 0)
    if ((pmd & PTE_PS) !== 0) return fill_huge(k, w, base, ctx, vpn, write, slot, cycles)
    // Upper levels have an accessed bit too; it is set when an entry is cached, like that of a page.
    if ((pmd & PTE_A) === 0) entry[slot] = pmd | PTE_A
    slot = (pmd >>> PTE_SHIFT) * PTRS
    w[pde] = pde_tag
    w[pde + (PDE_TABLE - PDE_TAG)] = slot
    slot += vpn & 511
  }
  cycles += line_cycles(w, base, slot)
  let e = entry[slot]!
  if ((e & PTE_P) === 0 || (write !== 0 && (e & PTE_W) === 0)) return miss_cycles(k, cycles, 0)
  const set = write !== 0 ? PTE_A | PTE_D : PTE_A
  if ((e & set) !== set) {
    e |= set
    entry[slot] = e
  }
  const tag = ctx | vpn
  const cached = cacheable(e)
  l2_insert(w, base, tag, vpn, cached)
  l1_insert(w, base, tag, vpn, cached)
  return miss_cycles(k, cycles, e)
}

/** A hit is good for a store when it is dirty: so that of a read-only page is not, whatever the page table says. */
function cacheable(entry: number): number {
  return (entry & PTE_W) !== 0 ? entry : entry & ~PTE_D
}

/** The entry of a huge page with its accessed and dirty bits, 0 when it may not be written. */
function mark_large(k: Kernel, write: number, slot: number): number {
  const e = k.pt.entry[slot]!
  if (write !== 0 && (e & PTE_W) === 0) return 0
  return (k.pt.entry[slot] = e | (write !== 0 ? PTE_A | PTE_D : PTE_A))
}

function fill_huge(
  k: Kernel,
  w: Int32Array,
  base: number,
  ctx: number,
  vpn: number,
  write: number,
  slot: number,
  cycles: number,
): number {
  const e = mark_large(k, write, slot)
  if (e === 0) return miss_cycles(k, cycles, 0)
  const tag = HUGE | ctx | (vpn >> 9)
  w[base + HAS_HUGE] = 1
  l2_insert(w, base, tag, vpn >> 9, cacheable(e))
  l1h_insert(w, base, tag, vpn, cacheable(e))
  return miss_cycles(k, cycles, e)
}

function fill_gigantic(
  k: Kernel,
  w: Int32Array,
  base: number,
  ctx: number,
  vpn: number,
  write: number,
  slot: number,
  cycles: number,
): number {
  const e = mark_large(k, write, slot)
  if (e === 0) return miss_cycles(k, cycles, 0)
  const tag = HUGE | ctx | (vpn >> 18)
  w[base + HAS_GIGANTIC] = 1
  l2g_insert(w, base, tag, vpn, cacheable(e))
  l1g_insert(w, base, tag, cacheable(e))
  return miss_cycles(k, cycles, e)
}

function miss_cycles(k: Kernel, cycles: number, result: number): number {
  k.machine[M.tlb_miss]!++
  k.machine[M.walk_cycles]! += cycles
  return result
}

/** Reads the cache line of an entry: near when an earlier walk brought it in and no other took its place. */
function line_cycles(w: Int32Array, base: number, slot: number): number {
  const line = slot >>> 3
  const place = base + LINE + (line & (NR_LINES - 1))
  if (w[place] === line) return CACHED_CYCLES
  w[place] = line
  return MEMORY_CYCLES
}
