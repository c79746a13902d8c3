/**
 * What a process's mappings hold: /proc/PID/maps, smaps, smaps_rollup (fs/proc/task_mmu.c). The walk over the page tables
 * is also what the sampler's PSS comes from. Simplified: no migration or device entries.
 */
import {
  PG_active,
  PG_anon,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYSHARE,
  VM_NOHUGEPAGE,
  VM_SHARED,
  VM_WRITE,
  type Kernel,
} from '../kernel'
import { PMD_SIZE, PTRS, pmd_offset } from '../arch/x86/pgtable'
import { thp } from '../mm/thp'
import { vma_kernel_pagesize, walk_hugetlb_range } from '../mm/hugetlb'
import { compound_head } from '../mm/page_alloc'
import { page_mapcount } from '../mm/rmap'
import { SWAP_COUNT_MASK } from '../mm/swapfile'
import { vma_is_anonymous } from '../mm/vma'
import { dev_of, inode_path } from './names'
import { hex, kB, pad } from './text'

/** Bytes, but for the proportional figures, which are in bytes << 12 as in the kernel. */
export interface MemSizeStats {
  resident: number
  shared_clean: number
  shared_dirty: number
  private_clean: number
  private_dirty: number
  referenced: number
  anonymous: number
  lazyfree: number
  anonymous_thp: number
  shmem_thp: number
  file_thp: number
  swap: number
  shared_hugetlb: number
  private_hugetlb: number
  pss: number
  pss_anon: number
  pss_file: number
  pss_shmem: number
  pss_dirty: number
  pss_locked: number
  swap_pss: number
}

const PSS_SHIFT = 4096
const PAGE = 4096

export function mem_size_stats(): MemSizeStats {
  return {
    resident: 0,
    shared_clean: 0,
    shared_dirty: 0,
    private_clean: 0,
    private_dirty: 0,
    referenced: 0,
    anonymous: 0,
    lazyfree: 0,
    anonymous_thp: 0,
    shmem_thp: 0,
    file_thp: 0,
    swap: 0,
    shared_hugetlb: 0,
    private_hugetlb: 0,
    pss: 0,
    pss_anon: 0,
    pss_file: 0,
    pss_shmem: 0,
    pss_dirty: 0,
    pss_locked: 0,
    swap_pss: 0,
  }
}

/** Adds what a VMA maps. */
export function smap_gather_stats(k: Kernel, vma: number, mss: MemSizeStats): void {
  const mm = k.vma.mm[vma]!
  const end = k.vma.vm_end[vma]!
  const flags = k.vma.vm_flags[vma]!
  const locked = (flags & VM_LOCKED) !== 0
  if ((flags & VM_HUGETLB) !== 0) {
    walk_hugetlb_range(k, vma, (bytes, mapcount) => {
      if (mapcount >= 2) mss.shared_hugetlb += bytes
      else mss.private_hugetlb += bytes
    })
    return
  }
  for (let addr = k.vma.vm_start[vma]!; addr < end;) {
    const stop = Math.min(end, (Math.floor(addr / PMD_SIZE) + 1) * PMD_SIZE)
    const slot = pmd_offset(k, mm, addr)
    const pmd = slot === 0 ? 0 : k.pt.entry[slot]!
    if ((pmd & PTE_PS) !== 0) huge_account(k, pmd, locked, mss)
    else if ((pmd & PTE_P) !== 0) table_account(k, pmd >>> PTE_SHIFT, addr, stop, locked, mss)
    addr = stop
  }
  shmem_swap(k, vma, mss)
}

function table_account(k: Kernel, table: number, from: number, to: number, locked: boolean, mss: MemSizeStats): void {
  const first = table * PTRS + (Math.floor(from / PAGE) & 511)
  const last = first + (to - from) / PAGE
  const entry = k.pt.entry
  for (let i = first; i < last; i++) {
    const pte = entry[i]!
    if (pte === 0) continue
    if ((pte & (PTE_P | PTE_PROTNONE)) !== 0) {
      if ((pte & PTE_SPECIAL) === 0) page_account(k, pte, locked, mss)
    } else if ((pte & PTE_SWAP) !== 0) swap_account(k, pte >>> PTE_SHIFT, mss)
  }
}

/** smaps_account for one page. */
function page_account(k: Kernel, pte: number, locked: boolean, mss: MemSizeStats): void {
  const pfn = pte >>> PTE_SHIFT
  const flags = k.page.flags[compound_head(k, pfn)]!
  const dirty = (pte & PTE_D) !== 0 || (flags & PG_dirty) !== 0
  if ((flags & PG_anon) !== 0) {
    mss.anonymous += PAGE
    if ((flags & PG_swapbacked) === 0 && !dirty) mss.lazyfree += PAGE
  }
  mss.resident += PAGE
  if ((pte & PTE_A) !== 0 || (flags & PG_referenced) !== 0) mss.referenced += PAGE
  accumulate(mss, flags, PAGE, page_mapcount(k, pfn), dirty, locked)
}

