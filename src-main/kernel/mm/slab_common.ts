/**
 * The caches: their geometry, the kmalloc sizes, merging of caches that are alike, and what the kernel itself holds in
 * them after boot.
 *
 * Linux: mm/slab_common.c (create_kmalloc_caches, find_mergeable, kmalloc_slab), mm/slub.c (calculate_order,
 * calculate_sizes, set_cpu_partial). `slab_nomerge` on the command line keeps every cache apart.
 * Simplified: which caches are alike is taken from the measured /sys/kernel/slab links, not from their constructors.
 */
import { C } from '@shared/counters'
import { assert } from '@shared/assert'
import { boot_number } from '../boot_params'
import { fls, get_order, ilog2, int_div } from '../lib/math'
import { row_alloc, row_touch } from '../lib/arena'
import {
  MAX_ORDER,
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_DMA,
  __GFP_RECLAIMABLE,
  GFP_KERNEL,
  PG_ORDER_SHIFT,
  string_id,
  type Kernel,
} from '../kernel'
import { alloc_pages, free_pages } from './page_alloc'
import { SLAB_CACHES } from './slab_caches'
import { kmem_cache_alloc, kmem_cache_free } from './slub'

export const SLAB_RECLAIM_ACCOUNT = 1
export const SLAB_ACCOUNT = 2
export const SLAB_CACHE_DMA = 4
export const SLAB_NEVER_MERGE = 8
/** An object may be looked at after it was freed: its slab goes only after a grace period. */
export const SLAB_TYPESAFE_BY_RCU = 16

const SLUB_MAX_ORDER = 3
const MIN_PARTIAL = 5
const MAX_PARTIAL = 10
/** kmalloc larger than this goes to the page allocator. */
export const KMALLOC_MAX_CACHE_SIZE = 8192
const KMALLOC_SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192]
const KMALLOC_NORMAL = 0
const KMALLOC_CGROUP = 1
const KMALLOC_RECLAIM = 2
const KMALLOC_DMA = 3
const KMALLOC_PREFIX = ['kmalloc-', 'kmalloc-cg-', 'kmalloc-rcl-', 'dma-kmalloc-']
const KMALLOC_FLAGS = [0, SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT, SLAB_CACHE_DMA]

/** Objects of the kmalloc caches that the kernel holds after boot (one CPU, 512 MiB). */
const KMALLOC_BOOT = `
kmalloc-8 1536; kmalloc-16 768; kmalloc-32 1280; kmalloc-64 1600; kmalloc-96 420; kmalloc-128 320; kmalloc-192 294
kmalloc-256 412; kmalloc-512 240; kmalloc-1k 244; kmalloc-2k 120; kmalloc-4k 24; kmalloc-8k 12; kmalloc-rcl-64 64
kmalloc-cg-8 512; kmalloc-cg-16 256; kmalloc-cg-32 128; kmalloc-cg-64 64; kmalloc-cg-96 42; kmalloc-cg-128 64
kmalloc-cg-192 42; kmalloc-cg-256 16; kmalloc-cg-512 24; kmalloc-cg-1k 8; kmalloc-cg-2k 16; kmalloc-cg-4k 16`
/** Larger than 8 KiB, from the page allocator (286 pages in all). */
const KMALLOC_LARGE_BOOT = [
  [16384, 22],
  [32768, 9],
  [65536, 4],
  [131072, 2],
] as const
/** A memory block of 128 MiB has a device in sysfs: its kernfs nodes, itself and its names. */
const MEMORY_BLOCK_OBJECTS = { kernfs_node_cache: 22, 'kmalloc-1k': 1, 'kmalloc-256': 1 } as const
const MEMORY_BLOCK_PAGES = 0x8000
const MEMORY_BLOCKS_OF_TABLE = 4

