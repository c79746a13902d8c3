/**
 * What someone who does not believe the figures would add up: the texts of /proc against each other, on several scenarios
 * and at several instants, and against a walk over all frames.
 */
import { describe, expect, test } from 'vitest'
import { VMSTAT } from '../../src-shared/counters'
import {
  PG_buddy,
  PG_head,
  PG_hugetlb,
  PG_lru,
  PG_ORDER_SHIFT,
  PG_pcp,
  PG_reserved,
  PG_slab,
  PG_swapcache,
  PG_table,
  type Kernel,
} from '../../src-main/kernel/kernel'
import { memory_map } from '../../src-main/kernel/e820'
import { proc_list, proc_read, proc_write } from '../../src-main/kernel/proc'
import { find_task_by_pid, first_task, next_task, send_signal } from '../../src-main/kernel/task'
import { verify } from '../../src-main/kernel/verify'
import { figures, runningOf, scenarioNamed, scenarioOf, type Running } from '../support/machine'

const text = (k: Kernel, path: string): string => String(proc_read(k, path))
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)
const all = (where: string, pattern: RegExp): number[] => [...where.matchAll(pattern)].map((m) => Number(m[1]))
const pids = (k: Kernel): number[] => (proc_list(k, '/proc') as string[]).filter((n) => /^\d+$/.test(n)).map(Number)
const users = (k: Kernel): number[] => pids(k).filter((pid) => k.task.mm[find_task_by_pid(k, pid)] !== 0)

/** Every managed frame, by whose it is. */
interface Frames {
  /** On per-CPU lists; on an LRU list; of users but on none (in a CPU's batch, or taken off by reclaim). */
  pcp: number
  lru: number
  off_lru: number
  tables: number
  cached_stacks: number
  hugetlb: number
  /** What the kernel took at boot and keeps: no counter of /proc has it. */
  own: number
}
function frames(k: Kernel): Frames {
  const sum: Frames = { pcp: 0, lru: 0, off_lru: 0, tables: 0, cached_stacks: 0, hugetlb: 0, own: 0 }
  const stacks = new Set<number>()
  const chain = (first: number, of: Set<number>): void => {
    for (let pfn = first; pfn !== 0; pfn = k.page.private[pfn]!) of.add(pfn)
  }
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) chain(k.task.stack_pfn[t]!, stacks)
  const cached = new Set<number>()
  const caches = (k.var.mod['cached_stacks'] as number[][] | undefined) ?? []
  for (const cache of caches) for (const first of cache ?? []) chain(first, cached)
  sum.cached_stacks = cached.size
  const map = memory_map(k.config)
  const is_ram = (pfn: number): boolean => map.some(({ start, end }) => pfn >= start && pfn < end)
  for (let pfn = 1; pfn < k.var.max_pfn; pfn++) {
    const flags = k.page.flags[pfn]!
    const nr = 1 << ((flags >>> PG_ORDER_SHIFT) & 15)
    if ((flags & PG_pcp) !== 0) sum.pcp += nr
    if ((flags & (PG_buddy | PG_pcp)) !== 0) pfn += nr - 1
    else if ((flags & PG_slab) !== 0) pfn += (flags & PG_head) === 0 ? 0 : nr - 1
    else if ((flags & PG_reserved) !== 0 || stacks.has(pfn) || cached.has(pfn)) continue
    else if ((flags & PG_table) !== 0) sum.tables++
    else if ((flags & PG_hugetlb) !== 0) sum.hugetlb++
    else if ((flags & PG_lru) !== 0) {
      sum.lru += (flags & PG_head) === 0 ? 1 : nr
      if ((flags & PG_head) !== 0) pfn += nr - 1
    } else if (k.page.mapping[pfn] !== 0 || k.page.mapcount[pfn] !== 0 || (flags & PG_swapcache) !== 0) sum.off_lru++
    else if (is_ram(pfn)) sum.own++
  }
  sum.own -= k.var.kmalloc_large_pages
  return sum
}

