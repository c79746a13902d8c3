/**
 * mprotect: changes the rights of a range, area by area, splitting and merging at its ends.
 *
 * Linux: mm/mprotect.c (mprotect_fixup, change_pte_range, can_change_pte_writable).
 */
import {
  PG_anon,
  PG_anon_exclusive,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_W,
  VM_ACCOUNT,
  VM_EXEC,
  VM_HUGETLB,
  VM_LOCKED,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { pmd_offset, PMD_SIZE, PTRS } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { EACCES, EINVAL, ENOMEM } from '../uapi'
import { populate_vma_page_range } from './gup'
import { __split_huge_pmd } from './huge_memory'
import { hugetlb_change_protection } from './hugetlb'
import { vm_page_prot, vma_wants_writenotify } from './memory'
import { calc_vm_prot_bits, may_expand_vm, page_align } from './mmap'
import { security_vm_enough_memory_mm } from './util'
import { find_vma, is_vm_hugetlb_page, vm_stat_account } from './vma'
import { vma_modify } from './vma_merge'

const VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC
const MAY_SHIFT = 4

/** 0 or -errno; what was changed before an error stays changed. */
export function do_mprotect(k: Kernel, mm: number, start: number, length: number, prot: number): number {
  charge(k, COST.vma_op)
  if (start % 4096 !== 0) return -EINVAL
  if (length === 0) return 0
  const end = start + page_align(length)
  let vma = find_vma(k, mm, start)
  if (vma === 0 || k.vma.vm_start[vma]! > start) return -ENOMEM
  let prev = start > k.vma.vm_start[vma]! ? vma : k.vma.prev[vma]!
  for (let at = start; ;) {
    const flags = k.vma.vm_flags[vma]!
    const newflags = (flags & ~VM_ACCESS_FLAGS) | calc_vm_prot_bits(prot)
    if ((newflags & ~(newflags >> MAY_SHIFT) & VM_ACCESS_FLAGS) !== 0) return -EACCES
    const to = Math.min(end, k.vma.vm_end[vma]!)
    const done = mprotect_fixup(k, mm, vma, prev, at, to, newflags)
    if (done < 0) return done
    at = Math.max(to, k.vma.vm_end[done]!)
    prev = done
    if (at >= end) return 0
    vma = k.vma.next[done]!
    if (vma === 0 || k.vma.vm_start[vma] !== at) return -ENOMEM
  }
}

/** Changes one area's part [start, end); returns the area that holds it then, or -errno. */
export function mprotect_fixup(
  k: Kernel,
  mm: number,
  vma: number,
  prev: number,
  start: number,
  end: number,
  newflags: number,
): number {
  const v = k.vma
  const oldflags = v.vm_flags[vma]!
  if (newflags === oldflags) return vma
  const pages = (end - start) / 4096
  if ((newflags & VM_WRITE) !== 0) {
    if (!may_expand_vm(k, mm, newflags, pages) && may_expand_vm(k, mm, oldflags, pages)) return -ENOMEM
    if ((oldflags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)) === 0) {
      if (security_vm_enough_memory_mm(k, mm, pages) < 0) return -ENOMEM
      newflags |= VM_ACCOUNT
    }
  }
  vma = vma_modify(k, mm, vma, prev, start, end, newflags)
  if (vma < 0) return vma
  v.vm_flags[vma] = newflags
  change_protection(k, vma, start, end)
  // Locked memory that becomes writable is broken from sharing now.
  if ((oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED && (newflags & VM_WRITE) !== 0)
    populate_vma_page_range(k, vma, start, end)
  vm_stat_account(k, mm, oldflags, -pages)
  vm_stat_account(k, mm, newflags, pages)
  return vma
}

/** Rewrites the entries of [start, end) for the area's rights. */
export function change_protection(k: Kernel, vma: number, start: number, end: number): void {
  const mm = k.vma.mm[vma]!
  const prot = vm_page_prot(k, vma)
  let changed = 0
  let from = start
  if (is_vm_hugetlb_page(k, vma)) {
    // What becomes writable is left to the next write, which faults.
    changed = hugetlb_change_protection(k, vma, start, end, (entry) => modified(entry, prot))
    from = end
  }
  for (let addr = from; addr < end;) {
    const next = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
    const pmd = pmd_offset(k, mm, addr)
    let entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
    if ((entry & PTE_PS) !== 0) {
      if (next - addr === PMD_SIZE) {
        // change_huge_pmd: what becomes writable is left to the next write, which faults.
        k.pt.entry[pmd] = modified(entry, prot)
        changed += 512
        entry = 0
      } else {
        __split_huge_pmd(k, vma, pmd, Math.floor(addr / PMD_SIZE) * PMD_SIZE)
        entry = k.pt.entry[pmd]!
      }
    }
    if (entry !== 0) {
      const base = (entry >>> PTE_SHIFT) * PTRS
      for (let at = addr; at < next; at += 4096) {
        const slot = base + (Math.floor(at / 4096) & 511)
        const pte = k.pt.entry[slot]!
        if ((pte & (PTE_P | PTE_PROTNONE)) === 0) continue
        k.pt.entry[slot] = new_protection(k, vma, pte, prot)
        changed++
      }
    }
    addr = next
  }
  if (changed > 0) flush_tlb_range(k, mm, start, end)
  charge(k, changed * 10)
}

/** pte_modify, pmd_modify: accessed, dirty and the frame stay. */
function modified(old: number, prot: number): number {
  return (old & ~(PTE_P | PTE_W | PTE_PROTNONE)) | (prot & ~PTE_A)
}
/** Write comes back where it would fault for nothing. */
function new_protection(k: Kernel, vma: number, old: number, prot: number): number {
  const entry = modified(old, prot)
  return can_change_pte_writable(k, vma, entry) ? entry | PTE_W : entry
}

function can_change_pte_writable(k: Kernel, vma: number, entry: number): boolean {
  if ((k.vma.vm_flags[vma]! & VM_WRITE) === 0) return false
  if ((entry & PTE_PROTNONE) !== 0 || (entry & PTE_D) === 0) return false
  if ((k.vma.vm_flags[vma]! & VM_SHARED) !== 0) return vma_wants_writenotify(k, vma) || (entry & PTE_W) !== 0
  if ((entry & (PTE_SPECIAL | PTE_SWAP)) !== 0) return false
  const flags = k.page.flags[entry >>> PTE_SHIFT]!
  return (flags & (PG_anon | PG_anon_exclusive)) === (PG_anon | PG_anon_exclusive)
}