/** Every further CPU: its devices in sysfs and interrupts in /proc, its sockets for ICMP; allocated on the first. */
const CPU_DEVICE_OBJECTS = {
  ...{ kernfs_node_cache: 200, inode_cache: 20, dentry: 24, lsm_inode_cache: 64, proc_dir_entry: 7 },
  ...{ sock_inode_cache: 2, RAW: 1, RAWv6: 1, 'kmalloc-8k': 1, 'kmalloc-128': 20 },
} as const
/** What is made ready for it before it starts, by the first: worker pools, run queues, timers. */
const CPU_PREPARED_OBJECTS = { 'kmalloc-8k': 4, 'kmalloc-4k': 7, 'kmalloc-2k': 9, 'kmalloc-1k': 32 } as const
/** What it takes when it runs, so from slabs of its own. */
const CPU_OBJECTS = {
  ...{ radix_tree_node: 24, maple_node: 12, vmap_area: 40, 'kmalloc-512': 24, 'kmalloc-256': 30, 'kmalloc-192': 30 },
  ...{ 'kmalloc-128': 10, 'kmalloc-96': 32, 'kmalloc-64': 60, 'kmalloc-32': 100, 'kmalloc-16': 150, 'kmalloc-8': 300 },
} as const
/** Rows of well-known caches; `caches(k).dentry`. */
const WELL_KNOWN = [
  'task_struct',
  'mm_struct',
  'vm_area_struct',
  'anon_vma',
  'anon_vma_chain',
  'files_cache',
  'fs_cache',
  'filp',
  'dentry',
  'inode_cache',
  'ext4_inode_cache',
  'proc_inode_cache',
  'shmem_inode_cache',
  'sock_inode_cache',
  'bdev_cache',
  'radix_tree_node',
  'buffer_head',
  'kernfs_node_cache',
  'signal_cache',
  'sighand_cache',
  'cred_jar',
  'pid',
  'maple_node',
  'lsm_file_cache',
  'lsm_inode_cache',
  'names_cache',
  'skbuff_head_cache',
  'TCP',
  'UDP',
  'UNIX',
  'bio-256',
  'jbd2_journal_head',
  'ext4_extent_status',
  'task_delay_info',
  'vmap_area',
  'khugepaged_mm_slot',
  'ksm_mm_slot',
  'ksm_rmap_item',
  'ksm_stable_node',
  'zswap_entry',
  'sigqueue',
] as const
export type WellKnownCache = (typeof WELL_KNOWN)[number]

interface SlabState {
  ids: Record<string, number>
  kmalloc: number[]
}
function slab_state(k: Kernel): SlabState {
  return k.var.mod['slab'] as SlabState
}

/** Row of a cache by its name or an alias; 0 when there is none. */
export function cache_by_name(k: Kernel, name: string): number {
  return slab_state(k).ids[name] ?? 0
}

/** The names of all caches, aliases too. */
export function cache_names(k: Kernel): string[] {
  return Object.keys(slab_state(k).ids)
}

/** The well-known caches by name. */
export function CACHES(k: Kernel): Readonly<Record<WellKnownCache, number>> {
  return slab_state(k).ids as Record<WellKnownCache, number>
}

/** Every cache, newest first, as /proc/slabinfo lists them. */
export function all_caches(k: Kernel): number[] {
  const rows: number[] = []
  for (let row = k.kmem_cache.meta.high - 1; row > 0; row--) rows.push(row)
  return rows
}

/** Creates all caches and what the kernel holds in them. */
export function kmem_cache_init(k: Kernel): void {
  k.var.mod['slab'] = { ids: {}, kmalloc: [] } satisfies SlabState
  row_touch(k.kmem_cache_cpu, k.kmem_cache_cpu.meta.capacity - 1)
  const lines = SLAB_CACHES.trim().split('\n')
  for (const line of lines.slice(0, 2)) create_named(k, line)
  create_kmalloc_caches(k)
  for (const line of lines.slice(2)) create_named(k, line)
  for (const name of WELL_KNOWN) assert(cache_by_name(k, name) !== 0, 'kmem_cache_init: a well-known cache is missing')
}

/** SLAB_ACCOUNT of caches that are never merged: their folders in /sys do not show it. */
const ACCOUNTED: ReadonlySet<string> = new Set([
  'task_struct',
  'mm_struct',
  'sighand_cache',
  'anon_vma',
  'dentry',
  'inode_cache',
  'shmem_inode_cache',
  'proc_inode_cache',
  'ext4_inode_cache',
  'sock_inode_cache',
  'bdev_cache',
  'dax_cache',
  'hugetlbfs_inode_cache',
  'mqueue_inode_cache',
])

/** Named caches whose frames may be re-used only after a grace period (SLAB_TYPESAFE_BY_RCU), as Debian's are created. */
const TYPESAFE_BY_RCU = new Set(['anon_vma', 'sighand_cache', 'TCP', 'TCPv6', 'MPTCP', 'MPTCPv6'])
const RCU_KINDS = /^(request_sock_|tw_sock_|bio-)/

function typesafe_by_rcu(name: string): boolean {
  return TYPESAFE_BY_RCU.has(name) || RCU_KINDS.test(name)
}

