/**
 * Locked memory: mlock, munlock, mlockall; pages of locked areas leave the reclaimable lists.
 *
 * Linux: mm/mlock.c. Simplified: no per-CPU batches; a page knows that it is locked, not how often (asked from the reverse
 * map when an area lets go of it).
 */
import { C } from '@shared/counters'
import {
  PG_head,
  PG_lru,
  PG_mlocked,
  PG_tail,
  PG_unevictable,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SPECIAL,
  PTE_SHIFT,
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  type Kernel,
} from '../kernel'
import { task_size } from '../arch/x86/pgtable'
import { COST } from '../costs'
import { charge } from '../task'
import { EAGAIN, EINVAL, ENOMEM, EPERM, MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT } from '../uapi'
import { __mm_populate, mapped_entry, mm_populate } from './gup'
import { page_align } from './mmap'
import { mod_zone_page_state, zone_of } from './page_alloc'
import { mlocked_elsewhere } from './rmap'
import { folio_nr_pages, isolate_lru_page, lru_add_drain, putback_lru_page } from './swap'
import { capable } from './util'
import { find_vma } from './vma'
import { vma_modify } from './vma_merge'

const RLIMIT_MEMLOCK_DEFAULT = 8 * 2 ** 20

function rlimit_memlock(k: Kernel): number {
  const limit = k.task.rlim_memlock[k.var.current]!
  return limit === 0 ? RLIMIT_MEMLOCK_DEFAULT : limit
}

export function can_do_mlock(k: Kernel): boolean {
  return rlimit_memlock(k) > 0 || capable(k, k.var.current)
}

/** Would `bytes` more of an area with these flags stay within RLIMIT_MEMLOCK? */
export function mlock_future_check(k: Kernel, mm: number, flags: number, bytes: number): boolean {
  if ((flags & VM_LOCKED) === 0 || capable(k, k.var.current)) return true
  return k.mm.locked_vm[mm]! + bytes / 4096 <= Math.floor(rlimit_memlock(k) / 4096)
}

// ---------------------------------------------------------------- pages

/** A page that a locked area maps moves to the unevictable list. */
export function mlock_page(k: Kernel, pfn: number): void {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_mlocked) !== 0) return
  const nr = folio_nr_pages(k, pfn)
  k.page.flags[pfn] = flags | PG_mlocked
  mod_zone_page_state(k, zone_of(k, pfn), C.nr_mlock, nr)
  k.vmstat[C.unevictable_pgs_mlocked]! += nr
  relist(k, pfn)
}

/** An area lets go of a locked page; another that holds it keeps it locked. */
export function munlock_page(k: Kernel, pfn: number, except = 0): void {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_mlocked) === 0 || mlocked_elsewhere(k, pfn, except)) return
  const nr = folio_nr_pages(k, pfn)
  k.page.flags[pfn] = flags & ~PG_mlocked
  mod_zone_page_state(k, zone_of(k, pfn), C.nr_mlock, -nr)
  k.vmstat[C.unevictable_pgs_munlocked]! += nr
  if ((flags & PG_unevictable) !== 0) k.vmstat[C.unevictable_pgs_rescued]! += nr
  relist(k, pfn)
}

/** Takes the page off its list and puts it on the one it belongs to now. */
function relist(k: Kernel, pfn: number): void {
  if ((k.page.flags[pfn]! & PG_lru) === 0) lru_add_drain(k)
  if (!isolate_lru_page(k, pfn)) return
  k.page.flags[pfn]! &= ~PG_unevictable
  putback_lru_page(k, pfn)
  lru_add_drain(k)
}

function mlock_vma_pages_range(k: Kernel, vma: number, start: number, end: number, lock: boolean): void {
  lru_add_drain(k)
  for (let addr = start; addr < end; addr += 4096) {
    const entry = mapped_entry(k, k.vma.mm[vma]!, addr)
    if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) continue
    // Parts of a huge page are left alone.
    if ((entry & PTE_PS) === 0 && (k.page.flags[entry >>> PTE_SHIFT]! & (PG_head | PG_tail)) !== 0) continue
    if (lock) mlock_page(k, entry >>> PTE_SHIFT)
    else munlock_page(k, entry >>> PTE_SHIFT, vma)
  }
  lru_add_drain(k)
}

// ---------------------------------------------------------------- areas

/** Changes the lock of one area's part; returns the area that holds it then, or -errno. */
function mlock_fixup(
  k: Kernel,
  mm: number,
  vma: number,
  prev: number,
  start: number,
  end: number,
  lock: number,
): number {
  const v = k.vma
  const oldflags = v.vm_flags[vma]!
  const newflags = (oldflags & ~(VM_LOCKED | VM_LOCKONFAULT)) | lock
  if (newflags === oldflags || (oldflags & (VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_HUGETLB)) !== 0) return vma
  vma = vma_modify(k, mm, vma, prev, start, end, newflags)
  if (vma < 0) return vma
  const pages = (end - start) / 4096
  if ((newflags & VM_LOCKED) === 0) k.mm.locked_vm[mm]! -= pages
  else if ((oldflags & VM_LOCKED) === 0) k.mm.locked_vm[mm]! += pages
  v.vm_flags[vma] = newflags
  if (((oldflags ^ newflags) & VM_LOCKED) !== 0) mlock_vma_pages_range(k, vma, start, end, (newflags & VM_LOCKED) !== 0)
  return vma
}

