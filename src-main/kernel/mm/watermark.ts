/**
 * Watermarks: how much of a zone must stay free for whom, and the sysctls that move them.
 *
 *   free  ────high── kswapd sleeps ────low── kswapd wakes ────min── only reclaimers and the dying below
 *
 * Linux: mm/page_alloc.c (__zone_watermark_ok, __setup_per_zone_wmarks, setup_per_zone_lowmem_reserve,
 * calculate_min_free_kbytes, calculate_totalreserve_pages), mm/khugepaged.c (set_recommended_min_free_kbytes).
 */
import { assert } from '@shared/assert'
import { int_div, int_sqrt } from '../lib/math'
import { __GFP_ATOMIC, MAX_NR_ZONES, MAX_ORDER, ZONE_DMA, ZONE_NORMAL, type Kernel } from '../kernel'
import { MIGRATE_PCPTYPES, PAGEBLOCK_NR_PAGES } from './buddy'
import { area_usable } from './fallback'
import { zone_pcp_update } from './pcp'

export const WMARK_MIN = 0
export const WMARK_LOW = 1
export const WMARK_HIGH = 2

// ---- alloc_flags (mm/internal.h)
export const ALLOC_WMARK_MIN = WMARK_MIN
export const ALLOC_WMARK_LOW = WMARK_LOW
export const ALLOC_WMARK_HIGH = WMARK_HIGH
export const ALLOC_NO_WATERMARKS = 0x04
export const ALLOC_WMARK_MASK = 0x03
export const ALLOC_OOM = 0x08
/** The caller cannot wait for reclaim. */
export const ALLOC_NON_BLOCK = 0x10
/** __GFP_HIGH: half of what is below the min mark. */
export const ALLOC_MIN_RESERVE = 0x20
export const ALLOC_CPUSET = 0x40
export const ALLOC_NOFRAGMENT = 0x100
/** Atomic and of a high order: the reserved pageblocks too. */
export const ALLOC_HIGHATOMIC = 0x200
export const ALLOC_KSWAPD = 0x800
/** Who may go below the min mark at all. */
const ALLOC_RESERVES = ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM

// ---- zone.flags
/** A boost was just added: the next allocation that may wakes kswapd. */
export const ZONE_BOOSTED_WATERMARK = 1
/** kswapd works on the zone: per-CPU lists are kept short. */
export const ZONE_RECLAIM_ACTIVE = 2

/** Words of `zone.lowmem_reserve` a zone: DMA, DMA32, Normal, Movable. */
export const NR_LOWMEM_RESERVE = 4

export function wmark_pages(k: Kernel, zone: number, which: number): number {
  return k.zone.watermark[(zone + 1) * 3 + which]! + k.zone.watermark_boost[zone + 1]!
}
export function min_wmark_pages(k: Kernel, zone: number): number {
  return wmark_pages(k, zone, WMARK_MIN)
}
export function low_wmark_pages(k: Kernel, zone: number): number {
  return wmark_pages(k, zone, WMARK_LOW)
}
export function high_wmark_pages(k: Kernel, zone: number): number {
  return wmark_pages(k, zone, WMARK_HIGH)
}

/** The order-0 case first: most requests end here. */
export function zone_watermark_fast(
  k: Kernel,
  zone: number,
  order: number,
  mark: number,
  highest_zoneidx: number,
  alloc_flags: number,
  gfp: number,
): boolean {
  const free = k.zone.nr_free[zone + 1]!
  if (order === 0) {
    let usable = free
    if ((alloc_flags & ALLOC_RESERVES) === 0) usable -= Math.min(usable, k.zone.nr_reserved_highatomic[zone + 1]!)
    if (usable > mark + k.zone.lowmem_reserve[(zone + 1) * NR_LOWMEM_RESERVE + highest_zoneidx]!) return true
  }
  if (__zone_watermark_ok(k, zone, order, mark, highest_zoneidx, alloc_flags, free)) return true
  // A boost keeps memory for kswapd's sake; an atomic page must not fail because of it.
  const boosted = k.zone.watermark_boost[zone + 1] !== 0 && (alloc_flags & ALLOC_WMARK_MASK) === WMARK_MIN
  if (order !== 0 || (gfp & __GFP_ATOMIC) === 0 || !boosted) return false
  const min = k.zone.watermark[(zone + 1) * 3 + WMARK_MIN]!
  return __zone_watermark_ok(k, zone, order, min, highest_zoneidx, alloc_flags, free)
}

