/**
 * Lists of objects that a shrinker may free, one for each cgroup that paid for objects: an object is on the list of
 * whoever its slab object was charged to.
 *
 * Linux: mm/list_lru.c (list_lru_add, list_lru_count_one, memcg_reparent_list_lrus).
 */
import { NR_LIST_LRUS, type Kernel } from '../kernel'
import { row_touch } from '../lib/arena'
import { list_add_tail, list_del, type Links } from '../lib/list'
import { mem_cgroup_from_slab_obj } from './memcg_kmem'

/** Row of `list_lru`; the root's rows are the lists' own numbers. */
export function list_lru_row(list: number, memcg: number): number {
  return memcg * NR_LIST_LRUS + list
}
/** Rows of a cgroup (0: the root) become part of the machine's state. */
export function list_lru_alloc(k: Kernel, memcg: number): void {
  row_touch(k.list_lru, list_lru_row(NR_LIST_LRUS - 1, memcg))
}

/** `obj`: the slab object that the item is, or is part of. */
export function list_lru_add(k: Kernel, list: number, links: Links, item: number, obj: number): void {
  const row = list_lru_row(list, mem_cgroup_from_slab_obj(k, obj))
  list_add_tail(k.list_lru, row, links, item)
  k.list_lru.nr[row]!++
}
export function list_lru_del(k: Kernel, list: number, links: Links, item: number, obj: number): void {
  const row = list_lru_row(list, mem_cgroup_from_slab_obj(k, obj))
  list_del(k.list_lru, row, links, item)
  k.list_lru.nr[row]!--
}

/** Items of one cgroup, and of all. */
export function list_lru_count_one(k: Kernel, list: number, memcg: number): number {
  return k.list_lru.nr[list_lru_row(list, memcg)]!
}
export function list_lru_count(k: Kernel, list: number): number {
  let nr = 0
  for (let row = list; row < k.list_lru.meta.high; row += NR_LIST_LRUS) nr += k.list_lru.nr[row]!
  return nr
}
/** The oldest item of a cgroup; 0 when it has none. */
export function list_lru_first(k: Kernel, list: number, memcg: number): number {
  return k.list_lru.head[list_lru_row(list, memcg)]!
}

/** The lists of a removed cgroup are appended to its parent's, and so is what its shrinkers left undone. */
export function memcg_reparent_list_lru(k: Kernel, list: number, links: Links, memcg: number, parent: number): void {
  const { head, nr } = k.list_lru
  const src = list_lru_row(list, memcg)
  const dst = list_lru_row(list, parent)
  for (let item = head[src]!; item !== 0; item = head[src]!) {
    list_del(k.list_lru, src, links, item)
    list_add_tail(k.list_lru, dst, links, item)
  }
  nr[dst]! += nr[src]!
  nr[src] = 0
  reparent_deferred(k, list, memcg, parent)
}
/** What a shrinker put off for a removed cgroup is asked of its parent. */
export function reparent_deferred(k: Kernel, list: number, memcg: number, parent: number): void {
  const { nr_deferred } = k.list_lru
  const src = list_lru_row(list, memcg)
  nr_deferred[list_lru_row(list, parent)]! += nr_deferred[src]!
  nr_deferred[src] = 0
}
