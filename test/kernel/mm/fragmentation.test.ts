/** Fragmentation as programs make it and feel it: holes between pages, huge pages out of what compaction gathers. */
import { describe, expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { C } from '@shared/counters'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sysctl_read, sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { area_nr_free } from '../../../src-main/kernel/mm/buddy'
import { compact_memory } from '../../../src-main/kernel/mm/compaction'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import * as u from '../../../src-main/kernel/uapi'
import { runLab } from '../../../src-main/lab/runner'
import type { LabLine } from '../../../src-main/lab/measure'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { bare_machine, MiB } from '../../support/bare'
import { random, verifyMemory } from './machine'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const PAGE = 4096

/** A mapping of which every second page is given back. */
function holed(k: Kernel, bytes: number): number {
  const p = sys.sys_mmap(k, 0, bytes, RW, ANON)
  access_range(k, p, bytes / PAGE, PAGE, true)
  for (let at = 0; at < bytes; at += 2 * PAGE) sys.sys_madvise(k, p + at, PAGE, u.MADV_DONTNEED)
  return p
}
function large(k: Kernel): number {
  return area_nr_free(k, 1, 9) + 2 * area_nr_free(k, 1, 10)
}
function lab(steps: string): LabLine[] {
  const loaded = parseLab(`memscope: lab/1\nmachine: { ram: 256MiB }\nsteps:\n${steps}`, 'test')
  if (!loaded.ok) throw new Error(loaded.error)
  return [...runLab(loaded.value).lines]
}

describe('compaction of a program', () => {
  test('moves every page once and changes nothing that the program sees', () => {
    const k = bare_machine()
    const p = holed(k, 128 * MiB)
    const before = { large: large(k), rss: k.mm.rss_anon[k.task.mm[k.var.current]!]! }
    compact_memory(k)
    expect(large(k)).toBeGreaterThan(before.large + 20)
    expect(k.vmstat[C.pgmigrate_success]).toBeLessThanOrEqual(16384)
    expect(k.mm.rss_anon[k.task.mm[k.var.current]!]).toBe(before.rss)
    const faults = k.task.min_flt[k.var.current]!
    for (let at = PAGE; at < 128 * MiB; at += 2 * PAGE) access_range(k, p + at, 1, PAGE, false)
    expect(k.task.min_flt[k.var.current]).toBe(faults)
    verify_mm(k)
    verifyMemory(k)
  })

  test.each([
    [1, true],
    [0, false],
  ])('mlocked pages move only as compact_unevictable_allowed = %d says', (allowed, moves) => {
    const k = bare_machine()
    const p = sys.sys_mmap(k, 0, 64 * MiB, RW, ANON)
    access_range(k, p, (64 * MiB) / PAGE, PAGE, true)
    // Not every second page: the free scanner's long strides would pass over all free ones when they are at odd frames.
    for (let at = 0; at < 64 * MiB; at += 3 * PAGE) sys.sys_munmap(k, p + at, 2 * PAGE)
    for (let at = 2 * PAGE; at < 64 * MiB; at += 3 * PAGE) sys.sys_mlock(k, p + at, PAGE)
    lru_add_drain_all(k)
    sysctl_write(k, 'vm.compact_unevictable_allowed', allowed)
    compact_memory(k)
    if (moves) expect(k.vmstat[C.pgmigrate_success]).toBeGreaterThan(2000)
    else expect(k.vmstat[C.pgmigrate_success]).toBeLessThan(300)
    verify_mm(k)
    verifyMemory(k)
  })
})

describe('kcompactd by itself', () => {
  const holes = `
  - mmap: { as: a, length: 144MiB }
  - touch: { area: a, access: write }
  - madvise: { area: a, from: 4KiB, length: 4KiB, advice: dontneed, stride: 8KiB, count: 18431 }`
  const scanned = (line: LabLine): number => line.vmstat['compact_migrate_scanned'] ?? 0

  test('compacts within half a second where the score is above the high mark, and sleeps then', () => {
    const lines = lab(`  - sysctl: { vm.compaction_proactiveness: 60 }${holes}\n  - sleep: 600ms\n  - sleep: 2s\n`)
    expect(lines.at(-2)!.vmstat['compact_daemon_wake']).toBeUndefined()
    expect(scanned(lines.at(-2)!)).toBeGreaterThan(10_000)
    expect(lines.at(-2)!.vmstat['compact_daemon_migrate_scanned']).toBeUndefined()
    expect(scanned(lines.at(-1)!)).toBe(0)
  })

  test.each([20, 0])('leaves memory alone with proactiveness %d', (proactiveness) => {
    const lines = lab(`  - sysctl: { vm.compaction_proactiveness: ${proactiveness} }${holes}\n  - sleep: 2s\n`)
    expect(scanned(lines.at(-1)!)).toBe(0)
  })

  test('looks at once when proactiveness is raised', () => {
    const lines = lab(
      `  - sysctl: { vm.compaction_proactiveness: 0 }${holes}
  - sleep: 1s
  - sysctl: { vm.compaction_proactiveness: 60 }
  - sleep: 100ms
  - readFile: { path: /proc/vmstat }\n`,
    )
    expect(Number(/^compact_migrate_scanned (\d+)$/m.exec(lines.at(-1)!.text!)![1])).toBeGreaterThan(10_000)
  })
})

describe('huge pages under fragmentation', () => {
  test('the pool grows by what direct compaction captures, with no more work than a block takes', () => {
    const k = bare_machine()
    holed(k, 128 * MiB)
    const blocks = large(k)
    sysctl_write(k, 'vm.nr_hugepages', blocks + 10)
    expect(Number(sysctl_read(k, 'vm.nr_hugepages'))).toBeGreaterThan(blocks + 7)
    const captured = k.vmstat[C.compact_success]!
    expect(captured).toBeGreaterThan(0)
    // Half of a block is moved for each; freed pages that stayed on the CPU's lists would not merge, and it took far more.
    expect(k.vmstat[C.pgmigrate_success]! / captured).toBeLessThan(500)
    // What was captured went past the zones' counters.
    const taken = k.vmstat[C.htlb_buddy_alloc_success]! - captured
    expect(taken).toBeLessThanOrEqual(blocks + 8)
    verify_mm(k)
    verifyMemory(k)
    sysctl_write(k, 'vm.nr_hugepages', 0)
    verifyMemory(k)
  })

  test('kswapd runs between the pages and forgets skip hints; after 16 vain runs it is left alone', () => {
    const lines = lab(`
  - { mmap: { as: p, length: 128MiB } }
  - { touch: { area: p, access: write } }
  - { madvise: { area: p, from: 4KiB, advice: dontneed, length: 4KiB, stride: 8KiB, count: 16383 } }
  - { sysctl: { vm.nr_hugepages: 1000 } }
  - { sysctl: { vm.nr_hugepages: 0 } }`)
    const { vmstat, meminfo } = lines[3]!
    expect(vmstat['pageoutrun']).toBeGreaterThan(2)
    expect(vmstat['pageoutrun']).toBeLessThanOrEqual(16)
    expect(vmstat['kswapd_low_wmark_hit_quickly']).toBeGreaterThan(2)
    expect(vmstat['compact_stall']).toBe(vmstat['compact_success']! + vmstat['compact_fail']!)
    // Costly requests do not reclaim where there is memory to compact.
    expect(vmstat['allocstall_movable']).toBeGreaterThan(0)
    expect(vmstat['pgsteal_direct'] ?? 0).toBe(0)
    expect(meminfo['HugePages_Total']).toBeGreaterThan(35)
    expect(lines[4]!.meminfo['HugePages_Total']).toBe(0)
  })

  test('pages of one in eight leave nearly all blocks to be gathered', () => {
    const lines = lab(`
  - { mmap: { as: p, length: 128MiB } }
  - { touch: { area: p, access: write } }
  - { madvise: { area: p, advice: dontneed, length: 28KiB, stride: 32KiB, count: 4096 } }
  - { compact: {} }
  - { sysctl: { vm.nr_hugepages: 1000 } }`)
    const free = lines[3]!.meminfo['MemFree']! / 2048
    const got = lines[4]!.meminfo['HugePages_Total']!
    expect(got).toBeGreaterThan(free * 0.85)
    expect(got).toBeLessThanOrEqual(free)
  })
})

describe('under random mapping, unmapping, compacting and huge pages', () => {
  /** The naive model: the set of pages that were written and not given back. */
  test.each([1, 2, 3])('no page is lost, none appears (seed %d)', (seed) => {
    const k = bare_machine()
    const next = random(seed * 104729)
    const SIZE = 48 * MiB
    const p = sys.sys_mmap(k, 0, SIZE, RW, ANON)
    const base = k.mm.rss_anon[k.task.mm[k.var.current]!]!
    const there = new Set<number>()
    for (let round = 0; round < 150; round++) {
      const first = next(SIZE / PAGE)
      const count = Math.min(1 + next(1500), SIZE / PAGE - first)
      const stride = 1 + next(4)
      const op = next(10)
      for (let i = first; op < 7 && i < first + count; i += stride)
        if (op < 4) {
          access_range(k, p + i * PAGE, 1, PAGE, true)
          there.add(i)
        } else {
          sys.sys_madvise(k, p + i * PAGE, PAGE, u.MADV_DONTNEED)
          there.delete(i)
        }
      if (op === 7) compact_memory(k)
      if (op > 7) sysctl_write(k, 'vm.nr_hugepages', next(40))
      expect(k.mm.rss_anon[k.task.mm[k.var.current]!]).toBe(base + there.size)
      if (round % 30 === 29) {
        verify_mm(k)
        verifyMemory(k)
      }
    }
    const faults = k.task.min_flt[k.var.current]!
    for (const i of there) access_range(k, p + i * PAGE, 1, PAGE, true)
    expect(k.task.min_flt[k.var.current]).toBe(faults)
    expect(k.vmstat[C.pgmigrate_success]).toBeGreaterThan(0)
    verify_mm(k)
  })

  /** Grows the pool as far as it goes; how often the request that failed, and those before it, reclaimed and compacted. */
  function grown(ram: number): { k: Kernel; stalls: number; failed: number } {
    const k = bare_machine({ ram: ram * MiB })
    holed(k, (ram - 128) * MiB)
    compact_memory(k)
    sysctl_write(k, 'vm.nr_hugepages', 1000)
    return { k, stalls: k.vmstat[C.allocstall_movable]!, failed: k.vmstat[C.compact_fail]! }
  }

  test('the last request tries again sixteen times while blocks lie in a zone that is protected from it', () => {
    const { k, stalls, failed } = grown(1024)
    // Free pages of a zone without anything to reclaim count as if they could be reclaimed.
    expect(area_nr_free(k, 0, 10)).toBe(1)
    expect(stalls).toBeGreaterThanOrEqual(17)
    expect(stalls).toBeLessThan(24)
    // Compaction that is put off counts as a try.
    expect(failed).toBe(stalls + 1)
    verifyMemory(k)
  })

  test('and gives up at once where there are none', () => {
    const { k, stalls, failed } = grown(256)
    expect(area_nr_free(k, 0, 9) + area_nr_free(k, 0, 10)).toBe(0)
    expect(stalls).toBeLessThan(8)
    expect(failed).toBe(stalls + 1)
  })
})
