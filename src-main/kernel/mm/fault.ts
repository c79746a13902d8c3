/**
 * Faults on mapped files and shared memory: read (mapping the cached neighbours along), copy for a private write, shared
 * write.
 *
 * Linux: mm/memory.c (do_fault, do_read_fault, do_cow_fault, do_shared_fault, do_fault_around, finish_fault).
 */
import { PTE_A, PTE_D, PTE_P, PTE_SHIFT, PTE_SPECIAL, VM_SHARED, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { set_entry } from '../arch/x86/pgtable'
import { anon_vma_prepare } from './anon_vma'
import { filemap_fault, filemap_map_pages, filemap_page_mkwrite, mapping_can_writeback } from './filemap'
import { alloc_user_page, maybe_mkwrite, pte_alloc_vmf, VDSO_PFN, vm_page_prot, VVAR_PFN } from './memory'
import { is_shmem } from './inode'
import { add_mm_counter_fast, MM_ANONPAGES, MM_FILEPAGES, mm_counter_of } from './rss_stat'
import { page_add_file_rmap, page_add_new_anon_rmap } from './rmap'
import { shmem_fault } from './shmem'
import { lru_cache_add_inactive_or_unevictable, release_page } from './swap'
import { set_page_dirty } from './page_writeback'
import {
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from './vm_fault'
import { vma_pages } from './vma'

const FAULT_AROUND_PAGES = 16
export const SPECIAL_VDSO = 1

export function do_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  if (k.vma.special[vmf.vma] !== 0) return special_mapping_fault(k, vmf, pmd)
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) return do_read_fault(k, vmf, pmd)
  if ((k.vma.vm_flags[vmf.vma]! & VM_SHARED) === 0) return do_cow_fault(k, vmf, pmd)
  return do_shared_fault(k, vmf, pmd)
}

/** vm_ops->fault: the page, in `vmf.page`, or VM_FAULT_… bits that say why not (yet). */
function __do_fault(k: Kernel, vmf: VmFault): number {
  const inode = k.file.inode[k.vma.vm_file[vmf.vma]!]!
  return is_shmem(k, inode) ? shmem_fault(k, vmf) : filemap_fault(k, vmf)
}
const UNFINISHED = VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY

function do_read_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  const around = do_fault_around(k, vmf, pmd)
  if (around !== 0) return around
  const ret = __do_fault(k, vmf)
  if ((ret & UNFINISHED) !== 0) return ret
  return ret | finish_fault(k, vmf, pmd)
}

/** Maps up to 16 cached pages around the address: aligned, inside the area and the page table. */
function do_fault_around(k: Kernel, vmf: VmFault, pmd: number): number {
  const { vma } = vmf
  const pte_off = Math.floor(vmf.address / 4096) & 511
  const vma_off = vmf.pgoff - k.vma.vm_pgoff[vma]!
  const from = Math.max(pte_off & ~(FAULT_AROUND_PAGES - 1), pte_off - Math.min(pte_off, vma_off))
  const to = Math.min(from + FAULT_AROUND_PAGES, 512, pte_off + vma_pages(k, vma) - vma_off) - 1
  const pfns: number[] = []
  const first = vmf.pgoff - (pte_off - from)
  // The table is put in place for the first page that is found (filemap_map_pmd); for none there is none.
  if (!filemap_map_pages(k, vmf, first, first + (to - from), pfns)) return 0
  if (!pte_alloc_vmf(k, vmf, pmd)) return VM_FAULT_OOM
  const base = vmf.pte - (pte_off - from)
  let mapped = 0
  for (let i = 0; i < pfns.length; i++) {
    const pfn = pfns[i]!
    if (pfn === 0 || k.pt.entry[base + i] !== 0) continue
    do_set_pte(k, vmf, base + i, pfn, false)
    mapped++
  }
  charge(k, mapped * COST.fault_around_page)
  return k.pt.entry[vmf.pte] !== 0 ? VM_FAULT_NOPAGE : 0
}

