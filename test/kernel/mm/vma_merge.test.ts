/** Which areas become one, what is left of those that lose a part, and what replacing a mapping costs. */
import { expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_ftruncate, sys_open } from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { find_vma } from '../../../src-main/kernel/mm/vma'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

const PG = 4096
const RW = u.PROT_READ | u.PROT_WRITE
const FIXED = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
const AT = 0x50000000
const mm_of = (k: Kernel): number => k.task.mm[k.var.current]!
const nmaps = (k: Kernel): number => k.mm.map_count[mm_of(k)]!
/** Start, end and offset of the area at an address, in pages. */
function area(k: Kernel, addr: number): number[] {
  const vma = find_vma(k, mm_of(k), addr)
  return [(k.vma.vm_start[vma]! - AT) / PG, (k.vma.vm_end[vma]! - AT) / PG, k.vma.vm_pgoff[vma]!]
}
function file_of(k: Kernel, pages: number): number {
  const fd = sys_open(k, '/shm/a', O_CREAT | O_RDWR, FS_TMPFS)
  sys_ftruncate(k, fd, pages * PG)
  return fd
}

test('a fresh area merges with one that has pages, but not where a parent’s pages may be among them', () => {
  const k = bare_machine()
  sys.sys_mmap(k, AT, 4 * PG, RW, FIXED)
  access_range(k, AT, 4, PG, true)
  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  const one = nmaps(k)
  sys.sys_mmap(k, AT + 4 * PG, 4 * PG, RW, FIXED)
  expect(nmaps(k)).toBe(one)
  run_as(k, child)
  access_range(k, AT, 4, PG, true)
  sys.sys_mmap(k, AT + 4 * PG, 4 * PG, RW, FIXED)
  sys.sys_mmap(k, AT - 4 * PG, 4 * PG, RW, FIXED)
  expect(nmaps(k)).toBe(one + 2)
  run_as(k, parent)
  verify_mm(k)
})

test('parts of a file merge in their order only, and what is left of a part keeps its place in the file', () => {
  const k = bare_machine()
  const fd = file_of(k, 16)
  const flags = u.MAP_PRIVATE | u.MAP_FIXED
  const before = nmaps(k)
  sys.sys_mmap(k, AT, 4 * PG, u.PROT_READ, flags, fd, 0)
  sys.sys_mmap(k, AT - 4 * PG, 4 * PG, u.PROT_READ, flags, fd, 8 * PG)
  sys.sys_mmap(k, AT + 4 * PG, 4 * PG, u.PROT_READ, flags, fd, 12 * PG)
  expect(nmaps(k)).toBe(before + 3)
  // An area that was mapped before the one below it.
  sys.sys_mmap(k, AT + 12 * PG, 2 * PG, u.PROT_READ, flags, fd, 10 * PG)
  sys.sys_mmap(k, AT + 8 * PG, 4 * PG, u.PROT_READ, flags, fd, 4 * PG)
  expect(nmaps(k)).toBe(before + 5)
  // The first area grows over half of the second one.
  const shared = u.MAP_SHARED | u.MAP_FIXED
  sys.sys_munmap(k, AT + 8 * PG, 8 * PG)
  sys.sys_mmap(k, AT, 4 * PG, u.PROT_READ, shared, fd, 0)
  sys.sys_mmap(k, AT + 4 * PG, 4 * PG, RW, shared, fd, 4 * PG)
  sys.sys_mprotect(k, AT + 4 * PG, 2 * PG, u.PROT_READ)
  expect([area(k, AT), area(k, AT + 6 * PG)]).toEqual([
    [0, 6, 0],
    [6, 8, 6],
  ])
  sys.sys_mprotect(k, AT + 6 * PG, 2 * PG, u.PROT_READ)
  expect(area(k, AT)).toEqual([0, 8, 0])
  verify_mm(k)
})

test('at max_map_count an end may be cut off, but no hole be made', () => {
  const k = bare_machine()
  sys.sys_mmap(k, AT, 8 * PG, RW, FIXED)
  k.var.sysctl['vm.max_map_count'] = nmaps(k)
  expect(sys.sys_munmap(k, AT + 3 * PG, PG)).toBe(-u.ENOMEM)
  expect(sys.sys_munmap(k, AT, PG)).toBe(0)
  expect(sys.sys_munmap(k, AT + 7 * PG, PG)).toBe(0)
  expect(area(k, AT + PG).slice(0, 2)).toEqual([1, 7])
})

test('a mapping that replaces another of its size needs no more of RLIMIT_AS, and no more commit charge', () => {
  const k = bare_machine()
  sys.sys_mmap(k, AT, 8 * MiB, RW, FIXED)
  sys.sys_setrlimit(k, u.RLIMIT_AS, k.mm.total_vm[mm_of(k)]! * PG)
  const committed = meminfo(k).Committed_AS
  expect(sys.sys_mmap(k, AT, 8 * MiB, RW, FIXED)).toBe(AT)
  expect(sys.sys_mmap(k, AT + PG, PG, RW, FIXED)).toBe(AT + PG)
  expect(meminfo(k).Committed_AS).toBe(committed)
  expect(sys.sys_mmap(k, AT, 8 * MiB + PG, RW, FIXED)).toBe(-u.ENOMEM)
  sys.sys_munmap(k, AT, PG)
  expect(meminfo(k).Committed_AS).toBe(committed - 4)
})
