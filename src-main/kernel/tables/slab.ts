/** Columns of the tables. Slab caches. */
import type { TableSpec } from '../lib/arena'

/** kmem_cache. */
export const KMEM_CACHE = {
  name: 'i32',
  object_size: 'i32',
  size: 'i32',
  align: 'i32',
  order: 'u8',
  objects: 'i32',
  min_order: 'u8',
  min_objects: 'i32',
  min_partial: 'i32',
  cpu_partial_slabs: 'i32',
  cpu_partial: 'i32',
  flags: 'i32',
  nr_slabs: 'i32',
  nr_partial: 'i32',
  partial_head: 'i32',
  partial_tail: 'i32',
  total_objects: 'i32',
  refcount: 'i32',
} as const satisfies TableSpec

/** Per cache and CPU: row = cache * 64 + cpu. */
export const KMEM_CACHE_CPU = {
  slab: 'i32',
  /** CPU partial chain through slab.next, newest first. */
  partial: 'i32',
  partial_slabs: 'i32',
} as const satisfies TableSpec

export const SLAB = {
  cache: 'i32',
  pfn: 'i32',
  inuse: 'u16',
  objects: 'u16',
  frozen: 'u8',
  /** 1 on the node partial list, 2 on a CPU partial list. */
  on_list: 'u8',
  next: 'i32',
  prev: 'i32',
  /** One bit per object in use (up to 512). */
  used: ['i32', 16],
  /** Row of obj_cgroups once an object of it was charged. */
  obj_cgroups: 'i32',
} as const satisfies TableSpec
