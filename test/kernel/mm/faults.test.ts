/** What the measured Linux 6.1 does, step by step: fault counts, sizes, page tables, pages allocated and freed. */
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_once, access_range } from '../../../src-main/kernel/entry/access'
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE } from '../../../src-main/kernel/entry/fault'
import { sys_close, sys_ftruncate, sys_open, sys_unlink, sys_write } from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { C } from '../../../src-shared/counters'
import { LEVEL_PUD, pgd_level } from '../../../src-main/kernel/arch/x86/pgtable'
import { free_pages } from '../../../src-main/kernel/mm/page_alloc'
import { pt_alloc, pt_release } from '../../../src-main/kernel/mm/pgalloc'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as, step, type Step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const PG = 4096

function amap(k: Kernel, n: number, prot = RW, flags = ANON): number {
  const p = sys.sys_mmap(k, 0, n, prot, flags)
  expect(p).toBeGreaterThan(0)
  return p
}
function rtouch(k: Kernel, p: number, n: number, stride = PG): void {
  expect(access_range(k, p, Math.ceil(n / stride), stride, false)).toBe(Math.ceil(n / stride))
}
function wtouch(k: Kernel, p: number, n: number, stride = PG): void {
  expect(access_range(k, p, Math.ceil(n / stride), stride, true)).toBe(Math.ceil(n / stride))
}
function fmap(k: Kernel, path: string, n: number, prot: number, flags: number): number {
  const fd = sys_open(k, path, O_RDWR, FS_TMPFS)
  const p = sys.sys_mmap(k, 0, n, prot, flags, fd)
  sys_close(k, fd)
  expect(p).toBeGreaterThan(0)
  return p
}
function mkfile(k: Kernel, path: string, n: number): void {
  const fd = sys_open(k, path, O_CREAT | O_RDWR, FS_TMPFS)
  for (let i = 0; i < n; i += 65536) expect(sys_write(k, fd, 65536)).toBe(65536)
  sys_close(k, fd)
}
/** A program that has mapped and unmapped before: the nodes that this prepares are in the CPU's slabs already. */
function warm_machine(): Kernel {
  const k = bare_machine()
  const p = amap(k, 3 * PG)
  sys.sys_munmap(k, p + PG, PG)
  sys.sys_munmap(k, p, 3 * PG)
  return k
}
/** Takes the signal that the last access caused. */
function signal(k: Kernel): [number, number, string] {
  const t = k.var.current
  const sig = k.task.sig_pending[t * 2] === 0 ? 0 : k.task.si_signo[t]!
  k.task.sig_pending[t * 2] = 0
  return [sig, k.task.si_code[t]!, `0x${k.task.si_addr[t]!.toString(16)}`]
}
function flt(s: Step): number[] {
  return [s.minflt, s.majflt]
}

