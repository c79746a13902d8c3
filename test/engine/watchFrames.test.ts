import { expect, test } from 'vitest'
import { watchPhysical } from '../../src-main/engine/watch/frames'
import { watchProcess } from '../../src-main/engine/watch/process'
import { access_range } from '../../src-main/kernel/entry/access'
import * as sys from '../../src-main/kernel/entry/syscall'
import { try_to_inc_max_seq } from '../../src-main/kernel/mm/lru_gen_aging'
import { lru_gen_set_caps } from '../../src-main/kernel/mm/lru_gen_state'
import { lru_add_drain_all } from '../../src-main/kernel/mm/swap'
import * as u from '../../src-main/kernel/uapi'
import { C } from '../../src-shared/counters'
import { FRAME_USES } from '../../src-shared/protocol'
import { bare_machine, MiB } from '../support/bare'

test('the picture of memory shows as active what the counters call active, in generations too', () => {
  const k = bare_machine({ ram: 128 * MiB })
  const p = sys.sys_mmap(k, 0, 4 * MiB, u.PROT_READ | u.PROT_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS)
  access_range(k, p, 1024, 4096, true)
  lru_add_drain_all(k)
  const shown = (): number => {
    const { use } = watchPhysical(k, 0, k.page.meta.high)
    return use.filter((value) => value === FRAME_USES.indexOf('anonymous, active')).length
  }
  expect(shown()).toBe(0)
  lru_gen_set_caps(k, 1)
  expect(shown()).toBeGreaterThanOrEqual(1024)
  expect(shown()).toBeLessThanOrEqual(k.vmstat[C.nr_active_anon]!)
  try_to_inc_max_seq(k, 0, 3, true)
  try_to_inc_max_seq(k, 0, 4, true)
  expect(shown()).toBe(0)
})

test('age is a fifth of the lists: what was read first goes next, what is on no list has none', () => {
  const k = bare_machine({ ram: 128 * MiB })
  const p = sys.sys_mmap(k, 0, 8 * MiB, u.PROT_READ | u.PROT_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS)
  access_range(k, p, 2048, 4096, true)
  lru_add_drain_all(k)
  const agesOf = (): { of: (page: number) => number; counts: number[] } => {
    const { age } = watchPhysical(k, 0, k.page.meta.high)
    const pid = k.task.pid[k.var.current]!
    const of = (page: number): number => age[watchProcess(k, pid, p + page * 4096).walk!.pfn!]!
    return { of, counts: [...Array(11).keys()].map((value) => age.filter((a) => a === value).length) }
  }
  for (const caps of [0, 1]) {
    if (caps === 1) lru_gen_set_caps(k, 1)
    const { of, counts } = agesOf()
    expect(of(0)).toBe(5)
    expect(of(2047)).toBe(1)
    const anon = counts.slice(1, 6)
    expect(anon.reduce((a, b) => a + b)).toBe(k.vmstat[C.nr_active_anon]! + k.vmstat[C.nr_inactive_anon]!)
    expect(Math.max(...anon) - Math.min(...anon)).toBeLessThan(16)
  }
})
