/**
 * Stacks that grow: a fault just below a VM_GROWSDOWN area extends it, up to the rlimit and not into the guard gap of 256
 * pages above the next area below.
 *
 * Linux: mm/mmap.c (expand_downwards, acct_stack_growth).
 */
import { VM_EXEC, VM_GROWSDOWN, VM_LOCKED, VM_READ, VM_WRITE, type Kernel } from '../kernel'
import { ENOMEM, EPERM } from '../uapi'
import { anon_vma_prepare } from './anon_vma'
import { may_expand_vm, rlimit } from './mmap'
import { mlock_future_check } from './mlock'
import { mmap_min_addr } from './mmap_lookup'
import { security_vm_enough_memory_mm } from './util'
import { stack_guard_gap, vm_stat_account, vma_store } from './vma'

const RLIMIT_STACK_DEFAULT = 8 * 2 ** 20

export function rlimit_stack(k: Kernel, t: number): number {
  const limit = k.task.rlim_stack[t]!
  return limit === 0 ? RLIMIT_STACK_DEFAULT : rlimit(limit)
}

/** Extends the area down to the page of `addr`; 0 or -errno. */
export function expand_stack(k: Kernel, mm: number, vma: number, addr: number): number {
  const v = k.vma
  const address = Math.floor(addr / 4096) * 4096
  if (address < mmap_min_addr(k)) return -EPERM
  const prev = v.prev[vma]!
  if (
    prev !== 0 &&
    (v.vm_flags[prev]! & VM_GROWSDOWN) === 0 &&
    (v.vm_flags[prev]! & (VM_READ | VM_WRITE | VM_EXEC)) !== 0 &&
    address - v.vm_end[prev]! < stack_guard_gap(k)
  )
    return -ENOMEM
  if (!anon_vma_prepare(k, vma)) return -ENOMEM
  if (address >= v.vm_start[vma]!) return 0
  const grow = (v.vm_start[vma]! - address) / 4096
  if (grow > v.vm_pgoff[vma]!) return -ENOMEM
  const error = acct_stack_growth(k, mm, vma, v.vm_end[vma]! - address, grow)
  if (error < 0) return error
  if ((v.vm_flags[vma]! & VM_LOCKED) !== 0) k.mm.locked_vm[mm]! += grow
  vm_stat_account(k, mm, v.vm_flags[vma]!, grow)
  v.vm_start[vma] = address
  v.vm_pgoff[vma]! -= grow
  vma_store(k, mm, vma)
  return 0
}

function acct_stack_growth(k: Kernel, mm: number, vma: number, size: number, grow: number): number {
  const flags = k.vma.vm_flags[vma]!
  if (!may_expand_vm(k, mm, flags, grow)) return -ENOMEM
  if (size > rlimit_stack(k, k.var.current)) return -ENOMEM
  if (!mlock_future_check(k, mm, flags, grow * 4096)) return -ENOMEM
  return security_vm_enough_memory_mm(k, mm, grow)
}
