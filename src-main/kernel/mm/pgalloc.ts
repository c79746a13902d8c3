/**
 * Making and freeing page tables, and their accounting (VmPTE, PageTables).
 *
 * Linux: arch/x86/mm/pgtable.c, mm/memory.c (pud_alloc, pmd_alloc, pte_alloc, free_pgd_range). A PGD takes two frames
 * (page-table isolation compiled in) and counts nowhere; nor does a P4D table, in VmPTE or PageTables.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { __GFP_ZERO, GFP_KERNEL_ACCOUNT, PG_table, PTE_A, PTE_P, PTE_SHIFT, PTE_W, type Kernel } from '../kernel'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { charge } from '../task'
import {
  entry_is_table,
  LEVEL_P4D,
  LEVEL_PMD,
  LEVEL_PTE,
  LEVEL_PUD,
  P4D_SIZE,
  pgd_level,
  pgd_offset,
  PGDIR_SIZE,
  PMD_SIZE,
  PTRS,
  PUD_SIZE,
  set_entry,
} from '../arch/x86/pgtable'
import { alloc_pages, free_pages } from './page_alloc'

const GFP_PGTABLE_USER = GFP_KERNEL_ACCOUNT | __GFP_ZERO
const PGD_ALLOCATION_ORDER = 1
const TABLE = PTE_P | PTE_W | PTE_A

/** A new table of a level for an address space, or 0 when memory is out. */
export function pt_alloc(k: Kernel, mm: number, level: number): number {
  const is_pgd = level === pgd_level(k)
  const pfn = alloc_pages(k, GFP_PGTABLE_USER, is_pgd ? PGD_ALLOCATION_ORDER : 0)
  if (pfn === 0) return 0
  charge(k, COST.pt_alloc)
  const table = row_alloc(k.pt)
  assert(table !== 0, 'pt_alloc: the table of page tables is full')
  k.pt.pfn[table] = pfn
  k.pt.level[table] = level
  k.page.flags[pfn]! |= PG_table
  k.page.mapping[pfn] = table
  if (is_pgd) {
    k.page.flags[pfn + 1]! |= PG_table
    k.page.mapping[pfn + 1] = table
  } else if (level < LEVEL_P4D) {
    k.mm.pgtables_bytes[mm]! += 4096
    // pud_alloc_one has no constructor in 6.1: PUD tables count in VmPTE and not in PageTables.
    if (level !== LEVEL_PUD) k.vmstat[C.nr_page_table_pages]!++
  }
  return table
}

/** Takes a table out of the accounts and returns its frame, which the caller frees. */
export function pt_release(k: Kernel, mm: number, table: number): number {
  const pfn = k.pt.pfn[table]!
  const level = k.pt.level[table]!
  assert(pfn !== 0, 'pt_release: no such table')
  k.page.flags[pfn]! &= ~PG_table
  k.page.mapping[pfn] = 0
  if (level === pgd_level(k)) {
    k.page.flags[pfn + 1]! &= ~PG_table
    k.page.mapping[pfn + 1] = 0
  } else if (level < LEVEL_P4D) {
    k.mm.pgtables_bytes[mm]! -= 4096
    if (level !== LEVEL_PUD) k.vmstat[C.nr_page_table_pages]!--
  }
  row_free(k.pt, table)
  return pfn
}

export function pgd_alloc(k: Kernel, mm: number): boolean {
  k.mm.pgd[mm] = pt_alloc(k, mm, pgd_level(k))
  return k.mm.pgd[mm] !== 0
}

export function pgd_free(k: Kernel, mm: number): void {
  free_pages(k, pt_release(k, mm, k.mm.pgd[mm]!), PGD_ALLOCATION_ORDER)
  k.mm.pgd[mm] = 0
}

/** The table below an entry, made when it is missing; 0 when memory is out or the entry is a huge leaf. */
function table_below(k: Kernel, mm: number, slot: number, level: number): number {
  const entry = k.pt.entry[slot]!
  if (entry !== 0) return entry_is_table(entry) ? entry >>> PTE_SHIFT : 0
  const table = pt_alloc(k, mm, level)
  if (table !== 0) set_entry(k, slot, (table << PTE_SHIFT) | TABLE)
  return table
}

