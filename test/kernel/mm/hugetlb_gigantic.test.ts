/** 1 GiB pages: taken at boot or by emptying a run of frames, mapped by one entry of a PUD table. */
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sysctl_read, sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { hugetlb_parse } from '../../../src-main/kernel/mm/hugetlb_boot'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { drain_all_pages } from '../../../src-main/kernel/mm/pcp'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { pid_smaps } from '../../../src-main/kernel/proc/smaps'
import { proc_list, proc_read, proc_write } from '../../../src-main/kernel/proc'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { verify } from '../../../src-main/kernel/verify'
import { M } from '../../../src-shared/counters'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const GiB = 1024 * MiB
const RW = u.PROT_READ | u.PROT_WRITE
const HUGE_1GB = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB | u.MAP_HUGE_1GB
const FOLDER = '/sys/kernel/mm/hugepages/hugepages-1048576kB'

const read = (k: Kernel, name: string): number => Number(proc_read(k, `${FOLDER}/${name}`))
const write = (k: Kernel, name: string, n: number): number => proc_write(k, `${FOLDER}/${name}`, `${n}\n`)
/** nr, free, resv, surplus of the 1 GiB pool. */
const pool = (k: Kernel): number[] => ['nr', 'free', 'resv', 'surplus'].map((name) => read(k, `${name}_hugepages`))

function booted(params: string[], ram = 4 * GiB): Kernel {
  return bare_machine({ ram, bootParams: params })
}

test('the command line: hugepages= belongs to the size before it, or to the default', () => {
  expect(hugetlb_parse(['hugepages=3']).requests).toEqual([{ h: 0, count: 3 }])
  expect(hugetlb_parse(['hugepagesz=1G hugepages=2', 'hugepagesz=2M', 'hugepages=8'])).toMatchObject({
    default_hstate: 0,
    requests: [
      { h: 1, count: 2 },
      { h: 0, count: 8 },
    ],
  })
  expect(hugetlb_parse(['default_hugepagesz=1G', 'hugepages=1'])).toMatchObject({
    default_hstate: 1,
    requests: [{ h: 1, count: 1 }],
  })
  expect(hugetlb_parse(['hugepagesz=3M', 'hugepages=1']).requests).toEqual([])
  expect(hugetlb_parse(['hugepages=1', 'hugepages=2']).requests).toEqual([{ h: 0, count: 1 }])
})

test('pages asked for at boot are memory, in the pool, and not free', () => {
  const plain = booted([])
  const k = booted(['hugepagesz=1G', 'hugepages=1', 'hugepagesz=2M', 'hugepages=4'])
  expect(pool(k)).toEqual([1, 1, 0, 0])
  const m = meminfo(k)
  expect([m.HugePages_Total, m.Hugepagesize, m.Hugetlb]).toEqual([4, 2048, 1048576 + 4 * 2048])
  // A processor with such pages maps memory by them: one table less.
  expect(m.MemTotal).toBe(meminfo(plain).MemTotal + 4)
  const taken = meminfo(plain).MemFree - m.MemFree
  expect(taken).toBeGreaterThanOrEqual(m.Hugetlb - 1024)
  expect(taken).toBeLessThanOrEqual(m.Hugetlb + 1024)
  expect(meminfo(plain).CommitLimit - m.CommitLimit).toBe(m.Hugetlb / 2 - 4)
  verify(k)
})

test('default_hugepagesz=1G: MAP_HUGETLB and vm.nr_hugepages mean the large ones', () => {
  const k = booted(['default_hugepagesz=1G', 'hugepages=1'])
  expect(meminfo(k)).toMatchObject({ HugePages_Total: 1, Hugepagesize: 1048576, Hugetlb: 1048576 })
  expect(sysctl_read(k, 'vm.nr_hugepages')).toBe('1')
  expect(sysctl_write(k, 'vm.nr_overcommit_hugepages', '1')).toBe(-u.EINVAL)
  const p = sys.sys_mmap(k, 0, 4096, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB)
  expect(p % GiB).toBe(0)
  expect(pool(k)).toEqual([1, 1, 1, 0])
  expect(sys.sys_munmap(k, p, 2 * MiB)).toBe(-u.EINVAL)
  expect(sys.sys_munmap(k, p, GiB)).toBe(0)
  expect(pool(k)).toEqual([1, 1, 0, 0])
})

test('one fault maps 1 GiB without a PMD table; the translation is one entry', () => {
  const k = booted(['hugepagesz=1G', 'hugepages=2'], 6 * GiB)
  const p = sys.sys_mmap(k, 0, 2 * GiB, RW, HUGE_1GB)
  expect(pool(k)).toEqual([2, 2, 2, 0])
  expect(sys.sys_mmap(k, 0, GiB, RW, HUGE_1GB)).toBe(-u.ENOMEM)
  const before = k.mm.pgtables_bytes[k.task.mm[k.var.current]!]!
  const first = step(k, () => access_range(k, p, GiB / 4096, 4096, true))
  expect(first).toMatchObject({ minflt: 1, RssAnon: expect.any(Number) as number })
  // The mapping lies in the PUD table that the stack already has.
  expect(k.mm.pgtables_bytes[k.task.mm[k.var.current]!]).toBe(before)
  expect(pool(k)).toEqual([2, 1, 1, 0])
  const misses = k.machine[M.tlb_miss]!
  access_range(k, p, GiB / 4096, 4096, true)
  expect(k.machine[M.tlb_miss]! - misses).toBeLessThan(3)
  expect(pid_smaps(k, k.task.mm[k.var.current]!)).toMatch(
    /Size: +2097152 kB\nKernelPageSize: +1048576 kB[\s\S]*?Private_Hugetlb: +1048576 kB/,
  )
  expect(sys.sys_mprotect(k, p, 2 * GiB, u.PROT_READ)).toBe(0)
  expect(access_range(k, p, 1, 0, true)).toBe(0)
  expect(k.task.si_code[k.var.current]).toBe(2)
  k.task.sig_pending.fill(0)
  verify(k)
})

