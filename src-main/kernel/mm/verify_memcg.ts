/** What must always hold of memory cgroups: usage is what the pages say, sums go up the tree. Throws KernelBug. */
import { assert } from '@shared/assert'
import { PG_head, PG_ORDER_SHIFT, type Kernel } from '../kernel'
import { memcg_percpu_bytes } from './memcg_percpu'
import { MEMCG_NR_SLAB } from './memcg_stat'
import { css_children } from './memcg_tree'
import type { Stock } from './memcontrol'

export function verify_memcg(k: Kernel): void {
  if (k.memcg.meta.nr_live === 0) return
  const own = new Float64Array(k.memcg.meta.high)
  const swap = new Float64Array(k.memcg.meta.high)
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    const flags = k.page.flags[pfn]!
    if (k.page.memcg[pfn] !== 0)
      own[k.page.memcg[pfn]!]! += (flags & PG_head) === 0 ? 1 : 1 << ((flags >>> PG_ORDER_SHIFT) & 15)
  }
  const bytes = slab_bytes(k)
  for (const stock of (k.var.mod['memcg_stock'] ?? []) as (Stock | null)[]) {
    if (!stock) continue
    if (stock.nr > 0) own[stock.memcg]! += stock.nr
    if (stock.objcg !== 0) bytes[stock.objcg]! += stock.nr_bytes
  }
  const percpu = new Float64Array(k.memcg.meta.high)
  for (let m = 1; m < k.memcg.meta.high; m++)
    if (k.memcg.percpu_payer[m] !== 0) percpu[k.memcg.percpu_payer[m]!]! += memcg_percpu_bytes(k)
  for (let m = 1; m < k.memcg.meta.high; m++) {
    bytes[m]! += k.memcg.nr_charged_bytes[m]! + percpu[m]!
    assert(bytes[m]! % 4096 === 0, 'memcg: objects, and what is left of their pages, fill whole pages')
    own[m]! += bytes[m]! / 4096
  }
  for (let slot = 1; slot < k.swap.meta.high; slot++) if (k.swap.memcg[slot] !== 0) swap[k.swap.memcg[slot]!]!++
  check_siblings(k)
  for (const top of css_children(k, 0)) check(k, top, own, swap)
}

/** What each cgroup's slab objects take; checks the sums up the tree. */
function slab_bytes(k: Kernel): Float64Array {
  const bytes = new Float64Array(k.memcg.meta.high)
  const sums = new Float64Array(k.memcg.meta.high)
  for (let slab = 1; slab < k.slab.meta.high; slab++) {
    const row = k.slab.obj_cgroups[slab]!
    for (let i = row * 512; row !== 0 && i < (row + 1) * 512; i++) {
      const memcg = k.obj_cgroups.memcg[i]!
      if (memcg === 0) continue
      assert((k.slab.used[slab * 16 + ((i & 511) >> 5)]! & (1 << (i & 31))) !== 0, 'memcg: a free object is charged')
      bytes[memcg]! += k.kmem_cache.size[k.slab.cache[slab]!]! + 8
    }
  }
  for (let m = 1; m < k.memcg.meta.high; m++) for (let up = m; up > 0; up = k.memcg.parent[up]!) sums[up]! += bytes[m]!
  // What CPUs have collected is not told yet.
  for (const stock of (k.var.mod['memcg_stock'] ?? []) as (Stock | null)[])
    for (let up = stock?.objcg ?? 0; up > 0; up = k.memcg.parent[up]!)
      sums[up]! -= stock!.nr_slab[0] + stock!.nr_slab[1]
  for (let m = 1; m < k.memcg.meta.high; m++) {
    const sum = k.memcg.slab_b[m * MEMCG_NR_SLAB]! + k.memcg.slab_b[m * MEMCG_NR_SLAB + 1]!
    assert(k.memcg.name[m] === 0 || sum === sums[m], 'memcg: bytes of slab objects')
  }
  return bytes
}

/** Each cgroup is once in the list of its parent's children. */
function check_siblings(k: Kernel): void {
  const { first_child, last_child, next_sibling, prev_sibling, parent } = k.memcg
  let nr = 0
  for (let m = 0; m < k.memcg.meta.high; m++) {
    let last = 0
    for (let child = first_child[m]!; child !== 0; child = next_sibling[child]!) {
      assert(parent[child] === m && prev_sibling[child] === last, 'memcg: siblings')
      last = child
      nr++
    }
    assert(last_child[m] === last, 'memcg: the last sibling')
  }
  assert(nr === k.memcg.meta.nr_live, 'memcg: every cgroup is a child')
}

function check(k: Kernel, memcg: number, own: Float64Array, swap: Float64Array): [number, number] {
  let pages = own[memcg]!
  let slots = swap[memcg]!
  for (const child of css_children(k, memcg)) {
    const [p, s] = check(k, child, own, swap)
    pages += p
    slots += s
  }
  assert(k.memcg.usage[memcg] === pages, 'memcg: usage')
  assert(k.memcg.offline[memcg] === 0 || pages + slots > 0, 'memcg: a removed cgroup that nothing holds')
  assert(k.memcg.swap[memcg] === slots, 'memcg: swap usage')
  return [pages, slots]
}
