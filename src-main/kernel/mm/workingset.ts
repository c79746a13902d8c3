/**
 * Refaults: what an evicted page leaves behind, and what its return says.
 *
 * An eviction stores the age of the list (evictions and activations so far) in the page's place. When the page comes
 * back, the distance between then and now is how many more pages would have been needed to keep it: shorter than the
 * rest of the workingset, and it is activated at once.
 *
 *   shadow (31 bits, stored negative): | age: 20 bits, in buckets | cgroup: 10 bits | workingset: 1 bit |
 *
 * Linux: mm/workingset.c. Kept: ages, distance test, activation, restore, shadow nodes of each cgroup and their shrinker.
 */
import { C } from '@shared/counters'
import { assert } from '@shared/assert'
import {
  __GFP_ACCOUNT,
  __GFP_HIGH,
  __GFP_NOMEMALLOC,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  GFP_NOWAIT,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  PAGE_SIZE,
  PG_active,
  SHADOW_NODES,
  PG_workingset,
  type Kernel,
} from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { int_div } from '../lib/math'
import { xa_store, type NodeOps } from '../lib/xarray'
import { kmem_cache_free_rcu } from '../rcu/callbacks'
import { lru_gen_enabled } from './lru_gen'
import { lru_gen_eviction, lru_gen_refault } from './lru_gen_ctrl'
import { list_lru_add, list_lru_count_one, list_lru_del, list_lru_first } from './list_lru'
import { flush_stats_periodic, lruvec_page_state } from './lruvec_stat'
import { mem_cgroup_from_slab_obj } from './memcg_kmem'
import { local_lru_size, local_slab_bytes } from './memcg_stat'
import { mem_cgroup_has_id } from './memcg_tree'
import { count_memcg_events, memcg_page_state, parent_lruvec } from './memcontrol'
import { cache_by_name, kmem_cache_alloc, kmem_cache_free } from './slub'
import { folio_is_file_lru, folio_nr_pages, lru_note_cost_folio } from './swap'
import { nr_swap_pages } from './swapfile'

const MEMCG_BITS = 10
const AGE_BITS = 20
const AGE_MASK = 2 ** AGE_BITS - 1
const XA_CHUNK_SIZE = 64

// ---------------------------------------------------------------- ages

/** The age counts in buckets when memory has more pages than the age has values (bucket_order). */
function bucket_order(k: Kernel): number {
  const max_order = Math.ceil(Math.log2(Math.max(1, k.var.totalram_pages)))
  return max_order > AGE_BITS ? max_order - AGE_BITS : 0
}

export function workingset_age_nonresident(k: Kernel, memcg: number, nr_pages: number): void {
  for (let m = memcg; m >= 0; m = parent_lruvec(k, m)) {
    if (m + 1 >= k.lruvec.meta.high) k.lruvec.meta.high = m + 2
    k.lruvec.nonresident_age[m + 1]! += nr_pages
  }
}

/** The shadow of a page that is about to be evicted while `memcg` (0: the machine) is reclaimed. */
export function workingset_eviction(k: Kernel, pfn: number, memcg: number): number {
  if (lru_gen_enabled(k)) {
    const { token, refs } = lru_gen_eviction(k, pfn)
    return pack_shadow(token & AGE_MASK, k.page.memcg[pfn]!, refs > 0 ? 1 : 0)
  }
  const age = Math.floor(k.lruvec.nonresident_age[memcg + 1]! / 2 ** bucket_order(k)) & AGE_MASK
  workingset_age_nonresident(k, memcg, folio_nr_pages(k, pfn))
  const workingset = (k.page.flags[pfn]! & PG_workingset) !== 0 ? 1 : 0
  return pack_shadow(age, memcg, workingset)
}
function pack_shadow(age: number, memcg: number, workingset: number): number {
  return -1 - ((age << (MEMCG_BITS + 1)) | (memcg << 1) | workingset)
}

