/**
 * How long work takes (kernel/costs.ts): on the default machine what lmbench and its like find on a 3 GHz server; on the
 * emulated one what the reference's quiet runs took. One factor for all kinds of work: a cost that is corrected for one
 * kind alone shows here.
 */
import { describe, expect, it } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab } from '../../src-main/lab/runner'
import type { LabLine } from '../../src-main/lab/measure'

function run(machine: string, steps: readonly string[]): readonly LabLine[] {
  const loaded = parseLab(
    `memscope: lab/1\nmachine: ${machine}\nsteps:\n${steps.map((s) => `  - ${s}\n`).join('')}`,
    'x',
  )
  if (!loaded.ok) throw new Error(loaded.error)
  return runLab(loaded.value).lines
}

/** Microseconds that the step of that label took, for each of `units`. */
function took(lines: readonly LabLine[], label: string, units: number): number {
  return lines.find((line) => line.label === label)!.us! / units
}

const PAGES = 64 * 256
const ANON = [
  'mmap: { as: z, length: 64MiB, flags: [private, anonymous, noreserve] }',
  '{ label: zero, touch: { area: z, access: read } }',
  'mmap: { as: a, length: 64MiB, flags: [private, anonymous, noreserve] }',
  '{ label: first, touch: { area: a, access: write } }',
  'createFile: { as: f, size: 64MiB, fs: ext4 }',
  'open: { as: fd, file: f }',
  '{ label: cold, read: { file: fd, length: 64MiB, chunk: 64KiB } }',
  '{ label: cached, read: { file: fd, offset: 0, length: 64MiB, chunk: 64KiB } }',
  '{ label: unmap, munmap: { area: a } }',
] as const

describe('on a CPU of today', () => {
  const lines = run('{ ram: 512MiB, disk: nvme }', ANON)
  it('a first touch takes 0.5 to 1 µs with its zeroing, half of it without', () => {
    expect(took(lines, 'first', PAGES)).toBeGreaterThan(0.5)
    expect(took(lines, 'first', PAGES)).toBeLessThan(1)
    expect(took(lines, 'zero', PAGES)).toBeGreaterThan(0.2)
    expect(took(lines, 'zero', PAGES)).toBeLessThan(0.5)
  })
  it('a fork takes 40 to 100 µs, and 20 to 50 ns more for each page that it has to copy the entry of', () => {
    const fork = '{ label: fork, fork: { as: c } }'
    const small = took(run('{ ram: 512MiB }', ['munlockall: {}', fork]), 'fork', 1)
    const large = took(run('{ ram: 512MiB }', [ANON[2], ANON[3], fork]), 'fork', 1)
    expect(small).toBeGreaterThan(40)
    expect(small).toBeLessThan(100)
    expect((large - small) / PAGES).toBeGreaterThan(0.02)
    expect((large - small) / PAGES).toBeLessThan(0.05)
  })
})

describe('on the emulated CPU of the reference', () => {
  const about = (got: number, measured: number): void => {
    expect(got).toBeGreaterThan(measured * 0.7)
    expect(got).toBeLessThan(measured * 1.3)
  }
  it('one factor explains faults, reads, unmapping', () => {
    const lines = run('{ ram: 512MiB, disk: virtio, slowdown: 12 }', ANON)
    about(took(lines, 'zero', PAGES), 3.3)
    about(took(lines, 'first', PAGES), 9.3)
    about(took(lines, 'cached', PAGES), 2.1)
    about(took(lines, 'cold', PAGES), 15.4)
    about(took(lines, 'unmap', PAGES), 2.2)
  })
  it('and swapping: out beside the first touches, in by clusters of eight', () => {
    const lines = run('{ ram: 256MiB, slowdown: 12, swap: [{ size: 256MiB, device: virtio }] }', [
      'mmap: { as: a, length: 240MiB, flags: [private, anonymous, noreserve] }',
      '{ label: write, touch: { area: a, access: write } }',
      '{ label: again, touch: { area: a, access: read } }',
    ])
    about(took(lines, 'write', 61440), 20.9)
    about(took(lines, 'again', 61440), 79)
  })
})