describe('anonymous memory', () => {
  test('a read maps the zero page, the later write faults again (c01)', () => {
    const k = bare_machine()
    let p = 0
    let s = step(k, () => (p = amap(k, 64 * MiB)))
    expect(s).toMatchObject({ minflt: 0, VmSize: 67260, VmPTE: 28, ret: 0x7ffff3ff9000, vm: {} })
    const anon = s.RssAnon
    s = step(k, () => rtouch(k, p, 64 * MiB))
    expect(s).toMatchObject({ minflt: 16384, VmPTE: 156, RssAnon: anon })
    expect(s.vm).toMatchObject({ nr_page_table_pages: 32, pgalloc_dma32: 32, pgfault: 16384 })
    s = step(k, () => wtouch(k, p, 64 * MiB))
    expect(s).toMatchObject({ minflt: 16384, VmPTE: 156, RssAnon: anon + 65536 })
    expect(s.vm).toMatchObject({ nr_anon_pages: 16384, pgalloc_dma32: 16384, pgfault: 16384 })
    s = step(k, () => wtouch(k, p, 64 * MiB))
    expect(s).toMatchObject({ minflt: 0, vm: {} })
    s = step(k, () => sys.sys_munmap(k, p, 64 * MiB))
    expect(s).toMatchObject({ minflt: 0, VmSize: 1724, VmPTE: 28, RssAnon: anon })
    expect(s.vm).toMatchObject({ nr_anon_pages: -16384, nr_page_table_pages: -32, pgalloc_dma32: 19, pgfree: 16435 })
    verify_mm(k)
  })

  test('page tables come per 2 MiB and go with their range (c02)', () => {
    const k = warm_machine()
    const p = amap(k, 64 * MiB)
    expect(step(k, () => wtouch(k, p, PG))).toMatchObject({ minflt: 1, VmPTE: 32, vm: { pgalloc_dma32: 2 } })
    expect(step(k, () => wtouch(k, p, 16 * PG))).toMatchObject({ minflt: 15, VmPTE: 36, vm: { pgalloc_dma32: 16 } })
    expect(step(k, () => wtouch(k, p, 64 * MiB))).toMatchObject({ minflt: 16368, VmPTE: 156 })
    let s = step(k, () => sys.sys_munmap(k, p, 32 * MiB))
    expect(s).toMatchObject({ VmPTE: 92, vm: { nr_page_table_pages: -16, pgalloc_dma32: 17, pgfree: 8225 } })
    s = step(k, () => sys.sys_munmap(k, p + 32 * MiB, 32 * MiB))
    expect(s).toMatchObject({ VmPTE: 28, vm: { nr_page_table_pages: -16, pgalloc_dma32: 17, pgfree: 8225 } })
    verify_mm(k)
  })

  test('the first touch in an empty PGD slot costs three tables (c03)', () => {
    const k = bare_machine()
    const fixed = (at: number, n: number): number => sys.sys_mmap(k, at, n, RW, ANON | u.MAP_FIXED | u.MAP_NORESERVE)
    const q = fixed(0x100000000000, PG)
    expect(q).toBe(0x100000000000)
    expect(step(k, () => wtouch(k, q, PG))).toMatchObject({
      VmPTE: 40,
      vm: { pgalloc_dma32: 4, nr_page_table_pages: 2 },
    })
    const r = fixed(0x100000000000 + 1024 * MiB, PG)
    expect(step(k, () => wtouch(k, r, PG)).VmPTE).toBe(48)
    const s = fixed(0x100000000000 + 2 * MiB, PG)
    expect(step(k, () => wtouch(k, s, PG)).VmPTE).toBe(52)
    verify_mm(k)
  })

  test('a top-level table takes two frames, the others one', () => {
    const k = bare_machine()
    const mm = k.task.mm[k.var.current]!
    const before = k.vmstat[C.pgalloc_dma32]!
    const pgd = pt_alloc(k, mm, pgd_level(k))
    expect(k.vmstat[C.pgalloc_dma32]! - before).toBe(2)
    free_pages(k, pt_release(k, mm, pgd), 1)
    const table = pt_alloc(k, mm, LEVEL_PUD)
    expect(k.vmstat[C.pgalloc_dma32]! - before).toBe(3)
    free_pages(k, pt_release(k, mm, table), 0)
    verify_mm(k)
  })

  test('brk grows the heap and gives its tables back (c06)', () => {
    const k = warm_machine()
    const b0 = sys.sys_brk(k, 0)
    expect(b0).toBe(0x588000)
    let at = b0
    for (let i = 0; i < 4; i++) {
      expect(sys.sys_brk(k, at + 132 * 1024)).toBe(at + 132 * 1024)
      expect(step(k, () => wtouch(k, at, 132 * 1024))).toMatchObject({ minflt: 33, VmPTE: i < 3 ? 28 : 32 })
      at += 132 * 1024
    }
    expect(step(k, () => sys.sys_brk(k, at + 16 * MiB)).VmSize).toBe(18636)
    expect(step(k, () => wtouch(k, at, 16 * MiB))).toMatchObject({ minflt: 4096, VmPTE: 64 })
    let s = step(k, () => sys.sys_brk(k, at))
    expect(s).toMatchObject({ VmPTE: 32, VmSize: 2252, vm: { pgalloc_dma32: 9, pgfree: 4113 } })
    sys.sys_brk(k, at + 16 * MiB)
    s = step(k, () => wtouch(k, at, 16 * MiB))
    expect(s).toMatchObject({ minflt: 4096, VmPTE: 64 })
    expect(step(k, () => sys.sys_brk(k, at + 16 * MiB + 1)).VmSize).toBe(18640)
    verify_mm(k)
  })

  test('MAP_POPULATE and MADV_POPULATE count minor faults (c11)', () => {
    const k = bare_machine()
    let p = 0
    expect(step(k, () => (p = amap(k, 16 * MiB, RW, ANON | u.MAP_POPULATE)))).toMatchObject({ minflt: 4096, VmPTE: 60 })
    expect(step(k, () => wtouch(k, p, 16 * MiB)).minflt).toBe(0)
    sys.sys_munmap(k, p, 16 * MiB)
    expect(step(k, () => (p = amap(k, 16 * MiB, u.PROT_READ, ANON | u.MAP_POPULATE)))).toMatchObject({ minflt: 4096 })
    expect(
      step(k, () => {
        sys.sys_mprotect(k, p, 16 * MiB, RW)
        wtouch(k, p, 16 * MiB)
      }).minflt,
    ).toBe(4096)
    sys.sys_munmap(k, p, 16 * MiB)
    p = amap(k, 16 * MiB)
    const read = step(k, () => sys.sys_madvise(k, p, 16 * MiB, u.MADV_POPULATE_READ))
    expect(read).toMatchObject({ minflt: 4096, ret: 0 })
    const write = step(k, () => sys.sys_madvise(k, p, 16 * MiB, u.MADV_POPULATE_WRITE))
    expect(write).toMatchObject({ minflt: 4096, ret: 0 })
    verify_mm(k)
  })
})