/** A page comes back whose shadow was found: judge it, before it goes to its list. */
export function workingset_refault(k: Kernel, pfn: number, shadow: number): void {
  const bits = -1 - shadow
  const workingset = (bits & 1) !== 0
  const evicted_memcg = (bits >> 1) & (2 ** MEMCG_BITS - 1)
  const order = bucket_order(k)
  const eviction = bits >>> (MEMCG_BITS + 1)
  if (lru_gen_enabled(k)) return lru_gen_refault(k, pfn, evicted_memcg, eviction, AGE_MASK, workingset)
  if (!mem_cgroup_has_id(k, evicted_memcg)) return
  const memcg = k.page.memcg[pfn]!
  const file = folio_is_file_lru(k, pfn)
  const nr = folio_nr_pages(k, pfn)
  const now = Math.floor(k.lruvec.nonresident_age[evicted_memcg + 1]! / 2 ** order)
  const distance = ((now - eviction) & AGE_MASK) * 2 ** order
  count(k, memcg, file ? C.workingset_refault_file : C.workingset_refault_anon, nr)
  flush_stats_periodic(k)
  if (distance > workingset_size(k, evicted_memcg, file)) return
  k.page.flags[pfn]! |= PG_active
  workingset_age_nonresident(k, memcg, nr)
  count(k, memcg, file ? C.workingset_activate_file : C.workingset_activate_anon, nr)
  if (!workingset) return
  k.page.flags[pfn]! |= PG_workingset
  lru_note_cost_folio(k, pfn)
  count(k, memcg, file ? C.workingset_restore_file : C.workingset_restore_anon, nr)
}

/** What competes with the refaulting page: all but its own inactive list. */
function workingset_size(k: Kernel, memcg: number, file: boolean): number {
  let size = lruvec_page_state(k, memcg, LRU_ACTIVE_FILE)
  if (!file) size += lruvec_page_state(k, memcg, LRU_INACTIVE_FILE)
  if (nr_swap_pages(k) > 0) {
    size += lruvec_page_state(k, memcg, LRU_ACTIVE_ANON)
    if (file) size += lruvec_page_state(k, memcg, LRU_INACTIVE_ANON)
  }
  return size
}

/** A page was activated by use: the inactive list ages. */
export function workingset_activation(k: Kernel, pfn: number): void {
  workingset_age_nonresident(k, k.page.memcg[pfn]!, folio_nr_pages(k, pfn))
}

function count(k: Kernel, memcg: number, event: number, nr: number): void {
  k.vmstat[event]! += nr
  count_memcg_events(k, memcg, event, nr)
}

// ---------------------------------------------------------------- nodes of the page cache

/** Nodes of file indexes: slab objects; those that hold only shadows are on a list for the shrinker. */
export const PAGE_CACHE_NODES: NodeOps = { alloc: alloc_node, free: free_node, update: workingset_update_node }

/** Nodes of the swap cache: nobody's, to be had in reclaim, and out of the shrinker's sight (no xas_set_update there). */
export const SWAP_CACHE_NODES: NodeOps = {
  alloc: (k) => new_node(k, GFP_NOWAIT | __GFP_NOWARN) || new_node(k, __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN),
  free: free_node,
  update: () => undefined,
}

function alloc_node(k: Kernel, _inode: number): number {
  return new_node(k, GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT | __GFP_RECLAIMABLE)
}
function new_node(k: Kernel, gfp: number): number {
  const obj = kmem_cache_alloc(k, cache_by_name(k, 'radix_tree_node'), gfp)
  if (obj === 0) return 0
  const node = row_alloc(k.xa)
  if (node === 0) kmem_cache_free(k, cache_by_name(k, 'radix_tree_node'), obj)
  else k.xa.obj[node] = obj
  return node
}
function free_node(k: Kernel, node: number): void {
  if (on_list(k, node)) shadow_list_del(k, node)
  kmem_cache_free_rcu(k, k.xa.obj[node]!)
  row_free(k.xa, node)
}

