/**
 * Merging, splitting and resizing areas: two neighbours become one when flags, file, offsets and anon_vma agree.
 *
 * Linux: mm/mmap.c (can_vma_merge_before/after, vma_merge, __split_vma, split_vma, vma_expand); what mm/mlock.c,
 * mm/mprotect.c and mm/madvise.c do with them alike.
 */
import { assert } from '@shared/assert'
import { VM_HUGETLB, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { EINVAL, ENOMEM } from '../uapi'
import { fput, get_file } from './file_table'
import { i_mmap_insert, i_mmap_remove } from './mmap_file'
import { mas_store } from './maple_tree'
import { anon_vma_clone, unlink_anon_vmas } from './anon_vma'
import { hugetlb_dup, hugetlb_vma_split_ok } from './hugetlb'
import { vma_adjust_trans_huge } from './huge_memory'
import {
  linear_page_index,
  vm_area_dup,
  vm_area_free,
  vma_is_special,
  vma_list_insert,
  vma_list_remove,
  vma_pages,
  vma_store,
} from './vma'

/** Areas that an address space may have, until vm.max_map_count says otherwise. */
export const DEFAULT_MAX_MAP_COUNT = 65530
export function max_map_count(k: Kernel): number {
  return k.var.sysctl['vm.max_map_count'] ?? DEFAULT_MAX_MAP_COUNT
}

// ---------------------------------------------------------------- may they merge?

/** Two opens of one file have two `struct file`s and do not merge. */
function is_mergeable_vma(k: Kernel, vma: number, flags: number, file: number): boolean {
  return (
    k.vma.vm_flags[vma] === flags &&
    k.vma.vm_file[vma] === file &&
    k.vma.special[vma] === 0 &&
    (flags & VM_HUGETLB) === 0
  )
}

/** One of them has none, or they share one. `vma` 0: no chain to mind. */
function is_mergeable_anon_vma(k: Kernel, a: number, b: number, vma: number): boolean {
  if ((a === 0 || b === 0) && (vma === 0 || list_is_singular(k, vma))) return true
  return a === b
}
function list_is_singular(k: Kernel, vma: number): boolean {
  const avc = k.vma.avc[vma]!
  return avc !== 0 && k.avc.vma_next[avc] === 0
}

/** May an area of these properties that ends where `vma` starts become one with it? */
export function can_vma_merge_before(
  k: Kernel,
  vma: number,
  flags: number,
  anon_vma: number,
  file: number,
  pgoff: number,
): boolean {
  return (
    is_mergeable_vma(k, vma, flags, file) &&
    is_mergeable_anon_vma(k, anon_vma, k.vma.anon_vma[vma]!, vma) &&
    k.vma.vm_pgoff[vma] === pgoff
  )
}

/** … that starts where `vma` ends? */
export function can_vma_merge_after(
  k: Kernel,
  vma: number,
  flags: number,
  anon_vma: number,
  file: number,
  pgoff: number,
): boolean {
  return (
    is_mergeable_vma(k, vma, flags, file) &&
    is_mergeable_anon_vma(k, anon_vma, k.vma.anon_vma[vma]!, vma) &&
    k.vma.vm_pgoff[vma]! + vma_pages(k, vma) === pgoff
  )
}

// ---------------------------------------------------------------- merging

/**
 * Makes [addr, end) with new properties part of its neighbours if it can: `prev` ends at or covers up to `addr`. Returns
 * the area that holds the range then, or 0 when nothing merged. The eight cases of vma_merge come out of two questions:
 * can the one before grow over it, can the one after?
 */
export function vma_merge(
  k: Kernel,
  mm: number,
  prev: number,
  addr: number,
  end: number,
  flags: number,
  anon_vma: number,
  file: number,
  pgoff: number,
): number {
  if (vma_is_special(flags)) return 0
  const v = k.vma
  let mid = prev !== 0 ? v.next[prev]! : k.mm.vma_head[mm]!
  if (prev !== 0 && v.vm_end[prev]! > addr) mid = prev
  // `mid` is the area that the range lies in, if it is mapped now; `next` the one that starts at its end.
  const covered = mid !== 0 && v.vm_start[mid]! < end && v.vm_end[mid]! > addr ? mid : 0
  let next = covered !== 0 ? covered : mid
  if (next !== 0 && v.vm_end[next] === end) next = v.next[next]!
  const pages = (end - addr) / 4096
  const before =
    prev !== 0 &&
    prev !== covered &&
    v.vm_end[prev] === addr &&
    can_vma_merge_after(k, prev, flags, anon_vma, file, pgoff)
      ? prev
      : 0
  const after =
    next !== 0 &&
    next !== covered &&
    v.vm_start[next] === end &&
    can_vma_merge_before(k, next, flags, anon_vma, file, pgoff + pages)
      ? next
      : 0
  if (before === 0 && after === 0) return 0
  if (before !== 0 && after !== 0 && is_mergeable_anon_vma(k, v.anon_vma[before]!, v.anon_vma[after]!, 0))
    return merge_both(k, mm, before, covered, after)
  if (before !== 0) return merge_into_prev(k, mm, before, covered, end)
  return merge_into_next(k, mm, covered, after, addr)
}

/** mmap's own merge: a new range becomes part of the area before it, the one after it, or makes one of both. */
export function merge_new_range(k: Kernel, mm: number, prev: number, next: number, addr: number, end: number): number {
  if (prev !== 0 && next !== 0) return merge_both(k, mm, prev, 0, next)
  return prev !== 0 ? merge_into_prev(k, mm, prev, 0, end) : merge_into_next(k, mm, 0, next, addr)
}

/** prev | covered | next become prev. */
function merge_both(k: Kernel, mm: number, prev: number, covered: number, next: number): number {
  adopt_anon_vma(k, prev, covered !== 0 ? covered : next)
  if (covered !== 0) adopt_anon_vma(k, prev, next)
  const end = k.vma.vm_end[next]!
  if (covered !== 0) remove_vma_node(k, mm, covered)
  remove_vma_node(k, mm, next)
  set_bounds(k, prev, k.vma.vm_start[prev]!, end, k.vma.vm_pgoff[prev]!)
  return prev
}

/** prev grows over the range; what is left of the area it lay in starts later. */
function merge_into_prev(k: Kernel, mm: number, prev: number, covered: number, end: number): number {
  if (covered !== 0) {
    adopt_anon_vma(k, prev, covered)
    if (k.vma.vm_end[covered] === end) remove_vma_node(k, mm, covered)
    else set_bounds(k, covered, end, k.vma.vm_end[covered]!, pgoff_at(k, covered, end))
  }
  set_bounds(k, prev, k.vma.vm_start[prev]!, end, k.vma.vm_pgoff[prev]!)
  return prev
}

/** next grows downwards to `addr`; what is left of the area that the range lay in ends there. */
function merge_into_next(k: Kernel, mm: number, covered: number, next: number, addr: number): number {
  const pgoff = k.vma.vm_pgoff[next]! - (k.vma.vm_start[next]! - addr) / 4096
  if (covered !== 0) {
    adopt_anon_vma(k, next, covered)
    if (k.vma.vm_start[covered] === addr) remove_vma_node(k, mm, covered)
    else set_bounds(k, covered, k.vma.vm_start[covered]!, addr, k.vma.vm_pgoff[covered]!)
  }
  set_bounds(k, next, addr, k.vma.vm_end[next]!, pgoff)
  return next
}

/** An area that takes over pages of another needs its anon_vma. */
function adopt_anon_vma(k: Kernel, vma: number, from: number): void {
  if (k.vma.anon_vma[from] === 0 || k.vma.anon_vma[vma] !== 0) return
  k.vma.anon_vma[vma] = k.vma.anon_vma[from]!
  const cloned = anon_vma_clone(k, vma, from)
  assert(cloned, 'adopt_anon_vma: out of memory')
}

function pgoff_at(k: Kernel, vma: number, addr: number): number {
  return k.vma.vm_pgoff[vma]! + (addr - k.vma.vm_start[vma]!) / 4096
}

/** Where an area shrinks, one that grows takes its place in the tree. */
export function set_bounds(k: Kernel, vma: number, start: number, end: number, pgoff: number): void {
  assert(start < end && pgoff >= 0, 'set_bounds: an area has at least one page')
  vma_adjust_trans_huge(k, vma, start, end)
  const grows = start < k.vma.vm_start[vma]! || end > k.vma.vm_end[vma]!
  k.vma.vm_start[vma] = start
  k.vma.vm_end[vma] = end
  k.vma.vm_pgoff[vma] = pgoff
  if (grows) vma_store(k, k.vma.mm[vma]!, vma)
}

/** Takes an area whose pages belong to a neighbour now out of everything. */
function remove_vma_node(k: Kernel, mm: number, vma: number): void {
  vma_list_remove(k, mm, vma)
  if (k.vma.vm_file[vma] !== 0) {
    i_mmap_remove(k, vma)
    fput(k, k.vma.vm_file[vma]!)
  }
  unlink_anon_vmas(k, vma)
  vm_area_free(k, vma)
}

// ---------------------------------------------------------------- splitting

/** Splits at `addr`; the new area is the lower part when `new_below`. 0 or -ENOMEM. */
export function __split_vma(k: Kernel, mm: number, vma: number, addr: number, new_below: boolean): number {
  const v = k.vma
  assert(v.vm_start[vma]! < addr && addr < v.vm_end[vma]!, 'split_vma: not inside')
  // [vvar] and [vdso] stay whole (special_mapping_split).
  if (v.special[vma] !== 0 || !hugetlb_vma_split_ok(k, vma, addr)) return -EINVAL
  charge(k, COST.vma_split)
  const part = vm_area_dup(k, vma, mm)
  if (part === 0) return -ENOMEM
  hugetlb_dup(k, part, vma, false)
  v.anon_vma[part] = v.anon_vma[vma]!
  if (!anon_vma_clone(k, part, vma)) {
    v.anon_vma[part] = 0
    vm_area_free(k, part)
    return -ENOMEM
  }
  const middle = pgoff_at(k, vma, addr)
  const { vm_start, vm_end, vm_pgoff } = v
  vma_adjust_trans_huge(k, vma, new_below ? addr : vm_start[vma]!, new_below ? vm_end[vma]! : addr)
  if (new_below) {
    vm_end[part] = addr
    vm_start[vma] = addr
    vm_pgoff[vma] = middle
  } else {
    vm_start[part] = addr
    vm_pgoff[part] = middle
    vm_end[vma] = addr
  }
  if (v.vm_file[part] !== 0) {
    get_file(k, v.vm_file[part]!)
    i_mmap_insert(k, part)
  }
  // The upper part is stored first when the lower is the new one, which then only replaces what the other left.
  if (new_below) vma_store(k, mm, vma)
  vma_list_insert(k, mm, part)
  if (new_below) mas_store(k, mm, vm_start[part]!, vm_end[part]!, part, [])
  else vma_store(k, mm, part)
  return 0
}

export function split_vma(k: Kernel, mm: number, vma: number, addr: number, new_below: boolean): number {
  return k.mm.map_count[mm]! >= max_map_count(k) ? -ENOMEM : __split_vma(k, mm, vma, addr, new_below)
}

/**
 * Makes [start, end), all or a part of `vma`, an area of its own for new flags, which the caller sets: it joins a neighbour
 * that has them already (`prev` is the area before it), or is split off. The area, or a negative errno (-ENOMEM at the
 * limit of areas). The steps that mlock_fixup, mprotect_fixup and madvise_update_vma have in common.
 */
export function vma_modify(
  k: Kernel,
  mm: number,
  vma: number,
  prev: number,
  start: number,
  end: number,
  newflags: number,
): number {
  const { anon_vma, vm_file, vm_start, vm_end } = k.vma
  const pgoff = linear_page_index(k, vma, start)
  const soft_clean = k.vma.soft_clean[vma]!
  const merged = vma_merge(k, mm, prev, start, end, newflags, anon_vma[vma]!, vm_file[vma]!, pgoff)
  if (merged !== 0) {
    // VM_SOFTDIRTY keeps nobody from merging; the caller gives the whole the flags of the range.
    k.vma.soft_clean[merged] = soft_clean
    return merged
  }
  const below = start === vm_start[vma] ? 0 : split_vma(k, mm, vma, start, true)
  if (below < 0) return below
  const above = end === vm_end[vma] ? 0 : split_vma(k, mm, vma, end, false)
  return above < 0 ? above : vma
}