describe('fork', () => {
  test('a page that the child has read through its own translation is still copied on write', () => {
    const k = bare_machine()
    const p = amap(k, 64 * PG)
    wtouch(k, p, 64 * PG)
    run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
    expect(step(k, () => rtouch(k, p, 64 * PG)).minflt).toBe(0)
    expect(step(k, () => wtouch(k, p, 64 * PG)).minflt).toBe(64)
    verify_mm(k)
  })

  test('copies private entries, shares pages, copies or re-uses them on write (c04)', () => {
    const k = bare_machine({ ram: 512 * MiB })
    const parent = k.var.current
    const p = amap(k, 32 * MiB)
    wtouch(k, p, 32 * MiB)
    let sh = 0
    const shared = step(k, () => {
      sh = amap(k, 4 * MiB, RW, u.MAP_SHARED | u.MAP_ANONYMOUS)
      wtouch(k, sh, 4 * MiB)
    })
    expect(shared).toMatchObject({ minflt: 1024, VmSize: 38588, VmPTE: 100 })
    expect(shared.vm).toMatchObject({ nr_shmem: 1024, nr_file_pages: 1024, nr_mapped: 1024 })
    let pid = 0
    const fork = step(k, () => (pid = sys.sys_fork(k)))
    expect(fork.vm).toMatchObject({ nr_kernel_stack: 16, nr_page_table_pages: 21 })
    const child = find_task_by_pid(k, pid)
    expect(k.mm.pgtables_bytes[k.task.mm[child]!]).toBe(92 * 1024)
    expect(step(k, () => rtouch(k, p, 32 * MiB)).minflt).toBe(0)
    expect(step(k, () => wtouch(k, p, MiB))).toMatchObject({ minflt: 256, vm: { nr_anon_pages: 256 } })
    run_as(k, child)
    expect(step(k, () => rtouch(k, p, 32 * MiB)).minflt).toBe(0)
    const cow = step(k, () => wtouch(k, p + 16 * MiB, 16 * MiB))
    expect(cow).toMatchObject({ minflt: 4096, vm: { nr_anon_pages: 4096, pgalloc_dma32: 4096 } })
    expect(step(k, () => wtouch(k, p, MiB))).toMatchObject({ minflt: 256, vm: { pgreuse: 256, pgfault: 256 } })
    const unmap = step(k, () => sys.sys_munmap(k, p, 32 * MiB))
    expect(unmap.vm).toMatchObject({ nr_anon_pages: -4352, nr_page_table_pages: -15, pgalloc_dma32: 17, pgfree: 4384 })
    run_as(k, parent)
    const reuse = step(k, () => wtouch(k, p + 16 * MiB, 16 * MiB))
    expect(reuse).toMatchObject({ minflt: 4096, vm: { pgreuse: 4096, pgfault: 4096 } })
    verify_mm(k)
    run_as(k, child)
    sys.sys_exit(k, 0)
    run_as(k, parent)
    expect(sys.sys_wait4(k, -1)).toBe(pid)
    expect(step(k, () => wtouch(k, p, 32 * MiB))).toMatchObject({ minflt: 3840, vm: { pgreuse: 3840 } })
    expect(step(k, () => wtouch(k, p, 32 * MiB)).minflt).toBe(0)
    const child2 = find_task_by_pid(k, sys.sys_fork(k))
    run_as(k, child2)
    expect(step(k, () => wtouch(k, p, 32 * MiB)).minflt).toBe(8192)
    expect(step(k, () => rtouch(k, sh, 4 * MiB))).toMatchObject({ minflt: 65, vm: { nr_page_table_pages: 2 } })
    expect(step(k, () => wtouch(k, sh, 4 * MiB)).minflt).toBe(0)
    verify_mm(k)
    sys.sys_exit(k, 3)
    run_as(k, parent)
    expect(sys.sys_wait4(k, -1)).toBeGreaterThan(0)
    expect(k.task.exit_status[parent]).toBe(3 << 8)
    expect(step(k, () => wtouch(k, p, 32 * MiB))).toMatchObject({ minflt: 8192, vm: { pgreuse: 8192 } })
    verify_mm(k)
  })
})

