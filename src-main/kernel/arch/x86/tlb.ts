/**
 * The translation caches of each CPU: L1 for 4 KiB pages (64 entries, 4-way), L1 for 2 MiB pages (32, 4-way), a shared L2
 * (1536, 12-way), the paging-structure cache (32 PMD entries) and the cache lines that page walks leave behind.
 *
 * A tag is one positive 31-bit word: 27 bits of page number within a PGD slot under 4 bits of context. A context is a pair
 * (address space, PGD slot); 15 of them live on a CPU, so a switch of address spaces flushes nothing (PCID). Bit 31
 * marks a 2 MiB page. An entry knows the index of its page-table entry, to set the dirty bit there.
 *
 * Linux: arch/x86/mm/tlb.c. Ranges of up to 33 pages go page by page, larger ones drop the address space's contexts.
 */
import { M } from '@shared/counters'
import { PTE_A, PTE_D, PTE_P, PTE_PS, PTE_SHIFT, PTE_W, type Kernel } from '../../kernel'
import { COST } from '../../costs'
import { row_touch } from '../../lib/arena'
import { charge } from '../../task'
import { PGDIR_SIZE, PTRS } from './pgtable'

const NR_CONTEXTS = 16
const RETIRED = -1
const HUGE = 1 << 31
const TLB_SINGLE_PAGE_FLUSH_CEILING = 33
const NR_LINES = 4096

export function tlb_init(k: Kernel): void {
  row_touch(k.tlb, k.config.cpus)
}

// ---------------------------------------------------------------- contexts

/** The context of an address space and PGD slot on a CPU, as the upper bits of its tags. */
export function tlb_context(k: Kernel, cpu: number, mm: number, pgd_slot: number): number {
  const { ctx_mm, ctx_slot } = k.tlb
  const base = (cpu + 1) * NR_CONTEXTS
  for (let i = 1; i < NR_CONTEXTS; i++) if (ctx_mm[base + i] === mm && ctx_slot[base + i] === pgd_slot) return i << 27
  let id = free_context(k, base)
  if (id === 0) {
    sweep_retired(k, cpu)
    id = free_context(k, base)
  }
  if (id === 0) {
    id = 1 + (k.tlb.ctx_next[cpu + 1]! % (NR_CONTEXTS - 1))
    k.tlb.ctx_next[cpu + 1] = id
    ctx_mm[base + id] = RETIRED
    sweep_retired(k, cpu)
  }
  ctx_mm[base + id] = mm
  ctx_slot[base + id] = pgd_slot
  k.mm.cpumask[mm * 2 + (cpu >> 5)]! |= 1 << (cpu & 31)
  return id << 27
}

function free_context(k: Kernel, base: number): number {
  for (let i = 1; i < NR_CONTEXTS; i++) if (k.tlb.ctx_mm[base + i] === 0) return i
  return 0
}

/** Forgets every entry of a retired context, so that its number can be used again. */
function sweep_retired(k: Kernel, cpu: number): void {
  const tlb = k.tlb
  const base = (cpu + 1) * NR_CONTEXTS
  let retired = 0
  for (let i = 1; i < NR_CONTEXTS; i++)
    if (tlb.ctx_mm[base + i] === RETIRED) {
      retired |= 1 << i
      tlb.ctx_mm[base + i] = 0
    }
  sweep(tlb.l1_tag, (cpu + 1) * 64, 64, retired)
  sweep(tlb.l1h_tag, (cpu + 1) * 32, 32, retired)
  sweep(tlb.l2_tag, (cpu + 1) * 1536, 1536, retired)
  sweep(tlb.pde_tag, (cpu + 1) * 32, 32, retired)
}
function sweep(tags: Int32Array, from: number, n: number, contexts: number): void {
  for (let i = from; i < from + n; i++) if ((contexts & (1 << ((tags[i]! >>> 27) & 15))) !== 0) tags[i] = 0
}

// ---------------------------------------------------------------- lookup behind the first level

/**
 * Translation of page `vpn` (27 bits) of a context after a miss in the 4 KiB L1. Returns the entry, with dirty set for a
 * write, or 0: page fault.
 */
