/**
 * Areas of an address space (vm_area_struct): a list sorted by address, found from the one that was used last.
 *
 * Linux finds them through a maple tree alone. It is kept beside the list (maple_tree.ts) for the nodes that it costs.
 */
import { assert } from '@shared/assert'
import {
  GFP_KERNEL,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_IO,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Kernel,
} from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { PTRS } from '../arch/x86/pgtable'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { mas_preallocate, mas_store_prealloc } from './maple_tree'

const VM_STACK = VM_GROWSDOWN

/** A new area with its slab object, not in the list; 0 when memory is out. */
export function vm_area_alloc(k: Kernel, mm: number): number {
  const obj = kmem_cache_alloc(k, CACHES(k).vm_area_struct, GFP_KERNEL)
  if (obj === 0) return 0
  const vma = row_alloc(k.vma)
  assert(vma !== 0, 'vm_area_alloc: the table is full')
  k.vma.obj[vma] = obj
  k.vma.mm[vma] = mm
  return vma
}

export function vm_area_free(k: Kernel, vma: number): void {
  kmem_cache_free(k, CACHES(k).vm_area_struct, k.vma.obj[vma]!)
  row_free(k.vma, vma)
}

/** A copy of an area without its place in the list, its anon_vma chain and its place in i_mmap. */
export function vm_area_dup(k: Kernel, from: number, mm: number): number {
  const vma = vm_area_alloc(k, mm)
  if (vma === 0) return 0
  const v = k.vma
  v.vm_start[vma] = v.vm_start[from]!
  v.vm_end[vma] = v.vm_end[from]!
  v.vm_flags[vma] = v.vm_flags[from]!
  v.vm_pgoff[vma] = v.vm_pgoff[from]!
  v.vm_file[vma] = v.vm_file[from]!
  v.special[vma] = v.special[from]!
  v.soft_clean[vma] = v.soft_clean[from]!
  return vma
}

/** The first area that ends above `addr`, or 0. */
export function find_vma(k: Kernel, mm: number, addr: number): number {
  const { vm_start, vm_end, next, prev } = k.vma
  let vma = k.mm.vma_cache[mm]!
  if (vma === 0) vma = k.mm.vma_head[mm]!
  if (vma === 0) return 0
  if (addr < vm_end[vma]!) {
    if (addr >= vm_start[vma]!) return vma
    for (let p = prev[vma]!; p !== 0 && addr < vm_end[p]!; p = prev[p]!) vma = p
  } else {
    do vma = next[vma]!
    while (vma !== 0 && addr >= vm_end[vma]!)
  }
  if (vma !== 0) k.mm.vma_cache[mm] = vma
  return vma
}

/** The last area that starts at or below `addr`'s predecessor: the one before find_vma's. */
export function find_vma_prev(k: Kernel, mm: number, addr: number): number {
  const vma = find_vma(k, mm, addr)
  return vma !== 0 ? k.vma.prev[vma]! : k.mm.vma_tail[mm]!
}

export function find_vma_intersection(k: Kernel, mm: number, start: number, end: number): number {
  const vma = find_vma(k, mm, start)
  return vma !== 0 && k.vma.vm_start[vma]! < end ? vma : 0
}

/** A new area of the address space: into the list and the tree. */
export function vma_link(k: Kernel, mm: number, vma: number): void {
  vma_list_insert(k, mm, vma)
  vma_store(k, mm, vma)
}

/** Puts an area into the sorted list. */
export function vma_list_insert(k: Kernel, mm: number, vma: number): void {
  const v = k.vma
  const after = find_vma_prev(k, mm, v.vm_start[vma]!)
  const before = after === 0 ? k.mm.vma_head[mm]! : v.next[after]!
  assert(after === 0 || v.vm_end[after]! <= v.vm_start[vma]!, 'vma_list_insert: overlap below')
  assert(before === 0 || v.vm_end[vma]! <= v.vm_start[before]!, 'vma_list_insert: overlap above')
  v.prev[vma] = after
  v.next[vma] = before
  if (after !== 0) v.next[after] = vma
  else k.mm.vma_head[mm] = vma
  if (before !== 0) v.prev[before] = vma
  else k.mm.vma_tail[mm] = vma
  k.mm.map_count[mm]!++
  k.mm.vma_cache[mm] = vma
}

