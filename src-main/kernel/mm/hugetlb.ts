/** hugetlb: a pool of huge pages set aside. */
import type { Kernel } from '../kernel'
import { ENOMEM } from '../uapi'
import type { MmuGather } from './mmu_gather'
import { VM_FAULT_SIGBUS } from './vm_fault'

export function hugetlb_vm_size(gigantic: boolean): number {
  return gigantic ? 2 ** 30 : 2 ** 21
}
export function hugetlb_vma_split_ok(_k: Kernel, _vma: number, _addr: number): boolean {
  return true
}
export function hugetlb_reserve(_k: Kernel, _vma: number, _size: number): number {
  return -ENOMEM
}
export function hugetlb_unreserve(_k: Kernel, _vma: number): void {}
export function hugetlb_fault(_k: Kernel, _mm: number, _vma: number, _addr: number, _flags: number): number {
  return VM_FAULT_SIGBUS
}
export function copy_hugetlb_page_range(_k: Kernel, _child: number, _dst: number, _src: number): boolean {
  return true
}
export function __unmap_hugepage_range(_k: Kernel, _tlb: MmuGather, _vma: number, _from: number, _to: number): void {}

/** vm.nr_hugepages: the pool stays empty. */
export function set_max_huge_pages(_k: Kernel, _count: number): void {}
/** vm.nr_overcommit_hugepages. */
export function set_overcommit_huge_pages(_k: Kernel, _count: number): void {}
