/**
 * Swap slots: areas by priority, the map of reference counts, taking and giving back slots.
 *
 *   swap.map[slot] = SWAP_HAS_CACHE (a page of the swap cache holds it) | number of entries and tmpfs slots that name it
 *
 * A slot is named by its row in k.swap; an area owns the rows start … start + pages (its first page is the header, bad).
 *
 * Linux: mm/swapfile.c, mm/swap_slots.c. Kept: next-fit with clusters of 512 on rotating disks, one cluster per CPU on
 * solid-state ones, per-CPU caches of 64 slots for taking and giving back, vm_swap_full. Simplified: counts are 14 bits
 * wide, so there are no continuation pages; no discard.
 */
import { assert } from '@shared/assert'
import { PG_dirty, PG_isolated, PG_locked, PG_swapcache, PG_writeback, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge, trace } from '../task'
import { mem_cgroup_swap_full, mem_cgroup_uncharge_swap } from './memcontrol'
import { page_mapped } from './rmap'
import { zswap_invalidate } from './zswap'
export { mem_cgroup_swap_full } from './memcontrol'
import { abandon_page } from './swap'
import { delete_from_swap_cache } from './swap_state'
import { swap_cache_store } from './swap_space'
import { alloc_ssd_cluster, cluster_dec, cluster_inc } from './swap_cluster'

export const SWAP_HAS_CACHE = 0x4000
export const SWAP_COUNT_MASK = 0x3fff
/** The header page and what lies past the end. */
export const SWAP_MAP_BAD = 0x3fff
export const SWAPFILE_CLUSTER = 512
/** swap_info.flags */
export const SWP_USED = 1
export const SWP_WRITEOK = 2
export const SWP_SOLIDSTATE = 4
export const MAX_SWAPFILES = 32
const SWAP_SLOTS_CACHE_SIZE = 64
const THRESHOLD_ACTIVATE_SWAP_SLOTS_CACHE = 5 * SWAP_SLOTS_CACHE_SIZE
const THRESHOLD_DEACTIVATE_SWAP_SLOTS_CACHE = 2 * SWAP_SLOTS_CACHE_SIZE

// ---------------------------------------------------------------- areas

/** The area of a slot. */
export function swap_area_of(k: Kernel, slot: number): number {
  const { start, pages, meta } = k.swap_info
  for (let area = 1; area < meta.high; area++)
    if (slot >= start[area]! && slot <= start[area]! + pages[area]!) return area
  assert(false, 'swap_area_of: no such slot')
  return 0
}

/** Free slots of all areas in use (slots in the per-CPU caches are taken). */
export function nr_swap_pages(k: Kernel): number {
  const { pages, inuse, flags, meta } = k.swap_info
  let free = 0
  for (let area = 1; area < meta.high; area++)
    if ((flags[area]! & SWP_WRITEOK) !== 0) free += pages[area]! - inuse[area]!
  return free
}
export function total_swap_pages(k: Kernel): number {
  const { pages, flags, meta } = k.swap_info
  let total = 0
  for (let area = 1; area < meta.high; area++) if ((flags[area]! & SWP_USED) !== 0) total += pages[area]!
  return total
}
/** More than half full: slots are given back at swap-in. */
export function vm_swap_full(k: Kernel): boolean {
  return nr_swap_pages(k) * 2 < total_swap_pages(k)
}
/** SwapTotal and SwapFree in pages. */
export function si_swapinfo(k: Kernel): { total: number; free: number } {
  return { total: total_swap_pages(k), free: nr_swap_pages(k) }
}

// ---------------------------------------------------------------- taking slots

