/**
 * zswap: a page on its way to swap is compressed into memory instead; a fault takes it from there without the disk. When the
 * pool is full pages go to the disk as without it, and the oldest of the pool follow.
 *
 *     swap_writepage ─ zswap_store ─┬ filled with one number: the number is kept
 *                                   ├ compressed, into half a frame of the pool (zbud.ts)
 *                                   └ pool full: to the disk; the shrinker writes the oldest frame back
 *     swap_readpage ── zswap_load
 *
 * Linux: mm/zswap.c and mm/frontswap.c. Simplified: how well a page compresses is a model (compressed_length), the same for
 * every compressor; zbud is the only pool; a cgroup's share is counted when it is asked for.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  __GFP_KSWAPD_RECLAIM,
  __GFP_NORETRY,
  __GFP_NOWARN,
  PG_locked,
  PG_reclaim,
  PG_uptodate,
  TASK_IDLE,
  PAGE_SIZE,
  type Kernel,
} from '../kernel'
import { words } from '../boot_params'
import { COST } from '../costs'
import { row_alloc, row_free } from '../lib/arena'
import { charge, kthread_sleep, threads, wake_kthread } from '../task'
import { page_content } from './content'
import { __swap_writepage, end_page_writeback, set_page_writeback } from './page_io'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { lru_add_drain } from './swap'
import { __read_swap_cache_async } from './swap_state'
import { touch, verify_zbud, zbud_alloc, ZBUD_ENOSPC, zbud_free, zbud_init, zbud_oldest } from './zbud'

const ZSWAP_HEADER = 16
const GFP = __GFP_NORETRY | __GFP_NOWARN | __GFP_KSWAPD_RECLAIM
const SHRINK_RETRIES = 8

/** Figures, as the files of debugfs have them. `pool_pages` and `stored_pages` are in /proc/meminfo too. */
export interface Zswap {
  pool_pages: number
  stored_pages: number
  same_filled_pages: number
  pool_limit_hit: number
  written_back_pages: number
  reject_reclaim_fail: number
  reject_alloc_fail: number
  reject_kmemcache_fail: number
  reject_compress_poor: number
  duplicate_entry: number
  /** The limit was reached: nothing is stored until the pool is well below it. */
  reached_full: boolean
  shrink_work: boolean
}
export function zswap(k: Kernel): Zswap {
  const found = k.var.mod['zswap'] as Zswap | undefined
  if (found !== undefined) return found
  zbud_init(k)
  const fresh: Zswap = {
    pool_pages: 0,
    stored_pages: 0,
    same_filled_pages: 0,
    pool_limit_hit: 0,
    written_back_pages: 0,
    reject_reclaim_fail: 0,
    reject_alloc_fail: 0,
    reject_kmemcache_fail: 0,
    reject_compress_poor: 0,
    duplicate_entry: 0,
    reached_full: false,
    shrink_work: false,
  }
  k.var.mod['zswap'] = fresh
  return fresh
}
/** Nothing was ever stored on this machine. */
export function zswap_unused(k: Kernel): boolean {
  return k.var.mod['zswap'] === undefined
}

// ---------------------------------------------------------------- parameters

export const ZSWAP_DEFAULTS = {
  enabled: 0,
  max_pool_percent: 20,
  accept_threshold_percent: 90,
  same_filled_pages_enabled: 1,
  non_same_filled_pages_enabled: 1,
} as const
export function zswap_param(k: Kernel, name: keyof typeof ZSWAP_DEFAULTS): number {
  return k.var.sysctl[`zswap.${name}`] ?? ZSWAP_DEFAULTS[name]
}
/** zswap.NAME=VALUE on the command line. */
export function zswap_init(k: Kernel): void {
  for (const param of words(k.config)) {
    const match = /^zswap\.(\w+)=(\w+)$/.exec(param)
    if (match === null || !(match[1]! in ZSWAP_DEFAULTS)) continue
    const text = match[2]!
    const value = /^[yY1]/.test(text) && !/^\d\d/.test(text) ? 1 : /^[nN]/.test(text) ? 0 : Number(text)
    if (Number.isInteger(value)) k.var.sysctl[`zswap.${match[1]!}`] = value
  }
}