/** smaps_page_accumulate: a page counts for each of its mappings in equal parts. */
function accumulate(
  mss: MemSizeStats,
  flags: number,
  size: number,
  mapcount: number,
  dirty: boolean,
  locked: boolean,
): void {
  const pss = mapcount >= 2 ? Math.floor((size * PSS_SHIFT) / mapcount) : size * PSS_SHIFT
  mss.pss += pss
  if ((flags & PG_anon) !== 0) mss.pss_anon += pss
  else if ((flags & PG_swapbacked) !== 0) mss.pss_shmem += pss
  else mss.pss_file += pss
  if (locked) mss.pss_locked += pss
  if (dirty) {
    mss.pss_dirty += pss
    if (mapcount < 2) mss.private_dirty += size
    else mss.shared_dirty += size
  } else if (mapcount < 2) mss.private_clean += size
  else mss.shared_clean += size
}

function huge_account(k: Kernel, pmd: number, locked: boolean, mss: MemSizeStats): void {
  if ((pmd & PTE_SPECIAL) !== 0) return
  const pfn = pmd >>> PTE_SHIFT
  const flags = k.page.flags[pfn]!
  const dirty = (pmd & PTE_D) !== 0 || (flags & PG_dirty) !== 0
  if ((flags & PG_anon) !== 0) {
    mss.anonymous += PMD_SIZE
    mss.anonymous_thp += PMD_SIZE
    if ((flags & PG_swapbacked) === 0 && !dirty) mss.lazyfree += PMD_SIZE
  } else if ((flags & PG_swapbacked) !== 0) mss.shmem_thp += PMD_SIZE
  else mss.file_thp += PMD_SIZE
  mss.resident += PMD_SIZE
  if ((pmd & PTE_A) !== 0 || (flags & (PG_referenced | PG_active)) !== 0) mss.referenced += PMD_SIZE
  // Others may map parts of it only.
  for (let part = pfn; part < pfn + PTRS; part++) accumulate(mss, flags, PAGE, page_mapcount(k, part), dirty, locked)
}

function swap_account(k: Kernel, slot: number, mss: MemSizeStats): void {
  mss.swap += PAGE
  const count = k.swap.map[slot]! & SWAP_COUNT_MASK
  mss.swap_pss += count >= 2 ? Math.floor((PAGE * PSS_SHIFT) / count) : PAGE * PSS_SHIFT
}

/** Swapped pages of a shared memory file count for a mapping that covers it. */
function shmem_swap(k: Kernel, vma: number, mss: MemSizeStats): void {
  const file = k.vma.vm_file[vma]!
  if (file === 0) return
  const swapped = k.inode.shm_swapped[k.file.inode[file]!]!
  if (swapped === 0) return
  if ((k.vma.vm_flags[vma]! & VM_SHARED) !== 0 || (k.vma.vm_flags[vma]! & VM_WRITE) === 0) mss.swap += swapped * PAGE
}

// ---------------------------------------------------------------- text

const NAME_COLUMN = 72

/** The text of /proc/PID/maps. */
export function pid_maps(k: Kernel, mm: number): string {
  let text = ''
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) text += map_line(k, mm, vma)
  return text
}

function map_line(k: Kernel, mm: number, vma: number): string {
  const v = k.vma
  const flags = v.vm_flags[vma]!
  const file = v.vm_file[vma]!
  const inode = file === 0 ? 0 : k.file.inode[file]!
  const rwx = `${(flags & 1) !== 0 ? 'r' : '-'}${(flags & 2) !== 0 ? 'w' : '-'}${(flags & 4) !== 0 ? 'x' : '-'}`
  const share = (flags & VM_MAYSHARE) !== 0 ? 's' : 'p'
  const offset = inode === 0 ? 0 : v.vm_pgoff[vma]! * PAGE
  const head = `${hex(v.vm_start[vma]!)}-${hex(v.vm_end[vma]!)} ${rwx}${share} ${hex(offset)}`
  const line = `${head} ${inode === 0 ? '00:00' : dev_of(k, inode)} ${inode === 0 ? 0 : k.inode.ino[inode]}`
  const name = inode === 0 ? area_name(k, mm, vma) : inode_path(k, inode)
  return name === '' ? `${line} \n` : `${pad(line, NAME_COLUMN)}${name}\n`
}

export function area_name(k: Kernel, mm: number, vma: number): string {
  const special = k.vma.special[vma]!
  if (special === 1) return '[vdso]'
  if (special === 2) return '[vvar]'
  const start = k.vma.vm_start[vma]!
  const end = k.vma.vm_end[vma]!
  if (start <= k.mm.brk[mm]! && end >= k.mm.start_brk[mm]! && k.mm.start_brk[mm] !== 0) return '[heap]'
  const stack = k.mm.start_stack[mm]!
  return start <= stack && end >= stack ? '[stack]' : ''
}

