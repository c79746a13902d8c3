import { expect, it } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_fork, sys_madvise, sys_mmap, sys_munmap } from '../../../src-main/kernel/entry/syscall'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { handle_mm_fault } from '../../../src-main/kernel/mm/memory'
import { get_mm_counter, MM_ANONPAGES, sync_mm_rss, verify_rss_stat } from '../../../src-main/kernel/mm/rss_stat'
import { swapon } from '../../../src-main/kernel/mm/swapon'
import { FAULT_FLAG_REMOTE, FAULT_FLAG_WRITE } from '../../../src-main/kernel/mm/vm_fault'
import { find_vma } from '../../../src-main/kernel/mm/vma'
import { pid_smaps_rollup } from '../../../src-main/kernel/proc/smaps'
import { MADV_PAGEOUT, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../../src-main/kernel/uapi'
import { verify } from '../../../src-main/kernel/verify'
import { bare_machine, MiB } from '../../support/bare'

const anon = (k: Kernel, mm: number): number => get_mm_counter(k, mm, MM_ANONPAGES)

function machine(swap: { bytes: number; device: 'ssd' }[] = []): { k: Kernel; mm: number; p: number } {
  const k = bare_machine({ swap })
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

it('a fault that one task has in another’s memory is told at once', () => {
  const { k, p } = machine()
  const child = k.task.mm[k.pid.task[sys_fork(k)]!]!
  const before = anon(k, child)
  handle_mm_fault(k, find_vma(k, child, p), p, FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE)
  expect(anon(k, child) - before).toBe(1)
  verify_rss_stat(k)
})

it('what is swapped out before it was told makes no count negative', () => {
  const { k, mm, p } = machine([{ bytes: 16 * MiB, device: 'ssd' }])
  swapon(k, 16 * MiB, 'ssd')
  const own = k.mm.rss_anon[mm]!
  access_range(k, p, 60, 4096, true)
  sys_madvise(k, p, 60 * 4096, MADV_PAGEOUT)
  expect(own).toBeLessThan(60)
  expect([k.mm.rss_anon[mm], anon(k, mm)]).toEqual([own, 0])
})