/** A leaf is listed while all its entries are shadows. */
export function workingset_update_node(k: Kernel, node: number): void {
  const only_shadows = k.xa.count[node]! > 0 && k.xa.count[node] === k.xa.nr_values[node]
  if (only_shadows === on_list(k, node)) return
  if (only_shadows) {
    list_lru_add(k, SHADOW_NODES, shadow_links(k), node, k.xa.obj[node]!)
    k.vmstat[C.workingset_nodes]!++
  } else shadow_list_del(k, node)
}
export function shadow_links(k: Kernel) {
  return { next: k.xa.lru_next, prev: k.xa.lru_prev }
}
function on_list(k: Kernel, node: number): boolean {
  return k.xa.lru_next[node] !== 0 || k.xa.lru_prev[node] !== 0 || only_one(k, node)
}
/** The only node of its list has no neighbours. */
function only_one(k: Kernel, node: number): boolean {
  return list_lru_first(k, SHADOW_NODES, mem_cgroup_from_slab_obj(k, k.xa.obj[node]!)) === node
}
function shadow_list_del(k: Kernel, node: number): void {
  list_lru_del(k, SHADOW_NODES, shadow_links(k), node, k.xa.obj[node]!)
  k.vmstat[C.workingset_nodes]!--
}

/** Nodes beyond what the shadows of an eighth of the cgroup's own pages, listed and of slabs, would need. */
export function count_shadow_nodes(k: Kernel, memcg: number): number {
  const nodes = list_lru_count_one(k, SHADOW_NODES, memcg)
  if (nodes === 0) return 0
  let pages = 0
  for (let lru = LRU_INACTIVE_ANON; lru <= LRU_UNEVICTABLE; lru++) pages += local_lru_size(k, memcg, lru)
  for (const item of [0, 1] as const) pages += int_div(local_slab_bytes(k, memcg, item), PAGE_SIZE)
  const max_nodes = int_div(pages, XA_CHUNK_SIZE / 8)
  return nodes <= max_nodes ? 0 : nodes - max_nodes
}

/** Drops the oldest shadow nodes of a cgroup; returns how many. */
export function scan_shadow_nodes(k: Kernel, memcg: number, nr_to_scan: number): number {
  let freed = 0
  while (freed < nr_to_scan) {
    const node = list_lru_first(k, SHADOW_NODES, memcg)
    if (node === 0) break
    const inode = k.xa.inode[node]!
    const base = node_base(k, node)
    for (let i = 0; i < XA_CHUNK_SIZE; i++) {
      const entry = k.xa.slot[node * XA_CHUNK_SIZE + i]!
      if (entry === 0) continue
      assert(entry < 0, 'scan_shadow_nodes: a page in a shadow node')
      const last = k.xa.count[node] === 1
      k.inode.nrexceptional[inode]!--
      xa_store(k, inode, base + i, 0, PAGE_CACHE_NODES)
      if (last) break
    }
    freed++
  }
  count(k, memcg, C.workingset_nodereclaim, freed)
  return freed
}
/** File index of the first slot of a leaf. */
function node_base(k: Kernel, node: number): number {
  let base = 0
  let at = node
  while (k.xa.parent[at] !== 0) {
    const parent = k.xa.parent[at]!
    base += k.xa.offset[at]! * 2 ** k.xa.shift[parent]!
    at = parent
  }
  return base
}

/** What the next reclaim compares activations with (snapshot_refaults). */
export function snapshot_refaults(k: Kernel, memcg: number): void {
  if (lru_gen_enabled(k)) return
  const row = 1 + memcg
  if (row >= k.lruvec.meta.high) k.lruvec.meta.high = row + 1
  k.lruvec.refaults[row * 2] = memcg_page_state(k, memcg, C.workingset_activate_anon)
  k.lruvec.refaults[row * 2 + 1] = memcg_page_state(k, memcg, C.workingset_activate_file)
}
