/** What is left behind where pages are taken out of an address space: on the pages, and in other mappings. */
import { expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_open, sys_write } from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PG_referenced, PTE_SHIFT, type Kernel } from '../../../src-main/kernel/kernel'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const PAGES = 4

function file(k: Kernel): number {
  const fd = sys_open(k, '/tmp/f', O_CREAT | O_RDWR, FS_TMPFS)
  expect(sys_write(k, fd, PAGES * 4096)).toBe(PAGES * 4096)
  return fd
}
function map(k: Kernel, fd: number, flags: number): number {
  const p = sys.sys_mmap(k, 0, PAGES * 4096, RW, flags, fd)
  expect(p).toBeGreaterThan(0)
  return p
}
const entry = (k: Kernel, addr: number): number => mapped_entry(k, k.task.mm[k.var.current]!, addr)

test.each([
  ['used', [], PG_referenced],
  ['no more used than before, to who reads in a row', [u.MADV_SEQUENTIAL], 0],
  ['used, wherever a random reader was', [u.MADV_RANDOM], PG_referenced],
])('a page that was read through a mapping is %s when that goes', (_, advice, want) => {
  const k = bare_machine()
  const p = map(k, file(k), u.MAP_SHARED)
  for (const a of advice) expect(sys.sys_madvise(k, p, PAGES * 4096, a)).toBe(0)
  expect(access_range(k, p, PAGES, 4096, false)).toBe(PAGES)
  const pfn = entry(k, p + 4096) >>> PTE_SHIFT
  k.page.flags[pfn]! &= ~PG_referenced
  expect(sys.sys_munmap(k, p, PAGES * 4096)).toBe(0)
  expect(k.page.flags[pfn]! & PG_referenced).toBe(want)
})

test('a hole takes the file’s pages out of every mapping, but not the copies that somebody wrote', () => {
  const k = bare_machine()
  const fd = file(k)
  const shared = map(k, fd, u.MAP_SHARED)
  const own = map(k, fd, u.MAP_PRIVATE)
  expect(access_range(k, own, PAGES, 4096, false)).toBe(PAGES)
  expect(access_range(k, own, 1, 4096, true)).toBe(1)
  const copy = entry(k, own)
  expect(sys.sys_madvise(k, shared, PAGES * 4096, u.MADV_REMOVE)).toBe(0)
  expect([0, 1, 2, 3].map((i) => entry(k, own + i * 4096))).toEqual([copy, 0, 0, 0])
  verify_mm(k)
})
