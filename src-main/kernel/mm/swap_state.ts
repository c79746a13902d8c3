/**
 * The swap cache: pages that also have a slot. A page is in it from the moment it gets its slot until the slot is given
 * up; a fault that finds it there costs no I/O. And readahead: who faults one slot in gets its neighbours.
 *
 * Linux: mm/swap_state.c. Kept: shadows of evicted pages, cluster readahead (rotating disks) and VMA readahead (solid
 * state), their windows, swap_ra and swap_ra_hit.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_COMP,
  GFP_HIGHUSER_MOVABLE,
  PG_dirty,
  PG_locked,
  PG_readahead,
  PG_swapbacked,
  PG_swapcache,
  PTE_P,
  PTE_PROTNONE,
  PTE_SHIFT,
  PTE_SWAP,
  type Kernel,
} from '../kernel'
import { pte_offset } from '../arch/x86/pgtable'
import { COST } from '../costs'
import { charge } from '../task'
import { blk_finish_plug, blk_start_plug } from '../block/blk_mq'
import { MEMCG_SWAP_FAIL } from './memcg_stat'
import {
  mem_cgroup_charge,
  mem_cgroup_of_swapin,
  mem_cgroup_try_charge_swap,
  mem_cgroup_uncharge,
  memcg_event,
} from './memcontrol'
import { alloc_page, free_page } from './page_alloc'
import { blk_poll, swap_readpage } from './page_io'
import { lru_add_drain, lru_cache_add } from './swap'
import { swap_cache_store } from './swap_space'
import {
  get_swap_page,
  put_swap_page,
  SWAP_HAS_CACHE,
  swap_area_of,
  swap_count,
  swap_vars,
  SWP_SOLIDSTATE,
  SWP_USED,
} from './swapfile'
import { workingset_refault } from './workingset'

// ---------------------------------------------------------------- the cache

/** Gives an anonymous page a slot; false when swap is full. It is dirty until written. */
export function add_to_swap(k: Kernel, pfn: number): boolean {
  const slot = get_swap_page(k)
  if (slot === 0) {
    memcg_event(k, k.page.memcg[pfn]!, MEMCG_SWAP_FAIL)
    return false
  }
  if (!mem_cgroup_try_charge_swap(k, pfn, slot)) {
    put_swap_page(k, slot)
    return false
  }
  if (!add_to_swap_cache(k, pfn, slot)) {
    put_swap_page(k, slot)
    return false
  }
  k.page.flags[pfn]! |= PG_dirty
  return true
}

/** False when the index could not grow. */
export function add_to_swap_cache(k: Kernel, pfn: number, slot: number): boolean {
  assert((k.swap.map[slot]! & SWAP_HAS_CACHE) !== 0 && k.swap.cache[slot]! <= 0, 'add_to_swap_cache: slot taken')
  if (!swap_cache_store(k, swap_area_of(k, slot), slot, pfn)) return false
  // A page brought in for reading has nothing to say: the slot knows what it will hold.
  if (k.page.private[pfn] !== 0) k.swap.content[slot] = k.page.private[pfn]!
  k.page.private[pfn] = slot
  k.page.flags[pfn]! |= PG_swapcache
  charge(k, COST.page_cache_op)
  k.vmstat[C.nr_file_pages]!++
  k.vmstat[C.nr_swapcached]!++
  return true
}

/** The page leaves the cache; `shadow` (or 0) stays in its place. The slot's cache reference stays with the caller. */
export function __delete_from_swap_cache(k: Kernel, pfn: number, shadow: number): void {
  const slot = k.page.private[pfn]!
  assert(k.swap.cache[slot] === pfn, 'delete_from_swap_cache: another page')
  charge(k, COST.page_cache_op)
  swap_cache_store(k, swap_area_of(k, slot), slot, shadow)
  k.page.private[pfn] = k.swap.content[slot]!
  k.page.flags[pfn]! &= ~PG_swapcache
  k.vmstat[C.nr_file_pages]!--
  k.vmstat[C.nr_swapcached]!--
}
export function delete_from_swap_cache(k: Kernel, pfn: number): void {
  const slot = k.page.private[pfn]!
  __delete_from_swap_cache(k, pfn, 0)
  put_swap_page(k, slot)
}

