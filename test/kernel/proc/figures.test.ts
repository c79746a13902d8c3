/** Figures behind the texts of /proc: what they add up, when they follow, and what a write leaves as it was. */
import { describe, expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { sysctl_read, sysctl_write } from '../../../src-main/kernel/entry/sysctl'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { sync_mm_rss } from '../../../src-main/kernel/mm/rss_stat'
import { proc_read } from '../../../src-main/kernel/proc'
import { pid_statm, pid_status } from '../../../src-main/kernel/proc/pid'
import { uptime_text } from '../../../src-main/kernel/proc/system'
import { zoneinfo_text } from '../../../src-main/kernel/proc/zones'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
function map(k: Kernel, n: number, flags: number): number {
  const p = sys.sys_mmap(k, 0, n, RW, flags | u.MAP_ANONYMOUS)
  access_range(k, p, n / 4096, 4096, true)
  return p
}
const row = (text: string, name: string): number => Number(new RegExp(`^ *${name}[:\\s]+(\\d+)`, 'm').exec(text)![1])

describe('a write to a sysctl', () => {
  test('reads 0… as octal and 0x… as hexadecimal', () => {
    const k = bare_machine()
    for (const [text, value] of [
      ['017', '15'],
      ['0x1f', '31'],
      ['100', '100'],
    ] as const) {
      expect(sysctl_write(k, 'vm.swappiness', text)).toBe(0)
      expect(sysctl_read(k, 'vm.swappiness')).toBe(value)
    }
    expect(sysctl_write(k, 'vm.swappiness', '08')).toBe(-u.EINVAL)
  })
  test('of fewer numbers leaves the others', () => {
    const k = bare_machine()
    expect(sysctl_write(k, 'kernel.printk', '8')).toBe(0)
    expect(sysctl_read(k, 'kernel.printk')).toBe('8\t4\t1\t7')
  })
  test('must lie within its bounds', () => {
    const k = bare_machine()
    expect([0, 5, 4].map((value) => sysctl_write(k, 'vm.drop_caches', value))).toEqual([-u.EINVAL, -u.EINVAL, 0])
    expect(sysctl_write(k, 'vm.overcommit_memory', 3)).toBe(-u.EINVAL)
  })
})

test('zoneinfo shows the marks with their boost', () => {
  const k = bare_machine()
  const zone = (name: string): number => row(zoneinfo_text(k).split('zone    DMA32')[1]!, name)
  const before = ['min', 'low', 'high'].map(zone)
  k.zone.watermark_boost[2] = 100
  expect(['min', 'low', 'high'].map(zone)).toEqual(before.map((mark) => mark + 100))
  expect(zone('boost')).toBe(100)
})

test('VmHWM stays where VmRSS has been, and statm counts tmpfs as shared', () => {
  const k = bare_machine()
  const t = k.var.current
  const status = (name: string): number => row(pid_status(k, t), name)
  const p = map(k, 8 * MiB, u.MAP_PRIVATE)
  const peak = status('VmRSS')
  sys.sys_munmap(k, p, 8 * MiB)
  expect([status('VmHWM'), status('VmRSS') < peak - 8000]).toEqual([peak, true])
  const shared = (): number => Number(pid_statm(k, t).split(' ')[2])
  sync_mm_rss(k, k.task.mm[t]!)
  const before = shared()
  map(k, MiB, u.MAP_SHARED)
  // What the last 64 faults mapped is not counted yet.
  expect(shared() - before).toBeGreaterThanOrEqual(256 - 65)
  sync_mm_rss(k, k.task.mm[t]!)
  expect(shared() - before).toBe(256)
})

test('what two processes map is half of each’s PSS and private to neither', () => {
  const k = bare_machine()
  map(k, 8 * MiB, u.MAP_PRIVATE)
  const pid = k.task.pid[k.var.current]!
  const rollup = (name: string): number => row(String(proc_read(k, `/proc/${pid}/smaps_rollup`)), name)
  const [pss, dirty] = [rollup('Pss'), rollup('Private_Dirty')]
  expect(dirty).toBeGreaterThanOrEqual(8192)
  sys.sys_fork(k)
  expect(rollup('Private_Dirty')).toBeLessThan(64)
  expect(rollup('Shared_Dirty')).toBeGreaterThanOrEqual(8192)
  expect(rollup('Pss') / pss).toBeCloseTo(0.5, 1)
})

test('uptime adds the idle time of all CPUs, without what they waited for a disk', () => {
  const k = bare_machine({ cpus: 2 })
  k.cpu.idle.set([2e9, 3e9], 1)
  k.cpu.iowait.set([7e9, 7e9], 1)
  expect(uptime_text(k)).toMatch(/^\d+\.\d\d 5\.00\n$/)
})