/** True when `free_pages` leave `mark` and the zone's protection untouched and a block of `order` is there. */
export function __zone_watermark_ok(
  k: Kernel,
  zone: number,
  order: number,
  mark: number,
  highest_zoneidx: number,
  alloc_flags: number,
  free_pages: number,
): boolean {
  let min = mark
  free_pages -= (1 << order) - 1
  if ((alloc_flags & ALLOC_RESERVES) === 0) free_pages -= k.zone.nr_reserved_highatomic[zone + 1]!
  else {
    if ((alloc_flags & ALLOC_MIN_RESERVE) !== 0) {
      min -= int_div(min, 2)
      if ((alloc_flags & ALLOC_NON_BLOCK) !== 0) min -= int_div(min, 4)
    }
    if ((alloc_flags & ALLOC_OOM) !== 0) min -= int_div(min, 2)
  }
  if (free_pages <= min + k.zone.lowmem_reserve[(zone + 1) * NR_LOWMEM_RESERVE + highest_zoneidx]!) return false
  if (order === 0) return true
  const highatomic = (alloc_flags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) !== 0
  for (let o = order; o < MAX_ORDER; o++) if (area_usable(k, zone, o, highatomic)) return true
  return false
}

/** The zone as it is now against a mark. */
export function zone_watermark_ok(
  k: Kernel,
  zone: number,
  order: number,
  mark: number,
  highest_zoneidx: number,
  alloc_flags: number,
): boolean {
  return __zone_watermark_ok(k, zone, order, mark, highest_zoneidx, alloc_flags, k.zone.nr_free[zone + 1]!)
}

// ---------------------------------------------------------------- computing them

/** At boot: min_free_kbytes from the size of memory, then all that follows from it. */
export function init_per_zone_wmark_min(k: Kernel): void {
  calculate_min_free_kbytes(k)
  setup_per_zone_wmarks(k)
  setup_per_zone_lowmem_reserve(k)
}

/** sqrt(16 × free low memory in kB), 128 kB … 256 MiB; a value that the user set stays if it is larger. */
export function calculate_min_free_kbytes(k: Kernel): void {
  const new_min_free_kbytes = int_sqrt(nr_free_buffer_pages(k) * 4 * 16)
  if (new_min_free_kbytes > k.var.min_free_kbytes_user)
    k.var.sysctl['vm.min_free_kbytes'] = Math.min(Math.max(new_min_free_kbytes, 128), 262144)
}

/** Managed pages above the high watermarks. */
export function nr_free_buffer_pages(k: Kernel): number {
  let sum = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    const size = k.zone.managed_pages[zone + 1]!
    const high = high_wmark_pages(k, zone)
    if (size > high) sum += size - high
  }
  return sum
}

export function setup_per_zone_wmarks(k: Kernel): void {
  const { managed_pages, watermark, watermark_boost } = k.zone
  const pages_min = int_div(k.var.sysctl['vm.min_free_kbytes']!, 4)
  const scale = k.var.sysctl['vm.watermark_scale_factor']!
  let lowmem_pages = 0
  for (let row = 1; row <= MAX_NR_ZONES; row++) lowmem_pages += managed_pages[row]!
  assert(lowmem_pages > 0, 'setup_per_zone_wmarks: no memory')
  for (let row = 1; row <= MAX_NR_ZONES; row++) {
    const managed = managed_pages[row]!
    const min = int_div(pages_min * managed, lowmem_pages)
    const gap = Math.max(int_div(min, 4), int_div(managed * scale, 10000))
    watermark_boost[row] = 0
    watermark[row * 3 + WMARK_MIN] = min
    watermark[row * 3 + WMARK_LOW] = min + gap
    watermark[row * 3 + WMARK_HIGH] = min + 2 * gap
  }
  calculate_totalreserve_pages(k)
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) zone_pcp_update(k, zone)
}

