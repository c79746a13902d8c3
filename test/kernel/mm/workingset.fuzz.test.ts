/**
 * Refaults under random evictions, activations and returns, on the machine and in a cgroup. The naive model keeps the
 * whole history: the distance of a refault is how many events its list has seen since the eviction, and it is compared
 * with the pages that compete, counted one by one.
 */
import { expect } from 'vitest'
import { C } from '../../../src-shared/counters'
import {
  GFP_HIGHUSER_MOVABLE,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  PG_active,
  PG_anon,
  PG_swapbacked,
  PG_uptodate,
  PG_workingset,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { mem_cgroup_charge } from '../../../src-main/kernel/mm/memcontrol'
import { cgroup_mkdir } from '../../../src-main/kernel/mm/memcg_tree'
import { alloc_page } from '../../../src-main/kernel/mm/page_alloc'
import {
  deactivate_page,
  folio_activate,
  isolate_lru_page,
  lru_add_drain,
  lru_cache_add,
  mark_page_accessed,
  release_page,
} from '../../../src-main/kernel/mm/swap'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { mem_cgroup_flush_stats } from '../../../src-main/kernel/mm/lruvec_stat'
import { workingset_eviction, workingset_refault } from '../../../src-main/kernel/mm/workingset'
import { bare_machine, MiB } from '../../support/bare'
import { below, pick, testLoad, type World } from '../../support/randomLoad'

interface Page {
  readonly pfn: number
  readonly file: boolean
  /** 0: none. */
  readonly cgroup: number
  active: boolean
  referenced: boolean
  workingset: boolean
}
interface Evicted {
  readonly page: Page
  readonly shadow: number
  /** Who was reclaimed, and the number of events that its list had seen. */
  readonly target: number
  readonly at: number
}
interface Model {
  readonly cgroup: number
  readonly swap: boolean
  /** Ages are kept in buckets of so many events. */
  readonly bucket: number
  /** Events by cgroup. */
  readonly age: [number, number]
  /** Pages that were there before, by list: anon, active anon, file, active file. */
  readonly before: readonly number[]
  readonly pages: Map<number, Page>
  readonly evicted: Evicted[]
  readonly counts: { refault: [number, number]; activate: [number, number]; restore: [number, number] }
  /** What the refaults of anonymous and file pages cost, by cgroup. */
  readonly cost: [anon: number, file: number][]
}

/** The cgroup and all above it; the test's cgroup is a child of the root. */
function up(cgroup: number): number[] {
  return cgroup === 0 ? [0] : [cgroup, 0]
}
function event(m: Model, cgroup: number): void {
  for (const at of up(cgroup)) m.age[at === 0 ? 0 : 1]++
}
function age(m: Model, cgroup: number): number {
  return Math.floor(m.age[cgroup === 0 ? 0 : 1] / m.bucket)
}
/** Pages of a kind below a cgroup. */
function count(m: Model, cgroup: number, file: boolean, active: boolean): number {
  let nr = cgroup === 0 ? m.before[(file ? 2 : 0) + (active ? 1 : 0)]! : 0
  for (const page of m.pages.values())
    if (page.file === file && page.active === active && up(page.cgroup).includes(cgroup)) nr++
  return nr
}
function competing(m: Model, cgroup: number, file: boolean): number {
  let nr = count(m, cgroup, true, true)
  if (!file) nr += count(m, cgroup, true, false)
  if (m.swap) nr += count(m, cgroup, false, true)
  if (m.swap && file) nr += count(m, cgroup, false, false)
  return nr
}
function note_cost(m: Model, page: Page): void {
  for (const at of up(page.cgroup)) {
    const cost = m.cost[at === 0 ? 0 : 1]!
    cost[page.file ? 1 : 0]++
    const all = [true, false].flatMap((file) => [true, false].map((active) => count(m, at, file, active)))
    const quarter = Math.floor(all.reduce((a, b) => a + b) / 4)
    if (cost[0] + cost[1] > quarter) cost.forEach((value, i) => (cost[i] = Math.floor(value / 2)))
  }
}

// ---------------------------------------------------------------- both

function new_page(k: Kernel, file: boolean, cgroup: number): Page {
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE)
  k.page.flags[pfn]! |= PG_uptodate | (file ? 0 : PG_anon | PG_swapbacked)
  expect(mem_cgroup_charge(k, pfn, cgroup)).toBe(true)
  return { pfn, file, cgroup, active: false, referenced: false, workingset: false }
}
function to_list({ k, model }: World<Model>, page: Page): void {
  lru_cache_add(k, page.pfn)
  lru_add_drain(k)
  model.pages.set(page.pfn, page)
}
function access({ k, model }: World<Model>, page: Page): void {
  mark_page_accessed(k, page.pfn)
  lru_add_drain(k)
  if (!page.referenced) page.referenced = true
  else if (!page.active) {
    Object.assign(page, { referenced: false, active: true })
    event(model, page.cgroup)
  }
}
/** As reclaim does it: what leaves the active list belonged to the working set. */
function deactivate({ k }: World<Model>, page: Page): void {
  if (!page.active) return
  deactivate_page(k, page.pfn)
  lru_add_drain(k)
  k.page.flags[page.pfn]! |= PG_workingset
  Object.assign(page, { active: false, referenced: false, workingset: true })
}
function evict(w: World<Model>, page: Page): void {
  const { k, model } = w
  const target = pick(w, up(page.cgroup))
  expect(isolate_lru_page(k, page.pfn)).toBe(true)
  model.evicted.push({ page, target, at: age(model, target), shadow: workingset_eviction(k, page.pfn, target) })
  event(model, target)
  release_page(k, page.pfn)
  model.pages.delete(page.pfn)
}
function refault(w: World<Model>, { page: old, shadow, target, at }: Evicted): void {
  const { k, model } = w
  const page = new_page(k, old.file, old.cgroup)
  const kind = page.file ? 1 : 0
  // Lists as they are, not as they were two seconds ago.
  mem_cgroup_flush_stats(k)
  workingset_refault(k, page.pfn, shadow)
  model.counts.refault[kind]++
  if ((age(model, target) - at) * model.bucket <= competing(model, target, page.file)) {
    page.active = true
    event(model, page.cgroup)
    model.counts.activate[kind]++
    page.workingset = old.workingset
    if (page.workingset) {
      note_cost(model, page)
      model.counts.restore[kind]++
    }
  }
  to_list(w, page)
}

