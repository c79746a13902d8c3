/**
 * Page tables under random mapping, touching and unmapping of addresses that lie far apart. The naive model is the set of
 * mapped pages and, for each level, the set of regions that have a table: one comes when something in it is touched, and
 * goes when the last area that reaches into it is unmapped.
 */
import { expect } from 'vitest'
import { C } from '../../../src-shared/counters'
import { access_once } from '../../../src-main/kernel/entry/access'
import { ACCESS_READ, ACCESS_WRITE } from '../../../src-main/kernel/entry/fault'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PTE_P, PTE_SPECIAL, PTE_W } from '../../../src-main/kernel/kernel'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../../support/bare'
import { below, pick, testLoad, type World } from '../../support/randomLoad'

const PAGE = 4096
const BASE = 0x200000000000
/** What a table spans: of pages, of these, of those. */
const SPANS = [2 * MiB, 1024 * MiB, 512 * 1024 * MiB] as const
/** Places where an area may begin: some pages before and after a border of each level. */
const PLACES = SPANS.flatMap((span) =>
  [1, 2].flatMap((n) => [-40, -8, 0, 8, 600].map((page) => n * span + page * PAGE)),
)
type Access = 'none' | 'read' | 'written'

interface Model {
  /** Mapped pages, by address. */
  readonly pages: Map<number, Access>
  /** Regions with a table, by level. */
  readonly tables: readonly Set<number>[]
  /** Bytes and counted tables that were there before. */
  readonly bytes: number
  readonly counted: number
}

function map({ k, model }: World<Model>, addr: number, nr: number): void {
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED
  expect(sys.sys_mmap(k, addr, nr * PAGE, u.PROT_READ | u.PROT_WRITE, flags)).toBe(addr)
  forget(model, addr, nr)
  for (let i = 0; i < nr; i++) model.pages.set(addr + i * PAGE, 'none')
}
function unmap({ k, model }: World<Model>, addr: number, nr: number): void {
  expect(sys.sys_munmap(k, addr, nr * PAGE)).toBe(0)
  forget(model, addr, nr)
}
/** A table is freed with the area that was the last to reach into its region. */
function forget({ pages, tables }: Model, addr: number, nr: number): void {
  const gone: number[] = []
  for (let at = addr; at < addr + nr * PAGE; at += PAGE) if (pages.delete(at)) gone.push(at)
  tables.forEach((regions, level) => {
    const left = new Set([...pages.keys()].map((at) => Math.floor(at / SPANS[level]!)))
    for (const at of gone) if (!left.has(Math.floor(at / SPANS[level]!))) regions.delete(Math.floor(at / SPANS[level]!))
  })
}
function touch({ k, model }: World<Model>, addr: number, write: boolean): void {
  const before = model.pages.get(addr)
  expect(access_once(k, addr, write ? ACCESS_WRITE : ACCESS_READ)).toBe(before !== undefined)
  k.task.sig_pending[k.var.current * 2] = 0
  if (before === undefined) return
  model.pages.set(addr, write || before === 'written' ? 'written' : 'read')
  model.tables.forEach((regions, level) => regions.add(Math.floor(addr / SPANS[level]!)))
}

function operate(w: World<Model>): void {
  const addr = BASE + pick(w, PLACES)
  const nr = 1 + below(w, below(w, 4) === 0 ? 700 : 40)
  const what = below(w, 10)
  if (what < 2) map(w, addr, nr)
  else if (what < 4) unmap(w, addr, nr)
  else if (what === 4) {
    // Entries go, tables stay; holes make no difference.
    sys.sys_madvise(w.k, addr, nr * PAGE, u.MADV_DONTNEED)
    for (let at = addr; at < addr + nr * PAGE; at += PAGE) if (w.model.pages.has(at)) w.model.pages.set(at, 'none')
  } else for (let i = 0; i < 4; i++) touch(w, addr + below(w, nr) * PAGE, what > 6)
}

function check({ k, model }: World<Model>): void {
  const mm = k.task.mm[k.var.current]!
  const [ptes, pmds, puds] = model.tables.map((regions) => regions.size)
  expect(k.mm.pgtables_bytes[mm]! - model.bytes).toBe((ptes! + pmds! + puds!) * PAGE)
  // PageTables leaves out the tables of the third level.
  expect(k.vmstat[C.nr_page_table_pages]! - model.counted).toBe(ptes! + pmds!)
  for (const [addr, access] of model.pages) {
    const entry = mapped_entry(k, mm, addr)
    const want = access === 'none' ? 0 : access === 'read' ? PTE_P | PTE_SPECIAL : PTE_P | PTE_W
    expect(entry & (PTE_P | PTE_SPECIAL | PTE_W), addr.toString(16)).toBe(want)
  }
  verify_mm(k)
  verify_page_alloc(k)
}

testLoad<Model>('tables and entries are those that sets have', {
  operations: 300,
  every: 20,
  open: () => {
    const k = bare_machine()
    const bytes = k.mm.pgtables_bytes[k.task.mm[k.var.current]!]!
    const tables = SPANS.map(() => new Set<number>())
    return { k, model: { pages: new Map(), tables, bytes, counted: k.vmstat[C.nr_page_table_pages]! } }
  },
  operate,
  check,
})
