/** The page allocator under random requests of every order and kind, from several CPUs: its model is the set of taken frames. */
import { expect } from 'vitest'
import {
  __GFP_COMP,
  __GFP_RECLAIMABLE,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_NOWAIT,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { alloc_pages, drain_all_pages, free_pages, nr_free_pages } from '../../../src-main/kernel/mm/page_alloc'
import { nr_pcp_pages } from '../../../src-main/kernel/mm/pcp'
import { below, pick, testLoad, type World } from '../../support/randomLoad'
import { bootMemory, verifyMemory } from './machine'

interface Model {
  readonly before: number
  readonly owned: Set<number>
  readonly live: [pfn: number, order: number][]
  /** Grows at first, shrinks later. */
  step: number
}
const KINDS = [GFP_NOWAIT, GFP_HIGHUSER_MOVABLE & ~0xc00, GFP_NOWAIT | __GFP_RECLAIMABLE, GFP_ATOMIC]
const OPERATIONS = 12_000

/** Free memory wherever it is. */
function free_everywhere(k: Kernel): number {
  return nr_free_pages(k) + nr_pcp_pages(k, 0) + nr_pcp_pages(k, 1) + nr_pcp_pages(k, 2)
}

function take(w: World<Model>): void {
  const order = below(w, 4) === 0 ? below(w, 11) : 0
  const pfn = alloc_pages(w.k, pick(w, KINDS) | (below(w, 2) === 0 ? __GFP_COMP : 0), order)
  if (pfn === 0) return
  for (let i = pfn; i < pfn + (1 << order); i++) {
    if (w.model.owned.has(i)) throw new Error('handed out twice')
    w.model.owned.add(i)
  }
  w.model.live.push([pfn, order])
}
function give_back(w: World<Model>): void {
  const { live, owned } = w.model
  const at = below(w, live.length)
  const [pfn, order] = live[at]!
  live[at] = live.at(-1)!
  live.pop()
  for (let i = pfn; i < pfn + (1 << order); i++) owned.delete(i)
  free_pages(w.k, pfn, order)
}

testLoad<Model>('no frame has two owners, and none is lost', {
  operations: OPERATIONS,
  every: 3000,
  open: (seed) => {
    const k = bootMemory(128, { cpus: 1 + (seed % 3) })
    return { k, model: { before: free_everywhere(k), owned: new Set(), live: [], step: 0 } }
  },
  operate(w) {
    w.k.var.cpu = below(w, w.k.config.cpus)
    const growing = w.model.step++ < OPERATIONS * 0.6
    if (w.model.live.length === 0 || below(w, 100) < (growing ? 55 : 40)) take(w)
    else give_back(w)
    if (below(w, 2000) === 0) drain_all_pages(w.k)
  },
  check({ k, model }) {
    expect(free_everywhere(k)).toBe(model.before - model.owned.size)
    verifyMemory(k)
  },
})
