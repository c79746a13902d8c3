/** Blocks of disk files, 1 KiB as on the measured disk: holes, writes of parts of pages, what truncate leaves. As measured. */
import { describe, expect, it } from 'vitest'
import { lab, total } from '../support/lab'

const START = 'machine: { ram: 256MiB, disk: virtio }\nsteps:\n'
const FILE = '  - createFile: { as: f, size: 1MiB }\n'
const write = (offset: string, length: string | number) =>
  `  - { label: s, write: { file: f, offset: ${offset}, length: ${length} } }\n`
const read = (offset: string, length: string) =>
  `  - { label: s, read: { file: f, offset: ${offset}, length: ${length} } }\n`
const truncate = (length: string | number) => `  - { label: s, truncate: { file: f, length: ${length} } }\n`
/** The name is looked up before, so that the steps read no metadata. */
const run = (steps: string, before = FILE) =>
  lab(`${START}${before}  - open: { as: fd, file: f }\n${steps.replaceAll('file: f,', 'file: fd,')}`, true)
const kib = (steps: string, before?: string) => {
  const r = run(steps, before)
  return [total(r, 'pgpgin', 's'), total(r, 'pgpgout', 's')]
}

describe('holes', () => {
  const sparse = `  - createFile: { as: f, size: 0 }\n`
  it('are read as zeros, without the disk', () => {
    expect(kib(truncate('8MiB') + read('0', '8MiB'), sparse)).toEqual([0, 0])
  })
  it('become blocks where they are written, and no further', () => {
    const steps = truncate('8MiB') + write('4MiB', 100) + '  - { label: s, fsync: { file: fd } }\n'
    expect(kib(`${steps}  - dropCaches: { mode: 1 }\n${read('4MiB', '8KiB')}`, sparse)).toEqual([1, 1])
  })
  it('lie between the old end and a write past it, and where a file was cut and grew again', () => {
    const steps = write('0', '64KiB') + write('128KiB', '64KiB') + truncate('32KiB') + truncate('192KiB')
    const done = `${steps}  - fsync: { file: fd }\n  - dropCaches: { mode: 1 }\n${read('0', '192KiB')}`
    expect(kib(done, sparse)).toEqual([32, 0])
  })
  it('that a mapping writes get all blocks of the page', () => {
    const steps =
      truncate('64KiB') +
      '  - mmap: { as: m, length: 64KiB, flags: [shared], file: f }\n  - touch: { area: m, access: write, length: 8KiB }\n' +
      '  - { label: s, fsync: { file: fd } }\n'
    expect(kib(steps, sparse)).toEqual([0, 8])
  })
})

describe('parts of pages', () => {
  it('that a write covers wholly are not read, those it cuts are', () => {
    expect(kib(write('0', '1KiB'))).toEqual([0, 0])
    expect(kib(write('3000', 2000))).toEqual([2, 0])
    expect(kib(write('100', 4096))).toEqual([2, 0])
  })
  it('are written as blocks', () => {
    expect(kib(`${write('8KiB', '2KiB')}  - { label: s, fsync: { file: fd } }\n`)).toEqual([0, 2])
  })
  it('are read and written once, each for itself', () => {
    const fsync = '  - { label: s, fsync: { file: fd } }\n'
    // A block that is there is changed without the disk; of one that is cut only that is read, and the rest with a read of it.
    expect(kib(write('0', '1KiB') + write('100', 50))).toEqual([0, 0])
    expect(kib(write('3000', 2000) + read('0', '1KiB'))).toEqual([4, 0])
    expect(kib(write('0', '1KiB') + read('0', '2KiB'))).toEqual([3, 0])
    expect(kib(write('0', '1KiB') + fsync + write('2KiB', '1KiB') + fsync)).toEqual([0, 2])
  })
  it('make a page that can be read when all of them are written', () => {
    const blocks = ['0', '1KiB', '2KiB', '3KiB'].map((at) => write(at, '1KiB')).join('')
    const r = run(
      `${blocks}  - mmap: { as: m, length: 1MiB, prot: r, flags: [shared], file: f }\n  - { label: all, mincore: { area: m } }\n`,
    )
    expect(r.lines.find(({ label }) => label === 'all')!.value).toBe(1)
  })
  it('beyond the end of a file are not written, though a mapping dirties the whole page', () => {
    const steps =
      '  - mmap: { as: m, length: 8KiB, flags: [shared], file: f }\n  - touch: { area: m, access: write }\n' +
      '  - { label: s, fsync: { file: fd } }\n'
    expect(kib(steps, '  - createFile: { as: f, size: 5000 }\n')[1]).toBe(5)
  })
  it('leave a page that is not up to date: mincore does not see it, a read of the rest reads the rest', () => {
    const r = run(
      `${write('0', '1KiB')}  - mmap: { as: m, length: 1MiB, prot: r, flags: [shared], file: f }\n` +
        `  - { label: part, mincore: { area: m } }\n` +
        '  - { label: same, read: { file: fd, offset: 0, length: 1KiB } }\n' +
        '  - { label: rest, touch: { area: m, access: read, length: 4KiB } }\n  - { label: all, mincore: { area: m } }\n',
    )
    const line = (label: string) => r.lines.find((one) => one.label === label)!
    expect([line('part').value, line('all').text]).toEqual([0, '0'])
    expect([total(r, 'pgpgin', 'same'), total(r, 'pgpgin', 'rest')]).toEqual([0, 3])
  })
  it('at the end of a file are as long as the file', () => {
    expect(kib(read('0', '8KiB'), '  - createFile: { as: f, size: 5000 }\n')).toEqual([5, 0])
  })
})

describe('truncate', () => {
  it('into a block zeroes its rest: the block is read, and dirty', () => {
    const r = run(truncate(42205))
    expect([total(r, 'pgpgin', 's'), total(r, 'nr_dirtied', 's')]).toEqual([1, 1])
  })
  it('to a border of blocks reads and dirties nothing', () => {
    const r = run(truncate('43KiB'))
    expect([total(r, 'pgpgin', 's'), total(r, 'nr_dirtied', 's')]).toEqual([0, 0])
  })
})
