/**
 * Swap areas coming and going: swapon, swapoff, and what the configuration asks for at boot.
 *
 * Linux: mm/swapfile.c (swapon, swapoff, try_to_unuse). Simplified: the device holds a valid header; areas are rows of
 * one table, so the sum of all areas ever used is bounded.
 */
import { assert } from '@shared/assert'
import { string_id, type Kernel } from '../kernel'
import { add_device, device_rotational, next_device_name, type DeviceKind } from '../block/device'
import { prng_below } from '../lib/prng'
import { printk } from '../task'
import { EINVAL, ENOMEM, EPERM } from '../uapi'
import { is_shmem } from './inode'
import { shmem_unuse } from './shmem'
import { xa_find, xa_load } from '../lib/xarray'
import { setup_clusters } from './swap_cluster'
import { alloc_swap_maps, alloc_swap_slot_caches, free_swap_maps } from './swap_maps'
import { abandon_page } from './swap'
import { read_swap_header, release_swap_device } from './swap_header'
import {
  drain_slots_caches,
  MAX_SWAPFILES,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWP_SOLIDSTATE,
  SWP_USED,
  SWP_WRITEOK,
  swap_vars,
  try_to_free_swap,
} from './swapfile'
import { exit_swap_address_space, init_swap_address_space } from './swap_space'
import { unuse_mm } from './unuse'
import { folio_wait_nested } from './page_io'

/** The areas of the configuration, at boot. */
export function swap_init(k: Kernel): void {
  for (const swap of k.config.swap) swapon(k, swap.bytes, swap.device, swap.priority, swap.file === true)
}

/** Puts a device (or file) of a size into use; the area's number, or a negative errno. */
export function swapon(k: Kernel, bytes: number, kind: DeviceKind, priority?: number, file = false, path = ''): number {
  const pages = Math.floor(bytes / 4096) - 1
  if (pages < 9) return -EINVAL
  let area = 1
  while (area <= MAX_SWAPFILES && k.swap_info.flags[area] !== 0) area++
  if (area > MAX_SWAPFILES) return -EPERM
  const start = alloc_rows(k, pages + 1)
  if (start === 0) return -ENOMEM
  if (!alloc_swap_maps(k, area, pages + 1, kind !== 'hdd')) return -ENOMEM
  const si = k.swap_info
  if (area >= si.meta.high) si.meta.high = area + 1
  const device = next_device_name(k, kind)
  const name = path !== '' ? path : file ? '/swapfile' : `/dev/${device}`
  si.start[area] = start
  si.pages[area] = pages
  si.inuse[area] = 0
  si.prio[area] = priority ?? next_priority(k)
  si.device[area] = add_device(k, kind, device, pages + 1)
  si.name[area] = string_id(k, name)
  si.bdev[area] = file ? 0 : read_swap_header(k, name, bytes)
  si.is_file[area] = file ? 1 : 0
  si.lowest[area] = 1
  si.highest[area] = pages
  si.cluster_next[area] = 1
  si.cluster_nr[area] = 0
  si.flags[area] = SWP_USED | SWP_WRITEOK | (device_rotational(k, si.device[area]!) ? 0 : SWP_SOLIDSTATE)
  k.swap.map[start] = SWAP_MAP_BAD
  init_swap_address_space(k, area)
  if ((si.flags[area]! & SWP_SOLIDSTATE) !== 0) {
    si.cluster_next[area] = 1 + prng_below(k, 'swapon', pages)
    setup_clusters(k, area, si.cluster_next[area]!)
  }
  alloc_swap_slot_caches(k)
  swap_vars(k).full_told = false
  tell_added(k, area)
  return area
}

/** One extent, and FS: the kernel has frontswap. */
function tell_added(k: Kernel, area: number): void {
  const { pages, prio, name, flags } = k.swap_info
  const kB = pages[area]! * 4
  const extent = `extents:1 across:${kB}k ${(flags[area]! & SWP_SOLIDSTATE) !== 0 ? 'SS' : ''}FS`
  printk(k, `Adding ${kB}k swap on ${k.strings.list[name[area]!]!}.  Priority:${prio[area]} ${extent}`)
}

