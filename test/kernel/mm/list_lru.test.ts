/** Lists of what shrinkers may free: an item is on the list of whoever paid for its object, the oldest first. */
import { beforeEach, expect, test } from 'vitest'
import { __GFP_ACCOUNT, DENTRY_LRU, GFP_KERNEL, INODE_LRU, type Kernel } from '../../../src-main/kernel/kernel'
import {
  list_lru_add,
  list_lru_count,
  list_lru_count_one,
  list_lru_del,
  list_lru_first,
  memcg_reparent_list_lru,
} from '../../../src-main/kernel/mm/list_lru'
import { mem_cgroup_from_slab_obj } from '../../../src-main/kernel/mm/memcg_kmem'
import { cgroup_attach, cgroup_mkdir } from '../../../src-main/kernel/mm/memcg_tree'
import { cache_by_name, kmem_cache_alloc } from '../../../src-main/kernel/mm/slub'
import { bare_machine } from '../../support/bare'

let k: Kernel
let parent: number
let child: number
/** Items 1 … 8, none of them on a list of the machine. */
let links: { next: Int32Array; prev: Int32Array }
let objects: number[]

beforeEach(() => {
  k = bare_machine()
  parent = cgroup_mkdir(k, 0, 'parent')
  child = cgroup_mkdir(k, parent, 'child')
  links = { next: new Int32Array(9), prev: new Int32Array(9) }
  objects = [0]
})
/** The next item, paid for by a cgroup, as the youngest of its list. */
function add(memcg: number, list = DENTRY_LRU): number {
  cgroup_attach(k, memcg, k.var.current)
  const obj = kmem_cache_alloc(k, cache_by_name(k, 'dentry'), GFP_KERNEL | __GFP_ACCOUNT)
  expect(mem_cgroup_from_slab_obj(k, obj)).toBe(memcg)
  const item = objects.push(obj) - 1
  list_lru_add(k, list, links, item, obj)
  return item
}
function in_order(memcg: number, list = DENTRY_LRU): number[] {
  const items: number[] = []
  for (let item = list_lru_first(k, list, memcg); item !== 0; item = links.next[item]!) items.push(item)
  return items
}

test('each cgroup has its own, and counts them; so has each kind of object', () => {
  const before = [0, parent].map((memcg) => list_lru_count_one(k, DENTRY_LRU, memcg))
  const all = list_lru_count(k, DENTRY_LRU)
  const [a, b] = [add(child), add(child)]
  const other = add(child, INODE_LRU)
  expect(in_order(child)).toEqual([a, b])
  expect(in_order(child, INODE_LRU)).toEqual([other])
  expect([0, parent].map((memcg) => list_lru_count_one(k, DENTRY_LRU, memcg))).toEqual(before)
  expect([list_lru_count_one(k, DENTRY_LRU, child), list_lru_count(k, DENTRY_LRU)]).toEqual([2, all + 2])
  list_lru_del(k, DENTRY_LRU, links, a, objects[a]!)
  expect(in_order(child)).toEqual([b])
  expect([list_lru_count_one(k, DENTRY_LRU, child), list_lru_count(k, DENTRY_LRU)]).toEqual([1, all + 1])
})

test('those of a removed cgroup go behind its parent’s, in their order, and are counted there', () => {
  const own = add(parent)
  const [a, b] = [add(child), add(child)]
  memcg_reparent_list_lru(k, DENTRY_LRU, links, child, parent)
  expect([in_order(parent), in_order(child)]).toEqual([[own, a, b], []])
  expect([parent, child].map((memcg) => list_lru_count_one(k, DENTRY_LRU, memcg))).toEqual([3, 0])
})
