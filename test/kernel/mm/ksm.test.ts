/** KSM: equal pages become one, a write parts them, and the figures say so. */
import { describe, expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab } from '../../../src-main/lab/runner'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PG_dirty, PG_ksm, PTE_SHIFT, type Kernel } from '../../../src-main/kernel/kernel'
import { filled_with, new_content, page_content, set_page_content } from '../../../src-main/kernel/mm/content'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { ksm } from '../../../src-main/kernel/mm/ksm'
import { ksm_do_scan } from '../../../src-main/kernel/mm/ksm_scan'
import { run_store } from '../../../src-main/kernel/mm/ksm_merge'
import { verify_ksm } from '../../../src-main/kernel/mm/ksm_verify'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { release_page } from '../../../src-main/kernel/mm/swap'
import { add_to_swap, delete_from_swap_cache } from '../../../src-main/kernel/mm/swap_state'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { try_to_unmap } from '../../../src-main/kernel/mm/rmap'
import { verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { proc_list, proc_read, proc_write } from '../../../src-main/kernel/proc'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { prng_below } from '../../../src-main/kernel/lib/prng'
import { bare_machine, MiB, run_as, step } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS
const mm_of = (k: Kernel): number => k.task.mm[k.var.current]!
const knob = (k: Kernel, name: string): number => Number(proc_read(k, `/sys/kernel/mm/ksm/${name}`))
const set = (k: Kernel, name: string, value: number | string): number =>
  proc_write(k, `/sys/kernel/mm/ksm/${name}`, `${value}\n`)
/** shared, sharing, unshared, volatile. */
const figures = (k: Kernel): number[] =>
  ['shared', 'sharing', 'unshared', 'volatile'].map((name) => knob(k, `pages_${name}`))
/** One full scan; what a batch leaves over is not looked at. */
function scan(k: Kernel, times = 1): void {
  const { seqnr } = ksm(k)
  while (ksm(k).seqnr < seqnr + times) ksm_do_scan(k, 1000)
}
function check(k: Kernel): void {
  verify_ksm(k)
  verify_mm(k)
  verify_page_alloc(k)
}
/** Pages filled as told: a number each, or -1 for a content of its own. */
function filled(k: Kernel, contents: readonly number[]): number {
  const p = sys.sys_mmap(k, 0, contents.length * 4096, RW, ANON)
  access_range(k, p, contents.length, 4096, true)
  contents.forEach((n, i) => fill(k, p + i * 4096, n))
  return p
}
function fill(k: Kernel, addr: number, n: number): void {
  set_page_content(k, mapped_entry(k, mm_of(k), addr) >>> PTE_SHIFT, n < 0 ? new_content(k) : filled_with(n))
}
const mergeable = (k: Kernel, p: number, pages: number): number => sys.sys_madvise(k, p, pages * 4096, u.MADV_MERGEABLE)

test('three equal pages and one other: merged in the second scan, when the checksums have stood still', () => {
  const k = bare_machine()
  const p = filled(k, [7, 7, 7, -1])
  mergeable(k, p, 4)
  set(k, 'run', 1)
  const rss = k.mm.rss_anon[mm_of(k)]!
  scan(k)
  expect(figures(k)).toEqual([0, 0, 0, 4])
  const free = step(k, () => scan(k))
  // One page merged, two addresses more share it; the fourth stands in the unstable tree.
  expect(figures(k)).toEqual([1, 2, 1, 0])
  expect(free.vm['nr_anon_pages']).toBe(-2)
  expect(k.mm.rss_anon[mm_of(k)]).toBe(rss)
  expect(k.mm.ksm_merging_pages[mm_of(k)]).toBe(3)
  const merged = mapped_entry(k, mm_of(k), p) >>> PTE_SHIFT
  expect(k.page.flags[merged]! & PG_ksm).not.toBe(0)
  expect(mapped_entry(k, mm_of(k), p + 4096) >>> PTE_SHIFT).toBe(merged)
  check(k)
  // A later page joins in its first scan: the stable tree is asked before the checksum.
  const q = filled(k, [7])
  mergeable(k, q, 1)
  scan(k)
  expect(figures(k)).toEqual([1, 3, 1, 0])
  check(k)
})

test('a write is copied, counted as cow_ksm, and leaves the node at the next scan', () => {
  const k = bare_machine()
  const p = filled(k, [5, 5, 5])
  mergeable(k, p, 3)
  scan(k, 2)
  expect(figures(k)).toEqual([1, 2, 0, 0])
  expect(step(k, () => access_range(k, p, 1, 0, false)).minflt).toBe(0)
  const write = step(k, () => access_range(k, p, 1, 0, true))
  expect(write).toMatchObject({ minflt: 1, vm: { cow_ksm: 1, nr_anon_pages: 1 } })
  expect(figures(k)).toEqual([1, 2, 0, 0])
  fill(k, p, 6)
  scan(k)
  expect(figures(k)).toEqual([1, 1, 0, 1])
  // Written back to what it was, it merges again at once.
  fill(k, p, 5)
  scan(k)
  expect(figures(k)).toEqual([1, 2, 0, 0])
  check(k)
})

test('MADV_UNMERGEABLE and run 2 give every address its own page back', () => {
  const k = bare_machine()
  const p = filled(k, [1, 1, 2, 2])
  mergeable(k, p, 4)
  scan(k, 2)
  expect(figures(k)).toEqual([2, 2, 0, 0])
  expect(step(k, () => sys.sys_madvise(k, p, 2 * 4096, u.MADV_UNMERGEABLE)).vm).toMatchObject({ cow_ksm: 2 })
  scan(k)
  expect(figures(k)).toEqual([1, 1, 0, 0])
  expect(set(k, 'run', 2)).toBe(0)
  expect(figures(k)).toEqual([0, 0, 0, 0])
  expect(k.ksm_rmap_item.meta.nr_live).toBe(0)
  expect(k.ksm_stable_node.meta.nr_live).toBe(0)
  check(k)
  expect([set(k, 'run', 3), run_store(k, 1), knob(k, 'run')]).toEqual([-u.EINVAL, 0, 1])
})

test('two processes share a page; exit gives it back, the last one frees it', () => {
  const k = bare_machine()
  const parent = k.var.current
  const child = find_task_by_pid(k, sys.sys_fork(k))
  run_as(k, child)
  mergeable(k, filled(k, [9, 9]), 2)
  run_as(k, parent)
  mergeable(k, filled(k, [9]), 1)
  scan(k, 2)
  expect(figures(k)).toEqual([1, 2, 0, 0])
  check(k)
  // fork maps merged pages once more; the scan finds them in the new address space.
  const third = find_task_by_pid(k, sys.sys_fork(k))
  scan(k)
  expect(figures(k)).toEqual([1, 3, 0, 0])
  check(k)
  for (const t of [child, third]) {
    run_as(k, t)
    sys.sys_exit(k, 0)
  }
  run_as(k, parent)
  sys.sys_wait4(k, -1)
  sys.sys_wait4(k, -1)
  expect(figures(k)).toEqual([1, 0, 0, 0])
  check(k)
})

test('an address space that comes during a scan is looked at last: in the next one', () => {
  const k = bare_machine()
  const other = find_task_by_pid(k, sys.sys_fork(k))
  mergeable(k, filled(k, [1, 2, 3]), 3)
  ksm_do_scan(k, 1)
  run_as(k, other)
  mergeable(k, filled(k, [4]), 1)
  const items = (): number => k.mm.ksm_rmap_items[mm_of(k)]!
  scan(k)
  expect(items()).toBe(0)
  scan(k)
  expect(items()).toBe(1)
  check(k)
})

test('zero pages are merged with the zero page where use_zero_pages says so', () => {
  const k = bare_machine()
  set(k, 'use_zero_pages', 1)
  const p = filled(k, [0, 0, 3])
  mergeable(k, p, 3)
  const rss = k.mm.rss_anon[mm_of(k)]!
  scan(k, 2)
  expect(k.mm.rss_anon[mm_of(k)]).toBe(rss - 2)
  expect(figures(k)).toEqual([0, 0, 1, 2])
  expect(step(k, () => access_range(k, p, 2, 4096, true)).minflt).toBe(2)
  check(k)
})

test('max_page_sharing: one content needs several pages, in a chain', () => {
  const k = bare_machine()
  expect(set(k, 'max_page_sharing', 1)).toBe(-u.EINVAL)
  expect(set(k, 'max_page_sharing', 4)).toBe(0)
  const p = filled(
    k,
    Array.from({ length: 10 }, () => 8),
  )
  mergeable(k, p, 10)
  scan(k, 2)
  expect(figures(k)).toEqual([3, 7, 0, 0])
  expect([knob(k, 'stable_node_chains'), knob(k, 'stable_node_dups')]).toEqual([1, 3])
  expect(set(k, 'max_page_sharing', 8)).toBe(-u.EBUSY)
  check(k)
})

test('shared and huge areas are left alone; the files are those of 6.1', () => {
  const k = bare_machine()
  const p = sys.sys_mmap(k, 0, MiB, RW, u.MAP_SHARED | u.MAP_ANONYMOUS)
  expect(mergeable(k, p, 256)).toBe(0)
  expect(knob(k, 'full_scans')).toBe(0)
  expect(k.ksm_rmap_item.meta.nr_live).toBe(0)
  expect((proc_list(k, '/sys/kernel/mm/ksm') as string[]).length).toBe(14)
})

test('a merged page is unmapped wherever fork has mapped it since, though no scan has been there', () => {
  const k = bare_machine({ swap: [{ bytes: 16 * MiB, device: 'ssd' }] })
  swapon(k, 16 * MiB, 'ssd')
  const p = filled(k, [4, 4])
  mergeable(k, p, 2)
  scan(k, 2)
  sys.sys_fork(k)
  const merged = mapped_entry(k, mm_of(k), p) >>> PTE_SHIFT
  expect(k.page.mapcount[merged]).toBe(4)
  expect([add_to_swap(k, merged), try_to_unmap(k, merged), k.page.mapcount[merged]]).toEqual([true, true, 0])
  check(k)
})

test('a merged page goes to swap from all who map it; the first to return maps it, strangers get copies', () => {
  const k = bare_machine({ swap: [{ bytes: 16 * MiB, device: 'ssd' }] })
  swapon(k, 16 * MiB, 'ssd')
  const parent = k.var.current
  const p = filled(k, [4, 4])
  mergeable(k, p, 2)
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  const q = filled(k, [4])
  mergeable(k, q, 1)
  scan(k, 3)
  // Both of the parent, their copies in the child, and the child's own.
  expect(figures(k)).toEqual([1, 4, 0, 0])
  const merged = mapped_entry(k, mm_of(k), q) >>> PTE_SHIFT
  expect(add_to_swap(k, merged)).toBe(true)
  expect(try_to_unmap(k, merged)).toBe(true)
  check(k)
  expect(k.mm.swapents[mm_of(k)]).toBe(3)
  // The page is written and leaves memory; its slot keeps what it holds.
  const slot = mapped_entry(k, mm_of(k), q) >>> PTE_SHIFT
  k.page.flags[merged]! &= ~PG_dirty
  delete_from_swap_cache(k, merged)
  release_page(k, merged)
  expect(k.swap.content[slot]).toBe(filled_with(4))
  const fault = (addr: number): Record<string, number> => step(k, () => access_range(k, addr, 1, 0, false)).vm
  const finish = (addr: number): void => {
    for (let tries = 0; tries < 5 && access_range(k, addr, 1, 0, false) === 0; tries++) {
      k.var.now += 1e9
      k.task.state[k.var.current] = 0
    }
  }
  finish(q)
  expect(page_content(k, mapped_entry(k, mm_of(k), q) >>> PTE_SHIFT)).toBe(filled_with(4))
  expect(fault(p)).toMatchObject({ ksm_swpin_copy: 1 })
  run_as(k, parent)
  expect(fault(p)).toMatchObject({ ksm_swpin_copy: 1 })
  expect(fault(p + 4096)).toMatchObject({ ksm_swpin_copy: 1 })
  check(k)
  // The child's second address is in swap still.
  scan(k, 2)
  expect(figures(k)).toEqual([1, 3, 0, 0])
  check(k)
})

const OUT = `memscope: lab/1
machine: { ram: 256MiB, swap: [{ size: 128MiB, device: ssd }] }
steps:
  - mmap: { as: a, length: 16MiB }
  - touch: { area: a, access: write, content: 3 }
  - madvise: { area: a, advice: mergeable }
  - writeFile: { path: /sys/kernel/mm/ksm/pages_to_scan, text: 4000 }
  - writeFile: { path: /sys/kernel/mm/ksm/run, text: 1 }
  - sleep: 1s
  - readFile: { path: /sys/kernel/mm/ksm/pages_sharing }
  - touch: { area: a, access: write, length: 1MiB, content: unique }
  - mmap: { as: b, length: 230MiB }
  - touch: { area: b, access: write }
  - munmap: { area: b }
  - touch: { area: a, access: read }
  - sleep: 1s
  - readFile: { path: /sys/kernel/mm/ksm/pages_unshared }
  - writeFile: { path: /sys/kernel/mm/ksm/run, text: 2 }
`

describe('a lab program', () => {
  const run = (text: string): ReturnType<typeof runLab> => {
    const loaded = parseLab(text, 'ksm.yaml')
    if (!loaded.ok) throw new Error(loaded.error)
    return runLab(loaded.value)
  }
  const result = run(OUT)
  const line = (n: number): (typeof result.lines)[number] => result.lines[n]!

  test('ksmd works in its own time: 4096 pages become sixteen of 256', () => {
    expect(line(6).text).toBe('4080\n')
    expect(line(1).meminfo['AnonPages']! - line(5).meminfo['AnonPages']!).toBeGreaterThan(15 * 1024)
    expect(line(5).RssAnon).toBe(line(1).RssAnon)
  })
  test('a write of other content parts pages; those that come back from swap are copies', () => {
    expect(line(7)).toMatchObject({ minflt: 256, vmstat: { cow_ksm: 256 } })
    expect(line(9).vmstat['pswpout']).toBeGreaterThan(0)
    expect(line(11).vmstat['pswpin']).toBeGreaterThan(0)
    expect(line(13).text).toBe('256\n')
  })
  test('the same program twice ends in the same state', () => {
    expect(run(OUT).hash).toBe(result.hash)
  })
})

test('random writes, scans, forks and exits keep every count right, and a snapshot goes on the same', () => {
  const k = bare_machine()
  const p = filled(
    k,
    Array.from({ length: 64 }, (_, i) => i % 4),
  )
  mergeable(k, p, 64)
  const go = (m: Kernel, rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      const page = p + prng_below(m, 'test', 64) * 4096
      const what = prng_below(m, 'test', 10)
      if (what < 6) {
        access_range(m, page, 1, 0, true)
        fill(m, page, prng_below(m, 'test', 4) - 1)
      } else if (what < 8) ksm_do_scan(m, 40)
      else if (what === 8) sys.sys_madvise(m, page, 4096, u.MADV_DONTNEED)
      else {
        const parent = m.var.current
        run_as(m, find_task_by_pid(m, sys.sys_fork(m)))
        access_range(m, page, 1, 0, true)
        ksm_do_scan(m, 30)
        sys.sys_exit(m, 0)
        run_as(m, parent)
        sys.sys_wait4(m, -1)
      }
      if (i % 20 === 0) check(m)
    }
  }
  go(k, 400)
  const copy = restore(snapshot(k))
  go(k, 100)
  go(copy, 100)
  expect(hash(copy)).toBe(hash(k))
  expect(page_content(k, mapped_entry(k, mm_of(k), p) >>> PTE_SHIFT)).toBeTypeOf('number')
})
