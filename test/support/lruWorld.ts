/**
 * Pages on the LRU lists under random use: they come, are accessed and moved about, isolated, put back and freed. Here is
 * what the kernel is asked to do and what a model of any kind of list shares; what it does to the lists, the model's rules say.
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
  type Kernel,
} from '../../src-main/kernel/kernel'
import { alloc_page } from '../../src-main/kernel/mm/page_alloc'
import {
  deactivate_file_folio,
  deactivate_page,
  folio_activate,
  folio_rotate_reclaimable,
  isolate_lru_page,
  lru_cache_add,
  mark_page_accessed,
  mark_page_lazyfree,
  putback_lru_page,
  release_page,
} from '../../src-main/kernel/mm/swap'
import { verify_lru } from '../../src-main/kernel/mm/verify_lru'
import { below, pick, type World } from './randomLoad'

export interface LruPage {
  readonly pfn: number
  readonly anon: boolean
  swapbacked: boolean
  active: boolean
  referenced: boolean
  readonly dirty: boolean
  reclaim: boolean
}
export interface LruModel<Page extends LruPage> {
  readonly pages: Map<number, Page>
  readonly isolated: Page[]
}

/** What the kernel can be asked to do with a page. */
const MOVES = {
  activate: folio_activate,
  deactivate: deactivate_page,
  deactivateFile: deactivate_file_folio,
  lazyfree: mark_page_lazyfree,
  rotate: folio_rotate_reclaimable,
} as const
export type Move = keyof typeof MOVES
const MOVE_NAMES = Object.keys(MOVES) as Move[]

/** How a model follows the kernel; `cpu` is where the call was made. */
export interface LruRules<Page extends LruPage, Model extends LruModel<Page>> {
  /** The model's own fields of a page that comes, while its task is in a page fault or not. */
  create(m: Model, page: LruPage, fault: boolean): Page
  add(m: Model, page: Page, cpu: number): void
  /** The page leaves its list and whatever it waits in. */
  del(m: Model, page: Page): void
  access(m: Model, page: Page, cpu: number): void
  move(m: Model, page: Page, how: Move, cpu: number): void
  /** False while a page is still on its way to the lists. */
  on_list(page: Page): boolean
}

/** One random operation on a page of the model, or on one more. */
export function use_page<Page extends LruPage, Model extends LruModel<Page>>(
  w: World<Model>,
  rules: LruRules<Page, Model>,
  cpu: number,
): void {
  const { k, model } = w
  const what = below(w, 20)
  if (what < 5 || model.pages.size === 0) return come(w, rules, cpu)
  const page = pick(w, [...model.pages.values()])
  if (what < 9) {
    mark_page_accessed(k, page.pfn)
    rules.access(model, page, cpu)
  } else if (what < 16) move(w, rules, page, cpu)
  else if (what === 16) isolate(w, rules, page)
  else if (what === 17 && model.isolated.length > 0) {
    const back = model.isolated.pop()!
    putback_lru_page(k, back.pfn)
    model.pages.set(back.pfn, back)
    rules.add(model, back, cpu)
  } else {
    release_page(k, page.pfn)
    forget(model, rules, page)
  }
}

function come<Page extends LruPage, Model extends LruModel<Page>>(
  w: World<Model>,
  rules: LruRules<Page, Model>,
  cpu: number,
): void {
  const { k, model } = w
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE)
  const [anon, fault] = [below(w, 2) === 0, below(w, 2) === 0]
  const [dirty, reclaim] = [below(w, 3) === 0, below(w, 6) === 0]
  k.page.flags[pfn]! |= PG_uptodate | (anon ? PG_anon | PG_swapbacked : 0)
  k.page.flags[pfn]! |= (dirty ? PG_dirty : 0) | (reclaim ? PG_reclaim : 0)
  k.task.in_lru_fault[k.var.current] = fault ? 1 : 0
  lru_cache_add(k, pfn)
  k.task.in_lru_fault[k.var.current] = 0
  const plain = { pfn, anon, swapbacked: anon, active: false, referenced: false, dirty, reclaim }
  const page = rules.create(model, plain, fault)
  model.pages.set(pfn, page)
  rules.add(model, page, cpu)
}
function move<Page extends LruPage, Model extends LruModel<Page>>(
  w: World<Model>,
  rules: LruRules<Page, Model>,
  page: Page,
  cpu: number,
): void {
  const how = pick(w, MOVE_NAMES)
  // Only what was written back is rotated, and that is on a list.
  if (how === 'rotate' && !rules.on_list(page)) return
  MOVES[how](w.k, page.pfn)
  rules.move(w.model, page, how, cpu)
}
function isolate<Page extends LruPage, Model extends LruModel<Page>>(
  w: World<Model>,
  rules: LruRules<Page, Model>,
  page: Page,
): void {
  expect(isolate_lru_page(w.k, page.pfn)).toBe(rules.on_list(page))
  if (!rules.on_list(page)) return
  forget(w.model, rules, page)
  w.model.isolated.push(page)
}
function forget<Page extends LruPage, Model extends LruModel<Page>>(
  m: Model,
  rules: LruRules<Page, Model>,
  page: Page,
): void {
  rules.del(m, page)
  m.pages.delete(page.pfn)
}

/** A list as the kernel has it, the head first. */
export function list_of(k: Kernel, first: number): number[] {
  const pages: number[] = []
  for (let pfn = first; pfn !== 0; pfn = k.page.next[pfn]!) pages.push(pfn)
  return pages
}

const FLAGS = PG_lru | PG_active | PG_referenced | PG_swapbacked | PG_reclaim

/** Every page has the flags that the model gives it, and the kernel's own books are right. */
export function check_pages<Page extends LruPage, Model extends LruModel<Page>>(
  { k, model }: World<Model>,
  rules: LruRules<Page, Model>,
): void {
  for (const page of model.pages.values()) {
    let flags = (rules.on_list(page) ? PG_lru : 0) | (page.active ? PG_active : 0)
    flags |= (page.referenced ? PG_referenced : 0) | (page.swapbacked ? PG_swapbacked : 0)
    flags |= page.reclaim ? PG_reclaim : 0
    expect(k.page.flags[page.pfn]! & FLAGS, JSON.stringify(page)).toBe(flags)
  }
  // Isolated pages are on no list; everything else must hold.
  for (const { pfn } of model.isolated) k.page.flags[pfn]! &= ~PG_active
  verify_lru(k)
  for (const { pfn, active } of model.isolated) if (active) k.page.flags[pfn]! |= PG_active
}