export function pid_smaps(k: Kernel, mm: number): string {
  let text = ''
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
    const mss = mem_size_stats()
    smap_gather_stats(k, vma, mss)
    const size = (k.vma.vm_end[vma]! - k.vma.vm_start[vma]!) / 1024
    const page = vma_kernel_pagesize(k, vma) / 1024
    text += map_line(k, mm, vma) + kB('Size:', size) + kB('KernelPageSize:', page) + kB('MMUPageSize:', page)
    text += smap_rows(mss, false)
    text += `THPeligible:    ${thp_eligible(k, vma)}\nVmFlags: ${vm_flag_names(k.vma.vm_flags[vma]!, k.vma.soft_clean[vma] !== 0)}\n`
  }
  return text
}

export function pid_smaps_rollup(k: Kernel, mm: number): string {
  const first = k.mm.vma_head[mm]!
  if (first === 0) return ''
  const range = `${hex(k.vma.vm_start[first]!)}-${hex(k.vma.vm_end[k.mm.vma_tail[mm]!]!)}`
  return `${pad(`${range} ---p 00000000 00:00 0`, NAME_COLUMN)}[rollup]\n${smap_rows(smap_rollup(k, mm), true)}`
}

/** The sums over all mappings of an address space. */
export function smap_rollup(k: Kernel, mm: number): MemSizeStats {
  const mss = mem_size_stats()
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) smap_gather_stats(k, vma, mss)
  return mss
}

function smap_rows(mss: MemSizeStats, rollup: boolean): string {
  const pss = (v: number): number => Math.floor(v / PSS_SHIFT / 1024)
  const b = (v: number): number => v / 1024
  const parts = rollup
    ? kB('Pss_Anon:', pss(mss.pss_anon)) + kB('Pss_File:', pss(mss.pss_file)) + kB('Pss_Shmem:', pss(mss.pss_shmem))
    : ''
  return (
    kB('Rss:', b(mss.resident)) +
    kB('Pss:', pss(mss.pss)) +
    kB('Pss_Dirty:', pss(mss.pss_dirty)) +
    parts +
    kB('Shared_Clean:', b(mss.shared_clean)) +
    kB('Shared_Dirty:', b(mss.shared_dirty)) +
    kB('Private_Clean:', b(mss.private_clean)) +
    kB('Private_Dirty:', b(mss.private_dirty)) +
    kB('Referenced:', b(mss.referenced)) +
    kB('Anonymous:', b(mss.anonymous)) +
    kB('LazyFree:', b(mss.lazyfree)) +
    kB('AnonHugePages:', b(mss.anonymous_thp)) +
    kB('ShmemPmdMapped:', b(mss.shmem_thp)) +
    kB('FilePmdMapped:', b(mss.file_thp)) +
    kB('Shared_Hugetlb:', b(mss.shared_hugetlb)) +
    kB('Private_Hugetlb:', b(mss.private_hugetlb)) +
    kB('Swap:', b(mss.swap)) +
    kB('SwapPss:', pss(mss.swap_pss)) +
    kB('Locked:', pss(mss.pss_locked))
  )
}

/** hugepage_vma_check for an anonymous area that holds an aligned 2 MiB range. */
function thp_eligible(k: Kernel, vma: number): 0 | 1 {
  const flags = k.vma.vm_flags[vma]!
  if (!vma_is_anonymous(k, vma) || (flags & VM_NOHUGEPAGE) !== 0) return 0
  const { enabled } = thp(k)
  if (enabled === 'never' || (enabled === 'madvise' && (flags & VM_HUGEPAGE) === 0)) return 0
  const first = Math.ceil(k.vma.vm_start[vma]! / PMD_SIZE) * PMD_SIZE
  return first + PMD_SIZE <= k.vma.vm_end[vma]! ? 1 : 0
}
/** show_smap_vma_flags: two letters a flag, in the order of the bits; VM_LOCKONFAULT has none. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [0x1, 'rd'],
  [0x2, 'wr'],
  [0x4, 'ex'],
  [0x8, 'sh'],
  [0x10, 'mr'],
  [0x20, 'mw'],
  [0x40, 'me'],
  [0x80, 'ms'],
  [0x100, 'gd'],
  [0x400, 'pf'],
  [0x2000, 'lo'],
  [0x4000, 'io'],
  [0x8000, 'sr'],
  [0x10000, 'rr'],
  [0x20000, 'dc'],
  [0x40000, 'de'],
  [0x80000, '??'],
  [0x100000, 'ac'],
  [0x200000, 'nr'],
  [0x400000, 'ht'],
  [0x2000000, 'wf'],
  [0x4000000, 'dd'],
]
const LATE_FLAG_NAMES: readonly (readonly [number, string])[] = [
  [0x20000000, 'hg'],
  [0x40000000, 'nh'],
  [0x8000000, 'mg'],
]
function vm_flag_names(flags: number, soft_clean: boolean): string {
  const names = (table: typeof FLAG_NAMES): string =>
    table.map(([bit, name]) => ((flags & bit) !== 0 ? `${name} ` : '')).join('')
  const soft_dirty = soft_clean ? '' : 'sd '
  return names(FLAG_NAMES) + soft_dirty + names(LATE_FLAG_NAMES)
}
