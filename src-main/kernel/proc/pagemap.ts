/**
 * Files of 8-byte words: /proc/PID/pagemap, one word a page of the address space; /proc/kpagecount, kpageflags and
 * kpagecgroup, one a frame. They are as long as what they describe, so they are read by range. Linux: fs/proc/task_mmu.c
 * (pagemap_read), fs/proc/page.c. Simplified: once clear_refs has run, a page counts as soft-dirty when it may be written
 * without a fault.
 */
import {
  PG_active,
  PG_anon,
  PG_anon_exclusive,
  PG_buddy,
  PG_dirty,
  PG_head,
  PG_hugetlb,
  PG_ksm,
  PG_locked,
  PG_lru,
  PG_mlocked,
  PG_ORDER_SHIFT,
  PG_private,
  PG_reclaim,
  PG_referenced,
  PG_reserved,
  PG_slab,
  PG_swapbacked,
  PG_swapcache,
  PG_table,
  PG_tail,
  PG_unevictable,
  PG_uptodate,
  PG_writeback,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SHIFT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_W,
  VM_PFNMAP,
  type Kernel,
} from '../kernel'
import { mem_cgroup_online_above } from '../mm/memcg_tree'
import { pte_offset, task_size } from '../arch/x86/pgtable'
import { mapped_entry } from '../mm/gup'
import { thp } from '../mm/thp'
import { vma_kernel_pagesize } from '../mm/hugetlb'
import { ZERO_PFN } from '../mm/memory'
import { memory_map, present_sections, SECTION_PAGES } from '../e820'
import { compound_head } from '../mm/page_alloc'
import { page_mapcount, page_mapped } from '../mm/rmap'
import { swap_area_of } from '../mm/swapfile'
import { is_vm_hugetlb_page } from '../mm/vma'
import { EINVAL } from '../uapi'

const WORD = 8
/** High halves of a pagemap word. */
const PM_SOFT_DIRTY = 2 ** 23
const PM_MMAP_EXCLUSIVE = 2 ** 24
const PM_FILE = 2 ** 29
const PM_SWAP = 2 ** 30
const PM_PRESENT = 2 ** 31

/** Puts down words from two halves. */
interface Words {
  readonly bytes: Uint8Array
  readonly view: DataView
}
function words(nr: number): Words {
  const bytes = new Uint8Array(nr * WORD)
  return { bytes, view: new DataView(bytes.buffer) }
}
function put({ view }: Words, i: number, low: number, high: number): void {
  view.setUint32(i * WORD, low >>> 0, true)
  view.setUint32(i * WORD + 4, high >>> 0, true)
}

/** Which words a read asks for: whole ones, up to `end`; or a negative errno. */
function range(offset: number, length: number, end: number): { first: number; nr: number } | number {
  if (offset % WORD !== 0 || length % WORD !== 0) return -EINVAL
  const first = offset / WORD
  return { first, nr: Math.max(0, Math.min(length / WORD, end - first)) }
}

// ---------------------------------------------------------------- /proc/PID/pagemap

export function pagemap_read(k: Kernel, mm: number, offset: number, length: number): Uint8Array | number {
  const asked = range(offset, length, mm === 0 ? 0 : task_size(k) / 4096)
  if (typeof asked === 'number') return asked
  const out = words(asked.nr)
  const end = (asked.first + asked.nr) * 4096
  const { vm_start, vm_end, next } = k.vma
  // By the list, for find_vma would leave a trace in the address space.
  for (let vma = asked.nr === 0 ? 0 : k.mm.vma_head[mm]!; vma !== 0 && vm_start[vma]! < end; vma = next[vma]!) {
    const from = Math.max(vm_start[vma]!, asked.first * 4096)
    const to = Math.min(vm_end[vma]!, end)
    for (let addr = from; addr < to; addr += 4096) pagemap_entry(k, mm, vma, addr, out, addr / 4096 - asked.first)
  }
  return out.bytes
}

/** 4-KiB pages of a huge entry. */
function huge_pages(k: Kernel, vma: number): number {
  return is_vm_hugetlb_page(k, vma) ? vma_kernel_pagesize(k, vma) / 4096 : 512
}

