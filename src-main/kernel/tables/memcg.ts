/** Columns of the tables. Memory cgroups. */
import type { TableSpec } from '../lib/arena'

/** Memory cgroups: row = id, the root is 0 and has no row. Sizes in pages, Infinity is "max". */
export const MEMCG = {
  parent: 'i32',
  /** Its children in the order they were made, those that are removed and still held too; row 0 has the root's. */
  first_child: 'i32',
  last_child: 'i32',
  next_sibling: 'i32',
  prev_sibling: 'i32',
  name: 'i32',
  /** Its queue of huge pages that lost parts: heads of the first and the last, how many. */
  split_first: 'i32',
  split_last: 'i32',
  split_len: 'i32',
  /** Charged pages of the cgroup and all below it: memory, swap; the most it ever was. */
  usage: 'f64',
  swap: 'f64',
  peak: 'f64',
  max: 'f64',
  high: 'f64',
  low: 'f64',
  min: 'f64',
  /** Effective low and min, as the last reclaim from above found them. */
  elow: 'f64',
  emin: 'f64',
  swap_max: 'f64',
  swap_high: 'f64',
  /** Limit of memory.zswap.max, in pages. */
  zswap_max: 'f64',
  failcnt: 'f64',
  /** Removed, and held by what is still charged to it (dying). */
  offline: 'u8',
  oom_group: 'u8',
  /** Controllers that its children get: bits in the order of cgroup.controllers. */
  subtree_control: 'u8',
  /** cgroup.max.depth and max.descendants, and one; 0 is "max". */
  max_depth: 'f64',
  max_descendants: 'f64',
  /** Pages of kernel memory: page tables, stacks, what slab objects were charged for. */
  kmem: 'f64',
  /** Bytes of slab objects of the subtree: reclaimable, unreclaimable. */
  slab_b: ['f64', 2],
  /** Bytes of per-CPU memory of the subtree, and who pays for the cgroup's own; 0: nobody. */
  percpu_b: 'f64',
  percpu_payer: 'i32',
  /** Bytes of a page charged for objects that no CPU holds at hand. */
  nr_charged_bytes: 'i32',
  /** MEMCG_… events of the subtree, and of the cgroup itself. */
  events: ['f64', 9],
  events_local: ['f64', 9],
  /** CPU time in ns, user and system, of tasks that have left the subtree; of those that came in before they did, less. */
  cpu_left: ['f64', 2],
  /** Pages on the LRU lists of the subtree. */
  lru_nr: ['f64', 5],
  /** Counts by vmstat index (pgscan_direct, workingset_refault_anon, …) of the subtree. */
  stat: ['f64', 200],
} as const satisfies TableSpec