describe('tmpfs and shared memory', () => {
  test('reads fault around 16 pages, writes page by page (c05)', () => {
    const k = bare_machine({ ram: 512 * MiB })
    const n = 32 * MiB
    const w = step(k, () => mkfile(k, '/shm/f', n))
    expect(w.vm).toMatchObject({ nr_shmem: 8192, nr_file_pages: 8192 })
    let p = fmap(k, '/shm/f', n, RW, u.MAP_SHARED)
    expect(p).toBe(0x7ffff5ff9000)
    expect(step(k, () => rtouch(k, p, PG))).toMatchObject({ minflt: 1, VmPTE: 32, vm: { nr_mapped: 7 } })
    expect(step(k, () => rtouch(k, p, n))).toMatchObject({ minflt: 512, VmPTE: 92, vm: { nr_mapped: 8185 } })
    expect(step(k, () => wtouch(k, p, n)).minflt).toBe(0)
    const unmap = step(k, () => sys.sys_munmap(k, p, n))
    expect(unmap.vm).toMatchObject({ nr_mapped: -8192, pgactivate: 8192, pgalloc_dma32: 1, pgfree: 17 })
    const write = step(k, () => {
      p = fmap(k, '/shm/f', n, RW, u.MAP_SHARED)
      wtouch(k, p, n)
    })
    expect(write).toMatchObject({ minflt: 8192, vm: { nr_mapped: 8192 } })
    sys.sys_munmap(k, p, n)
    p = fmap(k, '/shm/f', n, RW, u.MAP_PRIVATE)
    expect(step(k, () => rtouch(k, p, n)).minflt).toBe(513)
    const cow = step(k, () => wtouch(k, p, n))
    expect(cow).toMatchObject({ minflt: 8192, vm: { nr_anon_pages: 8192, nr_mapped: -8192, pgalloc_dma32: 8192 } })
    verify_mm(k)
    expect(step(k, () => sys.sys_munmap(k, p, n)).vm).toMatchObject({ pgalloc_dma32: 17, pgfree: 8225 })
    p = fmap(k, '/shm/f', n, RW, u.MAP_PRIVATE)
    expect(step(k, () => wtouch(k, p, n))).toMatchObject({ minflt: 8192, vm: { nr_anon_pages: 8192 } })
    sys.sys_munmap(k, p, n)
    p = fmap(k, '/shm/f', n, RW, u.MAP_PRIVATE)
    const reverse = step(k, () => expect(access_range(k, p + n - PG, n / PG, -PG, false)).toBe(n / PG))
    expect(reverse.minflt).toBe(513)
    sys.sys_munmap(k, p, n)
    const area = amap(k, n + MiB, u.PROT_NONE, ANON | u.MAP_NORESERVE)
    const fd = sys_open(k, '/shm/f', O_RDWR, FS_TMPFS)
    p = sys.sys_mmap(k, area + 20 * 1024, n, RW, u.MAP_SHARED | u.MAP_FIXED, fd)
    sys_close(k, fd)
    expect(p).toBe(0x7ffff5efe000)
    expect(step(k, () => rtouch(k, p, n)).minflt).toBe(513)
    sys.sys_munmap(k, p, n)
    sys_unlink(k, '/shm/f')
    verify_mm(k)
  })

  test('holes fault page by page, also for reads; dropped entries come back by fault-around (c05)', () => {
    const k = bare_machine({ ram: 512 * MiB })
    const fd = sys_open(k, '/shm/h', O_CREAT | O_RDWR, FS_TMPFS)
    sys_ftruncate(k, fd, 8 * MiB)
    sys_close(k, fd)
    let p = fmap(k, '/shm/h', 8 * MiB, RW, u.MAP_SHARED)
    expect(step(k, () => rtouch(k, p, 8 * MiB))).toMatchObject({ minflt: 2048, vm: { nr_shmem: 2048 } })
    expect(step(k, () => wtouch(k, p, 8 * MiB)).minflt).toBe(0)
    sys.sys_munmap(k, p, 8 * MiB)
    sys_unlink(k, '/shm/h')
    p = amap(k, 8 * MiB, RW, u.MAP_SHARED | u.MAP_ANONYMOUS)
    expect(step(k, () => wtouch(k, p, 8 * MiB))).toMatchObject({ minflt: 2048, VmPTE: 44 })
    const drop = step(k, () => sys.sys_madvise(k, p, 8 * MiB, u.MADV_DONTNEED))
    expect(drop).toMatchObject({ VmPTE: 44, vm: { nr_mapped: -2048 } })
    expect(step(k, () => rtouch(k, p, 8 * MiB))).toMatchObject({ minflt: 129, vm: { nr_mapped: 2048 } })
    verify_mm(k)
  })
})

