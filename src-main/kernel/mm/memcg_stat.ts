/**
 * What cgroups count: events, statistics, the text of memory.stat.
 *
 * Linux: mm/memcontrol.c (memcg_memory_event, memory_stat_format). Simplified: figures of memory.stat that are levels
 * are counted when it is read, by looking at every page.
 */
import { C, type VmstatName } from '@shared/counters'
import {
  PG_anon,
  PG_dirty,
  PG_head,
  PG_reserved,
  PG_slab,
  PG_swapbacked,
  PG_swapcache,
  PG_table,
  PG_writeback,
  type Kernel,
} from '../kernel'
import { LEVEL_PMD, LEVEL_PTE } from '../arch/x86/pgtable'
import { first_task, next_task, printk } from '../task'
import { cgroup_children, cgroup_path, css_children, mem_cgroup_iter } from './memcg_tree'
import { zswap_of_memcg } from './zswap'

export const MEMCG_LOW = 0
export const MEMCG_HIGH = 1
export const MEMCG_MAX = 2
export const MEMCG_OOM = 3
export const MEMCG_OOM_KILL = 4
export const MEMCG_OOM_GROUP_KILL = 5
export const MEMCG_SWAP_HIGH = 6
export const MEMCG_SWAP_MAX = 7
export const MEMCG_SWAP_FAIL = 8
export const NR_MEMCG_EVENTS = 9
/** Words a cgroup of memcg.slab_b. */
export const MEMCG_NR_SLAB = 2
const STAT_WIDTH = 200
const STACK_BYTES = 16384

export function memcg_event(k: Kernel, memcg: number, event: number): void {
  if (memcg === 0) return
  k.memcg.events_local[memcg * NR_MEMCG_EVENTS + event]!++
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.events[m * NR_MEMCG_EVENTS + event]!++
}
export function count_memcg_events(k: Kernel, memcg: number, event: number, nr: number): void {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.stat[m * STAT_WIDTH + event]! += nr
}
/** Reclaim for a limit counts in the cgroup and all above it; only other reclaim counts in /proc/vmstat too. */
export function count_reclaim_events(k: Kernel, target: number, memcg: number, event: number, nr: number): void {
  if (target === 0) k.vmstat[event]! += nr
  else k.memcg.stat[event]! += nr
  count_memcg_events(k, memcg, event, nr)
}
/** An event of an address space: its owner's cgroup counts it. */
export function count_memcg_event_mm(k: Kernel, mm: number, event: number): void {
  if (k.memcg.meta.nr_live !== 0) count_memcg_events(k, k.task.cgroup[k.mm.owner[mm]!]!, event, 1)
}
export function mod_lruvec_lru_size(k: Kernel, memcg: number, lru: number, nr: number): void {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.lru_nr[m * 5 + lru]! += nr
}
/** A counter of a cgroup and all below it; item -1 is its usage in pages. */
export function memcg_page_state(k: Kernel, memcg: number, item: number): number {
  if (memcg === 0) return item < 0 ? 0 : k.vmstat[item]! + k.memcg.stat[item]!
  return item < 0 ? k.memcg.usage[memcg]! : k.memcg.stat[memcg * STAT_WIDTH + item]!
}

/** Pages on a list of a cgroup itself, without those below it. */
export function local_lru_size(k: Kernel, memcg: number, lru: number): number {
  let pages = memcg === 0 ? k.vmstat[C.nr_inactive_anon + lru]! : k.memcg.lru_nr[memcg * 5 + lru]!
  if (k.memcg.meta.nr_live === 0) return pages
  for (const child of css_children(k, memcg)) pages -= k.memcg.lru_nr[child * 5 + lru]!
  return pages
}
/** Bytes of slab objects of a cgroup itself (item 0 reclaimable, 1 not); nothing is charged to the root. */
export function local_slab_bytes(k: Kernel, memcg: number, item: 0 | 1): number {
  if (memcg === 0) return 0
  let bytes = k.memcg.slab_b[memcg * MEMCG_NR_SLAB + item]!
  for (const child of css_children(k, memcg)) bytes -= k.memcg.slab_b[child * MEMCG_NR_SLAB + item]!
  return Math.max(0, bytes)
}

const EVENTS: readonly VmstatName[] = [
  'workingset_refault_anon',
  'workingset_refault_file',
  'workingset_activate_anon',
  'workingset_activate_file',
  'workingset_restore_anon',
  'workingset_restore_file',
  'workingset_nodereclaim',
]
const RECLAIM: readonly VmstatName[] = [
  'pgscan_kswapd',
  'pgscan_direct',
  'pgsteal_kswapd',
  'pgsteal_direct',
  'pgfault',
  'pgmajfault',
  'pgrefill',
  'pgactivate',
  'pgdeactivate',
  'pglazyfree',
  'pglazyfreed',
  'zswpin',
  'zswpout',
  'thp_fault_alloc',
  'thp_collapse_alloc',
]

