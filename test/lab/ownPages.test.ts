import { expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab, type LabResult } from '../../src-main/lab/runner'

function lab(steps: string, machine = '{ ram: 256MiB }'): LabResult {
  const loaded = parseLab(`memscope: lab/1\nmachine: ${machine}\nsteps:\n${steps}`, 'p.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  return runLab(loaded.value, { verify: false })
}

/** A figure of the area of smaps whose header matches, in kB. */
function area(text: string, header: RegExp, figure: string): number {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => header.test(line))
  const line = lines.slice(at + 1).find((l) => l.startsWith(`${figure}:`))
  return Number(/(\d+) kB/.exec(line ?? '')?.[1])
}

test('between two steps a program runs on a part of its code, and leaves accessed bits there', () => {
  const { lines } = lab(`
  - touch: { area: data, access: write }
  - writeFile: { path: /proc/self/clear_refs, text: "1" }
  - readFile: { path: /proc/self/smaps }
`)
  const smaps = lines[2]!.text!
  const code = /r-xp .*lab/
  expect(area(smaps, code, 'Rss')).toBe(520)
  // Two pages of its own functions, nineteen of the C library's.
  expect(area(smaps, code, 'Referenced')).toBe(4 * 21)
  // Buffers that it has never written are not touched either: the libraries began two pages of the heap.
  expect(area(smaps, /rw-p 00000000 .*heap/, 'Rss')).toBe(8)
})

test('pages that it runs on come back from swap; those that it does not use stay there', () => {
  const { lines } = lab(
    `
  - touch: { area: bss, access: write, length: 400KiB }
  - fork: { as: idle }
  - mmap: { as: a, length: 240MiB, flags: [private, anonymous, noreserve] }
  - touch: { area: a, access: write }
  - munmap: { area: a }
  - in: { task: idle, steps: [ { sleep: 0s } ] }
`,
    '{ ram: 256MiB, swap: [{ size: 256MiB }] }',
  )
  const main = lines[4]!
  // Heads of the tables and the line among 100 pages of buffers, variables, a page of the stack; the others are in swap.
  expect(main.RssAnon).toBeGreaterThanOrEqual(4 * 20)
  expect(main.VmSwap).toBeGreaterThanOrEqual(4 * 70)
  expect(main.minflt + main.majflt).toBe(0)
  const idle = lines[5]!
  expect(idle.task).toBe('idle')
  expect(idle.VmSwap).toBeGreaterThan(main.VmSwap)
})

test("faults of a program's own pages are not its steps'", () => {
  const { lines } = lab(
    `
  - touch: { area: bss, access: write, length: 400KiB }
  - mmap: { as: a, length: 1MiB }
  - touch: { area: a, access: write }
  - madvise: { area: bss, length: 400KiB, advice: pageout }
  - touch: { area: a, access: write }
`,
    '{ ram: 256MiB, swap: [{ size: 256MiB }] }',
  )
  expect(lines[4]!.minflt + lines[4]!.majflt).toBe(0)
  expect(lines[4]!.RssAnon).toBeGreaterThan(lines[3]!.RssAnon)
  expect(lines[4]!.vmstat['pgmajfault'] ?? 0).toBe(0)
})

test('a program that gave up its own pages goes on without them', () => {
  const { lines } = lab(`
  - munmap: { area: bss }
  - munmap: { area: data }
  - munmap: { area: text }
  - mmap: { as: a, length: 1MiB }
  - touch: { area: a, access: write }
`)
  expect(lines.map((line) => line.result)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
  expect(lines[4]!.minflt).toBe(256)
})

test('read() brings its bytes to the buffer that the program has: swapped out, the buffer comes back by faults of the step', () => {
  const { lines } = lab(
    `
  - touch: { area: bss, access: write, from: 512KiB, length: 64KiB }
  - createFile: { as: f, size: 1MiB, fs: tmpfs }
  - read: { file: f }
  - madvise: { area: bss, from: 512KiB, length: 64KiB, advice: pageout }
  - sleep: 100ms
  - read: { file: f }
  - read: { file: f }
`,
    '{ ram: 256MiB, swap: [{ size: 256MiB }] }',
  )
  const faults = lines.map((line) => line.minflt + line.majflt)
  expect(faults[2]).toBe(0)
  expect(faults[5]).toBe(16)
  expect(faults[6]).toBe(0)
})

test('the buffer begins in the last page of the variables, which nothing else uses', () => {
  const { lines } = lab(
    `
  - touch: { area: bss, access: write, from: 512KiB, length: 60KiB }
  - createFile: { as: f, size: 1MiB, fs: tmpfs }
  - madvise: { area: bss, from: 512KiB, length: 60KiB, advice: pageout }
  - madvise: { area: data, advice: pageout }
  - sleep: 100ms
  - read: { file: f }
`,
    '{ ram: 256MiB, swap: [{ size: 256MiB }] }',
  )
  expect(lines[5]!.minflt + lines[5]!.majflt).toBe(16)
})

test('steps of one label are one: the program looks before and after them, not between, and that takes its time', () => {
  const { lines } = lab(`
  - { label: a, mmap: { as: a, length: 4KiB } }
  - { label: b, munlockall: {} }
  - { label: b, munlockall: {} }
  - munlockall: {}
`)
  const gap = (at: number): number => lines[at]!.ms - lines[at - 1]!.ms
  expect(gap(1)).toBeGreaterThan(0.4)
  expect(gap(2)).toBeLessThan(0.05)
  expect(gap(3)).toBeLessThan(0.05)
  expect(lines[1]!.us).toBeLessThan(1)
})

test('a program without such a buffer reads without one', () => {
  const { lines } = lab(`
  - createFile: { as: f, size: 1MiB, fs: tmpfs }
  - read: { file: f }
`)
  expect(lines[1]!.minflt).toBe(0)
  expect(lines[1]!.RssAnon).toBe(lines[0]!.RssAnon)
})

test('a child that takes its own figures runs the code for it: to look at them, then to print the line', () => {
  const { lines } = lab(`
  - touch: { area: bss, access: write, length: 444KiB }
  - mmap: { as: a, length: 1MiB }
  - fork: { as: c }
  - in: { task: c, steps: [ { label: x, touch: { area: a, access: write, length: 4KiB } }, { label: y, touch: { area: a, access: write, length: 4KiB } }, { label: z, munlockall: {} } ] }
  - { label: f, fork: { as: d } }
  - in: { task: d, steps: [ { label: f, touch: { area: a, access: write, length: 4KiB } } ] }
  - { label: f, munlockall: {} }
`)
  const rss = lines.map((line) => line.RssFile + line.RssShmem)
  const of = (label: string, task: string) => rss[lines.findIndex((l) => l.label === label && l.task === task)]!
  expect([of('x', 'c'), of('y', 'c'), of('z', 'c')]).toEqual([324, 568, 568])
  // A step of the child under the parent's label is part of the parent's line.
  expect(of('f', 'd')).toBeLessThan(100)
  expect(lines.find((line) => line.label === 'y')!.minflt).toBe(0)
})
