/**
 * Commit accounting: may this task have more memory that could be written? (mm/util.c, __vm_enough_memory)
 *
 * Mode 0 refuses a single request larger than all of memory and swap, mode 1 nothing, mode 2 keeps Committed_AS under the
 * commit limit less the reserves for root and for the other processes of the user.
 */
import type { Kernel } from '../kernel'
import { ENOMEM } from '../uapi'
import { nr_free_pages } from './page_alloc'
import { total_swap_pages } from './swapfile'

export const OVERCOMMIT_GUESS = 0
export const OVERCOMMIT_ALWAYS = 1
export const OVERCOMMIT_NEVER = 2

export function overcommit_memory(k: Kernel): number {
  return k.var.sysctl['vm.overcommit_memory'] ?? OVERCOMMIT_GUESS
}

/** CommitLimit in pages. */
export function vm_commit_limit(k: Kernel): number {
  const kbytes = k.var.sysctl['vm.overcommit_kbytes'] ?? 0
  const ratio = k.var.sysctl['vm.overcommit_ratio'] ?? 50
  const allowed =
    kbytes > 0 ? Math.floor(kbytes / 4) : Math.floor(((k.var.totalram_pages - hugetlb_total_pages(k)) * ratio) / 100)
  return allowed + total_swap_pages(k)
}

/** Frames that the hugetlb pools hold. */
export function hugetlb_total_pages(k: Kernel): number {
  return (k.var.mod['hugetlb_total_pages'] as number | undefined) ?? 0
}

export function vm_acct_memory(k: Kernel, pages: number): void {
  k.var.committed_as += pages
}
export function vm_unacct_memory(k: Kernel, pages: number): void {
  k.var.committed_as -= pages
}

/** CAP_SYS_ADMIN as far as commit accounting goes: root. */
export function capable(k: Kernel, t: number): boolean {
  return k.task.uid[t] === 0
}

/** Charges `pages` to Committed_AS for an address space; 0, or -ENOMEM and nothing charged. */
export function security_vm_enough_memory_mm(k: Kernel, mm: number, pages: number): number {
  vm_acct_memory(k, pages)
  if (enough(k, mm, pages)) return 0
  vm_unacct_memory(k, pages)
  return -ENOMEM
}

function enough(k: Kernel, mm: number, pages: number): boolean {
  const mode = overcommit_memory(k)
  if (mode === OVERCOMMIT_ALWAYS) return true
  if (mode === OVERCOMMIT_GUESS) return pages <= k.var.totalram_pages + total_swap_pages(k)
  let allowed = vm_commit_limit(k)
  if (!capable(k, k.var.current)) allowed -= Math.floor((k.var.sysctl['vm.admin_reserve_kbytes'] ?? 8192) / 4)
  if (mm !== 0) {
    const reserve = Math.floor((k.var.sysctl['vm.user_reserve_kbytes'] ?? 131072) / 4)
    allowed -= Math.min(Math.floor(k.mm.total_vm[mm]! / 32), reserve)
  }
  return k.var.committed_as < allowed
}

/** At boot: what mode 2 keeps back, from the memory that is free then (init_user_reserve, init_admin_reserve). */
export function init_reserves(k: Kernel): void {
  const share = Math.floor((nr_free_pages(k) * 4) / 32)
  k.var.sysctl['vm.user_reserve_kbytes'] = Math.min(share, 1 << 17)
  k.var.sysctl['vm.admin_reserve_kbytes'] = Math.min(share, 1 << 13)
}
