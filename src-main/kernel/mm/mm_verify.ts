/**
 * Checks of address spaces and the reverse map: they walk every area and every table, and compare with what is kept as
 * counts. Throw `KernelBug`.
 */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import {
  PG_anon,
  PG_head,
  PG_hugetlb,
  PG_ksm,
  PG_swapbacked,
  PG_table,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  VM_ACCOUNT,
  VM_HUGETLB,
  VM_LOCKED,
  type Kernel,
} from '../kernel'
import {
  entry_is_table,
  LEVEL_P4D,
  LEVEL_PTE,
  LEVEL_PUD,
  P4D_SIZE,
  pgd_level,
  PGDIR_SIZE,
  PTRS,
  PUD_SIZE,
} from '../arch/x86/pgtable'
import { exit_gathers, exit_removes_areas } from './exit_mmap'
import { vma_kernel_pagesize } from './hugetlb'
import { verify_hugetlb } from './hugetlb_verify'
import { verify_maple } from './maple_tree'
import { compound_head } from './page_alloc'
import { find_vma, linear_page_index, vma_pages } from './vma'

/** What the walk of all address spaces found. */
interface Found {
  /** Entries by frame, PMD entries of huge pages by head. */
  readonly mapped: Uint16Array
  readonly huge: Map<number, number>
  readonly swap: Map<number, number>
  /** hugetlb pages. */
  readonly pool: Map<number, number>
  tables: number
  committed: number
}

/** Areas, tables and counts of every address space; entries against the frames' map counts. */
export function verify_mm(k: Kernel): void {
  const mapped = new Uint16Array(k.page.meta.high)
  const found: Found = { mapped, huge: new Map(), swap: new Map(), pool: new Map(), tables: 0, committed: 0 }
  for (const mm of live_mms(k)) {
    // Looking areas up remembers the last one: a check leaves no trace.
    const last = k.mm.vma_cache[mm]!
    verify_areas(k, mm, found)
    if (!exit_removes_areas(k, mm)) verify_maple(k, mm)
    verify_tables(k, mm, found)
    k.mm.vma_cache[mm] = last
  }
  assert(found.tables === k.vmstat[C.nr_page_table_pages], 'verify_mm: nr_page_table_pages')
  verify_gathers(k)
  verify_anon_vmas(k)
  verify_rmap(k, found)
  verify_hugetlb(k)
}

/** Exits under way hold the pages that they have gathered, and nobody else does. */
function verify_gathers(k: Kernel): void {
  const held = new Uint8Array(k.page.meta.high)
  for (const [mm, tlb] of Object.entries(exit_gathers(k))) {
    assert(k.mm.exit_stage[Number(mm)] !== 0, 'verify_mm: a gather of nobody')
    for (const pfn of tlb.pages) if (pfn > 0) held[pfn]!++
  }
  for (let pfn = 1; pfn < k.page.meta.high; pfn++)
    if (k.page.gathered[pfn] !== held[pfn]) assert(false, 'verify_mm: gathered pages')
}

function live_mms(k: Kernel): number[] {
  const list: number[] = []
  for (let mm = 1; mm < k.mm.meta.high; mm++) if (k.mm.mm_users[mm]! > 0 || k.mm.exit_stage[mm] !== 0) list.push(mm)
  return list
}

function verify_areas(k: Kernel, mm: number, found: Found): void {
  const v = k.vma
  let count = 0
  let pages = 0
  let locked = 0
  let last = 0
  let prev = 0
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = v.next[vma]!) {
    assert(v.mm[vma] === mm && v.prev[vma] === prev, 'verify_mm: list of areas')
    assert(v.vm_start[vma]! >= last && v.vm_end[vma]! > v.vm_start[vma]!, 'verify_mm: order of areas')
    assert(v.vm_start[vma]! % 4096 === 0 && v.vm_end[vma]! % 4096 === 0, 'verify_mm: alignment of areas')
    if (v.anon_vma[vma] !== 0) verify_chain(k, vma)
    last = v.vm_end[vma]!
    prev = vma
    count++
    pages += vma_pages(k, vma)
    if ((v.vm_flags[vma]! & VM_LOCKED) !== 0) locked += vma_pages(k, vma)
    if ((v.vm_flags[vma]! & VM_ACCOUNT) !== 0) found.committed += vma_pages(k, vma)
  }
  assert(k.mm.vma_tail[mm] === prev && k.mm.map_count[mm] === count, 'verify_mm: map_count')
  assert(k.mm.total_vm[mm] === pages, 'verify_mm: total_vm')
  assert(exit_removes_areas(k, mm) || k.mm.locked_vm[mm] === locked, 'verify_mm: locked_vm')
}