/** A private area is written: its own copy of the file's page. */
function do_cow_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  if (!anon_vma_prepare(k, vmf.vma)) return VM_FAULT_OOM
  const copy = alloc_user_page(k, vmf.mm, false)
  if (copy === 0) return VM_FAULT_OOM
  const ret = __do_fault(k, vmf)
  if ((ret & UNFINISHED) !== 0) {
    release_page(k, copy)
    return ret
  }
  charge(k, COST.copy_page)
  if (!pte_alloc_vmf(k, vmf, pmd)) {
    release_page(k, copy)
    return VM_FAULT_OOM
  }
  k.page.private[copy] = 0
  add_mm_counter_fast(k, vmf.mm, MM_ANONPAGES, 1)
  page_add_new_anon_rmap(k, copy, vmf.vma, vmf.address)
  lru_cache_add_inactive_or_unevictable(k, copy, vmf.vma)
  set_entry(k, vmf.pte, maybe_mkwrite(k, vmf.vma, (copy << PTE_SHIFT) | vm_page_prot(k, vmf.vma) | PTE_D))
  charge(k, COST.page_add)
  return ret
}

function do_shared_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  const ret = __do_fault(k, vmf)
  if ((ret & UNFINISHED) !== 0) return ret
  const mkwrite = do_page_mkwrite(k, vmf, vmf.page)
  if (mkwrite !== 0) return mkwrite
  const finished = finish_fault(k, vmf, pmd)
  if (finished === 0) set_page_dirty(k, vmf.page)
  return ret | finished
}

/** The file system learns that a page becomes dirty (may throttle). 0 or VM_FAULT_… bits. */
export function do_page_mkwrite(k: Kernel, vmf: VmFault, pfn: number): number {
  const inode = k.file.inode[k.vma.vm_file[vmf.vma]!]!
  return mapping_can_writeback(k, inode) ? filemap_page_mkwrite(k, vmf, pfn) : 0
}

/** Puts the page of vm_ops->fault in place. */
function finish_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  if (!pte_alloc_vmf(k, vmf, pmd)) return VM_FAULT_OOM
  if (k.pt.entry[vmf.pte] === 0) do_set_pte(k, vmf, vmf.pte, vmf.page, (vmf.flags & FAULT_FLAG_WRITE) !== 0)
  return 0
}

/** A file page becomes mapped. */
export function do_set_pte(k: Kernel, vmf: VmFault, slot: number, pfn: number, write: boolean): void {
  let entry = (pfn << PTE_SHIFT) | vm_page_prot(k, vmf.vma)
  if (write) entry = maybe_mkwrite(k, vmf.vma, entry | PTE_D)
  add_mm_counter_fast(k, vmf.mm, mm_counter_of(k, pfn), 1)
  page_add_file_rmap(k, pfn, vmf.vma)
  set_entry(k, slot, entry)
}

/** [vdso] is a page of the kernel that counts as file memory; [vvar] is mapped by frame number and counts nowhere. */
function special_mapping_fault(k: Kernel, vmf: VmFault, pmd: number): number {
  if ((vmf.flags & FAULT_FLAG_WRITE) !== 0) return VM_FAULT_SIGBUS
  // Behind the first page of [vvar] are those of hypervisors and time namespaces, which are not there.
  const further = k.vma.special[vmf.vma] !== SPECIAL_VDSO && vmf.address >= k.vma.vm_start[vmf.vma]! + 4096
  if (further) return VM_FAULT_SIGBUS
  if (!pte_alloc_vmf(k, vmf, pmd)) return VM_FAULT_OOM
  if (k.vma.special[vmf.vma] === SPECIAL_VDSO) {
    add_mm_counter_fast(k, vmf.mm, MM_FILEPAGES, 1)
    page_add_file_rmap(k, VDSO_PFN, vmf.vma)
    set_entry(k, vmf.pte, (VDSO_PFN << PTE_SHIFT) | PTE_P | PTE_A)
  } else set_entry(k, vmf.pte, (VVAR_PFN << PTE_SHIFT) | PTE_P | PTE_A | PTE_SPECIAL)
  return VM_FAULT_NOPAGE
}
