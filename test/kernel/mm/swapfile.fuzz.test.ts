/** Swap slots under random use on two areas, of rotating and of solid-state disks: the model is a map of counts. */
import { expect } from 'vitest'
import {
  drain_slots_caches,
  get_swap_page,
  nr_swap_pages,
  put_swap_page,
  SWAP_COUNT_MASK,
  SWAP_HAS_CACHE,
  swap_duplicate,
  swap_free,
  total_swap_pages,
} from '../../../src-main/kernel/mm/swapfile'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { bare_machine, MiB } from '../../support/bare'
import { below, pick, testLoad, type World } from '../../support/randomLoad'

interface Slot {
  count: number
  cached: boolean
}
interface Model {
  readonly slots: Map<number, Slot>
}

function operate(w: World<Model>): void {
  const { k } = w
  const { slots } = w.model
  const what = below(w, 5)
  if (what < 2 || slots.size === 0) {
    const got = get_swap_page(k)
    expect(slots.has(got)).toBe(false)
    if (got !== 0) slots.set(got, { count: 0, cached: true })
    else expect(slots.size).toBeGreaterThan(0)
    return
  }
  const slot = pick(w, [...slots.keys()])
  const entry = slots.get(slot)!
  if (what === 2) {
    swap_duplicate(k, slot)
    entry.count++
  } else if (what === 3 && entry.count > 0) {
    swap_free(k, slot)
    entry.count--
  } else if (what === 4 && entry.cached) {
    put_swap_page(k, slot)
    entry.cached = false
  }
  if (entry.count === 0 && !entry.cached) slots.delete(slot)
}

function check({ k, model }: World<Model>): void {
  for (const [slot, { count, cached }] of model.slots) {
    expect(k.swap.map[slot]! & SWAP_COUNT_MASK).toBe(count)
    expect((k.swap.map[slot]! & SWAP_HAS_CACHE) !== 0).toBe(cached)
  }
  drain_slots_caches(k)
  expect(total_swap_pages(k) - nr_swap_pages(k)).toBe(model.slots.size)
}

for (const device of ['hdd', 'ssd'] as const)
  testLoad<Model>(`every slot of an ${device} is counted as a map counts it`, {
    operations: 8000,
    every: 1000,
    open: () => {
      const k = bare_machine()
      for (const size of [4, 6]) swapon(k, size * MiB, device)
      return { k, model: { slots: new Map() } }
    },
    operate,
    check,
  })
