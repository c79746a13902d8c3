/**
 * The generations under random use: pages come, are used, promoted, isolated and freed, generations begin and end, and the
 * multi-gen LRU is switched on and off. The naive model is an array a list, the head first; every batch is drained at once.
 */
import { expect } from 'vitest'
import { PG_workingset, type Kernel } from '../../../src-main/kernel/kernel'
import { folio_list_gen, folio_lru_gen, folio_lru_refs, folio_update_gen } from '../../../src-main/kernel/mm/lru_gen'
import { try_to_inc_max_seq, try_to_inc_min_seq } from '../../../src-main/kernel/mm/lru_gen_aging'
import { lru_gen_set_caps } from '../../../src-main/kernel/mm/lru_gen_state'
import { lru_add_drain, lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { bare_machine } from '../../support/bare'
import { check_pages, list_of, use_page, type LruModel, type LruPage, type LruRules } from '../../support/lruWorld'
import { below, pick, testLoad, type World } from '../../support/randomLoad'

interface Page extends LruPage {
  workingset: boolean
  refs: number
  /** Sequence number, -1 for none, and that of the list it is on. */
  seq: number
  list: number
}
interface Model extends LruModel<Page> {
  on: boolean
  max: number
  /** Of anonymous and of file pages. */
  readonly min: [number, number]
  /** What boot left on the lists: it only lies there. */
  readonly foreign: Map<number, Page>
  /** By `kind generation`, or `kind active` of the classic lists. */
  readonly lists: Record<string, number[]>
}

// ---------------------------------------------------------------- the model

const type_of = (page: Page): 0 | 1 => (page.swapbacked ? 0 : 1)
function name_of(m: Model, page: Page): string {
  return m.on ? `${type_of(page)} ${page.list % 4}` : `${type_of(page)} ${page.active ? 'active' : 'inactive'}`
}
function place_of(m: Model, page: Page): number[] {
  return (m.lists[name_of(m, page)] ??= [])
}
function page_of(m: Model, pfn: number): Page {
  return m.pages.get(pfn) ?? m.foreign.get(pfn)!
}
function add(m: Model, page: Page, tail = false): void {
  if (m.on) {
    const min = m.min[type_of(page)]
    if (page.active) page.seq = m.max
    else if (page.swapbacked || (page.reclaim && page.dirty)) page.seq = m.max - 1
    else page.seq = tail || min + 2 >= m.max ? min : min + 1
    page.list = page.seq
    page.active = false
  }
  if (tail) place_of(m, page).push(page.pfn)
  else place_of(m, page).unshift(page.pfn)
}
function del(m: Model, page: Page): void {
  const list = place_of(m, page)
  list.splice(list.indexOf(page.pfn), 1)
  if (m.on && page.seq >= m.max - 1) page.active = true
  page.seq = -1
}
/** Takes a page off its list and puts it where it belongs when it has changed. */
function change(m: Model, page: Page, to: Partial<Page>, tail = false): void {
  del(m, page)
  Object.assign(page, to)
  add(m, page, tail)
}
function promote(page: Page, seq: number): void {
  Object.assign(page, { seq, referenced: false, workingset: false, refs: 0 })
}

const RULES: LruRules<Page, Model> = {
  /** A page that a fault brings is active where there are generations. */
  create: (m, page, fault) => ({ ...page, active: fault && m.on, workingset: false, refs: 0, seq: -1, list: 0 }),
  add: (m, page) => add(m, page),
  del,
  access(m, page) {
    if (!page.referenced) page.referenced = true
    else if (!m.on) {
      if (!page.active) change(m, page, { active: true, referenced: false })
    } else if (!page.workingset) page.workingset = true
    else page.refs = Math.min(3, page.refs + 1)
  },
  move(m, page, how) {
    if (how === 'activate' && (m.on || !page.active)) change(m, page, { active: true })
    if (how === 'deactivate' && (m.on || page.active)) change(m, page, { active: false, referenced: false })
    if (how === 'rotate') change(m, page, { active: false }, true)
    if (how === 'lazyfree' && page.anon && page.swapbacked)
      change(m, page, { active: false, referenced: false, swapbacked: false })
    if (how !== 'deactivateFile') return
    change(m, page, { active: false, referenced: false }, !page.dirty)
    if (page.dirty) page.reclaim = true
  },
  on_list: () => true,
}

// ---------------------------------------------------------------- generations

/** The pages of the oldest generation, oldest first, go to the tail of the next: the first of them is last. */
function end_oldest(m: Model, type: 0 | 1): void {
  const old = (m.lists[`${type} ${m.min[type] % 4}`] ??= [])
  while (old.length > 0) {
    const page = page_of(m, old.pop()!)
    if (page.seq === m.min[type]) promote(page, m.min[type] + 1)
    page.list = page.seq
    place_of(m, page).push(page.pfn)
  }
  m.min[type]++
}
function begin_youngest(m: Model): void {
  for (const type of [1, 0] as const) if (m.max - m.min[type] + 1 === 4) end_oldest(m, type)
  m.max++
}
function end_empty(m: Model): boolean {
  const min: [number, number] = [...m.min]
  for (const type of [0, 1] as const)
    while (min[type] + 2 <= m.max && (m.lists[`${type} ${min[type] % 4}`] ?? []).length === 0) min[type]++
  min[0] = Math.min(min[0], min[1])
  min[1] = Math.max(min[0], m.min[1])
  const changed = min[0] !== m.min[0] || min[1] !== m.min[1]
  m.min[0] = min[0]
  m.min[1] = min[1]
  return changed
}
const CLASSIC = ['0 inactive', '0 active', '1 inactive', '1 active'] as const
function toggle(m: Model): void {
  const order = m.on ? [0, 1, 2, 3].flatMap((gen) => [`0 ${gen}`, `1 ${gen}`]) : CLASSIC
  const pages = order.flatMap((name) => [...(m.lists[name] ?? [])].reverse()).map((pfn) => page_of(m, pfn))
  for (const page of pages) del(m, page)
  m.on = !m.on
  for (const page of pages) add(m, page)
}
function age({ k, model }: World<Model>, what: number): void {
  if (what === 0) {
    lru_gen_set_caps(k, model.on ? 0 : 1)
    toggle(model)
  } else if (!model.on) return
  else if (what < 3) {
    expect(try_to_inc_max_seq(k, 0, model.max, true)).toBe(true)
    begin_youngest(model)
  } else expect(try_to_inc_min_seq(k, 0, true)).toBe(end_empty(model))
}

function operate(w: World<Model>): void {
  const { k, model } = w
  const what = below(w, 24)
  if (what === 0) age(w, below(w, 8))
  else if (what < 5 && model.on && model.pages.size > 0) {
    const page = pick(w, [...model.pages.values()])
    expect(folio_update_gen(k, page.pfn, model.max % 4)).toBe(page.seq % 4)
    promote(page, model.max)
  } else use_page(w, RULES, 0)
  lru_add_drain(k)
}

// ---------------------------------------------------------------- comparing

const DMA32 = 1
/** The list of a name, in its table. */
function pages_of(k: Kernel, on: boolean, name: string): number[] {
  const [type, which] = name.split(' ')
  const row = on
    ? 1 + (Number(which) * 2 + Number(type)) * 3 + DMA32
    : 1 + Number(type) * 2 + (which === 'active' ? 1 : 0)
  return list_of(k, (on ? k.lru_gen_list : k.lru).head[row]!)
}
function check(w: World<Model>): void {
  const { k, model } = w
  for (const [name, pages] of Object.entries(model.lists)) {
    const now = /\d$/.test(name) === model.on
    expect(now ? pages_of(k, model.on, name) : [], name).toEqual(pages)
  }
  expect([k.lru_gen.max_seq[1], k.lru_gen.min_seq[2], k.lru_gen.min_seq[3]]).toEqual([model.max, ...model.min])
  for (const page of model.pages.values()) {
    const { pfn } = page
    expect((k.page.flags[pfn]! & PG_workingset) !== 0, JSON.stringify(page)).toBe(page.workingset)
    expect(folio_lru_refs(k, pfn)).toBe(page.refs + (page.workingset ? 1 : 0))
    expect(folio_lru_gen(k, pfn)).toBe(model.on ? page.seq % 4 : -1)
    if (model.on) expect(folio_list_gen(k, pfn)).toBe(page.list % 4)
  }
  check_pages(w, RULES)
}

function foreign_pages(k: Kernel, m: Model): void {
  const plain = { referenced: false, workingset: false, refs: 0, dirty: false, reclaim: false, seq: -1, list: 0 }
  for (const name of CLASSIC) {
    m.lists[name] = pages_of(k, false, name)
    const anon = name.startsWith('0')
    for (const pfn of m.lists[name])
      m.foreign.set(pfn, { pfn, anon, swapbacked: anon, active: name.endsWith(' active'), ...plain })
  }
}

testLoad<Model>('every page is in the generation where arrays have it', {
  operations: 3000,
  every: 100,
  open: () => {
    const k = bare_machine()
    lru_add_drain_all(k)
    const empty = { pages: new Map(), isolated: [], foreign: new Map(), lists: {} }
    const model: Model = { on: false, max: 3, min: [0, 0], ...empty }
    foreign_pages(k, model)
    return { k, model }
  },
  operate,
  check,
})
