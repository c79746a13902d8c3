/** zswap: pages on their way to swap stay in memory, half a frame each, and come back without the disk. */
import { describe, expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab, type LabResult } from '../../../src-main/lab/runner'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import * as u from '../../../src-main/kernel/uapi'
import {
  LRU_INACTIVE_ANON,
  PG_dirty,
  PG_writeback,
  PTE_SHIFT,
  PTE_SWAP,
  type Kernel,
} from '../../../src-main/kernel/kernel'
import { filled_with, set_page_content } from '../../../src-main/kernel/mm/content'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { blk_poll } from '../../../src-main/kernel/mm/page_io'
import { lru_add_drain_all, lru_row } from '../../../src-main/kernel/mm/swap'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { zbud_alloc, zbud_init } from '../../../src-main/kernel/mm/zbud'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { verify_swap } from '../../../src-main/kernel/mm/verify_swap'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { verify_zswap, zswap, zswap_init, zswap_shrink_step, zswap_unused } from '../../../src-main/kernel/mm/zswap'
import { proc_read, proc_write } from '../../../src-main/kernel/proc'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { bare_machine, MiB, step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const PARAMETERS = '/sys/module/zswap/parameters'
const mm_of = (k: Kernel): number => k.task.mm[k.var.current]!
const set = (k: Kernel, name: string, text: string | number): number =>
  proc_write(k, `${PARAMETERS}/${name}`, `${text}\n`)
const figure = (k: Kernel, name: string): number => Number(proc_read(k, `/sys/kernel/debug/zswap/${name}`))

function machine(): Kernel {
  const k = bare_machine({ swap: [{ bytes: 64 * MiB, device: 'ssd' }] })
  swapon(k, 64 * MiB, 'ssd')
  set(k, 'enabled', 1)
  return k
}
function check(k: Kernel): void {
  verify_zswap(k)
  verify_swap(k)
  verify_mm(k)
  verify_page_alloc(k)
}
/** `pages` written pages, sent to swap. */
function out(k: Kernel, pages: number, content?: number): number {
  // No scheduler runs here: what the last write to the disk made it wait for is over.
  k.task.state[k.var.current] = 0
  const p = sys.sys_mmap(k, 0, pages * 4096, RW, ANON)
  access_range(k, p, pages, 4096, true)
  if (content !== undefined)
    for (let i = 0; i < pages; i++)
      set_page_content(k, mapped_entry(k, mm_of(k), p + i * 4096) >>> PTE_SHIFT, filled_with(content))
  sys.sys_madvise(k, p, pages * 4096, u.MADV_PAGEOUT)
  return p
}

test('the parameters, and the command line that sets them', () => {
  const k = bare_machine({ bootParams: ['zswap.enabled=1', 'zswap.max_pool_percent=10'] })
  expect([proc_read(k, `${PARAMETERS}/enabled`), zswap_unused(k)]).toEqual(['N\n', true])
  zswap_init(k)
  expect(proc_read(k, `${PARAMETERS}/enabled`)).toBe('Y\n')
  expect(proc_read(k, `${PARAMETERS}/max_pool_percent`)).toBe('10\n')
  expect([set(k, 'enabled', 'maybe'), set(k, 'compressor', 'lz4'), set(k, 'zpool', 'none')]).toEqual([
    -u.EINVAL,
    0,
    -u.ENOENT,
  ])
  expect(proc_read(k, `${PARAMETERS}/compressor`)).toBe('lz4\n')
})

test('a stored page leaves memory in the same pass, two share a frame, and the disk sees nothing', () => {
  const k = machine()
  let p = 0
  const stored = step(k, () => (p = out(k, 512)))
  expect(stored.vm).toMatchObject({ zswpout: 512 })
  expect(stored.vm['pswpout']).toBeUndefined()
  expect(k.mm.swapents[mm_of(k)]).toBe(512)
  expect(figure(k, 'stored_pages')).toBe(512)
  expect(meminfo(k)).toMatchObject({ Zswapped: 2048, Zswap: 1024 })
  check(k)
  const back = step(k, () => access_range(k, p, 512, 4096, false))
  expect(back.ret).toBe(512)
  expect(back.vm).toMatchObject({ zswpin: 512 })
  expect(back.vm['pswpin']).toBeUndefined()
  // The first of each window is a major fault, its neighbours come with it.
  expect(back.majflt).toBeGreaterThan(60)
  expect(back.majflt + back.minflt).toBe(512)
  check(k)
  sys.sys_munmap(k, p, 512 * 4096)
  k.swap_slots.nr_ret.fill(0)
  expect(meminfo(k).Zswapped).toBeLessThanOrEqual(64 * 4)
})

test('a page goes beside one that leaves just room enough', () => {
  const k = bare_machine()
  zbud_init(k)
  const frame = (chunks: number): number => zbud_alloc(k, chunks * 64, 1) >> 1
  const [small, large, exact] = [frame(31), frame(33), frame(32)]
  expect([large === small, exact === small]).toEqual([false, true])
  expect(frame(30)).toBe(large)
})

test('pages filled with one number take no room', () => {
  const k = machine()
  out(k, 64, 5)
  expect([figure(k, 'same_filled_pages'), figure(k, 'pool_total_size')]).toEqual([64, 0])
  expect(meminfo(k)).toMatchObject({ Zswapped: 256, Zswap: 0 })
  set(k, 'same_filled_pages_enabled', 'N')
  out(k, 64, 5)
  expect([figure(k, 'same_filled_pages'), figure(k, 'pool_total_size')]).toEqual([64, 32 * 4096])
  set(k, 'non_same_filled_pages_enabled', 0)
  expect(step(k, () => out(k, 8)).vm).toMatchObject({ pswpout: 8 })
  check(k)
})

test('at its limit the pool refuses until it is well below, and the oldest go to the disk', () => {
  const k = machine()
  set(k, 'max_pool_percent', 1)
  const limit = Math.floor(k.var.totalram_pages / 100)
  const full = step(k, () => out(k, 4 * limit))
  expect(full.vm['zswpout']).toBe(2 * limit + 1)
  expect(full.vm['pswpout']).toBe(4 * limit - (2 * limit + 1))
  expect(figure(k, 'pool_limit_hit')).toBeGreaterThan(0)
  expect(zswap(k)).toMatchObject({ reached_full: true, shrink_work: true, pool_pages: limit + 1 })
  const under_write = (): Set<number> =>
    new Set([...k.page.flags.keys()].filter((pfn) => (k.page.flags[pfn]! & PG_writeback) !== 0))
  const others = under_write()
  const shrink = step(k, () => zswap_shrink_step(k))
  expect(shrink.vm).toMatchObject({ pswpout: 2 })
  expect(zswap(k)).toMatchObject({ written_back_pages: 2, pool_pages: limit, shrink_work: false })
  // Both are the next that reclaim looks at once they are written.
  const written = [...under_write()].filter((pfn) => !others.has(pfn)).sort((a, b) => a - b)
  blk_poll(k, k.var.now + 1e9)
  lru_add_drain_all(k)
  const last = k.lru.tail[lru_row(0, LRU_INACTIVE_ANON)]!
  expect([k.page.prev[last]!, last].sort((a, b) => a - b)).toEqual(written)
  check(k)
  expect(step(k, () => out(k, 4)).vm).toMatchObject({ pswpout: 4 })
  while (zswap(k).pool_pages >= Math.floor(Math.floor(k.var.totalram_pages * 0.9) / 100)) {
    zswap(k).shrink_work = true
    zswap_shrink_step(k)
  }
  expect(step(k, () => out(k, 4)).vm).toMatchObject({ zswpout: 4 })
  check(k)
})

test('a page written again after it came back replaces what was stored', () => {
  const k = machine()
  const p = out(k, 16)
  access_range(k, p, 16, 4096, true)
  sys.sys_madvise(k, p, 16 * 4096, u.MADV_PAGEOUT)
  expect(meminfo(k).Zswapped).toBeLessThanOrEqual(16 * 4 + 64 * 4)
  for (let i = 0; i < 16; i++) expect(mapped_entry(k, mm_of(k), p + i * 4096) & PTE_SWAP).not.toBe(0)
  for (let pfn = 1; pfn < k.var.max_pfn; pfn++)
    if ((k.page.flags[pfn]! & PG_writeback) !== 0) expect(k.page.flags[pfn]! & PG_dirty).toBe(0)
  check(k)
})

test('a snapshot goes on as the machine does', () => {
  const k = machine()
  const p = out(k, 200)
  const copy = restore(snapshot(k))
  for (const m of [k, copy]) {
    access_range(m, p, 100, 4096, true)
    out(m, 50)
  }
  // A check leaves no trace.
  check(copy)
  expect(hash(copy)).toBe(hash(k))
})

describe('under pressure', () => {
  const program = (params: string): string => `memscope: lab/1
machine: { ram: 128MiB, swap: [{ size: 128MiB, device: ssd }], bootParams: [${params}] }
steps:
  - mmap: { as: a, length: 120MiB }
  - touch: { area: a, access: write }
  - touch: { area: a, access: read }
  - munmap: { area: a }
  - sleep: 1s
  - readFile: { path: /sys/module/zswap/parameters/enabled }
`
  const run = (params: string): LabResult => {
    const loaded = parseLab(program(params), 'zswap.yaml')
    if (!loaded.ok) throw new Error(loaded.error)
    return runLab(loaded.value)
  }
  const without = run('')
  const withIt = run('zswap.enabled=1')
  const sum = (r: LabResult, name: string): number => r.lines.reduce((n, line) => n + (line.vmstat[name] ?? 0), 0)

  test('less goes to the disk and the program is done sooner', () => {
    expect(withIt.lines[5]!.text).toBe('Y\n')
    expect(sum(without, 'pswpout')).toBeGreaterThan(10000)
    expect(sum(without, 'zswpout')).toBe(0)
    expect(sum(withIt, 'zswpout')).toBeGreaterThan(8000)
    expect(sum(withIt, 'zswpin')).toBeGreaterThan(4000)
    expect(withIt.ms).toBeLessThan(without.ms)
  })
  test('the same program twice ends in the same state', () => {
    expect(run('zswap.enabled=1').hash).toBe(withIt.hash)
  })
})

test('a cgroup sees what zswap holds for it and for those in it, and memory.zswap.max sends the rest to the disk', () => {
  const run = (max: string): Record<string, string> => {
    const loaded = parseLab(
      `memscope: lab/1
machine: { ram: 128MiB, cgroup: true, swap: [{ size: 64MiB, device: ssd }], bootParams: [zswap.enabled=1] }
steps:
  - cgroup: { path: /box, set: { memory.zswap.max: ${max} } }
  - cgroup: { path: /box/in, attach: [main] }
  - mmap: { as: p, length: 8MiB }
  - touch: { area: p, access: write }
  - madvise: { area: p, advice: pageout }
  - readFile: { path: /sys/fs/cgroup/box/memory.zswap.current }
  - readFile: { path: /sys/fs/cgroup/box/memory.zswap.max }
  - readFile: { path: /proc/meminfo }
`,
      'p.yaml',
    )
    if (!loaded.ok) throw new Error(loaded.error)
    const texts = runLab(loaded.value, { verify: true }).lines.filter((line) => line.op === 'readFile')
    return Object.fromEntries(['current', 'max', 'meminfo'].map((name, i) => [name, texts[i]!.text!]))
  }
  const free = run('max')
  expect(free['max']).toBe('max\n')
  const stored = Number(/^Zswapped: +(\d+)/m.exec(free['meminfo']!)![1])
  expect(stored).toBeGreaterThan(4000)
  expect(Number(free['current'])).toBeGreaterThan(stored * 1024 * 0.2)
  const limited = run('1M')
  expect(limited['max']).toBe('1048576\n')
  expect(Number(limited['current'])).toBeLessThanOrEqual(2 ** 20 + 4096)
  expect(Number(limited['current'])).toBeGreaterThan(2 ** 20 - 8192)
})
