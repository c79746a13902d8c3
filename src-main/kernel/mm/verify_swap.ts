/** What must always hold of swap: every reference to a slot is counted, cache and pages agree. Throws KernelBug. */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { PG_swapcache, PTE_P, PTE_PROTNONE, PTE_SHIFT, PTE_SWAP, type Kernel } from '../kernel'
import { xa_find, xa_load } from '../lib/xarray'
import { is_shmem } from './inode'
import { swap_cache_entry } from './swap_space'
import { SWAP_COUNT_MASK, SWAP_HAS_CACHE, SWAP_MAP_BAD, SWAPFILE_CLUSTER, SWP_SOLIDSTATE, SWP_USED } from './swapfile'

const MAX_INDEX = 2 ** 31 - 1

export function verify_swap(k: Kernel): void {
  const refs = new Uint16Array(k.swap.meta.high)
  count_entries(k, refs)
  count_shmem(k, refs)
  const held = held_in_caches(k)
  let cached = 0
  for (let area = 1; area < k.swap_info.meta.high; area++) {
    if ((k.swap_info.flags[area]! & SWP_USED) === 0) continue
    const start = k.swap_info.start[area]!
    let inuse = 0
    for (let slot = start + 1; slot <= start + k.swap_info.pages[area]!; slot++) {
      const map = k.swap.map[slot]!
      const pfn = k.swap.cache[slot]!
      if (map !== 0) inuse++
      assert(swap_cache_entry(k, area, slot) === pfn, 'swap: the index of the cache differs')
      assert((map & SWAP_COUNT_MASK) === refs[slot], 'swap: a count differs from the references')
      if (pfn > 0) {
        cached++
        assert((map & SWAP_HAS_CACHE) !== 0, 'swap: a cached slot is not marked')
        assert((k.page.flags[pfn]! & PG_swapcache) !== 0 && k.page.private[pfn] === slot, 'swap: page and slot differ')
      } else if ((map & SWAP_HAS_CACHE) !== 0) assert(held.has(slot), 'swap: a slot is marked cached, but is not')
      else assert(pfn === 0 || map !== 0, 'swap: a free slot has a shadow')
    }
    assert(inuse === k.swap_info.inuse[area], 'swap: slots in use')
    verify_clusters(k, area)
  }
  assert(cached === k.vmstat[C.nr_swapcached], 'swap: nr_swapcached')
  let pages = 0
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) if ((k.page.flags[pfn]! & PG_swapcache) !== 0) pages++
  assert(pages === cached, 'swap: pages marked as cached')
}

/** Swap entries of all page tables. */
function count_entries(k: Kernel, refs: Uint16Array): void {
  const { entry, nr, level, meta } = k.pt
  for (let table = 1; table < meta.high; table++) {
    if (k.pt.pfn[table] === 0 || level[table] !== 0 || nr[table] === 0) continue
    for (let i = table * 512; i < table * 512 + 512; i++) {
      const e = entry[i]!
      if ((e & PTE_SWAP) !== 0 && (e & (PTE_P | PTE_PROTNONE)) === 0) refs[e >>> PTE_SHIFT]!++
    }
  }
}
function count_shmem(k: Kernel, refs: Uint16Array): void {
  for (let inode = 1; inode < k.inode.meta.high; inode++) {
    if (!is_shmem(k, inode)) continue
    let swapped = 0
    for (let i = xa_find(k, inode, 0, MAX_INDEX); i >= 0; i = xa_find(k, inode, i + 1, MAX_INDEX)) {
      const entry = xa_load(k, inode, i)
      if (entry >= 0) continue
      refs[-entry]!++
      swapped++
    }
    assert(swapped === k.inode.shm_swapped[inode], 'swap: swapped pages of a tmpfs file')
  }
}
/** Slots in the per-CPU caches, to be taken or to be given back. */
function held_in_caches(k: Kernel): Set<number> {
  const held = new Set<number>()
  const c = k.swap_slots
  for (let row = 1; row < c.meta.high; row++) {
    for (let i = 0; i < c.nr[row]!; i++) held.add(c.slot[row * 64 + c.cur[row]! + i]!)
    for (let i = 0; i < c.nr_ret[row]!; i++) held.add(c.ret[row * 64 + i]!)
  }
  return held
}

function verify_clusters(k: Kernel, area: number): void {
  const si = k.swap_info
  if ((si.flags[area]! & SWP_SOLIDSTATE) === 0) return
  let free = 0
  for (let c = 0; c < si.nr_clusters[area]!; c++) {
    const row = si.cluster_start[area]! + c
    let used = 0
    for (let offset = c * SWAPFILE_CLUSTER; offset < (c + 1) * SWAPFILE_CLUSTER; offset++)
      if (offset > si.pages[area]! || k.swap.map[si.start[area]! + offset] !== 0) used++
    assert(used === k.swap_cluster.count[row], 'swap: the count of a cluster')
    assert((used === 0) === (k.swap_cluster.on_free[row] === 1), 'swap: an empty cluster is not on the free list')
    if (used === 0) free++
  }
  let listed = 0
  for (let c = si.head[area]!; c !== 0; c = k.swap_cluster.next[c]!) listed++
  assert(listed === free, 'swap: the free list of clusters')
  assert(k.swap.map[si.start[area]!] === SWAP_MAP_BAD, 'swap: the header slot')
}
