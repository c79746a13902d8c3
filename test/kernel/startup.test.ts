/** What a lab machine's start-up script leaves: no process, no page, full per-CPU lists of the right types. */
import { expect, test } from 'vitest'
import { boot } from '../../src-main/kernel/boot'
import {
  GFP_KERNEL,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  type Kernel,
  type MachineConfig,
} from '../../src-main/kernel/kernel'
import { alloc_pages_bulk, free_page } from '../../src-main/kernel/mm/page_alloc'
import { pcp_list, pcp_set_of } from '../../src-main/kernel/mm/pcp'
import { meminfo } from '../../src-main/kernel/mm/vmstat'
import { hash, restore, snapshot } from '../../src-main/kernel/snapshot'
import { initrd_pages } from '../../src-main/kernel/drivers/initrd'
import { lab_program } from '../../src-main/kernel/sched/initramfs'
import { first_task, next_task, threads } from '../../src-main/kernel/task'
import { verify } from '../../src-main/kernel/verify'
import { bareConfig } from '../support/config'

const MIB = 2 ** 20
const DMA32 = 1
const machine = (more: Partial<MachineConfig> = {}): Kernel => boot(bareConfig(more))
const listed = (k: Kernel, type: number): number => k.pcp.count[pcp_list(pcp_set_of(0, DMA32), type)]!
const SWAP = [{ bytes: 256 * MIB, device: 'virtio' as const }]

test('every command has come and gone: init is the only process, and its numbers went up', () => {
  const [plain, ext4] = [machine(), machine({ ext4: true })]
  const users = (k: Kernel): number => {
    let nr = 0
    for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.mm[t] !== 0) nr++
    return nr
  }
  expect([users(plain), users(ext4)]).toEqual([1, 1])
  expect(plain.task.child[threads(plain).init]).toBe(0)
  expect(plain.cpu.nr_running[1]).toBe(machine().cpu.nr_running[1])
  // Eleven modules and a mount more, and two threads of the file system.
  expect(ext4.var.next_pid - plain.var.next_pid).toBe(11 + 1 + 2)
  verify(plain)
  verify(ext4)
})

test('what a large module was copied through lies on the list of unmovable pages, and movable ones went for it', () => {
  const [plain, ext4] = [machine({ swap: SWAP }), machine({ swap: SWAP, ext4: true })]
  expect(listed(ext4, MIGRATE_UNMOVABLE)).toBeGreaterThan(3 * listed(plain, MIGRATE_UNMOVABLE))
  // The lists overflowed while a module went, and with the next page directory all of them were given back.
  expect(listed(plain, MIGRATE_MOVABLE)).toBeGreaterThan(300)
  expect(listed(ext4, MIGRATE_MOVABLE)).toBeLessThan(30)
})

test('the packed image is as large as what it holds, and its frames become memory', () => {
  const shell = machine({ shell: true })
  const [program, swap, ext4] = [machine(), machine({ swap: SWAP }), machine({ swap: SWAP, ext4: true })]
  // As measured: without a program, with programs of four sizes, with drivers of a disk, with ext4.
  const packed = (KiB: number, more: Partial<MachineConfig> = {}): number =>
    initrd_pages(machine({ program: KiB * 1024, ...more })) * 4
  expect([shell, program].map((k) => initrd_pages(k) * 4)).toEqual([1076, 1420])
  expect([679, 687, 719, 791].map((KiB) => packed(KiB))).toEqual([1400, 1404, 1420, 1452])
  expect([671, 679, 687, 791].map((KiB) => packed(KiB, { swap: SWAP }))).toEqual([1472, 1476, 1480, 1524])
  expect(packed(671, { swap: SWAP, ext4: true })).toBe(2120)
  for (const k of [program, swap, ext4]) expect(meminfo(k).MemTotal).toBe(meminfo(shell).MemTotal)
  // Without a program there is none in tmpfs, and its tasks are tools of the shell.
  expect(meminfo(program).Shmem! - meminfo(shell).Shmem!).toBe(720)
  expect(meminfo(machine({ program: 791 * 1024 })).Shmem! - meminfo(shell).Shmem!).toBe(792)
  expect([lab_program(shell), lab_program(program)]).toEqual(['/sbin/init', '/bin/lab'])
})

test("what the kernel's self tests worked in fills the lists: the last of boot's memory empties all of them once", () => {
  // Only movable pages have come since, and what the shell's commands left.
  const k = machine()
  const set = pcp_set_of(0, DMA32)
  expect(listed(k, MIGRATE_MOVABLE)).toBeGreaterThan(0.9 * (k.pcp_set.count[set]! - 50))
  expect(listed(k, MIGRATE_RECLAIMABLE)).toBe(0)
  expect(k.pcp_set.count[set]).toBeGreaterThan(k.zone.pcp_high[DMA32 + 1]! - 4 * k.zone.pcp_batch[DMA32 + 1]!)
})

test('pages taken in bulk leave the free factor alone and are counted', () => {
  const k = machine()
  const set = pcp_set_of(0, DMA32)
  k.pcp_set.free_factor[set] = 3
  const pages: number[] = []
  expect(alloc_pages_bulk(k, GFP_KERNEL, 100, pages)).toBe(100)
  expect(new Set(pages).size).toBe(100)
  expect(k.pcp_set.free_factor[set]).toBe(3)
  // One is not worth it, and a zone must have room for all.
  expect(alloc_pages_bulk(k, GFP_KERNEL, 1, pages)).toBe(0)
  expect(alloc_pages_bulk(k, GFP_KERNEL, 100_000, pages)).toBe(0)
  for (const pfn of pages) free_page(k, pfn)
  verify(k)
})

test('is the same every time, and part of a snapshot', () => {
  const [a, b] = [machine({ ext4: true }), machine({ ext4: true })]
  expect(hash(a)).toBe(hash(b))
  const saved = snapshot(a)
  expect(hash(restore(saved))).toBe(hash(a))
})
