/** A fork and a pool that does not suffice for both: as on a measured machine. */
import { expect, it } from 'vitest'
import { lab } from '../support/lab'

const START =
  'machine: { ram: 512MiB }\nsteps:\n  - sysctl: { vm.nr_hugepages: 2 }\n' +
  '  - mmap: { as: x, length: 4MiB, flags: [private, anonymous, hugetlb] }\n' +
  '  - touch: { area: x, access: write, stride: 2MiB }\n  - fork: { as: c }\n'
const write = (at: string) => `{ label: ${at}, touch: { area: x, access: write, from: ${at}, length: 4KiB } }`

it('who reserved a page gets it; the child that shared it loses it, and its next fault is its end', () => {
  const r = lab(
    `${START}  - ${write('2MiB')}\n  - in: { task: c, steps: [ { label: there, touch: { area: x, access: read, length: 4KiB } }, ` +
      '{ label: gone, touch: { area: x, access: read, from: 2MiB, length: 4KiB } } ] }\n',
    true,
  )
  const result = (label: string) => r.lines.find((line) => line.label === label)!.result
  expect(result('2MiB')).toBe('ok')
  expect(result('there')).toBe('ok')
  expect(result('gone')).toMatchObject({ signal: 7 })
  expect(r.log.join('\n')).toMatch(/PID \d+ killed due to inadequate hugepage pool/)
})

it('a child has no reservation: its write dies when the pool is empty', () => {
  const r = lab(`${START}  - in: { task: c, steps: [ ${write('0MiB')} ] }\n  - ${write('2MiB')}\n`, true)
  expect(r.lines.find((line) => line.label === '0MiB')!.result).toMatchObject({ signal: 7 })
  expect(r.lines.find((line) => line.label === '2MiB')!.result).toBe('ok')
})

it('populating takes pages without a fault being counted', () => {
  const r = lab(
    'machine: { ram: 512MiB }\nsteps:\n  - sysctl: { vm.nr_hugepages: 2 }\n' +
      '  - { label: p, mmap: { as: x, length: 4MiB, flags: [private, anonymous, hugetlb, populate] } }\n' +
      '  - { label: t, touch: { area: x, access: write, stride: 2MiB } }\n',
    true,
  )
  expect(r.lines.map((line) => [line.label, line.minflt]).slice(-2)).toEqual([
    ['p', 0],
    ['t', 0],
  ])
  expect(r.lines.at(-1)!.meminfo).toMatchObject({ HugePages_Free: 0 })
})
