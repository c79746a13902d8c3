/**
 * What a boot takes from memblock before the page allocator has anything, in the order in which it asks: a gap that one
 * request leaves is filled by the next small one, so that the order and the sizes in bytes decide how many frames are left.
 *
 * Linux: arch/x86/kernel/setup.c (setup_arch), mm/sparse.c (sparse_init), mm/sparse-vmemmap.c, mm/percpu.c,
 * init/main.c (setup_command_line), mm/page_alloc.c (alloc_large_system_hash), arch/x86/mm/cpu_entry_area.c,
 * kernel/dma/swiotlb.c (swiotlb_init_remap). Sizes of structures are those of the Debian kernel 6.1.192.
 */
import { PMD_SIZE } from '../arch/x86/pgtable'
import { boot_number } from '../boot_params'
import { cmdline_text } from '../cmdline'
import { memory_map, present_sections } from '../e820'
import { int_div, rounddown_pow_of_two, roundup_pow_of_two } from '../lib/math'
import type { Kernel } from '../kernel'
import { PAGE_SIZE } from '../constants'
import { initrd_pages } from '../drivers/initrd'
import { DMA32_PFN_END } from './buddy'
import { hugetlb_hstate_alloc_bootmem, hugetlb_parse } from './hugetlb_boot'
import { HSTATE_1G } from './hugetlb_pool'
import { MAX_DMA_ADDRESS, memblock_alloc, memblock_reserve, type Memblock } from './memblock'
import { print_hash } from './mm_init_log'
import { setup_per_cpu_areas } from './percpu'
import { init_mem_mapping, INIT_PGT_BUF_PAGES } from './init_mem_mapping'

/** The kernel image from 16 MiB: text, gaps, read-only data, data, init, bss (52 MiB with its alignment). */
const KERNEL_START = 0x1000
const KERNEL_PAGES = 13312
/** Its brk area: the buffer for early page tables, and a page of firmware tables. */
const BRK_PAGES = INIT_PGT_BUF_PAGES + 1
const LOW_MIB = 0x100

/** pg_data_t, in whole pages. */
const NODE_DATA_BYTES = 43 * PAGE_SIZE
/** Struct pages of a sparse section. */
const SECTION_MAP_BYTES = 2 ** 21
/** struct mem_section, a page of which is one root; what each section says of its parts and pageblocks. */
const SECTIONS_PER_ROOT = PAGE_SIZE / 32
const SECTION_USAGE_BYTES = 56
const SECTION_SHIFT = 27
const MAX_PHYSMEM_BITS = 46
const MAX_PHYSMEM_BITS_5LEVEL = 52

/**
 * Reserves the image and the initrd, then all of setup_arch and start_kernel; returns the first frame of the initrd.
 * `nr_kernel_pages` is what tables are sized by.
 */
export function reserve_boot_memory(k: Kernel, block: Memblock, nr_kernel_pages: number): number {
  memblock_reserve(block, 0, LOW_MIB * PAGE_SIZE)
  memblock_reserve(block, KERNEL_START * PAGE_SIZE, (KERNEL_START + KERNEL_PAGES + BRK_PAGES) * PAGE_SIZE)
  // The boot loader puts it as high as it can below 4 GiB.
  const { end } = block.memory.findLast((range) => range.end <= DMA32_PFN_END * PAGE_SIZE)!
  const initrd = end - initrd_pages(k) * PAGE_SIZE
  memblock_reserve(block, initrd, end)
  init_mem_mapping(block, (KERNEL_START + KERNEL_PAGES) * PAGE_SIZE, has_gbpages(k))
  memblock_alloc(block, NODE_DATA_BYTES)
  sparse_init(k, block)
  describe_firmware(k, block)
  // setup_command_line: as it was given, and as it is parsed.
  const command_line = cmdline_text(k).trimEnd().length + 1
  memblock_alloc(block, command_line)
  memblock_alloc(block, command_line)
  setup_per_cpu_areas(k, block)
  // workqueue_init_early and its like: masks of CPUs.
  for (let i = 0; i < BOOTMEM_CPUMASKS; i++) memblock_alloc(block, 8 * Math.ceil(k.config.cpus / 64))
  hugetlb_hstate_alloc_bootmem(k, block)
  for (const [name, scale, param] of SYSTEM_HASHES) {
    const asked = boot_number(k.config, param, 0)
    const bytes = asked > 0 ? rounddown_pow_of_two(asked) * 8 : hash_bytes(nr_kernel_pages, scale)
    memblock_alloc(block, bytes)
    print_hash(k, name, bytes)
  }
  setup_cpu_entry_areas(k, block)
  if (needs_swiotlb(k)) swiotlb_init(k, block)
  return int_div(initrd, PAGE_SIZE)
}
const BOOTMEM_CPUMASKS = 5
const SYSTEM_HASHES = [
  ['Dentry cache', 13, 'dhash_entries'],
  ['Inode-cache', 14, 'ihash_entries'],
] as const

