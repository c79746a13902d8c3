/** Reclaim's judgements one by one, and when kswapd has done enough. */
import { describe, expect, test } from 'vitest'
import { C } from '../../../src-shared/counters'
import { boot } from '../../../src-main/kernel/boot'
import { flush_tlb_range } from '../../../src-main/kernel/arch/x86/tlb_flush'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import {
  GFP_KERNEL,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { mem_cgroup_flush_stats } from '../../../src-main/kernel/mm/lruvec_stat'
import { pgdat_balanced, wakeup_kswapd } from '../../../src-main/kernel/mm/kswapd'
import { get_scan_count, inactive_is_low, scan_control } from '../../../src-main/kernel/mm/scan_count'
import { isolate_inactive, shrink_inactive_list } from '../../../src-main/kernel/mm/shrink_list'
import { lru_add_drain_all, lru_row } from '../../../src-main/kernel/mm/swap'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { run_step } from '../../../src-main/kernel/sched/core'
import { find_task_by_pid, sleep_interruptible, WAIT_EVENT } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

const NR = 256
const DMA32 = 1
const inactive_anon = (k: Kernel): number => k.vmstat[C.nr_inactive_anon]!
const active_anon = (k: Kernel): number => k.vmstat[C.nr_active_anon]!

/** A task with pages of its own, all accessed, and swap to put them to. */
function with_pages(): { k: Kernel; p: number } {
  const k = bare_machine({ ram: 128 * MiB })
  swapon(k, 16 * MiB, 'ssd')
  const p = sys.sys_mmap(k, 0, NR * 4096, u.PROT_READ | u.PROT_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS)
  access_range(k, p, NR, 4096, true)
  lru_add_drain_all(k)
  return { k, p }
}
/** One look at every page of the inactive list. */
function look(k: Kernel): void {
  const sc = scan_control({ gfp: GFP_KERNEL })
  expect(shrink_inactive_list(k, 0, sc, isolate_inactive(k, inactive_anon(k), 0, sc, LRU_INACTIVE_ANON))).toBe(true)
}

describe('a page of the inactive list', () => {
  test('that one task used goes round once; used again, it is active', () => {
    const { k, p } = with_pages()
    const before = active_anon(k)
    look(k)
    expect(active_anon(k) - before).toBeLessThan(8)
    // Clearing the accessed bit leaves the TLB alone, as on x86: only the next walk sets it again.
    flush_tlb_range(k, k.task.mm[k.var.current]!, p, p + NR * 4096)
    access_range(k, p, NR, 4096, false)
    look(k)
    expect(active_anon(k) - before).toBeGreaterThanOrEqual(NR)
  })

  test('that two tasks used is active at the first look', () => {
    const { k, p } = with_pages()
    const parent = k.var.current
    const child = find_task_by_pid(k, sys.sys_fork(k))
    access_range(k, p, NR, 4096, false)
    run_as(k, child)
    access_range(k, p, NR, 4096, false)
    run_as(k, parent)
    const before = active_anon(k)
    look(k)
    expect(active_anon(k) - before).toBeGreaterThanOrEqual(NR)
  })

  test('that is written out adds to the cost of its kind', () => {
    const { k } = with_pages()
    look(k)
    const cost = (): number => k.lruvec.anon_cost[1]!
    const before = cost()
    const out = k.vmstat[C.pswpout]!
    look(k)
    const written = k.vmstat[C.pswpout]! - out
    expect(written).toBeGreaterThanOrEqual(NR)
    // Halved when it passes a quarter of the lists.
    expect(cost()).toBeGreaterThanOrEqual(before + written / 4)
    expect(k.lruvec.file_cost[1]).toBe(0)
  })
})

describe('the inactive list', () => {
  /** mm/vmscan.c's own table: total memory, and the most of it that is inactive while the list is low. */
  test.each([
    [100 * 2 ** 8, 50 * 2 ** 8],
    [2 ** 18, 2 ** 16],
    [10 * 2 ** 18, 0.9 * 2 ** 18],
    [100 * 2 ** 18, 3.1 * 2 ** 18],
  ])('of %i pages is to hold %i', (all, inactive) => {
    const k = bare_machine({ ram: 128 * MiB })
    const low = (part: number): boolean => {
      k.vmstat[C.nr_inactive_anon] = Math.floor(all * part)
      k.vmstat[C.nr_active_anon] = all - Math.floor(all * part)
      mem_cgroup_flush_stats(k)
      return inactive_is_low(k, 0, LRU_INACTIVE_ANON)
    }
    expect(low((inactive / all) * 0.95)).toBe(true)
    expect(low((inactive / all) * 1.05)).toBe(false)
  })
})

describe('the shares of the lists', () => {
  function shares(swappiness: number, priority: number, anon_cost = 0, file_cost = 0): number[] {
    const k = bare_machine({ ram: 128 * MiB })
    swapon(k, 16 * MiB, 'ssd')
    sysctl_write(k, 'vm.swappiness', String(swappiness))
    for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) k.lru.nr[lru_row(0, lru)] = 4096
    const nr: number[] = []
    get_scan_count(k, 0, scan_control({ priority, anon_cost, file_cost }), nr)
    expect([nr[LRU_ACTIVE_ANON], nr[LRU_ACTIVE_FILE]]).toEqual([nr[LRU_INACTIVE_ANON], nr[LRU_INACTIVE_FILE]])
    return [nr[LRU_INACTIVE_ANON]!, nr[LRU_INACTIVE_FILE]!]
  }
  test('follow swappiness while neither kind has cost anything', () => {
    expect(shares(100, 4)).toEqual([128, 128])
    expect(shares(0, 4)).toEqual([0, 256])
    expect(shares(200, 4)).toEqual([256, 0])
    expect(shares(60, 4)).toEqual([76, 179])
  })
  test('turn from the kind that cost more', () => {
    const [anon, file] = shares(100, 4, 900, 100) as [number, number]
    expect(file).toBeGreaterThan(1.5 * anon)
    expect(anon).toBeGreaterThan(64)
  })
  test('are the whole of both in the last round, unless swappiness is 0', () => {
    expect(shares(1, 0)).toEqual([4096, 4096])
    expect(shares(0, 0)).toEqual([0, 4096])
  })
})

describe('kswapd', () => {
  const programs = {
    step: (k: Kernel) => sleep_interruptible(k, Infinity, WAIT_EVENT, 0, 'pause'),
    event: () => undefined,
  }
  function running(): Kernel {
    const config = { ram: 2 ** 27, cpus: 1, swap: [], disk: 'ssd', thp: 'never', seed: 1 } as const
    const k = boot({ ...config, bare: true, bootParams: [], psi: false })
    for (let i = 0; i < 25; i++) run_step(k, programs)
    return k
  }

  test('has enough above the high mark, not above the low one', () => {
    const k = bare_machine({ ram: 128 * MiB })
    const marks = (high: number): void => {
      for (const row of [1, 2]) k.zone.watermark.set([10, 20, k.zone.nr_free[row]! + high], row * 3)
    }
    marks(100)
    expect(pgdat_balanced(k, 0, DMA32)).toBe(false)
    marks(-100)
    expect(pgdat_balanced(k, 0, DMA32)).toBe(true)
  })

  test('takes a boost back once it has worked for it', () => {
    const k = running()
    k.zone.watermark_boost[DMA32 + 1] = 2000
    wakeup_kswapd(k, DMA32, GFP_KERNEL, 0, DMA32)
    for (let i = 0; i < 50; i++) run_step(k, programs)
    expect(k.zone.watermark_boost[DMA32 + 1]).toBe(0)
  })
})