/** How much of a lower zone is kept from requests that could be served from higher ones. */
export function setup_per_zone_lowmem_reserve(k: Kernel): void {
  const ratio = ratios(k)
  const { managed_pages, lowmem_reserve } = k.zone
  for (let i = 0; i < MAX_NR_ZONES; i++) {
    let managed = 0
    const clear = ratio[i] === 0 || managed_pages[i + 1] === 0
    for (let j = i + 1; j < NR_LOWMEM_RESERVE; j++) {
      if (j < MAX_NR_ZONES) managed += managed_pages[j + 1]!
      lowmem_reserve[(i + 1) * NR_LOWMEM_RESERVE + j] = clear ? 0 : int_div(managed, ratio[i]!)
    }
  }
  calculate_totalreserve_pages(k)
}

/** Pages that user memory cannot count on: high watermark and protection of every zone. */
function calculate_totalreserve_pages(k: Kernel): void {
  let reserve = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    let max = 0
    for (let j = zone; j < NR_LOWMEM_RESERVE; j++)
      max = Math.max(max, k.zone.lowmem_reserve[(zone + 1) * NR_LOWMEM_RESERVE + j]!)
    reserve += Math.min(max + high_wmark_pages(k, zone), k.zone.managed_pages[zone + 1]!)
  }
  k.var.totalreserve_pages = reserve
}

/**
 * khugepaged wants two pageblocks a zone and type kept free against fragmentation, at most 5 % of low memory. Called when
 * huge pages are switched on or off; off means the plain formula again, now above the high watermarks.
 */
export function set_recommended_min_free_kbytes(k: Kernel, hugepage_enabled: boolean): void {
  if (!hugepage_enabled) {
    calculate_min_free_kbytes(k)
    return setup_per_zone_wmarks(k)
  }
  let nr_zones = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) if (k.zone.managed_pages[zone + 1]! > 0) nr_zones++
  let recommended = PAGEBLOCK_NR_PAGES * nr_zones * 2
  recommended += PAGEBLOCK_NR_PAGES * nr_zones * MIGRATE_PCPTYPES * MIGRATE_PCPTYPES
  recommended = Math.min(recommended, int_div(nr_free_buffer_pages(k), 20)) * 4
  if (recommended > k.var.sysctl['vm.min_free_kbytes']!) k.var.sysctl['vm.min_free_kbytes'] = recommended
  setup_per_zone_wmarks(k)
}

// ---------------------------------------------------------------- sysctl

/**
 * The ratios of DMA, DMA32 and Normal and two that nothing uses, as /proc/sys/vm/lowmem_reserve_ratio shows. Linux's
 * handler computes the protection again even when it is only read: after boot that counts the late-freed pages in. Without
 * `effects` somebody looks on from outside of the machine, and it does not.
 */
export function lowmem_reserve_ratio(k: Kernel, effects: boolean): readonly number[] {
  if (effects) setup_per_zone_lowmem_reserve(k)
  return ratios(k)
}
function ratios(k: Kernel): number[] {
  return (k.var.mod['lowmem_reserve_ratio'] ??= [256, 256, 32, 0, 0]) as number[]
}

/** vm.lowmem_reserve_ratio: values below 1 switch a zone's protection off. */
export function write_lowmem_reserve_ratio(k: Kernel, ratio: readonly number[]): void {
  const current = ratios(k)
  ratio.forEach((value, i) => {
    if (i < current.length) current[i] = value < 1 ? 0 : value
  })
  setup_per_zone_lowmem_reserve(k)
}

/** vm.min_free_kbytes: what the user asked for is also the floor of later recomputations. */
export function write_min_free_kbytes(k: Kernel, value: number): void {
  k.var.sysctl['vm.min_free_kbytes'] = value
  k.var.min_free_kbytes_user = value
  setup_per_zone_wmarks(k)
}

/** vm.watermark_scale_factor, 1…3000 in fractions of 10000. */
export function write_watermark_scale_factor(k: Kernel, value: number): void {
  k.var.sysctl['vm.watermark_scale_factor'] = value
  setup_per_zone_wmarks(k)
}

/** vm.percpu_pagelist_high_fraction: 0 means the default (the low watermark), else at least 8. */
export function write_percpu_pagelist_high_fraction(k: Kernel, value: number): boolean {
  if (value !== 0 && value < 8) return false
  k.var.sysctl['vm.percpu_pagelist_high_fraction'] = value
  for (let zone = ZONE_DMA; zone <= ZONE_NORMAL; zone++) zone_pcp_update(k, zone)
  return true
}
