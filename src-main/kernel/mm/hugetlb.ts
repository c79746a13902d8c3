/**
 * hugetlb: a pool of 2 MiB pages set aside by the administrator. A mapping reserves its pages when it is made (or gets
 * ENOMEM), so that its faults never fail; one made with MAP_NORESERVE takes what is there and gets SIGBUS.
 *
 *     nr = free + in use,  rsvd ≤ free,  surplus: pages beyond the pool, taken while nr_overcommit_hugepages allows
 *
 * Which pages of a mapping have used their reservation is kept per mapping (`HugeMap`, found through `vma.swap_ra`).
 *
 * Linux: mm/hugetlb.c. Simplified: one page size (gigantic pages need a boot-time reservation), no cgroup, no subpools.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  GFP_HIGHUSER_MOVABLE,
  PG_anon,
  PG_anon_exclusive,
  PG_hugetlb,
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
import { charge } from '../task'
import { pmd_offset, PMD_SIZE, set_entry } from '../arch/x86/pgtable'
import { flush_tlb_range } from '../arch/x86/tlb'
import { ENOMEM } from '../uapi'
import { anon_vma_prepare } from './anon_vma'
import { maybe_mkwrite, vm_page_prot } from './memory'
import { tlb_remove_entry, type MmuGather } from './mmu_gather'
import { alloc_pages, free_pages } from './page_alloc'
import { pmd_alloc } from './pgalloc'
import { FAULT_FLAG_WRITE, VM_FAULT_OOM, VM_FAULT_SIGBUS } from './vm_fault'

const ORDER = 9
const PAGES = 512
const HTLB_ALLOC_MASK = GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOWARN | __GFP_RETRY_MAYFAIL

/** What one mapping (or all users of a shared one) reserved and used. Offsets are huge pages in the mapping's file. */
interface HugeMap {
  readonly shared: boolean
  readonly reserved: boolean
  /** Areas that hold it. */
  users: number
  /** Offsets whose reservation is used up; for shared memory also their frames. */
  readonly used: Record<number, number>
}
interface HugeState {
  free: number[]
  nr: number
  resv: number
  surplus: number
  overcommit: number
  next: number
  readonly maps: Record<number, HugeMap>
}
function state(k: Kernel): HugeState {
  return (k.var.mod['hugetlb'] ??= {
    free: [],
    nr: 0,
    resv: 0,
    surplus: 0,
    overcommit: 0,
    next: 1,
    maps: {},
  }) as HugeState
}

/** Brings the figures to where /proc/meminfo and the commit limit look for them. */
function publish(k: Kernel, s: HugeState): void {
  k.var.mod['hugetlb_total_pages'] = s.nr * PAGES
  k.var.mod['hugetlb_meminfo'] = {
    total: s.nr,
    free: s.free.length,
    rsvd: s.resv,
    surp: s.surplus,
    hugepagesize_kb: 2048,
    hugetlb_kb: s.nr * 2048,
  }
}

// ---------------------------------------------------------------- the pool

/** vm.nr_hugepages: grows as far as memory allows; shrinks to what is in use, the rest becomes surplus. */
export function set_max_huge_pages(k: Kernel, count: number): void {
  const s = state(k)
  while (s.surplus > 0 && count > s.nr - s.surplus) s.surplus--
  while (count > s.nr - s.surplus && alloc_fresh(k, s));
  const min = Math.max(count, s.resv + s.nr - s.free.length)
  while (min < s.nr - s.surplus && s.free.length > 0) dissolve(k, s, s.free.pop()!)
  if (count < s.nr - s.surplus) s.surplus = s.nr - count
  publish(k, s)
}
/** The persistent pool, as nr_hugepages reads. */
export function nr_persistent_huge_pages(k: Kernel): number {
  const s = state(k)
  return s.nr - s.surplus
}
export function set_overcommit_huge_pages(k: Kernel, count: number): void {
  state(k).overcommit = count
}

