/**
 * The LRU lists and the batches of two CPUs under random use. The naive model is four arrays, the head first, and six
 * arrays of waiting pages a CPU; a batch does its work when fifteen are together, or when it is drained.
 */
import { expect } from 'vitest'
import {
  GFP_HIGHUSER_MOVABLE,
  LRU_INACTIVE_ANON,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_uptodate,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { alloc_page } from '../../../src-main/kernel/mm/page_alloc'
import {
  deactivate_file_folio,
  deactivate_page,
  folio_activate,
  folio_rotate_reclaimable,
  isolate_lru_page,
  lru_add_drain,
  lru_add_drain_all,
  lru_cache_add,
  mark_page_accessed,
  mark_page_lazyfree,
  putback_lru_page,
  release_page,
} from '../../../src-main/kernel/mm/swap'
import { verify_lru } from '../../../src-main/kernel/mm/verify_lru'
import { bare_machine } from '../../support/bare'
import { below, pick, testLoad, type World } from '../../support/randomLoad'

/** In the order in which a CPU drains them. */
const BATCHES = ['add', 'rotate', 'deactivateFile', 'deactivate', 'lazyfree', 'activate'] as const
type Batch = (typeof BATCHES)[number]
interface Page {
  readonly pfn: number
  anon: boolean
  swapbacked: boolean
  active: boolean
  referenced: boolean
  readonly dirty: boolean
  reclaim: boolean
  batch: Batch | null
}
interface Model {
  /** Inactive and active, anonymous and file pages, the head first. */
  readonly lists: [number[], number[], number[], number[]]
  readonly batches: Record<Batch, number[]>[]
  readonly pages: Map<number, Page>
  readonly isolated: Page[]
}

// ---------------------------------------------------------------- the model

function list_of(m: Model, page: Page): number[] {
  return m.lists[(page.swapbacked ? 0 : 2) + (page.active ? 1 : 0)]!
}
function remove(list: number[], pfn: number): void {
  const at = list.indexOf(pfn)
  if (at >= 0) list.splice(at, 1)
}
/** Changes a page and puts it to the head of the list where it belongs then, or to its tail. */
function move(m: Model, page: Page, change: Partial<Page>, tail = false): void {
  remove(list_of(m, page), page.pfn)
  Object.assign(page, change)
  if (tail) list_of(m, page).push(page.pfn)
  else list_of(m, page).unshift(page.pfn)
}
const WORK: Record<Batch, (m: Model, page: Page) => void> = {
  add: (m, page) => move(m, page, {}),
  rotate: (m, page) => move(m, page, { active: false }, true),
  deactivateFile(m, page) {
    move(m, page, { active: false, referenced: false }, !page.dirty)
    if (page.dirty) page.reclaim = true
  },
  deactivate: (m, page) => move(m, page, { active: false, referenced: false }),
  lazyfree: (m, page) => move(m, page, { active: false, referenced: false, swapbacked: false }),
  activate: (m, page) => move(m, page, { active: true }),
}
function wait(m: Model, cpu: number, batch: Batch, page: Page): void {
  page.batch = batch
  m.batches[cpu]![batch].push(page.pfn)
  if (m.batches[cpu]![batch].length === 15) drain(m, cpu, batch)
}
function drain(m: Model, cpu: number, batch: Batch): void {
  for (const pfn of m.batches[cpu]![batch].splice(0)) {
    const page = m.pages.get(pfn)!
    page.batch = null
    WORK[batch](m, page)
  }
}
function forget(m: Model, page: Page): void {
  for (const batches of m.batches) for (const batch of BATCHES) remove(batches[batch], page.pfn)
  remove(list_of(m, page), page.pfn)
  page.batch = null
  m.pages.delete(page.pfn)
}

// ---------------------------------------------------------------- both

function new_page(w: World<Model>, cpu: number): void {
  const { k, model } = w
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE)
  const anon = below(w, 2) === 0
  const dirty = !anon && below(w, 3) === 0
  k.page.flags[pfn]! |= PG_uptodate | (anon ? PG_anon | PG_swapbacked : 0) | (dirty ? PG_dirty : 0)
  lru_cache_add(k, pfn)
  const page: Page = {
    pfn,
    anon,
    swapbacked: anon,
    active: false,
    referenced: false,
    dirty,
    reclaim: false,
    batch: null,
  }
  model.pages.set(pfn, page)
  wait(model, cpu, 'add', page)
}
function access({ k, model }: World<Model>, cpu: number, page: Page): void {
  mark_page_accessed(k, page.pfn)
  if (!page.referenced) {
    page.referenced = true
    return
  }
  if (page.active) return
  page.referenced = false
  if (page.batch === null) wait(model, cpu, 'activate', page)
  else if (page.batch === 'add') page.active = true
}
/** A page that waits in a batch already is left alone. */
function ask(w: World<Model>, cpu: number, page: Page): void {
  const { k, model } = w
  const idle = page.batch === null
  const what = below(w, 5)
  if (what === 0) folio_activate(k, page.pfn)
  if (what === 0 && idle && !page.active) wait(model, cpu, 'activate', page)
  if (what === 1) deactivate_page(k, page.pfn)
  if (what === 1 && idle && page.active) wait(model, cpu, 'deactivate', page)
  if (what === 2) deactivate_file_folio(k, page.pfn)
  if (what === 2 && idle) wait(model, cpu, 'deactivateFile', page)
  if (what === 3) mark_page_lazyfree(k, page.pfn)
  if (what === 3 && idle && page.anon && page.swapbacked) wait(model, cpu, 'lazyfree', page)
  if (what === 4 && page.batch !== 'add') folio_rotate_reclaimable(k, page.pfn)
  if (what === 4 && idle) wait(model, cpu, 'rotate', page)
}
function isolate({ k, model }: World<Model>, page: Page): void {
  expect(isolate_lru_page(k, page.pfn)).toBe(page.batch !== 'add')
  if (page.batch === 'add') return
  forget(model, page)
  model.isolated.push(page)
}