/** A slot for a page that goes to the swap cache, marked SWAP_HAS_CACHE; 0 when there is none (folio_alloc_swap). */
export function get_swap_page(k: Kernel): number {
  charge(k, COST.swap_slot)
  if (!check_cache_active(k)) return take_one(k)
  const row = k.var.cpu + 1
  const cache = k.swap_slots
  if (row >= cache.meta.high) cache.meta.high = row + 1
  if (cache.nr[row] === 0) {
    const got: number[] = []
    get_swap_pages(k, SWAP_SLOTS_CACHE_SIZE, got)
    cache.slot.set(got, row * SWAP_SLOTS_CACHE_SIZE)
    cache.nr[row] = got.length
    cache.cur[row] = 0
  }
  if (cache.nr[row] === 0) return take_one(k)
  const slot = cache.slot[row * SWAP_SLOTS_CACHE_SIZE + cache.cur[row]!]!
  cache.slot[row * SWAP_SLOTS_CACHE_SIZE + cache.cur[row]!] = 0
  cache.cur[row]!++
  cache.nr[row]!--
  return slot
}

function take_one(k: Kernel): number {
  const got: number[] = []
  get_swap_pages(k, 1, got)
  return got[0] ?? 0
}

/** The caches are used while there is plenty of swap; when it gets tight they are given back. */
function check_cache_active(k: Kernel): boolean {
  const vars = swap_vars(k)
  const pages = nr_swap_pages(k)
  if (!vars.cache_active) {
    if (pages > k.config.cpus * THRESHOLD_ACTIVATE_SWAP_SLOTS_CACHE) vars.cache_active = true
  } else if (pages < k.config.cpus * THRESHOLD_DEACTIVATE_SWAP_SLOTS_CACHE) {
    vars.cache_active = false
    drain_slots_caches(k)
  }
  return vars.cache_active
}

export function drain_slots_caches(k: Kernel): void {
  const cache = k.swap_slots
  for (let row = 1; row < cache.meta.high; row++) {
    const base = row * SWAP_SLOTS_CACHE_SIZE
    for (let i = 0; i < cache.nr[row]!; i++) {
      swap_entry_range_free(k, cache.slot[base + cache.cur[row]! + i]!)
      cache.slot[base + cache.cur[row]! + i] = 0
    }
    cache.nr[row] = 0
    cache.cur[row] = 0
    drain_returns(k, row)
  }
}

/** Up to `n` slots from the area of the highest priority that has some; areas of one priority take turns. */
export function get_swap_pages(k: Kernel, n: number, out: number[]): void {
  const avail = nr_swap_pages(k)
  if (avail <= 0) return swap_full(k)
  n = Math.min(n, avail)
  for (const area of swap_avail_order(k)) {
    scan_swap_map_slots(k, area, n, out)
    if (out.length > 0) {
      swap_vars(k).turn[k.swap_info.prio[area]!] = area
      if (nr_swap_pages(k) === 0) swap_full(k)
      return
    }
  }
}

/** swap_avail_head: by priority; after its turn an area goes behind the others of its priority. */
function swap_avail_order(k: Kernel): number[] {
  const { prio, flags, meta, pages, inuse } = k.swap_info
  const list: number[] = []
  for (let area = 1; area < meta.high; area++)
    if ((flags[area]! & SWP_WRITEOK) !== 0 && inuse[area]! < pages[area]!) list.push(area)
  const turn = swap_vars(k).turn
  const late = (area: number) => (area > (turn[prio[area]!] ?? 0) ? 0 : 1)
  return list.sort((a, b) => prio[b]! - prio[a]! || late(a) - late(b) || a - b)
}

interface SwapVars {
  cache_active: boolean
  /** The area that had its turn last, by priority. */
  turn: Record<number, number>
  full_told: boolean
  /** Cluster readahead: hits since the last one, offset and window of the last one. */
  ra_hits: number
  ra_prev_offset: number
  ra_last_pages: number
}
export function swap_vars(k: Kernel): SwapVars {
  return (k.var.mod['swap'] ??= {
    cache_active: false,
    turn: {},
    full_told: false,
    ra_hits: 4,
    ra_prev_offset: 0,
    ra_last_pages: 0,
  }) as SwapVars
}

function swap_full(k: Kernel): void {
  const vars = swap_vars(k)
  if (vars.full_told || total_swap_pages(k) === 0) return
  vars.full_told = true
  trace(k, { kind: 'swap_full', text: 'no free swap slots' })
}

