/** Placement, merging and limits of areas, as measured (c14), and the errors of mmap and its family. */
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { sys_ftruncate, sys_open } from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { access_range } from '../../../src-main/kernel/entry/access'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { bare_machine, MiB } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const SHARED = u.MAP_SHARED | u.MAP_ANONYMOUS
const PG = 4096

function nmaps(k: Kernel): number {
  return k.mm.map_count[k.task.mm[k.var.current]!]!
}
const hex = (n: number): string => (n < 0 ? String(n) : `0x${n.toString(16)}`)

test('new mappings go top-down into the highest gap that fits and merge with their neighbours', () => {
  const k = bare_machine()
  const got: [string, number][] = []
  const m = (at: number): number => {
    got.push([hex(at), nmaps(k)])
    return at
  }
  const mmap = (n: number, prot = RW, flags = ANON, hint = 0): number => m(sys.sys_mmap(k, hint, n, prot, flags))
  mmap(PG)
  mmap(PG)
  mmap(PG, u.PROT_READ)
  const d = mmap(16 * PG)
  mmap(PG, RW, SHARED)
  mmap(PG, RW, SHARED)
  sys.sys_munmap(k, d + 4 * PG, PG)
  m(d + 4 * PG)
  mmap(PG)
  sys.sys_munmap(k, d + 8 * PG, 4 * PG)
  m(d + 8 * PG)
  mmap(2 * PG)
  mmap(3 * PG)
  mmap(2 * MiB)
  mmap(PG, RW, ANON, 0x10000000)
  mmap(PG, RW, ANON, 0x10000000)
  mmap(PG, RW, ANON, 0x20000123)
  mmap(PG, RW, ANON | u.MAP_32BIT)
  const q = sys.sys_mmap(k, 0, 8 * PG, RW, ANON)
  m(sys.sys_mmap(k, q + 3 * PG, 2 * PG, u.PROT_READ, ANON | u.MAP_FIXED))
  mmap(PG, RW, ANON | u.MAP_GROWSDOWN)
  mmap(1)
  expect(got).toEqual([
    ['0x7ffff7ff8000', 11],
    ['0x7ffff7ff7000', 11],
    ['0x7ffff7ff6000', 12],
    ['0x7ffff7fe6000', 13],
    ['0x7ffff7fe5000', 14],
    ['0x7ffff7fe4000', 15],
    ['0x7ffff7fea000', 16],
    ['0x7ffff7fea000', 15],
    ['0x7ffff7fee000', 16],
    ['0x7ffff7ff0000', 16],
    ['0x7ffff7fe1000', 17],
    ['0x7ffff7de1000', 17],
    ['0x10000000', 18],
    ['0x7ffff7fef000', 18],
    ['0x20000000', 19],
    ['0x40000000', 20],
    ['0x7ffff7ddc000', 22],
    ['0x7ffff7fee000', 23],
    ['0x7ffff7dd8000', 23],
  ])
  verify_mm(k)
})

test('neighbouring parts of one open file merge, different opens do not', () => {
  const k = bare_machine()
  const fd = sys_open(k, '/shm/a', O_CREAT | O_RDWR, FS_TMPFS)
  sys_ftruncate(k, fd, MiB)
  const before = nmaps(k)
  const fixed = u.MAP_PRIVATE | u.MAP_FIXED
  sys.sys_mmap(k, 0x40002000, 2 * PG, u.PROT_READ, fixed, fd, 2 * PG)
  sys.sys_mmap(k, 0x40000000, 2 * PG, u.PROT_READ, fixed, fd, 0)
  expect(nmaps(k)).toBe(before + 1)
  const again = sys_open(k, '/shm/a', O_RDWR, FS_TMPFS)
  sys.sys_mmap(k, 0x40004000, 2 * PG, u.PROT_READ, fixed, again, 4 * PG)
  expect(nmaps(k)).toBe(before + 2)
  verify_mm(k)
})

test('rights, advice and locks split areas and merge them again', () => {
  const k = bare_machine()
  const x = sys.sys_mmap(k, 0x50000000, 32 * PG, RW, ANON | u.MAP_FIXED)
  const one = nmaps(k)
  for (let i = 0; i < 32; i += 2) sys.sys_mprotect(k, x + i * PG, PG, u.PROT_READ)
  expect(nmaps(k)).toBe(one + 31)
  sys.sys_mprotect(k, x, 32 * PG, RW)
  expect(nmaps(k)).toBe(one)
  access_range(k, x, 1, 0, true)
  sys.sys_mprotect(k, x + 16 * PG, 16 * PG, u.PROT_READ)
  sys.sys_mprotect(k, x + 16 * PG, 16 * PG, RW)
  expect(nmaps(k)).toBe(one)
  sys.sys_madvise(k, x + 8 * PG, PG, u.MADV_DONTFORK)
  expect(nmaps(k)).toBe(one + 2)
  sys.sys_madvise(k, x + 8 * PG, PG, u.MADV_DOFORK)
  sys.sys_mlock(k, x + 4 * PG, PG)
  expect(nmaps(k)).toBe(one + 2)
  sys.sys_munlock(k, x + 4 * PG, PG)
  expect(nmaps(k)).toBe(one)
  verify_mm(k)
})

