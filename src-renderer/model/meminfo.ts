/**
 * /proc/meminfo as a tree whose branches add up, and the formulas behind its lines.
 *
 * `whole` of a branch is split into its parts plus what is left (named by `rest`); lines which overlap others
 * (Mapped, Dirty, Active…) stand beside the sum, not in it.
 */
import { MEMINFO, type CounterName, type MeminfoName } from '@shared/counters'

export type Value = (name: CounterName) => number

export interface MeminfoNode {
  /** A line of /proc/meminfo, or the word for a computed one. */
  readonly name: string
  readonly children?: readonly MeminfoNode[]
  /** A line that is no counter: computed from others, kB. */
  readonly compute?: (v: Value) => number
  readonly swatch?: string
  readonly note?: string
}

const line = (name: MeminfoName, swatch?: string, children?: readonly MeminfoNode[]): MeminfoNode => ({
  name,
  ...(swatch ? { swatch } : {}),
  ...(children ? { children } : {}),
})

const fileCache = (v: Value): number => v('Cached') - v('Shmem')
const inUse = (v: Value): number =>
  v('AnonPages') + v('Slab') + v('KernelStack') + v('PageTables') + v('SecPageTables') + v('Percpu') + v('Hugetlb')
/** SwapCached pages are counted in AnonPages as long as they are mapped, so "other" can only be told to within it. */
const other = (v: Value): number => v('MemTotal') - v('MemFree') - inUse(v) - v('Buffers') - v('Cached')

export const MEMINFO_TREE: readonly MeminfoNode[] = [
  line('MemTotal', undefined, [
    line('MemFree', 'free'),
    line('Buffers', 'buffers'),
    line('Cached', 'file', [
      { name: 'file pages', compute: fileCache, swatch: 'file', note: 'Cached − Shmem' },
      line('Shmem', 'shmem', [line('ShmemHugePages'), line('ShmemPmdMapped')]),
    ]),
    line('AnonPages', 'anon', [line('AnonHugePages')]),
    line('Slab', 'slab-u', [line('SReclaimable', 'slab-r'), line('SUnreclaim', 'slab-u')]),
    line('KernelStack', 'kstack'),
    line('PageTables', 'pgtable'),
    line('SecPageTables', 'pgtable'),
    line('Percpu', 'other'),
    line('Hugetlb', 'hugetlb', [
      line('HugePages_Total'),
      line('HugePages_Free'),
      line('HugePages_Rsvd'),
      line('HugePages_Surp'),
      line('Hugepagesize'),
    ]),
    { name: 'other', compute: other, swatch: 'other', note: 'MemTotal less all above: driver and boot allocations' },
  ]),
  line('MemAvailable'),
  line('SwapTotal', 'swap', [
    line('SwapFree', 'free'),
    { name: 'swap used', compute: (v) => v('SwapTotal') - v('SwapFree'), swatch: 'swap', note: 'SwapTotal − SwapFree' },
  ]),
  line('SwapCached', 'swap'),
  line('Active', undefined, [line('Active(anon)', 'anon'), line('Active(file)', 'file')]),
  line('Inactive', undefined, [line('Inactive(anon)', 'anon'), line('Inactive(file)', 'file')]),
  line('Unevictable', undefined, [line('Mlocked')]),
  line('Dirty'),
  line('Writeback', undefined, [line('WritebackTmp'), line('NFS_Unstable')]),
  line('Mapped'),
  line('KReclaimable', 'slab-r'),
  line('CommitLimit'),
  line('Committed_AS'),
  line('Zswap', undefined, [line('Zswapped')]),
  line('VmallocTotal', undefined, [line('VmallocUsed'), line('VmallocChunk')]),
  line('FileHugePages', undefined, [line('FilePmdMapped')]),
  line('Bounce'),
  line('HardwareCorrupted'),
  line('DirectMap4k'),
  line('DirectMap2M'),
]

export interface MeminfoRow {
  readonly node: MeminfoNode
  readonly key: string
  readonly depth: number
  readonly guide: string
  readonly folded: boolean
  readonly value: number
  /** kB, or pages for HugePages_*. */
  readonly unit: string
  readonly change: number
}

const UNITS = new Map<string, string>(MEMINFO.map(([name, , unit]) => [name, unit === 'pages' ? '' : unit]))

export const valueOf = (node: MeminfoNode, v: Value): number => node.compute?.(v) ?? v(node.name as MeminfoName)

