/**
 * Per-CPU areas: a unit for each CPU in a chunk of 2 MiB or more. How many units share 2 MiB decides what the tables of a
 * chunk that is added later take from vmalloc, and with it what /proc/meminfo says.
 *
 * Linux: mm/percpu.c (pcpu_build_alloc_info, pcpu_embed_first_chunk, pcpu_create_chunk, pcpu_nr_pages).
 * Simplified: what boot allocates of per-CPU memory is a measured number of pages; nothing comes or goes afterwards.
 */
import { fls, int_div } from '../lib/math'
import { PAGE_SIZE } from '../constants'
import type { Kernel } from '../kernel'
import { MAX_DMA_ADDRESS, memblock_alloc, memblock_phys_free, type Memblock } from './memblock'

/** Static, reserved and dynamic part of the first chunk's unit. */
const UNIT_USED_PAGES = 62
/** Large pages back the first chunk (the allocation's atom). */
const ATOM_PAGES = 512
/** Populated pages of a unit after boot: of the first chunk and of the one that was added. */
const POPULATED_PAGES = 65
/** What of a unit modules and later users have, and the first chunk's own records. */
const RESERVED_BYTES = 8192
const DYNAMIC_BYTES = 28672
const CHUNK_BYTES = 144
const LIST_HEAD_BYTES = 16
const SLOT_BASE_SHIFT = 5
/** Bytes of metadata for each 4 KiB of a unit, and a map bit for each 4 bytes. */
const BLOCK_MD_BYTES = 32
const MIN_ALLOC = 4

/** Units that share an atom: as many as fit, as long as less than a third of the CPUs' number goes to waste. */
export function units_per_alloc(cpus: number): number {
  let best = 1
  let fewest = Infinity
  for (let upa = int_div(ATOM_PAGES, UNIT_USED_PAGES); upa > 0; upa--) {
    if (ATOM_PAGES % upa !== 0) continue
    const allocs = Math.ceil(cpus / upa)
    if (allocs * upa - cpus > int_div(cpus, 3)) continue
    if (allocs > fewest) break
    fewest = allocs
    best = upa
  }
  return best
}
function unit_pages(k: Kernel): number {
  return int_div(ATOM_PAGES, units_per_alloc(k.config.cpus))
}
function nr_units(k: Kernel): number {
  const upa = units_per_alloc(k.config.cpus)
  return Math.ceil(k.config.cpus / upa) * upa
}

/**
 * Takes the first chunk from the top of memory in one piece and gives back what the units do not use; then what describes
 * it: a group's place, the CPUs' units, the lists of chunks, and the maps of the reserved and of the dynamic part.
 */
export function setup_per_cpu_areas(k: Kernel, block: Memblock): void {
  const { cpus } = k.config
  const unit = unit_pages(k) * PAGE_SIZE
  // Only while it is set up: the allocation info, the groups' areas.
  const info = memblock_alloc(block, PAGE_SIZE, PAGE_SIZE)
  const areas = memblock_alloc(block, PAGE_SIZE)
  const start = memblock_alloc(block, nr_units(k) * unit, ATOM_PAGES * PAGE_SIZE, MAX_DMA_ADDRESS)
  for (let i = 0; i < nr_units(k); i++) {
    const used = i < cpus ? UNIT_USED_PAGES * PAGE_SIZE : 0
    memblock_phys_free(block, start + i * unit + used, start + (i + 1) * unit)
  }
  for (const bytes of [8, 8, cpus * 4, cpus * 8, nr_slots(unit) * LIST_HEAD_BYTES]) memblock_alloc(block, bytes)
  for (const bytes of [RESERVED_BYTES, DYNAMIC_BYTES]) alloc_first_chunk(block, bytes)
  memblock_phys_free(block, info, info + PAGE_SIZE)
  memblock_phys_free(block, areas, areas + PAGE_SIZE)
}
/** Lists by the size of what is free (__pcpu_size_to_slot), and three more for chunks that are set aside or empty. */
function nr_slots(unit_bytes: number): number {
  return Math.max(fls(unit_bytes) - SLOT_BASE_SHIFT + 2, 1) + 4
}
/** pcpu_alloc_first_chunk: the chunk, a bit for each 4 bytes and for each border between, a record each 4 KiB. */
function alloc_first_chunk(block: Memblock, bytes: number): void {
  const bits = int_div(bytes, MIN_ALLOC)
  memblock_alloc(block, CHUNK_BYTES)
  memblock_alloc(block, int_div(bits, 8))
  memblock_alloc(block, int_div(bits, 8) + 8)
  memblock_alloc(block, int_div(bytes, PAGE_SIZE) * BLOCK_MD_BYTES)
}

/** Pages of vmalloc that the tables of a further chunk take: two bit maps, block metadata, a memcg for every 4 bytes. */
export function chunk_table_pages(k: Kernel): number {
  const bits = int_div(unit_pages(k) * 4096, MIN_ALLOC)
  const tables = [bits / 8, bits / 8 + 8, unit_pages(k) * BLOCK_MD_BYTES, bits * 8]
  return tables.reduce((sum, bytes) => sum + (bytes > 4096 ? Math.ceil(bytes / 4096) : 0), 0)
}

/** Percpu of /proc/meminfo, in pages: the populated pages of a unit, times the units. */
export function pcpu_nr_pages(k: Kernel): number {
  return POPULATED_PAGES * nr_units(k)
}

/** Pages populated in chunks that came after the first; a unit each. */
export function later_chunk_pages(k: Kernel): number {
  return (POPULATED_PAGES - UNIT_USED_PAGES) * nr_units(k)
}
