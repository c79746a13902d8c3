/** khugepaged: collapses small pages into huge ones. */
import type { Kernel } from '../kernel'
import { EINVAL } from '../uapi'

export function khugepaged_enter_vma(_k: Kernel, _vma: number): void {}
export function khugepaged_fork(_k: Kernel, _mm: number, _oldmm: number): void {}
export function khugepaged_exit(_k: Kernel, _mm: number): void {}
export function khugepaged_step(_k: Kernel): boolean {
  return true
}
export function madvise_collapse(_k: Kernel, _vma: number, _start: number, _end: number): number {
  return -EINVAL
}