function max_pool_pages(k: Kernel): number {
  return Math.floor((k.var.totalram_pages * zswap_param(k, 'max_pool_percent')) / 100)
}
function zswap_is_full(k: Kernel, s: Zswap): boolean {
  return max_pool_pages(k) < s.pool_pages
}
function zswap_can_accept(k: Kernel, s: Zswap): boolean {
  const share = Math.floor((k.var.totalram_pages * zswap_param(k, 'accept_threshold_percent')) / 100)
  return Math.floor((share * zswap_param(k, 'max_pool_percent')) / 100) > s.pool_pages
}

/**
 * Bytes that a page compresses to, as LZO makes of ordinary process memory: between 512 and 2047, 1280 on average, by
 * what the page holds or (nothing known) by whose page it is.
 */
function compressed_length(k: Kernel, pfn: number, content: number): number {
  const seed = content !== 0 ? content : Math.imul(k.page.mapping[pfn]!, 0x9e3779b1) ^ k.page.index[pfn]!
  let h = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b)
  h = Math.imul(h ^ (h >>> 16), 0x45d9f3b)
  return 512 + (((h ^ (h >>> 16)) & 0x7fffffff) % 1536)
}

// ---------------------------------------------------------------- store and load

/** What zswap holds for a cgroup and all below it: compressed bytes, and the pages they were (memcg MEMCG_ZSWAP_B). */
export function zswap_of_memcg(k: Kernel, memcg: number): { bytes: number; pages: number } {
  const held = { bytes: 0, pages: 0 }
  const e = k.zswap_entry
  for (let entry = 1; entry < e.meta.high; entry++) {
    if (e.slot[entry] === 0) continue
    let owner = k.swap.memcg[e.slot[entry]!]!
    while (owner !== memcg && owner !== 0) owner = k.memcg.parent[owner]!
    if (owner !== memcg) continue
    held.bytes += e.length[entry]!
    held.pages++
  }
  return held
}

/** obj_cgroup_may_zswap: no cgroup from the page's upwards is at its memory.zswap.max. */
function may_zswap(k: Kernel, memcg: number): boolean {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) {
    const max = k.memcg.zswap_max[m]!
    if (max !== Infinity && Math.floor(zswap_of_memcg(k, m).bytes / PAGE_SIZE) >= max) return false
  }
  return true
}

/** Takes the page of a slot in; false: it has to go to the disk. What was stored for the slot before is gone either way. */
export function zswap_store(k: Kernel, pfn: number, slot: number): boolean {
  if (k.swap.zswap[slot] !== 0) {
    zswap(k).duplicate_entry++
    zswap_invalidate(k, slot)
  }
  if (zswap_param(k, 'enabled') === 0) return false
  const s = zswap(k)
  if (!may_zswap(k, k.page.memcg[pfn]!)) return false
  if (zswap_is_full(k, s)) {
    s.pool_limit_hit++
    s.reached_full = true
    return shrink_instead(k, s)
  }
  if (s.reached_full) {
    if (!zswap_can_accept(k, s)) return shrink_instead(k, s)
    s.reached_full = false
  }
  const obj = kmem_cache_alloc(k, CACHES(k).zswap_entry, GFP)
  if (obj === 0) {
    s.reject_kmemcache_fail++
    return false
  }
  const entry = row_alloc(k.zswap_entry)
  assert(entry !== 0, 'zswap_store: the table of entries is full')
  const content = page_content(k, pfn)
  if (content > 0 && zswap_param(k, 'same_filled_pages_enabled') !== 0) {
    charge(k, COST.zswap_decompress)
    s.same_filled_pages++
  } else if (!compress(k, s, pfn, content, entry)) {
    row_free(k.zswap_entry, entry)
    kmem_cache_free(k, CACHES(k).zswap_entry, obj)
    return false
  }
  k.zswap_entry.slot[entry] = slot
  k.zswap_entry.obj[entry] = obj
  k.swap.zswap[slot] = entry
  s.stored_pages++
  s.pool_pages = k.zbud.meta.nr_live
  k.vmstat[C.zswpout]!++
  // The page was written, at once.
  set_page_writeback(k, pfn)
  end_page_writeback(k, pfn)
  return true
}

/** Queues the shrinker; the page goes to the disk. */
function shrink_instead(k: Kernel, s: Zswap): boolean {
  s.shrink_work = true
  wake_kthread(k, 'zswap_shrink')
  return false
}

function compress(k: Kernel, s: Zswap, pfn: number, content: number, entry: number): boolean {
  if (zswap_param(k, 'non_same_filled_pages_enabled') === 0) return false
  charge(k, COST.zswap_compress)
  const length = compressed_length(k, pfn, content)
  const handle = zbud_alloc(k, length + ZSWAP_HEADER, entry)
  if (handle < 0) {
    if (handle === ZBUD_ENOSPC) s.reject_compress_poor++
    else s.reject_alloc_fail++
    return false
  }
  k.zswap_entry.length[entry] = length
  k.zswap_entry.handle[entry] = handle
  return true
}