/** The tree's lines as shown; `then` gives the values at the start of the range. */
export function meminfoRows(v: Value, then: Value | null, folded: ReadonlySet<string>): MeminfoRow[] {
  const rows: MeminfoRow[] = []
  const walk = (nodes: readonly MeminfoNode[], prefix: string, path: string, depth: number): void => {
    nodes.forEach((node, at) => {
      const last = at === nodes.length - 1
      const key = `${path}/${node.name}`
      const isFolded = folded.has(key)
      const value = valueOf(node, v)
      rows.push({
        node,
        key,
        depth,
        guide: depth === 0 ? '' : prefix + (last ? '└ ' : '├ '),
        folded: isFolded,
        value,
        unit: UNITS.get(node.name) ?? 'kB',
        change: then === null ? Number.NaN : value - valueOf(node, then),
      })
      if (node.children && !isFolded)
        walk(node.children, depth === 0 ? '' : prefix + (last ? '  ' : '│ '), key, depth + 1)
    })
  }
  walk(MEMINFO_TREE, '', '', 0)
  return rows
}

export interface FormulaLine {
  readonly sign: '' | '+' | '−' | '='
  readonly name: string
  readonly kB: number
}

export interface Explanation {
  readonly text: string
  readonly source: string
  readonly lines: readonly FormulaLine[]
}

const sum = (
  result: string,
  v: Value,
  plus: readonly CounterName[],
  minus: readonly CounterName[] = [],
): FormulaLine[] => {
  const value = plus.reduce((s, n) => s + v(n), 0) - minus.reduce((s, n) => s + v(n), 0)
  return [
    ...plus.map((name, i) => ({ sign: i === 0 ? ('' as const) : ('+' as const), name, kB: v(name) })),
    ...minus.map((name) => ({ sign: '−' as const, name, kB: v(name) })),
    { sign: '=', name: result, kB: value },
  ]
}

/** What totalreserve_pages must be for the printed MemAvailable; it is no line of meminfo. */
function memAvailable(v: Value): FormulaLine[] {
  const low = v('wmark_low') * 4
  const pagecache = v('Active(file)') + v('Inactive(file)')
  const reclaimable = v('KReclaimable')
  const heldCache = Math.min(pagecache / 2, low)
  const heldSlab = Math.min(reclaimable / 2, low)
  const available = v('MemAvailable')
  const reserve = v('MemFree') + pagecache - heldCache + reclaimable - heldSlab - available
  return [
    { sign: '', name: 'MemFree', kB: v('MemFree') },
    ...(available > 0 ? [{ sign: '−' as const, name: 'totalreserve_pages', kB: reserve }] : []),
    { sign: '+', name: 'Active(file) + Inactive(file)', kB: pagecache },
    { sign: '−', name: 'min(half of it, low watermark)', kB: heldCache },
    { sign: '+', name: 'KReclaimable', kB: reclaimable },
    { sign: '−', name: 'min(half of it, low watermark)', kB: heldSlab },
    { sign: '=', name: available > 0 ? 'MemAvailable' : 'MemAvailable, not under 0', kB: available },
  ]
}

type Explain = { readonly text: string; readonly source: string; readonly lines?: (v: Value) => FormulaLine[] }