/** Index of the P4D entry; with five levels makes its table. 0: out of memory. */
function p4d_alloc(k: Kernel, mm: number, addr: number): number {
  if (!k.la57) return k.mm.pgd[mm]! * PTRS + Math.floor(addr / P4D_SIZE)
  const table = table_below(k, mm, pgd_offset(k, mm, addr), LEVEL_P4D)
  return table === 0 ? 0 : table * PTRS + (Math.floor(addr / P4D_SIZE) & 511)
}

/** Index of the PUD entry; makes the tables above it. 0: out of memory. */
export function pud_alloc(k: Kernel, mm: number, addr: number): number {
  const slot = p4d_alloc(k, mm, addr)
  if (slot === 0) return 0
  const table = table_below(k, mm, slot, LEVEL_PUD)
  return table === 0 ? 0 : table * PTRS + (Math.floor(addr / PUD_SIZE) & 511)
}

/** Index of the PMD entry; makes the tables above it. 0: out of memory. */
export function pmd_alloc(k: Kernel, mm: number, addr: number): number {
  const slot = pud_alloc(k, mm, addr)
  if (slot === 0) return 0
  const table = table_below(k, mm, slot, LEVEL_PMD)
  return table === 0 ? 0 : table * PTRS + (Math.floor(addr / PMD_SIZE) & 511)
}

/** Index of the PTE; makes the tables above it. 0: out of memory (or a huge entry is in the way). */
export function pte_alloc(k: Kernel, mm: number, addr: number): number {
  const slot = pmd_alloc(k, mm, addr)
  if (slot === 0) return 0
  const table = table_below(k, mm, slot, LEVEL_PTE)
  return table === 0 ? 0 : table * PTRS + (Math.floor(addr / 4096) & 511)
}

/** Hangs a ready PTE table (a deposited one) below an empty PMD entry. */
export function pmd_populate(k: Kernel, slot: number, table: number): void {
  assert(k.pt.entry[slot] === 0, 'pmd_populate: the entry is in use')
  set_entry(k, slot, (table << PTE_SHIFT) | TABLE)
}

// ---------------------------------------------------------------- freeing

/**
 * Frees the tables that lie wholly in the gap [floor, ceiling) around [addr, end): a table that also serves a neighbour
 * stays, however empty it is. `freed` gets each frame. A ceiling of 0 means the top. Linux: free_pgd_range.
 */
export function free_pgd_range(
  k: Kernel,
  mm: number,
  addr: number,
  end: number,
  floor: number,
  ceiling: number,
  freed: (pfn: number) => void,
): void {
  const top = ceiling === 0 ? Infinity : ceiling
  const level = pgd_level(k) - 1
  const size = LEVEL_SIZE[level + 1]!
  for (let at = addr; at < end; at = block_end(at, size)) {
    const slot = k.mm.pgd[mm]! * PTRS + Math.floor(at / size)
    if (k.pt.entry[slot] !== 0)
      free_range(k, mm, slot, at, Math.min(end, block_end(at, size)), floor, top, level, freed)
  }
}

const LEVEL_SIZE = [4096, PMD_SIZE, PUD_SIZE, P4D_SIZE, PGDIR_SIZE] as const
const INDEX_MASK = 511

function block_end(addr: number, size: number): number {
  return (Math.floor(addr / size) + 1) * size
}

/** Frees what lies below the entry `slot`, then its table (of `level`) when nothing else needs that. */
function free_range(
  k: Kernel,
  mm: number,
  slot: number,
  addr: number,
  end: number,
  floor: number,
  ceiling: number,
  level: number,
  freed: (pfn: number) => void,
): void {
  const table = k.pt.entry[slot]! >>> PTE_SHIFT
  if (level > LEVEL_PTE) {
    const size = LEVEL_SIZE[level]!
    for (let at = addr; at < end; at = block_end(at, size)) {
      const lower = table * PTRS + (Math.floor(at / size) & INDEX_MASK)
      const entry = k.pt.entry[lower]!
      if (entry !== 0 && entry_is_table(entry))
        free_range(k, mm, lower, at, Math.min(end, block_end(at, size)), floor, ceiling, level - 1, freed)
    }
  }
  const span = LEVEL_SIZE[level + 1]!
  const base = Math.floor(addr / span) * span
  if (base < floor || base + span > ceiling) return
  assert(k.pt.nr[table] === 0, 'free_pgd_range: the table is in use')
  set_entry(k, slot, 0)
  freed(pt_release(k, mm, table))
}
