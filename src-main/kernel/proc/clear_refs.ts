/**
 * /proc/PID/clear_refs: forgets which pages were referenced, or written, so that one can see which are from now on.
 * Linux: fs/proc/task_mmu.c (clear_refs_write). Simplified: huge pages are not split for soft-dirty.
 */
import {
  PG_referenced,
  PTE_A,
  PTE_P,
  PTE_PS,
  PTE_PROTNONE,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_W,
  VM_HUGETLB,
  VM_PFNMAP,
  type Kernel,
} from '../kernel'
import { PMD_SIZE, pmd_offset, PTRS, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_mm } from '../arch/x86/tlb_flush'
import { get_mm_rss } from '../mm/rss_stat'
import { EINVAL } from '../uapi'
import { kstrtoint } from './text'

const CLEAR_REFS_ALL = 1
const CLEAR_REFS_ANON = 2
const CLEAR_REFS_MAPPED = 3
const CLEAR_REFS_SOFT_DIRTY = 4
const CLEAR_REFS_MM_HIWATER_RSS = 5

/** 0 or a negative errno; kernel threads have nothing to clear. */
export function clear_refs_write(k: Kernel, mm: number, text: string): number {
  const type = kstrtoint(text)
  if (type === null || type < CLEAR_REFS_ALL || type > CLEAR_REFS_MM_HIWATER_RSS) return -EINVAL
  if (mm === 0) return 0
  if (type === CLEAR_REFS_MM_HIWATER_RSS) {
    k.mm.hiwater_rss[mm] = get_mm_rss(k, mm)
    return 0
  }
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
    if (type === CLEAR_REFS_SOFT_DIRTY) k.vma.soft_clean[vma] = 1
    if (takes_part(k, vma, type)) clear(k, vma, type)
  }
  if (type === CLEAR_REFS_SOFT_DIRTY) flush_tlb_mm(k, mm)
  return 0
}

/** clear_refs_test_walk: of anonymous or of mapped memory only, where that was asked for. */
function takes_part(k: Kernel, vma: number, type: number): boolean {
  if ((k.vma.vm_flags[vma]! & (VM_PFNMAP | VM_HUGETLB)) !== 0) return false
  if (type === CLEAR_REFS_ANON) return k.vma.vm_file[vma] === 0
  return type !== CLEAR_REFS_MAPPED || k.vma.vm_file[vma] !== 0
}

function clear(k: Kernel, vma: number, type: number): void {
  const mask = type === CLEAR_REFS_SOFT_DIRTY ? PTE_W : PTE_A
  const mm = k.vma.mm[vma]!
  const end = k.vma.vm_end[vma]!
  for (let addr = k.vma.vm_start[vma]!; addr < end;) {
    const stop = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
    const slot = pmd_offset(k, mm, addr)
    const pmd = slot === 0 ? 0 : k.pt.entry[slot]!
    if ((pmd & PTE_PS) !== 0) clear_entry(k, slot, mask)
    else if ((pmd & PTE_P) !== 0) {
      const first = (pmd >>> PTE_SHIFT) * PTRS + (Math.floor(addr / 4096) & 511)
      for (let i = 0; i < (stop - addr) / 4096; i++) clear_entry(k, first + i, mask)
    }
    addr = stop
  }
}

function clear_entry(k: Kernel, slot: number, mask: number): void {
  const entry = k.pt.entry[slot]!
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0) return
  if ((entry & mask) !== 0) set_entry(k, slot, entry & ~mask)
  if (mask !== PTE_A || (entry & PTE_SPECIAL) !== 0) return
  k.page.flags[entry >>> PTE_SHIFT]! &= ~PG_referenced
}
