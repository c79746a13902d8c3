/** Checks of KSM: items and nodes against the counters, merged pages against their mappings. Throws KernelBug. */
import { assert } from '@shared/assert'
import { PG_anon, PG_anon_exclusive, PG_ksm, PTE_W, type Kernel } from '../kernel'
import { ksm, ksm_unused } from './ksm'
import { page_stable_node } from './ksm_stable'
import { page_vma_mapped, rmap_walk } from './rmap'

export function verify_ksm(k: Kernel): void {
  if (ksm_unused(k)) return
  const s = ksm(k)
  const listed = verify_items(k)
  let shared = 0
  let sharing = 0
  for (const [content, first] of Object.entries(s.stable))
    for (let node = first; node !== 0; node = k.ksm_stable_node.chain_next[node]!) {
      assert(k.ksm_stable_node.content[node] === Number(content), 'verify_ksm: content of a stable node')
      const len = verify_list(k, node)
      assert(len === k.ksm_stable_node.len[node], 'verify_ksm: length of a node')
      if (len > 0) shared++
      sharing += Math.max(0, len - 1)
    }
  assert(s.pages_shared === shared && s.pages_sharing === sharing, 'verify_ksm: pages shared and sharing')
  assert(listed === shared + sharing, 'verify_ksm: an item on no list')
  verify_pages(k)
}

/** Items by address in each address space; how many are on a node's list. */
function verify_items(k: Kernel): number {
  const s = ksm(k)
  const items = k.ksm_rmap_item
  let nr = 0
  let unstable = 0
  let listed = 0
  for (const slot of s.slots) {
    let last = -1
    let own = 0
    for (let item = slot.head; item !== 0; item = items.next[item]!) {
      assert(items.mm[item] === slot.mm && items.address[item]! > last, 'verify_ksm: order of items')
      last = items.address[item]!
      own++
      if (items.state[item] === 1) unstable++
      if (items.state[item] === 2) listed++
    }
    assert(k.mm.ksm_rmap_items[slot.mm] === own, 'verify_ksm: ksm_rmap_items')
    nr += own
  }
  assert(s.rmap_items === nr && items.meta.nr_live === nr, 'verify_ksm: number of items')
  assert(s.pages_unshared === unstable, 'verify_ksm: pages unshared')
  return listed
}

function verify_list(k: Kernel, node: number): number {
  const items = k.ksm_rmap_item
  let len = 0
  let prev = 0
  for (let item = k.ksm_stable_node.head[node]!; item !== 0; prev = item, item = items.list_next[item]!) {
    assert(items.state[item] === 2 && items.node[item] === node, 'verify_ksm: item of a node')
    assert(items.list_prev[item] === prev, 'verify_ksm: list of a node')
    assert(k.anon_vma.refcount[items.anon_vma[item]!]! > 0, 'verify_ksm: anon_vma of an item')
    len++
  }
  return len
}

/** Merged pages have a live node and are mapped read-only wherever the reverse map finds them. */
function verify_pages(k: Kernel): void {
  const { flags } = k.page
  for (let pfn = 1; pfn < k.var.max_pfn; pfn++) {
    if ((flags[pfn]! & PG_ksm) === 0 || page_stable_node(k, pfn) === 0) continue
    assert(
      (flags[pfn]! & (PG_anon | PG_anon_exclusive)) === PG_anon,
      'verify_ksm: a merged page is anonymous and shared',
    )
    assert(k.ksm_stable_node.kpfn[page_stable_node(k, pfn)] === pfn, 'verify_ksm: frame of a node')
    rmap_walk(k, pfn, (vma, addr) => {
      const slot = page_vma_mapped(k, pfn, vma, addr)
      assert(slot === 0 || (k.pt.entry[slot]! & PTE_W) === 0, 'verify_ksm: a merged page may be written')
      return true
    })
  }
}