test('copy on write takes a page that nobody reserved, or SIGBUS', () => {
  const k = booted(['hugepagesz=1G', 'hugepages=2'], 6 * GiB)
  const p = sys.sys_mmap(k, 0, GiB, RW, HUGE_1GB)
  access_range(k, p, 1, 0, true)
  const parent = k.var.current
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  expect(step(k, () => access_range(k, p, 1, 0, false)).minflt).toBe(0)
  expect(step(k, () => access_range(k, p, 1, 0, true)).minflt).toBe(1)
  expect(pool(k)).toEqual([2, 0, 0, 0])
  verify_mm(k)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  expect(pool(k)).toEqual([2, 1, 0, 0])
  const q = sys.sys_mmap(k, 0, 2 * GiB, RW, HUGE_1GB | u.MAP_NORESERVE)
  expect(access_range(k, q, 2, GiB, true)).toBe(1)
  expect(k.task.si_signo[parent]).toBe(u.SIGBUS)
  k.task.sig_pending.fill(0)
  sys.sys_munmap(k, q, 2 * GiB)
  sys.sys_munmap(k, p, GiB)
  expect(pool(k)).toEqual([2, 2, 0, 0])
  verify_mm(k)
  verify_page_alloc(k)
})

test('at run time a range is emptied: what lies in it moves, and it goes back as ordinary memory', () => {
  const k = booted([], 4 * GiB)
  const p = sys.sys_mmap(k, 0, 256 * MiB, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS)
  access_range(k, p, (256 * MiB) / 4096, 4096, true)
  // What the per-CPU lists hold, some MiB, is free, but not in MemFree until the range is isolated.
  drain_all_pages(k)
  const free = meminfo(k).MemFree
  expect(write(k, 'nr_hugepages', 1)).toBe(0)
  expect(pool(k)).toEqual([1, 1, 0, 0])
  expect(free - meminfo(k).MemFree).toBeLessThan(1048576 + 4096)
  verify(k)
  const rss = k.mm.rss_anon[k.task.mm[k.var.current]!]!
  expect(write(k, 'nr_hugepages', 100)).toBe(0)
  const got = pool(k)[0]!
  expect(got).toBeGreaterThanOrEqual(1)
  expect(got).toBeLessThan(4)
  expect(k.mm.rss_anon[k.task.mm[k.var.current]!]).toBe(rss)
  verify(k)
  expect(step(k, () => access_range(k, p, (256 * MiB) / 4096, 4096, true)).minflt).toBe(0)
  write(k, 'nr_hugepages', 0)
  expect(meminfo(k).Hugetlb).toBe(0)
  expect(Math.abs(free - meminfo(k).MemFree)).toBeLessThan(4096)
  verify(k)
})

test('a range with a page that cannot move is left alone', () => {
  const k = booted([], 2 * GiB)
  const before = k.vmstat.slice()
  expect(write(k, 'nr_hugepages', 1)).toBe(0)
  // The only aligned GiB below 2 GiB ends in struct pages and the initrd.
  expect(pool(k)).toEqual([0, 0, 0, 0])
  expect(k.vmstat[0]! - before[0]!).toBeGreaterThanOrEqual(0)
  verify(k)
})

test('a free 1 GiB page is demoted to 512 of 2 MiB', () => {
  const k = booted(['hugepagesz=1G', 'hugepages=1'])
  expect(write(k, 'demote', 1)).toBe(0)
  expect(pool(k)).toEqual([0, 0, 0, 0])
  expect(meminfo(k)).toMatchObject({ HugePages_Total: 512, HugePages_Free: 512, Hugetlb: 1048576 })
  sysctl_write(k, 'vm.nr_hugepages', '0')
  expect(meminfo(k).Hugetlb).toBe(0)
  verify(k)
})

test('/sys lists both sizes, also below the node; overcommit of gigantic pages is refused', () => {
  const k = booted([], 512 * MiB)
  expect(proc_list(k, '/sys/kernel/mm/hugepages')).toEqual(['hugepages-2048kB', 'hugepages-1048576kB'])
  expect(proc_list(k, '/sys/devices/system/node/node0/hugepages/hugepages-2048kB')).toEqual([
    'free_hugepages',
    'nr_hugepages',
    'surplus_hugepages',
  ])
  expect(write(k, 'nr_overcommit_hugepages', 1)).toBe(-u.EINVAL)
  expect(proc_write(k, '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '4\n')).toBe(0)
  expect(meminfo(k).HugePages_Total).toBe(4)
})

test('the pools survive a snapshot; the same calls give the same hash', () => {
  const run = (k: Kernel): string => {
    const p = sys.sys_mmap(k, 0, GiB, RW, HUGE_1GB)
    access_range(k, p, 100, 4096, true)
    sys.sys_munmap(k, p, GiB)
    return hash(k)
  }
  const k = booted(['hugepagesz=1G', 'hugepages=1'])
  const copy = restore(snapshot(k))
  expect(hash(copy)).toBe(hash(k))
  expect(run(copy)).toBe(run(k))
})
