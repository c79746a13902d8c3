/** What khugepaged takes and leaves (max_ptes_none 511, max_ptes_shared 256), and huge pages at their edges. */
import { expect, test } from 'vitest'
import { C } from '@shared/counters'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { pmd_offset, pte_offset } from '../../../src-main/kernel/arch/x86/pgtable'
import { PG_head, PG_isolated, PG_swapcache, PTE_SHIFT, type Kernel } from '../../../src-main/kernel/kernel'
import {
  deferred_split_count,
  deferred_split_huge_page,
  deferred_split_scan,
  verify_deferred_split,
} from '../../../src-main/kernel/mm/deferred_split'
import { khugepaged_step } from '../../../src-main/kernel/mm/khugepaged'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const PG = 4096
const AT = 0x50000000
const HUGE = 2 * MiB

function machine(): Kernel {
  return bare_machine({ ram: 640 * MiB, thp: 'always' })
}
function frame(k: Kernel, addr: number): number {
  return k.pt.entry[pte_offset(k, k.task.mm[k.var.current]!, addr)]! >>> PTE_SHIFT
}
function map(k: Kernel, at: number, n: number): number {
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
  expect(sys.sys_mmap(k, at, n, u.PROT_READ | u.PROT_WRITE, flags)).toBe(at)
  return at
}
const touch = (k: Kernel, p: number, pages: number, write = true): number => access_range(k, p, pages, PG, write)
/** An area of one huge page whose first pages were written as small ones. */
function small(k: Kernel, pages: number): number {
  const p = map(k, AT, HUGE)
  sys.sys_madvise(k, p, HUGE, u.MADV_NOHUGEPAGE)
  touch(k, p, pages)
  sys.sys_madvise(k, p, HUGE, u.MADV_HUGEPAGE)
  return p
}
/** Huge pages that a round of khugepaged made. */
function scan(k: Kernel): number {
  const t = k.var.current
  const { vm } = step(k, () => {
    k.var.current = 0
    khugepaged_step(k)
    run_as(k, t)
  })
  verify_mm(k)
  return vm['thp_collapse_alloc'] ?? 0
}

test('one page of 512 is enough, if it is used', () => {
  const k = machine()
  const p = small(k, 1)
  lru_add_drain_all(k)
  sys.sys_madvise(k, p, HUGE, u.MADV_COLD)
  expect(scan(k)).toBe(0)
  touch(k, p, 1)
  expect(scan(k)).toBe(1)
})

test.each([
  [256, 1],
  [257, 0],
])('with %i pages that a child shares it makes %i huge pages', (shared, made) => {
  const k = machine()
  const p = small(k, 512)
  const parent = k.var.current
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  sys.sys_munmap(k, p + shared * PG, HUGE - shared * PG)
  run_as(k, parent)
  touch(k, p + 511 * PG, 1)
  expect(scan(k)).toBe(made)
})

test('an area of exactly one huge page gets it at the first fault', () => {
  const k = machine()
  const p = map(k, AT, HUGE)
  expect(step(k, () => touch(k, p, 512))).toMatchObject({ minflt: 1, vm: { thp_fault_alloc: 1 } })
})

test('pages that lost a part wait for their split; one that goes meanwhile leaves the others in the queue', () => {
  const k = machine()
  const p = map(k, AT, 3 * HUGE)
  touch(k, p, 3 * 512)
  for (let i = 0; i < 3; i++) sys.sys_madvise(k, p + i * HUGE, MiB, u.MADV_DONTNEED)
  expect(deferred_split_count(k, 0)).toBe(3)
  sys.sys_munmap(k, p, HUGE)
  expect(deferred_split_count(k, 0)).toBe(2)
  expect(step(k, () => deferred_split_scan(k, 8, 0)).vm).toMatchObject({ thp_split_page: 2, pgfree: 512 })
  expect(deferred_split_count(k, 0)).toBe(0)
  verify_mm(k)
})

test('the page that lost its part first is split first; one that reclaim holds goes behind the others', () => {
  const k = machine()
  const p = map(k, AT, 3 * HUGE)
  touch(k, p, 3 * 512)
  const order = [2, 0, 1]
  for (const i of order) sys.sys_madvise(k, p + i * HUGE, MiB, u.MADV_DONTNEED)
  const [first, second, third] = order.map((i) => frame(k, p + i * HUGE + MiB) - 256)
  k.page.flags[first!]! |= PG_isolated
  expect(deferred_split_scan(k, 1, 0)).toBe(0)
  k.page.flags[first!]! &= ~PG_isolated
  expect(k.memcg.split_first[0]).toBe(second)
  expect(k.memcg.split_last[0]).toBe(first)
  verify_deferred_split(k)
  expect(deferred_split_scan(k, 2, 0)).toBe(2)
  expect([first, second, third].map((head) => k.page.flags[head!]! & PG_head)).toEqual([PG_head, 0, 0])
  expect(deferred_split_count(k, 0)).toBe(1)
  verify_mm(k)
})

test('pages that cannot be split go to the end of the queue, the last of them first, and count as queued once', () => {
  const k = machine()
  const p = map(k, AT, 4 * HUGE)
  touch(k, p, 4 * 512)
  const whole = k.pt.entry[pmd_offset(k, k.task.mm[k.var.current]!, p + 3 * HUGE)]! >>> PTE_SHIFT
  for (let i = 0; i < 3; i++) sys.sys_madvise(k, p + i * HUGE + MiB, MiB, u.MADV_DONTNEED)
  const [first, second, third] = [0, 1, 2].map((i) => frame(k, p + i * HUGE)) as [number, number, number]
  for (const head of [first, second]) k.page.flags[head]! |= PG_isolated
  const counted = k.vmstat[C.thp_deferred_split_page]
  expect(deferred_split_scan(k, 2, 0)).toBe(0)
  expect([k.memcg.split_first[0], k.memcg.split_last[0]]).toEqual([third, first])
  expect([k.vmstat[C.thp_deferred_split_page], deferred_split_count(k, 0)]).toEqual([counted, 3])
  for (const head of [first, second]) k.page.flags[head]! &= ~PG_isolated
  // What is on its way to swap is reclaim's.
  k.page.flags[whole]! |= PG_swapcache
  deferred_split_huge_page(k, whole)
  k.page.flags[whole]! &= ~PG_swapcache
  expect(deferred_split_count(k, 0)).toBe(3)
  verify_deferred_split(k)
  verify_mm(k)
})

test('a huge page unmapped as a whole is gone at once', () => {
  const k = machine()
  const p = map(k, AT, HUGE)
  touch(k, p, 1)
  expect(step(k, () => sys.sys_munmap(k, p, HUGE)).vm['thp_deferred_split_page']).toBeUndefined()
  expect(deferred_split_count(k, 0)).toBe(0)
})

test('MADV_FREE spares what a child shares', () => {
  const k = machine()
  const p = map(k, AT, HUGE)
  touch(k, p, 1)
  lru_add_drain_all(k)
  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  const free = () => step(k, () => sys.sys_madvise(k, p, HUGE, u.MADV_FREE)).vm['pglazyfree']
  expect(free()).toBeUndefined()
  run_as(k, child)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  lru_add_drain_all(k)
  free()
  lru_add_drain_all(k)
  expect(k.vmstat.length).toBeGreaterThan(0)
  verify_mm(k)
})
