/** Random system calls on memory against a naive model of pages, with the invariants checked on the way. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { access_once } from '../../../src-main/kernel/entry/access'
import { ACCESS_READ, ACCESS_WRITE } from '../../../src-main/kernel/entry/fault'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { arena_hash } from '../../../src-main/kernel/lib/arena'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { verify_slub } from '../../../src-main/kernel/mm/verify_slub'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { bare_machine, MiB, run_as } from '../../support/bare'

const PG = 4096
const BASE = 0x200000000000
/** The window the operations work in: two page tables and a bit. */
const PAGES = 1100
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED

type Op =
  | { op: 'map'; at: number; n: number; prot: number; shared: boolean }
  | { op: 'unmap' | 'dontneed' | 'free' | 'lock' | 'unlock'; at: number; n: number }
  | { op: 'protect'; at: number; n: number; prot: number }
  | { op: 'move'; at: number; n: number; to: number }
  | { op: 'read' | 'write'; at: number; n: number }
  | { op: 'fork' }
  | { op: 'exit' }

const at = fc.nat(PAGES - 1)
const n = fc.integer({ min: 1, max: 600 })
const prot = fc.constantFrom(u.PROT_NONE, u.PROT_READ, u.PROT_READ | u.PROT_WRITE)
const span = <T extends Op['op']>(op: T) => fc.record({ op: fc.constant(op), at, n })
const operation: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('map' as const), at, n, prot, shared: fc.boolean() }) },
  { weight: 2, arbitrary: span('unmap' as const) },
  { weight: 1, arbitrary: span('dontneed' as const) },
  { weight: 1, arbitrary: span('free' as const) },
  { weight: 1, arbitrary: span('lock' as const) },
  { weight: 1, arbitrary: span('unlock' as const) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('protect' as const), at, n, prot }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('move' as const), at, n, to: at }) },
  { weight: 3, arbitrary: span('read' as const) },
  { weight: 4, arbitrary: span('write' as const) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('fork' as const, 'exit' as const) }) },
) as fc.Arbitrary<Op>

/** What the model knows of a page: its rights; undefined where nothing is mapped. */
type Model = Map<number, number>

interface World {
  readonly k: Kernel
  model: Model
  /** Suspended parents: task and model. */
  readonly parents: { t: number; model: Model }[]
}

function clip(op: { at: number; n: number }): [number, number] {
  return [op.at, Math.min(op.at + op.n, PAGES)]
}
function covered(model: Model, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!model.has(i)) return false
  return true
}

function apply(w: World, op: Op): void {
  const { k, model } = w
  if (op.op === 'fork') {
    const pid = sys.sys_fork(k)
    expect(pid).toBeGreaterThan(0)
    w.parents.push({ t: k.var.current, model })
    w.model = new Map(model)
    return run_as(k, find_task_by_pid(k, pid))
  }
  if (op.op === 'exit') {
    const parent = w.parents.pop()
    if (parent === undefined) return
    sys.sys_exit(k, 0)
    run_as(k, parent.t)
    w.model = parent.model
    expect(sys.sys_wait4(k, -1)).toBeGreaterThan(0)
    return
  }
  const [from, to] = clip(op)
  const addr = BASE + from * PG
  const len = (to - from) * PG
  switch (op.op) {
    case 'map': {
      const flags = op.shared ? u.MAP_SHARED | u.MAP_ANONYMOUS | u.MAP_FIXED : ANON
      expect(sys.sys_mmap(k, addr, len, op.prot, flags)).toBe(addr)
      for (let i = from; i < to; i++) model.set(i, op.prot)
      return
    }
    case 'unmap':
      expect(sys.sys_munmap(k, addr, len)).toBe(0)
      for (let i = from; i < to; i++) model.delete(i)
      return
    case 'protect': {
      const ok = covered(model, from, to)
      expect(sys.sys_mprotect(k, addr, len, op.prot)).toBe(ok ? 0 : -u.ENOMEM)
      // Up to the first hole the change was made.
      for (let i = from; i < to && model.has(i); i++) model.set(i, op.prot)
      return
    }
    case 'dontneed': {
      const ret = sys.sys_madvise(k, addr, len, u.MADV_DONTNEED)
      if (ret !== -u.EINVAL) expect(ret).toBe(covered(model, from, to) ? 0 : -u.ENOMEM)
      return
    }
    case 'free':
      sys.sys_madvise(k, addr, len, u.MADV_FREE)
      return
    case 'lock':
      sys.sys_mlock(k, addr, len)
      return
    case 'unlock':
      sys.sys_munlock(k, addr, len)
      return
    case 'move':
      return move(w, from, to, op.to)
    case 'read':
    case 'write':
      return access(w, from, to, op.op === 'write')
  }
}

