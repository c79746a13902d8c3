/** Transparent huge pages as measured on 1 GiB with THP always (c12). */
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { deferred_split_count, deferred_split_scan } from '../../../src-main/kernel/mm/deferred_split'
import { khugepaged_step } from '../../../src-main/kernel/mm/khugepaged'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const PG = 4096

/** 2 MiB-aligned inside a PROT_NONE reservation, as the reference makes it. */
function al2m(k: Kernel, n: number, flags = 0): number {
  const p = sys.sys_mmap(k, 0, n + 2 * MiB, u.PROT_NONE, ANON | u.MAP_NORESERVE)
  const q = Math.ceil(p / (2 * MiB)) * 2 * MiB
  expect(sys.sys_mmap(k, q, n, RW, ANON | u.MAP_FIXED | flags)).toBe(q)
  return q
}
const read = (k: Kernel, p: number, n: number, stride = PG): number =>
  access_range(k, p, Math.ceil(n / stride), stride, false)
const write = (k: Kernel, p: number, n: number, stride = PG): number =>
  access_range(k, p, Math.ceil(n / stride), stride, true)

test('huge faults, splits of entries, the huge zero page, fork and collapse count as measured', () => {
  const k = bare_machine({ ram: 1024 * MiB, thp: 'always' })
  const n = 64 * MiB
  let p = 0
  let s = step(k, () => (p = al2m(k, n)))
  expect(s).toMatchObject({ ret: 0x7ffff3e00000, VmSize: 69308, VmPTE: 28 })
  const base = s.RssAnon
  s = step(k, () => write(k, p, 1))
  expect(s).toMatchObject({ minflt: 1, VmPTE: 32, RssAnon: base + 2048 })
  expect(s.vm).toMatchObject({
    nr_anon_pages: 512,
    nr_anon_transparent_hugepages: 1,
    nr_page_table_pages: 1,
    thp_fault_alloc: 1,
  })
  s = step(k, () => write(k, p, n))
  expect(s).toMatchObject({ minflt: 31, VmPTE: 156, RssAnon: base + 65536 })
  expect(s.vm).toMatchObject({ nr_anon_pages: 15872, pgalloc_dma32: 15903, thp_fault_alloc: 31 })
  s = step(k, () => sys.sys_munmap(k, p + MiB, PG))
  expect(s).toMatchObject({ VmSize: 69304, VmPTE: 156, RssAnon: base + 65532 })
  expect(s.vm).toEqual({
    nr_anon_pages: -1,
    nr_anon_transparent_hugepages: -1,
    thp_deferred_split_page: 1,
    thp_split_pmd: 1,
  })
  expect(step(k, () => read(k, p, MiB)).minflt).toBe(0)
  verify_mm(k)
  s = step(k, () => sys.sys_madvise(k, p + 2 * MiB, MiB, u.MADV_DONTNEED))
  expect(s.vm).toMatchObject({ nr_anon_pages: -256, pgalloc_dma32: 1, pgfree: 1, thp_deferred_split_page: 1 })
  s = step(k, () => write(k, p + 2 * MiB, MiB))
  expect(s).toMatchObject({ minflt: 256, vm: { nr_anon_pages: 256, pgalloc_dma32: 256 } })
  s = step(k, () => sys.sys_mprotect(k, p + 4 * MiB + 64 * PG, PG, u.PROT_READ))
  expect(s).toMatchObject({ VmPTE: 156, vm: { nr_anon_transparent_hugepages: -1, thp_split_pmd: 1 } })
  s = step(k, () => sys.sys_munmap(k, p + 6 * MiB, MiB))
  expect(s.vm).toMatchObject({ nr_anon_pages: -256, thp_deferred_split_page: 1, thp_split_pmd: 1 })
  s = step(k, () => sys.sys_munmap(k, p + 8 * MiB, 2 * MiB))
  expect(s).toMatchObject({ VmPTE: 152, vm: { nr_anon_pages: -512, nr_page_table_pages: -1, pgfree: 513 } })
  s = step(k, () => sys.sys_madvise(k, p + 10 * MiB, 2 * MiB, u.MADV_DONTNEED))
  expect(s).toMatchObject({ VmPTE: 148, vm: { nr_anon_pages: -512, nr_page_table_pages: -1, pgfree: 513 } })
  s = step(k, () => write(k, p + 10 * MiB, 1))
  expect(s).toMatchObject({ minflt: 1, VmPTE: 152, vm: { pgalloc_dma32: 513, thp_fault_alloc: 1 } })
  verify_mm(k)

  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  run_as(k, child)
  s = step(k, () => write(k, p + 12 * MiB, 8 * MiB, 2 * MiB))
  expect(s).toMatchObject({ minflt: 4, vm: { thp_split_pmd: 4, nr_anon_pages: 4 } })
  verify_mm(k)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  expect(step(k, () => write(k, p + 12 * MiB, 8 * MiB)).minflt).toBe(4)
  s = step(k, () => sys.sys_madvise(k, p + 20 * MiB, 2 * MiB, u.MADV_FREE))
  expect(s.vm).toMatchObject({ pglazyfree: 512, nr_inactive_file: 512, nr_inactive_anon: -512 })
  s = step(k, () => sys.sys_munmap(k, p, n))
  expect(s).toMatchObject({ VmSize: 3772, VmPTE: 28, RssAnon: base })
  expect(s.vm).toMatchObject({
    nr_anon_pages: -15615,
    nr_anon_transparent_hugepages: -27,
    nr_page_table_pages: -31,
    pgalloc_dma32: 4,
    pgfree: 16163,
    thp_deferred_split_page: 1,
  })
  expect(deferred_split_count(k, 0)).toBe(0)
  verify_mm(k)

  s = step(k, () => {
    p = al2m(k, 16 * MiB)
    read(k, p, 16 * MiB)
  })
  expect(s).toMatchObject({ minflt: 8, VmPTE: 60, RssAnon: base })
  expect(s.vm).toMatchObject({ nr_page_table_pages: 8, pgalloc_dma32: 520, pgfault: 8, thp_zero_page_alloc: 1 })
  s = step(k, () => write(k, p, 16 * MiB, 2 * MiB))
  expect(s).toMatchObject({ minflt: 8, VmPTE: 60, RssAnon: base + 32 })
  expect(s.vm).toMatchObject({ nr_anon_pages: 8, pgalloc_dma32: 8, thp_split_pmd: 8 })
  s = step(k, () => {
    const q = al2m(k, 8 * MiB)
    sys.sys_munmap(k, q, MiB)
    sys.sys_munmap(k, q + 4 * MiB, 4 * MiB)
    write(k, q + MiB, 3 * MiB)
  })
  expect(s).toMatchObject({ minflt: 257, VmPTE: 68, vm: { nr_anon_pages: 768, thp_fault_alloc: 1 } })
  s = step(k, () => {
    const q = al2m(k, 4 * MiB)
    sys.sys_madvise(k, q, 4 * MiB, u.MADV_NOHUGEPAGE)
    write(k, q, 4 * MiB)
  })
  expect(s).toMatchObject({ minflt: 1024, VmPTE: 76, vm: { nr_anon_pages: 1024, pgalloc_dma32: 1026 } })
  s = step(k, () => {
    const q = al2m(k, 4 * MiB)
    sys.sys_madvise(k, q, 4 * MiB, u.MADV_NOHUGEPAGE)
    write(k, q, 4 * MiB)
    sys.sys_madvise(k, q, 4 * MiB, u.MADV_HUGEPAGE)
    return sys.sys_madvise(k, q, 4 * MiB, u.MADV_COLLAPSE)
  })
  expect(s).toMatchObject({ ret: 0, minflt: 1024, VmPTE: 84 })
  expect(s.vm).toMatchObject({
    nr_anon_pages: 1024,
    nr_anon_transparent_hugepages: 2,
    nr_page_table_pages: 2,
    pgalloc_dma32: 2050,
    pgfree: 1024,
    thp_collapse_alloc: 2,
  })
  verify_mm(k)
  const brk = sys.sys_brk(k, 0)
  s = step(k, () => {
    sys.sys_brk(k, brk + 8 * MiB)
    write(k, brk, 8 * MiB)
  })
  expect(s.vm).toMatchObject({ nr_anon_pages: 2048, thp_fault_alloc: 3, pgalloc_dma32: 2052 })
  expect(s.minflt).toBe(515)
  s = step(k, () => {
    const q = al2m(k, 4 * MiB)
    write(k, q, 4 * MiB)
    const d = al2m(k, 4 * MiB)
    const to = sys.sys_mremap(k, q, 4 * MiB, 4 * MiB, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, d)
    read(k, to, 4 * MiB)
  })
  expect(s).toMatchObject({ minflt: 2, VmPTE: 108, vm: { thp_fault_alloc: 2, pgalloc_dma32: 1026 } })
  s = step(k, () => al2m(k, 8 * MiB, u.MAP_POPULATE))
  expect(s).toMatchObject({ minflt: 4, VmPTE: 124, vm: { thp_fault_alloc: 4, pgalloc_dma32: 2052 } })
  verify_mm(k)
})

