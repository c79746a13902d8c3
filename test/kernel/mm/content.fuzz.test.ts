/**
 * What pages hold, under random operations: tasks of a family write, read, drop and page out the same addresses, fork and
 * exit. The naive model is a map of pages to contents for each task; copy on write, the reverse map and the swap map must
 * together give every task what it wrote, or what its parent had written when it forked; and the reverse map must find
 * whoever maps a page.
 */
import { expect } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PTE_P, PTE_SHIFT, PTE_SPECIAL, TASK_RUNNING, type Kernel } from '../../../src-main/kernel/kernel'
import { filled_with, page_content, set_page_content } from '../../../src-main/kernel/mm/content'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { page_vma_mapped, rmap_walk } from '../../../src-main/kernel/mm/rmap'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { verify_swap } from '../../../src-main/kernel/mm/verify_swap'
import { find_task_by_pid, wake_up_task } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'
import { below, testLoad, type World } from '../../support/randomLoad'

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
interface Model {
  written: number
  readonly tasks: Task[]
}

function open(): { k: Kernel; model: Model } {
  const k = bare_machine({ ram: 128 * MiB, swap: [{ bytes: 4 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 4 * MiB, device: 'ssd' })).toBe(0)
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
  expect(sys.sys_mmap(k, BASE, PAGES * 4096, u.PROT_READ | u.PROT_WRITE, flags)).toBe(BASE)
  const pid = k.task.pid[k.var.current]!
  return { k, model: { written: 0, tasks: [{ pid, parent: 0, pages: new Map(), base: anon(k) }] } }
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

function write({ k, model }: World<Model>, task: Task, page: number): void {
  touch(k, page, true)
  // A byte is written: the others are what they were.
  expect(page_content(k, pfn_of(k, page)), `page ${page} of task ${task.pid}`).toBe(task.pages.get(page) ?? 0)
  const content = filled_with(++model.written)
  set_page_content(k, pfn_of(k, page), content)
  task.pages.set(page, content)
}
function read(k: Kernel, task: Task, page: number): void {
  touch(k, page, false)
  const entry = mapped_entry(k, k.task.mm[k.var.current]!, BASE + page * 4096)
  const found = (entry & PTE_SPECIAL) !== 0 ? undefined : page_content(k, entry >>> PTE_SHIFT)
  expect(found, `page ${page} of task ${task.pid}`).toBe(task.pages.get(page))
}
function pfn_of(k: Kernel, page: number): number {
  return mapped_entry(k, k.task.mm[k.var.current]!, BASE + page * 4096) >>> PTE_SHIFT
}

function operate(w: World<Model>): void {
  const { k } = w
  const { tasks } = w.model
  const at = below(w, tasks.length)
  const task = tasks[at]!
  run_as(k, find_task_by_pid(k, task.pid))
  const page = below(w, PAGES)
  const nr = Math.min(PAGES - page, 1 + below(w, 24))
  const what = below(w, 20)
  if (what < 7) for (let i = 0; i < nr; i += 2) write(w, task, page + i)
  else if (what < 13) for (let i = 0; i < nr; i++) read(k, task, page + i)
  else if (what < 16) {
    sys.sys_madvise(k, BASE + page * 4096, nr * 4096, u.MADV_PAGEOUT)
    if (below(w, 2) === 0) io_done(k, k.var.now + 1e9)
  } else if (what === 16) {
    expect(sys.sys_madvise(k, BASE + page * 4096, nr * 4096, u.MADV_DONTNEED)).toBe(0)
    for (let i = 0; i < nr; i++) task.pages.delete(page + i)
  } else if (what < 19 && tasks.length < MAX_TASKS) {
    const pid = sys.sys_fork(k)
    tasks.push({ ...task, pid, parent: task.pid, pages: new Map(task.pages) })
  } else if (at > 0 && !tasks.some((other) => other.parent === task.pid)) {
    sys.sys_exit(k, 0)
    run_as(k, find_task_by_pid(k, task.parent))
    expect(sys.sys_wait4(k, task.pid)).toBe(task.pid)
    tasks.splice(at, 1)
  }
}

/** Who maps each frame, by looking at every address of every task, is who the reverse map finds. */
function check_rmap(k: Kernel, tasks: readonly Task[]): void {
  const mappers = new Map<number, string[]>()
  for (const { pid } of tasks) {
    const mm = k.task.mm[find_task_by_pid(k, pid)]!
    for (let addr = BASE; addr < BASE + PAGES * 4096; addr += 4096) {
      const entry = mapped_entry(k, mm, addr)
      if ((entry & PTE_P) === 0 || (entry & PTE_SPECIAL) !== 0) continue
      mappers.set(entry >>> PTE_SHIFT, [...(mappers.get(entry >>> PTE_SHIFT) ?? []), `${mm} ${addr}`])
    }
  }
  for (const [pfn, want] of mappers) {
    const found: string[] = []
    rmap_walk(k, pfn, (vma, addr) => {
      if (page_vma_mapped(k, pfn, vma, addr) !== 0) found.push(`${k.vma.mm[vma]} ${addr}`)
      return true
    })
    expect(found.sort()).toEqual(want.sort())
  }
}

function check({ k, model: { tasks } }: World<Model>): void {
  const current = k.var.current
  for (const task of tasks) {
    run_as(k, find_task_by_pid(k, task.pid))
    expect(anon(k) - task.base).toBe(task.pages.size)
  }
  run_as(k, current)
  check_rmap(k, tasks)
  verify_mm(k)
  verify_swap(k)
  verify_lru(k)
  verify_page_alloc(k)
}
/** Backwards, so that every task swaps in what the others left. */
function read_all({ k, model }: World<Model>): void {
  for (const task of [...model.tasks].reverse()) {
    run_as(k, find_task_by_pid(k, task.pid))
    for (let page = PAGES - 1; page >= 0; page--) read(k, task, page)
  }
}

testLoad<Model>('every task reads what it wrote or inherited', {
  operations: 400,
  every: 40,
  open,
  operate(w) {
    operate(w)
    if (below(w, 100) === 0) read_all(w)
  },
  check,
})
