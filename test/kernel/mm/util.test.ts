/** Overcommit as measured on Linux 6.1: the largest mapping per mode, ratio, user and kind; what counts in Committed_AS. */
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_close, sys_ftruncate, sys_open, sys_unlink } from '../../../src-main/kernel/entry/file'
import { sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { vm_commit_limit } from '../../../src-main/kernel/mm/util'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const SHARED = u.MAP_SHARED | u.MAP_ANONYMOUS
const KINDS = [
  [RW, ANON],
  [RW, ANON | u.MAP_NORESERVE],
  [u.PROT_READ, ANON],
  [u.PROT_NONE, ANON],
  [RW, SHARED],
  [RW, SHARED | u.MAP_NORESERVE],
] as const
/** All of the address space. */
const MAX = 134217594

function largest(k: Kernel, prot: number, flags: number): number {
  let lo = 0
  let hi = 2 ** 27
  while (hi - lo > 1) {
    const m = Math.floor((lo + hi) / 2)
    const p = sys.sys_mmap(k, 0, m * MiB, prot, flags)
    if (p > 0) {
      sys.sys_munmap(k, p, m * MiB)
      lo = m
    } else {
      expect(p).toBe(-u.ENOMEM)
      hi = m
    }
  }
  return lo
}
function chunks(k: Kernel, prot: number, flags: number): number {
  const list: number[] = []
  while (list.length < 64) {
    const p = sys.sys_mmap(k, 0, 16 * MiB, prot, flags)
    if (p < 0) break
    list.push(p)
  }
  for (const p of list) sys.sys_munmap(k, p, 16 * MiB)
  return list.length * 16
}
function set(k: Kernel, name: string, value: number): void {
  sysctl_write(k, `vm.${name}`, String(value))
}
function committed(k: Kernel): number {
  return k.var.committed_as * 4
}
/** A 512 MiB machine with what the reference had committed before. */
function machine(): Kernel {
  const k = bare_machine({ ram: 512 * MiB })
  expect(k.var.totalram_pages * 4).toBe(468416)
  k.var.committed_as = 4536 / 4
  return k
}

describe('the largest mapping in MiB (512 MiB machine without swap)', () => {
  test.each([
    [0, 50, 0, 0, 234208, [457, MAX, MAX, MAX, 457, MAX]],
    [0, 80, 0, 1000, 374732, [457, MAX, MAX, MAX, 457, MAX]],
    [1, 50, 0, 1000, 234208, [MAX, MAX, MAX, MAX, MAX, MAX]],
    [2, 50, 0, 0, 234208, [224, 224, MAX, MAX, 224, 224]],
    [2, 50, 0, 1000, 234208, [216, 216, MAX, MAX, 216, 216]],
    [2, 80, 0, 0, 374732, [361, 361, MAX, MAX, 361, 361]],
    [2, 80, 0, 1000, 374732, [353, 353, MAX, MAX, 353, 353]],
    [2, 50, 100000, 0, 100000, [93, 93, MAX, MAX, 93, 93]],
    [2, 50, 100000, 1000, 100000, [85, 85, MAX, MAX, 85, 85]],
  ])('mode %i ratio %i kbytes %i uid %i', (mode, ratio, kbytes, uid, limit, want) => {
    const k = machine()
    set(k, 'overcommit_ratio', ratio)
    set(k, 'overcommit_memory', mode)
    if (kbytes > 0) set(k, 'overcommit_kbytes', kbytes)
    if (uid > 0) sys.sys_setuid(k, uid)
    expect(vm_commit_limit(k) * 4).toBe(limit)
    expect(KINDS.map(([prot, flags]) => largest(k, prot, flags))).toEqual(want)
    expect(committed(k)).toBe(4536)
  })
  test('chunks of 16 MiB stop earlier: the reserve for others grows with the address space', () => {
    const k = machine()
    set(k, 'overcommit_memory', 2)
    expect(KINDS.map(([prot, flags]) => Math.min(chunks(k, prot, flags), 1024))).toEqual([
      208, 208, 1024, 1024, 208, 208,
    ])
    set(k, 'user_reserve_kbytes', 0)
    sys.sys_setuid(k, 1000)
    expect(chunks(k, RW, ANON)).toBe(208)
    set(k, 'admin_reserve_kbytes', 0)
    expect(chunks(k, RW, ANON)).toBe(224)
    expect(largest(k, RW, ANON)).toBe(224)
  })
})

describe.each([0, 1, 2])('what counts in Committed_AS, mode %i', (mode) => {
  test('as measured', () => {
    const k = bare_machine({ ram: 512 * MiB })
    set(k, 'overcommit_ratio', 80)
    set(k, 'overcommit_memory', mode)
    const parent = k.var.current
    const got: [string, number][] = []
    const A = <T>(name: string, work: () => T): T => {
      const before = committed(k)
      const ret = work()
      got.push([name, committed(k) - before])
      return ret
    }
    const mmap = (n: number, prot: number, flags: number, fd = -1): number => sys.sys_mmap(k, 0, n, prot, flags, fd)
    const touch = (p: number, n: number): number => access_range(k, p, n / 4096, 4096, true)
    let p = A('private rw', () => mmap(16 * MiB, RW, ANON))
    A('write', () => touch(p, 8 * MiB))
    A('mprotect r', () => sys.sys_mprotect(k, p, 4 * MiB, u.PROT_READ))
    A('mprotect rw', () => sys.sys_mprotect(k, p, 4 * MiB, RW))
    A('mprotect none', () => sys.sys_mprotect(k, p + 12 * MiB, 4 * MiB, u.PROT_NONE))
    A('dontneed', () => sys.sys_madvise(k, p, 8 * MiB, u.MADV_DONTNEED))
    A('munmap middle', () => sys.sys_munmap(k, p + 4 * MiB, 4 * MiB))
    A('munmap', () => sys.sys_munmap(k, p, 16 * MiB))
    p = A('private r', () => mmap(16 * MiB, u.PROT_READ, ANON))
    A('made rw', () => sys.sys_mprotect(k, p, 16 * MiB, RW))
    A('made r', () => sys.sys_mprotect(k, p, 16 * MiB, u.PROT_READ))
    A('munmap', () => sys.sys_munmap(k, p, 16 * MiB))
    p = A('none', () => mmap(16 * MiB, u.PROT_NONE, ANON))
    A('1 MiB made rw', () => sys.sys_mprotect(k, p, MiB, RW))
    A('munmap', () => sys.sys_munmap(k, p, 16 * MiB))
    p = A('noreserve', () => mmap(16 * MiB, RW, ANON | u.MAP_NORESERVE))
    A('munmap', () => sys.sys_munmap(k, p, 16 * MiB))
    p = A('shared', () => mmap(16 * MiB, RW, SHARED))
    A('write', () => touch(p, 16 * MiB))
    A('munmap', () => sys.sys_munmap(k, p, 16 * MiB))
    p = A('shared noreserve', () => mmap(16 * MiB, RW, SHARED | u.MAP_NORESERVE))
    A('write', () => touch(p, 8 * MiB))
    A('munmap', () => sys.sys_munmap(k, p, 16 * MiB))
    const fd = sys_open(k, '/shm/o', O_CREAT | O_RDWR, FS_TMPFS)
    A('ftruncate', () => sys_ftruncate(k, fd, 8 * MiB))
    p = A('tmpfs shared', () => mmap(8 * MiB, RW, u.MAP_SHARED, fd))
    A('write', () => touch(p, 4 * MiB))
    A('munmap', () => sys.sys_munmap(k, p, 8 * MiB))
    p = A('tmpfs private rw', () => mmap(8 * MiB, RW, u.MAP_PRIVATE, fd))
    A('munmap', () => sys.sys_munmap(k, p, 8 * MiB))
    p = A('tmpfs private r', () => mmap(8 * MiB, u.PROT_READ, u.MAP_PRIVATE, fd))
    A('munmap', () => sys.sys_munmap(k, p, 8 * MiB))
    A('unlink', () => {
      sys_close(k, fd)
      sys_unlink(k, '/shm/o')
    })
    const brk = sys.sys_brk(k, 0)
    A('brk up', () => sys.sys_brk(k, brk + 4 * MiB))
    A('brk down', () => sys.sys_brk(k, brk))
    // relro, data, bss, heap and stack of the program itself
    const base = 16 + 12 + 712 + 136 + 132
    let child = 0
    p = A('mmap + fork', () => {
      const at = mmap(64 * MiB, RW, ANON)
      child = find_task_by_pid(k, sys.sys_fork(k))
      return at
    })
    A('child exits', () => {
      run_as(k, child)
      sys.sys_exit(k, 0)
      run_as(k, parent)
      sys.sys_wait4(k, -1)
    })
    A('mremap', () => expect(sys.sys_mremap(k, p, 64 * MiB, 96 * MiB, u.MREMAP_MAYMOVE)).toBe(0x7fffedff9000))
    const strict = mode === 2
    expect(got).toEqual([
      ['private rw', 16384],
      ['write', 0],
      ['mprotect r', 0],
      ['mprotect rw', 0],
      ['mprotect none', 0],
      ['dontneed', 0],
      ['munmap middle', -4096],
      ['munmap', -12288],
      ['private r', 0],
      ['made rw', 16384],
      ['made r', 0],
      ['munmap', -16384],
      ['none', 0],
      ['1 MiB made rw', 1024],
      ['munmap', -1024],
      ['noreserve', strict ? 16384 : 0],
      ['munmap', strict ? -16384 : 0],
      ['shared', 16384],
      ['write', 0],
      ['munmap', -16384],
      ['shared noreserve', strict ? 16384 : 0],
      ['write', strict ? 0 : 8192],
      ['munmap', strict ? -16384 : -8192],
      ['ftruncate', 0],
      ['tmpfs shared', 0],
      ['write', 4096],
      ['munmap', 0],
      ['tmpfs private rw', 8192],
      ['munmap', -8192],
      ['tmpfs private r', 0],
      ['munmap', 0],
      ['unlink', -4096],
      ['brk up', 4096],
      ['brk down', -4096],
      ['mmap + fork', 131072 + base],
      ['child exits', -65536 - base],
      ['mremap', 32768],
    ])
  })
})
