/**
 * Page tables of the direct map that boot makes while memblock is the only allocator: top of memory first, in steps that
 * grow, so that what is mapped already can hold the tables of the rest. The first come from a buffer in the image's brk;
 * where the range to be mapped holds that buffer, from memblock.
 *
 * Linux: arch/x86/mm/init.c (init_mem_mapping, memory_map_top_down, init_range_memory_mapping, split_mem_range,
 * alloc_low_pages). Simplified: only the tables are counted, nothing is mapped; an entry of 4 KiB is never widened.
 */
import { PMD_SIZE, PUD_SIZE } from '../arch/x86/pgtable'
import { PAGE_SIZE } from '../constants'
import { memblock_alloc, memblock_find, type Memblock, type Range } from './memblock'

const P4D_SIZE = 2 ** 39
const ISA_END_ADDRESS = 2 ** 20
/** INIT_PGT_BUF_SIZE: tables for the ISA range and for the first 2 MiB, and as many again for KASLR. */
export const INIT_PGT_BUF_PAGES = 16

interface Mapping {
  readonly block: Memblock
  readonly gbpages: boolean
  /** Tables by level and what they map. */
  readonly tables: Set<string>
  /** Frames left in the buffer, and where it lies. */
  brk_left: number
  readonly brk: Range
  min_mapped: number
  max_mapped: number
  can_use_brk: boolean
}

export function init_mem_mapping(block: Memblock, brk: number, gbpages: boolean): void {
  const m: Mapping = {
    block,
    gbpages,
    tables: new Set(),
    brk_left: INIT_PGT_BUF_PAGES,
    brk: { start: brk, end: brk + INIT_PGT_BUF_PAGES * PAGE_SIZE },
    min_mapped: 0,
    max_mapped: 0,
    can_use_brk: true,
  }
  init_memory_mapping(m, 0, ISA_END_ADDRESS)
  memory_map_top_down(m, ISA_END_ADDRESS, block.memory.at(-1)!.end)
}

function memory_map_top_down(m: Mapping, map_start: number, map_end: number): void {
  const real_end = memblock_find(m.block, PMD_SIZE, PMD_SIZE, map_start, map_end) + PMD_SIZE
  let step = PMD_SIZE
  let mapped = 0
  m.max_mapped = 0
  m.min_mapped = real_end
  for (let last = real_end; last > map_start;) {
    const start = last > step ? Math.max(map_start, Math.floor((last - 1) / step) * step) : map_start
    mapped += init_range_memory_mapping(m, start, last)
    last = start
    m.min_mapped = last
    // get_new_step_size: one bit less than a table maps.
    if (mapped >= step) step *= 2 ** 8
  }
  if (real_end < map_end) init_range_memory_mapping(m, real_end, map_end)
}

/** Only RAM is mapped; tables for the range that holds the buffer come from memblock. */
function init_range_memory_mapping(m: Mapping, from: number, to: number): number {
  let mapped = 0
  for (const range of m.block.memory) {
    const start = Math.min(Math.max(range.start, from), to)
    const end = Math.min(Math.max(range.end, from), to)
    if (start >= end) continue
    const used = m.brk.end - m.brk_left * PAGE_SIZE
    m.can_use_brk = Math.max(start, used) >= Math.min(end, m.brk.end)
    init_memory_mapping(m, start, end)
    mapped += end - start
    m.can_use_brk = true
  }
  return mapped
}

/** A range by the sizes of its entries: 4 KiB up to a border of 2 MiB and after the last, 1 GiB where they are known. */
function init_memory_mapping(m: Mapping, start: number, end: number): void {
  for (let at = start; at < end;) {
    const huge = m.gbpages && at % PUD_SIZE === 0 && at + PUD_SIZE <= end
    const large = at % PMD_SIZE === 0 && at + PMD_SIZE <= end
    table(m, 'pud', P4D_SIZE, at)
    if (!huge) table(m, 'pmd', PUD_SIZE, at)
    if (!huge && !large) table(m, 'pte', PMD_SIZE, at)
    at = huge ? at + PUD_SIZE : Math.min(end, (Math.floor(at / PMD_SIZE) + 1) * PMD_SIZE)
  }
  m.max_mapped = Math.max(m.max_mapped, end)
}

/** The table of a level for an address, made where it is missing (alloc_low_pages). */
function table(m: Mapping, level: string, size: number, at: number): void {
  const key = `${level} ${Math.floor(at / size)}`
  if (m.tables.has(key)) return
  m.tables.add(key)
  if (m.brk_left > 0 && m.can_use_brk) m.brk_left--
  else if (m.min_mapped < m.max_mapped) memblock_alloc(m.block, PAGE_SIZE, PAGE_SIZE, m.min_mapped, m.max_mapped)
}