function pagemap_entry(k: Kernel, mm: number, vma: number, addr: number, out: Words, i: number): void {
  const soft = k.vma.soft_clean[vma] === 0 ? PM_SOFT_DIRTY : 0
  const leaf = mapped_entry(k, mm, addr)
  const huge = (leaf & PTE_PS) !== 0
  const at = huge ? 0 : pte_offset(k, mm, addr)
  const pte = huge ? leaf : at === 0 ? 0 : k.pt.entry[at]!
  if ((pte & (PTE_P | PTE_PROTNONE)) !== 0) {
    const head = pte >>> PTE_SHIFT
    const pfn = huge ? head + (Math.floor(addr / 4096) & (huge_pages(k, vma) - 1)) : head
    const written = (pte & PTE_W) !== 0 ? PM_SOFT_DIRTY : 0
    put(out, i, pfn, PM_PRESENT | soft | written | page_bits(k, vma, pte, head))
  } else if ((pte & PTE_SWAP) !== 0) {
    const slot = pte >>> PTE_SHIFT
    const area = swap_area_of(k, slot)
    const offset = (slot - k.swap_info.start[area]!) * 32
    put(out, i, offset + area - 1, Math.floor(offset / 2 ** 32) | PM_SWAP | soft)
  } else put(out, i, 0, soft)
}

/** vm_normal_page: zero pages and frames that a driver mapped have no bits. */
function page_bits(k: Kernel, vma: number, pte: number, pfn: number): number {
  if ((pte & PTE_SPECIAL) !== 0 || (k.vma.vm_flags[vma]! & VM_PFNMAP) !== 0) return 0
  const file = (k.page.flags[pfn]! & PG_anon) === 0 ? PM_FILE : 0
  return file | (page_mapcount(k, pfn) === 1 ? PM_MMAP_EXCLUSIVE : 0)
}

// ---------------------------------------------------------------- frames

/** Memory comes in sections of 128 MiB; a section with RAM in it has struct pages for all its frames. */
function pfn_valid(k: Kernel): (pfn: number) => boolean {
  const sections = present_sections(memory_map(k.config))
  return (pfn) => sections.has(Math.floor(pfn / SECTION_PAGES))
}
/** get_max_dump_pfn: the end of the last section. */
function max_dump_pfn(k: Kernel): number {
  return Math.ceil(k.var.max_pfn / SECTION_PAGES) * SECTION_PAGES
}

function frames(
  k: Kernel,
  offset: number,
  length: number,
  write: (out: Words, i: number, pfn: number) => void,
): Uint8Array | number {
  const asked = range(offset, length, max_dump_pfn(k))
  if (typeof asked === 'number') return asked
  const out = words(asked.nr)
  for (let i = 0; i < asked.nr; i++) write(out, i, asked.first + i)
  return out.bytes
}

/** Is a frame RAM, not a hole of the map? */
function ram_of(k: Kernel): (pfn: number) => boolean {
  const map = memory_map(k.config)
  return (pfn) => map.some(({ start, end }) => pfn >= start && pfn < end)
}
/** How often a frame is mapped. */
export function kpagecount_read(k: Kernel, offset: number, length: number): Uint8Array | number {
  const is_ram = ram_of(k)
  return frames(k, offset, length, (out, i, pfn) => {
    if (!is_ram(pfn) || (k.page.flags[pfn]! & (PG_slab | PG_buddy | PG_table)) !== 0) return
    put(out, i, page_mapcount(k, pfn), 0)
  })
}

/** The inode of the cgroup that a frame is charged to; the root's is 1. */
export function kpagecgroup_read(k: Kernel, offset: number, length: number): Uint8Array | number {
  const is_ram = ram_of(k)
  return frames(k, offset, length, (out, i, pfn) => {
    if (!is_ram(pfn)) return
    const head = compound_head(k, pfn)
    const user = (k.page.flags[head]! & (PG_lru | PG_anon | PG_swapcache)) !== 0
    if (user || k.page.memcg[head] !== 0) put(out, i, mem_cgroup_online_above(k, k.page.memcg[head]!) + 1, 0)
  })
}