/** memory.stat: levels in bytes, then events. */
export function memory_stat(k: Kernel, memcg: number): [string, number][] {
  const levels = count_pages(k, new Set(mem_cgroup_iter(k, memcg)))
  const lru = (list: number): number =>
    (memcg === 0 ? k.vmstat[C.nr_inactive_anon + list]! : k.memcg.lru_nr[memcg * 5 + list]!) * 4096
  // Of the root only what its children were charged for: kernel memory of the root itself is nobody's.
  const charged = memcg === 0 ? cgroup_children(k, 0) : [memcg]
  const sum_of = (value: (m: number) => number): number => charged.reduce((sum, m) => sum + value(m), 0)
  const zswapped = zswap_of_memcg(k, memcg)
  const slab = (item: number): number =>
    Math.max(
      0,
      sum_of((m) => k.memcg.slab_b[m * MEMCG_NR_SLAB + item]!),
    )
  const event = (name: VmstatName): [string, number] => [name, memcg_page_state(k, memcg, C[name])]
  const sum = (a: VmstatName, b: VmstatName): number => event(a)[1] + event(b)[1]
  return [
    ['anon', levels.anon],
    ['file', levels.file],
    ['kernel', sum_of((m) => k.memcg.kmem[m]! * 4096)],
    ['kernel_stack', levels.kernel_stack],
    ['pagetables', levels.pagetables],
    ['sec_pagetables', 0],
    ['percpu', sum_of((m) => k.memcg.percpu_b[m]!)],
    ['sock', 0],
    ['vmalloc', 0],
    ['shmem', levels.shmem],
    ['zswap', zswapped.bytes],
    ['zswapped', zswapped.pages * 4096],
    ['file_mapped', levels.file_mapped],
    ['file_dirty', levels.file_dirty],
    ['file_writeback', levels.file_writeback],
    ['swapcached', levels.swapcached],
    ['anon_thp', levels.anon_thp],
    ['file_thp', 0],
    ['shmem_thp', 0],
    ['inactive_anon', lru(0)],
    ['active_anon', lru(1)],
    ['inactive_file', lru(2)],
    ['active_file', lru(3)],
    ['unevictable', lru(4)],
    ['slab_reclaimable', slab(0)],
    ['slab_unreclaimable', slab(1)],
    ['slab', slab(0) + slab(1)],
    ...EVENTS.map(event),
    ['pgscan', sum('pgscan_kswapd', 'pgscan_direct')],
    ['pgsteal', sum('pgsteal_kswapd', 'pgsteal_direct')],
    ...RECLAIM.map(event),
  ]
}

function count_pages(k: Kernel, members: ReadonlySet<number>) {
  const sum = {
    anon: 0,
    file: 0,
    kernel_stack: 0,
    pagetables: 0,
    shmem: 0,
    file_mapped: 0,
    file_dirty: 0,
    file_writeback: 0,
    swapcached: 0,
    anon_thp: 0,
  }
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    const flags = k.page.flags[pfn]!
    if (!members.has(k.page.memcg[pfn]!) || (flags & (PG_reserved | PG_slab)) !== 0) continue
    const bytes = (flags & PG_head) === 0 ? 4096 : 2 ** 21
    if ((flags & PG_table) !== 0 && k.page.memcg[pfn] !== 0 && is_counted_table(k, pfn)) sum.pagetables += bytes
    if ((flags & PG_swapcache) !== 0) sum.swapcached += bytes
    if ((flags & PG_anon) !== 0) {
      if (k.page.mapcount[pfn] !== 0) sum.anon += bytes
      if ((flags & PG_head) !== 0) sum.anon_thp += bytes
    } else if (k.page.mapping[pfn] !== 0 && (flags & PG_table) === 0) {
      sum.file += bytes
      if ((flags & PG_swapbacked) !== 0) sum.shmem += bytes
      if (k.page.mapcount[pfn] !== 0) sum.file_mapped += bytes
      if ((flags & PG_swapbacked) === 0 && (flags & PG_dirty) !== 0) sum.file_dirty += bytes
      if ((flags & PG_writeback) !== 0) sum.file_writeback += bytes
    }
  }
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
    const memcg = k.page.memcg[k.task.stack_pfn[t]!]!
    if (memcg !== 0 && members.has(memcg)) sum.kernel_stack += STACK_BYTES
  }
  return sum
}
/** NR_PAGETABLE has PTE and PMD tables. */
function is_counted_table(k: Kernel, pfn: number): boolean {
  const level = k.pt.level[k.page.mapping[pfn]!]!
  return level === LEVEL_PTE || level === LEVEL_PMD
}

/** Bytes that syslog(2) gives of one record, and what it puts before each line: `<6>[    6.028394] `. */
const CONSOLE_LOG_MAX = 1024
const PREFIX = 18

/** The head of a cgroup's OOM report. */
export function mem_cgroup_print_oom_meminfo(k: Kernel, memcg: number): void {
  const kB = (pages: number): string => (pages === Infinity ? '9007199254740988kB' : `${pages * 4}kB`)
  const { usage, max, failcnt, swap, swap_max } = k.memcg
  printk(k, `memory: usage ${kB(usage[memcg]!)}, limit ${kB(max[memcg]!)}, failcnt ${failcnt[memcg]}`)
  printk(k, `swap: usage ${kB(swap[memcg]!)}, limit ${kB(swap_max[memcg]!)}, failcnt 0`)
  printk(k, `Memory cgroup stats for ${cgroup_path(k, memcg)}:`)
  // The text is one record of the log; a reader gets as many of its lines as fit with their prefixes.
  let room = CONSOLE_LOG_MAX
  for (const [name, value] of memory_stat(k, memcg)) {
    const line = `${name} ${value}`
    room -= PREFIX + line.length + 1
    if (room < 0) return
    printk(k, line)
  }
}
