/** What must always hold of memory cgroups: usage is what the pages say, sums go up the tree. Throws KernelBug. */
import { assert } from '@shared/assert'
import { PG_head, PG_ORDER_SHIFT, type Kernel } from '../kernel'
import { cgroup_children } from './memcg_tree'

export function verify_memcg(k: Kernel): void {
  if (k.memcg.meta.nr_live === 0) return
  const own = new Float64Array(k.memcg.meta.high)
  const swap = new Float64Array(k.memcg.meta.high)
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    const flags = k.page.flags[pfn]!
    if (k.page.memcg[pfn] !== 0)
      own[k.page.memcg[pfn]!]! += (flags & PG_head) === 0 ? 1 : 1 << ((flags >>> PG_ORDER_SHIFT) & 15)
  }
  for (const stock of (k.var.mod['memcg_stock'] ?? []) as ({ memcg: number; nr: number } | null)[])
    if (stock && stock.nr > 0) own[stock.memcg]! += stock.nr
  for (let slot = 1; slot < k.swap.meta.high; slot++) if (k.swap.memcg[slot] !== 0) swap[k.swap.memcg[slot]!]!++
  for (const top of cgroup_children(k, 0)) check(k, top, own, swap)
}

function check(k: Kernel, memcg: number, own: Float64Array, swap: Float64Array): [number, number] {
  let pages = own[memcg]!
  let slots = swap[memcg]!
  for (const child of cgroup_children(k, memcg)) {
    const [p, s] = check(k, child, own, swap)
    pages += p
    slots += s
  }
  assert(k.memcg.usage[memcg] === pages, 'memcg: usage')
  assert(k.memcg.swap[memcg] === slots, 'memcg: swap usage')
  return [pages, slots]
}
