/** Physical memory: what each frame is used for and by whom, and one frame close up. */
import { FRAME_USES, type WatchFrame, type WatchPhysical } from '@shared/protocol'
import {
  MAX_NR_ZONES, PAGEBLOCK_ORDER, PG_active, PG_anon, PG_buddy, PG_dirty, PG_head, PG_hugetlb, PG_locked, PG_lru, PG_mlocked, PG_ORDER_SHIFT,
  PG_pcp, PG_private, PG_readahead, PG_referenced, PG_reserved, PG_slab, PG_swapbacked, PG_swapcache, PG_table, PG_tail, PG_unevictable,
  PG_uptodate, PG_workingset, PG_writeback, PG_reclaim, PG_anon_exclusive, PTE_P, PTE_PROTNONE, PTE_PS, PTE_SHIFT, PTE_SPECIAL, PTE_SWAP, STEP_NS,
  type Kernel,
} from '../../kernel/kernel' // prettier-ignore
import { PTRS } from '../../kernel/arch/x86/pgtable'
import { folio_counts_as_active } from '../../kernel/mm/lru_gen'
import { page_vma_mapped, rmap_walk } from '../../kernel/mm/rmap'
import { inode_path } from '../../kernel/proc/names'
import { paintAge } from './age'

const USE = Object.fromEntries(FRAME_USES.map((name, i) => [name, i])) as Record<(typeof FRAME_USES)[number], number>
const ORDER_BITS = 15
/** A byte names the owner. */
const MAX_OWNERS = 250

export function watchPhysical(k: Kernel, from: number, count: number): WatchPhysical {
  const nr = Math.max(0, Math.min(count, k.page.meta.capacity - from))
  const use = new Uint8Array(nr)
  const order = new Uint8Array(nr)
  const migratetype = new Uint8Array(nr)
  const isPresent = presence(k)
  // A free or compound block is known by its first frame, which may lie before `from`.
  for (let i = startOfBlock(k, from); i < from + nr; i++) {
    const flags = k.page.flags[i]!
    const blockOrder = (flags >>> PG_ORDER_SHIFT) & ORDER_BITS
    const isBlock = (flags & (PG_buddy | PG_head)) !== 0
    const length = isBlock ? 1 << blockOrder : 1
    const value = !isPresent(i) ? USE.hole : useOf(flags, k.page.mapping[i]!, folio_counts_as_active(k, i))
    for (let f = Math.max(i, from); f < Math.min(i + length, from + nr); f++) {
      use[f - from] = value
      order[f - from] = isBlock ? blockOrder : 0
      migratetype[f - from] = k.pageblock.migratetype[f >> PAGEBLOCK_ORDER]!
    }
    i += length - 1
  }
  const owners = ownersByMemory(k)
  return {
    kind: 'physical', ms: (k.var.step * STEP_NS) / 1e6, from, count: nr, use, order, migratetype,
    owner: paintOwners(k, from, nr, owners),
    age: paintAge(k, from, nr),
    owners: owners.map((t) => ({ pid: k.task.pid[t]!, name: k.strings.list[k.task.comm[t]!]! })),
  } // prettier-ignore
}

/** RAM has a hole below 4 GiB; frames outside of every zone are holes too. */
function presence(k: Kernel): (pfn: number) => boolean {
  const zones = Array.from(
    { length: MAX_NR_ZONES },
    (_, z) => [k.zone.start_pfn[z + 1]!, k.zone.spanned_pages[z + 1]!] as const,
  )
  const ram = k.config.ram / 4096
  const hole = (3 * 2 ** 30) / 4096
  const top = 2 ** 20
  return (pfn) => {
    if (!zones.some(([start, spanned]) => pfn >= start && pfn < start + spanned)) return pfn < 256
    return pfn < Math.min(ram, hole) || pfn >= top
  }
}

function startOfBlock(k: Kernel, pfn: number): number {
  for (let order = 10; order > 0; order--) {
    const head = pfn & ~((1 << order) - 1)
    const flags = k.page.flags[head]!
    const covers = (flags & (PG_buddy | PG_head)) !== 0 && ((flags >>> PG_ORDER_SHIFT) & ORDER_BITS) >= order
    if (covers && head !== pfn) return head
  }
  return pfn
}

/** What a frame is used for; `active` as the counters have it, on the classic lists or in generations. */
function useOf(flags: number, mapping: number, active: boolean): number {
  if ((flags & PG_buddy) !== 0) return USE.free
  if ((flags & PG_pcp) !== 0) return USE['per-CPU list']
  if ((flags & PG_reserved) !== 0) return USE.reserved
  if ((flags & PG_slab) !== 0) return USE.slab
  if ((flags & PG_table) !== 0) return USE['page table']
  if ((flags & PG_writeback) !== 0) return USE.writeback
  if ((flags & (PG_unevictable | PG_mlocked)) !== 0) return USE.unevictable
  if ((flags & PG_hugetlb) !== 0) return USE['huge page']
  if ((flags & PG_anon) !== 0) {
    if ((flags & PG_head) !== 0) return USE['huge page']
    if ((flags & PG_swapcache) !== 0) return USE['swap cache']
    return active ? USE['anonymous, active'] : USE['anonymous, inactive']
  }
  if ((flags & PG_swapcache) !== 0) return USE['swap cache']
  if ((flags & PG_swapbacked) !== 0) return USE.shmem
  if (mapping !== 0 || (flags & PG_lru) !== 0) {
    if ((flags & PG_dirty) !== 0) return USE['file, dirty']
    return active ? USE['file, active'] : USE['file, inactive']
  }
  return USE.kernel
}

