/**
 * Memory at boot: the PC's memory map, the zones, what the kernel keeps for itself, and the hand-over of the rest to the
 * buddy system. MemTotal, the watermarks and the pinned pages in /proc/buddyinfo come from here.
 *
 *   0 ──── 640 KiB   1 MiB ──── 16 MiB ──── 3 GiB ∙∙∙ PCI hole ∙∙∙ 4 GiB ────
 *   (reserved)       DMA         DMA32: kernel image … initrd        Normal: struct pages, hash tables
 *
 * Linux: mm/page_alloc.c (free_area_init, init_per_zone_wmark_min),
 * mm/memblock.c (memblock_free_all), fs/dcache.c and fs/inode.c (hash tables), kernel/dma/pool.c.
 * Simplified: the deferred part of memory is there from the start; the sizes of the kernel image, initrd and of what
 * drivers take at boot are those of the Debian kernel 6.1.192 that the reference measurements used.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { boot_thp } from '../boot_params'
import { LOWMEM_END, memory_map, SECTION_PAGES, type FrameRange } from '../e820'
import { reserve_boot_memory } from './setup_arch'
import { get_order, int_div, roundup_pow_of_two } from '../lib/math'
import { row_touch } from '../lib/arena'
import {
  __GFP_DMA,
  __GFP_DMA32,
  GFP_KERNEL,
  MAX_NR_ZONES,
  MAX_ORDER,
  MIGRATE_MOVABLE,
  PAGEBLOCK_ORDER,
  PG_reserved,
  ZONE_DMA,
  ZONE_NORMAL,
  type Kernel,
} from '../kernel'
import { printk } from '../task'
import { DMA32_PFN_END, DMA_PFN_END, FPI_TO_TAIL, PAGEBLOCK_NR_PAGES, set_pageblock_migratetype } from './buddy'
import { hugetlb_init } from './hugetlb_boot'
import { lru_gen_init_lruvec } from './lru_gen'
import { initrd_pages } from '../drivers/initrd'
import { crypto_self_tests } from '../drivers/testmgr'
import { memblock_free_frames, memblock_of } from './memblock'
import { __free_pages_ok, alloc_pages, free_page } from './page_alloc'
import { later_chunk_pages } from './percpu'
import { writeback_set_ratelimit } from './page_writeback'
import { kmem_cache_init, slab_boot_objects } from './slab_common'
import {
  e820_print_table,
  mem_init_print_info,
  print_workingset,
  print_zone_ranges,
  print_zonelists,
} from './mm_init_log'
import { init_reserves } from './util'
import { BPF_PACK_PAGES, vmalloc_boot_pages } from './vmalloc'
import { init_per_zone_wmark_min, set_recommended_min_free_kbytes } from './watermark'

const KiB = 1024
const MiB = 1024 * KiB

/** Freed while the kernel boots, before the watermarks are computed: SMP alternatives (36 KiB). */
const EARLY_FREED: readonly FrameRange[] = [{ start: 0x3306, end: 0x330f }]
/**
 * Freed at the end of boot, with the initrd: what the image needs no longer. Rights of the kernel's own mapping change
 * first, and where a range begins or ends inside a 2-MiB entry that takes a page table: for the entry of the image, and
 * for its alias in the direct map where write access changes (not for execute, arch/x86/mm/pat/set_memory.c).
 */
const LATE_FREED: readonly (FrameRange & { readonly splits: number; readonly what: string })[] = [
  { start: 0x4203, end: 0x4400, splits: 1, what: 'unused decrypted' }, // not executable
  { start: 0x3044, end: 0x3306, splits: 1, what: 'unused kernel image (initmem)' }, // not executable
  { start: 0x1e02, end: 0x2000, splits: 2, what: 'unused kernel image (text/rodata gap)' }, // not executable and writable
  { start: 0x28eb, end: 0x2a00, splits: 2, what: 'unused kernel image (rodata/data gap)' }, // writable
]

interface BootMap {
  initrd: number
  /** Pages of memory when the first file systems in memory were made, of which each may take a half. */
  early: number
}

// ---------------------------------------------------------------- zones

/**
 * In the order of a boot: zones, slab caches, what start_kernel allocates, the reserves (a subsys_initcall), what the
 * later initcalls allocate. The root file system is unpacked after it, then free_initmem ends the boot.
 */