const EXPLAIN: Readonly<Record<string, Explain>> = {
  MemTotal: {
    text: 'RAM the page allocator manages: what boot, the kernel image and firmware left over.',
    source: 'mm/show_mem.c: totalram_pages',
  },
  MemFree: {
    text: 'Pages in the buddy lists and the per-CPU lists.',
    source: 'mm/vmstat.c: NR_FREE_PAGES × 4',
    lines: (v) => [
      { sign: '', name: 'zone DMA', kB: v('zone_dma_free') * 4 },
      { sign: '+', name: 'zone DMA32', kB: v('zone_dma32_free') * 4 },
      { sign: '+', name: 'zone Normal', kB: v('zone_normal_free') * 4 },
      { sign: '=', name: 'MemFree', kB: (v('zone_dma_free') + v('zone_dma32_free') + v('zone_normal_free')) * 4 },
    ],
  },
  MemAvailable: {
    text: 'What a new program could take before the machine swaps: free memory above the reserves, and the part of caches that can go.',
    source: 'mm/show_mem.c: si_mem_available',
    lines: memAvailable,
  },
  Buffers: {
    text: 'Page cache of block devices, mostly file system metadata.',
    source: 'fs/proc/meminfo.c: si.bufferram',
  },
  Cached: {
    text: 'Page cache of files and tmpfs, without Buffers and swap cache.',
    source: 'fs/proc/meminfo.c',
    lines: (v) => [
      { sign: '', name: 'nr_file_pages × 4', kB: v('nr_file_pages') * 4 },
      { sign: '−', name: 'SwapCached', kB: v('SwapCached') },
      { sign: '−', name: 'Buffers', kB: v('Buffers') },
      { sign: '=', name: 'Cached', kB: v('nr_file_pages') * 4 - v('SwapCached') - v('Buffers') },
    ],
  },
  SwapCached: {
    text: 'Pages in RAM whose copy in swap is still good: going out again costs no I/O.',
    source: 'mm/swap_state.c: NR_SWAPCACHE',
  },
  Active: {
    text: 'On the active LRU lists: used more than once lately.',
    source: 'fs/proc/meminfo.c',
    lines: (v) => sum('Active', v, ['Active(anon)', 'Active(file)']),
  },
  Inactive: {
    text: 'On the inactive LRU lists: the next that reclaim looks at.',
    source: 'fs/proc/meminfo.c',
    lines: (v) => sum('Inactive', v, ['Inactive(anon)', 'Inactive(file)']),
  },
  Unevictable: { text: 'Pages that reclaim must not touch: mlock, ramfs.', source: 'mm/vmscan.c: LRU_UNEVICTABLE' },
  SwapTotal: { text: 'All swap areas together.', source: 'mm/swapfile.c: total_swap_pages' },
  SwapFree: { text: 'Free slots of all swap areas.', source: 'mm/swapfile.c: nr_swap_pages' },
  Dirty: { text: 'File pages that wait to be written.', source: 'mm/page-writeback.c: NR_FILE_DIRTY' },
  Writeback: { text: 'Pages being written now.', source: 'mm/page-writeback.c: NR_WRITEBACK' },
  AnonPages: {
    text: 'Anonymous pages mapped by processes: heap, stack, private copies.',
    source: 'mm/rmap.c: NR_ANON_MAPPED',
  },
  Mapped: { text: 'File and tmpfs pages mapped by processes. Part of Cached.', source: 'mm/rmap.c: NR_FILE_MAPPED' },
  Shmem: { text: 'tmpfs and shared memory. In Cached, but only swap can take it.', source: 'mm/shmem.c: NR_SHMEM' },
  Slab: {
    text: 'Objects of the kernel in slab caches.',
    source: 'mm/slub.c',
    lines: (v) => sum('Slab', v, ['SReclaimable', 'SUnreclaim']),
  },
  KReclaimable: {
    text: 'Kernel memory that a shrinker can give back: SReclaimable and a little more.',
    source: 'fs/proc/meminfo.c',
  },
  KernelStack: { text: 'Stacks of all tasks in the kernel, 16 kB each.', source: 'kernel/fork.c: NR_KERNEL_STACK_KB' },
  PageTables: { text: 'Page tables of all processes.', source: 'mm/memory.c: NR_PAGETABLE' },
  CommitLimit: {
    text: 'With vm.overcommit_memory = 2 no more than this can be promised: a share of RAM, without huge pages, plus swap.',
    source: 'mm/util.c: vm_commit_limit',
  },
  Committed_AS: { text: 'Memory promised to processes, touched or not.', source: 'mm/util.c: vm_committed_as' },
  Percpu: { text: 'Per-CPU data of the kernel.', source: 'mm/percpu.c: pcpu_nr_pages' },
  Hugetlb: { text: 'Memory set aside as huge pages, used or not.', source: 'mm/hugetlb.c' },
  AnonHugePages: { text: 'The part of AnonPages in transparent huge pages.', source: 'mm/huge_memory.c: NR_ANON_THPS' },
  'file pages': {
    text: 'Page cache of files on disk: can be dropped once clean.',
    source: 'computed',
    lines: (v) => sum('file pages', v, ['Cached'], ['Shmem']),
  },
  'swap used': {
    text: 'Slots of swap that hold a page.',
    source: 'computed',
    lines: (v) => sum('swap used', v, ['SwapTotal'], ['SwapFree']),
  },
  other: {
    text: 'Pages in use that no line of meminfo counts: allocated directly by kernel code.',
    source: 'computed',
    lines: (v) =>
      sum(
        'other',
        v,
        ['MemTotal'],
        [
          'MemFree',
          'AnonPages',
          'Buffers',
          'Cached',
          'Slab',
          'KernelStack',
          'PageTables',
          'SecPageTables',
          'Percpu',
          'Hugetlb',
        ],
      ),
  },
}

export function explain(name: string, v: Value): Explanation | null {
  const known = EXPLAIN[name]
  return known ? { text: known.text, source: known.source, lines: known.lines?.(v) ?? [] } : null
}

/** How MemTotal is made up, for one bar; the parts are those of the tree and reach the total. */
export function composition(v: Value): { readonly name: string; readonly swatch: string; readonly kB: number }[] {
  const top = MEMINFO_TREE[0]!.children!
  return top
    .flatMap((node) => (node.name === 'Cached' ? node.children! : [node]))
    .map((node) => ({
      name: node.name,
      swatch: node.swatch ?? 'other',
      kB: valueOf(node, v),
    }))
}
