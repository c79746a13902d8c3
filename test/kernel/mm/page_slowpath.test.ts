/** When memory is out: who may fail, who may not, who gets the reserves, and what the log says of it. */
import { describe, expect, test } from 'vitest'
import {
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  PF_OOM_VICTIM,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { C } from '../../../src-shared/counters'
import { alloc_page, alloc_pages } from '../../../src-main/kernel/mm/page_alloc'
import { zone_reclaimable_pages } from '../../../src-main/kernel/mm/page_slowpath'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import { access_range } from '../../../src-main/kernel/entry/access'
import { bare_machine, MiB } from '../../support/bare'

const QUIET = GFP_NOWAIT | __GFP_NOWARN | (GFP_HIGHUSER_MOVABLE & 0x10a)

/** Takes all that a request may have; how many pages that were. */
function exhaust(k: Kernel, gfp: number): number {
  let pages = 0
  while (alloc_page(k, gfp) !== 0) pages++
  return pages
}
/** Without boosts, which would raise the marks that the tests count from. */
function full_machine(): Kernel {
  const k = bare_machine({ ram: 128 * MiB })
  k.var.sysctl['vm.watermark_boost_factor'] = 0
  exhaust(k, QUIET)
  return k
}
function failures(k: Kernel): string[] {
  return k.log.map(([, text]) => text).filter((text) => text.includes('page allocation failure'))
}

describe('a request', () => {
  test('that may fail after some trying fails, and nobody dies for it', () => {
    const k = full_machine()
    expect(exhaust(k, GFP_KERNEL | __GFP_RETRY_MAYFAIL)).toBeLessThan(1000)
    expect([k.vmstat[C.oom_kill], k.var.panic]).toEqual([0, null])
  })

  test('that may not fail gets the last pages', () => {
    const k = full_machine()
    exhaust(k, GFP_ATOMIC | __GFP_NOWARN)
    expect(alloc_page(k, GFP_ATOMIC | __GFP_NOWARN)).toBe(0)
    expect(alloc_page(k, GFP_NOWAIT | __GFP_NOFAIL)).toBeGreaterThan(0)
  })

  test('of a task that is being killed goes below the min mark, down to half of it', () => {
    const k = full_machine()
    const light = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN
    exhaust(k, light)
    k.task.flags[k.var.current]! |= PF_OOM_VICTIM
    const min = k.zone.watermark[2 * 3]!
    expect(alloc_page(k, light)).toBeGreaterThan(0)
    expect(exhaust(k, light)).toBeGreaterThan(min / 4)
    expect(k.zone.nr_free[2]).toBeGreaterThan(min / 3)
  })
})

describe('a failure', () => {
  test('is told in the log, ten times in five seconds at most', () => {
    const k = full_machine()
    for (let i = 0; i < 30; i++) alloc_pages(k, GFP_NOWAIT, 9)
    expect(failures(k).length).toBe(10)
    expect(failures(k)[0]).toMatch(/^\S+: page allocation failure: order:9, mode:0x800, nodemask=\(null\)$/)
    k.var.now += 6e9
    alloc_pages(k, GFP_NOWAIT, 9)
    expect(failures(k).length).toBe(11)
  })

  test('that was expected is not told', () => {
    const k = full_machine()
    expect(alloc_pages(k, GFP_NOWAIT | __GFP_NOWARN, 9)).toBe(0)
    expect(failures(k)).toEqual([])
  })
})

test('anonymous pages are reclaimable when there is swap for them; a zone without any counts with its free pages', () => {
  const k = bare_machine({ ram: 128 * MiB })
  const p = sys.sys_mmap(k, 0, 8 * MiB, u.PROT_READ | u.PROT_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS)
  access_range(k, p, 2048, 4096, true)
  lru_add_drain_all(k)
  expect(zone_reclaimable_pages(k, 1)).toBe(k.zone.nr_free[2])
  swapon(k, 16 * MiB, 'ssd')
  expect(zone_reclaimable_pages(k, 1)).toBeGreaterThanOrEqual(2048)
  expect(zone_reclaimable_pages(k, 1)).toBeLessThan(4096)
})
