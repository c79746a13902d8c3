/**
 * /sys/kernel/slab: a folder a cache with its geometry and what it holds. A cache that may be merged has a folder under
 * an id made of its flags and size (`:A-0000128`), and its names are links to it; the others have their own name.
 *
 * Linux: mm/slub.c (create_unique_id, sysfs_slab_add, show_slab_objects, slabs_cpu_partial_show).
 * Simplified: constructors have no address, so `ctor` is empty; debug options are off and cannot be switched on.
 */
import type { Kernel } from '../kernel'
import {
  all_caches,
  cache_by_name,
  cache_names,
  SLAB_ACCOUNT,
  SLAB_CACHE_DMA,
  SLAB_NEVER_MERGE,
  SLAB_RECLAIM_ACCOUNT,
  SLAB_TYPESAFE_BY_RCU,
} from '../mm/slab_common'
import { kmem_cache_shrink } from '../mm/slub'
import { slabinfo_row } from '../mm/slabinfo'
import { EACCES, EINVAL, EPERM } from '../uapi'
import { file, folder, kernfs_write, link, type DirNode, type Node } from './tree'

const CPUS_MAX = 64
interface SlabFile {
  readonly read: (k: Kernel, cache: number) => string
  readonly write?: (k: Kernel, cache: number, text: string) => number
}

function number(of: (k: Kernel, cache: number) => number): SlabFile {
  return { read: (k, cache) => `${of(k, cache)}\n` }
}
function flag(bit: number): SlabFile {
  return number((k, cache) => ((k.kmem_cache.flags[cache]! & bit) !== 0 ? 1 : 0))
}
const OFF = number(() => 0)
const EMPTY: SlabFile = { read: () => '' }

/** A sum over the one node: the total, and the node's part where it is not 0. */
function per_node(of: (k: Kernel, cache: number) => number): SlabFile {
  return {
    read(k, cache) {
      const sum = of(k, cache)
      return sum === 0 ? '0\n' : `${sum} N0=${sum}\n`
    },
  }
}
function setting(column: 'min_partial' | 'cpu_partial'): SlabFile {
  return {
    read: (k, cache) => `${k.kmem_cache[column][cache]}\n`,
    write(k, cache, text) {
      if (!/^\d+\s*$/.test(text)) return -EINVAL
      const kc = k.kmem_cache
      kc[column][cache] = Number(text)
      if (column === 'cpu_partial')
        kc.cpu_partial_slabs[cache] = Math.ceil((kc.cpu_partial[cache]! * 2) / kc.objects[cache]!)
      return 0
    },
  }
}

const FILES: Readonly<Record<string, SlabFile>> = {
  aliases: number((k, cache) => k.kmem_cache.refcount[cache]! - 1),
  align: number((k, cache) => k.kmem_cache.align[cache]!),
  cache_dma: flag(SLAB_CACHE_DMA),
  cpu_partial: setting('cpu_partial'),
  cpu_slabs: per_node((k, cache) => cpu_slabs(k, cache)),
  ctor: EMPTY,
  destroy_by_rcu: flag(SLAB_TYPESAFE_BY_RCU),
  hwcache_align: number((k, cache) =>
    k.kmem_cache.align[cache] === 64 && !own_name(k, cache).includes('kmalloc') ? 1 : 0,
  ),
  min_partial: setting('min_partial'),
  object_size: number((k, cache) => k.kmem_cache.object_size[cache]!),
  objects: per_node((k, cache) => slabinfo_row(k, cache).active_objs),
  objects_partial: per_node((k, cache) => partial_objects(k, cache)),
  objs_per_slab: number((k, cache) => k.kmem_cache.objects[cache]!),
  order: number((k, cache) => k.kmem_cache.order[cache]!),
  partial: per_node((k, cache) => k.kmem_cache.nr_partial[cache]!),
  poison: OFF,
  reclaim_account: flag(SLAB_RECLAIM_ACCOUNT),
  red_zone: OFF,
  sanity_checks: OFF,
  shrink: {
    read: () => '',
    write(k, cache, text) {
      if (!text.startsWith('1')) return -EINVAL
      kmem_cache_shrink(k, cache)
      return 0
    },
  },
  slab_size: number((k, cache) => k.kmem_cache.size[cache]!),
  slabs: per_node((k, cache) => k.kmem_cache.nr_slabs[cache]!),
  slabs_cpu_partial: { read: (k, cache) => slabs_cpu_partial(k, cache) },
  store_user: OFF,
  total_objects: per_node((k, cache) => k.kmem_cache.total_objects[cache]!),
  trace: OFF,
  usersize: number((k, cache) => (own_name(k, cache).includes('kmalloc') ? k.kmem_cache.object_size[cache]! : 0)),
  // validate_store: only where the cache is debugged.
  validate: { ...EMPTY, write: () => -EINVAL },
}

