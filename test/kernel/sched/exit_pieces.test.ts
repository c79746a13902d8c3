/** An exit in pieces: others run between two of them, and find the address space half gone. */
import { describe, expect, test } from 'vitest'
import { C } from '../../../src-shared/counters'
import { boot } from '../../../src-main/kernel/boot'
import {
  GFP_HIGHUSER_MOVABLE,
  MMF_OOM_SKIP,
  PF_EXITING,
  TASK_ZOMBIE,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { out_of_memory } from '../../../src-main/kernel/mm/oom_kill'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { run_step, type Programs } from '../../../src-main/kernel/sched/core'
import { exit_begin, exit_step } from '../../../src-main/kernel/sched/exit'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import {
  charge_user,
  deactivate_task,
  find_task_by_pid,
  is_oom_victim,
  send_signal,
  sleep_interruptible,
  threads,
  WAIT_EVENT,
} from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { verify } from '../../../src-main/kernel/verify'
import { MiB } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS

function machine(): Kernel {
  const config = { ram: 256 * MiB, cpus: 1, swap: [], disk: 'ssd', thp: 'never', seed: 1, slowdown: 12 } as const
  return boot({ ...config, bare: true, bootParams: [], psi: true })
}
/** A child of init with so much memory; its area. */
function holder(k: Kernel, mib: number): { t: number; area: number } {
  k.var.current = threads(k).init
  const t = find_task_by_pid(k, sys.sys_fork(k))
  k.var.current = t
  const area = sys.sys_mmap(k, 0, mib * MiB, RW, ANON)
  k.var.slice_end = Number.MAX_SAFE_INTEGER
  k.cpu.need_resched[1] = 0
  expect(access_range(k, area, mib * 256, 4096, true)).toBe(mib * 256)
  k.var.current = 0
  return { t, area }
}
/** Goes on with the exit of a task until something holds; how many pieces that took. */
function pieces(k: Kernel, t: number, until: () => boolean): number {
  k.var.current = t
  let nr = 0
  for (; !until(); nr++) exit_step(k)
  if (k.task.state[t] === TASK_ZOMBIE) deactivate_task(k, t)
  k.var.current = 0
  return nr
}
const skipped = (k: Kernel, mm: number) => (): boolean => (k.mm.flags[mm]! & MMF_OOM_SKIP) !== 0
const gone = (k: Kernel, t: number) => (): boolean => k.task.state[t] === TASK_ZOMBIE

/** `spins` computes; everybody else waits for ever. */
function programs(spins: number): Programs {
  return {
    step: (k, t) =>
      t === spins
        ? charge_user(k, Math.max(1, k.var.slice_end - k.var.now))
        : sleep_interruptible(k, Infinity, WAIT_EVENT, 0, 'pause'),
    event: () => undefined,
  }
}

test('a killed task shares the CPU on its way out, and a snapshot taken in the middle goes on the same', () => {
  const k = machine()
  const spinner = holder(k, 1)
  const { t } = holder(k, 64)
  const p = programs(spinner.t)
  for (let i = 0; i < 5; i++) run_step(k, p)
  send_signal(k, t, u.SIGKILL)
  const before = k.task.utime[spinner.t]!
  let halfway = 0
  let copy: Kernel | null = null
  for (let i = 0; i < 100 && k.task.state[t] !== TASK_ZOMBIE; i++) {
    run_step(k, p)
    verify(k)
    if (copy !== null) {
      run_step(copy, p)
      expect(hash(copy)).toBe(hash(k))
    } else if (k.task.exit_mm[t] !== 0) copy = restore(snapshot(k))
    if (k.task.exit_mm[t] !== 0) {
      halfway++
      expect([k.task.flags[t]! & PF_EXITING, k.task.mm[t]]).toEqual([PF_EXITING, 0])
    }
  }
  expect(k.task.state[t]).toBe(TASK_ZOMBIE)
  expect(halfway).toBeGreaterThan(2)
  expect(k.task.utime[spinner.t]! - before).toBeGreaterThan(8e6)
})

describe('the OOM killer', () => {
  test('waits for a victim until its pages are unmapped, then looks for another though they are not free', () => {
    const k = machine()
    const other = holder(k, 8)
    const { t } = holder(k, 64)
    const kill = (): boolean => {
      k.var.current = threads(k).init
      const again = out_of_memory(k, GFP_HIGHUSER_MOVABLE, 0)
      k.var.current = 0
      return again
    }
    expect([kill(), is_oom_victim(k, t), k.vmstat[C.oom_kill]]).toEqual([true, true, 1])
    const mm = k.task.mm[t]!
    k.var.current = t
    exit_begin(k, u.SIGKILL)
    exit_step(k)
    expect(k.mm.rss_anon[mm]).toBeGreaterThan(0)
    expect([kill(), k.vmstat[C.oom_kill]]).toEqual([true, 1])
    expect(pieces(k, t, skipped(k, mm))).toBeGreaterThan(16)
    verify(k)
    const free = k.vmstat[C.nr_free_pages]!
    expect(k.mm.rss_anon[mm]).toBe(0)
    expect([kill(), is_oom_victim(k, other.t), k.vmstat[C.oom_kill]]).toEqual([true, true, 2])
    // A batch of 510 pages is a piece.
    expect(pieces(k, t, gone(k, t))).toBeGreaterThan((64 * 256) / 19 / 510)
    lru_add_drain_all(k)
    expect(k.vmstat[C.nr_free_pages]! - free).toBeGreaterThan(6000)
    verify(k)
  })

  test('is asked again and again while the victim lives; a request gets its page when that is gone, not from the reserves', () => {
    const k = machine()
    const { t: victim } = holder(k, 40)
    const hog = holder(k, 1)
    k.task.oom_score_adj[victim] = 500
    const area = { at: 0, done: 0 }
    const p: Programs = {
      step(m, t) {
        if (t !== hog.t) return sleep_interruptible(m, Infinity, WAIT_EVENT, 0, 'pause')
        if (area.at === 0) area.at = sys.sys_mmap(m, 0, 512 * MiB, RW, ANON | u.MAP_NORESERVE)
        area.done += access_range(m, area.at + area.done * 4096, 64, 4096, true)
      },
      event: () => undefined,
    }
    for (let i = 0; i < 2000 && k.vmstat[C.oom_kill] === 0; i++) run_step(k, p)
    expect(k.vmstat[C.oom_kill]).toBe(1)
    verify(k)
    expect(k.task.state[hog.t]).not.toBe(TASK_ZOMBIE)
    for (let i = 0; i < 100 && k.task.state[victim] !== TASK_ZOMBIE; i++) run_step(k, p)
    expect(k.task.state[victim]).toBe(TASK_ZOMBIE)
    verify(k)
    const min = k.zone.watermark[2 * 3]!
    expect(k.zone.nr_free[2]).toBeGreaterThan(min - 64)
  })
})

test('a page that two exits have gathered is freed by the second', () => {
  const k = machine()
  const { t, area } = holder(k, 4)
  k.var.current = t
  const child = find_task_by_pid(k, sys.sys_fork(k))
  const anon = k.vmstat[C.nr_anon_pages]!
  const mms = [k.task.mm[t]!, k.task.mm[child]!]
  for (const [i, task] of [t, child].entries()) {
    k.var.current = task
    exit_begin(k, 0)
    pieces(k, task, skipped(k, mms[i]!))
    verify(k)
  }
  expect(area).toBeGreaterThan(0)
  expect(anon - k.vmstat[C.nr_anon_pages]!).toBeGreaterThanOrEqual(1024)
  const free = k.vmstat[C.pgfree]!
  pieces(k, t, gone(k, t))
  const first = k.vmstat[C.pgfree]! - free
  verify(k)
  pieces(k, child, gone(k, child))
  verify(k)
  expect(first).toBeLessThan(512)
  expect(k.vmstat[C.pgfree]! - free - first).toBeGreaterThan(1024)
})
