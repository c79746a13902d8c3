/** Pages of tmpfs that were only written through a mapping: the processor alone knows, until the mapping goes. */
import { expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import { sys_ftruncate, sys_open } from '../../../src-main/kernel/entry/file'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { PG_dirty, PTE_SHIFT, type Kernel } from '../../../src-main/kernel/kernel'
import { O_CREAT, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { mapped_entry } from '../../../src-main/kernel/mm/gup'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { try_to_unmap } from '../../../src-main/kernel/mm/rmap'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import { C } from '../../../src-shared/counters'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, run_as } from '../../support/bare'

const NR = 64
/** Read first, so that the writes need no fault; every other page is written. */
function written(): { k: Kernel; p: number; pfns: number[] } {
  const k = bare_machine({ ram: 128 * 2 ** 20 })
  const fd = sys_open(k, '/shm/a', O_CREAT | O_RDWR, FS_TMPFS)
  sys_ftruncate(k, fd, NR * 4096)
  const p = sys.sys_mmap(k, 0, NR * 4096, u.PROT_READ | u.PROT_WRITE, u.MAP_SHARED, fd)
  access_range(k, p, NR, 4096, false)
  const faults = k.vmstat[C.pgfault]!
  access_range(k, p, NR / 2, 8192, true)
  expect(k.vmstat[C.pgfault]).toBe(faults)
  const mm = k.task.mm[k.var.current]!
  return { k, p, pfns: Array.from({ length: NR }, (_, i) => mapped_entry(k, mm, p + i * 4096) >>> PTE_SHIFT) }
}
const dirty = (k: Kernel, pfns: number[]): boolean[] => pfns.map((pfn) => (k.page.flags[pfn]! & PG_dirty) !== 0)

test('munmap tells their pages', () => {
  const { k, p, pfns } = written()
  sys.sys_munmap(k, p, NR * 4096)
  expect(dirty(k, pfns)).toEqual(pfns.map((_, i) => i % 2 === 0))
  verify_mm(k)
})

test('and so does reclaim, when it takes the mappings of all tasks away', () => {
  const { k, p, pfns } = written()
  run_as(k, find_task_by_pid(k, sys.sys_fork(k)))
  access_range(k, p, NR, 4096, false)
  for (const pfn of pfns) expect(try_to_unmap(k, pfn)).toBe(true)
  expect(dirty(k, pfns)).toEqual(pfns.map((_, i) => i % 2 === 0))
  verify_mm(k)
})
