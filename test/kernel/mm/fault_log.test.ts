/** The log of page faults: what each did, how long it took, and that every task has its own. */
import { expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import * as files from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import { TASK_RUNNING, type Kernel } from '../../../src-main/kernel/kernel'
import { FAULTS_KEPT } from '../../../src-main/kernel/tables/task'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { find_task_by_pid, wake_up_task } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { watchProcess } from '../../../src-main/engine/watch/process'
import { bare_machine, MiB, run_as } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const map = (k: Kernel, flags = ANON, fd = -1): number => sys.sys_mmap(k, 0, MiB, RW, flags, fd, 0)
const last = (k: Kernel, t = k.var.current) => watchProcess(k, k.task.pid[t]!, undefined).faults[0]!

test('a fault is told with its address, what it did, its time and its frame', () => {
  const k = bare_machine({ ram: 128 * MiB })
  const p = map(k)
  const before = k.var.now
  access_range(k, p, 1, 4096, true)
  expect(last(k)).toMatchObject({ address: p, what: 'zeroed page', major: false })
  expect(last(k).ms * 1e6).toBeGreaterThanOrEqual(before)
  expect(last(k).us).toBeGreaterThan(0.5)
  expect(last(k).us).toBeLessThanOrEqual((k.var.now - before) / 1000)
  expect(last(k).pfn).toBe(watchProcess(k, k.task.pid[k.var.current]!, p).walk!.pfn)

  access_range(k, p + 4096, 1, 4096, false)
  expect(last(k).what).toBe('zero page')
  access_range(k, p + 4096, 1, 4096, true)
  expect(last(k).what).toBe('copy on write')
})

test('files are told apart: mapped, copied, shared', () => {
  const k = bare_machine({ ram: 128 * MiB })
  const fd = files.sys_open(k, '/f', O_RDWR | O_CREAT, 2)
  files.sys_write(k, fd, MiB, 0)
  const own = map(k, u.MAP_PRIVATE, fd)
  access_range(k, own, 1, 4096, false)
  expect(last(k).what).toBe('file')
  access_range(k, own + 512 * 1024, 1, 4096, true)
  expect(last(k).what).toBe('file, copied')
  const shared = map(k, u.MAP_SHARED, fd)
  access_range(k, shared, 1, 4096, true)
  expect(last(k).what).toBe('file, shared')
})

test('each task keeps its own last faults, and a new one has none', () => {
  const k = bare_machine({ ram: 128 * MiB })
  const parent = k.var.current
  const p = map(k)
  access_range(k, p, 1, 4096, true)
  const child = find_task_by_pid(k, sys.sys_fork(k))
  expect(watchProcess(k, k.task.pid[child]!, undefined).faults).toEqual([])
  run_as(k, child)
  access_range(k, p, 1, 4096, true)
  expect(last(k, child)).toMatchObject({ address: p, what: 'copy on write' })
  access_range(k, p + 4096, 40, 4096, true)
  run_as(k, parent)
  expect(last(k, parent).address).toBe(p)
  access_range(k, p, 1, 4096, true)
  const list = watchProcess(k, k.task.pid[child]!, undefined).faults
  expect(list).toHaveLength(FAULTS_KEPT)
  expect(list.map((fault) => fault.address)).toEqual(list.map((_, i) => p + (40 - i) * 4096))
})

test('a fault that goes to the disk is one, major, and as long as the wait', () => {
  const k = bare_machine({ ram: 128 * MiB, swap: [{ bytes: 256 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 256 * MiB, device: 'ssd' })).toBeGreaterThanOrEqual(0)
  const t = k.var.current
  const p = sys.sys_mmap(k, 0, 160 * MiB, RW, ANON, -1, 0)
  for (let page = 0; page < 40_960; page++) touchOne(k, p + page * 4096)
  const before = k.var.now
  const major = k.task.maj_flt[t]!
  touchOne(k, p)
  expect(k.task.maj_flt[t]).toBe(major + 1)
  expect(last(k)).toMatchObject({ address: p, what: 'swap-in', major: true })
  expect(last(k).ms * 1e6).toBeLessThan(before + 1000)
  expect(last(k).us).toBeGreaterThan(20)
  expect(last(k).us).toBeLessThanOrEqual((k.var.now - before) / 1000)
})

/** Writes a page; the task's sleeps are over as soon as the disk answers. */
function touchOne(k: Kernel, address: number): void {
  const t = k.var.current
  while (access_range(k, address, 1, 4096, true) === 0) {
    k.cpu.need_resched[1] = 0
    if (k.task.state[t] === TASK_RUNNING) continue
    k.var.now = Math.max(k.var.now, k.task.wake_ns[t]!)
    blk_poll(k)
    wake_up_task(k, t)
    run_as(k, t)
  }
}
