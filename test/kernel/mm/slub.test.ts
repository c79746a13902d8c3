/** Slab caches: geometry against the measured kernel, the life of a slab. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { C } from '@shared/counters'
import {
  GFP_KERNEL,
  GFP_NOWAIT,
  __GFP_ACCOUNT,
  __GFP_DMA,
  __GFP_MEMALLOC,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import {
  alloc_page,
  free_page,
  get_pageblock_migratetype,
  nr_free_pages,
  drain_all_pages,
} from '../../../src-main/kernel/mm/page_alloc'
import {
  all_caches,
  cache_by_name,
  CACHES,
  flush_cpu_slabs,
  kfree,
  kmalloc,
  kmem_cache_alloc,
  kmem_cache_free,
  kmem_cache_shrink,
} from '../../../src-main/kernel/mm/slub'
import { objects_in_use, slabinfo_row } from '../../../src-main/kernel/mm/slabinfo'
import { calculate_order } from '../../../src-main/kernel/mm/slab_common'
import { pgdat } from '../../../src-main/kernel/mm/throttle'
import { bare_machine, MiB } from '../../support/bare'
import { bootMemory, verifyMemory } from './machine'

interface Slabinfo {
  slabinfo: [name: string, objsize: number, objperslab: number, pagesperslab: number][]
  partial: Record<string, [min_partial: number, cpu_partial: number, order: number]>
}
const reference = (
  JSON.parse(readFileSync('test/conformance/reference/memory.json', 'utf8')) as {
    slab: Record<string, Slabinfo | string>
  }
).slab

describe.each([
  ['smp1', 512, 1],
  ['smp1-4G', 4096, 1],
  ['smp2', 512, 2],
  ['smp8', 512, 8],
])('slabinfo of %s', (id, mib, cpus) => {
  const k = bootMemory(mib, { cpus })
  const entry = reference[id]!
  const real = (typeof entry === 'string' ? reference[entry] : entry) as Slabinfo
  test('has every cache with the real object size, objects and pages a slab, in the same order', () => {
    const rows = all_caches(k).map((cache) => slabinfo_row(k, cache))
    const ours = rows.map((r) => [r.name, r.objsize, r.objperslab, r.pagesperslab])
    const key = (row: unknown[]): string => String(row[0])
    expect([...ours].sort((a, b) => (key(a) < key(b) ? -1 : 1))).toEqual(
      [...real.slabinfo].sort((a, b) => (key(a) < key(b) ? -1 : 1)),
    )
    const core = (list: unknown[][]): string[] => list.map(key).filter((n) => !/^(ext4|jbd2|mbcache|bio)/.test(n))
    expect(core(ours)).toEqual(core(real.slabinfo))
  })
  test('has the real min_partial and cpu_partial', () => {
    for (const [name, want] of Object.entries(real.partial)) {
      const cache = cache_by_name(k, name)
      const kc = k.kmem_cache
      expect([name, kc.min_partial[cache], kc.cpu_partial[cache], kc.order[cache]]).toEqual([name, ...want])
    }
  })
})

describe('after boot', () => {
  test('what the kernel holds takes the real amount of slab memory but for the processes', () => {
    const k = bootMemory(512)
    // Measured: 8716 kB reclaimable; 5768 kB unreclaimable, of which about 600 kB belong to 55 tasks.
    expect(k.vmstat[C.nr_slab_reclaimable]! * 4).toBeGreaterThan(8500)
    expect(k.vmstat[C.nr_slab_reclaimable]! * 4).toBeLessThan(8900)
    expect(k.vmstat[C.nr_slab_unreclaimable]! * 4).toBeGreaterThan(4900)
    expect(k.vmstat[C.nr_slab_unreclaimable]! * 4).toBeLessThan(5500)
  })
  test('alike caches are one, unless slab_nomerge is given', () => {
    const merged = bootMemory(128)
    expect(cache_by_name(merged, 'fs_cache')).toBe(CACHES(merged).anon_vma_chain)
    expect(cache_by_name(merged, 'UNIX')).toBe(cache_by_name(merged, 'PING'))
    const apart = bootMemory(128, { bootParams: ['slab_nomerge'] })
    expect(cache_by_name(apart, 'fs_cache')).not.toBe(CACHES(apart).anon_vma_chain)
    expect(slabinfo_row(apart, cache_by_name(apart, 'UNIX')).name).toBe('UNIX')
    verifyMemory(apart)
  })
})

describe('kmem_cache_alloc', () => {
  const fresh = (): [Kernel, number] => {
    const k = bootMemory(128)
    return [k, cache_by_name(k, 'task_struct')]
  }

  /** The node's list of partial slabs. */
  function node_list(k: Kernel, cache: number): number[] {
    const list: number[] = []
    for (let slab = k.kmem_cache.partial_head[cache]!; slab !== 0; slab = k.slab.next[slab]!) list.push(slab)
    return list
  }

  test('fills one slab before it takes the next', () => {
    const [k, cache] = fresh()
    const handles = Array.from({ length: 11 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    expect(new Set(handles).size).toBe(11)
    expect(handles.map((h) => Math.floor(h / 512) - Math.floor(handles[0]! / 512))).toEqual([
      0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2,
    ])
    expect(slabinfo_row(k, cache)).toMatchObject({ active_objs: 15, num_objs: 15, num_slabs: 3 })
    expect(objects_in_use(k, cache)).toBe(11)
    verifyMemory(k)
  })

  test('a full slab that gets a hole waits on the CPU partial list and is used again first', () => {
    const [k, cache] = fresh()
    const handles = Array.from({ length: 10 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    kmem_cache_free(k, cache, handles[2]!)
    expect(k.kmem_cache_cpu.partial_slabs[cache * 64]).toBe(1)
    expect(kmem_cache_alloc(k, cache, GFP_KERNEL)).toBe(handles[2])
    verifyMemory(k)
  })

  test('surplus partial slabs go to the node, empty ones back to the page allocator', () => {
    const [k, cache] = fresh()
    drain_all_pages(k)
    const before = nr_free_pages(k)
    const handles = Array.from({ length: 500 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    expect(k.kmem_cache.nr_slabs[cache]).toBe(100)
    for (const handle of handles) kmem_cache_free(k, cache, handle)
    const left = k.kmem_cache.nr_slabs[cache]!
    expect(left).toBeLessThanOrEqual(1 + k.kmem_cache.min_partial[cache]! + k.kmem_cache.cpu_partial_slabs[cache]! + 1)
    expect(left).toBeGreaterThanOrEqual(k.kmem_cache.min_partial[cache]!)
    const row = slabinfo_row(k, cache)
    expect(row.active_objs).toBeLessThan(row.num_objs)
    verifyMemory(k)
    kmem_cache_shrink(k, cache)
    expect(k.kmem_cache.nr_slabs[cache]).toBe(0)
    drain_all_pages(k)
    expect(nr_free_pages(k)).toBe(before)
    verifyMemory(k)
  })

  test('a CPU without slabs takes one from the node and half of what its list may hold', () => {
    const [k, cache] = fresh()
    const handles = Array.from({ length: 60 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    for (let i = 0; i < 60; i += 5) kmem_cache_free(k, cache, handles[i]!)
    flush_cpu_slabs(k, cache)
    expect(k.kmem_cache.nr_partial[cache]).toBe(12)
    kmem_cache_alloc(k, cache, GFP_KERNEL)
    const limit = k.kmem_cache.cpu_partial_slabs[cache]!
    expect(k.kmem_cache_cpu.partial_slabs[cache * 64]).toBe((limit >> 1) + 1)
    expect(k.kmem_cache.nr_partial[cache]).toBe(12 - 1 - (limit >> 1) - 1)
    verifyMemory(k)
  })

  test('the CPU’s list goes to the node as a whole when one more would be too many', () => {
    const [k, cache] = fresh()
    const limit = k.kmem_cache.cpu_partial_slabs[cache]!
    const handles = Array.from({ length: 5 * (limit + 2) }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    const on_cpu = (): number => k.kmem_cache_cpu.partial_slabs[cache * 64]!
    for (let i = 0; i < limit; i++) {
      kmem_cache_free(k, cache, handles[i * 5]!)
      expect(on_cpu()).toBe(i + 1)
    }
    kmem_cache_free(k, cache, handles[limit * 5]!)
    expect([on_cpu(), k.kmem_cache.nr_partial[cache]]).toEqual([1, limit])
    verifyMemory(k)
  })

  test('a slab of the node that becomes empty goes while the node has min_partial others', () => {
    const [k, cache] = fresh()
    const handles = Array.from({ length: 60 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    for (let i = 0; i < 60; i += 5) kmem_cache_free(k, cache, handles[i]!)
    flush_cpu_slabs(k, cache)
    const min = k.kmem_cache.min_partial[cache]!
    for (let slab = 0; slab < 12; slab++) {
      for (let i = 1; i < 5; i++) kmem_cache_free(k, cache, handles[slab * 5 + i]!)
      expect(k.kmem_cache.nr_slabs[cache]).toBe(Math.max(11 - slab, min - 1))
    }
    verifyMemory(k)
  })

  test('shrinking puts the slabs in order: the fullest in front, of those alike the last one', () => {
    const [k, cache] = fresh()
    const handles = Array.from({ length: 30 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    const slabs = [0, 1, 2, 3, 4, 5].map((i) => Math.floor(handles[i * 5]! / 512))
    flush_cpu_slabs(k, cache)
    // Free places of each of the six slabs; the third is full, the fourth empty.
    ;[3, 1, 0, 5, 1, 4].forEach((free, slab) => {
      for (let i = 0; i < free; i++) kmem_cache_free(k, cache, handles[slab * 5 + i]!)
    })
    flush_cpu_slabs(k, cache)
    kmem_cache_shrink(k, cache)
    expect(node_list(k, cache).map((slab) => slabs.indexOf(slab))).toEqual([4, 1, 0, 5])
    expect(k.kmem_cache.nr_slabs[cache]).toBe(5)
    verifyMemory(k)
  })

  /** Memory of which only blocks of four frames are free, no two of them together. */
  function fragmented(): [Kernel, number] {
    const k = bare_machine({ ram: 128 * MiB })
    const gfp = GFP_NOWAIT | __GFP_NOWARN | __GFP_MEMALLOC | 0x10a
    const taken: number[] = []
    drain_all_pages(k)
    for (let pfn = alloc_page(k, gfp); pfn !== 0; pfn = alloc_page(k, gfp)) taken.push(pfn)
    for (const pfn of taken) if (pfn % 16 < 4) free_page(k, pfn)
    drain_all_pages(k)
    pgdat(k).kswapd_order = 0
    const cache = cache_by_name(k, 'task_struct')
    kmem_cache_shrink(k, cache)
    return [k, cache]
  }
  const stalls = (k: Kernel): number[] =>
    [C.allocstall_dma32, C.allocstall_normal, C.compact_stall, C.compact_fail].map((item) => k.vmstat[item]!)

  test('where memory is in small blocks only, slabs are smaller and hold fewer objects', () => {
    const [k, cache] = fragmented()
    const before = slabinfo_row(k, cache)
    for (let i = 0; i < 10; i++) expect(kmem_cache_alloc(k, cache, GFP_NOWAIT)).toBeGreaterThan(0)
    const row = slabinfo_row(k, cache)
    const smallest = 4096 << k.kmem_cache.min_order[cache]!
    const slabs = row.num_slabs - before.num_slabs
    expect(slabs).toBeGreaterThan(1)
    expect(row.num_objs - before.num_objs).toBe(slabs * Math.floor(smallest / k.kmem_cache.size[cache]!))
    // Who cannot wait asks kswapd for blocks of the wanted order.
    expect(pgdat(k).kswapd_order).toBe(k.kmem_cache.order[cache])
    verifyMemory(k)
  })

  test('who may wait does not for a large slab, and wakes nobody', () => {
    const [k, cache] = fragmented()
    const before = stalls(k)
    for (let i = 0; i < 10; i++) expect(kmem_cache_alloc(k, cache, GFP_KERNEL)).toBeGreaterThan(0)
    expect(stalls(k)).toEqual(before)
    expect(pgdat(k).kswapd_order).toBeLessThan(k.kmem_cache.order[cache]!)
  })

  test('objects that can be reclaimed keep together in pageblocks of their own', () => {
    const k = bootMemory(256)
    for (const [name, type] of [
      ['dentry', MIGRATE_RECLAIMABLE],
      ['filp', MIGRATE_UNMOVABLE],
    ] as const) {
      const cache = cache_by_name(k, name)
      const handles = Array.from({ length: 20_000 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
      expect(get_pageblock_migratetype(k, k.slab.pfn[Math.floor(handles.at(-1)! / 512)]!)).toBe(type)
    }
  })

  test('the slab that a CPU leaves goes to the head of the node’s list, its others to the tail', () => {
    const [k, cache] = fresh()
    const handles = Array.from({ length: 60 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    for (let i = 0; i < 60; i++) if (i % 5 < 2) kmem_cache_free(k, cache, handles[i]!)
    flush_cpu_slabs(k, cache)
    const before = node_list(k, cache)
    kmem_cache_alloc(k, cache, GFP_KERNEL)
    const left = node_list(k, cache)
    expect(left).toEqual(before.slice(-left.length))
    const taken = before.slice(1, before.length - left.length)
    flush_cpu_slabs(k, cache)
    expect(node_list(k, cache)).toEqual([before[0], ...left, ...taken.reverse()])
    verifyMemory(k)
  })

  test('who reclaims hears how many pages came back with slabs', () => {
    const k = bare_machine({ ram: 128 * MiB })
    const cache = cache_by_name(k, 'task_struct')
    const handles = Array.from({ length: 50 }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
    for (const handle of handles) kmem_cache_free(k, cache, handle)
    const before = k.kmem_cache.nr_slabs[cache]!
    k.task.reclaimed_slab[k.var.current] = 0
    kmem_cache_shrink(k, cache)
    const gone = before - k.kmem_cache.nr_slabs[cache]!
    expect(gone).toBeGreaterThan(0)
    expect(k.task.reclaimed_slab[k.var.current]).toBe(gone << k.kmem_cache.order[cache]!)
  })

  test('wastes up to a quarter of a slab to have more objects in it', () => {
    expect(calculate_order(bootMemory(128), 13_000)).toBe(3)
  })

  test('every CPU has its own slab', () => {
    const k = bootMemory(128, { cpus: 4 })
    const cache = cache_by_name(k, 'mm_struct')
    const slabs = [0, 1, 2, 3].map((cpu) => {
      k.var.cpu = cpu
      return Math.floor(kmem_cache_alloc(k, cache, GFP_KERNEL) / 512)
    })
    expect(new Set(slabs).size).toBe(4)
    flush_cpu_slabs(k, cache)
    expect(k.kmem_cache.nr_partial[cache]).toBe(4)
    verifyMemory(k)
  })

  test('freeing twice or into another cache is a bug', () => {
    const [k, cache] = fresh()
    const handle = kmem_cache_alloc(k, cache, GFP_KERNEL)
    expect(() => kmem_cache_free(k, cache_by_name(k, 'dentry'), handle)).toThrow('another cache')
    kmem_cache_free(k, cache, handle)
    expect(() => kmem_cache_free(k, cache, handle)).toThrow('free')
  })
})

describe('kmalloc', () => {
  test.each([
    [1, GFP_KERNEL, 'kmalloc-8'],
    [65, GFP_KERNEL, 'kmalloc-96'],
    [129, GFP_KERNEL, 'kmalloc-192'],
    [193, GFP_KERNEL | __GFP_ACCOUNT, 'kmalloc-cg-256'],
    [4097, GFP_KERNEL | __GFP_RECLAIMABLE, 'kmalloc-rcl-8k'],
    [1000, GFP_KERNEL | __GFP_DMA, 'dma-kmalloc-1k'],
  ])('of %d bytes takes the right cache', (size, gfp, name) => {
    const k = bootMemory(128)
    const cache = cache_by_name(k, name)
    const before = objects_in_use(k, cache)
    const handle = kmalloc(k, size, gfp)
    expect(objects_in_use(k, cache)).toBe(before + 1)
    kfree(k, handle)
    expect(objects_in_use(k, cache)).toBe(before)
    verifyMemory(k)
  })

  test('beyond 8 KiB takes pages and counts them as unreclaimable slab', () => {
    const k = bootMemory(128)
    const before = k.vmstat[C.nr_slab_unreclaimable]!
    const handle = kmalloc(k, 20_000, GFP_KERNEL)
    expect(handle).toBeLessThan(0)
    expect(k.vmstat[C.nr_slab_unreclaimable]).toBe(before + 8)
    verifyMemory(k)
    kfree(k, handle)
    expect(k.vmstat[C.nr_slab_unreclaimable]).toBe(before)
    verifyMemory(k)
  })
})
