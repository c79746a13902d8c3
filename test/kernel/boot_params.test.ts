import { expect, test } from 'vitest'
import { boot } from '../../src-main/kernel/boot'
import { boot_number, boot_psi, boot_thp } from '../../src-main/kernel/boot_params'
import type { Kernel } from '../../src-main/kernel/kernel'
import { proc_read } from '../../src-main/kernel/proc'
import { bareConfig } from '../support/config'

const MiB = 2 ** 20
const started = (bootParams: string[], cpus = 1): Kernel =>
  boot(bareConfig({ ram: 512 * MiB, cpus, bootParams, shell: true }))
const read = (k: Kernel, path: string): string => String(proc_read(k, path)).trimEnd()
const kB = (k: Kernel, key: string): number =>
  Number(new RegExp(`^${key}: +(\\d+)`, 'm').exec(read(k, '/proc/meminfo'))![1])

test('sysctls of the command line hold before anything runs, and what is none of them is told of', () => {
  const k = started([
    'sysctl.vm.swappiness=10 sysctl/vm/min_free_kbytes=8192',
    'sysctl.vm.nosuch=1',
    'sysctl.vm.swappiness=x',
  ])
  expect(read(k, '/proc/sys/vm/swappiness')).toBe('10')
  expect(read(k, '/proc/sys/vm/min_free_kbytes')).toBe('8192')
  const log = k.log.map(([, text]) => text).filter((text) => text.includes('sysctl parameter'))
  expect(log).toEqual([
    "Failed to set sysctl parameter 'vm.nosuch=1': parameter not found",
    "Failed to set sysctl parameter 'vm.swappiness=x': invalid value",
  ])
})

test('the last of a parameter counts, and one that nobody knows changes nothing', () => {
  const bootParams = ['transparent_hugepage=madvise', 'transparent_hugepage=always psi=1', 'transparent_hugepage=often']
  expect(boot_thp({ bootParams, thp: 'never' })).toBe('always')
  expect(boot_thp({ bootParams: bootParams.slice(2), thp: 'never' })).toBe('never')
  expect(boot_psi({ bootParams, psi: false })).toBe(true)
  expect(boot_psi({ bootParams: ['psi=0'], psi: true })).toBe(false)
  const number = (text: string): number => boot_number({ bootParams: [`n=${text}`] }, 'n', 7)
  expect(['12', '0x10', '010', '3k', 'x', ''].map(number)).toEqual([12, 16, 8, 3, 7, 7])
  expect(kB(started(['foo=bar', 'baz']), 'MemTotal')).toBe(kB(started([]), 'MemTotal'))
})

test('the command line is shown as it was given', () => {
  const k = started(['transparent_hugepage=always', 'foo'])
  expect(read(k, '/proc/cmdline')).toMatch(/ transparent_hugepage=never transparent_hugepage=always foo$/)
})

// MemTotal, present and managed pages and the reserve as on the measured machine of 512 MiB.
test.each([
  ['memmap=64M$256M', 402880, 2510],
  ['dhash_entries=1024 ihash_entries=1024', 469168, 2713],
  ['mem=256M', 210880, 1796],
  ['nosmp', 468416, 2710],
])('memory with %s', (param, total, reserve) => {
  const k = started([param], 4)
  const one = started([param, 'nr_cpus=1'], 4)
  expect(kB(one, 'MemTotal')).toBe(total)
  expect(read(one, '/proc/sys/vm/min_free_kbytes')).toBe(String(reserve))
  expect(read(k, '/sys/devices/system/cpu/online')).toBe(param === 'nosmp' ? '0' : '0-3')
})

test('slabs as large as the command line wants them', () => {
  const orders = (k: Kernel): number[] =>
    read(k, '/proc/slabinfo')
      .split('\n')
      .slice(2)
      .map((line) => Number(line.split(/\s+/)[5]))
  expect(Math.max(...orders(started([])))).toBe(8)
  // An object of more than a page takes as many as it needs.
  expect(Math.max(...orders(started(['slub_max_order=0'])))).toBe(2)
  expect(Math.min(...orders(started(['slub_min_order=1'])))).toBe(2)
  const sum = (k: Kernel): number => orders(k).reduce((all, pages) => all + pages, 0)
  expect(sum(started(['slub_min_objects=64']))).toBeGreaterThan(sum(started([])))
})