function create_named(k: Kernel, line: string): void {
  const [name, object_size, size, align, flags, , aliases] = line.split(' ') as [string, ...string[]]
  const bits =
    (flags!.includes('r') ? SLAB_RECLAIM_ACCOUNT : 0) |
    (flags!.includes('a') || ACCOUNTED.has(name) ? SLAB_ACCOUNT : 0) |
    (flags!.includes('n') ? SLAB_NEVER_MERGE : 0) |
    (typesafe_by_rcu(name) ? SLAB_TYPESAFE_BY_RCU : 0)
  const { ids } = slab_state(k)
  const row = kmem_cache_create(k, name, Number(object_size), Number(size), Number(align), bits)
  if (aliases === '-') return
  const nomerge = k.config.bootParams.includes('slab_nomerge')
  for (const alias of aliases!.split(',')) {
    if (nomerge) kmem_cache_create(k, alias, Number(object_size), Number(size), Number(align), bits)
    else {
      ids[alias] = row
      k.kmem_cache.refcount[row]!++
    }
  }
}

function create_kmalloc_caches(k: Kernel): void {
  const { kmalloc } = slab_state(k)
  for (let type = KMALLOC_NORMAL; type <= KMALLOC_DMA; type++)
    for (const size of KMALLOC_SIZES) {
      const name = KMALLOC_PREFIX[type]! + (size < 1024 ? size : `${size / 1024}k`)
      const align = size === 96 || size === 192 ? 8 : size
      kmalloc.push(kmem_cache_create(k, name, size, size, align, KMALLOC_FLAGS[type]! | SLAB_NEVER_MERGE))
    }
}

function kmem_cache_create(
  k: Kernel,
  name: string,
  object_size: number,
  size: number,
  align: number,
  flags: number,
): number {
  const kc = k.kmem_cache
  const row = row_alloc(kc)
  assert(row !== 0, 'kmem_cache_create: the cache table is full')
  const order = calculate_order(k, size)
  kc.name[row] = string_id(k, name)
  kc.object_size[row] = object_size
  kc.size[row] = size
  kc.align[row] = align
  kc.order[row] = order
  kc.objects[row] = int_div(4096 << order, size)
  kc.min_order[row] = get_order(size)
  kc.min_objects[row] = int_div(4096 << get_order(size), size)
  kc.min_partial[row] = Math.min(MAX_PARTIAL, Math.max(MIN_PARTIAL, int_div(ilog2(size), 2)))
  kc.cpu_partial[row] = size >= 4096 ? 6 : size >= 1024 ? 24 : size >= 256 ? 52 : 120
  kc.cpu_partial_slabs[row] = Math.ceil((kc.cpu_partial[row] * 2) / kc.objects[row])
  kc.flags[row] = flags
  kc.refcount[row] = 1
  slab_state(k).ids[name] = row
  return row
}

/** Enough objects a slab for the number of CPUs with little left over; both are given up before order 3 is passed. */
export function calculate_order(k: Kernel, size: number): number {
  const min_order = boot_number(k.config, 'slub_min_order', 0)
  const max_order = Math.min(boot_number(k.config, 'slub_max_order', SLUB_MAX_ORDER), MAX_ORDER - 1)
  const max_objects = int_div(4096 << max_order, size)
  const wanted = boot_number(k.config, 'slub_min_objects', 0) || 4 * (fls(k.config.cpus) + 1)
  for (let min_objects = Math.min(wanted, max_objects); min_objects > 1; min_objects--)
    for (let fraction = 16; fraction >= 4; fraction /= 2) {
      const order = calc_slab_order(size, min_objects, min_order, max_order, fraction)
      if (order <= max_order) return order
    }
  const order = calc_slab_order(size, 1, min_order, max_order, 1)
  return order <= max_order ? order : calc_slab_order(size, 1, min_order, MAX_ORDER, 1)
}

function calc_slab_order(
  size: number,
  min_objects: number,
  min_order: number,
  max_order: number,
  fract_leftover: number,
): number {
  let order = Math.max(min_order, get_order(min_objects * size))
  for (; order <= max_order; order++) {
    const slab_size = 4096 << order
    if (slab_size % size <= int_div(slab_size, fract_leftover)) break
  }
  return order
}

// ---------------------------------------------------------------- kmalloc

/** The cache that a request of `size` bytes is served from; 0 for sizes of the page allocator. */
export function kmalloc_cache(k: Kernel, size: number, gfp: number): number {
  if (size > KMALLOC_MAX_CACHE_SIZE) return 0
  let type = KMALLOC_NORMAL
  if ((gfp & __GFP_DMA) !== 0) type = KMALLOC_DMA
  else if ((gfp & __GFP_RECLAIMABLE) !== 0) type = KMALLOC_RECLAIM
  else if ((gfp & __GFP_ACCOUNT) !== 0) type = KMALLOC_CGROUP
  let i = 0
  while (KMALLOC_SIZES[i]! < size) i++
  return slab_state(k).kmalloc[type * KMALLOC_SIZES.length + i]!
}

