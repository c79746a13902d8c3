/** KSM: an item for each address that was scanned, in the order of addresses; it is in one of the trees, or in none. Linux: mm/ksm.c. */
import { GFP_KERNEL, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { put_anon_vma } from './anon_vma'
import { STABLE, UNSTABLE, type Ksm, type MmSlot } from './ksm'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'

/** Moves the cursor to the item of an address, made when there is none; items passed over are of addresses that went. */
export function get_next_rmap_item(k: Kernel, s: Ksm, slot: MmSlot, addr: number): boolean {
  const items = k.ksm_rmap_item
  let next = s.item === 0 ? slot.head : items.next[s.item]!
  while (next !== 0 && items.address[next]! < addr) {
    const gone = next
    next = items.next[gone]!
    unlink(k, s, slot, gone, next)
  }
  if (next !== 0 && items.address[next] === addr) {
    s.item = next
    return true
  }
  const obj = kmem_cache_alloc(k, CACHES(k).ksm_rmap_item, GFP_KERNEL)
  const item = obj === 0 ? 0 : row_alloc(items)
  if (item === 0) {
    if (obj !== 0) kmem_cache_free(k, CACHES(k).ksm_rmap_item, obj)
    return false
  }
  items.obj[item] = obj
  items.mm[item] = slot.mm
  items.address[item] = addr
  items.next[item] = next
  if (s.item === 0) slot.head = item
  else items.next[s.item] = item
  s.item = item
  s.rmap_items++
  k.mm.ksm_rmap_items[slot.mm]!++
  return true
}

/** Frees the items of a slot behind `last` (0: all). */
export function remove_trailing_rmap_items(k: Kernel, s: Ksm, slot: MmSlot, last: number): void {
  for (let item = last === 0 ? slot.head : k.ksm_rmap_item.next[last]!; item !== 0;) {
    const next = k.ksm_rmap_item.next[item]!
    remove_rmap_item_from_tree(k, s, item)
    free_rmap_item(k, s, item)
    item = next
  }
  if (last === 0) slot.head = 0
  else k.ksm_rmap_item.next[last] = 0
}
function unlink(k: Kernel, s: Ksm, slot: MmSlot, item: number, next: number): void {
  remove_rmap_item_from_tree(k, s, item)
  free_rmap_item(k, s, item)
  if (s.item === 0) slot.head = next
  else k.ksm_rmap_item.next[s.item] = next
}
function free_rmap_item(k: Kernel, s: Ksm, item: number): void {
  s.rmap_items--
  k.mm.ksm_rmap_items[k.ksm_rmap_item.mm[item]!]!--
  kmem_cache_free(k, CACHES(k).ksm_rmap_item, k.ksm_rmap_item.obj[item]!)
  row_free(k.ksm_rmap_item, item)
}

export function remove_rmap_item_from_tree(k: Kernel, s: Ksm, item: number): void {
  const items = k.ksm_rmap_item
  if (items.state[item] === UNSTABLE) {
    // An older tree is forgotten already.
    if (items.seqnr[item] === (s.seqnr & 0xff) && s.unstable[items.node[item]!] === item)
      delete s.unstable[items.node[item]!]
    s.pages_unshared--
  } else if (items.state[item] === STABLE) {
    const node = items.node[item]!
    list_del(k, node, item)
    if (k.ksm_stable_node.head[node] !== 0) s.pages_sharing--
    else s.pages_shared--
    k.mm.ksm_merging_pages[items.mm[item]!]!--
    put_anon_vma(k, items.anon_vma[item]!)
    items.anon_vma[item] = 0
  }
  items.state[item] = 0
  items.node[item] = 0
}

function list_del(k: Kernel, node: number, item: number): void {
  const { list_next, list_prev } = k.ksm_rmap_item
  const next = list_next[item]!
  const prev = list_prev[item]!
  if (prev !== 0) list_next[prev] = next
  else k.ksm_stable_node.head[node] = next
  if (next !== 0) list_prev[next] = prev
  list_next[item] = 0
  list_prev[item] = 0
  k.ksm_stable_node.len[node]!--
}