export function tlb_miss(k: Kernel, cpu: number, ctx: number, pgd_table: number, vpn: number, write: number): number {
  const tlb = k.tlb
  const row = cpu + 1
  const need = write !== 0 ? PTE_D : 0
  // 2 MiB pages of the first level
  const huge_tag = HUGE | ctx | (vpn >> 9)
  const h = row * 32 + (((vpn >> 9) & 7) << 2)
  for (let i = h; i < h + 4; i++)
    if (tlb.l1h_tag[i] === huge_tag) {
      const e = tlb.l1h_pte[i]!
      if ((e & need) !== need && !make_dirty(k, tlb.l1h_pte, tlb.l1h_tag, i, tlb.l1h_slot[i]!)) return 0
      k.machine[M.tlb_l1_hit]!++
      return e
    }
  // shared second level
  const tag = ctx | vpn
  const b = row * 1536 + (vpn & 127) * 12
  for (let i = b; i < b + 12; i++)
    if (tlb.l2_tag[i] === tag) {
      if ((tlb.l2_pte[i]! & need) !== need && !make_dirty(k, tlb.l2_pte, tlb.l2_tag, i, tlb.l2_slot[i]!)) return 0
      k.machine[M.tlb_l2_hit]!++
      l1_insert(k, row, tag, vpn, tlb.l2_pte[i]!, tlb.l2_slot[i]!)
      return tlb.l2_pte[i]!
    }
  const bh = row * 1536 + ((vpn >> 9) & 127) * 12
  for (let i = bh; i < bh + 12; i++)
    if (tlb.l2_tag[i] === huge_tag) {
      if ((tlb.l2_pte[i]! & need) !== need && !make_dirty(k, tlb.l2_pte, tlb.l2_tag, i, tlb.l2_slot[i]!)) return 0
      k.machine[M.tlb_l2_hit]!++
      l1h_insert(k, row, huge_tag, vpn, tlb.l2_pte[i]!, tlb.l2_slot[i]!)
      return tlb.l2_pte[i]!
    }
  return walk(k, row, ctx, pgd_table, vpn, write)
}

/** Sets dirty in a cached entry and in memory. False (and the entry forgotten) when the page may not be written. */
export function make_dirty(k: Kernel, ptes: Int32Array, tags: Int32Array, i: number, slot: number): boolean {
  if ((ptes[i]! & PTE_W) === 0) {
    tags[i] = 0
    return false
  }
  ptes[i]! |= PTE_D
  k.pt.entry[slot]! |= PTE_D
  return true
}

function l1_insert(k: Kernel, row: number, tag: number, vpn: number, pte: number, slot: number): void {
  const tlb = k.tlb
  const set = row * 16 + (vpn & 15)
  const way = tlb.l1_rr[set]!
  tlb.l1_rr[set] = (way + 1) & 3
  const i = set * 4 + way
  tlb.l1_tag[i] = tag
  tlb.l1_pte[i] = pte
  tlb.l1_slot[i] = slot
}

function l1h_insert(k: Kernel, row: number, tag: number, vpn: number, pte: number, slot: number): void {
  const tlb = k.tlb
  const set = row * 8 + ((vpn >> 9) & 7)
  const way = tlb.l1h_rr[set]!
  tlb.l1h_rr[set] = (way + 1) & 3
  const i = set * 4 + way
  tlb.l1h_tag[i] = tag
  tlb.l1h_pte[i] = pte
  tlb.l1h_slot[i] = slot
}

function l2_insert(k: Kernel, row: number, tag: number, page: number, pte: number, slot: number): void {
  const tlb = k.tlb
  const set = row * 128 + (page & 127)
  const way = tlb.l2_rr[set]!
  tlb.l2_rr[set] = way === 11 ? 0 : way + 1
  const i = set * 12 + way
  tlb.l2_tag[i] = tag
  tlb.l2_pte[i] = pte
  tlb.l2_slot[i] = slot
}

/** The hardware's page walk: sets accessed and dirty, fills both levels. 0: not present or not writable. */
function walk(k: Kernel, row: number, ctx: number, pgd_table: number, vpn: number, write: number): number {
  const entry = k.pt.entry
  const pgd_slot = k.tlb.ctx_slot[row * NR_CONTEXTS + (ctx >>> 27)]!
  let cycles = 0
  let slot = pgd_table * PTRS + pgd_slot
  const pde_tag = ctx | (vpn >> 9)
  const pde = row * 32 + ((vpn >> 9) & 31)
  if (k.tlb.pde_tag[pde] === pde_tag) slot = k.tlb.pde_slot[pde]!
  else {
    for (let shift = 18; shift >= 9; shift -= 9) {
      const e = entry[slot]!
      cycles += line_cycles(k, row, slot)
      if ((e & PTE_P) === 0) return miss_cycles(k, cycles, 0)
      slot = (e >>> PTE_SHIFT) * PTRS + ((vpn >> shift) & 511)
    }
    cycles += line_cycles(k, row, slot)
    const pmd = entry[slot]!
    if ((pmd & PTE_P) === 0) return miss_cycles(k, cycles, 0)
    if ((pmd & PTE_PS) !== 0) return fill_huge(k, row, ctx, vpn, write, slot, cycles)
    slot = (pmd >>> PTE_SHIFT) * PTRS
    k.tlb.pde_tag[pde] = pde_tag
    k.tlb.pde_slot[pde] = slot
  }
  slot += vpn & 511
  cycles += line_cycles(k, row, slot)
  let e = entry[slot]!
  if ((e & PTE_P) === 0 || (write !== 0 && (e & PTE_W) === 0)) return miss_cycles(k, cycles, 0)
  e |= write !== 0 ? PTE_A | PTE_D : PTE_A
  entry[slot] = e
  const tag = ctx | vpn
  l2_insert(k, row, tag, vpn, e, slot)
  l1_insert(k, row, tag, vpn, e, slot)
  return miss_cycles(k, cycles, e)
}

