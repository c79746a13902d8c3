/**
 * Where a new mapping goes: the highest gap below mmap_base that fits; MAP_32BIT and the fallback go from below. Guard gaps
 * of stacks are kept free.
 *
 * Linux: mm/mmap.c (get_unmapped_area, unmapped_area_topdown), arch/x86/kernel/sys_x86_64.c.
 */
import { VM_GROWSDOWN, type Kernel } from '../kernel'
import { DEFAULT_MAP_WINDOW, task_size } from '../arch/x86/pgtable'
import { EINVAL, ENOMEM, EPERM, MAP_32BIT, MAP_FIXED } from '../uapi'
import { capable } from './util'
import { find_vma, vm_start_gap } from './vma'

/** Where the search from below starts (a third of the address space). */
const TASK_UNMAPPED_BASE = 0x2aaaaaaaa000
const DAC_MMAP_MIN_ADDR = 65536

export function mmap_min_addr(k: Kernel): number {
  return k.var.sysctl['vm.mmap_min_addr'] ?? DAC_MMAP_MIN_ADDR
}

/** A free place for `len` bytes (page-aligned) near the hint `addr`, or -errno. `align` is a power of two. */
export function get_unmapped_area(
  k: Kernel,
  mm: number,
  addr: number,
  len: number,
  flags: number,
  align = 4096,
): number {
  if (len > task_size(k)) return -ENOMEM
  const at = arch_get_unmapped_area_topdown(k, mm, addr, len, flags, align)
  if (at < 0) return at
  if (at > task_size(k) - len) return -ENOMEM
  if (at % 4096 !== 0) return -EINVAL
  if (at < mmap_min_addr(k) && !capable(k, k.var.current)) return -EPERM
  return at
}

const PMD_SIZE = 2 ** 21

/**
 * A place for a file of a disk file system: where 2 MiB of it could be one entry, file offset and address are congruent.
 * Linux: mm/huge_memory.c (thp_get_unmapped_area), whether huge pages are on or not.
 */
export function thp_get_unmapped_area(
  k: Kernel,
  mm: number,
  addr: number,
  len: number,
  off: number,
  flags: number,
): number {
  const off_align = Math.ceil(off / PMD_SIZE) * PMD_SIZE
  if ((flags & MAP_FIXED) === 0 && off + len - off_align >= PMD_SIZE) {
    const at = arch_get_unmapped_area_topdown(k, mm, addr, len + PMD_SIZE, flags, 4096)
    if (at === addr && at > 0) return get_unmapped_area(k, mm, addr, len, flags)
    if (at >= 0) return at + ((((off - at) % PMD_SIZE) + PMD_SIZE) % PMD_SIZE)
  }
  return get_unmapped_area(k, mm, addr, len, flags)
}

function arch_get_unmapped_area_topdown(
  k: Kernel,
  mm: number,
  addr: number,
  len: number,
  flags: number,
  align: number,
): number {
  if ((flags & MAP_FIXED) !== 0) return addr
  if ((flags & MAP_32BIT) !== 0) return unmapped_area(k, mm, 0x40000000, 0x80000000, len, align)
  if (addr !== 0) {
    const hint = Math.floor(addr / 4096) * 4096
    if (mmap_address_hint_valid(k, hint, len)) {
      const vma = find_vma(k, mm, hint)
      if (vma === 0 || hint + len <= vm_start_gap(k, vma)) return hint
    }
  }
  const low = Math.max(4096, mmap_min_addr(k))
  // Addresses beyond 47 bits are for those who ask for them by a hint.
  const end = addr > DEFAULT_MAP_WINDOW ? task_size(k) : DEFAULT_MAP_WINDOW
  const high = k.mm.mmap_base[mm]! + end - DEFAULT_MAP_WINDOW
  const at = unmapped_area_topdown(k, mm, low, high, len, align)
  return at >= 0 ? at : unmapped_area(k, mm, TASK_UNMAPPED_BASE, end, len, align)
}

/** A mapping lies wholly below or wholly above the border of 47 bits (arch/x86/mm/mmap.c). */
function mmap_address_hint_valid(k: Kernel, addr: number, len: number): boolean {
  if (addr > task_size(k) - len) return false
  return addr > DEFAULT_MAP_WINDOW === addr + len > DEFAULT_MAP_WINDOW
}

/**
 * The highest gap in [low, high) that holds `len` bytes, and as much more as aligning may cost. Only the area right above the
 * gap is asked for its guard gap: the guard of a stack ends where something is mapped in it.
 */
function unmapped_area_topdown(k: Kernel, mm: number, low: number, high: number, len: number, align: number): number {
  const { vm_start, vm_end, vm_flags, prev } = k.vma
  const length = len + align - 4096
  let limit = high
  let above = 0
  for (let vma = k.mm.vma_tail[mm]!; ; above = vma, vma = prev[vma]!) {
    const low_end = vma === 0 ? 0 : vm_end[vma]!
    if (low_end < limit) {
      const bottom = Math.max(low, low_end)
      let top = above === 0 ? limit : Math.min(limit, vm_start[above]!)
      if (top - bottom >= length && above !== 0 && (vm_flags[above]! & VM_GROWSDOWN) !== 0) {
        limit = Math.min(limit, vm_start_gap(k, above))
        top = Math.min(top, limit)
      }
      if (top - bottom >= length) return Math.floor((top - len) / align) * align
    }
    if (vma === 0 || low_end <= low) return -ENOMEM
  }
}

/** The lowest gap in [low, high); as above. */
function unmapped_area(k: Kernel, mm: number, low: number, high: number, len: number, align: number): number {
  const length = len + align - 4096
  let bottom = low
  for (let vma = find_vma(k, mm, low); ; vma = k.vma.next[vma]!) {
    const top = vma === 0 ? high : Math.min(high, k.vma.vm_start[vma]!)
    const at = Math.ceil(bottom / align) * align
    if (top - bottom >= length && (vma === 0 || guarded_start(k, vma) >= at + length - 1)) return at
    if (vma === 0 || k.vma.vm_end[vma]! >= high) return -ENOMEM
    bottom = Math.max(bottom, k.vma.vm_end[vma]!)
  }
}

function guarded_start(k: Kernel, vma: number): number {
  return (k.vma.vm_flags[vma]! & VM_GROWSDOWN) !== 0 ? vm_start_gap(k, vma) : k.vma.vm_start[vma]!
}
