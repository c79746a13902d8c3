/** Paths, permissions and errno of the trees; files of 8-byte words; what writes set in motion. root is who asks. */
import { beforeEach, describe, expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import { sys_fork } from '../../../src-main/kernel/entry/syscall'
import type { Kernel } from '../../../src-main/kernel/kernel'
import {
  proc_list,
  proc_mkdir,
  proc_pread,
  proc_read,
  proc_rmdir,
  proc_stat,
  proc_write,
} from '../../../src-main/kernel/proc'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { verify } from '../../../src-main/kernel/verify'
import { runningOf, scenarioOf } from '../../support/machine'

const [EPERM, ENOENT, ESRCH, EIO, EAGAIN, EACCES, EBUSY, EEXIST, ENOTDIR, EISDIR, EINVAL] = [
  1, 2, 3, 5, 11, 13, 16, 17, 20, 21, 22,
] as const
let k: Kernel
beforeEach(() => {
  const m = runningOf(scenarioOf(SCENARIO))
  m.runTo(1)
  k = m.k
})
const SCENARIO = `memscope: scenario/1
title: one program
seed: 1
base: none
machine: { ram: 128MiB, swap: [{ size: 64MiB, device: ssd }], thp: never }
cgroups: { /box: {} }
processes:
  - { program: memhog, name: hog, cgroup: /box, params: { size: 8MiB } }
until: 5s
`
const text = (path: string): string => String(proc_read(k, path))
const hog = (): number =>
  (proc_list(k, '/proc') as string[]).map(Number).find((pid) => pid > 1 && text(`/proc/${pid}/comm`) === 'hog\n')!
/** Words of a file of words, as [low, high]. */
const words = (path: string, first: number, nr: number): [number, number][] => {
  const bytes = proc_pread(k, path, first * 8, nr * 8)
  if (typeof bytes === 'number') throw new Error(`${path}: ${bytes}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / 8 }, (_, i) => [
    view.getUint32(i * 8, true),
    view.getUint32(i * 8 + 4, true),
  ])
}

describe('a path', () => {
  test.each([
    ['/proc/999999/status', -ENOENT],
    ['/proc/0/status', -ENOENT],
    ['/proc/01/status', -ENOENT],
    ['/proc/meminfo/x', -ENOTDIR],
    ['/proc/meminfo/', -ENOTDIR],
    ['/proc', -EISDIR],
    ['/proc/1/fd', -EISDIR],
    ['/proc/sys/vm', -EISDIR],
    ['/sys/fs/cgroup', -EISDIR],
    ['/sys/nothing', -ENOENT],
    ['/sys/block/none/stat', -ENOENT],
    ['/proc/sys/vm/drop_caches', -EACCES],
    ['/proc/1/clear_refs', -EINVAL],
    ['/sys/fs/cgroup/memory.reclaim', -EINVAL],
    ['/proc/2/smaps_rollup', -ESRCH],
    ['/proc/2/maps', ''],
    ['/proc/2/environ', ''],
    ['/proc/2/cmdline', ''],
  ] as const)('%s is read with %s', (path, expected) => {
    expect(proc_read(k, path)).toBe(expected)
  })
  test('follows links, and .. leads back', () => {
    expect(text('/proc/self/../2/comm')).toBe('kthreadd\n')
    expect(text('/proc/mounts')).toBe(text('/proc/1/mounts'))
    expect(text('/proc/net/dev')).toContain('lo:')
    expect(text('/proc/thread-self/comm')).toBe(text('/proc/1/comm'))
    expect(proc_stat(k, '/proc/self', 2)).toMatchObject({ kind: 'link', target: '2' })
    expect(proc_stat(k, '/proc/2/exe')).toMatchObject({ kind: 'link', target: '' })
    expect(proc_stat(k, '/proc/1/exe')).toMatchObject({ target: '/sbin/init' })
  })
  test('a folder belongs to the user of its process', () => {
    expect(proc_stat(k, `/proc/${hog()}`)).toMatchObject({ kind: 'dir', mode: 0o555, uid: 1000, gid: 1000 })
    expect(proc_stat(k, `/proc/${hog()}/environ`)).toMatchObject({ mode: 0o400, uid: 1000 })
    expect(proc_stat(k, '/proc/sys/vm/swappiness')).toMatchObject({ mode: 0o644, uid: 0 })
  })
})

describe('a write', () => {
  test.each([
    ['/proc/meminfo', '1', -EIO],
    ['/proc/1/status', '1', -EINVAL],
    ['/proc/1', '1', -EISDIR],
    ['/proc/nothing', '1', -ENOENT],
    ['/proc/999999/oom_score_adj', '1', -ENOENT],
    ['/proc/sys/kernel/osrelease', '7', -EACCES],
    ['/proc/sys/vm/swappiness', 'abc', -EINVAL],
    ['/proc/sys/vm/swappiness', '201', -EINVAL],
    ['/proc/sys/vm/swappiness', '-1', -EINVAL],
    ['/proc/sys/vm/swappiness', '0x14', 0],
    ['/proc/sys/vm/drop_caches', '0', -EINVAL],
    ['/proc/sys/vm/drop_caches', '5', -EINVAL],
    ['/proc/sys/vm/compact_memory', '2', 0],
    ['/proc/sys/vm/compact_memory', '1', 0],
    ['/proc/sys/vm/numa_zonelist_order', 'zone', -EINVAL],
    ['/proc/sys/kernel/hostname', 'other', 0],
    ['/proc/1/oom_score_adj', '1001', -EINVAL],
    ['/proc/1/oom_score_adj', 'x', -EINVAL],
    ['/proc/1/oom_adj', '16', -EINVAL],
    ['/proc/1/clear_refs', '0', -EINVAL],
    ['/proc/1/clear_refs', '6', -EINVAL],
    ['/proc/2/clear_refs', '1', 0],
    ['/proc/2/comm', 'other', -EINVAL],
    ['/proc/1/coredump_filter', 'zz', -EINVAL],
    ['/sys/kernel/mm/transparent_hugepage/enabled', 'sometimes', -EINVAL],
    ['/sys/kernel/mm/transparent_hugepage/hpage_pmd_size', '1', -EACCES],
    ['/sys/fs/cgroup/memory.stat', '1', -EINVAL],
    ['/sys/fs/cgroup/cgroup.procs', '999999', -ESRCH],
    ['/sys/fs/cgroup/cgroup.procs', 'x', -EINVAL],
    ['/sys/fs/cgroup/cgroup.subtree_control', '+nothing', -EINVAL],
    ['/sys/fs/cgroup/memory.max', '1', -ENOENT],
  ] as const)('of %s: "%s" answers %i', (path, value, expected) => {
    expect(proc_write(k, path, `${value}\n`)).toBe(expected)
  })
  test('is kept', () => {
    expect(proc_write(k, '/proc/sys/kernel/hostname', 'other\n')).toBe(0)
    expect(text('/proc/sys/kernel/hostname')).toBe('other\n')
    expect(proc_write(k, '/proc/1/coredump_filter', '0x7f\n')).toBe(0)
    expect(text('/proc/1/coredump_filter')).toBe('0000007f\n')
    expect(proc_write(k, '/proc/1/timerslack_ns', '1000\n')).toBe(0)
    expect(text('/proc/1/timerslack_ns')).toBe('1000\n')
    expect(proc_write(k, '/proc/self/comm', 'a name beyond fifteen\n')).toBe(0)
    expect(text('/proc/1/comm')).toBe('a name beyond f\n')
    expect(proc_write(k, '/dev/kmsg', '<4>hello\n')).toBe(0)
    expect(text('/proc/kmsg').trimEnd().endsWith('hello')).toBe(true)
    verify(k)
  })
  test('a child inherits coredump_filter', () => {
    proc_write(k, '/proc/1/coredump_filter', '0\n')
    k.var.current = find_task_by_pid(k, 1)
    const child = sys_fork(k)
    k.var.current = 0
    expect(text(`/proc/${k.task.pid[child]}/coredump_filter`)).toBe('00000000\n')
  })
})

describe('folders', () => {
  test('can be made among cgroups alone', () => {
    expect(proc_mkdir(k, '/proc/x')).toBe(-ENOENT)
    expect(proc_mkdir(k, '/sys/x')).toBe(-EPERM)
    expect(proc_mkdir(k, '/sys/fs/cgroup/a')).toBe(0)
    expect(proc_mkdir(k, '/sys/fs/cgroup/a')).toBe(-EEXIST)
    expect(proc_mkdir(k, '/sys/fs/cgroup/none/b')).toBe(-ENOENT)
    expect(proc_rmdir(k, '/sys/fs/cgroup/none')).toBe(-ENOENT)
    expect(proc_rmdir(k, '/sys/fs/cgroup/a/memory.max')).toBe(-ENOTDIR)
    expect(proc_rmdir(k, '/proc/1')).toBe(-EPERM)
    expect(proc_rmdir(k, '/sys/fs/cgroup/a')).toBe(0)
  })
  test('a cgroup gets the controllers that its parent hands down, and no tasks beside children', () => {
    const at = '/sys/fs/cgroup/a'
    proc_mkdir(k, at)
    expect(text(`${at}/cgroup.controllers`)).toBe('memory\n')
    expect(text(`${at}/cgroup.subtree_control`)).toBe('')
    expect(proc_write(k, `${at}/cgroup.subtree_control`, '+cpu')).toBe(-ENOENT)
    proc_mkdir(k, `${at}/b`)
    expect(proc_list(k, `${at}/b`)).not.toContain('memory.max')
    expect(proc_write(k, `${at}/cgroup.procs`, String(hog()))).toBe(0)
    expect(text(`/proc/${hog()}/cgroup`)).toBe('0::/a\n')
    expect(proc_write(k, `${at}/cgroup.subtree_control`, '+memory')).toBe(-EBUSY)
    expect(proc_write(k, `${at}/b/cgroup.procs`, String(hog()))).toBe(0)
    expect(proc_write(k, `${at}/cgroup.subtree_control`, '+memory')).toBe(0)
    expect(proc_list(k, `${at}/b`)).toContain('memory.max')
    expect(proc_write(k, `${at}/cgroup.procs`, String(hog()))).toBe(-EBUSY)
    expect(proc_write(k, `${at}/cgroup.procs`, '2')).toBe(-EINVAL)
    expect(proc_rmdir(k, at)).toBe(-EBUSY)
    expect(proc_write(k, `${at}/cgroup.max.descendants`, '1')).toBe(0)
    expect(proc_mkdir(k, `${at}/c`)).toBe(-EAGAIN)
  })
  test('limits take a suffix, "max", and no nonsense', () => {
    const at = '/sys/fs/cgroup/a'
    proc_mkdir(k, at)
    for (const [given, shown] of [
      ['100M', '104857600'],
      ['0x1000', '4096'],
      ['5000', '4096'],
      ['max', 'max'],
      ['1T', '1099511627776'],
    ] as const) // prettier-ignore
    {
      expect(proc_write(k, `${at}/memory.high`, given)).toBe(0)
      expect(text(`${at}/memory.high`)).toBe(`${shown}\n`)
    }
    for (const wrong of ['abc', '10X', '-1', '1 2']) expect(proc_write(k, `${at}/memory.max`, wrong)).toBe(-EINVAL)
  })
})

describe('words', () => {
  const PRESENT = 2 ** 31
  const SWAP = 2 ** 30
  const FILE = 2 ** 29
  const EXCLUSIVE = 2 ** 24
  const SOFT_DIRTY = 2 ** 23
  /** The largest anonymous area, as first page and number of pages. */
  const area = (pid: number): [number, number] => {
    const rows = [...text(`/proc/${pid}/maps`).matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0 *$/gm)]
    const ranges = rows.map(([, a, b]): [number, number] => [
      parseInt(a!, 16) / 4096,
      (parseInt(b!, 16) - parseInt(a!, 16)) / 4096,
    ])
    return ranges.sort((a, b) => b[1] - a[1])[0]!
  }
  const areas = (pid: number): [number, number][] =>
    [...text(`/proc/${pid}/maps`).matchAll(/^([0-9a-f]+)-([0-9a-f]+) .*$/gm)].map(([, a, b]) => [
      parseInt(a!, 16) / 4096,
      (parseInt(b!, 16) - parseInt(a!, 16)) / 4096,
    ])
  const has = (high: number, bit: number): boolean => Math.floor((high >>> 0) / bit) % 2 === 1

  test('pagemap tells of each page where it is, and agrees with Rss', () => {
    const pid = hog()
    const [first, nr] = area(pid)
    const present = words(`/proc/${pid}/pagemap`, first, nr).filter(([, high]) => has(high, PRESENT))
    expect(present.length).toBeGreaterThan(2000)
    for (const [pfn, high] of present) {
      expect(has(high, EXCLUSIVE) && has(high, SOFT_DIRTY) && !has(high, FILE)).toBe(true)
      expect(words('/proc/kpagecount', pfn, 1)[0]![0]).toBe(1)
      const flags = words('/proc/kpageflags', pfn, 1)[0]![0]
      // MMAP, ANON, SWAPBACKED
      expect(flags & (1 << 11 | 1 << 12 | 1 << 14)).toBe(1 << 11 | 1 << 12 | 1 << 14) // prettier-ignore
      expect(words('/proc/kpagecgroup', pfn, 1)[0]![0]).toBeGreaterThan(1)
    }
    let rss = 0
    for (const [first, nr] of areas(pid))
      for (const [pfn, high] of words(`/proc/${pid}/pagemap`, first, nr))
        if (has(high, PRESENT) && pfn > 1 && (words('/proc/kpageflags', pfn, 1)[0]![0] & (1 << 11)) !== 0) rss += 4
    expect(rss).toBe(Number(/^Rss: +(\d+)/m.exec(text(`/proc/${pid}/smaps_rollup`))![1]))
  })
  test('after clear_refs 4 only what is written again is soft-dirty; after 1 nothing is referenced', () => {
    const pid = hog()
    const [first, nr] = area(pid)
    expect(proc_write(k, `/proc/${pid}/clear_refs`, '4')).toBe(0)
    expect(words(`/proc/${pid}/pagemap`, first, nr).some(([, high]) => has(high, SOFT_DIRTY))).toBe(false)
    expect(text(`/proc/${pid}/smaps`)).not.toContain(' sd ')
    expect(proc_write(k, `/proc/${pid}/clear_refs`, '1')).toBe(0)
    expect(/^Referenced: +(\d+)/m.exec(text(`/proc/${pid}/smaps_rollup`))![1]).toBe('0')
    verify(k)
  })
  test('a page in swap has its area and offset', () => {
    const pid = hog()
    expect(proc_write(k, '/sys/fs/cgroup/box/memory.max', '4M')).toBe(0)
    const swapped = areas(pid).flatMap(([first, nr]) =>
      words(`/proc/${pid}/pagemap`, first, nr).filter(([, high]) => has(high, SWAP)),
    )
    expect(swapped.length * 4).toBe(Number(/^VmSwap:\s+(\d+)/m.exec(text(`/proc/${pid}/status`))![1]))
    expect(swapped.length).toBeGreaterThan(0)
    const offsets = swapped.map(([low, high]) => (low + (high & 0x3ffff) * 2 ** 32) / 32)
    expect(new Set(offsets).size).toBe(offsets.length)
    for (const offset of offsets) expect(offset).toBeLessThanOrEqual(64 * 256)
  })
  test('are read whole, within what there is', () => {
    expect(proc_pread(k, '/proc/kpagecount', 4, 8)).toBe(-EINVAL)
    expect(proc_pread(k, '/proc/1/pagemap', 0, 12)).toBe(-EINVAL)
    expect((proc_pread(k, '/proc/kpageflags', 2 ** 40, 64) as Uint8Array).length).toBe(0)
    expect((proc_pread(k, '/proc/2/pagemap', 0, 64) as Uint8Array).length).toBe(0)
    expect(proc_pread(k, '/proc', 0, 8)).toBe(-EISDIR)
    expect(Buffer.from(proc_pread(k, '/proc/version', 0, 5) as Uint8Array).toString()).toBe('Linux')
  })
  test('kpageflags count the free frames of buddyinfo', () => {
    const flags = words('/proc/kpageflags', 0, 32768)
    const free = flags.filter(([low]) => (low & (1 << 10)) !== 0).length
    expect(free).toBe(Number(/^nr_free_pages (\d+)/m.exec(text('/proc/vmstat'))![1]))
    expect(flags[0xa0]![1]! & 1).toBe(1)
  })
})

test('a machine without pressure accounting has no files of it', () => {
  const quiet = boot({ ram: 2 ** 27, cpus: 1, swap: [], disk: 'ssd', thp: 'never', seed: 1, bare: true, bootParams: [], psi: false }) // prettier-ignore
  expect(proc_read(quiet, '/proc/pressure/memory')).toBe(-ENOENT)
  expect(proc_list(quiet, '/sys/fs/cgroup')).not.toContain('memory.pressure')
})

describe('the node', () => {
  test('has meminfo of its own, with what is used and in the machine’s sums', () => {
    const lines = text('/sys/devices/system/node/node0/meminfo').trimEnd().split('\n')
    const of = (name: string): number =>
      Number(lines.find((line) => line.includes(` ${name}:`))!.match(/(\d+)( kB)?$/)![1])
    expect(lines).toHaveLength(36)
    expect(lines[3]).toMatch(/^Node 0 SwapCached: {7} *\d+ kB$/)
    expect(lines.find((line) => line.includes('FilePmdMapped'))).toBe('Node 0 FilePmdMapped:        0 kB')
    expect(lines.at(-1)).toBe('Node 0 HugePages_Surp:      0')
    expect(of('MemUsed')).toBe(of('MemTotal') - of('MemFree'))
    expect(of('Active')).toBe(of('Active(anon)') + of('Active(file)'))
    expect(text('/proc/meminfo')).toContain(`MemFree:        ${String(of('MemFree')).padStart(8)} kB`)
  })
  test('has counters of its own, no events', () => {
    const names = text('/sys/devices/system/node/node0/vmstat').match(/^\w+/gm)!
    expect(names[0]).toBe('nr_free_pages')
    expect(names).not.toContain('pgfault')
    expect(text('/sys/devices/system/node/node0/numastat')).toMatch(/^numa_hit [1-9]\d*\nnuma_miss 0\n/)
  })
})

describe('a number in /sys', () => {
  const scan = '/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan'
  test.each([
    ['+5', 0, '5\n'],
    ['7\n', 0, '7\n'],
    ['', 0, '4096\n'],
    [' 7', -EINVAL, '4096\n'],
    ['0x10', -EINVAL, '4096\n'],
    ['18446744073709551616', -EINVAL, '4096\n'],
  ])('%j answers %i', (value, errno, now) => {
    expect(proc_write(k, scan, value)).toBe(errno)
    expect(text(scan)).toBe(now)
  })
  test('too large for 64 bits is out of range where a flag or a pool is set', () => {
    expect(proc_write(k, '/sys/kernel/mm/transparent_hugepage/use_zero_page', '18446744073709551616')).toBe(-34)
    expect(proc_write(k, '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '18446744073709551616')).toBe(-34)
  })
})
