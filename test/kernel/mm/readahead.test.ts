import { describe, expect, it } from 'vitest'
import { get_init_ra_size, get_next_ra_size } from '../../../src-main/kernel/mm/readahead'
import { lab, total } from '../../support/lab'

describe('readahead', () => {
  it('begins with four pages and doubles up to 32', () => {
    const windows = [get_init_ra_size(1, 32)]
    while (windows.at(-1)! < 32) windows.push(get_next_ra_size(windows.at(-1)!, 32))
    expect(windows).toEqual([4, 8, 16, 32])
    expect(get_next_ra_size(12, 32)).toBe(24)
  })

  it('rounds a first window up to a power of two before it widens it', () => {
    expect([1, 3, 5, 9].map((pages) => get_init_ra_size(pages, 32))).toEqual([4, 8, 16, 32])
  })

  it('reads one page for a small read far away', () => {
    const r = lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 32MiB, fs: ext4 }
  - open: { as: a, file: f }
  - open: { as: b, file: f }
  - { label: far, read: { file: a, offset: 16MiB, length: 4KiB, chunk: 4KiB } }
  - { label: start, read: { file: b, offset: 0, length: 4KiB, chunk: 4KiB } }
`)
    expect([total(r, 'nr_file_pages', 'far'), total(r, 'nr_file_pages', 'start')]).toEqual([1, 4])
  })

  it('starts the next window when the reader meets the mark, and keeps one ahead of it', () => {
    const steps = Array.from(
      { length: 30 },
      (_, i) => `  - { label: p${i}, read: { file: f, offset: ${i * 4}KiB, length: 4KiB, chunk: 4KiB } }`,
    )
    const r = lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: c, size: 32MiB, fs: ext4 }
  - open: { as: f, file: c }
${steps.join('\n')}
`)
    const grew = steps.flatMap((_, i) =>
      total(r, 'nr_file_pages', `p${i}`) === 0 ? [] : [[i, total(r, 'nr_file_pages', `p${i}`)]],
    )
    // Four at once, the mark on the second; then windows of 8, 16, 32, each with its mark on its first page.
    expect(grew).toEqual([
      [0, 4],
      [1, 8],
      [4, 16],
      [12, 32],
      [28, 32],
    ])
  })

  it('takes cached pages right before a miss for the trace of a reader', () => {
    const r = lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: c, size: 32MiB, fs: ext4 }
  - open: { as: f, file: c }
  - open: { as: g, file: c }
  - { label: first, read: { file: f, offset: 0, length: 4KiB, chunk: 4KiB } }
  - { label: other, read: { file: g, offset: 16KiB, length: 4KiB, chunk: 4KiB } }
`)
    // The four cached pages begin the file, so the window is twice as long, and the page that is wanted.
    expect([total(r, 'nr_file_pages', 'first'), total(r, 'nr_file_pages', 'other')]).toEqual([4, 9])
  })

  const mapped = (advice: string) =>
    lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 16MiB, fs: ext4 }
  - mmap: { as: m, length: 16MiB, prot: r, flags: [private], file: f }
  - madvise: { area: m, advice: ${advice} }
  - { label: one, touch: { area: m, access: read, from: 8MiB, length: 4KiB } }
  - { label: all, touch: { area: m, access: read } }
`)
  it('reads 32 pages around a fault of a mapping', () => {
    expect(total(mapped('normal'), 'nr_file_pages', 'one')).toBe(32)
  })
  it('of them 16 before it', () => {
    const r = lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 16MiB, fs: ext4 }
  - mmap: { as: m, length: 16MiB, prot: r, flags: [private], file: f }
  - touch: { area: m, access: read, from: 8MiB, length: 4KiB }
  - { label: before, mincore: { area: m, from: 8128KiB, length: 64KiB } }
  - { label: after, mincore: { area: m, from: 8MiB, length: 64KiB } }
  - { label: all, mincore: { area: m } }
`)
    const value = (label: string) => r.lines.find((line) => line.label === label)!.value
    expect([value('before'), value('after'), value('all')]).toEqual([16, 16, 32])
  })
  it('reads one page a fault after MADV_RANDOM, and every fault waits', () => {
    const r = mapped('random')
    expect(total(r, 'nr_file_pages', 'one')).toBe(1)
    expect(total(r, 'pgmajfault')).toBe(4096)
  })
  it('counts a fault that waits once as major, twice as a fault', () => {
    const r = mapped('random')
    const one = r.lines.find((line) => line.label === 'one')!
    expect([one.minflt, one.majflt, total(r, 'pgfault', 'one')]).toEqual([0, 1, 2])
  })
})

describe('writeback', () => {
  it('makes a shared mapping fault again after its pages were written', () => {
    const r = lab(`
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 4MiB, fs: ext4 }
  - mmap: { as: m, length: 4MiB, prot: rw, flags: [shared], file: f }
  - touch: { area: m, access: read }
  - { label: first, touch: { area: m, access: write } }
  - { label: second, touch: { area: m, access: write } }
  - { label: sync, sync: {} }
  - { label: third, touch: { area: m, access: write } }
`)
    const minflt = (label: string) => r.lines.find((line) => line.label === label)!.minflt
    expect([minflt('first'), minflt('second'), minflt('third')]).toEqual([1024, 0, 1024])
    expect(total(r, 'nr_written', 'sync')).toBe(1024)
  })

  it('writes what is older than half a minute, and not before', () => {
    const r = lab(`
machine: { ram: 256MiB, swap: [], thp: never }
steps:
  # A disk that has written before has its share of the threshold.
  - createFile: { as: g, size: 0, fs: ext4 }
  - write: { file: g, length: 1MiB }
  - sync: {}
  - createFile: { as: f, size: 0, fs: ext4 }
  - write: { file: f, offset: 0, length: 8MiB, chunk: 1MiB }
  - { label: young, sleep: { for: 20s } }
  - { label: old, sleep: { for: 20s } }
`)
    expect([total(r, 'nr_written', 'young'), total(r, 'nr_written', 'old')]).toEqual([0, 2048])
  })

  it('slows a writer down to its disk', () => {
    const r = lab(
      `
machine: { ram: 256MiB, swap: [], thp: never, disk: hdd }
steps:
  - createFile: { as: f, size: 0, fs: ext4 }
  - { label: write, write: { file: f, offset: 0, length: 96MiB, chunk: 1MiB } }
`,
      true,
    )
    const meminfo = r.lines.at(-1)!.meminfo as Record<string, number>
    expect(meminfo['Dirty']! + meminfo['Writeback']!).toBeLessThan(0.22 * meminfo['MemTotal']!)
    expect(r.ms).toBeGreaterThan(300)
  })
})
