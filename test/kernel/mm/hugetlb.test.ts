/** The hugetlb pool: reserving, surplus, copy on write, SIGBUS. */
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const HUGE = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB

/** Total, free, reserved, surplus. */
function pool(k: Kernel): number[] {
  const m = meminfo(k)
  return [m.HugePages_Total, m.HugePages_Free, m.HugePages_Rsvd, m.HugePages_Surp]
}
const set = (k: Kernel, name: string, n: number): void => void sysctl_write(k, `vm.${name}`, String(n))
const write = (k: Kernel, p: number, n: number, stride = 4096): number =>
  access_range(k, p, Math.floor(n / stride), stride, true)

test('a mapping reserves its pages, faults take them, the pool shrinks into surplus', () => {
  const k = bare_machine({ ram: 512 * MiB })
  set(k, 'nr_hugepages', 16)
  expect(pool(k)).toEqual([16, 16, 0, 0])
  let p = sys.sys_mmap(k, 0, 8 * MiB, RW, HUGE)
  expect(p).toBe(0x7ffff7600000)
  expect(pool(k)).toEqual([16, 16, 4, 0])
  expect(step(k, () => write(k, p, 4096))).toMatchObject({ minflt: 1, VmPTE: 28, vm: { pgfault: 1 } })
  expect(pool(k)).toEqual([16, 15, 3, 0])
  expect(step(k, () => write(k, p, 8 * MiB)).minflt).toBe(3)
  expect(k.mm.hugetlb_pages[k.task.mm[k.var.current]!]).toBe(4 * 512)
  expect(sys.sys_mmap(k, 0, 32 * MiB, RW, HUGE)).toBe(-u.ENOMEM)
  const q = sys.sys_mmap(k, 0, 24 * MiB, RW, HUGE)
  expect(pool(k)).toEqual([16, 12, 12, 0])
  expect(sys.sys_mmap(k, 0, 2 * MiB, RW, HUGE)).toBe(-u.ENOMEM)
  set(k, 'nr_hugepages', 8)
  expect(pool(k)).toEqual([16, 12, 12, 8])
  sys.sys_munmap(k, q, 24 * MiB)
  expect(pool(k)).toEqual([8, 4, 0, 0])
  const parent = k.var.current
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  expect(step(k, () => write(k, p, 4096)).minflt).toBe(1)
  expect(pool(k)).toEqual([8, 3, 0, 0])
  verify_mm(k)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  expect(pool(k)).toEqual([8, 4, 0, 0])
  sys.sys_munmap(k, p, 8 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
  set(k, 'nr_overcommit_hugepages', 4)
  p = sys.sys_mmap(k, 0, 20 * MiB, RW, HUGE)
  expect(pool(k)).toEqual([10, 10, 10, 2])
  expect(step(k, () => write(k, p, 20 * MiB, 2 * MiB)).minflt).toBe(10)
  sys.sys_munmap(k, p, 20 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
  p = sys.sys_mmap(k, 0, 32 * MiB, RW, HUGE | u.MAP_NORESERVE)
  const bus = step(k, () => write(k, p, 32 * MiB, 2 * MiB))
  expect(bus).toMatchObject({ ret: 12, minflt: 12, vm: { pgfault: 13 } })
  expect([k.task.si_signo[k.var.current], k.task.si_code[k.var.current]]).toEqual([u.SIGBUS, 2])
  expect(pool(k)).toEqual([12, 0, 0, 4])
  sys.sys_munmap(k, p, 32 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
  verify_mm(k)
  set(k, 'nr_hugepages', 0)
  expect(pool(k)).toEqual([0, 0, 0, 0])
  set(k, 'nr_hugepages', 1000)
  const [total] = pool(k)
  expect(total).toBeGreaterThan(150)
  expect(total).toBeLessThan(230)
  set(k, 'nr_hugepages', 0)
  expect(meminfo(k).Hugetlb).toBe(0)
})

test('the pool leaves the commit limit', () => {
  const k = bare_machine({ ram: 512 * MiB })
  expect(meminfo(k).CommitLimit).toBe(234208)
  set(k, 'nr_hugepages', 16)
  expect(meminfo(k).CommitLimit).toBe(217824)
})

test('shared huge pages are one for parent and child; areas split between pages only', () => {
  const k = bare_machine({ ram: 512 * MiB })
  set(k, 'nr_hugepages', 8)
  const p = sys.sys_mmap(k, 0, 8 * MiB, RW, u.MAP_SHARED | u.MAP_ANONYMOUS | u.MAP_HUGETLB)
  write(k, p, 2 * MiB)
  const parent = k.var.current
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  write(k, p, 4 * MiB)
  expect(pool(k)).toEqual([8, 6, 2, 0])
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  expect(pool(k)).toEqual([8, 6, 2, 0])
  expect(sys.sys_munmap(k, p + 4096, 4096)).toBe(-u.EINVAL)
  sys.sys_munmap(k, p, 8 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
  verify_mm(k)
})

const SHARED = u.MAP_SHARED | u.MAP_ANONYMOUS | u.MAP_HUGETLB

test('shared memory that is cut keeps its whole reservation until the last of it goes', () => {
  const k = bare_machine({ ram: 512 * MiB })
  set(k, 'nr_hugepages', 8)
  const p = sys.sys_mmap(k, 0, 16 * MiB, RW, SHARED)
  write(k, p, 4 * MiB, 2 * MiB)
  sys.sys_munmap(k, p + 6 * MiB, 4 * MiB)
  expect(pool(k)).toEqual([8, 6, 6, 0])
  sys.sys_munmap(k, p, 6 * MiB)
  expect(pool(k)).toEqual([8, 6, 6, 0])
  sys.sys_munmap(k, p + 10 * MiB, 6 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
  verify_mm(k)
})

test('MADV_REMOVE makes a hole in shared memory: the pages go from everybody, and their reservation with them', () => {
  const k = bare_machine({ ram: 512 * MiB })
  set(k, 'nr_hugepages', 8)
  const p = sys.sys_mmap(k, 0, 8 * MiB, RW, SHARED)
  write(k, p, 4 * MiB, 2 * MiB)
  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  run_as(k, child)
  expect(step(k, () => write(k, p, 4 * MiB, 2 * MiB)).minflt).toBe(2)
  run_as(k, parent)
  expect(sys.sys_madvise(k, p + MiB, 5 * MiB, u.MADV_REMOVE)).toBe(0)
  expect(pool(k)).toEqual([8, 7, 2, 0])
  expect(step(k, () => write(k, p, 4 * MiB, 2 * MiB)).minflt).toBe(1)
  expect(pool(k)).toEqual([8, 6, 2, 0])
  run_as(k, child)
  expect(step(k, () => write(k, p, 4 * MiB, 2 * MiB)).minflt).toBe(1)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  sys.sys_munmap(k, p, 8 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
  const q = sys.sys_mmap(k, 0, 4 * MiB, RW, HUGE)
  expect(sys.sys_madvise(k, q, 4 * MiB, u.MADV_REMOVE)).toBe(-u.EACCES)
  verify_mm(k)
})

test('what mprotect makes writable again faults once more', () => {
  const k = bare_machine({ ram: 512 * MiB })
  set(k, 'nr_hugepages', 8)
  const [p, s] = [sys.sys_mmap(k, 0, 2 * MiB, RW, HUGE), sys.sys_mmap(k, 0, 2 * MiB, RW, SHARED)]
  for (const at of [p, s]) {
    write(k, at, 4096)
    sys.sys_mprotect(k, at, 2 * MiB, u.PROT_READ)
    sys.sys_mprotect(k, at, 2 * MiB, RW)
  }
  expect(step(k, () => write(k, p, 4096)).minflt).toBe(1)
  expect(step(k, () => write(k, s, 4096)).minflt).toBe(0)
})

test('mremap moves huge pages with their reservation, shrinks them by whole pages, and does not grow them', () => {
  const k = bare_machine({ ram: 512 * MiB })
  set(k, 'nr_hugepages', 8)
  const p = sys.sys_mmap(k, 0, 8 * MiB, RW, HUGE)
  write(k, p, 4 * MiB, 2 * MiB)
  const move = u.MREMAP_MAYMOVE | u.MREMAP_FIXED
  expect(sys.sys_mremap(k, p, 8 * MiB, 10 * MiB, u.MREMAP_MAYMOVE, 0)).toBe(-u.EINVAL)
  expect(sys.sys_mremap(k, p, 8 * MiB, 8 * MiB, move, 0x400100000)).toBe(-u.EINVAL)
  expect(sys.sys_mremap(k, p, 8 * MiB, 8 * MiB, u.MREMAP_MAYMOVE | u.MREMAP_DONTUNMAP, 0)).toBe(-u.EINVAL)
  expect(sys.sys_mremap(k, p, 8 * MiB, 5 * MiB, 0, 0)).toBe(p)
  expect(pool(k)).toEqual([8, 6, 1, 0])
  expect(sys.sys_mremap(k, p, 6 * MiB, 6 * MiB, move, 0x400000000)).toBe(0x400000000)
  expect(pool(k)).toEqual([8, 6, 1, 0])
  expect(step(k, () => write(k, 0x400000000, 6 * MiB, 2 * MiB)).minflt).toBe(1)
  expect(pool(k)).toEqual([8, 5, 0, 0])
  verify_mm(k)
  sys.sys_munmap(k, 0x400000000, 6 * MiB)
  expect(pool(k)).toEqual([8, 8, 0, 0])
})