/** Bit of kpageflags by page flag (include/uapi/linux/kernel-page-flags.h). */
const KPF: readonly (readonly [number, number])[] = [
  [PG_locked, 0],
  [PG_referenced, 2],
  [PG_uptodate, 3],
  [PG_dirty, 4],
  [PG_lru, 5],
  [PG_active, 6],
  [PG_slab, 7],
  [PG_writeback, 8],
  [PG_reclaim, 9],
  [PG_anon, 12],
  [PG_swapcache, 13],
  [PG_swapbacked, 14],
  [PG_head, 15],
  [PG_tail, 16],
  [PG_hugetlb, 17],
  [PG_unevictable, 18],
  [PG_ksm, 21],
  [PG_table, 26],
]
const KPF_BUDDY = 1 << 10
const KPF_MMAP = 1 << 11
const KPF_NOPAGE = 1 << 20
const KPF_THP = 1 << 22
const KPF_ZERO_PAGE = 1 << 24
/** High half. */
const KPF_RESERVED = 1 << 0
const KPF_MLOCKED = 1 << 1
/** PG_mappedtodisk; of an anonymous page the same flag says that it belongs to one process (PG_anon_exclusive). */
const KPF_MAPPEDTODISK = 1 << 2
const KPF_PRIVATE = 1 << 3

export function kpageflags_read(k: Kernel, offset: number, length: number): Uint8Array | number {
  const valid = pfn_valid(k)
  const is_ram = ram_of(k)
  const asked = range(offset, length, max_dump_pfn(k))
  if (typeof asked === 'number') return asked
  let free_until = asked.first === 0 ? 0 : free_block_end(k, asked.first)
  return frames(k, offset, length, (out, i, pfn) => {
    if (!valid(pfn)) return put(out, i, KPF_NOPAGE, 0)
    if (!is_ram(pfn)) return put(out, i, 0, KPF_RESERVED)
    const flags = k.page.flags[pfn]!
    if ((flags & PG_buddy) !== 0) free_until = pfn + (1 << ((flags >>> PG_ORDER_SHIFT) & 0xf))
    const buddy = pfn < free_until ? KPF_BUDDY : 0
    put(out, i, stable_page_flags(k, pfn, flags) | buddy, high_flags(flags))
  })
}
/** A range may begin inside a free block, whose head alone knows of it. */
function free_block_end(k: Kernel, pfn: number): number {
  for (let order = 0; order <= 10; order++) {
    const head = Math.floor(pfn / 2 ** order) * 2 ** order
    const flags = k.page.flags[head] ?? 0
    if ((flags & PG_buddy) !== 0 && ((flags >>> PG_ORDER_SHIFT) & 0xf) >= order)
      return head + (1 << ((flags >>> PG_ORDER_SHIFT) & 0xf))
  }
  return 0
}

function stable_page_flags(k: Kernel, pfn: number, flags: number): number {
  let u = pfn === ZERO_PFN ? KPF_ZERO_PAGE : 0
  for (const [bit, kpf] of KPF) if ((flags & bit) !== 0) u |= 1 << kpf
  if ((flags & PG_slab) === 0 && page_mapped(k, pfn)) u |= KPF_MMAP
  if ((flags & (PG_head | PG_tail)) !== 0 && (flags & PG_hugetlb) === 0) {
    const head = compound_head(k, pfn)
    if ((k.page.flags[head]! & (PG_lru | PG_anon)) !== 0) u |= KPF_THP
    else if (head === thp(k).huge_zero) u |= KPF_THP | KPF_ZERO_PAGE
  }
  return u
}
function high_flags(flags: number): number {
  const reserved = (flags & PG_reserved) !== 0 ? KPF_RESERVED : 0
  const mlocked = (flags & PG_mlocked) !== 0 ? KPF_MLOCKED : 0
  const exclusive = (flags & PG_anon_exclusive) !== 0 ? KPF_MAPPEDTODISK : 0
  return reserved | mlocked | exclusive | ((flags & PG_private) !== 0 ? KPF_PRIVATE : 0)
}
