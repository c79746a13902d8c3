/**
 * The LRU lists and the batches of two CPUs under random use. The naive model is four arrays, the head first, and six
 * arrays of waiting pages a CPU; a batch does its work when fifteen are together, or when it is drained.
 */
import { expect } from 'vitest'
import { LRU_INACTIVE_ANON } from '../../../src-main/kernel/kernel'
import { lru_add_drain, lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { bare_machine } from '../../support/bare'
import { check_pages, list_of, use_page, type LruModel, type LruPage, type LruRules } from '../../support/lruWorld'
import { below, testLoad, type World } from '../../support/randomLoad'

/** In the order in which a CPU drains them. */
const BATCHES = ['add', 'rotate', 'deactivateFile', 'deactivate', 'lazyfree', 'activate'] as const
type Batch = (typeof BATCHES)[number]
interface Page extends LruPage {
  batch: Batch | null
}
interface Model extends LruModel<Page> {
  /** Inactive and active, anonymous and file pages, the head first. */
  readonly lists: [number[], number[], number[], number[]]
  readonly batches: Record<Batch, number[]>[]
}

// ---------------------------------------------------------------- the model

function place_of(m: Model, page: Page): number[] {
  return m.lists[(page.swapbacked ? 0 : 2) + (page.active ? 1 : 0)]!
}
function remove(list: number[], pfn: number): void {
  const at = list.indexOf(pfn)
  if (at >= 0) list.splice(at, 1)
}
/** Changes a page and puts it to the head of the list where it belongs then, or to its tail. */
function change(m: Model, page: Page, to: Partial<Page>, tail = false): void {
  remove(place_of(m, page), page.pfn)
  Object.assign(page, to)
  if (tail) place_of(m, page).push(page.pfn)
  else place_of(m, page).unshift(page.pfn)
}
const WORK: Record<Batch, (m: Model, page: Page) => void> = {
  add: (m, page) => change(m, page, {}),
  rotate: (m, page) => change(m, page, { active: false }, true),
  deactivateFile(m, page) {
    change(m, page, { active: false, referenced: false }, !page.dirty)
    if (page.dirty) page.reclaim = true
  },
  deactivate: (m, page) => change(m, page, { active: false, referenced: false }),
  lazyfree: (m, page) => change(m, page, { active: false, referenced: false, swapbacked: false }),
  activate: (m, page) => change(m, page, { active: true }),
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

const RULES: LruRules<Page, Model> = {
  create: (_, page) => ({ ...page, batch: null }),
  add: (m, page, cpu) => wait(m, cpu, 'add', page),
  del(m, page) {
    for (const batches of m.batches) for (const batch of BATCHES) remove(batches[batch], page.pfn)
    remove(place_of(m, page), page.pfn)
    page.batch = null
  },
  access(m, page, cpu) {
    if (!page.referenced) {
      page.referenced = true
      return
    }
    if (page.active) return
    page.referenced = false
    if (page.batch === null) wait(m, cpu, 'activate', page)
    else if (page.batch === 'add') page.active = true
  },
  /** A page that waits in a batch already is left alone. */
  move(m, page, how, cpu) {
    if (page.batch !== null || (how === 'activate' && page.active)) return
    if (how === 'deactivate' && !page.active) return
    if (how === 'lazyfree' && !(page.anon && page.swapbacked)) return
    wait(m, cpu, how, page)
  },
  on_list: (page) => page.batch !== 'add',
}

function operate(w: World<Model>): void {
  const cpu = below(w, 2)
  w.k.var.cpu = cpu
  if (below(w, 100) > 0) return use_page(w, RULES, cpu)
  lru_add_drain(w.k)
  for (const batch of BATCHES) drain(w.model, cpu, batch)
}
function check(w: World<Model>): void {
  const { k, model } = w
  model.lists.forEach((pages, i) => {
    const all = list_of(k, k.lru.head[1 + LRU_INACTIVE_ANON + i]!)
    expect(all.filter((pfn) => model.pages.has(pfn))).toEqual(pages)
  })
  check_pages(w, RULES)
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