/** The processor maps 1 GiB by one entry: those with five levels do, and those that pages of 1 GiB are asked of. */
function has_gbpages(k: Kernel): boolean {
  if (k.config.la57 === true) return true
  return hugetlb_parse(k.config.bootParams).requests.some(({ h }) => h === HSTATE_1G)
}

/** The table of roots, the roots, the sections' usage, all struct pages in one piece, and the tables that map them. */
function sparse_init(k: Kernel, block: Memblock): void {
  const sections = [...present_sections(memory_map(k.config))]
  const roots = new Set(sections.map((s) => int_div(s, SECTIONS_PER_ROOT)))
  const max_bits = k.la57 ? MAX_PHYSMEM_BITS_5LEVEL : MAX_PHYSMEM_BITS
  memblock_alloc(block, (2 ** (max_bits - SECTION_SHIFT) / SECTIONS_PER_ROOT) * 8)
  for (const _ of roots) memblock_alloc(block, PAGE_SIZE)
  memblock_alloc(block, sections.length * SECTION_USAGE_BYTES)
  memblock_alloc(block, sections.length * SECTION_MAP_BYTES, SECTION_MAP_BYTES, MAX_DMA_ADDRESS)
  const last = sections.at(-1)! + 1
  const tables = (k.la57 ? 1 : 0) + 1 + Math.ceil((last * SECTION_MAP_BYTES) / 2 ** 30)
  for (let i = 0; i < tables; i++) memblock_alloc(block, PAGE_SIZE, PAGE_SIZE, MAX_DMA_ADDRESS)
}

/** What the firmware's tables are kept as: timer, I/O APIC, resources, the map for the next kernel, what is not saved. */
function describe_firmware(k: Kernel, block: Memblock): void {
  const usable = block.memory.length
  memblock_alloc(block, HPET_RESOURCE_BYTES)
  memblock_alloc(block, IOAPIC_RESOURCE_BYTES)
  memblock_alloc(block, RESOURCE_BYTES * (usable + RESERVED_REGIONS + 1))
  for (let i = 0; i < usable + RESERVED_REGIONS; i++) memblock_alloc(block, FIRMWARE_MAP_ENTRY_BYTES)
  // register_nosave_region: the holes between RAM, and frame 0.
  for (let i = 0; i < usable; i++) memblock_alloc(block, NOSAVE_REGION_BYTES)
}
const HPET_RESOURCE_BYTES = 73
const IOAPIC_RESOURCE_BYTES = 75
const RESOURCE_BYTES = 64
const FIRMWARE_MAP_ENTRY_BYTES = 104
const NOSAVE_REGION_BYTES = 32
/** In the firmware's map beside RAM: the BIOS's data, its ROM, ACPI tables, the flash, the processor's own bus. */
const RESERVED_REGIONS = 5

/** alloc_large_system_hash: 8 bytes for each 2^scale bytes of kernel memory, rounded up to a power of two. */
function hash_bytes(nr_kernel_pages: number, scale: number): number {
  const pages = Math.ceil(nr_kernel_pages / 256) * 256
  return Math.max(PAGE_SIZE, roundup_pow_of_two(int_div(pages, 2 ** (scale - 12))) * 8)
}

/**
 * Page tables of the entry areas of all CPUs, which lie one after the other behind the page of the read-only IDT: tables
 * of the upper levels, and one for each 2 MiB that somebody's descriptors or stacks lie in.
 */
function setup_cpu_entry_areas(k: Kernel, block: Memblock): void {
  const regions = new Set([0])
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const start = PAGE_SIZE + cpu * CPU_ENTRY_AREA_BYTES
    for (const at of [start, start + CPU_ENTRY_AREA_MAPPED_BYTES - 1]) regions.add(int_div(at, PMD_SIZE))
  }
  for (let i = 0; i < UPPER_TABLES + regions.size; i++) memblock_alloc(block, PAGE_SIZE, PAGE_SIZE)
}
const UPPER_TABLES = 2
/** Descriptors, entry stack, TSS, exception stacks with their guards, buffers of a debug store. */
const CPU_ENTRY_AREA_BYTES = 59 * PAGE_SIZE
/** Up to the last stack that is mapped: there is no debug store, and nothing that encrypts. */
const CPU_ENTRY_AREA_MAPPED_BYTES = 19 * PAGE_SIZE

/** RAM above 4 GiB cannot be reached by 32-bit devices: `swiotlb=force` bounces without need, too. */
function needs_swiotlb(k: Kernel): boolean {
  return k.var.max_pfn > DMA32_PFN_END || k.config.bootParams.some((param) => /(^|[= ,])swiotlb=.*force/.test(param))
}
/** Bounce buffers of 64 MiB below 4 GiB, 24 bytes for each 2 KiB of them, and an area a CPU. */
function swiotlb_init(k: Kernel, block: Memblock): void {
  memblock_alloc(block, SWIOTLB_BYTES, PAGE_SIZE, 0, DMA32_PFN_END * PAGE_SIZE)
  memblock_alloc(block, int_div(SWIOTLB_BYTES, 2048) * 24, PAGE_SIZE)
  memblock_alloc(block, 16 * roundup_pow_of_two(k.config.cpus))
}
const SWIOTLB_BYTES = 2 ** 26
