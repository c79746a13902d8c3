/** /proc/PID/numa_maps: what each area has on the one node. Linux: fs/proc/task_mmu.c (show_numa_map). */
import {
  PG_active,
  PG_anon,
  PG_dirty,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
  PTE_D,
  PTE_P,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  VM_HUGETLB,
  VM_PFNMAP,
  type Kernel,
} from '../kernel'
import { PMD_SIZE, pmd_offset, PTRS } from '../arch/x86/pgtable'
import { mapped_entry } from '../mm/gup'
import { vma_kernel_pagesize } from '../mm/hugetlb'
import { is_vm_hugetlb_page } from '../mm/vma'
import { compound_head } from '../mm/page_alloc'
import { page_mapcount } from '../mm/rmap'
import { inode_path } from './names'
import { area_name } from './smaps'
import { hex } from './text'

interface NumaMaps {
  pages: number
  anon: number
  active: number
  writeback: number
  mapcount_max: number
  dirty: number
  swapcache: number
}

export function numa_maps(k: Kernel, mm: number): string {
  let text = ''
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) text += `${area_line(k, mm, vma)}\n`
  return text
}

function area_line(k: Kernel, mm: number, vma: number): string {
  const file = k.vma.vm_file[vma]!
  const hugetlb = (k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0
  const name = file === 0 ? area_name(k, mm, vma) : ''
  const words = [hex(k.vma.vm_start[vma]!), 'default']
  if (file !== 0) words.push(`file=${inode_path(k, k.file.inode[file]!).replaceAll(' ', '\\040')}`)
  else if (name === '[heap]' || name === '[stack]') words.push(name.slice(1, -1))
  if (hugetlb) words.push('huge')
  const md = gather(k, mm, vma)
  if (md.pages === 0) return words.join(' ')
  if (md.anon > 0) words.push(`anon=${md.anon}`)
  if (md.dirty > 0) words.push(`dirty=${md.dirty}`)
  if (md.pages !== md.anon && md.pages !== md.dirty) words.push(`mapped=${md.pages}`)
  if (md.mapcount_max > 1) words.push(`mapmax=${md.mapcount_max}`)
  if (md.swapcache > 0) words.push(`swapcache=${md.swapcache}`)
  if (md.active < md.pages && !hugetlb) words.push(`active=${md.active}`)
  if (md.writeback > 0) words.push(`writeback=${md.writeback}`)
  return `${words.join(' ')} N0=${md.pages} kernelpagesize_kB=${vma_kernel_pagesize(k, vma) / 1024}`
}

function gather(k: Kernel, mm: number, vma: number): NumaMaps {
  const md: NumaMaps = { pages: 0, anon: 0, active: 0, writeback: 0, mapcount_max: 0, dirty: 0, swapcache: 0 }
  if ((k.vma.vm_flags[vma]! & VM_PFNMAP) !== 0) return md
  const end = k.vma.vm_end[vma]!
  if (is_vm_hugetlb_page(k, vma)) {
    const size = vma_kernel_pagesize(k, vma)
    for (let addr = k.vma.vm_start[vma]!; addr < end; addr += size) add(k, md, mapped_entry(k, mm, addr), 1)
    return md
  }
  for (let addr = k.vma.vm_start[vma]!; addr < end;) {
    const stop = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
    const slot = pmd_offset(k, mm, addr)
    const pmd = slot === 0 ? 0 : k.pt.entry[slot]!
    if ((pmd & PTE_PS) !== 0) add(k, md, pmd, PTRS)
    else if ((pmd & PTE_P) !== 0) {
      const first = (pmd >>> PTE_SHIFT) * PTRS + (Math.floor(addr / 4096) & 511)
      for (let i = 0; i < (stop - addr) / 4096; i++) add(k, md, k.pt.entry[first + i]!, 1)
    }
    addr = stop
  }
  return md
}

/** gather_stats: pages of the kernel's own (reserved, the zero page) do not count. */
function add(k: Kernel, md: NumaMaps, entry: number, nr: number): void {
  if ((entry & PTE_P) === 0 || (entry & PTE_SPECIAL) !== 0) return
  const pfn = entry >>> PTE_SHIFT
  const flags = k.page.flags[compound_head(k, pfn)]!
  md.pages += nr
  if ((entry & PTE_D) !== 0 || (flags & PG_dirty) !== 0) md.dirty += nr
  if ((flags & PG_swapcache) !== 0) md.swapcache += nr
  if ((flags & (PG_active | PG_unevictable)) !== 0) md.active += nr
  if ((flags & PG_writeback) !== 0) md.writeback += nr
  if ((flags & PG_anon) !== 0) md.anon += nr
  md.mapcount_max = Math.max(md.mapcount_max, page_mapcount(k, pfn))
}
