/**
 * The tables of a swap area: a byte a slot, the cgroup of each slot, its clusters, its part of the swap cache.
 *
 * Linux: mm/swapfile.c (swapon: swap_map, cluster_info, frontswap_map), mm/swap_cgroup.c (swap_cgroup_swapon),
 * mm/swap_state.c (init_swap_address_space), mm/swap_slots.c (alloc_swap_slot_cache, with the first area).
 */
import { __GFP_NORETRY, __GFP_NOWARN, GFP_KERNEL, type Kernel } from '../kernel'
import { free_page } from './page_alloc'
import { SWAPFILE_CLUSTER } from './swapfile'
import { kfree, kmalloc } from './slab_common'
import { alloc_single_pages, vfree, vmalloc } from './vmalloc'

const PAGE_SIZE = 4096
/** struct swap_cluster_info, one a cluster. */
const CLUSTER_BYTES = 8
/** struct address_space, for 64 MiB each. */
const SPACE_BYTES = 192
const SPACE_SLOTS = 16384
/** An unsigned short a slot. */
const CGROUP_BYTES = 2
const SLOTS_CACHE_BYTES = 512

interface SwapMaps {
  readonly areas: number[][]
  readonly pages: number[]
  readonly objects: number[]
}
/** By area number. */
function maps(k: Kernel): Record<number, SwapMaps> {
  return (k.var.mod['swap_maps'] ??= {}) as Record<number, SwapMaps>
}

/** All tables of an area of `slots`, or none of them: false. */
export function alloc_swap_maps(k: Kernel, area: number, slots: number, solid_state: boolean): boolean {
  const cgroup_pages = Math.ceil((slots * CGROUP_BYTES) / PAGE_SIZE)
  const got: SwapMaps = { areas: [], pages: [], objects: [] }
  maps(k)[area] = got
  const objects = [
    Math.ceil(slots / SPACE_SLOTS) * SPACE_BYTES,
    Math.ceil(slots / 8),
    ...(solid_state ? [Math.ceil(slots / SWAPFILE_CLUSTER) * CLUSTER_BYTES] : []),
  ]
  const whole =
    take_area(k, got, slots) &&
    take_area(k, got, cgroup_pages * 8) &&
    take_pages(k, got, cgroup_pages) &&
    objects.every((bytes) => kvmalloc(k, got, bytes))
  if (!whole) free_swap_maps(k, area)
  return whole
}

export function free_swap_maps(k: Kernel, area: number): void {
  const { areas, pages, objects } = maps(k)[area]!
  for (const one of areas) vfree(k, one)
  for (const pfn of pages) free_page(k, pfn)
  for (const object of objects) kfree(k, object)
  delete maps(k)[area]
}

/** enable_swap_slots_cache: two arrays of 64 slots for every CPU, kept for good. */
export function alloc_swap_slot_caches(k: Kernel): void {
  if (k.var.mod['swap_slot_caches'] === true) return
  k.var.mod['swap_slot_caches'] = true
  for (let i = 0; i < 2 * k.config.cpus; i++) kmalloc(k, SLOTS_CACHE_BYTES, GFP_KERNEL)
}

function take_area(k: Kernel, got: SwapMaps, bytes: number): boolean {
  const area = vmalloc(k, bytes)
  if (area !== null) got.areas.push(area)
  return area !== null
}
function take_pages(k: Kernel, got: SwapMaps, nr: number): boolean {
  const pages = alloc_single_pages(k, nr)
  if (pages !== null) got.pages.push(...pages)
  return pages !== null
}
/** A block of the page allocator, or else single pages. */
function kvmalloc(k: Kernel, got: SwapMaps, bytes: number): boolean {
  const object = kmalloc(k, bytes, bytes > PAGE_SIZE ? GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY : GFP_KERNEL)
  if (object === 0) return bytes > PAGE_SIZE && take_area(k, got, bytes)
  got.objects.push(object)
  return true
}
