/** What the reverse map tells reclaim and writeback of one page, and which areas share an anon_vma. */
import { describe, expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_create, sys_open, sys_write } from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import {
  PG_anon,
  PG_dirty,
  PG_swapbacked,
  PTE_A,
  PTE_D,
  PTE_SHIFT,
  PTE_W,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { FS_EXT4, FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import {
  page_mkclean,
  page_referenced,
  REFERENCED_COUNT,
  REFERENCED_EXEC,
  REFERENCED_LOCKED,
  try_to_unmap,
} from '../../../src-main/kernel/mm/rmap'
import { get_mm_rss, sync_mm_rss } from '../../../src-main/kernel/mm/rss_stat'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { find_vma } from '../../../src-main/kernel/mm/vma'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, run_as } from '../../support/bare'

const PG = 4096
const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const BASE = 0x200000000000

const mm_of = (k: Kernel): number => k.task.mm[k.var.current]!
const entry = (k: Kernel, addr: number): number => mapped_entry(k, mm_of(k), addr)
const pfn_of = (k: Kernel, addr: number): number => entry(k, addr) >>> PTE_SHIFT
function touch(k: Kernel, addr: number, write = true): void {
  expect(access_range(k, addr, 1, PG, write)).toBe(1)
}
function anon(k: Kernel, pages = 1): number {
  const p = sys.sys_mmap(k, 0, pages * PG, RW, ANON)
  for (let i = 0; i < pages; i++) touch(k, p + i * PG)
  lru_add_drain_all(k)
  return p
}
/** A page of a file, mapped and read. */
function of_file(k: Kernel, prot = u.PROT_READ, fs: typeof FS_EXT4 | typeof FS_TMPFS = FS_EXT4): number {
  sys_create(k, '/tmp/f', 0, fs)
  const fd = sys_open(k, '/tmp/f', O_RDWR, fs)
  expect(sys_write(k, fd, PG)).toBe(PG)
  const p = sys.sys_mmap(k, 0, PG, prot, u.MAP_SHARED, fd)
  touch(k, p, false)
  lru_add_drain_all(k)
  return p
}

describe('page_referenced', () => {
  test('counts who used a page since the last time', () => {
    const k = bare_machine()
    const p = anon(k)
    expect([page_referenced(k, pfn_of(k, p)), page_referenced(k, pfn_of(k, p))]).toEqual([1, 0])
    expect(entry(k, p) & PTE_A).toBe(0)
  })
  test('does not count a sequential reader, but takes note of its use', () => {
    const k = bare_machine()
    const p = of_file(k, u.PROT_READ, FS_TMPFS)
    expect(sys.sys_madvise(k, p, PG, u.MADV_SEQUENTIAL)).toBe(0)
    expect(page_referenced(k, pfn_of(k, p)) & REFERENCED_COUNT).toBe(0)
    expect(entry(k, p) & PTE_A).toBe(0)
  })
  test('knows what is executed', () => {
    const k = bare_machine()
    const p = of_file(k, u.PROT_READ | u.PROT_EXEC, FS_TMPFS)
    expect(page_referenced(k, pfn_of(k, p))).toBe(1 | REFERENCED_EXEC)
  })
  test('and what is locked', () => {
    const k = bare_machine()
    const p = anon(k)
    expect(sys.sys_mlock(k, p, PG)).toBe(0)
    expect(page_referenced(k, pfn_of(k, p)) & REFERENCED_LOCKED).toBe(REFERENCED_LOCKED)
  })
})

describe('try_to_unmap', () => {
  test('leaves what is locked', () => {
    const k = bare_machine()
    const p = anon(k)
    expect(sys.sys_mlock(k, p, PG)).toBe(0)
    const before = entry(k, p)
    expect(try_to_unmap(k, pfn_of(k, p))).toBe(false)
    expect(entry(k, p)).toBe(before)
  })
  test('drops a page that was given up; one that was written since is kept, and is not given up any more', () => {
    const k = bare_machine()
    const p = anon(k, 2)
    expect(sys.sys_madvise(k, p, 2 * PG, u.MADV_FREE)).toBe(0)
    lru_add_drain_all(k)
    touch(k, p + PG)
    const [gone, kept] = [pfn_of(k, p), pfn_of(k, p + PG)]
    expect([gone, kept].map((pfn) => k.page.flags[pfn]! & PG_swapbacked)).toEqual([0, 0])
    const before = k.mm.rss_anon[mm_of(k)]!
    expect([try_to_unmap(k, gone), try_to_unmap(k, kept)]).toEqual([true, false])
    expect([entry(k, p), pfn_of(k, p + PG)]).toEqual([0, kept])
    expect(k.page.flags[kept]! & (PG_swapbacked | PG_dirty)).toBe(PG_swapbacked | PG_dirty)
    expect(k.mm.rss_anon[mm_of(k)]).toBe(before - 1)
  })
  test('remembers how much was resident', () => {
    const k = bare_machine()
    const p = anon(k, 8)
    const mm = mm_of(k)
    sync_mm_rss(k, mm)
    const most = get_mm_rss(k, mm)
    expect(sys.sys_madvise(k, p, 8 * PG, u.MADV_FREE)).toBe(0)
    lru_add_drain_all(k)
    k.mm.hiwater_rss[mm] = 0
    expect(try_to_unmap(k, pfn_of(k, p))).toBe(true)
    expect(k.mm.hiwater_rss[mm]).toBe(most)
  })
})

test('a page that is written back is clean and read-only; the next write marks it again, and makes no copy', () => {
  const k = bare_machine()
  const p = of_file(k, RW)
  touch(k, p)
  const pfn = pfn_of(k, p)
  expect(entry(k, p) & (PTE_W | PTE_D)).toBe(PTE_W | PTE_D)
  expect([page_mkclean(k, pfn), page_mkclean(k, pfn)]).toEqual([1, 0])
  expect(entry(k, p) & (PTE_W | PTE_D)).toBe(0)
  touch(k, p)
  expect([pfn_of(k, p), entry(k, p) & (PTE_W | PTE_D)]).toEqual([pfn, PTE_W | PTE_D])
  expect(k.page.flags[pfn]! & PG_anon).toBe(0)
})

describe('anon_vma', () => {
  /** The anon_vma of an area of one page, written; it does not merge with one of other rights beside it. */
  function area(k: Kernel, page: number, prot: number): number {
    const at = BASE + page * PG
    expect(sys.sys_mmap(k, at, PG, prot, ANON | u.MAP_FIXED)).toBe(at)
    touch(k, at)
    return anon_vma(k, page)
  }
  const anon_vma = (k: Kernel, page: number): number => k.vma.anon_vma[find_vma(k, mm_of(k), BASE + page * PG)]!
  function fork(k: Kernel): number {
    const child = find_task_by_pid(k, sys.sys_fork(k))
    run_as(k, child)
    return child
  }

  test('neighbours that differ in rights share one, unless one of them was forked', () => {
    const k = bare_machine()
    const first = area(k, 0, RW)
    expect(area(k, 1, RW | u.PROT_EXEC)).toBe(first)
    fork(k)
    const mine = anon_vma(k, 1)
    expect(mine).not.toBe(first)
    expect([first, mine]).not.toContain(area(k, 2, RW))
    verify_mm(k)
  })

  test('a child has its own, or takes over one that nobody uses any more', () => {
    const k = bare_machine()
    const parent = k.var.current
    area(k, 0, RW)
    const child = fork(k)
    const middle = anon_vma(k, 0)
    const grandchild = fork(k)
    const own = anon_vma(k, 0)
    fork(k)
    // The middle one is in use.
    expect([middle, own]).not.toContain(anon_vma(k, 0))
    run_as(k, child)
    sys.sys_exit(k, 0)
    run_as(k, parent)
    sys.sys_wait4(k, k.task.pid[child]!)
    run_as(k, grandchild)
    fork(k)
    expect(anon_vma(k, 0)).toBe(middle)
    // It is taken only once.
    run_as(k, grandchild)
    fork(k)
    expect([middle, own]).not.toContain(anon_vma(k, 0))
    verify_mm(k)
  })
})
