/** Modules, disks and swap maps take memory, and give back what is not for good. */
import { describe, expect, it } from 'vitest'
import { proc_read } from '../../src-main/kernel/proc'
import { boot } from '../../src-main/kernel/boot'
import { add_disk, driver_modules } from '../../src-main/kernel/drivers/gendisk'
import { free_module_init, load_modules } from '../../src-main/kernel/drivers/modules'
import { drain_all_pages } from '../../src-main/kernel/mm/pcp'
import type { Kernel, MachineConfig } from '../../src-main/kernel/kernel'
import { meminfo } from '../../src-main/kernel/mm/vmstat'
import { swapoff, swapon } from '../../src-main/kernel/mm/swapon'
import { verify } from '../../src-main/kernel/verify'
import { bareConfig } from '../support/config'

const MIB = 2 ** 20
function machine(more: Partial<MachineConfig>): Kernel {
  return boot(bareConfig(more))
}
const SWAP = { swap: [{ bytes: 256 * MIB, device: 'ssd' as const }] }

describe('modules', () => {
  it('are loaded where a disk needs them, and listed as lsmod wants them', () => {
    expect(proc_read(machine({}), '/proc/modules', 1, true)).toBe('')
    const names = (k: Kernel): string[] =>
      (proc_read(k, '/proc/modules', 1, true) as string)
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]!)
    expect(names(machine(SWAP))).toHaveLength(6)
    const ext4 = machine({ ext4: true })
    expect(names(ext4)[0]).toBe('ext4')
    const text = proc_read(ext4, '/proc/modules', 1, true)
    expect(text).toContain('jbd2 167936 1 ext4, Live 0x0000000000000000\n')
    // In use by the mount.
    expect(text).toContain('ext4 983040 1 - Live 0x0000000000000000\n')
  })

  it('are loaded once, however many disks need them', () => {
    const k = machine(SWAP)
    const [text, used] = [proc_read(k, '/proc/modules', 1, true), meminfo(k).VmallocUsed]
    load_modules(k, driver_modules(k, 'ssd'))
    expect([proc_read(k, '/proc/modules', 1, true), meminfo(k).VmallocUsed]).toEqual([text, used])
  })

  it('lie in vmalloc, and their text splits the direct map', () => {
    const [without, ext4] = [meminfo(machine({})), meminfo(machine({ ext4: true }))]
    // Six of virtio and five of ext4, and the stacks of two threads.
    const images = 45056 + 3 * 16384 + 24576 + 28672 + 983040 + 167936 + 3 * 16384
    expect(ext4.VmallocUsed - without.VmallocUsed).toBe(images / 1024 + 2 * 16)
    const split = ext4.DirectMap4k - without.DirectMap4k
    expect(split).toBeGreaterThan(0)
    expect(split % 2048).toBe(0)
    expect(ext4.DirectMap2M + split).toBe(without.DirectMap2M)
  })

  it('hold their init sections and symbols until RCU lets go of them', () => {
    const k = machine({})
    const used = (): number => meminfo(k).VmallocUsed
    const before = used()
    load_modules(k, ['jbd2'])
    expect(used() - before).toBe(167936 / 1024 + 48)
    free_module_init(k)
    expect(used() - before).toBe(167936 / 1024)
    free_module_init(k)
    expect(used() - before).toBe(167936 / 1024)
    verify(k)
  })

  it('bring six files in tracefs for each trace event, of inodes that nothing frees', () => {
    const objects = (k: Kernel, cache: string): number =>
      Number(new RegExp(`^${cache} +(\\d+)`, 'm').exec(proc_read(k, '/proc/slabinfo', 1, true) as string)![1])
    const [without, ext4] = [machine({}), machine({ ext4: true })]
    const more = objects(ext4, 'inode_cache') - objects(without, 'inode_cache')
    expect(more).toBeGreaterThanOrEqual(6 * (136 + 21))
    expect(objects(ext4, 'trace_event_file') - objects(without, 'trace_event_file')).toBeGreaterThan(100)
    verify(ext4)
  })
})

describe('the requests of a disk', () => {
  /** Pages that one more disk takes besides its small objects. */
  const pages = (more: Partial<MachineConfig>, kind: 'ssd' | 'nvme'): number => {
    const k = machine(more)
    const free = (): number => {
      drain_all_pages(k)
      return meminfo(k).MemFree + meminfo(k).Slab
    }
    const before = free()
    add_disk(k, kind)
    verify(k)
    return (before - free()) / 4
  }

  it('take whole cache lines: 256 of them and 256 of the scheduler, and a ring of three pages', () => {
    const taken = pages({}, 'ssd') - ((2 * 256 * 384) / 4096 + 3)
    // A page or two more hold what the small objects need beside slabs.
    expect(taken).toBeGreaterThanOrEqual(0)
    expect(taken).toBeLessThanOrEqual(2)
  })

  it('are there for each CPU where the device has a queue for each', () => {
    const [one, four] = [1, 4].map((cpus) => pages({ bare: false, cpus }, 'nvme'))
    expect(one).toBeGreaterThanOrEqual((1023 * 512) / 4096 + 20)
    expect(four).toBe(4 * one!)
  })
})

describe('a swap area', () => {
  it('takes a byte a slot, two more for its cgroup, and gives all of it back with swapoff', () => {
    const k = machine({})
    const before = meminfo(k)
    const area = swapon(k, 256 * MIB, 'ssd')
    expect(area).toBeGreaterThan(0)
    // The map of 65536 slots, and pointers to the 32 pages of cgroup ids.
    expect(meminfo(k).VmallocUsed - before.VmallocUsed).toBe(64 + 4)
    expect(before.MemFree - meminfo(k).MemFree).toBeGreaterThanOrEqual(64 + 4)
    expect(swapoff(k, area)).toBe(0)
    verify(k)
    expect(meminfo(k).VmallocUsed).toBe(before.VmallocUsed)
    expect(meminfo(k).Slab - before.Slab).toBeLessThanOrEqual(32)
  })
})