/** Every anon_vma knows how many areas are its own and how many anon_vmas are its children (a root is its own child). */
function verify_anon_vmas(k: Kernel): void {
  const children = new Map<number, number>()
  const active = new Map<number, number>()
  const add = (counts: Map<number, number>, row: number): void => void counts.set(row, (counts.get(row) ?? 0) + 1)
  for (let av = 1; av < k.anon_vma.meta.high; av++)
    if (k.anon_vma.refcount[av]! > 0 && k.anon_vma.head[av] !== 0) add(children, k.anon_vma.parent[av]!)
  for (let vma = 1; vma < k.vma.meta.high; vma++) if (k.vma.anon_vma[vma] !== 0) add(active, k.vma.anon_vma[vma]!)
  for (let av = 1; av < k.anon_vma.meta.high; av++) {
    assert(k.anon_vma.num_children[av] === (children.get(av) ?? 0), 'verify_mm: children of an anon_vma')
    assert(k.anon_vma.num_active_vmas[av] === (active.get(av) ?? 0), 'verify_mm: areas of an anon_vma')
  }
}

/** The area is on the list of its own anon_vma, through a link of its chain. */
function verify_chain(k: Kernel, vma: number): void {
  let own = false
  for (let link = k.vma.avc[vma]!; link !== 0; link = k.avc.vma_next[link]!) {
    assert(k.avc.vma[link] === vma, 'verify_mm: anon_vma chain')
    if (k.avc.anon_vma[link] === k.vma.anon_vma[vma]) own = true
  }
  assert(own, 'verify_mm: area without a link to its anon_vma')
}

function verify_tables(k: Kernel, mm: number, found: Found): void {
  const rss = { anon: 0, file: 0, shmem: 0, swap: 0, tables: 0, hugetlb: 0 }
  walk_table(k, mm, k.mm.pgd[mm]!, pgd_level(k), 0, rss, found)
  assert(k.mm.rss_anon[mm] === rss.anon, 'verify_mm: rss_anon')
  assert(k.mm.rss_file[mm] === rss.file, 'verify_mm: rss_file')
  assert(k.mm.rss_shmem[mm] === rss.shmem, 'verify_mm: rss_shmem')
  assert(k.mm.hugetlb_pages[mm] === rss.hugetlb, 'verify_mm: hugetlb_pages')
  assert(k.mm.swapents[mm] === rss.swap, 'verify_mm: swapents')
  assert(k.mm.pgtables_bytes[mm] === rss.tables * 4096, 'verify_mm: pgtables_bytes')
}

interface Rss {
  anon: number
  file: number
  shmem: number
  swap: number
  tables: number
  hugetlb: number
}

function walk_table(k: Kernel, mm: number, table: number, level: number, base: number, rss: Rss, found: Found): void {
  const pt = k.pt
  assert(pt.level[table] === level, 'verify_mm: level of a table')
  assert((k.page.flags[pt.pfn[table]!]! & PG_table) !== 0, 'verify_mm: frame of a table')
  if (level < LEVEL_P4D) rss.tables++
  if (level < LEVEL_PUD) found.tables++
  const span = SPANS[level]!
  let used = 0
  let huge = 0
  for (let i = 0; i < PTRS; i++) {
    const entry = pt.entry[table * PTRS + i]!
    if (entry === 0) continue
    used++
    const addr = base + i * span
    if (level > LEVEL_PTE && entry_is_table(entry)) walk_table(k, mm, entry >>> PTE_SHIFT, level - 1, addr, rss, found)
    else if (level > LEVEL_PTE) huge += count_huge(k, mm, addr, entry, level, rss, found)
    else count_pte(k, mm, addr, entry, rss, found)
  }
  assert(pt.nr[table] === used, 'verify_mm: entries of a table')
  let deposited = 0
  for (let d = pt.deposit[table]!; d !== 0; d = pt.deposit_next[d]!) deposited++
  assert(deposited === huge, 'verify_mm: deposited tables')
  rss.tables += deposited
  found.tables += deposited
}
const SPANS = [4096, 2 ** 21, PUD_SIZE, P4D_SIZE, PGDIR_SIZE]

