/** The slab caches of a sample, with slabtop's columns, sort keys and totals. */
import type { WatchSlab } from '@shared/protocol'
import type { SlabColumn } from '@shared/sample'
import type { Sample } from './sample'
import type { Track } from './track'

const PAGE_KB = 4

export interface SlabCache {
  readonly name: string
  readonly objs: number
  readonly active: number
  /** Per cent, as slabtop: truncated. */
  readonly use: number
  /** Bytes. */
  readonly objSize: number
  readonly slabs: number
  readonly activeSlabs: number
  readonly objPerSlab: number
  readonly pagesPerSlab: number
  readonly cacheKB: number
  readonly reclaimable: boolean
}

export function slabCaches(sample: Sample, names: readonly string[]): SlabCache[] {
  return Array.from({ length: sample.nrSlab }, (_, row) => {
    const at = (column: SlabColumn): number => sample.slab(row, column)
    const objs = at('num_objs')
    return {
      name: names[at('name')] ?? '',
      objs,
      active: at('active_objs'),
      use: objs > 0 ? Math.floor((at('active_objs') / objs) * 100) : 0,
      objSize: at('objsize'),
      slabs: at('num_slabs'),
      activeSlabs: at('active_slabs'),
      objPerSlab: at('objperslab'),
      pagesPerSlab: at('pagesperslab'),
      cacheKB: at('num_slabs') * at('pagesperslab') * PAGE_KB,
      reclaimable: at('reclaimable') !== 0,
    }
  })
}

/** slabtop's sort keys, by its letters. */
export const SLAB_SORTS = [
  { key: 'c', label: 'size', value: (s: SlabCache) => s.cacheKB },
  { key: 'o', label: 'objs', value: (s: SlabCache) => s.objs },
  { key: 'a', label: 'active', value: (s: SlabCache) => s.active },
  { key: 'u', label: 'use', value: (s: SlabCache) => s.use },
  { key: 's', label: 'obj size', value: (s: SlabCache) => s.objSize },
  { key: 'l', label: 'slabs', value: (s: SlabCache) => s.slabs },
  { key: 'v', label: 'active slabs', value: (s: SlabCache) => s.activeSlabs },
  { key: 'b', label: 'obj/slab', value: (s: SlabCache) => s.objPerSlab },
  { key: 'p', label: 'pages/slab', value: (s: SlabCache) => s.pagesPerSlab },
  { key: 'n', label: 'name', value: (s: SlabCache) => s.name },
] as const
export type SlabSort = (typeof SLAB_SORTS)[number]['key']

/** Figures descend, names ascend, as in slabtop; `reversed` turns that round. */
export function sortCaches(caches: readonly SlabCache[], key: SlabSort, reversed = false): SlabCache[] {
  const { value } = SLAB_SORTS.find((s) => s.key === key)!
  const sign = (key === 'n' ? 1 : -1) * (reversed ? -1 : 1)
  return [...caches].sort((a, b) => {
    const [x, y] = [value(a), value(b)]
    return x < y ? -sign : x > y ? sign : a.name < b.name ? -1 : 1
  })
}

export interface SlabTotals {
  readonly activeObjs: number
  readonly objs: number
  readonly activeSlabs: number
  readonly slabs: number
  readonly activeCaches: number
  readonly caches: number
  readonly activeKB: number
  readonly sizeKB: number
  readonly minObj: number
  readonly avgObj: number
  readonly maxObj: number
}

/** The figures of slabtop's head. Sizes count objects, as slabtop's do; empty caches do not count as active. */
export function slabTotals(caches: readonly SlabCache[]): SlabTotals {
  const sum = (of: (s: SlabCache) => number): number => caches.reduce((total, s) => total + of(s), 0)
  const objs = sum((s) => s.objs)
  const sizes = caches.filter((s) => s.objs > 0).map((s) => s.objSize)
  return {
    activeObjs: sum((s) => s.active),
    objs,
    activeSlabs: sum((s) => s.activeSlabs),
    slabs: sum((s) => s.slabs),
    activeCaches: caches.filter((s) => s.active > 0).length,
    caches: caches.length,
    activeKB: sum((s) => s.active * s.objSize) / 1024,
    sizeKB: sum((s) => s.objs * s.objSize) / 1024,
    minObj: sizes.length > 0 ? Math.min(...sizes) / 1024 : 0,
    avgObj: objs > 0 ? sum((s) => s.objs * s.objSize) / objs / 1024 : 0,
    maxObj: sizes.length > 0 ? Math.max(...sizes) / 1024 : 0,
  }
}

/** Object size as slabtop prints it: `0.19K`. */
export const objSizeText = (bytes: number): string => `${(bytes / 1024).toFixed(2)}K`

/** The past of every cache: what /proc/slabinfo said at each sample that came by, kB. */
export type SlabTrack = Track<`${string}:size` | `${string}:active`>

export function trackSlabs(track: SlabTrack, ms: number, caches: readonly SlabCache[], expected = 0): void {
  track.push(
    ms,
    caches.flatMap((c) => [
      [`${c.name}:size`, c.cacheKB] as const,
      [`${c.name}:active`, (c.active * c.objSize) / 1024] as const,
    ]),
    expected,
  )
}

/** The slabs of one cache, close up. */
export interface SlabDetail {
  readonly cache: string
  readonly objsize: number
  readonly objperslab: number
  readonly slabs: readonly {
    readonly pfn: number
    readonly inuse: number
    readonly state: 'cpu' | 'partial' | 'full' | 'empty'
    readonly isUsed: (object: number) => boolean
  }[]
}

/** What the engine tells of a cache; a bit of `used` is an object. */
export function slabDetail({ cache, objsize, objects, slabs }: WatchSlab): SlabDetail {
  return {
    cache,
    objsize,
    objperslab: objects,
    slabs: slabs.map(({ pfn, inuse, list, used }) => ({
      pfn,
      inuse,
      state: list === 'partial' && inuse === 0 ? 'empty' : list,
      isUsed: (object) => ((used[object >> 5]! >>> (object & 31)) & 1) === 1,
    })),
  }
}

export const SLAB_STATES = [
  ['cpu', 'CPU'],
  ['partial', 'Node partial'],
  ['full', 'Full'],
  ['empty', 'Empty'],
] as const

/** Slabs by state in the order CPU, partial, full, empty; within partial the emptiest first. */
export function slabGroups(
  detail: SlabDetail,
): { readonly state: string; readonly title: string; readonly slabs: SlabDetail['slabs'] }[] {
  return SLAB_STATES.map(([state, title]) => ({
    state,
    title,
    slabs: detail.slabs.filter((s) => s.state === state).sort((a, b) => a.inuse - b.inuse || a.pfn - b.pfn),
  })).filter((group) => group.slabs.length > 0)
}
