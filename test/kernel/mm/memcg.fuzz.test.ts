/**
 * Charging under random operations: tasks of a small tree of cgroups write, drop and page out memory and a tmpfs file, move
 * about, fork and exit, under limits that reclaim. The naive model names for each page the cgroup that its first writer was
 * in; in memory or in swap, there it must be charged.
 */
import { expect } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { fget, sys_create, sys_open, sys_write } from '../../../src-main/kernel/entry/file'
import { sys_swapon } from '../../../src-main/kernel/entry/swap'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PTE_P, PTE_SHIFT, PTE_SWAP, TASK_RUNNING, type Kernel } from '../../../src-main/kernel/kernel'
import { xa_load } from '../../../src-main/kernel/lib/xarray'
import { O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { cgroup_attach, cgroup_mkdir } from '../../../src-main/kernel/mm/memcg_tree'
import { mem_cgroup_reclaim, mem_cgroup_set_max } from '../../../src-main/kernel/mm/memcontrol'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { verify_memcg } from '../../../src-main/kernel/mm/verify_memcg'
import { verify_swap } from '../../../src-main/kernel/mm/verify_swap'
import { find_task_by_pid, wake_up_task } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'
import { below, pick, testLoad, type World } from '../../support/randomLoad'

const PAGE = 4096
const BASE = 0x200000000000
const PAGES = 256
const FILE_PAGES = 192
const MAX_TASKS = 5

interface Task {
  readonly pid: number
  readonly parent: number
  cgroup: number
  /** Whom each written page is charged to, by its place. */
  readonly owner: Map<number, number>
}
interface Model {
  /** Those without children, and the root. */
  readonly leaves: number[]
  readonly limited: number[]
  readonly tasks: Task[]
  readonly inode: number
  readonly fd: number
  readonly file: Map<number, number>
}

function open(): { k: Kernel; model: Model } {
  const k = bare_machine({ ram: 128 * MiB, swap: [{ bytes: 16 * MiB, device: 'ssd' }] })
  expect(sys_swapon(k, '/dev/vdb', { bytes: 16 * MiB, device: 'ssd' })).toBe(0)
  map_window(k)
  const p = cgroup_mkdir(k, 0, 'p')
  const q = cgroup_mkdir(k, 0, 'q')
  const leaves = [0, cgroup_mkdir(k, p, 'a'), cgroup_mkdir(k, p, 'b'), cgroup_mkdir(k, q, 'c')]
  expect(sys_create(k, '/tmp/f', FILE_PAGES * PAGE, FS_TMPFS)).toBeGreaterThanOrEqual(0)
  const fd = sys_open(k, '/tmp/f', O_RDWR, FS_TMPFS)
  const inode = k.file.inode[fget(k, fd)]!
  const pid = k.task.pid[k.var.current]!
  const tasks = [{ pid, parent: 0, cgroup: 0, owner: new Map() }]
  return { k, model: { leaves, limited: [p, q, leaves[1]!], tasks, inode, fd, file: new Map() } }
}

/** A window of the task's own: who is charged for a shared page would depend on who writes it first. */
function map_window(k: Kernel): void {
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
  expect(sys.sys_mmap(k, BASE, PAGES * PAGE, u.PROT_READ | u.PROT_WRITE, flags)).toBe(BASE)
  expect(sys.sys_madvise(k, BASE, PAGES * PAGE, u.MADV_DONTFORK)).toBe(0)
}
/** What a task would sleep for is over at once. */
function waited(k: Kernel): void {
  const t = k.var.current
  if (k.task.state[t] === TASK_RUNNING) return
  k.var.now = Math.max(k.var.now, k.task.wake_ns[t]!)
  blk_poll(k)
  wake_up_task(k, t)
  run_as(k, t)
}
function write(k: Kernel, task: Task, page: number): void {
  for (let done = 0; done === 0; waited(k)) done = access_range(k, BASE + page * PAGE, 1, PAGE, true)
  if (!task.owner.has(page)) task.owner.set(page, task.cgroup)
}
function write_file({ k, model }: World<Model>, task: Task, page: number): void {
  expect(sys_write(k, model.fd, PAGE, page * PAGE)).toBe(PAGE)
  waited(k)
  if (!model.file.has(page)) model.file.set(page, task.cgroup)
}

function change_limits(w: World<Model>): void {
  const { k, model } = w
  const memcg = pick(w, model.limited)
  // Never so low that the killer would have to come: there is swap for all.
  if (below(w, 3) > 0) mem_cgroup_set_max(k, memcg, below(w, 3) === 0 ? Infinity : 600 + below(w, 600))
  else mem_cgroup_reclaim(k, memcg, 1 + below(w, 100))
}
function fork({ k, model }: World<Model>, task: Task): void {
  const pid = sys.sys_fork(k)
  expect(pid).toBeGreaterThan(0)
  run_as(k, find_task_by_pid(k, pid))
  map_window(k)
  model.tasks.push({ pid, parent: task.pid, cgroup: task.cgroup, owner: new Map() })
}
function exit({ k, model }: World<Model>, task: Task): void {
  sys.sys_exit(k, 0)
  run_as(k, find_task_by_pid(k, task.parent))
  expect(sys.sys_wait4(k, task.pid)).toBe(task.pid)
  model.tasks.splice(model.tasks.indexOf(task), 1)
}

function operate(w: World<Model>): void {
  const { k, model } = w
  const task = pick(w, model.tasks)
  const page = below(w, PAGES)
  const nr = Math.min(PAGES - page, 1 + below(w, 48))
  const what = below(w, 20)
  run_as(k, find_task_by_pid(k, task.pid))
  if (what < 8) for (let i = page; i < page + nr; i++) write(k, task, i)
  if (what === 8 || what === 9) for (let i = 0; i < nr; i++) write_file(w, task, (page + i) % FILE_PAGES)
  if (what === 10 || what === 11) sys.sys_madvise(k, BASE + page * PAGE, nr * PAGE, u.MADV_PAGEOUT)
  if (what === 12) {
    sys.sys_madvise(k, BASE + page * PAGE, nr * PAGE, u.MADV_DONTNEED)
    for (let i = page; i < page + nr; i++) task.owner.delete(i)
  }
  if (what === 13 || what === 14) change_limits(w)
  if (what === 15 || what === 16) {
    task.cgroup = pick(w, model.leaves)
    cgroup_attach(k, task.cgroup, k.var.current)
  }
  if (what === 17 && model.tasks.length < MAX_TASKS) fork(w, task)
  if (what === 18 && task.parent !== 0 && !model.tasks.some(({ parent }) => parent === task.pid)) exit(w, task)
  if (what === 19) k.var.now += 1e9
  blk_poll(k)
}

/** The cgroup that an entry's page, or its slot, is charged to. */
function charged(k: Kernel, entry: number): number {
  if ((entry & PTE_P) !== 0) return k.page.memcg[entry >>> PTE_SHIFT]!
  expect(entry & PTE_SWAP).not.toBe(0)
  return k.swap.memcg[entry >>> PTE_SHIFT]!
}
function check({ k, model }: World<Model>): void {
  for (const { pid, owner } of model.tasks) {
    const mm = k.task.mm[find_task_by_pid(k, pid)]!
    for (let i = 0; i < PAGES; i++) {
      const entry = mapped_entry(k, mm, BASE + i * PAGE)
      if (owner.has(i)) expect(charged(k, entry), `page ${i} of ${pid}`).toBe(owner.get(i))
      else expect(entry).toBe(0)
    }
  }
  for (let i = 0; i < FILE_PAGES; i++) {
    const entry = xa_load(k, model.inode, i)
    const memcg = entry > 0 ? k.page.memcg[entry] : entry < 0 ? k.swap.memcg[-entry] : undefined
    expect(memcg, `page ${i} of the file`).toBe(model.file.get(i))
  }
  verify_memcg(k)
  verify_lru(k)
  verify_swap(k)
}

testLoad<Model>('every page is its first writer’s cgroup’s', { operations: 500, every: 25, open, operate, check })