/** A huge leaf; 1 when it has a table deposited. */
function count_huge(k: Kernel, mm: number, addr: number, entry: number, level: number, rss: Rss, found: Found): number {
  const vma = find_vma(k, mm, addr)
  assert((entry & PTE_PS) !== 0 && vma !== 0 && k.vma.vm_start[vma]! <= addr, 'verify_mm: huge entry outside an area')
  if ((k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0) {
    const page = entry >>> PTE_SHIFT
    assert((k.page.flags[page]! & PG_hugetlb) !== 0, 'verify_mm: not a page of the pool')
    assert(vma_kernel_pagesize(k, vma) === SPANS[level], 'verify_mm: a huge page of another size than its area')
    rss.hugetlb += SPANS[level]! / 4096
    found.pool.set(page, (found.pool.get(page) ?? 0) + 1)
    return 0
  }
  if ((entry & PTE_SPECIAL) !== 0) return 1
  const pfn = entry >>> PTE_SHIFT
  assert((k.page.flags[pfn]! & PG_head) !== 0, 'verify_mm: huge entry to a small page')
  found.huge.set(pfn, (found.huge.get(pfn) ?? 0) + 1)
  rss.anon += 512
  return 1
}

function count_pte(k: Kernel, mm: number, addr: number, entry: number, rss: Rss, found: Found): void {
  const vma = find_vma(k, mm, addr)
  assert(vma !== 0 && k.vma.vm_start[vma]! <= addr, 'verify_mm: entry outside every area')
  if ((entry & PTE_SWAP) !== 0) {
    rss.swap++
    const slot = entry >>> PTE_SHIFT
    found.swap.set(slot, (found.swap.get(slot) ?? 0) + 1)
    return
  }
  assert((entry & (PTE_P | PTE_PROTNONE)) !== 0, 'verify_mm: entry neither present nor swapped')
  if ((entry & PTE_SPECIAL) !== 0) return
  const pfn = entry >>> PTE_SHIFT
  const flags = k.page.flags[pfn]!
  if ((flags & (PG_anon | PG_ksm)) === PG_anon) verify_anon_page(k, vma, addr, pfn)
  if ((flags & PG_anon) !== 0) rss.anon++
  else if ((flags & PG_swapbacked) !== 0) rss.shmem++
  else rss.file++
  found.mapped[pfn]!++
}

/** The reverse map finds this entry: the area hangs on the page's anon_vma, at the page's place. */
function verify_anon_page(k: Kernel, vma: number, addr: number, pfn: number): void {
  const head = compound_head(k, pfn)
  assert(
    ((k.page.index[head]! + pfn - head) | 0) === (linear_page_index(k, vma, addr) | 0),
    'verify_rmap: place of a page',
  )
  let link = k.vma.avc[vma]!
  while (link !== 0 && k.avc.anon_vma[link] !== k.page.mapping[head]) link = k.avc.vma_next[link]!
  assert(link !== 0, 'verify_rmap: the area is not to be found from its page')
}

/** The map counts of all frames are the numbers of entries found. */
function verify_rmap(k: Kernel, found: Found): void {
  let anon = 0
  let file = 0
  let thps = 0
  const { mapcount } = k.page
  const small_only = found.huge.size + found.pool.size === 0
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    if (small_only && mapcount[pfn] === 0 && found.mapped[pfn] === 0) continue
    const huge = found.huge.get(pfn) ?? 0
    const want = found.mapped[pfn]! + huge
    assert(mapcount[pfn] === want + (found.pool.get(pfn) ?? 0), 'verify_rmap: mapcount')
    if (huge > 0) {
      assert(k.page.index[pfn + 1] === huge, 'verify_rmap: compound_mapcount')
      thps++
      anon += 512
      for (let i = 1; i < 512; i++) if (found.mapped[pfn + i] !== 0) anon--
      if (want > huge) anon--
    }
    if (want - huge > 0) {
      if ((k.page.flags[pfn]! & PG_anon) !== 0) anon++
      else file++
    }
  }
  assert(k.vmstat[C.nr_anon_pages] === anon, 'verify_rmap: nr_anon_pages')
  assert(k.vmstat[C.nr_mapped] === file, 'verify_rmap: nr_mapped')
  assert(k.vmstat[C.nr_anon_transparent_hugepages] === thps, 'verify_rmap: nr_anon_transparent_hugepages')
}
