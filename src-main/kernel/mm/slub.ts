/**
 * SLUB: caches of equal objects in slabs of 2^order frames. An object is named by its slab row and its place in the
 * slab (`slab_row * 512 + index`).
 *
 *   CPU slab ── CPU partial slabs ── node partial list ── new slab from the page allocator
 *
 * A CPU allocates from its own slab; a full slab is on no list; the first free into it puts it on the CPU's partial
 * list, from where surplus goes to the node; empty slabs beyond min_partial go back to the page allocator.
 *
 * Linux: mm/slub.c (___slab_alloc, __slab_free, put_cpu_partial, __unfreeze_partials, deactivate_slab), 6.1.
 * Simplified: objects have no free-list order, the lowest free place of a slab is taken; a slab is "frozen" while a CPU
 * holds it; the per-CPU free list is not kept apart from the slab's own, so `inuse` counts the real objects.
 */
import { C } from '@shared/counters'
import { assert } from '@shared/assert'
import { row_alloc, row_free } from '../lib/arena'
import { charge } from '../task'
import { COST } from '../costs'
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_DMA,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  __GFP_RECLAIMABLE,
  PG_ORDER_SHIFT,
  PG_slab,
  type Kernel,
} from '../kernel'
import {
  memcg_free_slab_cgroups,
  memcg_slab_free_hook,
  memcg_slab_post_alloc_hook,
  memcg_slab_pre_alloc_hook,
} from './memcg_kmem'
import { alloc_pages, free_pages } from './page_alloc'
import { SLAB_CACHE_DMA, SLAB_RECLAIM_ACCOUNT, SLAB_TYPESAFE_BY_RCU } from './slab_common'
import { free_slab_rcu } from '../rcu/callbacks'

export {
  all_caches,
  cache_by_name,
  CACHES,
  kfree,
  kmalloc,
  kmalloc_cache,
  kmem_cache_init,
  slab_boot_objects,
} from './slab_common'

export const CPUS_MAX = 64
/** Places in a handle for the index inside a slab. */
const OBJECTS_MAX = 512
export const ON_NODE = 1
export const ON_CPU = 2
/** Its frames wait for a grace period. */
export const DYING = 3
/** Slabs with so many free places, or fewer, are put in order when a cache is shrunk. */
const SHRINK_PROMOTE_MAX = 32

/** Takes an object of the cache; 0 when no memory is to be had under `gfp`. */
export function kmem_cache_alloc(k: Kernel, cache: number, gfp: number): number {
  const memcg = k.memcg.meta.nr_live === 0 ? 0 : memcg_slab_pre_alloc_hook(k, cache, gfp)
  if (memcg < 0) return 0
  const handle = slab_alloc(k, cache, gfp)
  if (memcg !== 0) memcg_slab_post_alloc_hook(k, cache, memcg, handle)
  return handle
}

function slab_alloc(k: Kernel, cache: number, gfp: number): number {
  const row = cache * CPUS_MAX + k.var.cpu
  let slab = k.kmem_cache_cpu.slab[row]!
  charge(k, COST.slab_alloc)
  if (slab === 0 || k.slab.inuse[slab]! >= k.slab.objects[slab]!) {
    slab = ___slab_alloc(k, cache, row, gfp)
    if (slab === 0) return 0
  }
  const index = first_free(k, slab)
  k.slab.used[slab * 16 + (index >> 5)]! |= 1 << (index & 31)
  k.slab.inuse[slab]!++
  return slab * OBJECTS_MAX + index
}

/** Lowest free place of a slab that has one. */
function first_free(k: Kernel, slab: number): number {
  const used = k.slab.used
  let word = slab * 16
  while (used[word] === -1) word++
  const free = ~used[word]!
  return ((word - slab * 16) << 5) + (31 - Math.clz32(free & -free))
}

/** The CPU's slab is full: take one of its partial slabs, of the node's, or a new one. */
function ___slab_alloc(k: Kernel, cache: number, row: number, gfp: number): number {
  const { kmem_cache_cpu: c, slab: s } = k
  // A full slab is on no list; the next free into it finds it again.
  if (c.slab[row] !== 0) s.frozen[c.slab[row]!] = 0
  c.slab[row] = 0
  let slab = c.partial[row]!
  if (slab !== 0) {
    c.partial[row] = s.next[slab]!
    c.partial_slabs[row]!--
    s.next[slab] = 0
    s.on_list[slab] = 0
  } else {
    slab = get_partial_node(k, cache, row)
    if (slab === 0) slab = new_slab(k, cache, gfp)
    if (slab === 0) return 0
  }
  s.frozen[slab] = 1
  c.slab[row] = slab
  return slab
}

/** Takes partial slabs off the node's list: one to allocate from, and half of what the CPU may hold besides. */
function get_partial_node(k: Kernel, cache: number, row: number): number {
  const kc = k.kmem_cache
  const first = kc.partial_head[cache]!
  if (first === 0) return 0
  remove_partial(k, cache, first)
  let taken = 0
  const limit = kc.cpu_partial_slabs[cache]! >> 1
  while (kc.partial_head[cache] !== 0 && kc.cpu_partial_slabs[cache] !== 0) {
    const slab = kc.partial_head[cache]!
    remove_partial(k, cache, slab)
    push_cpu_partial(k, row, slab)
    if (++taken > limit) break
  }
  return first
}

