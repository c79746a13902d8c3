import { expect, it } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_fork, sys_mmap, sys_munmap } from '../../../src-main/kernel/entry/syscall'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { get_mm_counter, MM_ANONPAGES, sync_mm_rss, verify_rss_stat } from '../../../src-main/kernel/mm/rss_stat'
import { pid_smaps_rollup } from '../../../src-main/kernel/proc/smaps'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../../src-main/kernel/uapi'
import { verify } from '../../../src-main/kernel/verify'
import { bare_machine } from '../../support/bare'

const anon = (k: Kernel, mm: number): number => get_mm_counter(k, mm, MM_ANONPAGES)

function machine(): { k: Kernel; mm: number; p: number } {
  const k = bare_machine()
  const mm = k.task.mm[k.var.current]!
  sync_mm_rss(k, mm)
  const p = sys_mmap(k, 0, 300 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
  return { k, mm, p }
}

it('status counts a fault of the task itself only after 64 more; smaps at once', () => {
  const { k, mm, p } = machine()
  const before = anon(k, mm)
  const exact = (): number => Number(/Anonymous: +(\d+)/.exec(pid_smaps_rollup(k, mm))![1]) / 4
  const was = exact()
  const seen: number[] = []
  for (let n = 1; n <= 140; n++) {
    access_range(k, p + (n - 1) * 4096, 1, 4096, true)
    seen.push(anon(k, mm) - before)
    expect(exact() - was).toBe(n)
  }
  // The 66th fault tells what the 65 before it have mapped.
  expect(seen.slice(0, 65).every((pages) => pages === 0)).toBe(true)
  expect(seen.slice(65, 131).every((pages) => pages === 65)).toBe(true)
  expect(seen[131]).toBe(131)
  verify(k)
})

it('an unmapping tells all; a child begins with nothing untold', () => {
  const { k, mm, p } = machine()
  const before = anon(k, mm)
  access_range(k, p, 10, 4096, true)
  expect(anon(k, mm)).toBe(before)
  const pid = sys_fork(k)
  const child = k.task.mm[k.pid.task[pid]!]!
  expect(anon(k, child)).toBe(k.mm.rss_anon[mm])
  verify_rss_stat(k)
  sys_munmap(k, p, 4096)
  expect(anon(k, mm)).toBe(before + 9)
  expect(anon(k, mm)).toBe(k.mm.rss_anon[mm])
  verify(k)
})