export function mm_init(k: Kernel): void {
  lru_gen_init_lruvec(k, 0)
  init_zones(k)
  alloc_pages(k, GFP_KERNEL, 0) // splits the image's mapping: the SMP alternatives are no longer executable
  kmem_cache_init(k)
  slab_boot_objects(k, 'early')
  k.var.mod['files_max'] = files_maxfiles(k)
  alloc_pages_of(k, EARLY_INIT_PAGES + BPF_PACK_PAGES)
  dma_atomic_pool_init(k)
  init_reserves(k)
  print_workingset(k)
  slab_boot_objects(k, 'late')
  mm_init_late(k)
}

/** fs/file_table.c, files_maxfiles_init: a tenth of memory, by KiB, without half as much again as is taken already. */
function files_maxfiles(k: Kernel): number {
  const total = k.var.totalram_pages
  const taken = Math.min(int_div((total - k.vmstat[C.nr_free_pages]!) * 3, 2), total - 1)
  return Math.max(8192, int_div((total - taken) * 4, 10))
}

/** Opens the zones, reserves what boot needs, frees the rest to the buddy system and computes the watermarks. */
export function init_zones(k: Kernel): void {
  init_sysctls(k)
  const map = memory_map(k.config)
  const block = memblock_of(map)
  const max_pfn = map.at(-1)!.end
  k.var.max_pfn = max_pfn
  row_touch(k.page, max_pfn)
  row_touch(k.pageblock, (max_pfn - 1) >> 9)
  row_touch(k.zone, MAX_NR_ZONES)
  row_touch(k.free_area, k.free_area.meta.capacity - 1)
  row_touch(k.pcp, k.config.cpus * MAX_NR_ZONES * 16)
  row_touch(k.pcp_set, k.config.cpus * MAX_NR_ZONES)
  calculate_zone_sizes(k, map)
  e820_print_table(k, map)
  print_zone_ranges(k, map)
  print_zonelists(k, nr_kernel_pages(k))
  const initrd = reserve_boot_memory(k, block, nr_kernel_pages(k))
  memblock_free_all(k, map, memblock_free_frames(block))
  free_reserved_area(k, EARLY_FREED, 'SMP alternatives')
  k.var.mod['boot_map'] = { initrd, early: k.var.totalram_pages } satisfies BootMap
  init_per_zone_wmark_min(k)
  hugetlb_init(k, (start, end) => count_managed(k, start, end))
  // hugepage_init asks khugepaged for its recommendation; with less than 512 MiB it switches huge pages off instead.
  if (k.var.totalram_pages >= (512 * MiB) / 4096) set_recommended_min_free_kbytes(k, boot_thp(k.config) !== 'never')
}

function init_sysctls(k: Kernel): void {
  k.var.sysctl['vm.min_free_kbytes'] ??= 1024
  k.var.sysctl['vm.watermark_scale_factor'] ??= 10
  k.var.sysctl['vm.watermark_boost_factor'] ??= 15000
  k.var.sysctl['vm.percpu_pagelist_high_fraction'] ??= 0
}

/** Spanned: from the first to the last frame. Present: without holes. */
function calculate_zone_sizes(k: Kernel, map: readonly FrameRange[]): void {
  const zone = k.zone
  const max_pfn = k.var.max_pfn
  const borders = [1, DMA_PFN_END, DMA32_PFN_END, Infinity]
  for (let z = ZONE_DMA; z <= ZONE_NORMAL; z++) {
    const start = borders[z]!
    const end = Math.min(borders[z + 1]!, max_pfn)
    if (start >= end) continue
    zone.start_pfn[z + 1] = start
    zone.spanned_pages[z + 1] = end - start
    zone.present_pages[z + 1] = map.reduce((sum, r) => sum + overlap(r, start, end), 0)
  }
}
function overlap(range: FrameRange, start: number, end: number): number {
  return Math.max(0, Math.min(range.end, end) - Math.max(range.start, start))
}

// ---------------------------------------------------------------- what the kernel takes