/** Tasks with memory of their own, the largest first. */
function ownersByMemory(k: Kernel): number[] {
  const rss = (t: number): number =>
    k.mm.rss_anon[k.task.mm[t]!]! + k.mm.rss_file[k.task.mm[t]!]! + k.mm.rss_shmem[k.task.mm[t]!]!
  const tasks: number[] = []
  for (let t = 1; t < k.task.meta.high; t++) if (k.task.pid[t] !== 0 && k.task.mm[t] !== 0) tasks.push(t)
  return tasks.sort((a, b) => rss(b) - rss(a)).slice(0, MAX_OWNERS)
}

/** Goes through the page tables of every owner; of a shared frame the owner with less memory is shown last. */
function paintOwners(k: Kernel, from: number, count: number, owners: readonly number[]): Uint8Array {
  const owner = new Uint8Array(count)
  const { entry } = k.pt
  const paint = (table: number, level: number, colour: number): void => {
    for (let i = table * PTRS; i < (table + 1) * PTRS; i++) {
      const e = entry[i]!
      if (e === 0 || (e & PTE_SWAP) !== 0 || (e & (PTE_P | PTE_PROTNONE)) === 0) continue
      const target = e >>> PTE_SHIFT
      if (level > 0 && (e & PTE_PS) === 0) paint(target, level - 1, colour)
      else if ((e & PTE_SPECIAL) === 0) {
        const pages = level === 0 ? 1 : PTRS ** level
        for (let pfn = Math.max(target, from); pfn < Math.min(target + pages, from + count); pfn++)
          owner[pfn - from] = colour
      }
    }
  }
  owners.forEach((t, i) => {
    const pgd = k.mm.pgd[k.task.mm[t]!]!
    if (pgd !== 0) paint(pgd, 3, i + 1)
  })
  return owner
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [PG_locked, 'locked'], [PG_writeback, 'writeback'], [PG_referenced, 'referenced'], [PG_uptodate, 'uptodate'], [PG_dirty, 'dirty'], [PG_lru, 'lru'],
  [PG_active, 'active'], [PG_workingset, 'workingset'], [PG_reclaim, 'reclaim'], [PG_swapbacked, 'swapbacked'], [PG_unevictable, 'unevictable'],
  [PG_mlocked, 'mlocked'], [PG_swapcache, 'swapcache'], [PG_anon, 'anon'], [PG_slab, 'slab'], [PG_buddy, 'buddy'], [PG_table, 'table'],
  [PG_reserved, 'reserved'], [PG_readahead, 'readahead'], [PG_head, 'head'], [PG_tail, 'tail'], [PG_anon_exclusive, 'anon_exclusive'],
  [PG_private, 'private'], [PG_hugetlb, 'hugetlb'], [PG_pcp, 'pcp'],
] // prettier-ignore
const MIGRATE_NAMES = ['Unmovable', 'Movable', 'Reclaimable', 'HighAtomic', 'Isolate'] as const
const ZONE_NAMES = ['DMA', 'DMA32', 'Normal'] as const
const MAX_MAPS = 64

export function watchFrame(k: Kernel, pfn: number): WatchFrame {
  const head = startOfBlock(k, pfn)
  const flags = k.page.flags[head]!
  const isPresent = presence(k)(pfn)
  const zone =
    ZONE_NAMES.findLast((_, z) => k.zone.spanned_pages[z + 1]! > 0 && pfn >= k.zone.start_pfn[z + 1]!) ?? 'DMA'
  return {
    kind: 'frame',
    ms: (k.var.step * STEP_NS) / 1e6,
    pfn,
    zone,
    use: isPresent ? FRAME_USES[useOf(flags, k.page.mapping[head]!, folio_counts_as_active(k, head))]! : 'hole',
    flags: flagNames(flags),
    mapcount: k.page.mapcount[head]!,
    order: (flags & (PG_buddy | PG_head)) === 0 ? 0 : (flags >>> PG_ORDER_SHIFT) & ORDER_BITS,
    migratetype: MIGRATE_NAMES[k.pageblock.migratetype[pfn >> PAGEBLOCK_ORDER]!] ?? 'Unmovable',
    maps: (flags & (PG_lru | PG_anon)) === 0 ? [] : mapsOf(k, head),
    belongs: belongsTo(k, head, flags),
  }
}

/** A free frame's other bits hold the type of its list. */
function flagNames(flags: number): string[] {
  if ((flags & (PG_buddy | PG_pcp)) !== 0) return [(flags & PG_buddy) !== 0 ? 'buddy' : 'pcp']
  return FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
}

function mapsOf(k: Kernel, pfn: number): WatchFrame['maps'] {
  const maps: { pid: number; name: string; address: number }[] = []
  rmap_walk(k, pfn, (vma, address) => {
    if (page_vma_mapped(k, pfn, vma, address) !== 0) {
      const t = k.mm.owner[k.vma.mm[vma]!]!
      maps.push({ pid: k.task.pid[t]!, name: k.strings.list[k.task.comm[t]!]!, address })
    }
    return maps.length < MAX_MAPS
  })
  return maps
}

function belongsTo(k: Kernel, pfn: number, flags: number): string {
  const mapping = k.page.mapping[pfn]!
  if ((flags & PG_slab) !== 0) return `cache ${k.strings.list[k.kmem_cache.name[k.slab.cache[mapping]!]!]!}`
  if ((flags & PG_table) !== 0) return `page table, level ${k.pt.level[mapping]!}`
  if ((flags & PG_buddy) !== 0) return 'a free block'
  if ((flags & PG_anon) !== 0) return 'anonymous memory'
  if (mapping !== 0 && (flags & PG_lru) !== 0) return `${inode_path(k, mapping)}, page ${k.page.index[pfn]!}`
  return ''
}
