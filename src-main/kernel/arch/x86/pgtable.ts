/**
 * Page tables of x86-64: levels of 512 entries, each table in a frame of its own. With four levels the P4D level is folded
 * into the PGD: the PGD's entries are the P4D entries (level 3). With five (LA57) the PGD is level 4.
 *
 *     addr  56…48   47…39   38…30   29…21   20…12   11…0
 *           PGD     P4D     PUD     PMD     PTE     offset
 *
 * An entry is found by its index into `k.pt.entry` (table row * 512 + place); 0 means "no such table". The upper 24
 * bits of an entry are a table row (levels 4 … 1), a frame, or a swap slot; the lower 8 are flags (kernel.ts).
 * Tables are made and freed by mm/pgalloc.ts. Simplified: the kernel half does not exist.
 */
import { PTE_P, PTE_PROTNONE, PTE_PS, PTE_SHIFT, PTE_SWAP, type Kernel } from '../../kernel'

export const PTRS = 512
export const PMD_SIZE = 2 ** 21
export const PUD_SIZE = 2 ** 30
/** What an entry of the P4D level covers: of the PGD where there is none. */
export const P4D_SIZE = 2 ** 39
/** What an entry of the PGD covers with five levels. */
export const PGDIR_SIZE = 2 ** 48
/** DEFAULT_MAP_WINDOW: where user space ends for a program that asks for nothing higher; the last page is left out. */
export const DEFAULT_MAP_WINDOW = 2 ** 47 - 4096
const TASK_SIZE_L5 = 2 ** 56 - 4096
export const LEVEL_PTE = 0
export const LEVEL_PMD = 1
export const LEVEL_PUD = 2
export const LEVEL_P4D = 3
const LEVEL_PGD_L5 = 4

/** The first address that user space cannot map. */
export function task_size(k: Kernel): number {
  return k.la57 ? TASK_SIZE_L5 : DEFAULT_MAP_WINDOW
}
/** Level of the table that CR3 names. */
export function pgd_level(k: Kernel): number {
  return k.la57 ? LEVEL_PGD_L5 : LEVEL_P4D
}

export function pte_present(entry: number): boolean {
  return (entry & (PTE_P | PTE_PROTNONE)) !== 0
}
export function pte_is_swap(entry: number): boolean {
  return (entry & PTE_SWAP) !== 0
}
/** True for an entry that points to a lower table. */
export function entry_is_table(entry: number): boolean {
  return (entry & (PTE_P | PTE_PS)) === PTE_P
}

// ---------------------------------------------------------------- finding

/** Index of the PGD entry of an address, with five levels. */
export function pgd_offset(k: Kernel, mm: number, addr: number): number {
  return k.mm.pgd[mm]! * PTRS + Math.floor(addr / PGDIR_SIZE)
}

/** Index of the P4D entry, or 0: with four levels an entry of the PGD itself. */
export function p4d_offset(k: Kernel, mm: number, addr: number): number {
  if (!k.la57) return k.mm.pgd[mm]! * PTRS + Math.floor(addr / P4D_SIZE)
  const pgd = k.pt.entry[pgd_offset(k, mm, addr)]!
  return pgd === 0 ? 0 : (pgd >>> PTE_SHIFT) * PTRS + (Math.floor(addr / P4D_SIZE) & 511)
}

/** Index of the PUD entry, or 0. */
export function pud_offset(k: Kernel, mm: number, addr: number): number {
  const slot = p4d_offset(k, mm, addr)
  const p4d = slot === 0 ? 0 : k.pt.entry[slot]!
  return p4d === 0 ? 0 : (p4d >>> PTE_SHIFT) * PTRS + (Math.floor(addr / PUD_SIZE) & 511)
}

/** Index of the PMD entry, or 0. */
export function pmd_offset(k: Kernel, mm: number, addr: number): number {
  const slot = pud_offset(k, mm, addr)
  if (slot === 0) return 0
  const pud = k.pt.entry[slot]!
  return entry_is_table(pud) ? (pud >>> PTE_SHIFT) * PTRS + (Math.floor(addr / PMD_SIZE) & 511) : 0
}

/** Index of the PTE of an address, or 0 when there is no table for it (a huge entry above has none). */
export function pte_offset(k: Kernel, mm: number, addr: number): number {
  const slot = pmd_offset(k, mm, addr)
  if (slot === 0) return 0
  const pmd = k.pt.entry[slot]!
  return entry_is_table(pmd) ? (pmd >>> PTE_SHIFT) * PTRS + (Math.floor(addr / 4096) & 511) : 0
}

// ---------------------------------------------------------------- entries

/** Writes an entry and keeps its table's count of entries in use. */
export function set_entry(k: Kernel, slot: number, value: number): void {
  const pt = k.pt
  const old = pt.entry[slot]!
  pt.entry[slot] = value
  if (old === 0) {
    if (value !== 0) pt.nr[slot >>> 9]!++
  } else if (value === 0) pt.nr[slot >>> 9]!--
}
