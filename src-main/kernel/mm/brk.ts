/** The heap: brk(2) moves its end (mm/mmap.c, SYSCALL_DEFINE1(brk), do_brk_flags). */
import { VM_ACCOUNT, VM_LOCKED, VM_MAYEXEC, VM_MAYREAD, VM_MAYWRITE, VM_READ, VM_WRITE, type Kernel } from '../kernel'
import { EAGAIN, ENOMEM } from '../uapi'
import { mm_populate } from './gup'
import { khugepaged_enter_vma } from './khugepaged'
import { mlock_future_check } from './mlock'
import { do_munmap, may_expand_vm, page_align, rlimit } from './mmap'
import { security_vm_enough_memory_mm, vm_unacct_memory } from './util'
import { find_vma, find_vma_prev, vm_area_alloc, vm_start_gap, vm_stat_account, vma_link } from './vma'
import { can_vma_merge_after, max_map_count, set_bounds } from './vma_merge'

export const VM_DATA_DEFAULT_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC

/** Sets the heap's end; returns the end there is afterwards, unchanged when it cannot be. */
export function do_brk(k: Kernel, mm: number, brk: number): number {
  const m = k.mm
  const old = m.brk[mm]!
  if (brk < m.start_brk[mm]!) return old
  const data = m.end_data[mm]! - m.start_data[mm]!
  if (brk - m.start_brk[mm]! + data > rlimit(k.task.rlim_data[k.var.current]!)) return old
  const new_end = page_align(brk)
  const old_end = page_align(old)
  if (new_end === old_end) {
    m.brk[mm] = brk
    return brk
  }
  if (brk <= old) {
    if (do_munmap(k, mm, new_end, old_end - new_end) < 0) return old
    m.brk[mm] = brk
    return brk
  }
  const next = find_vma(k, mm, old_end)
  if (next !== 0 && new_end + 4096 > vm_start_gap(k, next)) return old
  const prev = find_vma_prev(k, mm, old_end)
  const heap = prev !== 0 && k.vma.vm_start[prev]! >= m.start_brk[mm]! ? prev : 0
  if (do_brk_flags(k, mm, heap, old_end, new_end - old_end, 0) < 0) return old
  m.brk[mm] = brk
  if ((m.def_flags[mm]! & VM_LOCKED) !== 0) mm_populate(k, mm, old_end, new_end - old_end)
  return brk
}

/** Anonymous memory at a fixed place: the heap, or the bss of a program. */
export function do_brk_flags(k: Kernel, mm: number, prev: number, addr: number, len: number, extra: number): number {
  const pages = len / 4096
  const flags = VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT | k.mm.def_flags[mm]! | extra
  if (!mlock_future_check(k, mm, flags, len)) return -EAGAIN
  if (!may_expand_vm(k, mm, flags, pages)) return -ENOMEM
  if (k.mm.map_count[mm]! > max_map_count(k)) return -ENOMEM
  if (security_vm_enough_memory_mm(k, mm, pages) < 0) return -ENOMEM
  let vma = prev
  if (prev !== 0 && k.vma.vm_end[prev] === addr && can_vma_merge_after(k, prev, flags, 0, 0, addr / 4096))
    set_bounds(k, prev, k.vma.vm_start[prev]!, addr + len, k.vma.vm_pgoff[prev]!)
  else {
    vma = vm_area_alloc(k, mm)
    if (vma === 0) {
      vm_unacct_memory(k, pages)
      return -ENOMEM
    }
    k.vma.vm_start[vma] = addr
    k.vma.vm_end[vma] = addr + len
    k.vma.vm_pgoff[vma] = addr / 4096
    k.vma.vm_flags[vma] = flags
    vma_link(k, mm, vma)
  }
  k.vma.soft_clean[vma] = 0
  khugepaged_enter_vma(k, vma)
  vm_stat_account(k, mm, flags, pages)
  if ((flags & VM_LOCKED) !== 0) k.mm.locked_vm[mm]! += pages
  return 0
}
