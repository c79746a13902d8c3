/**
 * Commit charges of shared memory: anonymous shared memory counts with its whole size when it is mapped, everything else on
 * tmpfs (files, MAP_NORESERVE) page by page as it is written.
 *
 * Linux: mm/shmem.c (shmem_acct_size, shmem_acct_block and their counterparts, shmem_recalc_inode).
 */
import type { Kernel } from '../kernel'
import { current_mm } from '../task'
import { I_ACCOUNT } from './inode'
import { security_vm_enough_memory_mm, vm_unacct_memory } from './util'

export function shmem_acct_size(k: Kernel, size: number): boolean {
  return security_vm_enough_memory_mm(k, current_mm(k), Math.ceil(size / 4096)) === 0
}
/** The file of such memory remembers it; without a file the charge goes back. */
export function shmem_mark_accounted(k: Kernel, file: number, size: number): void {
  if (file === 0) vm_unacct_memory(k, Math.ceil(size / 4096))
  else k.inode.flags[k.file.inode[file]!]! |= I_ACCOUNT
}
export function shmem_unacct_size(k: Kernel, inode: number): void {
  if ((k.inode.flags[inode]! & I_ACCOUNT) !== 0) vm_unacct_memory(k, Math.ceil(k.inode.i_size[inode]! / 4096))
}

/** A page is about to be added. */
export function shmem_acct_block(k: Kernel, inode: number): boolean {
  return (k.inode.flags[inode]! & I_ACCOUNT) !== 0 || security_vm_enough_memory_mm(k, current_mm(k), 1) === 0
}
/** It was not to be. */
export function shmem_unacct_block(k: Kernel, inode: number): void {
  if ((k.inode.flags[inode]! & I_ACCOUNT) === 0) vm_unacct_memory(k, 1)
}
/** It was added. */
export function shmem_block_added(k: Kernel, inode: number): void {
  k.inode.shm_alloced[inode]!++
  shmem_recalc_inode(k, inode)
}
/** Pages that went without a word (reclaim drops what was only read of a hole) are noticed whenever the file changes. */
export function shmem_recalc_inode(k: Kernel, inode: number): void {
  const freed = k.inode.shm_alloced[inode]! - k.inode.shm_swapped[inode]! - k.inode.nrpages[inode]!
  if (freed <= 0) return
  k.inode.shm_alloced[inode]! -= freed
  if ((k.inode.flags[inode]! & I_ACCOUNT) === 0) vm_unacct_memory(k, freed)
}