/** Fills a locked page of the swap cache from the pool; the entry stays until the slot is free. False: it is on the disk. */
export function zswap_load(k: Kernel, pfn: number, slot: number): boolean {
  if (k.swap.zswap[slot] === 0) return false
  charge(k, COST.zswap_decompress)
  k.page.flags[pfn] = (k.page.flags[pfn]! | PG_uptodate) & ~PG_locked
  k.vmstat[C.zswpin]!++
  return true
}

/** The slot is free, or its page is on the disk. */
export function zswap_invalidate(k: Kernel, slot: number): void {
  const entry = k.swap.zswap[slot]!
  const s = zswap(k)
  if (k.zswap_entry.length[entry] === 0) s.same_filled_pages--
  else zbud_free(k, k.zswap_entry.handle[entry]!)
  kmem_cache_free(k, CACHES(k).zswap_entry, k.zswap_entry.obj[entry]!)
  row_free(k.zswap_entry, entry)
  k.swap.zswap[slot] = 0
  s.stored_pages--
  s.pool_pages = k.zbud.meta.nr_live
}

// ---------------------------------------------------------------- shrinking

/** The work item: one frame of the pool is written back (shrink_worker). */
export function zswap_shrink_step(k: Kernel): boolean {
  const s = zswap_unused(k) ? null : zswap(k)
  if (s?.shrink_work === true) {
    s.shrink_work = false
    if (!zbud_reclaim_page(k)) s.reject_reclaim_fail++
  }
  const t = k.var.current
  if (t !== 0 && t === threads(k).zswap_shrink) kthread_sleep(k, t, Infinity, TASK_IDLE)
  return true
}

/** Writes the buddies of the oldest frame to the disk until a frame comes free; false when none does. */
function zbud_reclaim_page(k: Kernel): boolean {
  for (let tries = 0; tries < SHRINK_RETRIES; tries++) {
    const row = zbud_oldest(k)
    if (row === 0) return false
    const before = k.zbud.meta.nr_live
    for (const bud of [0, 1]) {
      const entry = k.zbud.pfn[row] === 0 ? 0 : k.zbud.owner[row * 2 + bud]!
      if (entry !== 0) zswap_writeback_entry(k, k.zswap_entry.slot[entry]!)
    }
    if (k.zbud.meta.nr_live < before) return true
    touch(k, row)
  }
  return false
}

/** Brings a stored page into the swap cache and starts its write; it is the next to be reclaimed when that is done. */
function zswap_writeback_entry(k: Kernel, slot: number): void {
  const { pfn, fresh } = __read_swap_cache_async(k, slot)
  if (!fresh) return
  if (k.swap.zswap[slot] === 0) {
    // Reclaim for this page took the entry with it: read as any other.
    k.page.flags[pfn] = (k.page.flags[pfn]! | PG_uptodate) & ~PG_locked
    return
  }
  charge(k, COST.zswap_decompress)
  k.page.flags[pfn] = (k.page.flags[pfn]! | PG_uptodate | PG_reclaim) & ~PG_locked
  lru_add_drain(k)
  zswap_invalidate(k, slot)
  zswap(k).written_back_pages++
  __swap_writepage(k, pfn)
}

/** Entries, slots and frames agree. Throws KernelBug. */
export function verify_zswap(k: Kernel): void {
  if (zswap_unused(k)) return
  const s = zswap(k)
  let stored = 0
  let same = 0
  for (let slot = 1; slot < k.swap.meta.high; slot++) {
    const entry = k.swap.zswap[slot]!
    if (entry === 0) continue
    stored++
    assert(k.swap.map[slot] !== 0 && k.zswap_entry.slot[entry] === slot, 'zswap: an entry of a free slot')
    if (k.zswap_entry.length[entry] === 0) same++
    else assert(k.zbud.owner[k.zswap_entry.handle[entry]!] === entry, 'zswap: the place of an entry')
  }
  assert(s.stored_pages === stored && k.zswap_entry.meta.nr_live === stored, 'zswap: stored pages')
  assert(s.same_filled_pages === same, 'zswap: same-filled pages')
  assert(s.pool_pages === k.zbud.meta.nr_live, 'zswap: pages of the pool')
  verify_zbud(k)
}
