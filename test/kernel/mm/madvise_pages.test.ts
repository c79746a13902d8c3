/** Advice that walks pages: what MADV_FREE, COLD and PAGEOUT do to small pages, and whose they leave alone. */
import { beforeEach, describe, expect, test } from 'vitest'
import { C } from '@shared/counters'
import { pte_offset } from '../../../src-main/kernel/arch/x86/pgtable'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import * as sys from '../../../src-main/kernel/entry/syscall'
import {
  PG_active,
  PG_dirty,
  PG_referenced,
  PTE_A,
  PTE_D,
  PTE_SHIFT,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { verify_swap } from '../../../src-main/kernel/mm/verify_swap'
import { find_task_by_pid, wake_up_task } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

const [PG, AT] = [4096, 0x50000000]
let k: Kernel

beforeEach(() => {
  k = bare_machine({ ram: 128 * MiB, swap: [{ bytes: 32 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 32 * MiB, device: 'ssd' })).toBe(0)
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
  expect(sys.sys_mmap(k, AT, 16 * MiB, u.PROT_READ | u.PROT_WRITE, flags)).toBe(AT)
})
const advise = (bytes: number, advice: number, at = AT): number => sys.sys_madvise(k, at, bytes, advice)
const entry = (addr = AT): number => k.pt.entry[pte_offset(k, mm(), addr)]!
const frame = (addr = AT): number => entry(addr) >>> PTE_SHIFT
const mm = (): number => k.task.mm[k.var.current]!
/** Accesses pages; what the task waits for is over at once. */
function touch(pages: number, write = true, at = AT): void {
  for (let done = 0; done < pages; disk()) {
    done += access_range(k, at + done * PG, pages - done, PG, write)
    k.cpu.need_resched[1] = 0
  }
}
function disk(): void {
  k.var.now += 1e9
  blk_poll(k)
  wake_up_task(k, k.var.current)
  run_as(k, k.var.current)
}
/** A child with the same pages. */
const fork = (): number => find_task_by_pid(k, sys.sys_fork(k))
function verified(): void {
  verify_mm(k)
  verify_lru(k)
  verify_swap(k)
}

/** What it moves between lists goes by batches of 15. */
describe('MADV_FREE', () => {
  test('leaves pages clean, unused and droppable: reclaim takes them without a write', () => {
    touch(60)
    expect(entry() & (PTE_A | PTE_D)).toBe(PTE_A | PTE_D)
    const head = frame()
    k.page.flags[head]! |= PG_dirty
    expect(advise(60 * PG, u.MADV_FREE)).toBe(0)
    expect([entry() & (PTE_A | PTE_D), k.page.flags[head]! & PG_dirty]).toEqual([0, 0])
    expect(k.vmstat[C.pglazyfree]).toBe(60)
    expect(advise(60 * PG, u.MADV_PAGEOUT)).toBe(0)
    expect([k.vmstat[C.pglazyfreed], k.vmstat[C.pswpout], entry()]).toEqual([60, 0, 0])
    verified()
  })
  test('of what is in swap gives the slots back', () => {
    touch(64)
    expect(advise(64 * PG, u.MADV_PAGEOUT)).toBe(0)
    disk()
    expect(k.mm.swapents[mm()]).toBe(64)
    expect(advise(64 * PG, u.MADV_FREE)).toBe(0)
    expect([k.mm.swapents[mm()], entry()]).toEqual([0, 0])
    verified()
  })
  test('of a page that is in swap, too, gives up its slot first', () => {
    touch(15)
    expect(advise(15 * PG, u.MADV_PAGEOUT)).toBe(0)
    disk()
    touch(15, false)
    expect(k.vmstat[C.nr_swapcached]).toBe(15)
    expect(advise(15 * PG, u.MADV_FREE)).toBe(0)
    expect([k.vmstat[C.nr_swapcached], k.vmstat[C.pglazyfree]]).toEqual([0, 15])
    verified()
  })
})

describe('MADV_PAGEOUT and MADV_COLD', () => {
  test('see what still waits in the CPU’s batch, and find every table of a range that begins in the midst of one', () => {
    const at = AT + MiB
    // The last 10 wait to be listed.
    touch(1000, true, at)
    expect(advise(1000 * PG, u.MADV_PAGEOUT, at)).toBe(0)
    expect(k.vmstat[C.pswpout]).toBe(1000)
    verified()
  })
  test('leave alone what another process maps', () => {
    touch(32)
    const child = fork()
    expect(advise(32 * PG, u.MADV_PAGEOUT)).toBe(0)
    expect([k.vmstat[C.pswpout], k.mm.swapents[mm()]]).toEqual([0, 0])
    expect(entry() & PTE_A).toBe(PTE_A)
    expect(advise(32 * PG, u.MADV_COLD)).toBe(0)
    expect(entry() & PTE_A).toBe(PTE_A)
    const parent = k.var.current
    run_as(k, child)
    sys.sys_exit(k, 0)
    run_as(k, parent)
    expect(advise(32 * PG, u.MADV_PAGEOUT)).toBe(0)
    expect(k.vmstat[C.pswpout]).toBe(32)
    verified()
  })
  test('cold is: inactive, not used as far as anybody can see, and still there', () => {
    touch(30)
    const pfn = frame()
    k.page.flags[pfn]! |= PG_referenced
    expect(advise(30 * PG, u.MADV_COLD)).toBe(0)
    expect([entry() & PTE_A, k.page.flags[pfn]! & (PG_referenced | PG_active)]).toEqual([0, 0])
    expect([frame(), k.vmstat[C.pswpout]]).toEqual([pfn, 0])
    verified()
  })
  test('refuse locked areas', () => {
    expect(sys.sys_mlock(k, AT, 8 * PG)).toBe(0)
    expect([u.MADV_COLD, u.MADV_PAGEOUT].map((advice) => advise(8 * PG, advice))).toEqual([-u.EINVAL, -u.EINVAL])
    verified()
  })
})
