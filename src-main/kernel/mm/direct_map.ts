/**
 * The kernel's direct map: a 2-MiB entry is split when the rights of a part of it change.
 *
 * Linux: arch/x86/mm/pat/set_memory.c (__change_page_attr, split_large_page). Simplified: entries are never joined again.
 */
import { GFP_KERNEL, type Kernel } from '../kernel'
import { alloc_pages } from './page_alloc'

const PAGES_PER_ENTRY_SHIFT = 9

/** How many 2-MiB entries were split since boot. */
export function direct_map_splits(k: Kernel): number {
  return (k.var.mod['direct_map_splits'] as readonly number[] | undefined)?.length ?? 0
}

/** Write access is taken from these frames' aliases in the direct map; every entry it breaks up takes a page table. */
export function set_memory_ro(k: Kernel, pfns: readonly number[]): void {
  const known = (k.var.mod['direct_map_splits'] ??= []) as number[]
  for (const pfn of pfns) {
    const entry = pfn >> PAGES_PER_ENTRY_SHIFT
    if (!known.includes(entry) && alloc_pages(k, GFP_KERNEL, 0) !== 0) known.push(entry)
  }
}
