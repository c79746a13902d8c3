/** KSM: the pages of this scan by content; the second of a kind makes a merged page of both. Linux: mm/ksm.c. */
import { VM_MERGEABLE, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge } from '../task'
import { get_anon_vma, put_anon_vma } from './anon_vma'
import { page_content } from './content'
import { UNSTABLE, type Ksm } from './ksm'
import { remove_rmap_item_from_tree } from './ksm_items'
import { break_cow, try_to_merge_one_page } from './ksm_merge'
import { anon_page } from './ksm_scan'
import { stable_tree_append, stable_tree_insert } from './ksm_stable'
import { find_vma } from './vma'

/** Looks for a page of this scan with the same content: both are merged; else the item joins the unstable tree. */
export function unstable_tree_search_insert(k: Kernel, s: Ksm, pfn: number, item: number, content: number): void {
  const items = k.ksm_rmap_item
  const other = content > 0 ? (s.unstable[content] ?? 0) : 0
  if (other !== 0) {
    const tree_pfn = get_mergeable_page(k, other)
    if (tree_pfn === 0 || tree_pfn === pfn) return
    charge(k, COST.ksm_compare_page)
    if (page_content(k, tree_pfn) === content) {
      merge_two_pages(k, s, item, pfn, other, tree_pfn)
      return
    }
  }
  if (content > 0) s.unstable[content] = item
  items.node[item] = content
  items.state[item] = UNSTABLE
  items.seqnr[item] = s.seqnr & 0xff
  s.pages_unshared++
}

/** The page of the scan becomes the merged page of both. */
function merge_two_pages(k: Kernel, s: Ksm, item: number, pfn: number, other: number, tree_pfn: number): void {
  if (!try_to_merge_with_ksm_page(k, s, item, pfn, 0)) return
  if (!try_to_merge_with_ksm_page(k, s, other, tree_pfn, pfn)) {
    drop_anon_vma(k, item)
    break_cow(k, k.ksm_rmap_item.mm[item]!, k.ksm_rmap_item.address[item]!)
    return
  }
  const node = stable_tree_insert(k, s, pfn)
  if (node !== 0) {
    stable_tree_append(k, s, other, node)
    stable_tree_append(k, s, item, node)
    return
  }
  for (const each of [other, item]) {
    drop_anon_vma(k, each)
    break_cow(k, k.ksm_rmap_item.mm[each]!, k.ksm_rmap_item.address[each]!)
  }
}

/** `kpage` 0: the page itself becomes read-only and KSM's. The item then holds the anon_vma of its area. */
export function try_to_merge_with_ksm_page(k: Kernel, s: Ksm, item: number, pfn: number, kpage: number): boolean {
  const { mm, address, anon_vma } = k.ksm_rmap_item
  const vma = find_mergeable_vma(k, mm[item]!, address[item]!)
  if (vma === 0 || !try_to_merge_one_page(k, vma, address[item]!, pfn, kpage)) return false
  remove_rmap_item_from_tree(k, s, item)
  anon_vma[item] = k.vma.anon_vma[vma]!
  get_anon_vma(k, anon_vma[item]!)
  return true
}
function drop_anon_vma(k: Kernel, item: number): void {
  put_anon_vma(k, k.ksm_rmap_item.anon_vma[item]!)
  k.ksm_rmap_item.anon_vma[item] = 0
}

export function find_mergeable_vma(k: Kernel, mm: number, addr: number): number {
  const vma = find_vma(k, mm, addr)
  if (vma === 0 || k.vma.vm_start[vma]! > addr) return 0
  return (k.vma.vm_flags[vma]! & VM_MERGEABLE) !== 0 && k.vma.anon_vma[vma] !== 0 ? vma : 0
}
function get_mergeable_page(k: Kernel, item: number): number {
  const { mm, address } = k.ksm_rmap_item
  return find_mergeable_vma(k, mm[item]!, address[item]!) === 0 ? 0 : anon_page(k, mm[item]!, address[item]!)
}
