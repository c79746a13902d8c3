/** Faults on files: what MADV_HUGEPAGE reads ahead, and pages whose mark keeps them out of fault-around. As measured. */
import { expect, it } from 'vitest'
import { lab, total } from '../support/lab'

const START = 'machine: { ram: 256MiB, disk: virtio }\nsteps:\n'

it('MADV_HUGEPAGE has a fault on a disk file read two huge pages’ worth, one if the area is random', () => {
  const at = (mib: number) =>
    `  - { label: s, accessAt: { area: m, offset: ${mib * 2 ** 20}, access: read } }\n  - sleep: 100ms\n`
  const r = lab(
    `${START}  - createFile: { as: f, size: 32MiB }\n  - mmap: { as: m, length: 32MiB, prot: r, flags: [shared], file: f }\n` +
      `  - madvise: { area: m, advice: hugepage }\n${at(1)}${at(3)}${at(5)}` +
      `  - madvise: { area: m, advice: random, from: 8MiB, length: 4MiB }\n${at(9)}`,
    true,
  )
  const steps = r.lines.filter((line) => line.label === 's')
  // The second huge page is there; its first page is marked, but this is not the first.
  expect(steps.map((line) => [line.majflt, line.vmstat['pgpgin'] ?? 0])).toEqual([
    [1, 4096],
    [0, 0],
    [1, 4096],
    [1, 2048],
  ])
})

it('drop_caches marks dirty tmpfs pages to go, and the mark is readahead’s: a fault maps one of them alone', () => {
  const map = '  - mmap: { as: m, length: 1MiB, flags: [shared], file: t }\n'
  const fault = (label: string) => `  - { label: ${label}, touch: { area: m, access: read, length: 4KiB } }\n`
  const r = lab(
    `${START}  - createFile: { as: t, size: 1MiB, fs: tmpfs }\n${map}${fault('before')}  - munmap: { area: m }\n` +
      `  - dropCaches: { mode: 1 }\n${map}${fault('after')}`,
    true,
  )
  expect(total(r, 'nr_mapped', 'before')).toBe(16)
  expect(total(r, 'nr_mapped', 'after')).toBe(1)
})