/** Off the list; what takes its range in the tree is stored by the caller. */
export function vma_list_remove(k: Kernel, mm: number, vma: number): void {
  const v = k.vma
  const after = v.prev[vma]!
  const before = v.next[vma]!
  if (after !== 0) v.next[after] = before
  else k.mm.vma_head[mm] = before
  if (before !== 0) v.prev[before] = after
  else k.mm.vma_tail[mm] = after
  v.prev[vma] = 0
  v.next[vma] = 0
  k.mm.map_count[mm]!--
  if (k.mm.vma_cache[mm] === vma) k.mm.vma_cache[mm] = after
}

/** vma_mas_store with its preparation: the area's range becomes its own, whatever was there. */
export function vma_store(k: Kernel, mm: number, vma: number): void {
  mas_store_prealloc(k, mm, k.vma.vm_start[vma]!, k.vma.vm_end[vma]!, vma, mas_preallocate(k, mm))
}

// ---------------------------------------------------------------- what an area is

export function vma_pages(k: Kernel, vma: number): number {
  return (k.vma.vm_end[vma]! - k.vma.vm_start[vma]!) / 4096
}
/** No file and not shared memory: pages come from do_anonymous_page. */
export function vma_is_anonymous(k: Kernel, vma: number): boolean {
  return k.vma.vm_file[vma] === 0 && k.vma.special[vma] === 0 && (k.vma.vm_flags[vma]! & VM_HUGETLB) === 0
}
export function is_vm_hugetlb_page(k: Kernel, vma: number): boolean {
  return (k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0
}
export function linear_page_index(k: Kernel, vma: number, addr: number): number {
  return (addr - k.vma.vm_start[vma]!) / 4096 + k.vma.vm_pgoff[vma]!
}
/** The address at which an area shows page offset `index`, or -1. A frame keeps the low 32 bits of its index. */
export function vma_address(k: Kernel, vma: number, index: number): number {
  const page = ((index | 0) - (k.vma.vm_pgoff[vma]! | 0)) >>> 0
  const addr = k.vma.vm_start[vma]! + page * 4096
  return addr < k.vma.vm_end[vma]! ? addr : -1
}
export function vma_is_accessible(flags: number): boolean {
  return (flags & (VM_READ | VM_WRITE | VM_EXEC)) !== 0
}
/** Private and possibly written: its pages are copied on write. */
export function is_cow_mapping(flags: number): boolean {
  return (flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE
}
export function vma_is_special(flags: number): boolean {
  return (flags & (VM_IO | VM_PFNMAP | VM_DONTEXPAND)) !== 0
}

/** Adds pages to the kinds that /proc/PID/status tells apart. */
export function vm_stat_account(k: Kernel, mm: number, flags: number, pages: number): void {
  k.mm.total_vm[mm]! += pages
  if ((flags & (VM_EXEC | VM_WRITE | VM_STACK)) === VM_EXEC) k.mm.exec_vm[mm]! += pages
  else if ((flags & VM_STACK) === VM_STACK) k.mm.stack_vm[mm]! += pages
  else if ((flags & (VM_WRITE | VM_SHARED | VM_STACK)) === VM_WRITE) k.mm.data_vm[mm]! += pages
  if (k.mm.total_vm[mm]! > k.mm.hiwater_vm[mm]!) k.mm.hiwater_vm[mm] = k.mm.total_vm[mm]!
}

/** The guard gap below a stack counts as part of it when neighbours are placed. */
export function vm_start_gap(k: Kernel, vma: number): number {
  const start = k.vma.vm_start[vma]!
  if ((k.vma.vm_flags[vma]! & VM_GROWSDOWN) === 0) return start
  return Math.max(0, start - stack_guard_gap(k))
}
export function stack_guard_gap(k: Kernel): number {
  return (k.var.sysctl['stack_guard_gap'] ?? PTRS / 2) * 4096
}
