/** What files take and refuse, with Linux's errno, as some two thousand writes showed on the measured machine. */
import { beforeAll, describe, expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { proc_list, proc_mkdir, proc_read, proc_stat, proc_write } from '../../../src-main/kernel/proc'
import { verify } from '../../../src-main/kernel/verify'

const [EPERM, EACCES, EBUSY, EINVAL, ERANGE, EOPNOTSUPP] = [1, 13, 16, 22, 34, 95] as const
const MACHINE = {
  ram: 512 * 2 ** 20,
  cpus: 2,
  swap: [{ bytes: 64 * 2 ** 20, device: 'virtio' as const }],
  disk: 'virtio' as const,
  ext4: true,
  thp: 'never' as const,
  seed: 1,
  bare: true,
  bootParams: [],
  psi: true,
}
let k: Kernel
beforeAll(() => {
  k = boot(MACHINE)
  proc_write(k, '/sys/fs/cgroup/cgroup.subtree_control', '+memory +cpu')
  expect(proc_mkdir(k, '/sys/fs/cgroup/a')).toBe(0)
})
const text = (path: string): string => String(proc_read(k, path))
const A = '/sys/fs/cgroup/a/'

describe('numbers', () => {
  test.each([
    ['cgroup.freeze', '2', -ERANGE],
    ['cgroup.freeze', 'abc', -EINVAL],
    ['cgroup.kill', '0', -ERANGE],
    ['cgroup.max.depth', '-1', -ERANGE],
    ['cgroup.max.descendants', '5 6', -EINVAL],
    ['cgroup.pressure', '2', -ERANGE],
    ['cgroup.pressure', '1', 0],
    ['cgroup.pressure', '0', -EOPNOTSUPP],
    ['memory.oom.group', '2', -EINVAL],
    ['memory.oom.group', '9223372036854775807', -ERANGE],
    ['memory.oom.group', '1', 0],
    ['memory.stat', '1', -EINVAL],
  ])('%s ← %s', (file, word, errno) => expect(proc_write(k, A + file, word)).toBe(errno))

  test('nothing written is nothing done, even where reclaim would find nothing', () => {
    for (const file of [
      'memory.max',
      'memory.reclaim',
      'memory.stat',
      'cgroup.procs',
      'cgroup.kill',
      'memory.pressure',
    ])
      expect([file, proc_write(k, A + file, '')]).toEqual([file, 0])
    expect(text(`${A}memory.max`)).toBe('max\n')
  })
  test.each([
    ['18446744073709551616', '0\n'],
    ['18446744073709551615', 'max\n'],
    ['0x10000', '65536\n'],
    ['0200000', '65536\n'],
    ['1m', '1048576\n'],
    ['4097', '4096\n'],
    ['max', 'max\n'],
  ])('memory.low ← %s: what 64 bits do not hold is lost', (word, shown) => {
    expect(proc_write(k, `${A}memory.low`, word)).toBe(0)
    expect(text(`${A}memory.low`)).toBe(shown)
  })
  test('kernel.randomize_va_space is any int', () => {
    expect(proc_write(k, '/proc/sys/kernel/randomize_va_space', '-1')).toBe(0)
    expect(text('/proc/sys/kernel/randomize_va_space')).toBe('-1\n')
    expect(proc_write(k, '/proc/sys/kernel/randomize_va_space', '0')).toBe(0)
  })
})

describe('pressure triggers', () => {
  test.each([
    ['some 150000 1000000', 0],
    ['full 500000 10000000', 0],
    ['some 1 1000000', 0],
    ['some 0 1000000', -EINVAL],
    ['some 2000000 1000000', -EINVAL],
    ['some 150000 10', -EINVAL],
    ['full 150000 100000000', -EINVAL],
    ['any 150000 1000000', -EINVAL],
  ])('%s', (word, errno) => {
    expect(proc_write(k, '/proc/pressure/memory', word)).toBe(errno)
    expect(proc_write(k, `${A}io.pressure`, word)).toBe(errno)
  })
  test('of the machine, nothing is no trigger; of a cgroup, it is nothing', () => {
    expect(proc_write(k, '/proc/pressure/io', '')).toBe(-EINVAL)
    expect(proc_write(k, `${A}memory.pressure`, '')).toBe(0)
  })
})

describe('switches', () => {
  test('vma_ra_enabled takes what kstrtobool takes', () => {
    const path = '/sys/kernel/mm/swap/vma_ra_enabled'
    for (const [word, shown] of [
      ['off', 'false\n'],
      ['true\n', 'true\n'],
      ['0', 'false\n'],
      ['Yes', 'true\n'],
    ] as const) {
      expect(proc_write(k, path, word)).toBe(0)
      expect(text(path)).toBe(shown)
    }
    expect(proc_write(k, path, '2')).toBe(-EINVAL)
    expect(proc_write(k, path, 'o')).toBe(-EINVAL)
  })
  test('ksm/use_zero_pages too: 0x20 begins with a zero', () => {
    const path = '/sys/kernel/mm/ksm/use_zero_pages'
    expect(proc_write(k, path, 'y')).toBe(0)
    expect(text(path)).toBe('1\n')
    expect(proc_write(k, path, '0x20')).toBe(0)
    expect(text(path)).toBe('0\n')
    expect(proc_write(k, path, '2')).toBe(-EINVAL)
  })
  test('node0/compact works whatever is written', () => {
    const scanned = (): number => Number(/compact_migrate_scanned (\d+)/.exec(text('/proc/vmstat'))![1])
    const before = scanned()
    expect(proc_write(k, '/sys/devices/system/node/node0/compact', 'abc')).toBe(0)
    expect(scanned()).toBeGreaterThan(before)
    expect(proc_read(k, '/sys/devices/system/node/node0/compact')).toBe(-EACCES)
    verify(k)
  })
  test('validate refuses where no cache is debugged', () => {
    expect(proc_write(k, '/sys/kernel/slab/kmalloc-64/validate', '1')).toBe(-EINVAL)
    expect(proc_write(k, '/sys/kernel/slab/kmalloc-64/validate', '')).toBe(0)
    expect(proc_stat(k, '/sys/kernel/slab/kmalloc-64/validate')).toMatchObject({ mode: 0o600 })
  })
})

describe('memory blocks', () => {
  const M = '/sys/devices/system/memory'
  test('one for 128 MiB of RAM, each below the node too', () => {
    expect((proc_list(k, M) as string[]).filter((name) => /^memory\d/.test(name)).sort()).toEqual(
      ['memory0', 'memory1', 'memory2', 'memory3'], // 512 MiB
    )
    expect(text('/sys/devices/system/node/node0/memory3/phys_index')).toBe('00000003\n')
    expect(text(`${M}/memory3/node0/distance`)).toBe('10\n')
    expect(text('/sys/devices/system/node/node0/cpu1/node0/cpulist')).toBe('0-1\n')
  })
  test('the first has two zones, which is none; none goes offline', () => {
    expect([0, 1, 3].map((i) => text(`${M}/memory${i}/valid_zones`))).toEqual(['none\n', 'DMA32\n', 'DMA32\n'])
    expect(text(`${M}/memory1/state`)).toBe('online\n')
    expect(proc_write(k, `${M}/memory1/state`, 'offline')).toBe(-EBUSY)
    expect(proc_write(k, `${M}/memory1/state`, 'gone')).toBe(-EINVAL)
  })
  test('behind the PCI hole they go on at 4 GiB', () => {
    const large = boot({ ...MACHINE, ram: 4 * 2 ** 30 })
    const blocks = (proc_list(large, M) as string[]).filter((name) => /^memory\d/.test(name))
    expect(blocks).toHaveLength(32)
    expect(blocks).not.toContain('memory24')
    expect(proc_read(large, `${M}/memory32/valid_zones`)).toBe('Normal\n')
    expect(proc_read(large, `${M}/memory39/phys_index`)).toBe('00000027\n')
  })
})

describe('what the machine is made of', () => {
  test('a file system in memory may take half of what there was before the image gave its last parts back', () => {
    const total = Number(/MemTotal: +(\d+)/.exec(text('/proc/meminfo'))![1])
    const size = Number(/^rootfs \/ rootfs rw,size=(\d+)k/.exec(text('/proc/mounts'))![1])
    const late = [...proc_log()].filter((line) => /^Freeing (initrd|unused)/.test(line))
    const freed = late.reduce((sum, line) => sum + Number(/(\d+)K$/.exec(line)![1]), 0)
    expect(size).toBe(Math.floor((total - freed) / 8) * 4)
  })
  test('the root is its own parent', () => {
    expect(
      text('/proc/1/mountinfo')
        .split('\n')
        .slice(0, 2)
        .map((line) => line.split(' ').slice(0, 2)),
    ).toEqual([
      ['1', '1'],
      ['21', '1'],
    ])
  })
  test('disks of virtio are 254, and ext4 brings its elders', () => {
    expect(text('/proc/devices')).toMatch(/Block devices:\n254 virtblk\n259 blkext\n$/)
    expect(text('/proc/filesystems')).toMatch(/\text3\n\text2\n\text4\n$/)
    expect(text('/proc/interrupts')).toMatch(/ virtio0-req\.0\n/)
  })
  test('kernel threads stand at the root; children come oldest first', () => {
    expect(proc_stat(k, '/proc/2/cwd')).toMatchObject({ target: '/' })
    const pids = text('/proc/2/task/2/children').trim().split(' ').map(Number)
    expect(pids).toEqual([...pids].sort((a, b) => a - b))
  })
  test('the mount of cgroups is not to be written in, cgroups are', () => {
    expect(proc_stat(k, '/sys/fs/cgroup')).toMatchObject({ mode: 0o555 })
    expect(proc_stat(k, '/sys/fs/cgroup/a')).toMatchObject({ mode: 0o755 })
    expect(text(`${A}cpu.stat`)).toContain('nr_throttled 0\n')
    expect(proc_mkdir(k, '/sys/devices/system/memory/memory1/x')).toBe(-EPERM)
  })
})

function proc_log(): readonly string[] {
  return k.log.map(([, line]) => line)
}
