/** Who waits for swap, who works meanwhile, and what the pressure files make of it. */
import { describe, expect, test } from 'vitest'
import type { LabResult } from '../../../src-main/lab/runner'
import { lab } from '../../support/lab'

/** Fills more than memory holds, then reads and writes at random for a second; before and after: pressure, kblockd. */
const thrash = (device: string, slowdown: number): LabResult =>
  lab(
    `machine: { ram: 128MiB, swap: [{ size: 256MiB, device: ${device} }], thp: never, psi: true, slowdown: ${slowdown} }\nsteps:\n` +
      `  - mmap: { as: a, length: 130MiB, flags: [private, anonymous, noreserve] }\n` +
      `  - { label: fill, touch: { area: a, access: write } }\n` +
      read('before') +
      `  - { label: thrash, touch: { area: a, access: readWrite, order: random, for: 1s } }\n` +
      read('after'),
  )
const read = (label: string): string =>
  ['io', 'memory', 'cpu'].map((f) => `  - { label: ${label} ${f}, readFile: { path: /proc/pressure/${f} } }\n`).join('')

function stall(r: LabResult, file: string, kind: string): number {
  const [before, after] = ['before', 'after'].map((label) => {
    const { text } = r.lines.find((line) => line.label === `${label} ${file}`)!
    return Number(new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text!)![1])
  })
  return after! - before!
}
function line(r: LabResult, label: string): LabResult['lines'][number] {
  return r.lines.find((l) => l.label === label)!
}

describe('a program that thrashes', () => {
  const slow = thrash('virtio', 12)
  const fast = thrash('nvme', 1)

  test('is in iowait while kblockd and kswapd work: io some without full', () => {
    const [some, full] = [stall(slow, 'io', 'some'), stall(slow, 'io', 'full')]
    expect(some).toBeGreaterThan(400_000)
    expect(full).toBeGreaterThan(100_000)
    expect(full / some).toBeLessThan(0.7)
    // Without a scheduler nobody else has to work for a request.
    expect(stall(fast, 'io', 'full') / stall(fast, 'io', 'some')).toBeGreaterThan(0.8)
  })

  test('has to share the CPU with kswapd: memory some without full, and cpu some', () => {
    const [some, full] = [stall(slow, 'memory', 'some'), stall(slow, 'memory', 'full')]
    expect(some).toBeGreaterThan(50_000)
    expect(full).toBeLessThan(some)
    expect(stall(slow, 'cpu', 'some')).toBeGreaterThan(50_000)
  })

  test('pages it writes are off their lists no longer than the plug: almost all are rotated and freed', () => {
    const { vmstat } = line(slow, 'thrash')
    expect(vmstat['pgrotated']! / vmstat['pswpout']!).toBeGreaterThan(0.9)
  })

  test('a page read alone is waited for inside the fault: one fault, and another for the store', () => {
    const { vmstat, minflt, majflt } = line(slow, 'thrash')
    // A few are of the program's own pages, or wait for a window of several.
    expect(Math.abs(majflt - vmstat['pgmajfault']!)).toBeLessThan(100)
    expect(Math.abs(vmstat['pgfault']! - minflt - majflt)).toBeLessThan(100)
    expect(minflt / majflt).toBeGreaterThan(0.98)
    expect(minflt / majflt).toBeLessThan(1.1)
  })
})

test('pages that come back to a working set stall for memory, others for the disk only', () => {
  // Paged out on request, and its frames taken by another: what comes back was never active.
  const r = lab(
    `machine: { ram: 128MiB, swap: [{ size: 256MiB, device: hdd }], thp: never, psi: true }\nsteps:\n` +
      `  - mmap: { as: a, length: 16MiB }\n  - { label: fill, touch: { area: a, access: write } }\n` +
      `  - madvise: { area: a, advice: pageout }\n  - sleep: 1s\n` +
      `  - mmap: { as: b, length: 110MiB }\n  - touch: { area: b, access: write }\n  - munmap: { area: b }\n` +
      read('before') +
      `  - { label: back, touch: { area: a, access: read } }\n` +
      read('after'),
  )
  expect(line(r, 'back').vmstat['pswpin']).toBeGreaterThan(3000)
  expect(stall(r, 'io', 'some')).toBeGreaterThan(10_000)
  // kswapd may still be at what the pages of b left it: what it does is a stall for memory.
  expect(stall(r, 'memory', 'some')).toBeLessThan(stall(r, 'io', 'some') / 50)
})