/** A slab of new frames: of the cache's order, or of the smallest that holds an object when memory is short. */
function new_slab(k: Kernel, cache: number, gfp: number): number {
  const kc = k.kmem_cache
  const flags = kc.flags[cache]!
  let alloc_gfp = gfp & ~__GFP_ACCOUNT
  if ((flags & SLAB_CACHE_DMA) !== 0) alloc_gfp |= __GFP_DMA
  if ((flags & SLAB_RECLAIM_ACCOUNT) !== 0) alloc_gfp |= __GFP_RECLAIMABLE
  let order = kc.order[cache]!
  const min_order = kc.min_order[cache]!
  // Try the wanted order lightly first: no retry, no warning, no reserves. Who cannot wait wakes kswapd all the same.
  let light = (alloc_gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL
  if (order > min_order && (light & __GFP_DIRECT_RECLAIM) !== 0) light = (light | __GFP_NOMEMALLOC) & ~__GFP_RECLAIM
  let pfn = alloc_pages(k, order > 0 ? light | __GFP_COMP : light, order)
  if (pfn === 0) {
    order = min_order
    pfn = alloc_pages(k, order > 0 ? alloc_gfp | __GFP_COMP : alloc_gfp, order)
    if (pfn === 0) return 0
  }
  const slab = row_alloc(k.slab)
  assert(slab !== 0, 'new_slab: the slab table is full')
  const objects = Math.floor((4096 << order) / kc.size[cache]!)
  k.slab.cache[slab] = cache
  k.slab.pfn[slab] = pfn
  k.slab.objects[slab] = objects
  k.page.flags[pfn]! |= PG_slab
  for (let i = 0; i < 1 << order; i++) k.page.mapping[pfn + i] = slab
  kc.nr_slabs[cache]!++
  kc.total_objects[cache]! += objects
  k.vmstat[slab_item(flags)]! += 1 << order
  charge(k, COST.slab_new)
  return slab
}

function slab_item(flags: number): number {
  return (flags & SLAB_RECLAIM_ACCOUNT) !== 0 ? C.nr_slab_reclaimable : C.nr_slab_unreclaimable
}

/** Gives an empty slab's frames back: at once, or after a grace period where objects are looked at without a lock. */
function discard_slab(k: Kernel, cache: number, slab: number): void {
  k.kmem_cache.nr_slabs[cache]!--
  k.kmem_cache.total_objects[cache]! -= k.slab.objects[slab]!
  if ((k.kmem_cache.flags[cache]! & SLAB_TYPESAFE_BY_RCU) === 0) return __free_slab(k, slab)
  k.slab.on_list[slab] = DYING
  free_slab_rcu(k, slab)
}

/** The frames of a slab that is on no list and in no count any more. */
export function __free_slab(k: Kernel, slab: number): void {
  const cache = k.slab.cache[slab]!
  const pfn = k.slab.pfn[slab]!
  const order = (k.page.flags[pfn]! >>> PG_ORDER_SHIFT) & 0xf
  k.vmstat[slab_item(k.kmem_cache.flags[cache]!)]! -= 1 << order
  k.page.flags[pfn]! &= ~PG_slab
  if (k.slab.obj_cgroups[slab] !== 0) memcg_free_slab_cgroups(k, slab)
  row_free(k.slab, slab)
  if (k.var.current !== 0) k.task.reclaimed_slab[k.var.current]! += 1 << order
  free_pages(k, pfn, order)
}

// ---------------------------------------------------------------- freeing

/** Gives an object back. */
export function kmem_cache_free(k: Kernel, cache: number, handle: number): void {
  const s = k.slab
  const slab = Math.floor(handle / OBJECTS_MAX)
  const index = handle % OBJECTS_MAX
  const bit = 1 << (index & 31)
  const word = slab * 16 + (index >> 5)
  assert(s.cache[slab] === cache, 'kmem_cache_free: an object of another cache')
  assert((s.used[word]! & bit) !== 0, 'kmem_cache_free: the object is free')
  if (s.obj_cgroups[slab] !== 0) memcg_slab_free_hook(k, cache, handle)
  charge(k, COST.slab_free)
  const was_full = s.inuse[slab] === s.objects[slab]
  s.used[word]! &= ~bit
  s.inuse[slab]!--
  if (s.frozen[slab] !== 0) return
  __slab_free(k, cache, slab, was_full)
}

/** The slab belongs to no CPU: a full one becomes partial, an empty one may go. */
function __slab_free(k: Kernel, cache: number, slab: number, was_full: boolean): void {
  const kc = k.kmem_cache
  const empty = k.slab.inuse[slab] === 0
  if (was_full) {
    if (kc.cpu_partial_slabs[cache] !== 0) return put_cpu_partial(k, cache, slab)
    if (!empty || kc.nr_partial[cache]! < kc.min_partial[cache]!) return add_partial(k, cache, slab, true)
    return discard_slab(k, cache, slab)
  }
  if (empty && kc.nr_partial[cache]! >= kc.min_partial[cache]!) {
    remove_partial(k, cache, slab)
    discard_slab(k, cache, slab)
  }
}

/** Puts a slab on the CPU's partial list; when that is as long as allowed, all of it goes to the node first. */
function put_cpu_partial(k: Kernel, cache: number, slab: number): void {
  const row = cache * CPUS_MAX + k.var.cpu
  if (k.kmem_cache_cpu.partial_slabs[row]! >= k.kmem_cache.cpu_partial_slabs[cache]!) __unfreeze_partials(k, cache, row)
  push_cpu_partial(k, row, slab)
}

function push_cpu_partial(k: Kernel, row: number, slab: number): void {
  const c = k.kmem_cache_cpu
  k.slab.next[slab] = c.partial[row]!
  k.slab.frozen[slab] = 1
  k.slab.on_list[slab] = ON_CPU
  c.partial[row] = slab
  c.partial_slabs[row]!++
}

/** Moves a CPU's partial slabs to the node's list, and frees the empty ones that the node has no need of. */
function __unfreeze_partials(k: Kernel, cache: number, row: number): void {
  const { kmem_cache: kc, kmem_cache_cpu: c, slab: s } = k
  while (c.partial[row] !== 0) {
    const slab = c.partial[row]!
    c.partial[row] = s.next[slab]!
    s.next[slab] = 0
    s.on_list[slab] = 0
    s.frozen[slab] = 0
    if (s.inuse[slab] === 0 && kc.nr_partial[cache]! >= kc.min_partial[cache]!) discard_slab(k, cache, slab)
    else add_partial(k, cache, slab, true)
  }
  c.partial_slabs[row] = 0
}

function add_partial(k: Kernel, cache: number, slab: number, tail: boolean): void {
  const { kmem_cache: kc, slab: s } = k
  const head = kc.partial_head[cache]!
  const last = kc.partial_tail[cache]!
  s.on_list[slab] = ON_NODE
  s.next[slab] = tail ? 0 : head
  s.prev[slab] = tail ? last : 0
  if (tail) {
    if (last !== 0) s.next[last] = slab
    else kc.partial_head[cache] = slab
    kc.partial_tail[cache] = slab
  } else {
    if (head !== 0) s.prev[head] = slab
    else kc.partial_tail[cache] = slab
    kc.partial_head[cache] = slab
  }
  kc.nr_partial[cache]!++
}

function remove_partial(k: Kernel, cache: number, slab: number): void {
  const { kmem_cache: kc, slab: s } = k
  assert(s.on_list[slab] === ON_NODE, 'remove_partial: the slab is not on the node list')
  const next = s.next[slab]!
  const prev = s.prev[slab]!
  if (prev !== 0) s.next[prev] = next
  else kc.partial_head[cache] = next
  if (next !== 0) s.prev[next] = prev
  else kc.partial_tail[cache] = prev
  s.next[slab] = 0
  s.prev[slab] = 0
  s.on_list[slab] = 0
  kc.nr_partial[cache]!--
}

// ---------------------------------------------------------------- flushing and shrinking

/** flush_all: every CPU gives up its slab and its partial slabs. */
export function flush_cpu_slabs(k: Kernel, cache: number): void {
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const row = cache * CPUS_MAX + cpu
    const slab = k.kmem_cache_cpu.slab[row]!
    if (slab !== 0) {
      k.kmem_cache_cpu.slab[row] = 0
      k.slab.frozen[slab] = 0
      deactivate_slab(k, cache, slab)
    }
    __unfreeze_partials(k, cache, row)
  }
}

