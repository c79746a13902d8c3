/** How many nodes an address space's tree has: leaves fill up under ascending writes, and shrink when areas go. */
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { mm_depth, verify_maple } from '../../../src-main/kernel/mm/maple_tree'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { bare_machine } from '../../support/bare'

const PG = 4096
const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_NORESERVE

function mm_of(k: Kernel): number {
  return k.task.mm[k.var.current]!
}
/** Unmaps every other page of so many, in the order that `at` gives, and tells how many nodes the tree has then. */
function holes(count: number, at: (i: number) => number): { k: Kernel; p: number; nodes: number } {
  const k = bare_machine()
  const before = k.maple.meta.nr_live
  const p = sys.sys_mmap(k, 0, count * 2 * PG, RW, ANON)
  for (let i = 0; i < count; i++) {
    expect(sys.sys_munmap(k, p + at(i) * 2 * PG, PG)).toBe(0)
    if (i % 100 === 0) verify_maple(k, mm_of(k))
  }
  verify_mm(k)
  return { k, p, nodes: k.maple.meta.nr_live - before }
}

test('ascending holes leave full leaves, as what is too much goes to the left first', () => {
  const { k, nodes } = holes(4096, (i) => i)
  // 8192 areas and gaps: 15 entries are pushed left, and one more where the last would be a gap.
  expect(nodes).toBe(8192 / 16 + 57 + 7 + 1)
  expect(mm_depth(k, mm_of(k))).toBe(4)
})

test('holes in no order leave emptier leaves', () => {
  const { nodes } = holes(4096, (i) => (i * 2039) % 4096)
  expect(nodes).toBeGreaterThan(8192 / 14)
  expect(nodes).toBeLessThan((8192 / 8) * 1.15)
})

test('the areas go, with them the levels', () => {
  const { k, p } = holes(4096, (i) => (i * 2039) % 4096)
  for (let i = 0; i < 4096; i += 64) {
    expect(sys.sys_munmap(k, p + ((i * 37) % 4096) * 2 * PG, 64 * 2 * PG)).toBe(0)
    verify_maple(k, mm_of(k))
  }
  expect(sys.sys_munmap(k, p, 4096 * 2 * PG)).toBe(0)
  verify_mm(k)
  expect(mm_depth(k, mm_of(k))).toBeLessThan(3)
})

test('a child has a tree of its own, filled from the left; nothing is left when both are gone', () => {
  const { k, p } = holes(300, (i) => (i * 7) % 300)
  const parent = mm_of(k)
  const before = k.maple.meta.nr_live
  const pid = sys.sys_fork(k)
  expect(pid).toBeGreaterThan(0)
  verify_mm(k)
  const made = k.maple.meta.nr_live - before
  // 15 entries a leaf where areas come in their order.
  expect(made).toBeLessThan((600 / 14) * 1.3)
  expect(sys.sys_munmap(k, p, 600 * PG)).toBe(0)
  verify_mm(k)
  expect(mm_depth(k, parent)).toBeLessThan(3)
})

test('areas at random places, stretched, cut, moved and replaced, stay in step with their list', () => {
  const k = bare_machine()
  const base = 0x10000000
  let seed = 12345
  const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n
  for (let i = 0; i < 4000; i++) {
    const at = base + random(900) * PG
    const len = (1 + random(i % 50 === 0 ? 400 : 6)) * PG
    const what = random(4)
    if (what === 0) sys.sys_munmap(k, at, len)
    else if (what === 1) sys.sys_mprotect(k, at, len, random(2) === 0 ? RW : u.PROT_READ)
    else sys.sys_mmap(k, at, len, random(2) === 0 ? RW : u.PROT_READ, ANON | u.MAP_FIXED)
    verify_maple(k, mm_of(k))
  }
  verify_mm(k)
})
