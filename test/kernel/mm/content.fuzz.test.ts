/**
 * What pages hold, under random operations: tasks of a family write, read, drop and page out the same addresses, fork and
 * exit. The naive model is a map of pages to contents for each task; copy on write, the reverse map and the swap map must
 * together give every task what it wrote, or what its parent had written when it forked.
 */
import { expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PTE_SHIFT, PTE_SPECIAL, TASK_RUNNING, type Kernel } from '../../../src-main/kernel/kernel'
import { filled_with, page_content, set_page_content } from '../../../src-main/kernel/mm/content'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { verify_swap } from '../../../src-main/kernel/mm/verify_swap'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { find_task_by_pid, wake_up_task } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

const PAGES = 96
const BASE = 0x200000000000
const MAX_TASKS = 5

interface Task {
  readonly pid: number
  readonly parent: number
  readonly pages: Map<number, number>
  /** Anonymous pages of its image. */
  readonly base: number
}
interface World {
  k: Kernel
  seed: number
  written: number
  tasks: Task[]
}

function below(w: World, n: number): number {
  let x = w.seed
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  w.seed = x
  return (x >>> 0) % n
}

function fresh(seed: number): World {
  const k = bare_machine({ ram: 128 * MiB, swap: [{ bytes: 4 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 4 * MiB, device: 'ssd' })).toBe(0)
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
  expect(sys.sys_mmap(k, BASE, PAGES * 4096, u.PROT_READ | u.PROT_WRITE, flags)).toBe(BASE)
  const pid = k.task.pid[k.var.current]!
  return { k, seed: seed * 7919 + 1, written: 0, tasks: [{ pid, parent: 0, pages: new Map(), base: anon(k) }] }
}
function anon(k: Kernel): number {
  const mm = k.task.mm[k.var.current]!
  return k.mm.rss_anon[mm]! + k.mm.swapents[mm]!
}

/** Accesses a page; what the task would sleep for is over at once. */
function touch(k: Kernel, page: number, write: boolean): void {
  const t = k.var.current
  for (let done = 0; done === 0;) {
    done = access_range(k, BASE + page * 4096, 1, 4096, write)
    if (k.task.state[t] === TASK_RUNNING) continue
    io_done(k, k.task.wake_ns[t]!)
    wake_up_task(k, t)
    run_as(k, t)
  }
}
function io_done(k: Kernel, at: number): void {
  k.var.now = Math.max(k.var.now, at)
  blk_poll(k)
}

function write(w: World, task: Task, page: number): void {
  touch(w.k, page, true)
  const content = filled_with(++w.written)
  set_page_content(w.k, pfn_of(w.k, page), content)
  task.pages.set(page, content)
}
function read(w: World, task: Task, page: number): void {
  touch(w.k, page, false)
  const entry = mapped_entry(w.k, w.k.task.mm[w.k.var.current]!, BASE + page * 4096)
  const found = (entry & PTE_SPECIAL) !== 0 ? undefined : page_content(w.k, entry >>> PTE_SHIFT)
  expect(found, `page ${page} of task ${task.pid}`).toBe(task.pages.get(page))
}
function pfn_of(k: Kernel, page: number): number {
  return mapped_entry(k, k.task.mm[k.var.current]!, BASE + page * 4096) >>> PTE_SHIFT
}

function operate(w: World): void {
  const { k } = w
  const at = below(w, w.tasks.length)
  const task = w.tasks[at]!
  run_as(k, find_task_by_pid(k, task.pid))
  const page = below(w, PAGES)
  const nr = Math.min(PAGES - page, 1 + below(w, 24))
  const what = below(w, 20)
  if (what < 7) for (let i = 0; i < nr; i += 2) write(w, task, page + i)
  else if (what < 13) for (let i = 0; i < nr; i++) read(w, task, page + i)
  else if (what < 16) {
    sys.sys_madvise(k, BASE + page * 4096, nr * 4096, u.MADV_PAGEOUT)
    if (below(w, 2) === 0) io_done(k, k.var.now + 1e9)
  } else if (what === 16) {
    expect(sys.sys_madvise(k, BASE + page * 4096, nr * 4096, u.MADV_DONTNEED)).toBe(0)
    for (let i = 0; i < nr; i++) task.pages.delete(page + i)
  } else if (what < 19 && w.tasks.length < MAX_TASKS) {
    const pid = sys.sys_fork(k)
    w.tasks.push({ ...task, pid, parent: task.pid, pages: new Map(task.pages) })
  } else if (at > 0 && !w.tasks.some((other) => other.parent === task.pid)) {
    sys.sys_exit(k, 0)
    run_as(k, find_task_by_pid(k, task.parent))
    expect(sys.sys_wait4(k, task.pid)).toBe(task.pid)
    w.tasks.splice(at, 1)
  }
}

function check(w: World): void {
  for (const task of w.tasks) {
    run_as(w.k, find_task_by_pid(w.k, task.pid))
    expect(anon(w.k) - task.base).toBe(task.pages.size)
  }
  verify_mm(w.k)
  verify_swap(w.k)
  verify_lru(w.k)
  verify_page_alloc(w.k)
}

test.each([1, 2, 3, 4])('every task reads what it wrote or inherited (seed %i)', (seed) => {
  const w = fresh(seed)
  for (let i = 0; i < 400; i++) {
    operate(w)
    if (i % 40 === 39) check(w)
  }
  // Read backwards, so that every task swaps in what the others left.
  for (const task of [...w.tasks].reverse()) {
    run_as(w.k, find_task_by_pid(w.k, task.pid))
    for (let page = PAGES - 1; page >= 0; page--) read(w, task, page)
  }
  check(w)
})

test.each([5, 6])('the load goes on from a snapshot as if nothing had happened (seed %i)', (seed) => {
  const w = fresh(seed)
  for (let i = 0; i < 150 + seed; i++) operate(w)
  const k = restore(structuredClone(snapshot(w.k)))
  // JSON has no Infinity: a machine without a scheduler gets its endless slice back.
  k.var.slice_end = w.k.var.slice_end
  const copy: World = { ...w, k, tasks: w.tasks.map((task) => ({ ...task, pages: new Map(task.pages) })) }
  expect(hash(k)).toBe(hash(w.k))
  for (let i = 0; i < 200; i++) {
    operate(w)
    operate(copy)
  }
  expect(copy.seed).toBe(w.seed)
  expect(hash(k)).toBe(hash(w.k))
  check(copy)
})