describe('madvise', () => {
  test('DONTNEED keeps the tables, FREE keeps the pages for now (c07)', () => {
    const k = bare_machine()
    const n = 32 * MiB
    const p = amap(k, n)
    wtouch(k, p, n)
    let s = step(k, () => sys.sys_madvise(k, p, n, u.MADV_DONTNEED))
    expect(s).toMatchObject({ VmPTE: 92, vm: { nr_anon_pages: -8192, pgalloc_dma32: 17, pgfree: 8209 } })
    expect(step(k, () => rtouch(k, p, n)).minflt).toBe(8192)
    expect(step(k, () => wtouch(k, p, n)).minflt).toBe(8192)
    s = step(k, () => sys.sys_madvise(k, p + n / 2, n / 2, u.MADV_DONTNEED))
    expect(s.vm).toMatchObject({ nr_anon_pages: -4096, pgalloc_dma32: 9, pgfree: 4105 })
    expect(step(k, () => wtouch(k, p + n / 2, n / 2)).minflt).toBe(4096)
    s = step(k, () => sys.sys_madvise(k, p, n, u.MADV_FREE))
    expect(s.vm['pglazyfree']).toBeGreaterThanOrEqual(8190 - 15)
    expect(step(k, () => rtouch(k, p, n)).minflt).toBe(0)
    expect(step(k, () => wtouch(k, p, n / 2)).minflt).toBe(0)
    expect(step(k, () => sys.sys_madvise(k, p, n, u.MADV_COLD)).ret).toBe(0)
    expect(step(k, () => sys.sys_madvise(k, p, n, u.MADV_WILLNEED)).ret).toBe(0)
    expect(sys.sys_madvise(k, p + 1, PG, u.MADV_DONTNEED)).toBe(-u.EINVAL)
    sys.sys_munmap(k, p + PG, PG)
    s = step(k, () => sys.sys_madvise(k, p, 4 * PG, u.MADV_DONTNEED))
    expect(s).toMatchObject({ ret: -u.ENOMEM, vm: { nr_anon_pages: -3, pgfree: 3 } })
    verify_mm(k)
  })
})

