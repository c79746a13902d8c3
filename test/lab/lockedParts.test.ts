/** Locks of huge pages and of pages in swap, and who still counts as resident: each step as on a measured machine. */
import { expect, test } from 'vitest'
import { lab } from '../support/lab'

const HUGE = 'machine: { ram: 1GiB, thp: always }\nsteps:\n'
const SWAP = 'machine: { ram: 256MiB, swap: [ { size: 128MiB, device: virtio } ] }\nsteps:\n'
/** Mlocked in kB after each labelled step. */
const mlocked = (result: ReturnType<typeof lab>) =>
  result.lines.filter((line) => line.label !== undefined).map((line) => line.meminfo['Mlocked'])

test('a huge page loses its lock with the entry that had it: unmapped, or replaced by small ones', () => {
  const result = lab(
    `${HUGE}  - mmap: { as: a, at: "0x400000000", length: 8MiB, flags: [private, anonymous, fixed] }
  - mlock: { area: a, onFault: true }
  - { label: w, touch: { area: a, access: write } }
  - { label: whole, munmap: { area: a, from: 6MiB, length: 2MiB } }
  - { label: half, munmap: { area: a, from: 5MiB, length: 1MiB } }
  - { label: rights, mprotect: { area: a, length: 4KiB, prot: r } }
  - { label: rest, munmap: { area: a, from: 4MiB, length: 1MiB } }
  - { label: all, munmap: { area: a, length: 4MiB } }
`,
    true,
  )
  expect(mlocked(result)).toEqual([8192, 6144, 4096, 2048, 2048, 0])
  const sum = (name: string) => result.lines.reduce((n, line) => n + (line.vmstat[name] ?? 0), 0)
  expect(sum('unevictable_pgs_munlocked')).toBe(4 * 512)
  expect(sum('unevictable_pgs_cleared')).toBe(0)
})

test('pages of locked memory that come back from swap are locked', () => {
  const result = lab(
    `${SWAP}  - mmap: { as: a, length: 1MiB }
  - touch: { area: a, access: write }
  - madvise: { area: a, advice: pageout }
  - { label: lock, mlock: { area: a } }
  - { label: unlock, munlock: { area: a } }
`,
    true,
  )
  expect(mlocked(result)).toEqual([1024, 0])
  expect(result.lines[3]!.VmSwap).toBe(0)
})

test('shared memory that was paged out is resident while it is in the swap cache', () => {
  const result = lab(
    `${SWAP}  - mmap: { as: s, length: 1MiB, flags: [shared, anonymous] }
  - touch: { area: s, access: write }
  - madvise: { area: s, length: 512KiB, advice: pageout }
  - mincore: { area: s }
`,
    true,
  )
  expect(result.lines[3]).toMatchObject({ value: 256, meminfo: { SwapCached: 512 } })
})

test("an entry that goes leaves a mapped page its slot in swap: it is the other's, and freed when that writes", () => {
  const result = lab(
    `${SWAP}  - mmap: { as: a, length: 1MiB }
  - touch: { area: a, access: write }
  - madvise: { area: a, advice: pageout }
  - fork: { as: c }
  - touch: { area: a, access: read, length: 512KiB }
  - in: { task: c, steps: [ { exit: 0 } ] }
  - { label: gone, wait: { task: c } }
  - { label: write, touch: { area: a, access: write, length: 512KiB } }
`,
    true,
  )
  const [gone, write] = result.lines.filter((line) => line.label !== undefined)
  expect(gone!.meminfo['SwapCached']).toBe(1024)
  expect(write!.meminfo['SwapCached']).toBe(512)
})