test('below 512 MiB of managed memory THP is off; MADV_COLLAPSE still makes huge pages', () => {
  const k = bare_machine({ ram: 512 * MiB, thp: 'always' })
  const p = al2m(k, 4 * MiB)
  expect(step(k, () => write(k, p, 4 * MiB)).minflt).toBe(1024)
  const s = step(k, () => sys.sys_madvise(k, p, 4 * MiB, u.MADV_COLLAPSE))
  expect(s).toMatchObject({ ret: 0, vm: { thp_collapse_alloc: 2, nr_anon_transparent_hugepages: 2 } })
  verify_mm(k)
})

test('a huge page that lost parts is split under pressure and gives them back', () => {
  const k = bare_machine({ ram: 1024 * MiB, thp: 'always' })
  const p = al2m(k, 4 * MiB)
  write(k, p, 4 * MiB)
  sys.sys_madvise(k, p, MiB, u.MADV_DONTNEED)
  const s = step(k, () => deferred_split_scan(k, 8, 0))
  expect(s).toMatchObject({ ret: 1, vm: { thp_split_page: 1, pgfree: 256 } })
  verify_mm(k)
  expect(step(k, () => read(k, p + MiB, MiB)).minflt).toBe(0)
  sys.sys_munmap(k, p, 4 * MiB)
  verify_mm(k)
})

test('khugepaged collapses what was written in small pages', () => {
  const k = bare_machine({ ram: 1024 * MiB, thp: 'always' })
  const p = al2m(k, 4 * MiB)
  sys.sys_madvise(k, p, 4 * MiB, u.MADV_NOHUGEPAGE)
  write(k, p, 3 * MiB)
  sys.sys_madvise(k, p, 4 * MiB, u.MADV_HUGEPAGE)
  const t = k.var.current
  k.var.current = 0
  const before = k.vmstat.slice()
  khugepaged_step(k)
  run_as(k, t)
  expect(k.vmstat.some((v, i) => v !== before[i])).toBe(true)
  const s = step(k, () => write(k, p, 4 * MiB))
  expect(s).toMatchObject({ minflt: 0 })
  verify_mm(k)
})