// ---------------------------------------------------------------- figures

function own_name(k: Kernel, cache: number): string {
  return k.strings.list[k.kmem_cache.name[cache]!]!
}

/** Slabs that CPUs hold: the one each allocates from, and its partial ones. */
function cpu_slabs(k: Kernel, cache: number): number {
  const c = k.kmem_cache_cpu
  let sum = 0
  for (let row = cache * CPUS_MAX; row < cache * CPUS_MAX + k.config.cpus; row++)
    sum += (c.slab[row] === 0 ? 0 : 1) + c.partial_slabs[row]!
  return sum
}
function partial_objects(k: Kernel, cache: number): number {
  let sum = 0
  for (let slab = k.kmem_cache.partial_head[cache]!; slab !== 0; slab = k.slab.next[slab]!) sum += k.slab.inuse[slab]!
  return sum
}

/** `objects(slabs)` of all CPUs and of each; SLUB does not count them and takes the slabs for half full. */
function slabs_cpu_partial(k: Kernel, cache: number): string {
  const objects = (slabs: number): number => Math.floor((slabs * k.kmem_cache.objects[cache]!) / 2)
  let all = 0
  let each = ''
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const slabs = k.kmem_cache_cpu.partial_slabs[cache * CPUS_MAX + cpu]!
    all += slabs
    if (slabs > 0) each += ` C${cpu}=${objects(slabs)}(${slabs})`
  }
  return `${objects(all)}(${all})${each}\n`
}

// ---------------------------------------------------------------- names

/** Name of the cache's folder. */
function folder_of(k: Kernel, cache: number): string {
  const flags = k.kmem_cache.flags[cache]!
  if ((flags & SLAB_NEVER_MERGE) !== 0 || k.config.bootParams.includes('slab_nomerge')) return own_name(k, cache)
  const letters =
    ((flags & SLAB_CACHE_DMA) !== 0 ? 'd' : '') +
    ((flags & SLAB_RECLAIM_ACCOUNT) !== 0 ? 'a' : '') +
    ((flags & SLAB_ACCOUNT) !== 0 ? 'A' : '')
  return `:${letters}${letters === '' ? '' : '-'}${String(k.kmem_cache.size[cache]).padStart(7, '0')}`
}
function cache_of(k: Kernel, name: string): number {
  if (!name.startsWith(':')) return cache_by_name(k, name)
  return all_caches(k).find((cache) => folder_of(k, cache) === name) ?? 0
}

// ---------------------------------------------------------------- the tree

export function slab_folder(k: Kernel): DirNode {
  const names = (): string[] => {
    const folders = all_caches(k).map((cache) => folder_of(k, cache))
    return [...new Set([...folders, ...cache_names(k)])].sort((a, b) => (a < b ? -1 : 1))
  }
  const find = (name: string): Node | null => {
    const cache = cache_of(k, name)
    if (cache === 0) return null
    const target = folder_of(k, cache)
    return target === name ? cache_folder(k, cache) : link(target)
  }
  return { ...folder({}, { mode: 0o755, refusal: EPERM }), list: names, find }
}

function cache_folder(k: Kernel, cache: number): DirNode {
  const nodes = Object.entries(FILES).map(([name, { read, write }]): [string, Node] => {
    const set = write && ((text: string): number => write(k, cache, text))
    const mode = write === undefined ? 0o400 : 0o600
    return [name, file(() => read(k, cache), { write: kernfs_write(set), mode, refusal: EACCES })]
  })
  return folder(Object.fromEntries(nodes), { mode: 0o755, refusal: EPERM })
}
