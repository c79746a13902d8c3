/** The flusher: whose turn it is, how much a turn writes, when it looks, and what sync(2) waits for. */
import { expect, test } from 'vitest'
import { add_device } from '../../../src-main/kernel/block/device'
import { sys_create, sys_open, sys_write } from '../../../src-main/kernel/entry/file'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { fdget, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import {
  file_write_range,
  flusher_step,
  set_dirty_limit,
  update_dirty_limit,
  wakeup_flusher_threads,
  writeback_single_inode,
} from '../../../src-main/kernel/mm/fs_writeback'
import { FS_EXT4 } from '../../../src-main/kernel/mm/inode'
import { bare_machine, MiB } from '../../support/bare'
import { lab, total } from '../../support/lab'

function with_disk(): Kernel {
  const k = bare_machine({ ram: 512 * MiB })
  add_device(k, 'ssd', 'sda', 2 ** 20)
  return k
}
interface Written {
  readonly fd: number
  readonly inode: number
}
/** A file on the disk with so many dirty pages. */
function dirty_file(k: Kernel, path: string, pages: number): Written {
  sys_create(k, path, 0, FS_EXT4)
  const fd = sys_open(k, path, O_RDWR)
  expect(sys_write(k, fd, pages * 4096)).toBe(pages * 4096)
  return { fd, inode: k.file.inode[fdget(k, k.var.current, fd)]! }
}

test('a turn writes an eighth of what may be dirty, in whole pieces of 4 MiB, and then another file has its turn', () => {
  const k = with_disk()
  const a = dirty_file(k, '/a', 6144)
  const b = dirty_file(k, '/b', 100)
  const left = (): number[] => [a, b].map(({ inode }) => k.inode.nr_dirty[inode]!)
  set_dirty_limit(k, 8 * 5000)
  wakeup_flusher_threads(k)
  flusher_step(k)
  expect(left()).toEqual([6144 - 5 * 1024, 100])
  // Written while it waits for its next turn, it still waits for one turn only.
  sys_write(k, a.fd, 4096, 0)
  flusher_step(k)
  expect(left()).toEqual([1025, 0])
  flusher_step(k)
  expect(left()).toEqual([0, 0])
  expect([...k.wb.head.subarray(1, 3)]).toEqual([0, 0])
})

test('the limit that turns are measured by falls by a 32nd of the way at a time', () => {
  const k = with_disk()
  const { inode } = dirty_file(k, '/a', 6144)
  set_dirty_limit(k, 8 * 5000)
  // From 40000 by (40000 - 5000) / 32: still enough for a turn of 5 pieces.
  update_dirty_limit(k, 4000, 5000)
  wakeup_flusher_threads(k)
  flusher_step(k)
  expect(k.inode.nr_dirty[inode]).toBe(1024)
})

test('a range that is written leaves the place where the next turn goes on', () => {
  const k = with_disk()
  const { inode } = dirty_file(k, '/a', 1000)
  expect(writeback_single_inode(k, inode, 100)).toBe(100)
  file_write_range(k, inode, 500, 599)
  expect([k.inode.nr_dirty[inode], k.inode.writeback_index[inode]]).toEqual([800, 100])
})

test('what is dirty for 30 s goes with the next look, in as many turns as it takes', () => {
  const seconds = Array.from({ length: 40 }, (_, i) => `  - { label: second ${i + 1}, sleep: 1s }\n`)
  const r = lab(`machine: { ram: 256MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 16MiB, fs: ext4, hole: true }
  - write: { file: f, length: 16MiB }
${seconds.join('')}`)
  const written = seconds.map((_, i) => total(r, 'nr_written', `second ${i + 1}`))
  expect(written.slice(0, 29)).toEqual(new Array(29).fill(0))
  // Two turns of 8 MiB, one after the other.
  expect(written.slice(29, 32).reduce((sum, pages) => sum + pages)).toBe(4096)
})

test('sync waits for writes that were under way before it', () => {
  const r = lab(`machine: { ram: 128MiB, swap: [], thp: never, disk: hdd }
steps:
  - createFile: { as: f, size: 4MiB, fs: ext4, hole: true }
  - open: { as: a, file: f }
  - write: { file: a, length: 4MiB }
  - { label: begin, fadvise: { file: a, advice: dontneed } }
  - { label: sync, sync: {} }
`)
  const ms = (label: string): number => r.lines.find((line) => line.label === label)!.ms
  expect([total(r, 'nr_dirty', 'begin'), total(r, 'nr_dirty', 'sync')]).toEqual([-1024, 0])
  // 4 MiB at 150 MB/s.
  expect(ms('sync') - ms('begin')).toBeGreaterThan(20)
})
