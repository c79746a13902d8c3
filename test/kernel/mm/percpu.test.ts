/** Per-CPU units against what the measured kernel printed (`pcpu-alloc: … u2097152`), and what follows from them. */
import { expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { chunk_table_pages, pcpu_nr_pages, units_per_alloc } from '../../../src-main/kernel/mm/percpu'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { verify } from '../../../src-main/kernel/verify'

const machine = (cpus: number): Kernel =>
  boot({
    ...{ ram: 2 ** 30, cpus, swap: [], disk: 'ssd', thp: 'never', seed: 1, bare: true, bootParams: [], psi: false },
  })

test('as many units share 2 MiB as leave few unused', () => {
  expect([1, 2, 3, 4, 5, 8, 9, 16].map(units_per_alloc)).toEqual([1, 2, 4, 4, 2, 8, 4, 8])
})

test('more CPUs have smaller units, so the tables of a chunk take less of vmalloc', () => {
  const [one, two] = [machine(1), machine(2)]
  // Two bit maps of 16 and 17 pages, 4 of block metadata, 1024 of object owners; half of each with units of 1 MiB.
  expect(chunk_table_pages(one)).toBe(16 + 17 + 4 + 1024)
  expect(chunk_table_pages(two)).toBe(8 + 9 + 2 + 512)
  expect(meminfo(two).VmallocUsed).toBeLessThan(meminfo(one).VmallocUsed)
  expect(meminfo(one).Percpu).toBe(260)
  expect(meminfo(two).Percpu).toBe(520)
  verify(two)
})

test('units that no CPU has are given back, but count in Percpu', () => {
  const k = machine(3)
  expect(pcpu_nr_pages(k)).toBe(65 * 4)
  expect(meminfo(machine(2)).MemTotal - meminfo(k).MemTotal).toBe(62 * 4)
  verify(k)
})