/** Present pages without the struct pages of their zones and without the reserved part of DMA ("Total pages"). */
export function nr_kernel_pages(k: Kernel): number {
  let sum = -(LOWMEM_END - 1)
  for (let z = ZONE_DMA; z <= ZONE_NORMAL; z++) {
    const present = k.zone.present_pages[z + 1]!
    const spanned = k.zone.spanned_pages[z + 1]!
    const pages = spanned > present + int_div(present, 16) ? present : spanned
    sum += present - Math.ceil((pages * 64) / 4096)
  }
  return sum
}

// ---------------------------------------------------------------- hand-over

/** Frees all that is not taken, low addresses first and each block to its list's tail. */
function memblock_free_all(k: Kernel, map: readonly FrameRange[], ranges: readonly FrameRange[]): void {
  const flags = k.page.flags
  const deferred = first_deferred_pfn(k)
  // memmap_init_range sets the type at pageblock borders: the first range starts at frame 1, so block 0 stays unmovable.
  k.pageblock.migratetype.fill(MIGRATE_MOVABLE, 1, Math.ceil(Math.min(deferred, k.var.max_pfn) / PAGEBLOCK_NR_PAGES))
  for (const { start, end } of map) flags.fill(PG_reserved, start, end)
  for (const { start, end } of ranges) {
    flags.fill(0, start, end)
    free_early_range(k, start, Math.min(end, deferred))
    deferred_free_pages(k, Math.max(start, deferred), end)
    count_managed(k, start, end)
  }
  // page_writeback_init: of what is free before the deferred part comes.
  let free = 0
  for (const { start, end } of ranges) free += Math.max(0, Math.min(end, deferred) - start)
  writeback_set_ratelimit(k, free)
  mem_init_print_info(k, free)
}

/** Struct pages beyond the first section of the highest zone are initialised later, when all CPUs run. */
function first_deferred_pfn(k: Kernel): number {
  let zone = ZONE_NORMAL
  while (k.zone.spanned_pages[zone + 1] === 0) zone--
  const start = k.zone.start_pfn[zone + 1]!
  let pfn = Math.ceil(start / SECTION_PAGES) * SECTION_PAGES
  while (pfn - start + 1 <= SECTION_PAGES) pfn += SECTION_PAGES
  return pfn
}

function free_early_range(k: Kernel, start: number, end: number): void {
  for (let pfn = start; pfn < end;) {
    let order = Math.min(MAX_ORDER - 1, 31 - Math.clz32(pfn & -pfn))
    while (pfn + (1 << order) > end) order--
    __free_pages_ok(k, pfn, order, FPI_TO_TAIL)
    pfn += 1 << order
  }
}

/** By whole pageblocks, else by pages; a pageblock whose first frame is not free keeps type 0 (unmovable). */
function deferred_free_pages(k: Kernel, start: number, end: number): void {
  for (let pfn = start; pfn < end;) {
    const whole = pfn % PAGEBLOCK_NR_PAGES === 0 && pfn + PAGEBLOCK_NR_PAGES <= end
    if (pfn % PAGEBLOCK_NR_PAGES === 0) set_pageblock_migratetype(k, pfn, MIGRATE_MOVABLE)
    __free_pages_ok(k, pfn, whole ? PAGEBLOCK_ORDER : 0, FPI_TO_TAIL)
    pfn += whole ? PAGEBLOCK_NR_PAGES : 1
  }
}

/** Frees reserved frames one by one (free_reserved_page) and counts them as managed. */
function free_reserved_area(k: Kernel, ranges: readonly FrameRange[], what: string): void {
  for (const { start, end } of ranges) {
    for (let pfn = start; pfn < end; pfn++) {
      assert(k.page.flags[pfn] === PG_reserved, 'free_reserved_area: the frame is not reserved')
      k.page.flags[pfn] = 0
      free_page(k, pfn)
    }
    count_managed(k, start, end)
    printk(k, `Freeing ${what} memory: ${(end - start) * 4}K`)
  }
}

function count_managed(k: Kernel, start: number, end: number): void {
  const borders = [0, DMA_PFN_END, DMA32_PFN_END, Infinity]
  for (let z = ZONE_DMA; z <= ZONE_NORMAL; z++)
    k.zone.managed_pages[z + 1]! += overlap({ start, end }, borders[z]!, borders[z + 1]!)
  k.var.totalram_pages += end - start
}