/** An object of at least `size` bytes: a handle, minus the pfn for whole pages, 0 on failure. */
export function kmalloc(k: Kernel, size: number, gfp: number): number {
  const cache = kmalloc_cache(k, size, gfp)
  if (cache !== 0) return kmem_cache_alloc(k, cache, gfp)
  const order = get_order(size)
  const pfn = alloc_pages(k, gfp | __GFP_COMP, order)
  if (pfn === 0) return 0
  k.vmstat[C.nr_slab_unreclaimable]! += 1 << order
  k.var.kmalloc_large_pages += 1 << order
  return -pfn
}

export function kfree(k: Kernel, handle: number): void {
  if (handle === 0) return
  if (handle > 0) return kmem_cache_free(k, k.slab.cache[Math.floor(handle / 512)]!, handle)
  const order = (k.page.flags[-handle]! >>> PG_ORDER_SHIFT) & 0xf
  k.vmstat[C.nr_slab_unreclaimable]! -= 1 << order
  k.var.kmalloc_large_pages -= 1 << order
  free_pages(k, -handle, order)
}

// ---------------------------------------------------------------- what the kernel holds after boot

/**
 * Caches of which the kernel's objects are there before the reserves are computed: what start_kernel and the first
 * initcalls make. Device trees, tracefs files and what drivers keep follow with the later initcalls.
 */
const EARLY_CACHES = new Set([
  'kmem_cache',
  'kmem_cache_node',
  'vmap_area',
  'radix_tree_node',
  'maple_node',
  'ftrace_event_field',
  'trace_event_file',
  'numa_policy',
  'perf_event',
  'names_cache',
  'nsproxy',
  'seq_file',
  'mnt_cache',
])

/** Allocates the objects of the kernel's own structures: device tree, trace events, pinned inodes. Never freed. */
export function slab_boot_objects(k: Kernel, part: 'early' | 'late'): void {
  const early = part === 'early'
  for (const line of SLAB_CACHES.trim().split('\n')) {
    const fields = line.split(' ')
    if (EARLY_CACHES.has(fields[0]!) === early) hold(k, fields[0]!, Number(fields[5]))
  }
  if (early) {
    kmalloc_boot_objects(k)
    // The other CPUs come up before the first initcall.
    hold_each(k, CPU_PREPARED_OBJECTS, k.config.cpus - 1)
    return
  }
  for (const [bytes, nr] of KMALLOC_LARGE_BOOT)
    for (let i = 0; i < nr; i++) assert(kmalloc(k, bytes, GFP_KERNEL) !== 0, 'slab_boot_objects: no memory')
  const blocks = Math.ceil(k.var.max_pfn / MEMORY_BLOCK_PAGES)
  hold_each(k, MEMORY_BLOCK_OBJECTS, blocks - MEMORY_BLOCKS_OF_TABLE)
  hold_each(k, CPU_DEVICE_OBJECTS, k.config.cpus - 1)
  for (k.var.cpu = 1; k.var.cpu < k.config.cpus; k.var.cpu++) hold_each(k, CPU_OBJECTS, 1)
  k.var.cpu = 0
}

function kmalloc_boot_objects(k: Kernel): void {
  for (const entry of KMALLOC_BOOT.trim().split(/[;\n] */)) {
    const [name, nr] = entry.split(' ')
    hold(k, name!, Number(nr))
  }
}

/** Objects that a part of the kernel keeps, by cache. */
export type HeldObjects = Readonly<Record<string, number>>

/** Allocates what a part of the kernel keeps for good: a CPU, a module, a disk. */
export function hold_each(k: Kernel, objects: HeldObjects, times = 1): void {
  for (const [name, nr] of Object.entries(objects)) {
    const cache = cache_by_name(k, name)
    for (let i = 0; i < nr * times; i++)
      assert(kmem_cache_alloc(k, cache, GFP_KERNEL) !== 0, 'slab_boot_objects: no memory')
  }
}

/** Allocates as much and gives it back: the slabs stay, for so few are kept. */
export function use_each(k: Kernel, objects: HeldObjects): void {
  for (const [name, nr] of Object.entries(objects)) {
    const cache = cache_by_name(k, name)
    const used: number[] = []
    for (let i = 0; i < nr; i++) used.push(kmem_cache_alloc(k, cache, GFP_KERNEL))
    for (const handle of used) if (handle !== 0) kmem_cache_free(k, cache, handle)
  }
}

/** `nr` is what whole slabs held: the last slab is left half free, as somebody's current slab is on average. */
function hold(k: Kernel, name: string, nr: number): void {
  const cache = cache_by_name(k, name)
  const objects = k.kmem_cache.objects[cache]!
  const wanted = nr <= objects ? int_div(nr, 2) : nr - int_div(objects, 2)
  for (let i = 0; i < wanted; i++) assert(kmem_cache_alloc(k, cache, GFP_KERNEL) !== 0, 'slab_boot_objects: no memory')
}
