/** mincore: which pages of a range are in memory. Linux: mm/mincore.c. */
import { PG_uptodate, PTE_P, PTE_PROTNONE, PTE_PS, PTE_SHIFT, PTE_SWAP, type Kernel } from '../kernel'
import { xa_load } from '../lib/xarray'
import { EINVAL, ENOMEM } from '../uapi'
import { find_page } from './filemap'
import { mapped_entry } from './gup'
import { is_shmem } from './inode'
import { page_align } from './mmap'
import { blk_poll } from './page_io'
import { find_vma, linear_page_index } from './vma'

/** What a page table maps: between two of them a walk lets interrupts be (cond_resched in mincore_pte_range). */
const TABLE_BYTES = 2 * 1024 * 1024

/**
 * How many pages are resident, or -errno; `vec` gets the number of each, counted from `start`. Of a file, cached pages count
 * whether they are mapped or not.
 */
export function do_mincore(k: Kernel, mm: number, start: number, length: number, vec: number[] = []): number {
  if (start % 4096 !== 0) return -EINVAL
  const end = start + page_align(length)
  for (let at = start; at < end;) {
    const vma = find_vma(k, mm, at)
    if (vma === 0 || k.vma.vm_start[vma]! > at) return -ENOMEM
    const to = Math.min(end, k.vma.vm_end[vma]!)
    for (; at < to; at += 4096) {
      if (at % TABLE_BYTES === 0 || at === start) blk_poll(k)
      if (page_resident(k, mm, vma, at)) vec.push((at - start) / 4096)
    }
  }
  return vec.length
}

function page_resident(k: Kernel, mm: number, vma: number, addr: number): boolean {
  const entry = mapped_entry(k, mm, addr)
  if ((entry & (PTE_P | PTE_PROTNONE | PTE_PS)) !== 0) return true
  if ((entry & PTE_SWAP) !== 0) return k.swap.cache[entry >>> PTE_SHIFT]! > 0
  const file = k.vma.vm_file[vma]!
  return file !== 0 && incore(k, k.file.inode[file]!, linear_page_index(k, vma, addr))
}

/** find_get_incore_page: in the page cache, or, of shared memory, in the swap cache. */
function incore(k: Kernel, inode: number, index: number): boolean {
  const pfn = find_page(k, inode, index)
  if (pfn !== 0) return (k.page.flags[pfn]! & PG_uptodate) !== 0
  const slot = is_shmem(k, inode) ? -xa_load(k, inode, index) : 0
  return slot > 0 && k.swap.cache[slot]! > 0
}
