/** Room on a small disk: delayed blocks, what pushes them out, and what comes free again. */
import { expect, it } from 'vitest'
import { lab, total } from '../../support/lab'

/** No limit of memory is near: only the disk's 204 MiB are. */
const START = `machine: { ram: 1GiB, disk: virtio }
sysctl: { vm.dirty_ratio: 90, vm.dirty_background_ratio: 80, vm.dirty_writeback_centisecs: 0 }
steps:
  - createFile: { as: f, size: 0 }
`
const write = (label: string, file: string, mib: number, offset = 0) =>
  `  - { label: ${label}, write: { file: ${file}, offset: ${offset}MiB, length: ${mib}MiB }, mayFail: [ENOSPC] }\n`

it('a writer has all files written when half as many blocks are dirty as are free', () => {
  const r = lab(`${START}${write('below', 'f', 68)}${write('above', 'f', 4, 68)}${write('again', 'f', 8)}`)
  expect(total(r, 'nr_written', 'below')).toBe(0)
  // 209462 blocks of 1 KiB are free; 69821 dirty ones and more are more than half of what is left of them: never at 68 MiB,
  // and at 102 MiB without a first write.
  expect(total(r, 'nr_written', 'above')).toBe(0)
  const all = lab(`${START}${write('below', 'f', 102)}${write('above', 'f', 1, 102)}${write('again', 'f', 40)}`)
  expect(total(all, 'nr_written', 'below')).toBe(0)
  // From 104731 KiB on: 26183 pages are more than half.
  expect(total(all, 'nr_written', 'above')).toBe(26183)
  // What has its blocks needs none: 40 MiB of the same file are dirty beside 102 MiB that are free.
  expect(total(all, 'nr_written', 'again')).toBe(0)
})

it('a full disk takes no more; what is cut off or unlinked makes room again', () => {
  const r = lab(
    `${START}${write('full', 'f', 260)}  - truncate: { file: f, length: 100MiB }\n${write('after cut', 'f', 50, 100)}` +
      `  - unlink: { file: f }\n  - createFile: { as: g, size: 0 }\n${write('after unlink', 'g', 180)}`,
  )
  const written = (label: string) => [r.lines.find((l) => l.label === label)!.result, total(r, 'nr_dirtied', label)]
  // All but the 4096 blocks that are reserved.
  expect(written('full')).toEqual(['ENOSPC', Math.floor((209462 - 4096) / 4)])
  expect([written('after cut'), written('after unlink')]).toEqual([
    ['ok', 50 * 256],
    ['ok', 180 * 256],
  ])
})