/** MemTotal to the page: what the lines of meminfo and zoneinfo say, and the few frames that no line has. */
function check_total(k: Kernel, own: number): void {
  const f = figures(k)
  const m = frames(k)
  expect(sum(all(text(k, '/proc/zoneinfo'), /^ +count: (\d+)$/gm))).toBe(m.pcp)
  expect(f['Active']! + f['Inactive']! + f['Unevictable']!).toBe(m.lru * 4)
  expect(f['Hugetlb']).toBe(m.hugetlb * 4)
  expect(m.own, 'frames that nothing accounts for').toBe(own)
  const counted = f['MemFree']! + f['Active']! + f['Inactive']! + f['Unevictable']! + f['Slab']! + f['KernelStack']!
  const uncounted = m.pcp + m.off_lru + m.cached_stacks + (m.tables - f['PageTables']! / 4) + m.own
  expect(counted + f['PageTables']! + f['Hugetlb']! + uncounted * 4).toBe(f['MemTotal'])
}

function check_memory(k: Kernel): void {
  const f = figures(k)
  expect(f['Active']).toBe(f['Active(anon)']! + f['Active(file)']!)
  expect(f['Inactive']).toBe(f['Inactive(anon)']! + f['Inactive(file)']!)
  expect(f['Shmem']).toBeLessThanOrEqual(f['Cached']!)
  expect(f['Slab']).toBe(f['SReclaimable']! + f['SUnreclaim']!)
  expect(f['MemFree']).toBe(f['nr_free_pages']! * 4)
  expect(f['SwapFree']).toBeLessThanOrEqual(f['SwapTotal']!)
  expect(f['MemAvailable']).toBeLessThanOrEqual(f['MemTotal']!)
  expect(f['pgfault']).toBeGreaterThanOrEqual(f['pgmajfault']!)
  expect(f['Cached']! + f['Buffers']! + f['SwapCached']!).toBe(f['nr_file_pages']! * 4)
  expect(f['Dirty']! + f['Writeback']!).toBeLessThanOrEqual(f['Cached']! + f['Buffers']! + f['SwapCached']!)
}

/** Free pages by order, by zone, by migrate type and in sum: one number. */
function check_free(k: Kernel): void {
  const rows = text(k, '/proc/buddyinfo').trim().split('\n')
  const free = sum(
    rows.map((row) =>
      sum(
        row
          .trim()
          .split(/\s+/)
          .slice(4)
          .map((n, order) => Number(n) * 2 ** order),
      ),
    ),
  )
  const { nr_free_pages } = figures(k)
  expect(free).toBe(nr_free_pages)
  expect(sum(all(text(k, '/proc/zoneinfo'), /pages free +(\d+)/g))).toBe(nr_free_pages)
  const types = text(k, '/proc/pagetypeinfo')
    .split('\n')
    .filter((line) => /^Node +0, zone.*type/.test(line))
  expect(
    sum(
      types.map((row) =>
        sum(
          row
            .trim()
            .split(/\s+/)
            .slice(6)
            .map((n, order) => Number(n) * 2 ** order),
        ),
      ),
    ),
  ).toBe(nr_free_pages)
}

function check_slabs(k: Kernel): void {
  let pages = 0
  for (const row of text(k, '/proc/slabinfo').trim().split('\n').slice(2)) {
    const w = row.split(/\s+/)
    const [active, objs, size, per_slab, slab_pages] = w.slice(1, 6).map(Number)
    const slabs = Number(w[14])
    // Without memory for more, a slab is as small as an object allows (allocate_slab, s->min): fewer objects, fewer pages.
    const least = 2 ** Math.ceil(Math.log2(Math.max(1, size! / 4096)))
    const missing = per_slab! - Math.floor((least * 4096) / size!)
    const small = missing === 0 ? 0 : (per_slab! * slabs - objs!) / missing
    expect(objs, row).toBe(per_slab! * slabs - small * missing)
    expect(Number.isInteger(small) && small >= 0 && small <= slabs, row).toBe(true)
    expect(active, row).toBeLessThanOrEqual(objs!)
    pages += slabs * slab_pages! - small * (slab_pages! - least)
  }
  // What kmalloc could not take from a cache is slab memory without one.
  expect((pages + k.var.kmalloc_large_pages) * 4).toBe(figures(k)['Slab'])
}

