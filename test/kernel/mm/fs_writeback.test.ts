/** The flusher: whose turn it is, how much a turn writes, when it looks, and what sync(2) waits for. */
import { expect, test } from 'vitest'
import { add_device } from '../../../src-main/kernel/block/device'
import { sys_create, sys_open, sys_write } from '../../../src-main/kernel/entry/file'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { fdget, O_RDWR } from '../../../src-main/kernel/mm/file_table'
import {
  flusher_step,
  set_dirty_limit,
  update_dirty_limit,
  wakeup_flusher_threads,
} from '../../../src-main/kernel/mm/fs_writeback'
import { FS_EXT4 } from '../../../src-main/kernel/mm/inode'
import { do_writepages, file_write_range } from '../../../src-main/kernel/mm/writepages'
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
  /** One turn, extent by extent: until `done` says that what is left is as it should be. */
  const until = (done: () => boolean): number[] => {
    for (let i = 0; i < 20 && !done(); i++) flusher_step(k)
    return left()
  }
  set_dirty_limit(k, 8 * 5000)
  wakeup_flusher_threads(k)
  expect(until(() => left()[0]! <= 1024)).toEqual([6144 - 5 * 1024, 100])
  // Written while it waits for its next turn, it still waits for one turn only.
  sys_write(k, a.fd, 4096, 0)
  expect(until(() => left()[1] === 0)).toEqual([1025, 0])
  expect(until(() => left()[0] === 0)).toEqual([0, 0])
})

test('the limit that turns are measured by falls by a 32nd of the way at a time', () => {
  const k = with_disk()
  const a = dirty_file(k, '/a', 6144)
  const b = dirty_file(k, '/b', 100)
  set_dirty_limit(k, 8 * 5000)
  // From 40000 by (40000 - 5000) / 32: still enough for a turn of 5 pieces. 5000 were enough for one.
  update_dirty_limit(k, 4000, 5000)
  wakeup_flusher_threads(k)
  const left: number[] = []
  for (let i = 0; i < 100 && k.inode.nr_dirty[b.inode]! > 0; i++) {
    flusher_step(k)
    left.push(k.inode.nr_dirty[a.inode]!)
  }
  // Extents of 2048 blocks, of which a page here has four.
  expect(left.filter((pages, i) => pages !== left[i - 1])).toEqual(Array.from({ length: 11 }, (_, i) => 6144 - 512 * i))
})

test('a range that is written leaves the place where the next turn goes on', () => {
  const k = with_disk()
  const { inode } = dirty_file(k, '/a', 1000)
  expect(do_writepages(k, inode, 0, 100)).toBe(100)
  file_write_range(k, inode, 500, 599)
  expect([k.inode.nr_dirty[inode], k.inode.writeback_index[inode]]).toEqual([800, 100])
})

/** Pages written in each of the seconds after 16 MiB were. */
function written_by_second(before: string): number[] {
  const seconds = Array.from({ length: 40 }, (_, i) => `  - { label: second ${i + 1}, sleep: 1s }\n`)
  const r = lab(`machine: { ram: 256MiB, disk: virtio, slowdown: 12 }
steps:
${before}  - createFile: { as: f, size: 0 }
  - write: { file: f, length: 16MiB }
${seconds.join('')}`)
  return seconds.map((_, i) => total(r, 'nr_written', `second ${i + 1}`))
}
test('what is dirty for 30 s goes with the next look, in as many turns as it takes', () => {
  const written = written_by_second(
    '  - createFile: { as: g, size: 0 }\n  - write: { file: g, length: 1MiB }\n  - fsync: { file: g }\n',
  )
  expect(written.slice(0, 29)).toEqual(new Array(29).fill(0))
  // Two turns of 8 MiB, one after the other.
  expect(written.slice(29, 36).reduce((sum, pages) => sum + pages)).toBe(4096)
})
test('a disk that has written nothing yet has no share of the threshold: the first look writes a turn, the next the rest', () => {
  const written = written_by_second('')
  expect(written.flatMap((pages, i) => (pages > 0 ? [[i + 1, pages]] : []))).toEqual([
    [5, 2048],
    [10, 2048],
  ])
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

test('a file that was cut to nothing is written as its last writer closes it, another one is not', () => {
  const r = lab(`machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 1MiB }
  - open: { as: a, file: f }
  - open: { as: b, file: f }
  - truncate: { file: a, length: 0 }
  - write: { file: a, length: 1MiB }
  - { label: first, close: { file: a } }
  - { label: last, close: { file: b } }
  - open: { as: c, file: f }
  - write: { file: c, length: 1MiB }
  - { label: written before, close: { file: c } }
`)
  const dirty = ['first', 'last', 'written before'].map((label) => total(r, 'nr_dirty', label))
  expect(dirty).toEqual([0, -256, 0])
})
