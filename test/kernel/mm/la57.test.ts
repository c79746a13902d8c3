/** Five-level page tables: one table more, counted nowhere; addresses beyond 47 bits for those who ask by a hint. */
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { PTRS } from '../../../src-main/kernel/arch/x86/pgtable'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { cpuinfo_text } from '../../../src-main/kernel/proc/system'
import { pid_maps } from '../../../src-main/kernel/proc/smaps'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { M } from '../../../src-shared/counters'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const HIGH = 2 ** 52
const mm_of = (k: Kernel): number => k.task.mm[k.var.current]!
const map = (k: Kernel, hint: number, len: number, flags = ANON): number => sys.sys_mmap(k, hint, len, RW, flags)

test('a processor without la57, or no5lvl on the command line: four levels', () => {
  for (const k of [bare_machine(), bare_machine({ la57: true, bootParams: ['no5lvl'] })]) {
    expect(k.la57).toBe(false)
    expect(map(k, HIGH, MiB)).toBeLessThan(2 ** 47)
    expect(map(k, HIGH, MiB, ANON | u.MAP_FIXED)).toBe(-u.ENOMEM)
    expect(cpuinfo_text(k)).not.toContain('la57')
    access_range(k, HIGH, 1, 0, false)
    // Not canonical with four levels: no address is told.
    expect([k.task.si_signo[k.var.current], k.task.si_code[k.var.current]]).toEqual([u.SIGSEGV, u.SI_KERNEL])
  }
})

test('the same program has the same VmPTE and PageTables; the P4D table is one frame that nothing counts', () => {
  const run = (la57: boolean): { k: Kernel; pte: number; tables: number; used: number } => {
    const k = bare_machine({ la57 })
    const p = map(k, 0, 8 * MiB)
    expect(p).toBeLessThan(2 ** 47)
    access_range(k, p, 2048, 4096, true)
    verify_mm(k)
    return { k, pte: k.mm.pgtables_bytes[mm_of(k)]!, tables: meminfo(k).PageTables, used: k.pt.meta.nr_live }
  }
  const four = run(false)
  const five = run(true)
  expect([five.pte, five.tables]).toEqual([four.pte, four.tables])
  // One for the task, one for the address space that its exec left behind is gone again.
  expect(five.used - four.used).toBe(1)
  expect(five.k.pt.level[five.k.mm.pgd[mm_of(five.k)]!]).toBe(4)
  expect(meminfo(five.k).VmallocTotal).toBeGreaterThan(meminfo(four.k).VmallocTotal)
  expect(cpuinfo_text(five.k)).toMatch(/ la57\n[\s\S]*57 bits virtual/)
})

test('a hint beyond 47 bits is met, without one nothing goes there; a mapping does not cross the border', () => {
  const k = bare_machine({ la57: true })
  const before = k.mm.pgtables_bytes[mm_of(k)]!
  const p = map(k, HIGH, 4 * MiB)
  expect(p).toBe(HIGH)
  expect(step(k, () => access_range(k, p, 1024, 4096, true))).toMatchObject({ ret: 1024, minflt: 1024 })
  // A PUD, a PMD and two PTE tables count; the P4D table does not.
  expect(k.mm.pgtables_bytes[mm_of(k)]! - before).toBe(4 * 4096)
  expect(pid_maps(k, mm_of(k))).toContain('10000000000000-10000000400000 rw-p')
  expect(map(k, 2 ** 47 - MiB, 4 * MiB)).toBeLessThan(2 ** 47)
  const top = map(k, 2 ** 56 - MiB, 2 * MiB)
  expect(top).toBeGreaterThan(2 ** 55)
  expect(map(k, 0, 4 * MiB)).toBeLessThan(2 ** 47)
  verify_mm(k)
  sys.sys_munmap(k, p, 4 * MiB)
  expect(k.mm.pgtables_bytes[mm_of(k)]).toBe(before)
  verify_mm(k)
})

test('fork copies, exit frees and a walk reads one entry more', () => {
  const k = bare_machine({ la57: true })
  const p = map(k, HIGH, 64 * MiB)
  access_range(k, p, 16384, 4096, true)
  const parent = k.var.current
  const live = k.pt.meta.nr_live
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  expect(step(k, () => access_range(k, p, 16384, 4096, true)).minflt).toBe(16384)
  verify_mm(k)
  sys.sys_exit(k, 0)
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  expect(k.pt.meta.nr_live).toBe(live)
  expect(step(k, () => access_range(k, p, 16384, 4096, true)).minflt).toBe(16384)
  verify_mm(k)
})

test('the first walk after a new context reads five lines instead of four', () => {
  const cold = (la57: boolean): number => {
    const k = bare_machine({ la57 })
    const p = map(k, 2 ** 40, 4096)
    access_range(k, p, 1, 0, true)
    k.tlb.word.fill(0)
    const before = k.machine[M.walk_cycles]!
    access_range(k, p, 1, 0, true)
    return k.machine[M.walk_cycles]! - before
  }
  expect(cold(true) / cold(false)).toBe(5 / 4)
})

test('a snapshot of such a machine goes on as the machine does', () => {
  const k = bare_machine({ la57: true })
  const p = map(k, HIGH, MiB)
  const copy = restore(snapshot(k))
  for (const m of [k, copy]) access_range(m, p, 256, 4096, true)
  expect(hash(copy)).toBe(hash(k))
  expect(k.pt.entry.length % PTRS).toBe(0)
})
