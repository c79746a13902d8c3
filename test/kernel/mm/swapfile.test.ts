import { describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src-main/kernel/kernel'
import {
  get_swap_page,
  nr_swap_pages,
  put_swap_page,
  swap_area_of,
  total_swap_pages,
  vm_swap_full,
} from '../../../src-main/kernel/mm/swapfile'
import { swapoff, swapon } from '../../../src-main/kernel/mm/swapon'
import { bare_machine } from '../../support/bare'
import { lab } from '../../support/lab'

const MiB = 2 ** 20
function with_swap(device: 'hdd' | 'ssd', ...sizes: number[]): Kernel {
  const k = bare_machine()
  for (const size of sizes) swapon(k, size * MiB, device)
  return k
}

describe('a swap area', () => {
  it('has one page less than its device', () => {
    expect(total_swap_pages(with_swap('ssd', 64))).toBe(64 * 256 - 1)
  })

  it('gets the next lower priority when none is given', () => {
    const k = with_swap('ssd', 8, 8)
    expect([k.swap_info.prio[1], k.swap_info.prio[2]]).toEqual([-2, -3])
  })

  it('is filled by priority', () => {
    const k = bare_machine()
    swapon(k, 4 * MiB, 'ssd', 1)
    swapon(k, 4 * MiB, 'ssd', 5)
    const areas = Array.from({ length: 2046 }, () => swap_area_of(k, get_swap_page(k)))
    expect(new Set(areas.slice(0, 900))).toEqual(new Set([2]))
    expect(areas.filter((a) => a === 1).length).toBe(1023)
    expect(get_swap_page(k)).toBe(0)
  })

  it('gives slots in a row, on rotating and solid-state disks', () => {
    for (const device of ['hdd', 'ssd'] as const) {
      const k = with_swap(device, 64)
      const slots = Array.from({ length: 200 }, () => get_swap_page(k))
      const steps = slots.slice(1).filter((slot, i) => slot - slots[i]! === 1).length
      expect(steps, device).toBeGreaterThan(190)
    }
  })

  it('counts as full above one half', () => {
    const k = with_swap('ssd', 16)
    while (nr_swap_pages(k) * 2 >= total_swap_pages(k)) get_swap_page(k)
    expect(vm_swap_full(k)).toBe(true)
  })

  it('can be taken out of use and used again', () => {
    const k = with_swap('ssd', 16)
    const slot = get_swap_page(k)
    put_swap_page(k, slot)
    expect(swapoff(k, 1)).toBe(0)
    expect(total_swap_pages(k)).toBe(0)
    expect(swapon(k, 16 * MiB, 'hdd')).toBe(1)
  })

  const after_pressure = (give_back: string) =>
    lab(
      `
machine: { ram: 128MiB, swap: [{ size: 64MiB, device: nvme }], thp: never }
steps:
  - mmap: { as: p, length: 70MiB, flags: [private, anonymous] }
  - touch: { area: p, access: write }
  ${give_back}
  - { label: off, swapoff: { index: 0 }, mayFail: [ENOMEM] }
`,
      true,
    )
  it('brings everything back at swapoff', () => {
    const r = after_pressure('- munmap: { area: p, length: 40MiB }')
    const last = r.lines.at(-1)!
    expect(last.result).toBe('ok')
    expect([last.VmSwap, (last.meminfo as Record<string, number>)['SwapTotal']]).toEqual([0, 0])
  })
  it('refuses swapoff when memory does not suffice', () => {
    expect(after_pressure('').lines.at(-1)!.result).not.toBe('ok')
  })
})
