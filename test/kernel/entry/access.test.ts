/** The access loop against the plain reference, and its early returns. */
import { describe, expect, test } from 'vitest'
import { M } from '../../../src-shared/counters'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_list, access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { P4D_SIZE } from '../../../src-main/kernel/arch/x86/pgtable'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../../support/bare'
import { make_trace, sim } from '../../support/sim'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS

function counts(k: Kernel): number[] {
  return [M.tlb_l1_hit, M.tlb_l2_hit, M.tlb_miss, M.tlb_access].map((i) => k.machine[i]!)
}

describe.each(['seq64', 'seqpage', 'rand', 'zipf'] as const)('trace %s', (kind) => {
  test('counts the same hits and misses as the reference', () => {
    const pages = 4096
    const n = 100_000
    const k = bare_machine()
    const p = sys.sys_mmap(k, 0, pages * 4096, RW, ANON)
    // Fault everything in first: a fault's walk is made twice, and the second half of the caches is cold then.
    access_range(k, p, pages, 4096, true)
    sys.sys_mprotect(k, p, pages * 4096, u.PROT_READ)
    sys.sys_mprotect(k, p, pages * 4096, RW)
    const before = counts(k)
    const trace = make_trace(kind, n, pages)
    expect(access_list(k, p, trace, n)).toBe(n)
    const got = counts(k).map((v, i) => v - before[i]!)
    const first = (p % P4D_SIZE) / 4096
    const reference = sim()
    reference.run(
      trace.map((v) => v + first * 2),
      n,
    )
    expect(got).toEqual([...reference.counts.slice(0, 3), n])
    verify_mm(k)
  })
})

test('a range of small strides counts as if every access were looked up', () => {
  const by_range = bare_machine()
  const by_list = bare_machine()
  for (const k of [by_range, by_list]) {
    const p = sys.sys_mmap(k, 0, MiB, RW, ANON)
    const trace = Int32Array.from({ length: MiB / 64 }, (_, i) => ((i >> 6) << 1) | 1)
    if (k === by_range) expect(access_range(k, p, MiB / 64, 64, true)).toBe(MiB / 64)
    else expect(access_list(k, p, trace, trace.length)).toBe(trace.length)
  }
  expect(counts(by_range)).toEqual(counts(by_list))
  expect(by_range.var.now).toBe(by_list.var.now)
})

test('ranges cross PGD slots and run backwards', () => {
  const k = bare_machine()
  const at = 3 * P4D_SIZE - 4 * 4096
  expect(sys.sys_mmap(k, at, 8 * 4096, RW, ANON | u.MAP_FIXED)).toBe(at)
  expect(access_range(k, at, 8, 4096, true)).toBe(8)
  expect(access_range(k, at + 7 * 4096, 8, -4096, false)).toBe(8)
  expect(k.mm.rss_anon[k.task.mm[k.var.current]!]).toBeGreaterThanOrEqual(8)
  verify_mm(k)
})

test('stops when the slice is over and goes on from there', () => {
  const k = bare_machine()
  const p = sys.sys_mmap(k, 0, 16 * MiB, RW, ANON)
  k.var.slice_end = k.var.now + 1_000_000
  const first = access_range(k, p, 4096, 4096, true)
  expect(first).toBeGreaterThan(0)
  expect(first).toBeLessThan(4096)
  k.var.slice_end = Infinity
  expect(access_range(k, p + first * 4096, 4096 - first, 4096, true)).toBe(4096 - first)
})

test('a read-only translation faults on a write, also from the second level', () => {
  const k = bare_machine()
  const p = sys.sys_mmap(k, 0, 256 * 4096, u.PROT_READ, ANON)
  access_range(k, p, 256, 4096, false)
  expect(access_range(k, p, 1, 0, true)).toBe(0)
  expect(k.task.si_code[k.var.current]).toBe(u.SEGV_ACCERR)
})

test('huge pages need fewer walks than small ones', () => {
  const walks = (['always', 'never'] as const).map((thp) => {
    const k = bare_machine({ ram: 1024 * MiB, thp })
    const p = Math.ceil(sys.sys_mmap(k, 0, 66 * MiB, RW, ANON) / (2 * MiB)) * 2 * MiB
    access_range(k, p, 16384, 4096, true)
    const before = k.machine[M.walk_cycles]!
    access_list(k, p, make_trace('rand', 50_000, 16384), 50_000)
    return k.machine[M.walk_cycles]! - before
  })
  expect(walks[0]! * 5).toBeLessThan(walks[1]!)
})
