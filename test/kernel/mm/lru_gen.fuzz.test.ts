/**
 * The generations under random use: pages come, are used, promoted, isolated and freed, generations begin and end, and the
 * multi-gen LRU is switched on and off. The naive model is an array a list, the head first; every batch is drained at once.
 */
import { expect } from 'vitest'
import {
  GFP_HIGHUSER_MOVABLE,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_uptodate,
  PG_workingset,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { folio_list_gen, folio_lru_gen, folio_lru_refs, folio_update_gen } from '../../../src-main/kernel/mm/lru_gen'
import { try_to_inc_max_seq, try_to_inc_min_seq } from '../../../src-main/kernel/mm/lru_gen_aging'
import { lru_gen_set_caps } from '../../../src-main/kernel/mm/lru_gen_state'
import { alloc_page } from '../../../src-main/kernel/mm/page_alloc'
import {
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

interface Page {
  readonly pfn: number
  /** One of the machine's own: it only lies there. */
  readonly foreign: boolean
  anon: boolean
  active: boolean
  referenced: boolean
  workingset: boolean
  refs: number
  readonly dirty: boolean
  readonly reclaim: boolean
  /** Sequence number, -1 for none, and that of the list it is on. */
  seq: number
  list: number
}
interface Model {
  on: boolean
  max: number
  /** Of anonymous and of file pages. */
  readonly min: [number, number]
  readonly pages: Map<number, Page>
  /** By `kind generation`, or `kind active` of the classic lists. */
  readonly lists: Record<string, number[]>
  readonly isolated: Page[]
}

// ---------------------------------------------------------------- the model

const type_of = (page: Page): 0 | 1 => (page.anon ? 0 : 1)
function name_of(m: Model, page: Page): string {
  return m.on ? `${type_of(page)} ${page.list % 4}` : `${type_of(page)} ${page.active ? 'active' : 'inactive'}`
}
function list_of(m: Model, page: Page): number[] {
  return (m.lists[name_of(m, page)] ??= [])
}
function add(m: Model, page: Page, tail = false): void {
  if (m.on) {
    const min = m.min[type_of(page)]
    if (page.active) page.seq = m.max
    else if (page.anon || (page.reclaim && page.dirty)) page.seq = m.max - 1
    else page.seq = tail || min + 2 >= m.max ? min : min + 1
    page.list = page.seq
    page.active = false
  }
  if (tail) list_of(m, page).push(page.pfn)
  else list_of(m, page).unshift(page.pfn)
}
function del(m: Model, page: Page): void {
  const list = list_of(m, page)
  list.splice(list.indexOf(page.pfn), 1)
  if (m.on && page.seq >= m.max - 1) page.active = true
  page.seq = -1
}
function promote(page: Page, seq: number): void {
  Object.assign(page, { seq, referenced: false, workingset: false, refs: 0 })
}
/** The pages of the oldest generation, oldest first, go to the tail of the next: the first of them is last. */
function end_oldest(m: Model, type: 0 | 1): void {
  const old = (m.lists[`${type} ${m.min[type] % 4}`] ??= [])
  while (old.length > 0) {
    const page = m.pages.get(old.pop()!)!
    if (page.seq === m.min[type]) promote(page, m.min[type] + 1)
    page.list = page.seq
    list_of(m, page).push(page.pfn)
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
function toggle(m: Model): void {
  const order = m.on
    ? [0, 1, 2, 3].flatMap((gen) => [`0 ${gen}`, `1 ${gen}`])
    : ['0 inactive', '0 active', '1 inactive', '1 active']
  const pages = order.flatMap((name) => [...(m.lists[name] ?? [])].reverse()).map((pfn) => m.pages.get(pfn)!)
  for (const page of pages) del(m, page)
  m.on = !m.on
  for (const page of pages) add(m, page)
}

// ---------------------------------------------------------------- both

function new_page(w: World<Model>): void {
  const { k, model } = w
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE)
  const anon = below(w, 2) === 0
  const dirty = below(w, 4) === 0
  const reclaim = below(w, 4) === 0
  const fault = below(w, 2) === 0
  k.page.flags[pfn]! |= PG_uptodate | (anon ? PG_anon | PG_swapbacked : 0)
  k.page.flags[pfn]! |= (dirty ? PG_dirty : 0) | (reclaim ? PG_reclaim : 0)
  k.task.in_lru_fault[k.var.current] = fault ? 1 : 0
  lru_cache_add(k, pfn)
  k.task.in_lru_fault[k.var.current] = 0
  const active = fault && model.on
  const uses = { active, referenced: false, workingset: false, refs: 0 }
  const page: Page = { pfn, foreign: false, anon, dirty, reclaim, seq: -1, list: 0, ...uses }
  model.pages.set(pfn, page)
  add(model, page)
}
function access({ k, model }: World<Model>, page: Page): void {
  if (!model.on) return
  mark_page_accessed(k, page.pfn)
  if (!page.referenced) page.referenced = true
  else if (!page.workingset) page.workingset = true
  else page.refs = Math.min(3, page.refs + 1)
}
function move({ k, model }: World<Model>, page: Page, what: number): void {
  if (what === 0) {
    folio_activate(k, page.pfn)
    if (!model.on && page.active) return
    del(model, page)
    page.active = true
    add(model, page)
  } else if (what === 1) {
    deactivate_page(k, page.pfn)
    if (!model.on && !page.active) return
    del(model, page)
    Object.assign(page, { active: false, referenced: false })
    add(model, page)
  } else if (what === 2) {
    folio_rotate_reclaimable(k, page.pfn)
    del(model, page)
    page.active = false
    add(model, page, true)
  } else if (page.anon) {
    mark_page_lazyfree(k, page.pfn)
    del(model, page)
    Object.assign(page, { active: false, referenced: false, anon: false })
    add(model, page)
  }
}
function generations({ k, model }: World<Model>, what: number): void {
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
  const mine = [...model.pages.values()].filter((page) => !page.foreign)
  if (what < 6 || mine.length === 0) new_page(w)
  else if (what < 7) generations(w, below(w, 8))
  else {
    const page = pick(w, mine)
    if (what < 12) access(w, page)
    else if (what < 15) move(w, page, below(w, 4))
    else if (what < 19 && model.on) {
      expect(folio_update_gen(k, page.pfn, model.max % 4)).toBe(page.seq % 4)
      promote(page, model.max)
    } else if (what < 21) {
      isolate_lru_page(k, page.pfn)
      del(model, page)
      model.pages.delete(page.pfn)
      model.isolated.push(page)
    } else if (what < 23 && model.isolated.length > 0) {
      const back = model.isolated.pop()!
      putback_lru_page(k, back.pfn)
      model.pages.set(back.pfn, back)
      add(model, back)
    } else {
      release_page(k, page.pfn)
      del(model, page)
      model.pages.delete(page.pfn)
    }
  }
  lru_add_drain(k)
}

// ---------------------------------------------------------------- comparing

const DMA32 = 1
/** Row of the list of a name, in its table. */
function pages_of(k: Kernel, on: boolean, name: string): number[] {
  const [type, which] = name.split(' ')
  const row = on
    ? 1 + (Number(which) * 2 + Number(type)) * 3 + DMA32
    : 1 + Number(type) * 2 + (which === 'active' ? 1 : 0)
  const pages: number[] = []
  const { head } = on ? k.lru_gen_list : k.lru
  for (let pfn = head[row]!; pfn !== 0; pfn = k.page.next[pfn]!) pages.push(pfn)
  return pages
}
function check({ k, model }: World<Model>): void {
  for (const [name, pages] of Object.entries(model.lists)) {
    const now = /\d$/.test(name) === model.on
    expect(now ? pages_of(k, model.on, name) : [], name).toEqual(pages)
  }
  expect([k.lru_gen.max_seq[1], k.lru_gen.min_seq[2], k.lru_gen.min_seq[3]]).toEqual([model.max, ...model.min])
  const FLAGS = PG_lru | PG_active | PG_referenced | PG_workingset | PG_swapbacked
  for (const page of model.pages.values()) {
    if (page.foreign) continue
    let flags = PG_lru | (page.anon ? PG_swapbacked : 0) | (page.active ? PG_active : 0)
    flags |= (page.referenced ? PG_referenced : 0) | (page.workingset ? PG_workingset : 0)
    expect(k.page.flags[page.pfn]! & FLAGS, JSON.stringify(page)).toBe(flags)
    expect(folio_lru_refs(k, page.pfn)).toBe(page.refs + (page.workingset ? 1 : 0))
    expect(folio_lru_gen(k, page.pfn)).toBe(model.on ? page.seq % 4 : -1)
    if (model.on) expect(folio_list_gen(k, page.pfn)).toBe(page.list % 4)
  }
  // Isolated pages are on no list; everything else must hold.
  for (const { pfn } of model.isolated) k.page.flags[pfn]! &= ~PG_active
  verify_lru(k)
  for (const { pfn, active } of model.isolated) if (active) k.page.flags[pfn]! |= PG_active
}

/** What boot left on the lists. */
function own_pages(k: Kernel, m: Model): void {
  for (const name of ['0 inactive', '0 active', '1 inactive', '1 active']) {
    m.lists[name] = pages_of(k, false, name)
    for (const pfn of m.lists[name])
      m.pages.set(pfn, {
        pfn,
        foreign: true,
        anon: name.startsWith('0'),
        active: name.endsWith(' active'),
        referenced: false,
        workingset: false,
        refs: 0,
        dirty: false,
        reclaim: false,
        seq: -1,
        list: 0,
      })
  }
}

testLoad<Model>('every page is in the generation where arrays have it', {
  operations: 3000,
  every: 100,
  open: () => {
    const k = bare_machine()
    lru_add_drain_all(k)
    const model: Model = { on: false, max: 3, min: [0, 0], pages: new Map(), lists: {}, isolated: [] }
    own_pages(k, model)
    return { k, model }
  },
  operate,
  check,
})
