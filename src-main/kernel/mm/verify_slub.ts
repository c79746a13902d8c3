/** Checks of SLUB: slabs against their frames, lists and counters. */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { PG_ORDER_SHIFT, PG_slab, PG_tail, type Kernel } from '../kernel'
import { SLAB_RECLAIM_ACCOUNT } from './slab_common'
import { CPUS_MAX, DYING, ON_CPU, ON_NODE } from './slub'

/** Checks every slab and list. Throws KernelBug. */
export function verify_slub(k: Kernel): void {
  const { kmem_cache: kc, kmem_cache_cpu: c, slab: s, page } = k
  const nr_slabs = new Int32Array(kc.meta.high)
  const total_objects = new Int32Array(kc.meta.high)
  let reclaimable = 0
  let unreclaimable = 0
  for (let slab = 1; slab < s.meta.high; slab++) {
    const cache = s.cache[slab]!
    if (cache === 0) continue
    const pfn = s.pfn[slab]!
    const f = page.flags[pfn]!
    assert((f & PG_slab) !== 0 && page.mapping[pfn] === slab, 'slub: the slab does not own its frame')
    const order = (f >>> PG_ORDER_SHIFT) & 0xf
    for (let i = 1; i < 1 << order; i++) assert((page.flags[pfn + i]! & PG_tail) !== 0, 'slub: tail of a slab')
    let used = 0
    for (let word = slab * 16; word < slab * 16 + 16; word++)
      for (let bits = s.used[word]!; bits !== 0; bits &= bits - 1) used++
    assert(used === s.inuse[slab] && used <= s.objects[slab]!, 'slub: inuse')
    if (s.on_list[slab] === DYING) {
      unreclaimable += 1 << order
      continue
    }
    const partial = used < s.objects[slab]! && s.frozen[slab] === 0
    assert(!partial || s.on_list[slab] === ON_NODE, 'slub: a partial slab is on no list')
    assert(s.objects[slab]! * kc.size[cache]! <= 4096 << order, 'slub: objects beyond the end of their slab')
    nr_slabs[cache]!++
    total_objects[cache]! += s.objects[slab]!
    if ((kc.flags[cache]! & SLAB_RECLAIM_ACCOUNT) !== 0) reclaimable += 1 << order
    else unreclaimable += 1 << order
  }
  for (let cache = 1; cache < kc.meta.high; cache++) {
    assert(kc.nr_slabs[cache] === nr_slabs[cache], 'slub: nr_slabs')
    assert(kc.total_objects[cache] === total_objects[cache], 'slub: total_objects')
    let nr = 0
    for (let slab = kc.partial_head[cache]!; slab !== 0; slab = s.next[slab]!, nr++)
      assert(s.cache[slab] === cache && s.on_list[slab] === ON_NODE, 'slub: node partial list')
    assert(nr === kc.nr_partial[cache], 'slub: nr_partial')
    for (let cpu = 0; cpu < k.config.cpus; cpu++) {
      let held = 0
      for (let slab = c.partial[cache * CPUS_MAX + cpu]!; slab !== 0; slab = s.next[slab]!, held++)
        assert(s.cache[slab] === cache && s.on_list[slab] === ON_CPU, 'slub: CPU partial list')
      assert(held === c.partial_slabs[cache * CPUS_MAX + cpu], 'slub: CPU partial count')
    }
  }
  assert(k.vmstat[C.nr_slab_reclaimable] === reclaimable, 'slub: nr_slab_reclaimable')
  assert(k.vmstat[C.nr_slab_unreclaimable] === unreclaimable + k.var.kmalloc_large_pages, 'slub: nr_slab_unreclaimable')
}