function operate(w: World<Model>): void {
  const { k, model } = w
  const what = below(w, 12)
  if (what < 2 || model.pages.size < 40)
    return to_list(w, new_page(k, below(w, 2) === 0, below(w, 2) === 0 ? 0 : model.cgroup))
  const page = pick(w, [...model.pages.values()])
  if (what < 4) access(w, page)
  else if (what === 4) {
    folio_activate(k, page.pfn)
    lru_add_drain(k)
    page.active = true
  } else if (what === 5) deactivate(w, page)
  else if (what < 9) evict(w, page)
  // The latest evictions most of all: far ones never come back in time.
  else if (model.evicted.length > 0) {
    const near = Math.min(model.evicted.length, 1 + below(w, 120))
    refault(w, model.evicted.splice(-near, 1)[0]!)
  }
}

function check({ k, model }: World<Model>): void {
  const { refault, activate, restore } = model.counts
  const pair = (anon: number): number[] => [k.vmstat[anon]!, k.vmstat[anon + 1]!]
  expect(pair(C.workingset_refault_anon)).toEqual(refault)
  expect(pair(C.workingset_activate_anon)).toEqual(activate)
  expect(pair(C.workingset_restore_anon)).toEqual(restore)
  for (const at of up(model.cgroup)) {
    const { anon_cost, file_cost } = k.lruvec
    expect([anon_cost[at + 1], file_cost[at + 1]], `costs of ${at}`).toEqual(model.cost[at === 0 ? 0 : 1])
  }
  for (const { pfn, active, workingset } of model.pages.values())
    expect(k.page.flags[pfn]! & (PG_active | PG_workingset)).toBe(
      (active ? PG_active : 0) | (workingset ? PG_workingset : 0),
    )
}

const open = (swap: boolean, bucket: number) => () => {
  const k = bare_machine()
  if (swap) swapon(k, 16 * MiB, 'ssd')
  // A machine of 8 GiB has more pages than the age has values.
  if (bucket > 1) k.var.totalram_pages = 2 ** 20 * bucket
  const cgroup = cgroup_mkdir(k, 0, 'a')
  lru_add_drain(k)
  const before = Array.from(
    { length: LRU_ACTIVE_FILE + 1 },
    (_, i) => k.vmstat[C.nr_inactive_anon + LRU_INACTIVE_ANON + i]!,
  )
  // Soon the age is beyond its twenty bits.
  const age: [number, number] = [(2 ** 20 - 500) * bucket, 0]
  k.lruvec.nonresident_age[1] = age[0]
  const counts: Model['counts'] = { refault: [0, 0], activate: [0, 0], restore: [0, 0] }
  const cost: Model['cost'] = [
    [0, 0],
    [0, 0],
  ]
  const model: Model = { cgroup, swap, bucket, age, before, pages: new Map(), evicted: [], counts, cost }
  return { k, model }
}

testLoad<Model>('without swap, a page competes with the active file pages', {
  operations: 2000,
  every: 100,
  open: open(false, 1),
  operate,
  check,
})
testLoad<Model>('with swap, with anonymous pages too', {
  operations: 2000,
  every: 100,
  open: open(true, 1),
  operate,
  check,
})
testLoad<Model>('on a large machine ages count in buckets', {
  operations: 2000,
  every: 100,
  open: open(true, 4),
  operate,
  check,
})