/** -2, -3, … for areas without a priority of their own. */
function next_priority(k: Kernel): number {
  let least = -1
  for (let a = 1; a < k.swap_info.meta.high; a++)
    if (k.swap_info.flags[a] !== 0 && k.swap_info.prio[a]! < least) least = k.swap_info.prio[a]!
  return least - 1
}

/** Rows for an area: a gap between the areas in use, or the end of the table. */
function alloc_rows(k: Kernel, nr: number): number {
  const { start, pages, flags, meta } = k.swap_info
  const used: [number, number][] = []
  for (let a = 1; a < meta.high; a++) if (flags[a] !== 0) used.push([start[a]!, start[a]! + pages[a]! + 1])
  used.sort((a, b) => a[0] - b[0])
  let from = 1
  for (const [first, end] of used) {
    if (first - from >= nr) break
    from = end
  }
  if (from + nr > k.swap.meta.capacity) return 0
  if (from + nr > k.swap.meta.high) k.swap.meta.high = from + nr
  return from
}

/** Reads everything back and takes the area out of use; 0 or a negative errno (ENOMEM: it stays in use). */
export function swapoff(k: Kernel, area: number): number {
  const si = k.swap_info
  if (area < 1 || area >= si.meta.high || si.flags[area] === 0) return -EINVAL
  const flags = si.flags[area]!
  si.flags[area] = flags & ~SWP_WRITEOK
  drain_slots_caches(k)
  set_current_oom_origin(k)
  const empty = try_to_unuse(k, area)
  delete k.var.mod['oom_origin']
  if (!empty) {
    si.flags[area] = flags
    return -ENOMEM
  }
  drain_slots_caches(k)
  assert(si.inuse[area] === 0, 'swapoff: slots in use')
  k.swap.map[si.start[area]!] = 0
  exit_swap_address_space(k, area)
  if (si.nr_clusters[area]! > 0) {
    const first = si.cluster_start[area]!
    for (const column of ['count', 'on_free', 'next', 'prev'] as const)
      k.swap_cluster[column].fill(0, first, first + si.nr_clusters[area]!)
    k.swap_percpu.cluster.fill(0, 1 + area * 64, 1 + area * 64 + 64)
    k.swap_percpu.next.fill(0, 1 + area * 64, 1 + area * 64 + 64)
  }
  free_swap_maps(k, area)
  release_swap_device(k, si.bdev[area]!)
  for (const column of Object.keys(si.meta.spec)) (si as unknown as Record<string, Int32Array>)[column]![area] = 0
  return 0
}

/** Should memory not suffice, who asked for it is the one to be killed. */
function set_current_oom_origin(k: Kernel): void {
  k.var.mod['oom_origin'] = k.var.current
}

/** tmpfs first, then every address space, then what is left in the swap cache. */
function try_to_unuse(k: Kernel, area: number): boolean {
  const from = k.swap_info.start[area]!
  const to = from + k.swap_info.pages[area]!
  for (let inode = 1; inode < k.inode.meta.high; inode++) {
    if (!is_shmem(k, inode) || k.inode.shm_swapped[inode] === 0) continue
    for (let i = xa_find(k, inode, 0, 2 ** 31 - 1); i >= 0; i = xa_find(k, inode, i + 1, 2 ** 31 - 1)) {
      const slot = -xa_load(k, inode, i)
      if (slot >= from && slot <= to && !shmem_unuse(k, inode, i)) return false
    }
  }
  for (let mm = 1; mm < k.mm.meta.high; mm++) if (k.mm.swapents[mm]! > 0 && !unuse_mm(k, mm, from, to)) return false
  for (let slot = from + 1; slot <= to; slot++) {
    if (k.swap.map[slot] === 0) continue
    const pfn = k.swap.cache[slot]!
    if (pfn <= 0) continue
    folio_wait_nested(k, pfn)
    if (try_to_free_swap(k, pfn) && k.page.mapcount[pfn] === 0 && k.page.gathered[pfn] === 0) abandon_page(k, pfn)
  }
  for (let slot = from + 1; slot <= to; slot++) if ((k.swap.map[slot]! & ~SWAP_HAS_CACHE) !== 0) return false
  return true
}