function check_processes(k: Kernel): void {
  let tables = 0
  for (const pid of users(k)) {
    const at = `/proc/${pid}`
    const rollup = (name: string): number =>
      all(text(k, `${at}/smaps_rollup`), new RegExp(`^${name}: +(\\d+) kB$`, 'gm'))[0]!
    for (const name of ['Rss', 'Anonymous', 'Swap', 'Private_Dirty', 'Referenced'])
      expect(sum(all(text(k, `${at}/smaps`), new RegExp(`^${name}: +(\\d+) kB$`, 'gm'))), `${pid} ${name}`).toBe(
        rollup(name),
      )
    const status = (name: string): number => all(text(k, `${at}/status`), new RegExp(`^${name}:\\s+(\\d+)`, 'gm'))[0]!
    expect(status('VmRSS')).toBe(status('RssAnon') + status('RssFile') + status('RssShmem'))
    expect(Number(text(k, `${at}/statm`).split(' ')[1]) * 4).toBe(status('VmRSS'))
    expect(Number(text(k, `${at}/stat`).split(') ')[1]!.split(' ')[21]) * 4).toBe(status('VmRSS'))
    expect(Math.abs(rollup('Rss') - status('VmRSS')), `${pid} Rss`).toBeLessThanOrEqual(RSS_LAG_KB)
    expect(status('VmHWM')).toBeGreaterThanOrEqual(status('VmRSS'))
    expect(status('VmPeak')).toBeGreaterThanOrEqual(status('VmSize'))
    // status counts swapped pages with the same lag; rollup also tells of those of tmpfs.
    expect(rollup('Swap')).toBeGreaterThanOrEqual(status('VmSwap') - RSS_LAG_KB)
    tables += status('VmPTE')
  }
  // VmPTE has the tables of the third level too, PageTables has not: at most one for each 512 GiB in use.
  const { PageTables } = figures(k)
  expect(PageTables).toBeLessThanOrEqual(tables)
  expect(tables - PageTables!).toBeLessThanOrEqual(users(k).length * 3 * 4)
}
/** Faults are added up for 64 of them before status sees their pages. */
const RSS_LAG_KB = 3 * 64 * 16 * 4

function check_idle_score(k: Kernel): void {
  for (const pid of pids(k)) {
    const t = find_task_by_pid(k, pid)
    const adj = k.task.oom_score_adj[t]!
    const score = Number(text(k, `/proc/${pid}/oom_score`))
    if (k.task.mm[t] === 0 || pid === 1 || adj === -1000) expect(score, String(pid)).toBe(0)
    else if (adj === 0) expect(score, String(pid)).toBeGreaterThanOrEqual(666)
  }
}

const RUNS: readonly (readonly [scenario: string, seconds: readonly number[]])[] = [
  ['calm-desktop', [3, 8]],
  ['leak-to-oom', [15, 32, 50]],
  ['fork-and-cow', [12]],
  ['thrashing', [14, 22]],
  ['database-and-cache', [14]],
]

describe.each(RUNS)('%s', (name, instants) => {
  test(`adds up at ${instants.join(', ')} s`, () => {
    const m = runningOf(scenarioNamed(name))
    const { own } = frames(m.k)
    let before = figures(m.k)
    for (const seconds of instants) {
      m.runTo(seconds)
      const { k } = m
      check_memory(k)
      check_free(k)
      check_slabs(k)
      check_processes(k)
      check_idle_score(k)
      check_total(k, own)
      const now = figures(k)
      for (const [event, kind] of VMSTAT)
        if (kind === 'event') expect(now[event], event).toBeGreaterThanOrEqual(before[event]!)
      before = now
    }
    verify(m.k)
  })
})