/** One more page for the pool, from the buddy system. */
function alloc_fresh(k: Kernel, s: HugeState): boolean {
  const pfn = alloc_pages(k, HTLB_ALLOC_MASK, ORDER)
  k.vmstat[pfn === 0 ? C.htlb_buddy_alloc_fail : C.htlb_buddy_alloc_success]!++
  if (pfn === 0) return false
  for (let i = pfn; i < pfn + PAGES; i++) k.page.flags[i]! |= PG_hugetlb
  s.nr++
  s.free.push(pfn)
  return true
}
/** Beyond the pool, while overcommit allows. */
function alloc_surplus(k: Kernel, s: HugeState): boolean {
  if (s.surplus >= s.overcommit || !alloc_fresh(k, s)) return false
  s.surplus++
  return true
}
/** Back to the buddy system. */
function dissolve(k: Kernel, s: HugeState, pfn: number): void {
  for (let i = pfn; i < pfn + PAGES; i++) k.page.flags[i]! &= ~PG_hugetlb
  s.nr--
  free_pages(k, pfn, ORDER)
}

/** A page that nobody maps any longer: surplus pages leave, others are free again. */
function free_huge_page(k: Kernel, s: HugeState, pfn: number): void {
  k.page.flags[pfn]! &= ~(PG_anon | PG_anon_exclusive | PG_uptodate)
  k.page.mapping[pfn] = 0
  if (s.surplus > 0) {
    s.surplus--
    dissolve(k, s, pfn)
  } else s.free.push(pfn)
}

/** hugetlb_acct_memory: promises `delta` more pages; false when there are not enough. */
function acct_memory(k: Kernel, s: HugeState, delta: number): boolean {
  if (delta < 0) {
    s.resv += delta
    // Surplus pages that were only there for the promise go.
    for (let n = Math.min(-delta, s.surplus); n > 0 && s.free.length > 0; n--) {
      dissolve(k, s, s.free.pop()!)
      s.surplus--
    }
    return true
  }
  const surplus = s.surplus
  while (s.resv + delta > s.free.length)
    if (!alloc_surplus(k, s)) {
      while (s.surplus > surplus) {
        dissolve(k, s, s.free.pop()!)
        s.surplus--
      }
      return false
    }
  s.resv += delta
  return true
}

// ---------------------------------------------------------------- mappings

export function hugetlb_vm_size(_gigantic: boolean): number {
  return PMD_SIZE
}
/** Areas of huge pages split between pages only. */
export function hugetlb_vma_split_ok(k: Kernel, vma: number, addr: number): boolean {
  return (k.vma.vm_flags[vma]! & VM_HUGETLB) === 0 || addr % PMD_SIZE === 0
}

/** A new area of huge pages takes its reservation. 0 or -ENOMEM. */
export function hugetlb_reserve(k: Kernel, vma: number): number {
  const s = state(k)
  const flags = k.vma.vm_flags[vma]!
  const reserved = (flags & VM_NORESERVE) === 0
  const pages = (k.vma.vm_end[vma]! - k.vma.vm_start[vma]!) / PMD_SIZE
  if (reserved && !acct_memory(k, s, pages)) return -ENOMEM
  k.vma.vm_pgoff[vma] = 0
  k.vma.swap_ra[vma] = s.next
  s.maps[s.next++] = { shared: (flags & VM_SHARED) !== 0, reserved, users: 1, used: {} }
  publish(k, s)
  return 0
}
/** fork or a split: another area of the same mapping. A child does not own its parent's private reservation. */
export function hugetlb_dup(k: Kernel, vma: number, from: number, child: boolean): void {
  if ((k.vma.vm_flags[from]! & VM_HUGETLB) === 0) return
  const s = state(k)
  const map = s.maps[k.vma.swap_ra[from]!]
  assert(map !== undefined, 'hugetlb_dup: no mapping')
  if (child && !map.shared) {
    k.vma.swap_ra[vma] = s.next
    s.maps[s.next++] = { shared: false, reserved: false, users: 1, used: {} }
    return
  }
  k.vma.swap_ra[vma] = k.vma.swap_ra[from]!
  map.users++
}