function operate(w: World<Model>): void {
  const { k, model } = w
  const cpu = below(w, 2)
  k.var.cpu = cpu
  const what = below(w, 20)
  if (what < 5 || model.pages.size === 0) return new_page(w, cpu)
  const page = pick(w, [...model.pages.values()])
  if (what < 8) access(w, cpu, page)
  else if (what < 15) ask(w, cpu, page)
  else if (what === 15) isolate(w, page)
  else if (what === 16 && model.isolated.length > 0) {
    const back = model.isolated.pop()!
    putback_lru_page(k, back.pfn)
    model.pages.set(back.pfn, back)
    wait(model, cpu, 'add', back)
  } else if (what < 19) {
    release_page(k, page.pfn)
    forget(model, page)
  } else if (below(w, 5) === 0) {
    lru_add_drain(k)
    for (const batch of BATCHES) drain(model, cpu, batch)
  }
}

// ---------------------------------------------------------------- comparing

const FLAGS = PG_lru | PG_active | PG_referenced | PG_swapbacked | PG_reclaim
function flags_of(page: Page): number {
  let flags = page.batch === 'add' ? 0 : PG_lru
  if (page.active) flags |= PG_active
  if (page.referenced) flags |= PG_referenced
  if (page.swapbacked) flags |= PG_swapbacked
  return page.reclaim ? flags | PG_reclaim : flags
}
/** The model's pages of a list, the head first. */
function list(k: Kernel, lru: number, mine: Model['pages']): number[] {
  const pages: number[] = []
  for (let pfn = k.lru.head[1 + lru]!; pfn !== 0; pfn = k.page.next[pfn]!) if (mine.has(pfn)) pages.push(pfn)
  return pages
}
function check({ k, model }: World<Model>): void {
  model.lists.forEach((pages, i) => expect(list(k, LRU_INACTIVE_ANON + i, model.pages)).toEqual(pages))
  for (const page of model.pages.values())
    expect(k.page.flags[page.pfn]! & FLAGS, JSON.stringify(page)).toBe(flags_of(page))
  // Isolated pages are on no list; everything else must hold.
  for (const { pfn } of model.isolated) k.page.flags[pfn]! &= ~PG_active
  verify_lru(k)
  for (const { pfn, active } of model.isolated) if (active) k.page.flags[pfn]! |= PG_active
}

testLoad<Model>('every page is where arrays have it', {
  operations: 2500,
  every: 125,
  open: () => {
    const k = bare_machine({ cpus: 2 })
    lru_add_drain_all(k)
    const batches = [0, 1].map(
      () => Object.fromEntries(BATCHES.map((b) => [b, []])) as unknown as Record<Batch, number[]>,
    )
    return { k, model: { lists: [[], [], [], []], batches, pages: new Map(), isolated: [] } }
  },
  operate,
  check,
})
