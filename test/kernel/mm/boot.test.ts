/** Memory after boot against the measured kernel: 128 MiB … 8 GiB, one and two CPUs, with and without huge pages. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GFP_NOWAIT, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, type Kernel } from '../../../src-main/kernel/kernel'
import { area_nr_free } from '../../../src-main/kernel/mm/buddy'
import {
  alloc_pages,
  init_zones,
  lowmem_reserve_ratio,
  write_lowmem_reserve_ratio,
  write_min_free_kbytes,
  write_watermark_scale_factor,
} from '../../../src-main/kernel/mm/page_alloc'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { bootMemory, machine, verifyMemory } from './machine'

interface Zone {
  spanned: number
  present: number
  managed: number
  free: number
  marks: number[]
  protection: number[]
  pcp: number[]
  buddy?: number[]
  blocks: [unmovable: number, movable: number, reclaimable: number]
}
interface Boot {
  min_free_kbytes: number
  MemTotal: number
  DirectMap: [number, number]
  zones: Record<string, Zone>
}
const reference = JSON.parse(readFileSync('test/conformance/reference/memory.json', 'utf8')) as {
  boot: Record<string, Boot>
  tunables: Record<string, { step: string; zones: Record<string, number[]> }[]>
}
const ZONES = ['DMA', 'DMA32', 'Normal']

function bootLike(id: string): Kernel {
  const gib = /(\d+)G/.exec(id)
  const mib = gib !== null ? Number(gib[1]) * 1024 : Number(/(\d+)M/.exec(id)![1])
  return bootMemory(mib, { cpus: id.includes('smp2') ? 2 : 1, thp: id.includes('thp') ? 'always' : 'never' })
}
function watermarks(k: Kernel, zone: number): number[] {
  return [0, 1, 2].map((i) => k.zone.watermark[(zone + 1) * 3 + i]!)
}
function protection(k: Kernel, zone: number): number[] {
  return [1, 2].map((i) => k.zone.lowmem_reserve[(zone + 1) * 4 + i]!)
}
function buddyinfo(k: Kernel, zone: number): number[] {
  return Array.from({ length: 11 }, (_, order) => area_nr_free(k, zone, order))
}

describe.each(Object.entries(reference.boot))('boot %s', (id, real) => {
  const k = bootLike(id)

  test('zones, watermarks, protection and per-CPU limits are the real ones', () => {
    expect(k.var.sysctl['vm.min_free_kbytes']).toBe(real.min_free_kbytes)
    for (const [zone, name] of ZONES.entries()) {
      const want = real.zones[name]
      if (want === undefined) {
        expect(k.zone.managed_pages[zone + 1]).toBe(0)
        continue
      }
      expect(k.zone.spanned_pages[zone + 1]).toBe(want.spanned)
      expect(k.zone.present_pages[zone + 1]).toBe(want.present)
      expect(k.zone.managed_pages[zone + 1]).toBe(want.managed)
      expect(watermarks(k, zone)).toEqual(want.marks)
      expect(protection(k, zone)).toEqual(want.protection)
      expect([k.zone.pcp_high[zone + 1], k.zone.pcp_batch[zone + 1]]).toEqual(want.pcp.slice(0, 2))
    }
  })

  test('MemTotal is the real one, the direct map covers RAM', () => {
    const info = meminfo(k)
    expect(info.MemTotal).toBe(real.MemTotal)
    expect(info.DirectMap4k + info.DirectMap2M).toBe(real.DirectMap[0] + real.DirectMap[1])
  })

  test('free memory lies in the zones as it does there', () => {
    expect(buddyinfo(k, 0)).toEqual(real.zones['DMA']!.buddy)
    for (const [zone, name] of ZONES.entries()) {
      const want = real.zones[name]
      if (want === undefined) continue
      // Processes, their stacks and the initramfs are not there yet: at most 12 MiB, all in the highest zone.
      const missing = k.zone.nr_free[zone + 1]! - want.free
      expect(missing).toBeGreaterThanOrEqual(0)
      expect(missing).toBeLessThan(3072)
      if (want.buddy !== undefined) expect(Math.abs(buddyinfo(k, zone)[10]! - want.buddy[10]!)).toBeLessThanOrEqual(2)
    }
  })

  test('what no process uses is exact where the kernel alone allocates', () => {
    if (real.zones['Normal'] === undefined) return
    const want = real.zones['DMA32']!
    expect(k.zone.nr_free[2]).toBe(want.free)
    const classes = (buddy: number[]): number => buddy.slice(0, 4).reduce((sum, nr, order) => sum + nr * 2 ** order, 0)
    expect(Math.abs(classes(buddyinfo(k, 1)) - classes(want.buddy!))).toBeLessThanOrEqual(16)
  })

  test('pageblocks have the types that they have there', () => {
    for (const [zone, name] of ZONES.entries()) {
      const want = real.zones[name]
      if (want === undefined) continue
      const ours = [0, 0, 0, 0, 0]
      const first = k.zone.start_pfn[zone + 1]! >> 9
      // Blocks that lie wholly in the hole below 4 GiB are nobody's.
      const last = zone === 1 ? Math.min(k.var.max_pfn, 0xbffe0) : first * 512 + k.zone.spanned_pages[zone + 1]!
      for (let block = first; block < last / 512; block++) ours[k.pageblock.migratetype[block]!]!++
      expect(Math.abs(ours[MIGRATE_RECLAIMABLE]! - want.blocks[2])).toBeLessThanOrEqual(1)
      // Stacks and page tables of processes are not there yet.
      expect(want.blocks[0] - ours[MIGRATE_UNMOVABLE]!).toBeGreaterThanOrEqual(0)
      expect(want.blocks[0] - ours[MIGRATE_UNMOVABLE]!).toBeLessThanOrEqual(3)
    }
  })

  test('everything adds up', () => {
    verifyMemory(k)
  })
})

test('low addresses are handed out first', () => {
  const k = machine(256)
  init_zones(k)
  const blocks = Array.from({ length: 20 }, () => alloc_pages(k, GFP_NOWAIT, 10))
  expect(blocks).toEqual([...blocks].sort((a, b) => a - b))
})

describe.each(Object.entries(reference.tunables))('%s', (id, steps) => {
  test('sysctls move the marks as there', () => {
    const k = bootLike(id)
    const commands: Record<string, () => void> = {
      '0-boot': () => undefined,
      '1-min_free_16384': () => write_min_free_kbytes(k, 16384),
      '2-scale_100': () => write_watermark_scale_factor(k, 100),
      '3-scale_1000': () => write_watermark_scale_factor(k, 1000),
      '4-scale_10': () => write_watermark_scale_factor(k, 10),
      '5-min_free_1024': () => write_min_free_kbytes(k, 1024),
      '6-lowmem_32': () => write_lowmem_reserve_ratio(k, [32, 32, 32, 0, 0]),
      '7-lowmem_0': () => write_lowmem_reserve_ratio(k, [0, 0, 0, 0, 0]),
      '8-min_free_67584': () => write_min_free_kbytes(k, 67584),
    }
    for (const { step, zones } of steps) {
      commands[step]!()
      for (const [zone, name] of ZONES.entries()) {
        if (zones[name] === undefined) continue
        const [high, batch] = [k.zone.pcp_high[zone + 1], k.zone.pcp_batch[zone + 1]]
        expect([step, name, ...watermarks(k, zone), ...protection(k, zone), high, batch]).toEqual([
          step,
          name,
          ...zones[name],
        ])
      }
      // The script read every file of /proc/sys/vm after each step; reading this one computes the protection again.
      lowmem_reserve_ratio(k, true)
    }
  })
})
