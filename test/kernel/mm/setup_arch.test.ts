/** What boot takes before the page allocator: the map of a PC, gaps that small requests fill, page tables of the direct map. */
import { describe, expect, test } from 'vitest'
import { memory_map } from '../../../src-main/kernel/e820'
import { init_mem_mapping } from '../../../src-main/kernel/mm/init_mem_mapping'
import type { MachineConfig } from '../../../src-main/kernel/kernel'
import {
  memblock_alloc,
  memblock_free_frames,
  memblock_of,
  memblock_phys_free,
  memblock_reserve,
} from '../../../src-main/kernel/mm/memblock'
import { bootMemory } from './machine'

const [MiB, GiB] = [2 ** 20, 2 ** 30]
const frames = (ram: number, bootParams: string[] = []): number[][] =>
  memory_map({ ram, bootParams }).map(({ start, end }) => [start, end])

describe('the map', () => {
  test('below 3.5 GiB all RAM lies under the PCI hole, from there on 3 GiB of it', () => {
    expect(frames(3500 * MiB)).toEqual([
      [1, 0x9f],
      [0x100, 0xdabe0],
    ])
    expect(frames(3.5 * GiB).slice(1)).toEqual([
      [0x100, 0xbffe0],
      [0x100000, 0x120000],
    ])
  })
  test('mem= cuts it off, the ACPI tables with it', () => {
    expect(frames(2 * GiB, ['quiet', 'mem=1G']).at(-1)).toEqual([0x100, 0x40000])
    expect(frames(6 * GiB, ['mem=2G'])).toHaveLength(2)
    // Each cuts, so that the smallest is left; and no machine is smaller than 128 MiB.
    expect(frames(2 * GiB, ['mem=512M', 'mem=1G']).at(-1)).toEqual([0x100, 0x20000])
    expect(frames(2 * GiB, ['mem=1G mem=512M']).at(-1)).toEqual([0x100, 0x20000])
    expect(frames(2 * GiB, ['mem=1M']).at(-1)).toEqual([0x100, 0x8000])
    expect(frames(2 * GiB, ['mem=junk']).at(-1)).toEqual([0x100, 0x7ffe0])
  })
})

describe('memblock', () => {
  const block = memblock_of([{ start: 0, end: 1024 }])
  test('takes from the top, and a small request fills the gap that an aligned one left', () => {
    const top = 1024 * 4096
    expect(memblock_alloc(block, 100)).toBe(top - 128)
    expect(memblock_alloc(block, 8192, 4096)).toBe(top - 3 * 4096)
    expect(memblock_alloc(block, 100)).toBe(top - 256)
    // Four frames less than all: two whole, and one that two small things share.
    expect(memblock_free_frames(block)).toEqual([{ start: 0, end: 1021 }])
  })
  test('a frame is free when no byte of it is taken', () => {
    memblock_phys_free(block, 1023 * 4096, 1024 * 4096)
    expect(memblock_free_frames(block)).toEqual([
      { start: 0, end: 1021 },
      { start: 1023, end: 1024 },
    ])
  })
  test('what is taken twice is taken once, as far as the first reached', () => {
    const own = memblock_of([{ start: 0, end: 100 }])
    memblock_reserve(own, 10 * 4096, 20 * 4096)
    memblock_reserve(own, 12 * 4096, 14 * 4096)
    expect(memblock_free_frames(own)).toEqual([
      { start: 0, end: 10 },
      { start: 20, end: 100 },
    ])
  })
  test('looks for a place within limits, then below them, and fails loudly', () => {
    expect(memblock_alloc(block, 4096, 4096, 0, 16 * 4096)).toBe(15 * 4096)
    expect(memblock_alloc(block, 4096, 4096, 15 * 4096, 16 * 4096)).toBe(14 * 4096)
    expect(() => memblock_alloc(block, 4096, 4096, 0, 4096)).toThrow()
  })
})

describe('tables of the direct map', () => {
  const taken = (ram: number, gbpages = false): number => {
    const block = memblock_of(memory_map({ ram, bootParams: [] }))
    const brk = 0x4400000
    memblock_reserve(block, 0, 2 ** 20)
    memblock_reserve(block, 0x1000000, brk + 17 * 4096)
    const before = memblock_free_frames(block).reduce((sum, r) => sum + r.end - r.start, 0)
    init_mem_mapping(block, brk, gbpages)
    return before - memblock_free_frames(block).reduce((sum, r) => sum + r.end - r.start, 0)
  }
  test('come from the image until the range with the image itself is mapped', () => {
    expect([GiB, 3 * GiB, 4 * GiB, 5 * GiB, 16 * GiB].map((ram) => taken(ram))).toEqual([0, 1, 3, 3, 3])
  })
  test('are fewer where an entry maps 1 GiB', () => {
    expect(taken(5 * GiB, true)).toBe(2)
  })
  test('all come from memory when the buffer is used up', () => {
    expect(taken(64 * GiB)).toBeGreaterThan(taken(16 * GiB) + 40)
  })
})

/** Managed frames of the highest zone, as measured. */
test.each([
  [3 * GiB, {}, 757039],
  [3500 * MiB, {}, 864559],
  [5 * GiB, {}, 500418],
  [12 * GiB, {}, 2303682],
  [GiB, { cpus: 16 }, 241165],
  [GiB, { la57: true }, 241591],
  [2 * GiB, { bootParams: ['mem=1G'] }, 242128],
  [GiB, { bootParams: ['swiotlb=force'] }, 225520],
] satisfies [number, Partial<MachineConfig>, number][])('%i bytes of RAM, %o: %i frames', (ram, options, managed) => {
  const k = bootMemory(ram / MiB, options)
  const zone = k.zone.managed_pages[3]! > 0 ? 3 : 2
  expect(k.zone.managed_pages[zone]).toBe(managed)
})