/** mlock_fixup over a range that must be mapped throughout. */
function apply_vma_lock_flags(k: Kernel, mm: number, start: number, len: number, lock: number): number {
  const end = start + len
  if (end === start) return 0
  let vma = find_vma(k, mm, start)
  if (vma === 0 || k.vma.vm_start[vma]! > start) return -ENOMEM
  let prev = start > k.vma.vm_start[vma]! ? vma : k.vma.prev[vma]!
  for (let at = start; ;) {
    const done = mlock_fixup(k, mm, vma, prev, at, Math.min(end, k.vma.vm_end[vma]!), lock)
    if (done < 0) return done
    at = k.vma.vm_end[done]!
    if (at >= end) return 0
    prev = done
    vma = k.vma.next[done]!
    if (vma === 0 || k.vma.vm_start[vma] !== at) return -ENOMEM
  }
}

// ---------------------------------------------------------------- system calls

export function do_mlock(k: Kernel, mm: number, start: number, length: number, flags: number): number {
  charge(k, COST.vma_op)
  if ((flags & ~MLOCK_ONFAULT) !== 0) return -EINVAL
  if (!can_do_mlock(k)) return -EPERM
  const from = Math.floor(start / 4096) * 4096
  const len = page_align(length + (start - from))
  if (k.mm.locked_vm[mm]! + len / 4096 > Math.floor(rlimit_memlock(k) / 4096) && !capable(k, k.var.current)) {
    const already = count_locked_pages(k, mm, from, from + len)
    if (k.mm.locked_vm[mm]! + len / 4096 - already > Math.floor(rlimit_memlock(k) / 4096)) return -ENOMEM
  }
  const lock = (flags & MLOCK_ONFAULT) !== 0 ? VM_LOCKED | VM_LOCKONFAULT : VM_LOCKED
  const error = apply_vma_lock_flags(k, mm, from, len, lock)
  if (error < 0) return error
  const ret = __mm_populate(k, mm, from, len, false)
  // posix: what cannot be read in is ENOMEM, what cannot be had now EAGAIN.
  if (ret < 0) return ret === -ENOMEM ? -EAGAIN : -ENOMEM
  return 0
}

function count_locked_pages(k: Kernel, mm: number, start: number, end: number): number {
  let pages = 0
  for (let vma = find_vma(k, mm, start); vma !== 0 && k.vma.vm_start[vma]! < end; vma = k.vma.next[vma]!)
    if ((k.vma.vm_flags[vma]! & VM_LOCKED) !== 0)
      pages += (Math.min(end, k.vma.vm_end[vma]!) - Math.max(start, k.vma.vm_start[vma]!)) / 4096
  return pages
}

export function do_munlock(k: Kernel, mm: number, start: number, length: number): number {
  charge(k, COST.vma_op)
  const from = Math.floor(start / 4096) * 4096
  return apply_vma_lock_flags(k, mm, from, page_align(length + (start - from)), 0)
}

export function do_mlockall(k: Kernel, mm: number, flags: number): number {
  if (flags === 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0 || flags === MCL_ONFAULT) return -EINVAL
  if (!can_do_mlock(k)) return -EPERM
  const current = (flags & MCL_CURRENT) !== 0
  if (current && k.mm.total_vm[mm]! > Math.floor(rlimit_memlock(k) / 4096) && !capable(k, k.var.current)) return -ENOMEM
  apply_mlockall_flags(k, mm, flags)
  if (current) mm_populate(k, mm, 0, task_size(k))
  return 0
}
export function do_munlockall(k: Kernel, mm: number): number {
  apply_mlockall_flags(k, mm, 0)
  return 0
}

function apply_mlockall_flags(k: Kernel, mm: number, flags: number): void {
  const lock = (flags & MCL_ONFAULT) !== 0 ? VM_LOCKED | VM_LOCKONFAULT : VM_LOCKED
  k.mm.def_flags[mm] = (k.mm.def_flags[mm]! & ~(VM_LOCKED | VM_LOCKONFAULT)) | ((flags & MCL_FUTURE) !== 0 ? lock : 0)
  if ((flags & MCL_FUTURE) !== 0 && (flags & MCL_CURRENT) === 0) return
  const change = (flags & MCL_CURRENT) !== 0 ? lock : 0
  for (let vma = k.mm.vma_head[mm]!; vma !== 0;) {
    const done = mlock_fixup(k, mm, vma, k.vma.prev[vma]!, k.vma.vm_start[vma]!, k.vma.vm_end[vma]!, change)
    if (done > 0) vma = done
    vma = k.vma.next[vma]!
  }
}