describe('an idle process', () => {
  test('has an oom_score of 666, and 0 where it may not be killed', () => {
    const m = runningOf(scenarioOf(IDLE))
    m.runTo(2)
    const pid = pids(m.k).find((p) => text(m.k, `/proc/${p}/comm`) === 'idler\n')!
    expect(text(m.k, `/proc/${pid}/oom_score`)).toBe('666\n')
    expect(proc_write(m.k, `/proc/${pid}/oom_score_adj`, '-1000')).toBe(0)
    expect(text(m.k, `/proc/${pid}/oom_score`)).toBe('0\n')
  })
})
const IDLE = `memscope: scenario/1
title: one idler
seed: 1
base: none
machine: { ram: 4GiB }
processes:
  - { program: memhog, name: idler, params: { size: 4KiB } }
until: 5s
`

describe('cgroups', () => {
  test("a cgroup's memory.current holds those below it, and its pages are those of its tasks", () => {
    const m = runningOf(scenarioOf(GROUPS))
    m.runTo(6)
    const { k } = m
    const current = (path: string): number => Number(text(k, `/sys/fs/cgroup${path}/memory.current`))
    expect(current('/web')).toBeGreaterThanOrEqual(current('/web/a') + current('/web/b'))
    expect(current('/web/a')).toBeGreaterThan(30 * 2 ** 20)
    expect(current('/web/b')).toBeGreaterThan(15 * 2 ** 20)
    const stat = text(k, '/sys/fs/cgroup/web/a/memory.stat')
    expect(all(stat, /^anon (\d+)$/gm)[0]).toBeLessThanOrEqual(current('/web/a'))
    expect(text(k, '/sys/fs/cgroup/web/cgroup.events')).toContain('populated 1')
  })
})
const GROUPS = `memscope: scenario/1
title: cgroups below one
seed: 1
base: none
machine: { ram: 512MiB }
cgroups: { /web: { memory.max: 200MiB }, /web/a: { memory.max: 100MiB }, /web/b: {} }
processes:
  - { program: memhog, cgroup: /web/a, params: { size: 32MiB } }
  - { program: memhog, cgroup: /web/b, params: { size: 16MiB } }
until: 10s
`

describe('killing everything', () => {
  test.each(['fork-and-cow', 'calm-desktop'])('of %s gives all of its memory back', (name) => {
    const m = runningOf(scenarioNamed(name))
    m.runTo(0.2)
    const { own } = frames(m.k)
    m.runTo(10)
    kill_all(m)
    const { k } = m
    const f = figures(k)
    const init = users(k)
    expect(init).toEqual([1])
    const of_init = (field: string): number =>
      all(text(k, '/proc/1/status'), new RegExp(`^${field}:\\s+(\\d+)`, 'gm'))[0]!
    expect(f['AnonPages']).toBe(all(text(k, '/proc/1/smaps_rollup'), /^Anonymous: +(\d+)/gm)[0])
    expect(f['PageTables']).toBeLessThanOrEqual(of_init('VmPTE'))
    expect(f['KernelStack']).toBe(pids(k).length * 16)
    expect(f['Mlocked']).toBe(0)
    expect(f['AnonHugePages']).toBe(0)
    expect(f['SwapFree']).toBe(f['SwapTotal'])
    expect(f['Mapped']).toBeLessThanOrEqual(of_init('VmRSS'))
    check_total(k, own)
    // What is gone is page cache and slabs, and both can be had back.
    expect(proc_write(k, '/proc/sys/vm/drop_caches', '3')).toBe(0)
    expect(figures(k)['Cached']).toBeLessThan(20_000)
    verify(k)
  })
})

/** SIGKILL to every process but init, until none is left; what a scenario starts anew is killed again. */
function kill_all(m: Running): void {
  for (let i = 0; i < 40; i++) {
    for (const pid of users(m.k)) if (pid !== 1) send_signal(m.k, find_task_by_pid(m.k, pid), 9)
    m.runTo(m.k.var.step / 250 + 0.1)
    if (users(m.k).length === 1) return
  }
}
