/** Proportional and unique set size of an address space: one walk over its page tables, frames only looked at. */
import { PTE_P, PTE_PROTNONE, PTE_PS, PTE_SHIFT, PTE_SPECIAL, PG_anon, type Kernel } from '../kernel/kernel'
import { PTRS } from '../kernel/arch/x86/pgtable'

/** In pages. */
export interface Shares {
  readonly pss: number
  readonly uss: number
  /** Anonymous memory in huge pages. */
  readonly thp: number
}

const PRESENT = PTE_P | PTE_PROTNONE

export function pss_of(k: Kernel, mm: number): Shares {
  const total = { pss: 0, uss: 0, thp: 0 }
  const pgd = k.mm.pgd[mm]!
  if (pgd !== 0) walk(k, pgd, 3, total)
  return total
}

function walk(k: Kernel, table: number, level: number, total: { pss: number; uss: number; thp: number }): void {
  if (level === 0) return leaf_table(k, table, total)
  const entry = k.pt.entry
  let left = k.pt.nr[table]!
  for (let i = table * PTRS; left > 0; i++) {
    const e = entry[i]!
    if (e === 0) continue
    left--
    if ((e & PTE_PS) !== 0) huge(k, e, level, total)
    else if ((e & PTE_P) !== 0) walk(k, e >>> PTE_SHIFT, level - 1, total)
  }
}

function leaf_table(k: Kernel, table: number, total: { pss: number; uss: number }): void {
  const entry = k.pt.entry
  const mapcount = k.page.mapcount
  let left = k.pt.nr[table]!
  let pss = 0
  let uss = 0
  for (let i = table * PTRS; left > 0; i++) {
    const e = entry[i]!
    if (e === 0) continue
    left--
    if ((e & PRESENT) === 0 || (e & PTE_SPECIAL) !== 0) continue
    const n = mapcount[e >>> PTE_SHIFT]!
    if (n <= 1) {
      pss++
      uss++
    } else pss += 1 / n
  }
  total.pss += pss
  total.uss += uss
}

function huge(k: Kernel, entry: number, level: number, total: { pss: number; uss: number; thp: number }): void {
  if ((entry & PTE_SPECIAL) !== 0 || (entry & PRESENT) === 0) return
  const pfn = entry >>> PTE_SHIFT
  const nr = level === 1 ? 512 : 512 * 512
  const n = Math.max(1, k.page.mapcount[pfn]!)
  total.pss += nr / n
  if (n === 1) total.uss += nr
  if ((k.page.flags[pfn]! & PG_anon) !== 0) total.thp += nr
}
