/**
 * hugetlb: mappings of huge pages from the pools (hugetlb_pool.ts). A mapping reserves its pages when it is made (or gets
 * ENOMEM), so that its faults never fail; one made with MAP_NORESERVE takes what is there and gets SIGBUS.
 *
 * A 2 MiB page is an entry of a PMD table, a 1 GiB page one of a PUD table. Which pages of a mapping have used their
 * reservation is kept per mapping (`HugeMap`, found through `vma.swap_ra`).
 *
 * Linux: mm/hugetlb.c. Simplified: no cgroup, no subpools; two page sizes.
 */
import { assert } from '@shared/assert'
import {
  PG_anon,
  PG_anon_exclusive,
  PG_uptodate,
  PTE_A,
  PTE_D,
  PTE_PS,
  PTE_SHIFT,
  PTE_W,
  VM_HUGETLB,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_SHARED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { charge, printk } from '../task'
import { PMD_SIZE, pmd_offset, pud_offset, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb_flush'
import { ENOMEM, MAP_HUGE_1GB, MAP_HUGE_2MB, MAP_HUGE_MASK } from '../uapi'
import { anon_vma_prepare } from './anon_vma'
import {
  alloc_surplus_huge_page,
  free_huge_page,
  HSTATE_1G,
  HSTATE_2M,
  huge_page_size,
  huge_state,
  hugetlb_acct_memory,
  pages_per_huge_page,
  publish,
  type HugeMap,
  type Hstate,
  type HugeState,
} from './hugetlb_pool'
import { maybe_mkwrite, vm_page_prot } from './memory'
import { tlb_remove_entry, type MmuGather } from './mmu_gather'
import { pmd_alloc, pud_alloc } from './pgalloc'
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VM_FAULT_SIGBUS } from './vm_fault'
import { is_vm_hugetlb_page, linear_page_index, vma_address } from './vma'
import { zap_page_range } from './zap'

// ---------------------------------------------------------------- mappings

/** The pool that mmap's flags ask for (hstate_sizelog), -1 when there is none of that size. */
export function hstate_sizelog(k: Kernel, flags: number): number {
  const size = flags & MAP_HUGE_MASK
  if (size === 0) return huge_state(k).default_hstate
  return size === MAP_HUGE_2MB ? HSTATE_2M : size === MAP_HUGE_1GB ? HSTATE_1G : -1
}
function map_of(s: HugeState, k: Kernel, vma: number): HugeMap {
  const map = s.maps[k.vma.swap_ra[vma]!]
  assert(map !== undefined, 'hugetlb: an area without a mapping')
  return map
}
function hstate_vma(k: Kernel, vma: number): Hstate {
  const s = huge_state(k)
  return s.hstates[map_of(s, k, vma).h]!
}
/** Size of the pages of an area: huge pages, or 4 KiB (vma_kernel_pagesize). */
export function vma_kernel_pagesize(k: Kernel, vma: number): number {
  return (k.vma.vm_flags[vma]! & VM_HUGETLB) === 0 ? 4096 : huge_page_size(hstate_vma(k, vma))
}
/** Areas of huge pages split between pages only. */
export function hugetlb_vma_split_ok(k: Kernel, vma: number, addr: number): boolean {
  return (k.vma.vm_flags[vma]! & VM_HUGETLB) === 0 || addr % vma_kernel_pagesize(k, vma) === 0
}

/** A new area of huge pages of a pool takes its reservation. 0 or -ENOMEM. */
export function hugetlb_reserve_pages(k: Kernel, vma: number, index: number): number {
  const s = huge_state(k)
  const h = s.hstates[index]!
  const flags = k.vma.vm_flags[vma]!
  const reserved = (flags & VM_NORESERVE) === 0
  const pages = (k.vma.vm_end[vma]! - k.vma.vm_start[vma]!) / huge_page_size(h)
  if (reserved && !hugetlb_acct_memory(k, h, pages)) return -ENOMEM
  k.vma.vm_pgoff[vma] = 0
  k.vma.swap_ra[vma] = s.next
  s.maps[s.next++] = new_map(index, (flags & VM_SHARED) !== 0, reserved, pages)
  publish(k, s)
  return 0
}
function new_map(h: number, shared: boolean, reserved: boolean, pages: number): HugeMap {
  return { h, shared, reserved, pages, users: 1, used: {}, holes: {}, unmapped: false }
}
/** fork, a split or a move: another area of the same mapping. A child does not own its parent's private reservation. */
export function hugetlb_dup(k: Kernel, vma: number, from: number, child: boolean): void {
  if ((k.vma.vm_flags[from]! & VM_HUGETLB) === 0) return
  const s = huge_state(k)
  const map = map_of(s, k, from)
  if (child && !map.shared) {
    k.vma.swap_ra[vma] = s.next
    s.maps[s.next++] = new_map(map.h, false, false, map.pages)
    return
  }
  k.vma.swap_ra[vma] = k.vma.swap_ra[from]!
  map.users++
}
/** clear_vma_resv_huge_pages: a moved area leaves its private reservation to the new one. */
export function clear_vma_resv_huge_pages(k: Kernel, vma: number): void {
  const s = huge_state(k)
  const map = map_of(s, k, vma)
  if (map.shared) return
  map.users--
  k.vma.swap_ra[vma] = s.next
  s.maps[s.next++] = new_map(map.h, false, false, map.pages)
}

/** An area goes: what it reserved and did not use is given back; shared pages go with their last area. */
export function hugetlb_unreserve(k: Kernel, vma: number): void {
  const s = huge_state(k)
  const id = k.vma.swap_ra[vma]!
  const map = s.maps[id]
  if (map === undefined) return
  const h = s.hstates[map.h]!
  map.users--
  if (!map.shared) {
    const first = huge_offset(k, vma, h, k.vma.vm_start[vma]!)
    give_back(k, h, map, first, huge_offset(k, vma, h, k.vma.vm_end[vma]!))
  } else if (map.users === 0) {
    for (const pfn of Object.values(map.used)) free_huge_page(k, h, pfn)
    give_back(k, h, map, 0, map.pages)
  }
  if (map.users === 0) delete s.maps[id]
  publish(k, s)
}

/** What is promised to offsets [first, last) of a mapping is promised no longer. */
function give_back(k: Kernel, h: Hstate, map: HugeMap, first: number, last: number): void {
  let unused = 0
  for (let i = first; i < last; i++) if (is_promised(map, i)) unused++
  if (unused > 0) hugetlb_acct_memory(k, h, -unused)
}
function is_promised(map: HugeMap, offset: number): boolean {
  return map.reserved && map.used[offset] === undefined && map.holes[offset] === undefined
}

function huge_offset(k: Kernel, vma: number, h: Hstate, addr: number): number {
  return (k.vma.vm_pgoff[vma]! * 4096 + addr - k.vma.vm_start[vma]!) / huge_page_size(h)
}

/** huge_pte_alloc: the entry of a huge page, its tables made; 0 when memory is out. */
function huge_pte_alloc(k: Kernel, mm: number, addr: number, size: number): number {
  return size === PMD_SIZE ? pmd_alloc(k, mm, addr) : pud_alloc(k, mm, addr)
}
/** huge_pte_offset: the entry of a huge page, or 0. */
function huge_pte_offset(k: Kernel, mm: number, addr: number, size: number): number {
  return size === PMD_SIZE ? pmd_offset(k, mm, addr) : pud_offset(k, mm, addr)
}

/** alloc_huge_page: with the reservation where there is one; 0: none to be had. */
function alloc_huge_page(k: Kernel, h: Hstate, map: HugeMap, offset: number, owner: boolean): number {
  const promised = owner && is_promised(map, offset)
  if (!promised && h.free.length - h.resv <= 0 && !alloc_surplus_huge_page(k, h)) return 0
  const pfn = h.free.pop()
  assert(pfn !== undefined, 'hugetlb: a reserved page is missing')
  if (promised) h.resv--
  charge(k, COST.zero_page * pages_per_huge_page(h))
  return pfn
}

// ---------------------------------------------------------------- faults

export function hugetlb_fault(k: Kernel, mm: number, vma: number, addr: number, flags: number): number {
  const size = huge_page_size(hstate_vma(k, vma))
  const haddr = Math.floor(addr / size) * size
  const slot = huge_pte_alloc(k, mm, haddr, size)
  if (slot === 0) return VM_FAULT_OOM
  const write = (flags & FAULT_FLAG_WRITE) !== 0
  const entry = k.pt.entry[slot]!
  if (entry === 0) return hugetlb_no_page(k, mm, vma, haddr, slot, write)
  if (write && (entry & PTE_W) === 0) return hugetlb_wp(k, mm, vma, haddr, slot)
  k.pt.entry[slot] = entry | PTE_A | (write ? PTE_D : 0)
  return 0
}

function hugetlb_no_page(k: Kernel, mm: number, vma: number, haddr: number, slot: number, write: boolean): number {
  const s = huge_state(k)
  const map = map_of(s, k, vma)
  const h = s.hstates[map.h]!
  if (map.unmapped) {
    printk(k, `PID ${k.task.pid[k.var.current]!} killed due to inadequate hugepage pool`)
    return VM_FAULT_SIGBUS
  }
  const offset = huge_offset(k, vma, h, haddr)
  let pfn = map.shared ? (map.used[offset] ?? 0) : 0
  if (pfn === 0) {
    pfn = alloc_huge_page(k, h, map, offset, true)
    if (pfn === 0) return VM_FAULT_SIGBUS
    map.used[offset] = map.shared ? pfn : 1
    k.page.flags[pfn]! |= PG_uptodate
  }
  if (!map.shared) {
    if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
    set_anon(k, pfn, vma)
  }
  map_page(k, mm, vma, slot, pfn, h, write)
  publish(k, s)
  return 0
}

function set_anon(k: Kernel, pfn: number, vma: number): void {
  k.page.flags[pfn]! |= PG_anon | PG_anon_exclusive | PG_uptodate
  k.page.mapping[pfn] = k.vma.anon_vma[vma]!
}

function map_page(k: Kernel, mm: number, vma: number, slot: number, pfn: number, h: Hstate, write: boolean): void {
  const base = (pfn << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_PS
  const writable = write || (k.vma.vm_flags[vma]! & VM_SHARED) !== 0
  set_entry(k, slot, writable ? maybe_mkwrite(k, vma, write ? base | PTE_D : base) : base)
  k.page.mapcount[pfn]!++
  k.mm.hugetlb_pages[mm]! += pages_per_huge_page(h)
}

/** Copy on write: re-used when only this entry maps it. */
function hugetlb_wp(k: Kernel, mm: number, vma: number, haddr: number, slot: number): number {
  const s = huge_state(k)
  const entry = k.pt.entry[slot]!
  const old = entry >>> PTE_SHIFT
  flush_tlb_range(k, mm, haddr, haddr + 4096)
  if (k.page.mapcount[old] === 1 || (k.vma.vm_flags[vma]! & VM_SHARED) !== 0) return hugetlb_reuse(k, vma, slot)
  const map = map_of(s, k, vma)
  const h = s.hstates[map.h]!
  if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
  const pfn = alloc_huge_page(k, h, map, huge_offset(k, vma, h, haddr), false)
  if (pfn === 0) {
    // Who reserved the pages does not die for lack of one: those it shares the page with since a fork lose theirs.
    if (!map.reserved) return VM_FAULT_SIGBUS
    unmap_ref_private(k, vma, haddr, old)
    return k.page.mapcount[old] === 1 ? hugetlb_reuse(k, vma, slot) : VM_FAULT_SIGBUS
  }
  charge(k, COST.copy_page * pages_per_huge_page(h))
  k.page.mapcount[old]!--
  k.mm.hugetlb_pages[mm]! -= pages_per_huge_page(h)
  set_entry(k, slot, 0)
  set_anon(k, pfn, vma)
  map_page(k, mm, vma, slot, pfn, h, true)
  publish(k, s)
  return 0
}

function hugetlb_reuse(k: Kernel, vma: number, slot: number): number {
  const entry = k.pt.entry[slot]!
  const pfn = entry >>> PTE_SHIFT
  k.page.flags[pfn]! |= PG_anon_exclusive
  k.page.mapping[pfn] = k.vma.anon_vma[vma]!
  k.pt.entry[slot] = maybe_mkwrite(k, vma, entry | PTE_A | PTE_D)
  return 0
}

/** The page goes from the other areas that map it without a reservation; a later fault of theirs is their end. */
function unmap_ref_private(k: Kernel, owner: number, haddr: number, pfn: number): void {
  const s = huge_state(k)
  const size = huge_page_size(hstate_vma(k, owner))
  const pgoff = linear_page_index(k, owner, haddr)
  for (let link = k.anon_vma.head[k.page.mapping[pfn]!]!; link !== 0; link = k.avc.anon_next[link]!) {
    const vma = k.avc.vma[link]!
    const addr = vma_address(k, vma, pgoff)
    if (vma === owner || addr < 0 || !is_vm_hugetlb_page(k, vma)) continue
    const map = map_of(s, k, vma)
    if (map.shared || map.reserved) continue
    const mm = k.vma.mm[vma]!
    const slot = huge_pte_offset(k, mm, addr, size)
    if (slot === 0 || k.pt.entry[slot] === 0 || k.pt.entry[slot]! >>> PTE_SHIFT !== pfn) continue
    set_entry(k, slot, 0)
    flush_tlb_range(k, mm, addr, addr + 4096)
    k.page.mapcount[pfn]!--
    k.mm.hugetlb_pages[mm]! -= size / 4096
    map.unmapped = true
  }
}

/** fork: private pages become read-only on both sides, shared ones are mapped again. */
export function copy_hugetlb_page_range(k: Kernel, child: number, dst_vma: number, src_vma: number): boolean {
  const cow = (k.vma.vm_flags[src_vma]! & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE
  const parent = k.vma.mm[src_vma]!
  const h = hstate_vma(k, src_vma)
  const size = huge_page_size(h)
  for (let addr = k.vma.vm_start[src_vma]!; addr < k.vma.vm_end[src_vma]!; addr += size) {
    const src = huge_pte_offset(k, parent, addr, size)
    if (src === 0 || k.pt.entry[src] === 0) continue
    const dst = huge_pte_alloc(k, child, addr, size)
    if (dst === 0) return false
    const entry = k.pt.entry[src]! & (cow ? ~PTE_W : -1)
    const pfn = entry >>> PTE_SHIFT
    k.pt.entry[src] = entry
    set_entry(k, dst, entry)
    k.page.mapcount[pfn]!++
    k.page.flags[pfn]! &= ~PG_anon_exclusive
    k.mm.hugetlb_pages[child]! += pages_per_huge_page(h)
  }
  assert(dst_vma !== 0, 'copy_hugetlb_page_range: no area')
  return true
}

export function __unmap_hugepage_range(k: Kernel, tlb: MmuGather, vma: number, from: number, to: number): void {
  const s = huge_state(k)
  const h = hstate_vma(k, vma)
  const size = huge_page_size(h)
  for (let addr = Math.floor(from / size) * size; addr < to; addr += size) {
    const slot = huge_pte_offset(k, tlb.mm, addr, size)
    const entry = slot === 0 ? 0 : k.pt.entry[slot]!
    if (entry === 0) continue
    set_entry(k, slot, 0)
    tlb_remove_entry(tlb, addr, size)
    const pfn = entry >>> PTE_SHIFT
    k.mm.hugetlb_pages[tlb.mm]! -= pages_per_huge_page(h)
    if (--k.page.mapcount[pfn]! === 0 && (k.vma.vm_flags[vma]! & VM_SHARED) === 0) free_huge_page(k, h, pfn)
  }
  publish(k, s)
}

/**
 * hugetlbfs_punch_hole: the whole huge pages of [start, end) leave shared memory, and their reservation with them; every
 * area that maps them has them no longer.
 */
export function hugetlb_punch_hole(k: Kernel, vma: number, start: number, end: number): void {
  const s = huge_state(k)
  const id = k.vma.swap_ra[vma]!
  const map = map_of(s, k, vma)
  const h = s.hstates[map.h]!
  const first = Math.ceil(huge_offset(k, vma, h, start))
  const last = Math.floor(huge_offset(k, vma, h, end))
  if (first >= last) return
  for (let other = 1; other < k.vma.meta.high; other++)
    if (k.vma.mm[other] !== 0 && is_vm_hugetlb_page(k, other) && k.vma.swap_ra[other] === id)
      hugetlb_vmdelete(k, other, h, first, last)
  for (let offset = first; offset < last; offset++) {
    const pfn = map.used[offset]
    if (pfn === undefined) continue
    delete map.used[offset]
    map.holes[offset] = true
    free_huge_page(k, h, pfn)
  }
  publish(k, s)
}
/** hugetlb_vmdelete_list, for one area: takes the offsets [first, last) of its mapping out of it. */
function hugetlb_vmdelete(k: Kernel, vma: number, h: Hstate, first: number, last: number): void {
  const { vm_start, vm_end } = k.vma
  const base = vm_start[vma]! - huge_offset(k, vma, h, vm_start[vma]!) * huge_page_size(h)
  const from = Math.max(vm_start[vma]!, base + first * huge_page_size(h))
  const to = Math.min(vm_end[vma]!, base + last * huge_page_size(h))
  if (from < to) zap_page_range(k, vma, from, to)
}

/** mremap: moves the entries of `len` bytes, each on its own; how many bytes were moved. */
export function move_hugetlb_page_tables(k: Kernel, vma: number, from: number, to: number, len: number): number {
  const mm = k.vma.mm[vma]!
  const size = huge_page_size(hstate_vma(k, vma))
  let done = 0
  for (; done < len; done += size) {
    const src = huge_pte_offset(k, mm, from + done, size)
    if (src === 0 || k.pt.entry[src] === 0) continue
    const dst = huge_pte_alloc(k, mm, to + done, size)
    if (dst === 0) break
    set_entry(k, dst, k.pt.entry[src]!)
    set_entry(k, src, 0)
  }
  flush_tlb_range(k, mm, from, from + len)
  return done
}

/** mprotect of huge pages: each entry as `modify` says; returns the base pages changed. */
export function hugetlb_change_protection(
  k: Kernel,
  vma: number,
  start: number,
  end: number,
  modify: (entry: number) => number,
): number {
  const h = hstate_vma(k, vma)
  const size = huge_page_size(h)
  let changed = 0
  for (let addr = start; addr < end; addr += size) {
    const slot = huge_pte_offset(k, k.vma.mm[vma]!, addr, size)
    if (slot === 0 || k.pt.entry[slot] === 0) continue
    k.pt.entry[slot] = modify(k.pt.entry[slot]!)
    changed += pages_per_huge_page(h)
  }
  return changed
}

/** smaps: bytes of an area's huge pages, and how many processes map each. */
export function walk_hugetlb_range(k: Kernel, vma: number, visit: (bytes: number, mapcount: number) => void): void {
  const size = huge_page_size(hstate_vma(k, vma))
  for (let addr = k.vma.vm_start[vma]!; addr < k.vma.vm_end[vma]!; addr += size) {
    const slot = huge_pte_offset(k, k.vma.mm[vma]!, addr, size)
    if (slot !== 0 && k.pt.entry[slot] !== 0) visit(size, k.page.mapcount[k.pt.entry[slot]! >>> PTE_SHIFT]!)
  }
}
