/**
 * Transparent huge pages: the knobs of /sys/kernel/mm/transparent_hugepage, where a huge page may stand, and how hard an
 * allocation for one tries.
 *
 * Linux: mm/huge_memory.c (hugepage_init, hugepage_vma_check, vma_thp_gfp_mask), include/linux/huge_mm.h.
 */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NORETRY,
  GFP_TRANSHUGE_LIGHT,
  VM_HUGEPAGE,
  VM_NOHUGEPAGE,
  type Kernel,
} from '../kernel'
import { boot_thp } from '../boot_params'
import { PMD_SIZE } from '../arch/x86/pgtable'
import { vma_is_anonymous } from './vma'

/** /sys/kernel/mm/transparent_hugepage: enabled and defrag as words, the rest as numbers. */
export interface ThpSettings {
  enabled: 'always' | 'madvise' | 'never'
  defrag: 'always' | 'defer' | 'defer+madvise' | 'madvise' | 'never'
  use_zero_page: number
  /** Frame of the huge zero page, 0 while nobody uses it. */
  huge_zero: number
  huge_zero_users: number
}
export function thp(k: Kernel): ThpSettings {
  return (k.var.mod['thp'] ??= {
    enabled: thp_small_machine(k) ? 'never' : boot_thp(k.config),
    defrag: thp_small_machine(k) ? 'never' : 'madvise',
    use_zero_page: thp_small_machine(k) ? 0 : 1,
    huge_zero: 0,
    huge_zero_users: 0,
  }) as ThpSettings
}

/** hugepage_init clears all flags on machines with less than 512 MiB of managed memory. */
export function thp_small_machine(k: Kernel): boolean {
  return k.var.totalram_pages < 512 * 256
}

/** May a huge page stand at `addr` of an area: enabled, anonymous, and the aligned 2 MiB inside it? */
export function hugepage_vma_check(k: Kernel, vma: number, addr: number): boolean {
  const flags = k.vma.vm_flags[vma]!
  const { enabled } = thp(k)
  if (enabled === 'never' || (flags & VM_NOHUGEPAGE) !== 0 || !vma_is_anonymous(k, vma)) return false
  if (enabled === 'madvise' && (flags & VM_HUGEPAGE) === 0) return false
  return transhuge_vma_suitable(k, vma, addr)
}
/** Do the aligned 2 MiB around `addr` lie inside the area? */
export function transhuge_vma_suitable(k: Kernel, vma: number, addr: number): boolean {
  const haddr = Math.floor(addr / PMD_SIZE) * PMD_SIZE
  return haddr >= k.vma.vm_start[vma]! && haddr + PMD_SIZE <= k.vma.vm_end[vma]!
}

/** Flags to allocate a huge page of an area with, as `defrag` says: who reclaims or compacts directly, who wakes kswapd. */
export function vma_thp_gfp_mask(k: Kernel, vma: number): number {
  const madvised = (k.vma.vm_flags[vma]! & VM_HUGEPAGE) !== 0
  const { defrag } = thp(k)
  const direct = GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM
  const wake = GFP_TRANSHUGE_LIGHT | __GFP_KSWAPD_RECLAIM
  switch (defrag) {
    case 'always':
      return madvised ? direct : direct | __GFP_NORETRY
    case 'defer':
      return wake
    case 'defer+madvise':
      return madvised ? direct : wake
    case 'madvise':
      return madvised ? direct : GFP_TRANSHUGE_LIGHT
    case 'never':
      return GFP_TRANSHUGE_LIGHT
  }
}