/** Next-fit over the map of an area, from where the last search ended. */
function scan_swap_map_slots(k: Kernel, area: number, n: number, out: number[]): void {
  const si = k.swap_info
  const map = k.swap.map
  const start = si.start[area]!
  const solid = (si.flags[area]! & SWP_SOLIDSTATE) !== 0
  let offset = solid ? alloc_ssd_cluster(k, area) : find_cluster(k, area)
  for (let tries = 0; out.length < n && tries < 2 * si.pages[area]!; tries++) {
    if (offset === 0 || offset > si.highest[area]! || offset < si.lowest[area]!) offset = si.lowest[area]!
    if (si.inuse[area]! >= si.pages[area]! && !vm_swap_full(k)) break
    const slot = start + offset
    if (map[slot] === SWAP_HAS_CACHE && vm_swap_full(k)) try_to_reclaim_swap(k, slot)
    if (map[slot] !== 0) {
      if (out.length > 0 && !solid) break
      offset = next_free(k, area, offset)
      if (offset === 0) break
      continue
    }
    map[slot] = SWAP_HAS_CACHE
    if (slot >= k.swap.meta.high) k.swap.meta.high = slot + 1
    si.inuse[area]!++
    cluster_inc(k, area, offset)
    out.push(slot)
    si.cluster_next[area] = offset + 1
    if (solid) {
      k.swap_percpu.next[1 + area * 64 + k.var.cpu] = offset + 1
      offset = alloc_ssd_cluster(k, area)
    } else {
      if (si.cluster_nr[area]! <= 0 || offset + 1 > si.highest[area]!) break
      si.cluster_nr[area]!--
      offset++
    }
  }
}

/** Rotating disks: after 512 slots (HPAGE_PMD_NR) look for 512 free ones in a row, from the start of the area. */
function find_cluster(k: Kernel, area: number): number {
  const si = k.swap_info
  if (si.cluster_nr[area]! > 0) {
    si.cluster_nr[area]!--
    return si.cluster_next[area]!
  }
  si.cluster_nr[area] = SWAPFILE_CLUSTER - 1
  if (si.pages[area]! - si.inuse[area]! < SWAPFILE_CLUSTER) return si.cluster_next[area]!
  const start = si.start[area]!
  let run = 0
  for (let offset = si.lowest[area]!; offset <= si.highest[area]!; offset++) {
    run = k.swap.map[start + offset] === 0 ? run + 1 : 0
    if (run === SWAPFILE_CLUSTER) return offset - SWAPFILE_CLUSTER + 1
  }
  return si.cluster_next[area]!
}

/** The next slot that is free (or, when swap is tight, only cached), wrapping around; 0 when there is none. */
function next_free(k: Kernel, area: number, from: number): number {
  const si = k.swap_info
  const map = k.swap.map
  const start = si.start[area]!
  const tight = vm_swap_full(k)
  const usable = (offset: number) =>
    map[start + offset] === 0 || (tight && map[start + offset] === SWAP_HAS_CACHE && reclaimable(k, start + offset))
  for (let offset = from + 1; offset <= si.highest[area]!; offset++) if (usable(offset)) return offset
  for (let offset = si.lowest[area]!; offset < from; offset++) if (usable(offset)) return offset
  return 0
}
function reclaimable(k: Kernel, slot: number): boolean {
  const pfn = k.swap.cache[slot]!
  return pfn > 0 && (k.page.flags[pfn]! & (PG_writeback | PG_isolated)) === 0
}

// ---------------------------------------------------------------- counts

export function swap_count(k: Kernel, slot: number): number {
  return k.swap.map[slot]! & SWAP_COUNT_MASK
}
/** fork and reclaim: one more entry names the slot. */
export function swap_duplicate(k: Kernel, slot: number): boolean {
  assert(swap_count(k, slot) < SWAP_MAP_BAD - 1, 'swap_duplicate: count')
  assert(k.swap.map[slot] !== 0, 'swap_duplicate: free slot')
  k.swap.map[slot]!++
  return true
}
/** An entry that named the slot is gone (or the page was mapped again). */
export function swap_free(k: Kernel, slot: number): void {
  assert(swap_count(k, slot) > 0, 'swap_free: no reference')
  k.swap.map[slot]!--
  if (k.swap.map[slot] === 0) free_swap_slot(k, slot)
}
/**
 * An entry is zapped: its slot, and with the last entry its page in the swap cache, are freed. A page that somebody maps
 * keeps its slot while there is room for others.
 */
