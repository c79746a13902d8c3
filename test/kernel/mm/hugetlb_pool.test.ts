/** The pool's promises: what a mapping reserves nobody else gets, and what was only taken for a promise goes with it. */
import { expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const HUGE = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB
const set = (k: Kernel, name: string, n: number): void => void sysctl_write(k, `vm.${name}`, String(n))
/** Total, free, reserved, surplus. */
function pool(k: Kernel): number[] {
  const m = meminfo(k)
  return [m.HugePages_Total, m.HugePages_Free, m.HugePages_Rsvd, m.HugePages_Surp]
}
/** Touches the first n huge pages; how many it got. */
const touch = (k: Kernel, p: number, n: number): number => access_range(k, p, n, 2 * MiB, true)

test('a promise that cannot be kept leaves nothing behind', () => {
  const k = bare_machine()
  set(k, 'nr_hugepages', 2)
  set(k, 'nr_overcommit_hugepages', 4)
  expect(sys.sys_mmap(k, 0, 20 * MiB, RW, HUGE)).toBe(-u.ENOMEM)
  expect(pool(k)).toEqual([2, 2, 0, 0])
  expect(sys.sys_mmap(k, 0, 2 * MiB, RW, HUGE)).toBeGreaterThan(0)
  expect(pool(k)).toEqual([2, 2, 1, 0])
})

test('a pool that grows takes its surplus pages over', () => {
  const k = bare_machine()
  set(k, 'nr_hugepages', 2)
  set(k, 'nr_overcommit_hugepages', 4)
  const p = sys.sys_mmap(k, 0, 8 * MiB, RW, HUGE)
  expect(pool(k)).toEqual([4, 4, 4, 2])
  set(k, 'nr_hugepages', 4)
  expect(pool(k)).toEqual([4, 4, 4, 0])
  sys.sys_munmap(k, p, 8 * MiB)
  expect(pool(k)).toEqual([4, 4, 0, 0])
})

test('what is promised to one mapping is not for another without a promise', () => {
  const k = bare_machine()
  set(k, 'nr_hugepages', 3)
  const p = sys.sys_mmap(k, 0, 4 * MiB, RW, HUGE)
  const q = sys.sys_mmap(k, 0, 4 * MiB, RW, HUGE | u.MAP_NORESERVE)
  expect(touch(k, q, 2)).toBe(1)
  k.task.sig_pending[k.var.current * 2] = 0
  expect(touch(k, p, 2)).toBe(2)
  expect(pool(k)).toEqual([3, 0, 0, 0])
  verify_mm(k)
})

test('parts of a mapping give back what they did not use', () => {
  const k = bare_machine()
  set(k, 'nr_hugepages', 4)
  const p = sys.sys_mmap(k, 0, 8 * MiB, RW, HUGE)
  expect(touch(k, p, 1)).toBe(1)
  sys.sys_munmap(k, p, 4 * MiB)
  expect(pool(k)).toEqual([4, 4, 2, 0])
  expect(touch(k, p + 4 * MiB, 1)).toBe(1)
  expect(pool(k)).toEqual([4, 3, 1, 0])
  sys.sys_munmap(k, p + 4 * MiB, 4 * MiB)
  expect(pool(k)).toEqual([4, 4, 0, 0])
  verify_mm(k)
})
