/** The texts of /proc against lines of a Debian 6.1 kernel: names, order, columns; numbers may differ. */
import { beforeAll, describe, expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { proc_list, proc_read, proc_stat, proc_write } from '../../../src-main/kernel/proc'
import { runningOf, scenarioNamed } from '../../support/machine'

let k: Kernel
beforeAll(() => {
  const swap = [{ bytes: 256 * 2 ** 20, device: 'ssd' as const }]
  k = boot({ ram: 2 ** 30, cpus: 1, swap, disk: 'ssd', thp: 'never', seed: 1, bare: true, bootParams: [], psi: true })
})

const text = (path: string): string => String(proc_read(k, path))
const lines = (path: string): string[] => text(path).split('\n')
/** Right-aligned fields by their width, other numbers as #. */
const shape = (line: string): string => line.replace(/\s{2,}\d+/g, (m) => '·'.repeat(m.length)).replace(/\d+/g, '#')

test.each([
  ['/proc/meminfo', 0, 'MemTotal:         983744 kB'],
  ['/proc/meminfo', 8, 'Active(anon):       1760 kB'],
  ['/proc/meminfo', 35, 'VmallocTotal:   34359738367 kB'],
  ['/proc/meminfo', 39, 'HardwareCorrupted:     0 kB'],
  ['/proc/meminfo', 45, 'HugePages_Total:       0'],
  ['/proc/meminfo', 52, 'DirectMap2M:     1024000 kB'],
  ['/proc/vmstat', 0, 'nr_free_pages 238358'],
  ['/proc/stat', 0, 'cpu  4 0 184 293 0 0 0 0 0 0'],
  ['/proc/stat', 1, 'cpu0 4 0 184 293 0 0 0 0 0 0'],
  ['/proc/loadavg', 0, '0.00 0.00 0.00 1/46 94'],
  ['/proc/uptime', 0, '5.50 2.93'],
  ['/proc/swaps', 0, 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority'],
  [
    '/proc/buddyinfo',
    0,
    'Node 0, zone      DMA      0      0      0      0      0      1      1      1      0      1      3 ',
  ],
  [
    '/proc/pagetypeinfo',
    3,
    'Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10 ',
  ],
  [
    '/proc/pagetypeinfo',
    4,
    'Node    0, zone      DMA, type    Unmovable      0      0      0      0      0      1      1      1      0      0      0 ',
  ],
  [
    '/proc/pagetypeinfo',
    15,
    'Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate ',
  ],
  ['/proc/pagetypeinfo', 16, 'Node 0, zone      DMA            1            7            0            0            0 '],
  ['/proc/zoneinfo', 0, 'Node 0, zone      DMA'],
  ['/proc/zoneinfo', 1, '  per-node stats'],
  ['/proc/zoneinfo', 18, '      workingset_nodereclaim 0'],
  ['/proc/zoneinfo', 22, '      nr_dirty     0'],
  ['/proc/zoneinfo', 45, '  pages free     3808'],
  ['/proc/zoneinfo', 46, '        boost    0'],
  ['/proc/zoneinfo', 54, '        protection: (0, 936, 936, 936, 936)'],
  ['/proc/zoneinfo', 55, '      nr_free_pages 3808'],
  ['/proc/zoneinfo', 77, '  vm stats threshold: 2'],
  ['/proc/zoneinfo', 79, '  start_pfn:           1'],
  ['/proc/slabinfo', 0, 'slabinfo - version: 2.1'],
  [
    '/proc/slabinfo',
    3,
    'fscrypt_info           0      0    128   32    1 : tunables    0    0    0 : slabdata      0      0      0',
  ],
  ['/proc/pressure/memory', 0, 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0'],
  ['/proc/1/statm', 0, '4485 2442 1187 122 0 3016 0'],
  ['/proc/1/status', 15, 'NSsid:\t0'],
  ['/proc/1/status', 16, 'VmPeak:\t   17940 kB'],
  ['/proc/1/status', 30, 'VmSwap:\t       0 kB'],
  ['/proc/1/status', 35, 'SigQ:\t0/770'],
  ['/proc/1/limits', 0, 'Limit                     Soft Limit           Hard Limit           Units     '],
  ['/proc/1/limits', 4, 'Max stack size            8388608              unlimited            bytes     '],
  ['/proc/1/limits', 14, 'Max nice priority         0                    0                    '],
  ['/proc/1/io', 6, 'cancelled_write_bytes: 0'],
  ['/proc/1/schedstat', 0, '65438680 10060452 18'],
  ['/proc/1/maps', 0, '00400000-00401000 r--p 00000000 00:02 78                                 /bin/fmt'],
])('%s line %i is laid out as Linux does', (path, line, expected) => {
  const mine = lines(path)[line]!
  const names = (s: string): string =>
    s
      .replace(/^[a-z]\w+ +/, 'cache  ')
      .replace(/\/\S+$/, '')
      .replace(/#:#|#[a-f#]*-#[a-f#]*/g, '#')
  if (path.endsWith('maps')) {
    expect(mine.indexOf('/')).toBe(expected.indexOf('/'))
    expect(mine.slice(0, 18)).toBe(expected.slice(0, 18))
  } else if (/slabinfo|loadavg/.test(path))
    expect(shape(names(mine)).replace(/·+/g, '·')).toBe(shape(names(expected)).replace(/·+/g, '·'))
  else expect(shape(mine)).toBe(shape(expected))
})

test('vmstat and meminfo have every name of the counter table once, in order', () => {
  expect(new Set(lines('/proc/vmstat').map((l) => l.split(' ')[0])).size).toBe(lines('/proc/vmstat').length)
  expect(lines('/proc/meminfo')).toHaveLength(54)
})

test('an unpopulated zone shows its marks and nothing more', () => {
  const all = text('/proc/zoneinfo')
  expect(all).toContain('Node 0, zone   Normal\n  pages free     0\n        boost    0\n')
  expect(all.endsWith('        protection: (0, 0, 0, 0, 0)\n')).toBe(true)
})

test('swaps lists the area in its columns', () => {
  expect(lines('/proc/swaps')[1]).toMatch(/^\/dev\/s[a-z]{2} {32}partition\t262140\t\t0\t\t-2$/)
})

test('PID/stat has a name in brackets and 50 more fields', () => {
  const [, rest] = text('/proc/1/stat').split(') ')
  expect(rest!.trim().split(' ')).toHaveLength(50)
  expect(text('/proc/2/stat')).toMatch(/^2 \(kthreadd\) S 0 0 0 0 -1 2129984 0 0 /)
})

test('smaps adds up to the rollup, and Rss to status', () => {
  const sum = (name: string): number =>
    [...text('/proc/1/smaps').matchAll(new RegExp(`^${name}: +(\\d+) kB$`, 'gm'))].reduce((s, m) => s + Number(m[1]), 0)
  const rollup = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text('/proc/1/smaps_rollup'))![1])
  for (const name of ['Rss', 'Anonymous', 'Private_Dirty', 'Referenced', 'Swap'])
    expect(sum(name), name).toBe(rollup(name))
  expect(rollup('Rss')).toBe(Number(/^VmRSS:\s+(\d+)/m.exec(text('/proc/1/status'))![1]))
  expect(text('/proc/1/smaps_rollup')).toMatch(
    /^00400000-7ffffffff000 ---p 00000000 00:00 0 {30}\[rollup\]\nRss: +\d+ kB\n/,
  )
})

describe('the tree', () => {
  test('lists pids in ascending order and the files after them', () => {
    const names = proc_list(k, '/proc') as string[]
    const pids = names.filter((n) => /^\d+$/.test(n)).map(Number)
    expect(pids).toEqual([...pids].sort((a, b) => a - b))
    expect(pids[0]).toBe(1)
    expect(names).toEqual(expect.arrayContaining(['meminfo', 'self', 'sys', 'pressure', 'zoneinfo']))
  })
  test('self is a link to the reader', () => {
    expect(proc_stat(k, '/proc/self', 7)).toMatchObject({ kind: 'link', target: '7' })
    expect(proc_read(k, '/proc/self/comm', 2)).toBe('kthreadd\n')
  })
  test('answers with errno', () => {
    expect(proc_read(k, '/proc/nothing')).toBe(-2)
    expect(proc_read(k, '/proc/4711/stat')).toBe(-2)
    expect(proc_read(k, '/proc/sys/vm')).toBe(-21)
    expect(proc_write(k, '/proc/meminfo', '1')).toBe(-5)
    expect(proc_read(k, '/proc/2/smaps_rollup')).toBe(-3)
    expect(proc_list(k, '/proc/meminfo')).toBe(-20)
  })
  test('every file that is listed can be read', () => {
    const walk = (path: string): void => {
      for (const name of proc_list(k, path) as string[]) {
        const at = `${path}/${name}`
        const stat = proc_stat(k, at)
        expect(typeof stat, at).toBe('object')
        if (typeof stat === 'number') continue
        if (stat.kind === 'dir' && !/\/\d+\/task$/.test(at)) walk(at)
        if (stat.kind === 'file' && (stat.mode & 0o444) !== 0) {
          const content = proc_read(k, at)
          // Memory has nothing at 0, and AppArmor no answer but one, on the measured machine too.
          const refuses = content === -3 || /\/(mem|attr\/.*)$/.test(at)
          if (!refuses) expect(typeof content, at).toBe('string')
        }
      }
    }
    walk('/proc')
    walk('/sys')
  })
})

describe('writes', () => {
  test('set sysctls within their bounds', () => {
    expect(proc_write(k, '/proc/sys/vm/swappiness', '10\n')).toBe(0)
    expect(text('/proc/sys/vm/swappiness')).toBe('10\n')
    expect(proc_write(k, '/proc/sys/vm/swappiness', '201')).toBe(-22)
    expect(proc_write(k, '/proc/sys/vm/swappiness', 'much')).toBe(-22)
    expect(proc_write(k, '/proc/sys/kernel/osrelease', '7')).toBe(-13)
  })
  test('of dirty_bytes and dirty_ratio only one counts', () => {
    expect(proc_write(k, '/proc/sys/vm/dirty_bytes', '1048576')).toBe(0)
    expect(text('/proc/sys/vm/dirty_ratio')).toBe('0\n')
    expect(proc_write(k, '/proc/sys/vm/dirty_ratio', '20')).toBe(0)
    expect(text('/proc/sys/vm/dirty_bytes')).toBe('0\n')
  })
  test('min_free_kbytes moves the watermarks', () => {
    expect(proc_write(k, '/proc/sys/vm/min_free_kbytes', '16384')).toBe(0)
    const min = [...text('/proc/zoneinfo').matchAll(/^ {8}min +(\d+)$/gm)].reduce((s, m) => s + Number(m[1]), 0)
    expect(min).toBeGreaterThan(4090)
    expect(min).toBeLessThanOrEqual(4096)
  })
  test('oom_score_adj and the old oom_adj follow each other', () => {
    expect(proc_write(k, '/proc/1/oom_score_adj', '500')).toBe(0)
    expect(text('/proc/1/oom_adj')).toBe('8\n')
    expect(proc_write(k, '/proc/1/oom_adj', '-17')).toBe(0)
    expect(text('/proc/1/oom_score_adj')).toBe('-1000\n')
    expect(proc_write(k, '/proc/1/oom_score_adj', '1001')).toBe(-22)
    expect(proc_write(k, '/proc/1/oom_score_adj', '0')).toBe(0)
  })
  test('lowmem_reserve_ratio keeps the values that were not given', () => {
    expect(proc_write(k, '/proc/sys/vm/lowmem_reserve_ratio', '128 128')).toBe(0)
    expect(text('/proc/sys/vm/lowmem_reserve_ratio')).toBe('128\t128\t32\t0\t0\n')
  })
})

test('reading leaves no trace in the machine', async () => {
  const { hash } = await import('../../../src-main/kernel/snapshot')
  const { sample } = await import('../../../src-main/sampler/sampler')
  const m = runningOf(scenarioNamed('segfaults'))
  m.runTo(3)
  const before = hash(m.k)
  sample(m.k)
  for (const path of [
    '/proc/vmstat',
    '/proc/zoneinfo',
    '/proc/slabinfo',
    '/proc/pressure/memory',
    '/proc/50/smaps',
    '/proc/50/status',
  ])
    proc_read(m.k, path)
  expect(hash(m.k)).toBe(before)
})
