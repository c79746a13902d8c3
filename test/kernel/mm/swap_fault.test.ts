/** Memory pressure seen from the faults: pages go to swap through the reverse map and come back, shared and exclusive. */
import { expect, test } from 'vitest'
import { C } from '../../../src-shared/counters'
import { TASK_RUNNING, type Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { verify_swap } from '../../../src-main/kernel/mm/verify_swap'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { find_task_by_pid, wake_up_task } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS

function machine(): Kernel {
  const k = bare_machine({ ram: 128 * MiB, swap: [{ bytes: 512 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 512 * MiB, device: 'ssd' })).toBeGreaterThanOrEqual(0)
  return k
}
/** Accesses every page; sleeps of the task are over at once. */
function touch(k: Kernel, p: number, pages: number, write: boolean): void {
  const t = k.var.current
  for (let done = 0; done < pages;) {
    const made = access_range(k, p + done * 4096, pages - done, 4096, write)
    done += made
    k.cpu.need_resched[1] = 0
    if (k.task.state[t] !== TASK_RUNNING) {
      k.var.now = Math.max(k.var.now, k.task.wake_ns[t]!)
      blk_poll(k)
      wake_up_task(k, t)
      run_as(k, t)
    } else if (made === 0) expect(k.task.sig_pending[t * 2]).toBe(0)
  }
}

test('more than memory holds goes to swap and comes back with major faults', () => {
  const k = machine()
  const p = sys.sys_mmap(k, 0, 160 * MiB, RW, ANON)
  const mm = k.task.mm[k.var.current]!
  const out = step(k, () => touch(k, p, 40960, true))
  expect(out.minflt).toBe(40960)
  expect(k.mm.swapents[mm]! + k.mm.rss_anon[mm]!).toBeGreaterThanOrEqual(40960)
  expect(k.mm.swapents[mm]).toBeGreaterThan(12000)
  verify_mm(k)
  verify_lru(k)
  verify_swap(k)
  const back = step(k, () => touch(k, p, 8192, false))
  expect(back.majflt).toBeGreaterThan(500)
  expect(back.majflt).toBeLessThan(3000)
  // Every major fault was tried twice; getrusage counts it once.
  expect(back.vm['pgmajfault']).toBeGreaterThan(500)
  expect(back.vm['pgfault']).toBeGreaterThanOrEqual(back.minflt + back.majflt)
  verify_mm(k)
  verify_swap(k)
  sys.sys_munmap(k, p, 160 * MiB)
  // What is left are pages of the program itself.
  expect(k.mm.swapents[mm]).toBeLessThan(64)
  verify_mm(k)
  verify_lru(k)
  verify_swap(k)
})

test('fork duplicates swap entries; parent and child each get their own page on write', () => {
  const k = machine()
  const parent = k.var.current
  const p = sys.sys_mmap(k, 0, 32 * MiB, RW, ANON)
  touch(k, p, 8192, true)
  expect(sys.sys_madvise(k, p, 32 * MiB, u.MADV_PAGEOUT)).toBe(0)
  const pid = sys.sys_fork(k)
  const child = find_task_by_pid(k, pid)
  verify_mm(k)
  verify_swap(k)
  run_as(k, child)
  touch(k, p, 8192, true)
  verify_mm(k)
  verify_swap(k)
  run_as(k, parent)
  touch(k, p, 8192, true)
  const mms = [parent, child].map((t) => k.task.mm[t]!)
  for (const mm of mms) expect(k.mm.rss_anon[mm]! + k.mm.swapents[mm]!).toBeGreaterThanOrEqual(8192)
  verify_mm(k)
  verify_lru(k)
  verify_swap(k)
  run_as(k, child)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  expect(sys.sys_wait4(k, pid)).toBe(pid)
  verify_mm(k)
  verify_swap(k)
})

test('mlock keeps pages in memory; read-only anonymous memory is zero pages and not Mlocked', () => {
  const k = machine()
  const p = sys.sys_mmap(k, 0, 8 * MiB, RW, ANON)
  const lock = step(k, () => sys.sys_mlock(k, p, 8 * MiB))
  expect(lock).toMatchObject({ ret: 0, minflt: 2048 })
  expect(lock.vm).toMatchObject({ nr_mlock: 2048 })
  const q = sys.sys_mmap(k, 0, 4 * MiB, u.PROT_READ, ANON)
  const zero = step(k, () => sys.sys_mlock(k, q, 4 * MiB))
  expect(zero).toMatchObject({ ret: 0, minflt: 1024 })
  expect(zero.vm['nr_mlock']).toBeUndefined()
  const big = sys.sys_mmap(k, 0, 140 * MiB, RW, ANON)
  touch(k, big, 35840, true)
  expect(step(k, () => touch(k, p, 2048, true))).toMatchObject({ minflt: 0, majflt: 0 })
  expect(step(k, () => sys.sys_munlock(k, p, 8 * MiB)).vm).toMatchObject({ nr_mlock: -2048 })
  verify_mm(k)
  verify_lru(k)
})

test('a page that is exclusive is re-used at a write with its swap slot kept; one that is not gives the slot up first', () => {
  const k = machine()
  const mm = k.task.mm[k.var.current]!
  const p = sys.sys_mmap(k, 0, MiB, RW, ANON)
  const cached = (): number => k.vmstat[C.nr_swapcached]!
  const pageout = (): void => {
    expect(sys.sys_madvise(k, p, MiB, u.MADV_PAGEOUT)).toBe(0)
    expect(k.mm.swapents[mm]).toBe(256)
    k.var.now += 1e9
    blk_poll(k)
  }
  touch(k, p, 256, true)
  pageout()
  touch(k, p, 256, false)
  expect(cached()).toBe(256)
  // Exclusive before it went out, exclusive when it is back: do_wp_page looks no further.
  const alone = step(k, () => touch(k, p, 256, true))
  expect([alone.minflt, alone.vm['pgreuse'], cached()]).toEqual([256, 256, 256])
  expect(sys.sys_madvise(k, p, MiB, u.MADV_DONTNEED)).toBe(0)
  expect(cached()).toBe(0)

  // A fork while it is out: its entry is no longer exclusive. With the child gone the slot is freed, then it is re-used.
  touch(k, p, 256, true)
  pageout()
  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  run_as(k, child)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  touch(k, p, 256, false)
  expect(cached()).toBe(256)
  const shared = step(k, () => touch(k, p, 256, true))
  expect([shared.minflt, shared.vm['pgreuse'], cached()]).toEqual([256, 256, 0])
  verify_mm(k)
  verify_swap(k)
  verify_lru(k)
})

test('a page whose slot a child still names is copied when it is written', () => {
  const k = machine()
  const p = sys.sys_mmap(k, 0, MiB, RW, ANON)
  touch(k, p, 256, true)
  expect(sys.sys_madvise(k, p, MiB, u.MADV_PAGEOUT)).toBe(0)
  k.var.now += 1e9
  blk_poll(k)
  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  run_as(k, parent)
  touch(k, p, 256, false)
  expect(step(k, () => touch(k, p, 256, true)).vm['pgreuse']).toBeUndefined()
  // The child finds what was written out, in the swap cache still.
  run_as(k, child)
  expect(step(k, () => touch(k, p, 256, false)).majflt).toBe(0)
  verify_mm(k)
  verify_swap(k)
})
