/** What a fork makes of each kind of entry, and which tables it makes for the child. */
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PG_anon_exclusive, PTE_A, PTE_D, PTE_SHIFT, PTE_SWAP, PTE_W } from '../../../src-main/kernel/kernel'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { find_vma } from '../../../src-main/kernel/mm/vma'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS

function written(k: Kernel, bytes: number): number {
  const p = sys.sys_mmap(k, 0, bytes, RW, ANON)
  expect(access_range(k, p, bytes / 4096, 4096, true)).toBe(bytes / 4096)
  return p
}
/** The address spaces of the parent and of a new child. */
function fork(k: Kernel): [parent: number, child: number] {
  const parent = k.task.mm[k.var.current]!
  const child = k.task.mm[find_task_by_pid(k, sys.sys_fork(k))]!
  verify_mm(k)
  return [parent, child]
}

test('a page that both map may be written by none, and the child has not used it', () => {
  const k = bare_machine()
  const p = written(k, 4096)
  const [parent, child] = fork(k)
  const bits = PTE_W | PTE_A | PTE_D
  expect(mapped_entry(k, parent, p) & bits).toBe(PTE_A | PTE_D)
  expect(mapped_entry(k, child, p) & bits).toBe(PTE_D)
  // Who writes gets a copy.
  expect(access_range(k, p, 1, 4096, true)).toBe(1)
  expect(mapped_entry(k, parent, p) >>> PTE_SHIFT).not.toBe(mapped_entry(k, child, p) >>> PTE_SHIFT)
  expect(mapped_entry(k, parent, p) & bits).toBe(bits)
})

test('a copy that is made before anybody writes it, for mlock, is dirty', () => {
  const k = bare_machine()
  const p = written(k, 4096)
  const [parent, child] = fork(k)
  expect(sys.sys_mlock(k, p, 4096)).toBe(0)
  expect(mapped_entry(k, parent, p) >>> PTE_SHIFT).not.toBe(mapped_entry(k, child, p) >>> PTE_SHIFT)
  expect(mapped_entry(k, parent, p) & (PTE_W | PTE_D)).toBe(PTE_W | PTE_D)
  verify_mm(k)
})

test('a slot that both name is nobody’s alone', () => {
  const k = bare_machine({ swap: [{ bytes: 4 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 4 * MiB, device: 'ssd' })).toBe(0)
  const p = written(k, 4096)
  sys.sys_madvise(k, p, 4096, u.MADV_PAGEOUT)
  k.var.now += 1e9
  blk_poll(k)
  expect(mapped_entry(k, k.task.mm[k.var.current]!, p) & (PTE_SWAP | PTE_D)).toBe(PTE_SWAP | PTE_D)
  const both = fork(k).map((mm) => mapped_entry(k, mm, p) & (PTE_SWAP | PTE_D))
  expect(both).toEqual([PTE_SWAP, PTE_SWAP])
})

test('what can be faulted in from its file is left out', () => {
  const k = bare_machine()
  const shared = sys.sys_mmap(k, 0, 4096, RW, u.MAP_SHARED | u.MAP_ANONYMOUS)
  expect(access_range(k, shared, 1, 4096, true)).toBe(1)
  const [parent, child] = fork(k)
  expect(mapped_entry(k, parent, shared)).not.toBe(0)
  expect(mapped_entry(k, child, shared)).toBe(0)
})

test('the child gets a table for each that its parent has, though nothing may be left in it', () => {
  const k = bare_machine({ thp: 'always' })
  const GiB = 1024 * MiB
  // A page table of which all pages went, and a middle directory of which the one huge page did.
  for (const [at, bytes] of [
    [0x200000000000, 4096],
    [0x200000000000 + 512 * GiB, 2 * MiB],
  ] as const) {
    expect(sys.sys_mmap(k, at, bytes, RW, ANON | u.MAP_FIXED)).toBe(at)
    expect(access_range(k, at, 1, 4096, true)).toBe(1)
    expect(sys.sys_madvise(k, at, bytes, u.MADV_DONTNEED)).toBe(0)
  }
  const [parent, child] = fork(k)
  expect(k.mm.pgtables_bytes[child]).toBe(k.mm.pgtables_bytes[parent])
})

test('who is left alone with a page takes it over', () => {
  const k = bare_machine()
  const p = written(k, 4096)
  const pfn = mapped_entry(k, k.task.mm[k.var.current]!, p) >>> PTE_SHIFT
  const child = find_task_by_pid(k, sys.sys_fork(k))
  expect(sys.sys_munmap(k, p, 4096)).toBe(0)
  run_as(k, child)
  expect(k.page.flags[pfn]! & PG_anon_exclusive).toBe(0)
  expect(access_range(k, p, 1, 4096, true)).toBe(1)
  expect(mapped_entry(k, k.task.mm[child]!, p) >>> PTE_SHIFT).toBe(pfn)
  expect(k.page.flags[pfn]! & PG_anon_exclusive).not.toBe(0)
  // The parent’s areas are not looked at for it any more.
  expect(k.page.mapping[pfn]).toBe(k.vma.anon_vma[find_vma(k, k.task.mm[child]!, p)])
  verify_mm(k)
})