function fill_huge(
  k: Kernel,
  row: number,
  ctx: number,
  vpn: number,
  write: number,
  slot: number,
  cycles: number,
): number {
  let e = k.pt.entry[slot]!
  if (write !== 0 && (e & PTE_W) === 0) return miss_cycles(k, cycles, 0)
  e |= write !== 0 ? PTE_A | PTE_D : PTE_A
  k.pt.entry[slot] = e
  const tag = HUGE | ctx | (vpn >> 9)
  l2_insert(k, row, tag, vpn >> 9, e, slot)
  l1h_insert(k, row, tag, vpn, e, slot)
  return miss_cycles(k, cycles, e)
}

function miss_cycles(k: Kernel, cycles: number, result: number): number {
  k.machine[M.tlb_miss]!++
  k.machine[M.walk_cycles]! += cycles
  return result
}

/** Reads the cache line of an entry: near when an earlier walk brought it in and no other took its place. */
function line_cycles(k: Kernel, row: number, slot: number): number {
  const line = slot >>> 3
  const place = row * NR_LINES + (line & (NR_LINES - 1))
  if (k.tlb.line[place] === line) return COST.walk_level_cached_cycles
  k.tlb.line[place] = line
  return COST.walk_level_memory_cycles
}

// ---------------------------------------------------------------- flushing

/** Forgets one page of an address space on every CPU. */
export function flush_tlb_page(k: Kernel, mm: number, addr: number): void {
  flush_tlb_range(k, mm, addr, addr + 4096)
}

/** Forgets [start, end) of an address space on every CPU that may hold it. */
export function flush_tlb_range(k: Kernel, mm: number, start: number, end: number): void {
  const pages = Math.ceil((end - start) / 4096)
  if (pages <= 0) return
  k.machine[M.tlb_flush]!++
  const whole = pages > TLB_SINGLE_PAGE_FLUSH_CEILING
  charge(k, whole ? COST.tlb_flush_all : COST.tlb_flush_page * pages)
  let remote = false
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    if ((k.mm.cpumask[mm * 2 + (cpu >> 5)]! & (1 << (cpu & 31))) === 0) continue
    if (whole) retire(k, cpu, mm)
    else for (let at = start; at < end; at += 4096) invalidate(k, cpu, mm, at)
    if (cpu !== k.var.cpu && k.task.mm[k.cpu.current[cpu + 1]!] === mm) remote = true
  }
  if (remote) charge(k, COST.tlb_ipi)
}

/** Forgets a whole address space. */
export function flush_tlb_mm(k: Kernel, mm: number): void {
  flush_tlb_range(k, mm, 0, PGDIR_SIZE)
}

/** An address space ends: no charge, its translations are out of reach. */
export function tlb_drop_mm(k: Kernel, mm: number): void {
  for (let cpu = 0; cpu < k.config.cpus; cpu++)
    if ((k.mm.cpumask[mm * 2 + (cpu >> 5)]! & (1 << (cpu & 31))) !== 0) retire(k, cpu, mm)
}

function retire(k: Kernel, cpu: number, mm: number): void {
  const base = (cpu + 1) * NR_CONTEXTS
  for (let i = 1; i < NR_CONTEXTS; i++) if (k.tlb.ctx_mm[base + i] === mm) k.tlb.ctx_mm[base + i] = RETIRED
  k.mm.cpumask[mm * 2 + (cpu >> 5)]! &= ~(1 << (cpu & 31))
}

function invalidate(k: Kernel, cpu: number, mm: number, addr: number): void {
  const tlb = k.tlb
  const base = (cpu + 1) * NR_CONTEXTS
  const pgd_slot = Math.floor(addr / PGDIR_SIZE)
  const vpn = Math.floor((addr - pgd_slot * PGDIR_SIZE) / 4096)
  for (let i = 1; i < NR_CONTEXTS; i++) {
    if (tlb.ctx_mm[base + i] !== mm || tlb.ctx_slot[base + i] !== pgd_slot) continue
    const ctx = i << 27
    const huge = HUGE | ctx | (vpn >> 9)
    forget(tlb.l1_tag, (cpu + 1) * 64 + ((vpn & 15) << 2), 4, ctx | vpn)
    forget(tlb.l1h_tag, (cpu + 1) * 32 + (((vpn >> 9) & 7) << 2), 4, huge)
    forget(tlb.l2_tag, (cpu + 1) * 1536 + (vpn & 127) * 12, 12, ctx | vpn)
    forget(tlb.l2_tag, (cpu + 1) * 1536 + ((vpn >> 9) & 127) * 12, 12, huge)
    forget(tlb.pde_tag, (cpu + 1) * 32 + ((vpn >> 9) & 31), 1, ctx | (vpn >> 9))
  }
}
function forget(tags: Int32Array, from: number, n: number, tag: number): void {
  for (let i = from; i < from + n; i++) if (tags[i] === tag) tags[i] = 0
}

/** A CPU turns to another address space: with process-context ids nothing is flushed. */
export function switch_mm(k: Kernel, mm: number): void {
  k.mm.cpumask[mm * 2 + (k.var.cpu >> 5)]! |= 1 << (k.var.cpu & 31)
}
