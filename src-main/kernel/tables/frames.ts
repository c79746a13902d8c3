/** Columns of the tables. Frames, zones, free lists and what reclaim keeps for its lists. */
import type { TableSpec } from '../lib/arena'

/** struct page: 30 bytes a frame. A frame is on at most one list, so buddy, pcp, LRU and slab lists share the two links. */
export const PAGE = {
  flags: 'i32',
  next: 'i32',
  prev: 'i32',
  /** anon_vma (PG_anon), inode, slab row (PG_slab) or page-table row (PG_table). */
  mapping: 'i32',
  /** Page offset in the mapping (anonymous: linear page index of the VMA, vm_pgoff based). */
  index: 'i32',
  /** Number of page-table entries that map it (0: none; a huge head counts its PMD maps). */
  mapcount: 'u16',
  memcg: 'u16',
  /** Swap slot while PG_swapcache; content tag for KSM and zswap else. */
  private: 'i32',
  /** Multi-gen LRU: generation, references and list (mm/lru_gen.ts). */
  lru_gen: 'u8',
  /** Teardowns that have gathered it and will let go of it (mm/mmu_gather.ts): until then it is not free. */
  gathered: 'u8',
} as const satisfies TableSpec

/** Row = zone + 1. */
export const ZONE = {
  start_pfn: 'f64',
  spanned_pages: 'f64',
  present_pages: 'f64',
  managed_pages: 'f64',
  nr_free: 'f64',
  watermark: ['f64', 3],
  watermark_boost: 'f64',
  lowmem_reserve: ['f64', 4],
  nr_reserved_highatomic: 'f64',
  /** Zone counters of /proc/zoneinfo in the order of the first vmstat names (nr_free_pages…nr_zone_write_pending, nr_mlock…). */
  stat: ['f64', 12],
  nr_lru: ['f64', 5],
  compact_considered: 'i32',
  compact_defer_shift: 'i32',
  compact_order_failed: 'i32',
  /** The scanners met in direct compaction: kswapd forgets the skip hints. */
  compact_blockskip_flush: 'u8',
  /** Where the scanners begin: the free one, and the migrate one in asynchronous and in synchronous runs. */
  compact_cached_free_pfn: 'f64',
  compact_cached_migrate_pfn: ['f64', 2],
  /** Where they began after the skip hints were last forgotten. */
  compact_init_free_pfn: 'f64',
  compact_init_migrate_pfn: 'f64',
  pcp_high: 'i32',
  pcp_batch: 'i32',
  /** ZONE_BOOSTED_WATERMARK, ZONE_RECLAIM_ACTIVE of mm/watermark. */
  flags: 'i32',
} as const satisfies TableSpec

/** Buddy free lists: row = 1 + (zone * MIGRATE_TYPES + type) * MAX_ORDER + order. */
export const FREE_AREA = {
  head: 'i32',
  tail: 'i32',
  nr_free: 'i32',
} as const satisfies TableSpec

/** Per lruvec (row = 1 + memcg): reclaim costs and refault ages. */
export const LRUVEC = {
  anon_cost: 'f64',
  file_cost: 'f64',
  nonresident_age: 'f64',
  refaults: ['f64', 2],
  /** Lists as they were when last flushed. */
  size: ['f64', 4],
} as const satisfies TableSpec

/** Per lruvec, the multi-gen LRU (mm/lru_gen.ts): two kinds (anon, file), 4 generations, 4 tiers, 3 zones. */
export const LRU_GEN = {
  max_seq: 'f64',
  min_seq: ['f64', 2],
  /** When each generation was made, in jiffies. */
  timestamps: ['f64', 4],
  /** Pages by generation, kind and zone. */
  nr_pages: ['f64', 24],
  /** By kind and tier: moving averages, and the counts of the oldest generation (protected: without the first tier). */
  avg_refaulted: ['f64', 8],
  avg_total: ['f64', 8],
  refaulted: ['f64', 8],
  evicted: ['f64', 8],
  protected: ['f64', 6],
  /** Address spaces to walk (mm/lru_gen_mm.ts): first and last, generation walked last, where the last walk ended. */
  mm_head: 'i32',
  mm_tail: 'i32',
  mm_seq: 'f64',
  mm_new: 'i32',
  /** The slab objects of the two filters of page tables (mm/lru_gen_walk.ts). */
  filter: ['i32', 2],
} as const satisfies TableSpec
