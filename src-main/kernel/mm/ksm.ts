/**
 * KSM: pages of areas that asked for it (MADV_MERGEABLE) are compared by content; equal ones become one read-only page.
 *
 *     ksmd ─ next page ─┬ equal to a merged page (stable tree)? map that instead
 *                       ├ changed since the last full scan? remember its checksum, next time
 *                       ├ equal to a page seen in this scan (unstable tree)? both become a merged page
 *                       └ else into the unstable tree, which is forgotten after each full scan
 *
 * An rmap_item stands for an address that was scanned; a stable node for a merged page and the addresses that map it. A
 * write to a merged page is copied as any other write to a shared page (mm/wp.ts), and the item leaves its node when the
 * scan comes by again.
 *
 * Linux: mm/ksm.c. Simplified: trees are tables by content tag (mm/content.ts), so a search costs the same whatever the
 * tree's depth; items of an address space that ends go at once, not when ksmd meets them; chains are not pruned by time.
 */
import { assert } from '@shared/assert'
import {
  GFP_KERNEL,
  PG_anon,
  PG_ksm,
  PTE_P,
  PTE_PROTNONE,
  PTE_SHIFT,
  PTE_SPECIAL,
  VM_MERGEABLE,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { charge, kthread_sleep, threads, wake_kthread } from '../task'
import { pmd_offset, PMD_SIZE } from '../arch/x86/pgtable'
import { get_anon_vma, put_anon_vma } from './anon_vma'
import { CONTENT_ZERO, page_content } from './content'
import { mapped_entry } from './gup'
import { break_cow, try_to_merge_one_page } from './ksm_merge'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { lru_add_drain_all } from './swap'
import { find_vma } from './vma'

export const KSM_RUN_STOP = 0
export const KSM_RUN_MERGE = 1
export const KSM_RUN_UNMERGE = 2
const MMF_VM_MERGEABLE = 1 << 16
// ksm_rmap_item.state
const UNSTABLE = 1
const STABLE = 2
/** The cursor is between two full scans. */
const AT_HEAD = -1

interface MmSlot {
  readonly mm: number
  readonly obj: number
  /** First rmap_item, by address. */
  head: number
}
export interface Ksm {
  readonly slots: MmSlot[]
  /** The scan's cursor: slot, the next address in it, the last item before that. */
  slot: number
  address: number
  item: number
  /** Full scans done. */
  seqnr: number
  pages_shared: number
  pages_sharing: number
  pages_unshared: number
  rmap_items: number
  /** First node of each merged content; more of the same content hang on it as a chain. */
  stable: Record<number, number>
  /** Items of this scan by content. */
  unstable: Record<number, number>
}
export function ksm(k: Kernel): Ksm {
  return (k.var.mod['ksm'] ??= {
    slots: [],
    slot: AT_HEAD,
    address: 0,
    item: 0,
    seqnr: 0,
    pages_shared: 0,
    pages_sharing: 0,
    pages_unshared: 0,
    rmap_items: 0,
    stable: {},
    unstable: {},
  }) as Ksm
}
/** Nothing of KSM was ever used on this machine. */
export function ksm_unused(k: Kernel): boolean {
  return k.var.mod['ksm'] === undefined
}
function setting(k: Kernel, name: string, initial: number): number {
  return k.var.sysctl[`ksm.${name}`] ?? initial
}
export function ksm_run(k: Kernel): number {
  return setting(k, 'run', KSM_RUN_STOP)
}

// ---------------------------------------------------------------- address spaces

/** MADV_MERGEABLE: the address space is put on the walk, to be scanned last. */
export function __ksm_enter(k: Kernel, mm: number): void {
  if ((k.mm.flags[mm]! & MMF_VM_MERGEABLE) !== 0) return
  const obj = kmem_cache_alloc(k, CACHES(k).ksm_mm_slot, GFP_KERNEL)
  if (obj === 0) return
  k.mm.flags[mm]! |= MMF_VM_MERGEABLE
  const s = ksm(k)
  const needs_wakeup = s.slots.length === 0
  if (s.slot === AT_HEAD || (ksm_run(k) & KSM_RUN_UNMERGE) !== 0) s.slots.push({ mm, obj, head: 0 })
  else s.slots.splice(s.slot++, 0, { mm, obj, head: 0 })
  if (needs_wakeup) wake_kthread(k, 'ksmd')
}

export function ksm_fork(k: Kernel, mm: number, oldmm: number): void {
  if ((k.mm.flags[oldmm]! & MMF_VM_MERGEABLE) !== 0) __ksm_enter(k, mm)
}
/** A copied address space is not on the walk yet. */
export function ksm_mm_init(k: Kernel, mm: number): void {
  k.mm.flags[mm]! &= ~MMF_VM_MERGEABLE
}

/** The address space ends: what was known of it goes. */
export function ksm_exit(k: Kernel, mm: number): void {
  if ((k.mm.flags[mm]! & MMF_VM_MERGEABLE) === 0) return
  const s = ksm(k)
  const at = s.slots.findIndex((slot) => slot.mm === mm)
  assert(at >= 0, 'ksm_exit: not on the walk')
  remove_trailing_rmap_items(k, s, s.slots[at]!, 0)
  kmem_cache_free(k, CACHES(k).ksm_mm_slot, s.slots[at]!.obj)
  s.slots.splice(at, 1)
  k.mm.flags[mm]! &= ~MMF_VM_MERGEABLE
  if (at < s.slot) s.slot--
  else if (at === s.slot) {
    s.address = 0
    s.item = 0
    if (s.slot === s.slots.length) end_of_scan(s)
  }
}

// ---------------------------------------------------------------- the thread

/** A batch of pages_to_scan pages, then ksmd sleeps for sleep_millisecs; without work it sleeps until woken. */
export function ksmd_step(k: Kernel): boolean {
  if (ksm_unused(k) || (ksm_run(k) & KSM_RUN_MERGE) === 0 || ksm(k).slots.length === 0) return true
  ksm_do_scan(k, setting(k, 'pages_to_scan', 100))
  const t = k.var.current
  if (t !== 0 && t === threads(k).ksmd) kthread_sleep(k, t, k.var.now + setting(k, 'sleep_millisecs', 20) * 1e6)
  return true
}

/** Scans up to `nr` pages, at most to the end of the full scan. */
export function ksm_do_scan(k: Kernel, nr: number): void {
  const s = ksm(k)
  while (nr-- > 0) {
    const pfn = scan_get_next_rmap_item(k, s)
    if (pfn === 0) return
    charge(k, COST.ksm_scan_page)
    cmp_and_merge_page(k, s, pfn, s.item)
  }
}

/** Frame of the next page to look at, its item in `s.item`; 0 at the end of a full scan. */
function scan_get_next_rmap_item(k: Kernel, s: Ksm): number {
  if (s.slots.length === 0) return 0
  if (s.slot === AT_HEAD) {
    // Pages that wait in a batch have a reference that nobody could explain: they would not be merged.
    lru_add_drain_all(k)
    s.unstable = {}
    s.slot = 0
    s.address = 0
    s.item = 0
  }
  for (;;) {
    const slot = s.slots[s.slot]!
    const pfn = next_page(k, s, slot)
    if (pfn !== 0) return pfn
    remove_trailing_rmap_items(k, s, slot, s.item)
    s.slot++
    s.address = 0
    s.item = 0
    if (s.slot < s.slots.length) continue
    end_of_scan(s)
    return 0
  }
}
function end_of_scan(s: Ksm): void {
  s.slot = AT_HEAD
  s.seqnr++
}

/** The next anonymous page of an address space at or after the cursor. */
function next_page(k: Kernel, s: Ksm, slot: MmSlot): number {
  for (let vma = find_vma(k, slot.mm, s.address); vma !== 0; vma = k.vma.next[vma]!) {
    if ((k.vma.vm_flags[vma]! & VM_MERGEABLE) === 0 || k.vma.anon_vma[vma] === 0) continue
    let addr = Math.max(s.address, k.vma.vm_start[vma]!)
    while (addr < k.vma.vm_end[vma]!) {
      const pmd = pmd_offset(k, slot.mm, addr)
      if (pmd === 0 || k.pt.entry[pmd] === 0) {
        addr = (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE
        continue
      }
      const pfn = anon_page(k, slot.mm, addr)
      s.address = addr + 4096
      if (pfn !== 0 && get_next_rmap_item(k, s, slot, addr)) return pfn
      addr += 4096
    }
  }
  return 0
}

/** follow_page: the anonymous page at an address, or 0. */
function anon_page(k: Kernel, mm: number, addr: number): number {
  const entry = mapped_entry(k, mm, addr)
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) return 0
  const pfn = entry >>> PTE_SHIFT
  return (k.page.flags[pfn]! & PG_anon) !== 0 ? pfn : 0
}

// ---------------------------------------------------------------- items

/** Moves the cursor to the item of an address, made when there is none; items passed over are of addresses that went. */
function get_next_rmap_item(k: Kernel, s: Ksm, slot: MmSlot, addr: number): boolean {
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
function remove_trailing_rmap_items(k: Kernel, s: Ksm, slot: MmSlot, last: number): void {
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

function remove_rmap_item_from_tree(k: Kernel, s: Ksm, item: number): void {
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

// ---------------------------------------------------------------- merging

/** What happens to one page of the scan. */
function cmp_and_merge_page(k: Kernel, s: Ksm, pfn: number, item: number): void {
  const items = k.ksm_rmap_item
  const own = page_stable_node(k, pfn)
  if (own !== 0 && items.state[item] === STABLE && items.node[item] === own) return
  const content = page_content(k, pfn)
  // A merged page that fork mapped once more joins its own node, however full that is.
  const kpage = own !== 0 ? pfn : stable_tree_search(k, s, content)
  remove_rmap_item_from_tree(k, s, item)
  if (kpage !== 0) {
    if (try_to_merge_with_ksm_page(k, s, item, pfn, kpage)) stable_tree_append(k, s, item, page_stable_node(k, kpage))
    return
  }
  const checksum = calc_checksum(content)
  if (items.oldchecksum[item] !== checksum) {
    items.oldchecksum[item] = checksum
    return
  }
  if (setting(k, 'use_zero_pages', 0) !== 0 && content === CONTENT_ZERO) {
    const vma = find_mergeable_vma(k, items.mm[item]!, items.address[item]!)
    if (vma === 0 || try_to_merge_one_page(k, vma, items.address[item]!, pfn, -1)) return
  }
  unstable_tree_search_insert(k, s, pfn, item, content)
}

/** Tags stand for checksums; none is 0, which no page has been seen with. */
function calc_checksum(content: number): number {
  return content === 0 ? 0x7fffffff : content
}

/** Looks for a page of this scan with the same content: both are merged; else the item joins the unstable tree. */
function unstable_tree_search_insert(k: Kernel, s: Ksm, pfn: number, item: number, content: number): void {
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
function try_to_merge_with_ksm_page(k: Kernel, s: Ksm, item: number, pfn: number, kpage: number): boolean {
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

// ---------------------------------------------------------------- stable nodes

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
function stable_tree_search(k: Kernel, s: Ksm, content: number): number {
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

function stable_tree_insert(k: Kernel, s: Ksm, pfn: number): number {
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
function stable_tree_append(k: Kernel, s: Ksm, item: number, node: number): void {
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

// ---------------------------------------------------------------- unmerging

/** Every item of every address space goes (run = 2, after the pages were unmerged). */
export function remove_all_rmap_items(k: Kernel): void {
  const s = ksm(k)
  for (const slot of s.slots) remove_trailing_rmap_items(k, s, slot, 0)
  s.slot = AT_HEAD
  s.address = 0
  s.item = 0
  s.unstable = {}
}