export function free_swap_and_cache(k: Kernel, slot: number): void {
  swap_free(k, slot)
  const pfn = k.swap.cache[slot]!
  if (k.swap.map[slot] !== SWAP_HAS_CACHE || pfn <= 0) return
  if (!page_mapped(k, pfn) || mem_cgroup_swap_full(k, pfn)) try_to_reclaim_swap(k, slot)
}

/** Gives back the slot of an unmapped page of the swap cache, with the page (__try_to_reclaim_swap). */
function try_to_reclaim_swap(k: Kernel, slot: number): boolean {
  const pfn = k.swap.cache[slot]!
  if (pfn <= 0 || !try_to_free_swap(k, pfn)) return false
  if (k.page.mapcount[pfn] === 0 && k.page.gathered[pfn] === 0) abandon_page(k, pfn)
  return true
}

/** Takes a page out of the swap cache when nothing else names its slot; it is dirty then (folio_free_swap). */
export function try_to_free_swap(k: Kernel, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  if ((flags & PG_swapcache) === 0 || (flags & (PG_writeback | PG_locked)) !== 0) return false
  const slot = k.page.private[pfn]!
  if (swap_count(k, slot) !== 0) return false
  delete_from_swap_cache(k, pfn)
  k.page.flags[pfn]! |= PG_dirty
  return true
}

/** The cache's hold on a slot ends (put_swap_folio). */
export function put_swap_page(k: Kernel, slot: number): void {
  assert((k.swap.map[slot]! & SWAP_HAS_CACHE) !== 0, 'put_swap_page: not cached')
  k.swap.map[slot]! &= ~SWAP_HAS_CACHE
  if (k.swap.map[slot] === 0) free_swap_slot(k, slot)
}

/**
 * free_swap_slot: freed slots gather per CPU and go back 64 at a time; until then they stay marked SWAP_HAS_CACHE, and
 * charged to their cgroup.
 */
function free_swap_slot(k: Kernel, slot: number): void {
  k.swap.map[slot] = SWAP_HAS_CACHE
  if (!swap_vars(k).cache_active) return swap_entry_range_free(k, slot)
  const cache = k.swap_slots
  const row = k.var.cpu + 1
  if (row >= cache.meta.high) cache.meta.high = row + 1
  if (cache.nr_ret[row] === SWAP_SLOTS_CACHE_SIZE) drain_returns(k, row)
  cache.ret[row * SWAP_SLOTS_CACHE_SIZE + cache.nr_ret[row]!] = slot
  cache.nr_ret[row]!++
}
function drain_returns(k: Kernel, row: number): void {
  const cache = k.swap_slots
  const base = row * SWAP_SLOTS_CACHE_SIZE
  for (let i = 0; i < cache.nr_ret[row]!; i++) {
    swap_entry_range_free(k, cache.ret[base + i]!)
    cache.ret[base + i] = 0
  }
  cache.nr_ret[row] = 0
}

/** swap_entry_free + swap_range_free. */
function swap_entry_range_free(k: Kernel, slot: number): void {
  assert(k.swap.map[slot] === SWAP_HAS_CACHE && k.swap.cache[slot]! <= 0, 'swap_entry_free: in use')
  const area = swap_area_of(k, slot)
  k.swap.map[slot] = 0
  mem_cgroup_uncharge_swap(k, slot)
  if (k.swap.cache[slot] !== 0) swap_cache_store(k, area, slot, 0)
  k.swap.content[slot] = 0
  if (k.swap.zswap[slot] !== 0) zswap_invalidate(k, slot)
  k.swap_info.inuse[area]!--
  cluster_dec(k, area, slot - k.swap_info.start[area]!)
  swap_vars(k).full_told = false
}