function deactivate_slab(k: Kernel, cache: number, slab: number): void {
  const { kmem_cache: kc, slab: s } = k
  if (s.inuse[slab] === 0 && kc.nr_partial[cache]! >= kc.min_partial[cache]!) discard_slab(k, cache, slab)
  else if (s.inuse[slab]! < s.objects[slab]!) add_partial(k, cache, slab, false)
}

/**
 * kmem_cache_shrink: flushes the CPUs, frees every empty slab, and puts those with the fewest free places in front, so that
 * the others may become empty. Linux: __kmem_cache_do_shrink.
 */
export function kmem_cache_shrink(k: Kernel, cache: number): void {
  flush_cpu_slabs(k, cache)
  const { slab: s, kmem_cache: kc } = k
  const empty: number[] = []
  const promoted: number[][] = Array.from({ length: SHRINK_PROMOTE_MAX }, () => [])
  for (let slab = kc.partial_head[cache]!; slab !== 0;) {
    const next = s.next[slab]!
    const free = s.objects[slab]! - s.inuse[slab]!
    const list = s.inuse[slab] === 0 ? empty : promoted[free - 1]
    if (list !== undefined) {
      remove_partial(k, cache, slab)
      list.push(slab)
    }
    slab = next
  }
  // Each was put to the head of its list: the last one that was found is the first.
  for (const list of promoted.reverse()) for (const slab of list) add_partial(k, cache, slab, false)
  for (const slab of empty.reverse()) discard_slab(k, cache, slab)
}