/** The page of a slot, 0 when it is not cached; a page that readahead brought counts as a hit, once. */
export function lookup_swap_cache(k: Kernel, slot: number, vma: number, addr: number): number {
  blk_poll(k)
  const pfn = k.swap.cache[slot]!
  if (pfn <= 0) return 0
  const by_vma = vma !== 0 && swap_use_vma_readahead(k)
  const ra = (k.page.flags[pfn]! & PG_readahead) !== 0
  k.page.flags[pfn]! &= ~PG_readahead
  if (by_vma) {
    const info = k.vma.swap_ra[vma]! || SWAP_RA_DEFAULT
    const hits = ra ? Math.min((info & 255) + 1, SWAP_RA_HITS_MAX) : info & 255
    k.vma.swap_ra[vma] = (info & ~255) | hits
    k.vma.swap_ra_pfn[vma] = Math.floor(addr / 4096)
  }
  if (ra) {
    k.vmstat[C.swap_ra_hit]!++
    if (!by_vma) swap_vars(k).ra_hits++
  }
  return pfn
}

/** The page of a slot, from the cache or as a new locked page whose read is to be started; 0 without memory. */
export function __read_swap_cache_async(k: Kernel, slot: number): { pfn: number; fresh: boolean } {
  const cached = k.swap.cache[slot]!
  if (cached > 0) return { pfn: cached, fresh: false }
  // Nobody names the slot any more, or it waits in a per-CPU cache.
  if (swap_count(k, slot) === 0 || (k.swap.map[slot]! & SWAP_HAS_CACHE) !== 0) return { pfn: 0, fresh: false }
  const pfn = alloc_page(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP)
  if (pfn === 0) return { pfn: 0, fresh: false }
  // Reclaim inside the allocation may have used the slot.
  const again = k.swap.cache[slot]!
  assert(again <= 0 && swap_count(k, slot) > 0, 'read_swap_cache_async: slot changed')
  const shadow = again
  if (!mem_cgroup_charge(k, pfn, mem_cgroup_of_swapin(k, slot))) {
    free_page(k, pfn)
    return { pfn: 0, fresh: false }
  }
  k.page.flags[pfn]! |= PG_locked | PG_swapbacked
  k.page.index[pfn] = slot
  k.swap.map[slot]! |= SWAP_HAS_CACHE
  if (!add_to_swap_cache(k, pfn, slot)) {
    put_swap_page(k, slot)
    k.page.flags[pfn]! &= ~(PG_locked | PG_swapbacked)
    mem_cgroup_uncharge(k, pfn)
    free_page(k, pfn)
    return { pfn: 0, fresh: false }
  }
  charge(k, COST.swapin_page)
  if (shadow !== 0) workingset_refault(k, pfn, shadow)
  lru_cache_add(k, pfn)
  return { pfn, fresh: true }
}

// ---------------------------------------------------------------- readahead

const SWAP_RA_ORDER_CEILING = 5
const SWAP_RA_HITS_MAX = 63
/** window 0, hits 4. */
const SWAP_RA_DEFAULT = 4
const VM_PTES = 512

/** Reads a slot and its neighbours; the slot's page (locked while its read is on the way), 0 without memory. */
export function swapin_readahead(k: Kernel, slot: number, vma: number, addr: number): number {
  return vma !== 0 && swap_use_vma_readahead(k)
    ? swap_vma_readahead(k, slot, vma, addr)
    : swap_cluster_readahead(k, slot)
}

/** The last swapin_readahead of an area read one page only: then the reader waits for it itself (do_poll). */
export function swapin_alone(k: Kernel, vma: number): boolean {
  if ((k.var.sysctl['vm.page-cluster'] ?? 3) === 0) return true
  return (swap_use_vma_readahead(k) ? k.vma.swap_ra[vma]! >> 8 : swap_vars(k).ra_last_pages) === 1
}

/** /sys/kernel/mm/swap/vma_ra_enabled. */
export function vma_ra_enabled(k: Kernel): boolean {
  return k.var.mod['vma_ra_enabled'] !== false
}
export function set_vma_ra_enabled(k: Kernel, on: boolean): void {
  k.var.mod['vma_ra_enabled'] = on
}
/** VMA readahead is off while any area is on a rotating disk. */
function swap_use_vma_readahead(k: Kernel): boolean {
  if (!vma_ra_enabled(k)) return false
  const { flags, meta } = k.swap_info
  for (let area = 1; area < meta.high; area++)
    if ((flags[area]! & (SWP_USED | SWP_SOLIDSTATE)) === SWP_USED) return false
  return true
}