/** An area goes: what it reserved and did not use is given back; shared pages go with their last area. */
export function hugetlb_unreserve(k: Kernel, vma: number): void {
  const s = state(k)
  const id = k.vma.swap_ra[vma]!
  const map = s.maps[id]
  if (map === undefined) return
  const first = huge_offset(k, vma, k.vma.vm_start[vma]!)
  const last = huge_offset(k, vma, k.vma.vm_end[vma]!)
  map.users--
  if (!map.shared) {
    let unused = 0
    for (let i = first; i < last; i++) if (map.used[i] === undefined) unused++
    if (map.reserved && unused > 0) acct_memory(k, s, -unused)
  } else if (map.users === 0) {
    for (const pfn of Object.values(map.used)) free_huge_page(k, s, pfn)
    if (map.reserved) acct_memory(k, s, -(last - first - Object.keys(map.used).length))
  }
  if (map.users === 0) delete s.maps[id]
  publish(k, s)
}

function huge_offset(k: Kernel, vma: number, addr: number): number {
  return (k.vma.vm_pgoff[vma]! * 4096 + addr - k.vma.vm_start[vma]!) / PMD_SIZE
}

/** alloc_huge_page: with the reservation where there is one; 0: none to be had. */
function take_page(k: Kernel, s: HugeState, map: HugeMap, offset: number, owner: boolean): number {
  const promised = owner && map.reserved && map.used[offset] === undefined
  if (!promised && s.free.length - s.resv <= 0 && !alloc_surplus(k, s)) return 0
  const pfn = s.free.pop()
  assert(pfn !== undefined, 'hugetlb: a reserved page is missing')
  if (promised) s.resv--
  charge(k, COST.zero_page * PAGES)
  return pfn
}

// ---------------------------------------------------------------- faults

export function hugetlb_fault(k: Kernel, mm: number, vma: number, addr: number, flags: number): number {
  const haddr = Math.floor(addr / PMD_SIZE) * PMD_SIZE
  const pmd = pmd_alloc(k, mm, haddr)
  if (pmd === 0) return VM_FAULT_OOM
  const write = (flags & FAULT_FLAG_WRITE) !== 0
  const entry = k.pt.entry[pmd]!
  if (entry === 0) return hugetlb_no_page(k, mm, vma, haddr, pmd, write)
  if (write && (entry & PTE_W) === 0) return hugetlb_wp(k, mm, vma, haddr, pmd)
  k.pt.entry[pmd] = entry | PTE_A | (write ? PTE_D : 0)
  return 0
}

function hugetlb_no_page(k: Kernel, mm: number, vma: number, haddr: number, pmd: number, write: boolean): number {
  const s = state(k)
  const map = s.maps[k.vma.swap_ra[vma]!]
  assert(map !== undefined, 'hugetlb_no_page: no mapping')
  const offset = huge_offset(k, vma, haddr)
  let pfn = map.shared ? (map.used[offset] ?? 0) : 0
  if (pfn === 0) {
    pfn = take_page(k, s, map, offset, true)
    if (pfn === 0) return VM_FAULT_SIGBUS
    map.used[offset] = map.shared ? pfn : 1
    k.page.flags[pfn]! |= PG_uptodate
  }
  if (!map.shared) {
    if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
    set_anon(k, pfn, vma)
  }
  map_page(k, mm, vma, pmd, pfn, write)
  publish(k, s)
  return 0
}

function set_anon(k: Kernel, pfn: number, vma: number): void {
  k.page.flags[pfn]! |= PG_anon | PG_anon_exclusive | PG_uptodate
  k.page.mapping[pfn] = k.vma.anon_vma[vma]!
}

