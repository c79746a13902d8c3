/** Columns of the tables. Swap areas, their slots, and the pool of zswap. */
import type { TableSpec } from '../lib/arena'

/** Swap slots of all areas (row = slot; an area owns a range of rows). */
export const SWAP = {
  /** swap_map: references by page-table entries and shmem; SWAP_HAS_CACHE 0x4000; 0x3fff bad. */
  map: 'u16',
  /** Swap cache: pfn (>0) or shadow (<0). */
  cache: 'i32',
  memcg: 'u16',
  content: 'i32',
  /** Row of `zswap_entry` while zswap has the page. */
  zswap: 'i32',
} as const satisfies TableSpec

/** A frame of the pool (mm/zbud.ts): chunks and entries of its first and last buddy. */
export const ZBUD = {
  pfn: 'i32',
  chunks: ['u8', 2],
  owner: ['i32', 2],
  lru_next: 'i32',
  lru_prev: 'i32',
  buddy_next: 'i32',
  buddy_prev: 'i32',
} as const satisfies TableSpec

export const SWAP_INFO = {
  /** First row in `swap`, usable pages, used. */
  start: 'i32',
  pages: 'i32',
  inuse: 'i32',
  prio: 'i32',
  flags: 'i32',
  device: 'i32',
  name: 'i32',
  is_file: 'u8',
  /** Inode of the device, 0 of a file. */
  bdev: 'i32',
  cluster_next: 'i32',
  cluster_nr: 'i32',
  lowest: 'i32',
  highest: 'i32',
  /** Clusters of 256 slots on solid-state devices: rows of `swap_cluster`, and the free ones as a list. */
  cluster_start: 'i32',
  nr_clusters: 'i32',
  head: 'i32',
  tail: 'i32',
} as const satisfies TableSpec

/** A cluster of 256 slots: its slots in use; free clusters are linked. */
export const SWAP_CLUSTER = {
  count: 'u16',
  on_free: 'u8',
  next: 'i32',
  prev: 'i32',
} as const satisfies TableSpec

/** Per CPU (row = cpu + 1): slots taken in advance and slots to give back in a batch. */
export const SWAP_SLOTS = {
  nr: 'i32',
  cur: 'i32',
  slot: ['i32', 64],
  nr_ret: 'i32',
  ret: ['i32', 64],
} as const satisfies TableSpec
