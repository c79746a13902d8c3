import { describe, expect, it } from 'vitest'
import { lab, total } from '../../support/lab'

const FILE = `
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 8MiB, fs: ext4 }
  - open: { as: a, file: f }
`
const grown = (steps: string, label: string): number => total(lab(FILE + steps, true), 'nr_file_pages', label)

describe('posix_fadvise', () => {
  it('doubles the readahead of a sequential reader and puts it back with normal', () => {
    const advise = (advice: string): string => `  - fadvise: { file: a, advice: ${advice} }\n`
    const after = (advice: string): number =>
      grown(`${advice}  - { label: read, read: { file: a, length: 1MiB, chunk: 4KiB } }\n`, 'read')
    const [normal, sequential] = [4 + 8 + 16 + 9 * 32, 4 + 8 + 16 + 32 + 5 * 64]
    expect(after('')).toBe(normal)
    expect(after(advise('sequential'))).toBe(sequential)
    expect(after(advise('sequential') + advise('normal'))).toBe(normal)
  })

  it('reads just what is asked for when the reader is random', () => {
    const steps = `  - fadvise: { file: a, advice: random }
  - { label: read, read: { file: a, length: 4KiB, chunk: 4KiB } }
`
    expect(grown(steps, 'read')).toBe(1)
  })

  it('reads a range ahead with willneed, to the end of the file with length 0', () => {
    expect(grown(`  - { label: w, fadvise: { file: a, advice: willneed, length: 64KiB } }\n`, 'w')).toBe(16)
    expect(grown(`  - { label: w, fadvise: { file: a, advice: willneed, offset: 7MiB } }\n`, 'w')).toBe(256)
  })

  it('drops whole clean pages of the range with dontneed and keeps the others', () => {
    const read = `  - read: { file: a, length: 1MiB }\n`
    const drop = (args: string): number =>
      grown(`${read}  - { label: d, fadvise: { file: a, advice: dontneed, ${args} } }\n`, 'd')
    expect(drop('length: 64KiB')).toBe(-16)
    expect(drop('offset: 2KiB, length: 64KiB')).toBe(-15)
    expect(drop('offset: 64KiB, length: 2KiB')).toBe(0)
  })

  it('begins to write dirty pages, which go with a second call', () => {
    const r = lab(
      `${FILE}  - write: { file: a, length: 64KiB }
  - { label: first, fadvise: { file: a, advice: dontneed } }
  - sleep: { for: 1s }
  - { label: second, fadvise: { file: a, advice: dontneed } }
`,
      true,
    )
    expect([total(r, 'nr_dirty', 'first'), total(r, 'nr_file_pages', 'second')]).toEqual([-16, -16])
  })

  it('wants an open file', () => {
    const program = `
machine: { ram: 128MiB, swap: [], thp: never }
steps:
  - createFile: { as: f, size: 8MiB, fs: ext4 }
  - fadvise: { file: f, advice: random }
`
    expect(() => lab(program)).toThrow('the file "f" is not open')
  })
})
