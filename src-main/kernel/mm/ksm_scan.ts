/** KSM: the walk of ksmd over all address spaces, and what happens to each page. Linux: mm/ksm.c. */
import { PG_anon, PTE_P, PTE_PROTNONE, PTE_SHIFT, PTE_SPECIAL, VM_MERGEABLE, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge, kthread_sleep, threads } from '../task'
import { pmd_offset, PMD_SIZE } from '../arch/x86/pgtable'
import { CONTENT_ZERO, page_content } from './content'
import { mapped_entry } from './gup'
import {
  AT_HEAD,
  end_of_scan,
  ksm,
  KSM_RUN_MERGE,
  ksm_run,
  ksm_unused,
  setting,
  STABLE,
  type Ksm,
  type MmSlot,
} from './ksm'
import { get_next_rmap_item, remove_rmap_item_from_tree, remove_trailing_rmap_items } from './ksm_items'
import { try_to_merge_one_page } from './ksm_merge'
import { page_stable_node, stable_tree_append, stable_tree_search } from './ksm_stable'
import { find_mergeable_vma, try_to_merge_with_ksm_page, unstable_tree_search_insert } from './ksm_unstable'
import { lru_add_drain_all } from './swap'
import { find_vma } from './vma'

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
export function anon_page(k: Kernel, mm: number, addr: number): number {
  const entry = mapped_entry(k, mm, addr)
  if ((entry & (PTE_P | PTE_PROTNONE)) === 0 || (entry & PTE_SPECIAL) !== 0) return 0
  const pfn = entry >>> PTE_SHIFT
  return (k.page.flags[pfn]! & PG_anon) !== 0 ? pfn : 0
}

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