describe('signals (c08)', () => {
  function machine(): Kernel {
    return bare_machine()
  }
  test('rights and holes: SIGSEGV with code and address', () => {
    const k = machine()
    let p = amap(k, PG)
    wtouch(k, p, PG)
    sys.sys_mprotect(k, p, PG, u.PROT_READ)
    const s = step(k, () => access_once(k, p + 5, ACCESS_WRITE))
    expect([s.ret, flt(s)]).toEqual([false, [0, 0]])
    expect(signal(k)).toEqual([u.SIGSEGV, 2, `0x${(p + 5).toString(16)}`])
    sys.sys_mprotect(k, p, PG, u.PROT_NONE)
    access_once(k, p + 9, ACCESS_READ)
    expect(signal(k)).toEqual([u.SIGSEGV, 2, `0x${(p + 9).toString(16)}`])
    p = amap(k, PG, u.PROT_READ)
    access_once(k, p + 5, ACCESS_WRITE)
    expect(signal(k)[1]).toBe(2)
    expect(step(k, () => access_once(k, p, ACCESS_READ))).toMatchObject({ ret: true, minflt: 1 })
    p = amap(k, PG, u.PROT_WRITE)
    expect(step(k, () => access_once(k, p, ACCESS_WRITE)).minflt).toBe(1)
    expect(access_once(k, p, ACCESS_READ)).toBe(true)
    p = amap(k, 4 * PG)
    wtouch(k, p, PG)
    sys.sys_munmap(k, p, 4 * PG)
    access_once(k, p + 7, ACCESS_WRITE)
    expect(signal(k)).toEqual([u.SIGSEGV, 1, `0x${(p + 7).toString(16)}`])
    verify_mm(k)
  })
  test.each([
    [0xdead0000, 1, '0xdead0000'],
    [0, 1, '0x0'],
    [0xffff888000000000, 1, '0xffff888000000000'],
    [0x800000000000000, 128, '0x0'],
    [0x7ffffffff000, 1, '0x7ffffffff000'],
  ])('read of %i: code %i', (addr, code, si_addr) => {
    const k = machine()
    expect(access_once(k, addr, ACCESS_READ)).toBe(false)
    expect(signal(k)).toEqual([u.SIGSEGV, code, si_addr])
  })
  test('data is not executable, text is not writable', () => {
    const k = machine()
    const p = amap(k, PG)
    const s = step(k, () => [access_once(k, p, ACCESS_WRITE), access_once(k, p, ACCESS_EXEC)])
    expect([s.ret, s.minflt]).toEqual([[true, false], 1])
    expect(signal(k).slice(0, 2)).toEqual([u.SIGSEGV, 2])
    access_once(k, 0x402000, ACCESS_WRITE)
    expect(signal(k)).toEqual([u.SIGSEGV, 2, '0x402000'])
    expect(access_once(k, 0x402000, ACCESS_EXEC)).toBe(true)
  })
  test('beyond the end of a file: SIGBUS, counted by the machine only', () => {
    const k = machine()
    const fd = sys_open(k, '/shm/e', O_CREAT | O_RDWR, FS_TMPFS)
    sys_ftruncate(k, fd, 100)
    const p = sys.sys_mmap(k, 0, 2 * PG, RW, u.MAP_SHARED, fd)
    const s = step(k, () => [access_once(k, p + 200, ACCESS_WRITE), access_once(k, p + PG, ACCESS_READ)])
    expect(s).toMatchObject({ ret: [true, false], minflt: 1, vm: { pgfault: 2 } })
    expect(signal(k)).toEqual([u.SIGBUS, 2, `0x${(p + PG).toString(16)}`])
  })
  test('the stack grows page by page to the rlimit', () => {
    const k = machine()
    const sp = 0x7fffffffe000
    const s = step(k, () => access_range(k, sp - PG, 100000, -PG, true))
    expect(signal(k)).toEqual([u.SIGSEGV, 1, '0x7fffff7fe000'])
    expect(s.ret).toBe(2047)
    expect(s.VmSize - 1724).toBe(8192 - 132)
  })
  test('a far jump below sp works inside the limit; the guard gap keeps 256 pages free', () => {
    const k = machine()
    const sp = 0x7fffffffe000
    expect(access_once(k, sp - MiB, ACCESS_WRITE)).toBe(true)
    expect(access_once(k, sp - 7 * MiB, ACCESS_WRITE)).toBe(true)
    expect(access_once(k, sp - 8 * MiB, ACCESS_WRITE)).toBe(false)
    expect(signal(k)[1]).toBe(1)
    sys.sys_setrlimit(k, u.RLIMIT_STACK, 16 * MiB)
    expect(access_once(k, sp - 9 * MiB, ACCESS_WRITE)).toBe(true)
    const top = sys.sys_mmap(k, sp - 12 * MiB, PG, RW, ANON | u.MAP_FIXED_NOREPLACE)
    expect(top).toBe(sp - 12 * MiB)
    const done = access_range(k, sp - 9 * MiB, 3 * 256, -PG, true)
    const last = sp - 9 * MiB - (done - 1) * PG
    expect((last - (top + PG)) / PG).toBe(256)
    verify_mm(k)
  })
})