/** Starts the read of a slot that is not cached; its page, or 0. */
export function read_swap_cache_async(k: Kernel, slot: number): number {
  return read_one(k, slot, true)
}

function read_one(k: Kernel, slot: number, target: boolean): number {
  const { pfn, fresh } = __read_swap_cache_async(k, slot)
  if (!fresh) return pfn
  swap_readpage(k, pfn)
  if (!target) {
    k.page.flags[pfn]! |= PG_readahead
    k.vmstat[C.swap_ra]!++
  }
  return pfn
}

/** The aligned block of slots around the one that is needed. */
export function swap_cluster_readahead(k: Kernel, slot: number): number {
  const area = swap_area_of(k, slot)
  const base = k.swap_info.start[area]!
  const offset = slot - base
  const mask = swapin_nr_pages(k, offset) - 1
  if (mask > 0) {
    const first = Math.max(1, offset - (offset & mask))
    const last = Math.min(offset - (offset & mask) + mask, k.swap_info.pages[area]!)
    blk_start_plug(k)
    for (let o = first; o <= last; o++) read_one(k, base + o, o === offset)
    blk_finish_plug(k)
    lru_add_drain(k)
  }
  return read_one(k, slot, true)
}

function swapin_nr_pages(k: Kernel, offset: number): number {
  const max_pages = 1 << (k.var.sysctl['vm.page-cluster'] ?? 3)
  if (max_pages <= 1) return 1
  const vars = swap_vars(k)
  const hits = vars.ra_hits
  vars.ra_hits = 0
  const pages = __swapin_nr_pages(vars.ra_prev_offset, offset, hits, max_pages, vars.ra_last_pages)
  if (hits === 0) vars.ra_prev_offset = offset
  vars.ra_last_pages = pages
  return pages
}

/** More hits, a larger window; without hits one page, unless the faults go in order. It shrinks by halves. */
function __swapin_nr_pages(prev: number, offset: number, hits: number, max_pages: number, prev_win: number): number {
  let pages = hits + 2
  if (pages === 2) {
    if (offset !== prev + 1 && offset !== prev - 1) pages = 1
  } else {
    let roundup = 4
    while (roundup < pages) roundup <<= 1
    pages = roundup
  }
  pages = Math.min(pages, max_pages)
  return Math.max(pages, prev_win >> 1)
}

/** The slots that neighbouring entries of the same page table name. */
function swap_vma_readahead(k: Kernel, slot: number, vma: number, addr: number): number {
  const page = Math.floor(addr / 4096)
  const max_win = 1 << Math.min(k.var.sysctl['vm.page-cluster'] ?? 3, SWAP_RA_ORDER_CEILING)
  const info = k.vma.swap_ra[vma]! || SWAP_RA_DEFAULT
  const prev = k.vma.swap_ra_pfn[vma]!
  const win = max_win === 1 ? 1 : __swapin_nr_pages(prev, page, info & 255, max_win, info >> 8)
  if (max_win > 1) {
    k.vma.swap_ra[vma] = win << 8
    k.vma.swap_ra_pfn[vma] = page
  }
  if (win > 1) {
    const [from, to] = vma_window(prev, page, win)
    const table = page - (page % VM_PTES)
    const first = Math.max(from, k.vma.vm_start[vma]! / 4096, table)
    const last = Math.min(to, k.vma.vm_end[vma]! / 4096, table + VM_PTES)
    blk_start_plug(k)
    for (let p = first; p < last; p++) {
      const at = pte_offset(k, k.vma.mm[vma]!, p * 4096)
      const pte = at === 0 ? 0 : k.pt.entry[at]!
      if ((pte & (PTE_P | PTE_PROTNONE)) !== 0 || (pte & PTE_SWAP) === 0) continue
      read_one(k, pte >>> PTE_SHIFT, p === page)
    }
    blk_finish_plug(k)
    lru_add_drain(k)
  }
  return read_one(k, slot, true)
}

function vma_window(prev: number, page: number, win: number): [number, number] {
  if (page === prev + 1) return [page, page + win]
  if (prev === page + 1) return [page - win + 1, page + 1]
  const left = (win - 1) >> 1
  return [page - left, page + win - left]
}