function move({ k, model }: World, from: number, to: number, target: number): void {
  const pages = Math.min(to - from, PAGES - target)
  const old = BASE + from * PG
  const ret = sys.sys_mremap(k, old, pages * PG, pages * PG, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, BASE + target * PG)
  // Several areas, holes and overlaps are refused; the model follows what the kernel said it did.
  if (ret < 0) {
    if (ret !== -u.EINVAL || overlap(from, target, pages)) return
    return
  }
  const rights = Array.from({ length: pages }, (_, i) => model.get(from + i))
  expect(rights.every((r) => r !== undefined)).toBe(true)
  for (let i = 0; i < pages; i++) model.delete(from + i)
  for (let i = 0; i < pages; i++) model.set(target + i, rights[i]!)
}
function overlap(a: number, b: number, n: number): boolean {
  return a < b + n && b < a + n
}

function access({ k, model }: World, from: number, to: number, write: boolean): void {
  const t = k.var.current
  const need = write ? u.PROT_WRITE : u.PROT_READ
  for (let i = from; i < to; i += 7) {
    const rights = model.get(i)
    const ok = access_once(k, BASE + i * PG + 8, write ? ACCESS_WRITE : ACCESS_READ)
    expect(ok).toBe(rights !== undefined && (rights & need) !== 0)
    if (ok) continue
    expect([k.task.si_signo[t], k.task.si_code[t]]).toEqual([u.SIGSEGV, rights === undefined ? 1 : 2])
    k.task.sig_pending[t * 2] = 0
  }
}

function run(ops: readonly Op[]): Kernel {
  const k = bare_machine({ ram: 128 * MiB })
  const w: World = { k, model: new Map(), parents: [] }
  ops.forEach((op, i) => {
    // A failed move has unmapped its target already: only successful ones are in the model.
    if (op.op === 'move' && !movable(w, op)) return
    apply(w, op)
    if (i % 5 === 4) verify_mm(k)
  })
  verify_mm(k)
  verify_page_alloc(k)
  verify_slub(k)
  return k
}
/** mremap works on one area, to a place that does not overlap; others are left out. */
function movable({ k, model }: World, op: { at: number; n: number; to: number }): boolean {
  const [from, to] = clip(op)
  const pages = Math.min(to - from, PAGES - op.to)
  if (overlap(from, op.to, pages) || !covered(model, from, from + pages)) return false
  const mm = k.task.mm[k.var.current]!
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
    const start = (k.vma.vm_start[vma]! - BASE) / PG
    const end = (k.vma.vm_end[vma]! - BASE) / PG
    if (start <= from && from + pages <= end) return true
  }
  return false
}

test('areas, rights, faults and counts agree with a map of pages', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 5, maxLength: 40 }), (ops) => void run(ops)),
    { numRuns: 25, seed: 20240601 },
  )
})

test('the same operations give the same machine', () => {
  const ops = fc.sample(fc.array(operation, { minLength: 30, maxLength: 40 }), { numRuns: 1, seed: 7 })[0]!
  expect(arena_hash(run(ops).arena)).toBe(arena_hash(run(ops).arena))
})