describe('mremap (c09)', () => {
  test('moves entries and whole tables, grows in place where there is room', () => {
    const k = warm_machine()
    const p = amap(k, 8 * MiB)
    wtouch(k, p, 8 * MiB)
    expect(sys.sys_mremap(k, p, 8 * MiB, 16 * MiB, 0)).toBe(-u.ENOMEM)
    let q = 0
    let s = step(k, () => (q = sys.sys_mremap(k, p, 8 * MiB, 16 * MiB, u.MREMAP_MAYMOVE)))
    expect(s).toMatchObject({ ret: 0x7ffff67f9000, VmSize: 18108, VmPTE: 52, minflt: 0, vm: { pgalloc_dma32: 2 } })
    expect(step(k, () => rtouch(k, q, 8 * MiB)).minflt).toBe(0)
    expect(step(k, () => wtouch(k, q + 8 * MiB, 8 * MiB))).toMatchObject({ minflt: 2048, VmPTE: 64 })
    s = step(k, () => sys.sys_mremap(k, q, 16 * MiB, 4 * MiB, 0))
    expect(s).toMatchObject({ VmSize: 5820, VmPTE: 40, vm: { pgalloc_dma32: 7, pgfree: 3085 } })
    const fixed = u.MREMAP_MAYMOVE | u.MREMAP_FIXED
    s = step(k, () => sys.sys_mremap(k, q, 4 * MiB, 4 * MiB, fixed, 0x100000000000))
    expect(s).toMatchObject({ ret: 0x100000000000, VmPTE: 44, vm: { pgalloc_dma32: 4, pgfree: 3 } })
    q = 0x100000000000
    expect(step(k, () => sys.sys_mremap(k, q, 4 * MiB, 8 * MiB, 0))).toMatchObject({ ret: q, VmSize: 9916 })
    expect(step(k, () => wtouch(k, q, 8 * MiB))).toMatchObject({ minflt: 1024, VmPTE: 52 })
    const mm = k.task.mm[k.var.current]!
    const areas = k.mm.map_count[mm]!
    expect(sys.sys_mprotect(k, q + 2 * MiB, MiB, u.PROT_READ)).toBe(0)
    expect(k.mm.map_count[mm]).toBe(areas + 2)
    expect(sys.sys_mprotect(k, q + 2 * MiB, MiB, RW)).toBe(0)
    expect(k.mm.map_count[mm]).toBe(areas)
    expect(step(k, () => wtouch(k, q, 8 * MiB)).minflt).toBe(0)
    verify_mm(k)
  })
})
