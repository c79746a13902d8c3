/** KSM: merged pages by content, with the addresses that map each; how the reverse map finds these. Linux: mm/ksm.c. */
import { GFP_KERNEL, PG_ksm, type Kernel } from '../kernel'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { charge } from '../task'
import { page_content } from './content'
import { ksm, setting, STABLE, type Ksm } from './ksm'
import { remove_rmap_item_from_tree } from './ksm_items'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'

/** Node of a merged page, 0 for any other. */
export function page_stable_node(k: Kernel, pfn: number): number {
  return (k.page.flags[pfn]! & PG_ksm) !== 0 ? k.page.mapping[pfn]! : 0
}

/** The frame of a node, or 0: its page was freed, and the node goes with it. */
function get_ksm_page(k: Kernel, s: Ksm, node: number): number {
  const pfn = k.ksm_stable_node.kpfn[node]!
  if (page_stable_node(k, pfn) === node) return pfn
  remove_node_from_stable_tree(k, s, node)
  return 0
}

/** A merged page of this content that may be shared once more: the fullest of its chain. 0: none. */
export function stable_tree_search(k: Kernel, s: Ksm, content: number): number {
  if (content <= 0) return 0
  const max = setting(k, 'max_page_sharing', 256)
  let found = 0
  let found_len = 0
  for (let node = s.stable[content] ?? 0; node !== 0;) {
    const next = k.ksm_stable_node.chain_next[node]!
    charge(k, COST.ksm_compare_page)
    const pfn = get_ksm_page(k, s, node)
    const len = k.ksm_stable_node.len[node]!
    if (pfn !== 0 && len > found_len && len < max) {
      found = pfn
      found_len = len
    }
    node = next
  }
  return found
}

export function stable_tree_insert(k: Kernel, s: Ksm, pfn: number): number {
  const nodes = k.ksm_stable_node
  const obj = kmem_cache_alloc(k, CACHES(k).ksm_stable_node, GFP_KERNEL)
  const node = obj === 0 ? 0 : row_alloc(nodes)
  if (node === 0) {
    if (obj !== 0) kmem_cache_free(k, CACHES(k).ksm_stable_node, obj)
    return 0
  }
  const content = page_content(k, pfn)
  nodes.obj[node] = obj
  nodes.kpfn[node] = pfn
  nodes.content[node] = content
  nodes.chain_next[node] = s.stable[content] ?? 0
  s.stable[content] = node
  k.page.mapping[pfn] = node
  return node
}

/** One more address maps the node's page: the first one counts as shared, the others as sharing. */
export function stable_tree_append(k: Kernel, s: Ksm, item: number, node: number): void {
  const items = k.ksm_rmap_item
  const first = k.ksm_stable_node.head[node]!
  items.node[item] = node
  items.state[item] = STABLE
  items.list_next[item] = first
  items.list_prev[item] = 0
  if (first !== 0) items.list_prev[first] = item
  k.ksm_stable_node.head[node] = item
  k.ksm_stable_node.len[node]!++
  if (first !== 0) s.pages_sharing++
  else s.pages_shared++
  k.mm.ksm_merging_pages[items.mm[item]!]!++
}

function remove_node_from_stable_tree(k: Kernel, s: Ksm, node: number): void {
  const nodes = k.ksm_stable_node
  while (nodes.head[node] !== 0) remove_rmap_item_from_tree(k, s, nodes.head[node]!)
  const content = nodes.content[node]!
  let at = s.stable[content]!
  if (at === node) {
    if (nodes.chain_next[node] !== 0) s.stable[content] = nodes.chain_next[node]!
    else delete s.stable[content]
  } else {
    while (nodes.chain_next[at] !== node) at = nodes.chain_next[at]!
    nodes.chain_next[at] = nodes.chain_next[node]!
  }
  kmem_cache_free(k, CACHES(k).ksm_stable_node, nodes.obj[node]!)
  row_free(nodes, node)
}

/** Contents with more than one merged page, and those pages: stable_node_chains, stable_node_dups. */
export function stable_node_chains(k: Kernel): { chains: number; dups: number } {
  let chains = 0
  let dups = 0
  for (const first of Object.values(ksm(k).stable)) {
    let nr = 0
    for (let node = first; node !== 0; node = k.ksm_stable_node.chain_next[node]!) nr++
    if (nr < 2) continue
    chains++
    dups += nr
  }
  return { chains, dups }
}

/** Nodes whose page is gone are dropped; true when one is left that is still in use (remove_all_stable_nodes). */
export function remove_all_stable_nodes(k: Kernel): boolean {
  const s = ksm(k)
  let busy = false
  for (const first of Object.values(s.stable))
    for (let node = first; node !== 0;) {
      const next = k.ksm_stable_node.chain_next[node]!
      if (get_ksm_page(k, s, node) !== 0) busy = true
      node = next
    }
  return busy
}

/** A merged page moved to another frame (ksm_migrate_page). */
export function ksm_migrate_page(k: Kernel, to: number): void {
  const node = page_stable_node(k, to)
  if (node !== 0) k.ksm_stable_node.kpfn[node] = to
}

/** rmap_walk_ksm: the addresses of the items, in their own address spaces, then in those that fork made since. */
export function rmap_walk_ksm(k: Kernel, pfn: number, visit: (vma: number, addr: number) => boolean): void {
  const items = k.ksm_rmap_item
  const node = page_stable_node(k, pfn)
  if (node === 0) return
  for (const search_new_forks of [false, true])
    for (let item = k.ksm_stable_node.head[node]!; item !== 0;) {
      const next_item = items.list_next[item]!
      const addr = items.address[item]!
      for (let link = k.anon_vma.head[items.anon_vma[item]!]!; link !== 0;) {
        const next = k.avc.anon_next[link]!
        const vma = k.avc.vma[link]!
        const own = k.vma.mm[vma] === items.mm[item]
        const inside = addr >= k.vma.vm_start[vma]! && addr < k.vma.vm_end[vma]!
        if (inside && own !== search_new_forks && !visit(vma, addr)) return
        link = next
      }
      item = next_item
    }
}
