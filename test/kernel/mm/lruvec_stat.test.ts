/** Sizes of lists as refaults and reclaim see them: those of the last flush. */
import { expect, test } from 'vitest'
import { C } from '@shared/counters'
import { boot } from '../../../src-main/kernel/boot'
import { LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, type Kernel } from '../../../src-main/kernel/kernel'
import {
  flush_stats_periodic,
  lruvec_page_state,
  mem_cgroup_flush_stats,
} from '../../../src-main/kernel/mm/lruvec_stat'
import { inactive_is_low, prepare_scan_count, scan_control } from '../../../src-main/kernel/mm/scan_count'
import { lruvec_size } from '../../../src-main/kernel/mm/swap'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_mmap } from '../../../src-main/kernel/entry/syscall'
import { cgroup_attach, cgroup_mkdir } from '../../../src-main/kernel/mm/memcg_tree'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../../src-main/kernel/uapi'
import { bare_machine } from '../../support/bare'
import { bareConfig } from '../../support/config'
import { lab, total } from '../../support/lab'

const known = (k: Kernel): number[] => lists.map((lru) => lruvec_page_state(k, 0, lru))
const sizes = (k: Kernel): number[] => lists.map((lru) => lruvec_size(k, 0, lru))
const lists = [0, 1, 2, 3].map((i) => LRU_INACTIVE_ANON + i)

test('stay as they were until a pass of reclaim, or two seconds', () => {
  const k = boot(bareConfig({ ext4: true }))
  mem_cgroup_flush_stats(k)
  const before = sizes(k)
  expect(known(k)).toEqual(before)
  const at = lists.indexOf(LRU_ACTIVE_FILE)
  k.vmstat[C.nr_active_file]! += 100
  flush_stats_periodic(k)
  expect(known(k)).toEqual(before)
  k.var.now += 2e9
  flush_stats_periodic(k)
  expect(known(k)[at]).toBe(before[at]! + 100)
  k.vmstat[C.nr_active_file]! -= 100
  prepare_scan_count(k, scan_control({}))
  expect(known(k)).toEqual(before)
  expect(hash(restore(snapshot(k)))).toBe(hash(k))
  expect(inactive_is_low(k, 0, LRU_INACTIVE_ANON)).toBe(before[0]! < before[1]!)
})

test('of a cgroup are flushed with those of all', () => {
  const k = bare_machine()
  const memcg = cgroup_mkdir(k, 0, 'a')
  cgroup_attach(k, memcg, k.var.current)
  const at = sys_mmap(k, 0, 60 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
  expect(access_range(k, at, 60, 4096, true)).toBe(60)
  expect(lruvec_page_state(k, memcg, LRU_INACTIVE_ANON)).toBe(0)
  mem_cgroup_flush_stats(k)
  // The last few wait in the CPU’s batch.
  expect(lruvec_page_state(k, memcg, LRU_INACTIVE_ANON)).toBeGreaterThan(45)
})

test('what comes back backward is active only as far as the active list reached at the flush: its own growth does not count', () => {
  const r = lab(`machine: { ram: 256MiB, disk: virtio, swap: [{ size: 256MiB, device: virtio }] }
steps:
  - mmap: { as: p, length: 8MiB }
  - touch: { area: p, access: write }
  - madvise: { area: p, advice: pageout }
  - touch: { area: p, access: read }
  - { label: out, madvise: { area: p, advice: pageout } }
  - { label: back, touch: { area: p, access: write, order: backward } }
`)
  const active = r.lines.find((line) => line.label === 'out')!.meminfo['Active(anon)']! / 4
  const activated = total(r, 'workingset_activate_anon', 'back')
  expect(total(r, 'workingset_refault_anon', 'back')).toBe(2048)
  // Every page that comes back ages the list by two, its eviction and its activation.
  expect(Math.abs(activated - active / 2)).toBeLessThan(16)
})
