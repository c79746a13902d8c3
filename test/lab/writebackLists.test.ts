/** Where a dirty file stands among the others: what fsync and the flusher's sysctls leave and set in motion. */
import { expect, it } from 'vitest'
import { lab, total } from '../support/lab'

/** A disk that has written something before has its share of the threshold. */
const START =
  'machine: { ram: 256MiB, disk: virtio }\nsteps:\n  - createFile: { as: g, size: 0 }\n' +
  '  - write: { file: g, length: 1MiB }\n  - sync: {}\n  - createFile: { as: f, size: 0 }\n'
const write = (mib: number) => `  - write: { file: f, offset: 0, length: ${mib}MiB }\n`

it('fsync leaves a file where it stands: dirtied again it is as old as it was', () => {
  const r = lab(
    `${START}${write(1)}  - sleep: 20s\n  - fsync: { file: f }\n${write(1)}  - { label: before, sleep: 5s }\n` +
      '  - { label: after, sleep: 15s }\n',
  )
  // 30 s and a periodic look after the first write, not after the second.
  expect(total(r, 'nr_written', 'before')).toBe(0)
  expect(total(r, 'nr_written', 'after')).toBe(256)
})

it('the flusher’s visit finds a file that fsync wrote clean, and lets it go: dirtied again it is new', () => {
  const r = lab(
    `${START}${write(1)}  - fsync: { file: f }\n  - sleep: 40s\n${write(1)}  - { label: before, sleep: 25s }\n` +
      '  - { label: after, sleep: 15s }\n',
  )
  expect(total(r, 'nr_written', 'before')).toBe(0)
  expect(total(r, 'nr_written', 'after')).toBe(256)
})

it('a changed interval has the flusher write everything at once; the same one, or none, has not', () => {
  const sysctl = (value: number) => `  - sysctl: { vm.dirty_writeback_centisecs: ${value} }\n`
  const written = (value: number) =>
    total(lab(`${START}${write(1)}${sysctl(value)}  - { label: s, sleep: 500ms }\n`), 'nr_written', 's')
  expect([written(400), written(500), written(0)]).toEqual([256, 0, 0])
})