/** mm/shmem.c, shmem_default_max_blocks, for the root file system and devtmpfs: the image's last parts are not free yet. */
export function early_shmem_blocks(k: Kernel): number {
  return int_div((k.var.mod['boot_map'] as BootMap).early, 2)
}

/** At the end of boot: initrd and init sections become ordinary memory; the watermarks are not computed again. */
export function free_initmem(k: Kernel): void {
  const { initrd } = k.var.mod['boot_map'] as BootMap
  const cpu = k.var.cpu
  free_reserved_area(k, [{ start: initrd, end: initrd + initrd_pages(k) }], 'initrd')
  crypto_self_tests(k)
  // kernel_init is the second task: it runs beside the boot CPU where there is another.
  k.var.cpu = Math.min(1, k.config.cpus - 1)
  for (const range of LATE_FREED) {
    for (let i = 0; i < range.splits; i++) alloc_pages(k, GFP_KERNEL, 0)
    free_reserved_area(k, [range], range.what)
  }
  k.var.cpu = cpu
}

// ---------------------------------------------------------------- what drivers and subsystems take

/** Memory that initcalls allocate and keep: network hash tables, vmalloc areas, buffers of modules built in. */
export function mm_init_late(k: Kernel): void {
  for (const bytes of network_hashes(k)) alloc_kernel(k, bytes)
  alloc_pages_of(k, vmalloc_boot_pages(k) - BPF_PACK_PAGES + later_chunk_pages(k))
}

/** What start_kernel and the first initcalls keep whatever the size of memory: ftrace's records (159 pages), RCU, console. */
const EARLY_INIT_PAGES = 339
/** Mostly single pages, with the blocks of some orders that page users take. */
const INITCALL_CHUNKS = [4, 4, 8, 4, 4, 16, 4, 4, 4, 32, 4, 4, 8, 4, 4, 64].map((kb) => kb * KiB)

function alloc_pages_of(k: Kernel, pages: number): void {
  for (let bytes = pages * 4 * KiB, i = 0; bytes > 0; i++) {
    const chunk = INITCALL_CHUNKS[i % INITCALL_CHUNKS.length]!
    alloc_kernel(k, chunk)
    bytes -= chunk
  }
}

/** Exact pages as alloc_pages_exact and vmalloc would take them: whole blocks below a page's multiple, singles else. */
function alloc_kernel(k: Kernel, bytes: number): void {
  let pages = Math.ceil(bytes / 4096)
  for (let order = Math.min(get_order(bytes), MAX_ORDER - 1); pages > 0; order--)
    while (pages >= 1 << order) {
      const pfn = alloc_pages(k, GFP_KERNEL, order)
      assert(pfn !== 0, 'alloc_kernel: no memory at boot')
      pages -= 1 << order
    }
}

/** kernel/dma/pool.c: 128 KiB for each GiB in each of three zones, one block. */
function dma_atomic_pool_init(k: Kernel): void {
  const pages = Math.min(int_div(k.var.totalram_pages, 8192), 1 << (MAX_ORDER - 1))
  const order = get_order(Math.max(pages * 4096, 128 * KiB))
  for (const gfp of [GFP_KERNEL, GFP_KERNEL | __GFP_DMA, GFP_KERNEL | __GFP_DMA32]) alloc_pages(k, gfp, order)
}

/** Sizes in bytes of the tables that grow with memory: IP idents, TCP, UDP, MPTCP, mounts, futexes. */
function network_hashes(k: Kernel): number[] {
  const pages = nr_kernel_pages(k)
  const entries = (scale: number, low: number, high: number): number =>
    Math.min(Math.max(roundup_pow_of_two(int_div(Math.ceil(pages / 256) * 256 * 4096, 2 ** scale)), low), high)
  const tcp = entries(17, 512, 524288)
  const bind = tcp
  const udp = entries(21, 256, 65536)
  const mount = entries(19, 512, 1 << 20)
  const listen = entries(21, 256, 65536)
  return [
    entries(16, 2048, 262144) * 8,
    tcp * 8,
    bind * 32,
    udp * 32,
    udp * 32,
    mount * 8,
    mount * 8,
    listen * 16,
    tcp * 3,
    65536 * 4,
    256 * k.config.cpus * 64,
    4096,
  ]
}