function map_page(k: Kernel, mm: number, vma: number, pmd: number, pfn: number, write: boolean): void {
  const base = (pfn << PTE_SHIFT) | vm_page_prot(k, vma) | PTE_PS
  const writable = write || (k.vma.vm_flags[vma]! & VM_SHARED) !== 0
  set_entry(k, pmd, writable ? maybe_mkwrite(k, vma, write ? base | PTE_D : base) : base)
  k.page.mapcount[pfn]!++
  k.mm.hugetlb_pages[mm]!++
}

/** Copy on write: re-used when only this entry maps it. */
function hugetlb_wp(k: Kernel, mm: number, vma: number, haddr: number, pmd: number): number {
  const s = state(k)
  const entry = k.pt.entry[pmd]!
  const old = entry >>> PTE_SHIFT
  flush_tlb_range(k, mm, haddr, haddr + 4096)
  if (k.page.mapcount[old] === 1 || (k.vma.vm_flags[vma]! & VM_SHARED) !== 0) {
    k.page.flags[old]! |= PG_anon_exclusive
    k.page.mapping[old] = k.vma.anon_vma[vma]!
    k.pt.entry[pmd] = maybe_mkwrite(k, vma, entry | PTE_A | PTE_D)
    return 0
  }
  const map = s.maps[k.vma.swap_ra[vma]!]
  assert(map !== undefined, 'hugetlb_wp: no mapping')
  if (!anon_vma_prepare(k, vma)) return VM_FAULT_OOM
  const pfn = take_page(k, s, map, huge_offset(k, vma, haddr), false)
  if (pfn === 0) return VM_FAULT_SIGBUS
  charge(k, COST.copy_page * PAGES)
  k.page.mapcount[old]!--
  k.mm.hugetlb_pages[mm]!--
  set_entry(k, pmd, 0)
  set_anon(k, pfn, vma)
  map_page(k, mm, vma, pmd, pfn, true)
  publish(k, s)
  return 0
}

/** fork: private pages become read-only on both sides, shared ones are mapped again. */
export function copy_hugetlb_page_range(k: Kernel, child: number, dst_vma: number, src_vma: number): boolean {
  const cow = (k.vma.vm_flags[src_vma]! & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE
  const parent = k.vma.mm[src_vma]!
  for (let addr = k.vma.vm_start[src_vma]!; addr < k.vma.vm_end[src_vma]!; addr += PMD_SIZE) {
    const src = pmd_offset(k, parent, addr)
    if (src === 0 || k.pt.entry[src] === 0) continue
    const dst = pmd_alloc(k, child, addr)
    if (dst === 0) return false
    const entry = k.pt.entry[src]! & (cow ? ~PTE_W : -1)
    const pfn = entry >>> PTE_SHIFT
    k.pt.entry[src] = entry
    set_entry(k, dst, entry)
    k.page.mapcount[pfn]!++
    k.page.flags[pfn]! &= ~PG_anon_exclusive
    k.mm.hugetlb_pages[child]!++
  }
  assert(dst_vma !== 0, 'copy_hugetlb_page_range: no area')
  return true
}

export function __unmap_hugepage_range(k: Kernel, tlb: MmuGather, vma: number, from: number, to: number): void {
  const s = state(k)
  for (let addr = Math.floor(from / PMD_SIZE) * PMD_SIZE; addr < to; addr += PMD_SIZE) {
    const pmd = pmd_offset(k, tlb.mm, addr)
    const entry = pmd === 0 ? 0 : k.pt.entry[pmd]!
    if (entry === 0) continue
    set_entry(k, pmd, 0)
    tlb_remove_entry(tlb, addr, PMD_SIZE)
    const pfn = entry >>> PTE_SHIFT
    k.mm.hugetlb_pages[tlb.mm]!--
    if (--k.page.mapcount[pfn]! === 0 && (k.vma.vm_flags[vma]! & VM_SHARED) === 0) free_huge_page(k, s, pfn)
  }
  publish(k, s)
}