test('max_map_count stops splitting at 65530 areas', () => {
  const k = bare_machine()
  const x = sys.sys_mmap(k, 0, 70000 * 2 * PG, u.PROT_NONE, ANON | u.MAP_NORESERVE)
  // The reference had 25 areas at this point.
  let extra = 0x10000000
  while (nmaps(k) < 25) sys.sys_mmap(k, (extra += 2 * PG), PG, RW, ANON | u.MAP_FIXED)
  let ok = 0
  let error = 0
  for (; ok < 70000; ok++) {
    error = sys.sys_mprotect(k, x + ok * 2 * PG, PG, u.PROT_READ)
    if (error < 0) break
  }
  expect([ok, error, nmaps(k)]).toEqual([32753, -u.ENOMEM, 65530])
  expect(sys.sys_mmap(k, 0x60000000, PG, RW, ANON | u.MAP_FIXED)).toBe(0x60000000)
  expect(sys.sys_munmap(k, x + PG, PG)).toBe(0)
  expect(sys.sys_munmap(k, x, 70000 * 2 * PG)).toBe(0)
  verify_mm(k)
})

describe('limits', () => {
  test('RLIMIT_AS counts everything, RLIMIT_DATA private writable memory', () => {
    const k = bare_machine()
    sys.sys_setrlimit(k, u.RLIMIT_AS, 64 * MiB)
    const p = sys.sys_mmap(k, 0, 60 * MiB, RW, ANON | u.MAP_NORESERVE)
    expect(p).toBeGreaterThan(0)
    expect(sys.sys_mmap(k, 0, 8 * MiB, u.PROT_NONE, ANON | u.MAP_NORESERVE)).toBe(-u.ENOMEM)
    sys.sys_munmap(k, p, 60 * MiB)
    sys.sys_setrlimit(k, u.RLIMIT_AS, Infinity)
    sys.sys_setrlimit(k, u.RLIMIT_DATA, 64 * MiB)
    expect(sys.sys_mmap(k, 0, 60 * MiB, RW, ANON | u.MAP_NORESERVE)).toBeGreaterThan(0)
    expect(sys.sys_mmap(k, 0, 8 * MiB, RW, ANON | u.MAP_NORESERVE)).toBe(-u.ENOMEM)
    expect(sys.sys_mmap(k, 0, 8 * MiB, RW, SHARED)).toBeGreaterThan(0)
    const brk = sys.sys_brk(k, 0)
    expect(sys.sys_brk(k, brk + 8 * MiB)).toBe(brk)
  })
  test('RLIMIT_MEMLOCK binds users, not root', () => {
    const k = bare_machine()
    sys.sys_setrlimit(k, u.RLIMIT_MEMLOCK, 65536)
    const p = sys.sys_mmap(k, 0, MiB, RW, ANON)
    expect(sys.sys_mlock(k, p, 128 * 1024)).toBe(0)
    sys.sys_munlock(k, p, 128 * 1024)
    sys.sys_setuid(k, 1000)
    expect(sys.sys_mlock(k, p, 128 * 1024)).toBe(-u.ENOMEM)
    expect(sys.sys_mlock(k, p, 64 * 1024)).toBe(0)
    verify_mm(k)
  })
})

test.each([
  ['length 0', 0, 0, RW, ANON, -1, 0, -u.EINVAL],
  ['neither private nor shared', 0, PG, RW, u.MAP_ANONYMOUS, -1, 0, -u.EINVAL],
  ['no such descriptor', 0, PG, RW, u.MAP_PRIVATE, -1, 0, -u.EBADF],
  ['offset not aligned', 0, PG, RW, ANON, -1, 100, -u.EINVAL],
  ['fixed and unaligned', 0x30000001, PG, RW, ANON | u.MAP_FIXED, -1, 0, -u.EINVAL],
  ['200 TiB', 0, 200 * 2 ** 40, RW, ANON | u.MAP_NORESERVE, -1, 0, -u.ENOMEM],
  ['MAP_FIXED_NOREPLACE over the stack', 0x7fffffffe000, PG, RW, ANON | u.MAP_FIXED_NOREPLACE, -1, 0, -u.EEXIST],
  ['MAP_FIXED at 0 as root', 0, PG, RW, ANON | u.MAP_FIXED, -1, 0, 0],
] as const)('mmap: %s', (_name, addr, length, prot, flags, fd, offset, want) => {
  const k = bare_machine()
  expect(sys.sys_mmap(k, addr, length, prot, flags, fd, offset)).toBe(want)
})

test('munmap of nothing succeeds, of an unaligned address does not; users may not map page 0', () => {
  const k = bare_machine()
  expect(sys.sys_munmap(k, 0x10000000, PG)).toBe(0)
  expect(sys.sys_munmap(k, 0x10000001, PG)).toBe(-u.EINVAL)
  sys.sys_setuid(k, 1000)
  expect(sys.sys_mmap(k, 0, PG, RW, ANON | u.MAP_FIXED)).toBe(-u.EPERM)
})
test('a file opened for reading cannot be mapped shared and writable', () => {
  const k = bare_machine()
  sys_ftruncate(k, sys_open(k, '/shm/e', O_CREAT | O_RDWR, FS_TMPFS), 100)
  const fd = sys_open(k, '/shm/e', 0, FS_TMPFS)
  expect(sys.sys_mmap(k, 0, PG, RW, u.MAP_SHARED, fd)).toBe(-u.EACCES)
  const p = sys.sys_mmap(k, 0, PG, u.PROT_READ, u.MAP_SHARED, fd)
  expect(sys.sys_mprotect(k, p, PG, RW)).toBe(-u.EACCES)
})
