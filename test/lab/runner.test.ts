import { expect, test } from 'vitest'
import { parseLab } from '@shared/lab'
import { runLab, type LabResult } from '../../src-main/lab/runner'

function lab(steps: string, machine = '{ ram: 256MiB }'): LabResult {
  const loaded = parseLab(`memscope: lab/1\nmachine: ${machine}\nsteps:\n${steps}`, 'p.yaml')
  if (!loaded.ok) throw new Error(loaded.error)
  return runLab(loaded.value, { verify: false })
}

test('a read maps the zero page, the later write faults again and allocates', () => {
  const { lines } = lab(`
  - mmap: { as: a, length: 4MiB }
  - touch: { area: a, access: read }
  - touch: { area: a, access: write }
  - touch: { area: a, access: write }
`)
  expect(lines.map((l) => l.minflt)).toEqual([0, 1024, 1024, 0])
  expect(lines[2]!.RssAnon - lines[1]!.RssAnon).toBe(4096)
  expect(lines[0]!.addr).toMatch(/^0x7fff/)
})

test('a forked child copies what it writes, waits for its steps, and exits', () => {
  const { lines } = lab(`
  - mmap: { as: a, length: 1MiB }
  - touch: { area: a, access: write }
  - fork: { as: child }
  - in: { task: child, steps: [{ touch: { area: a, access: write } }, { exit: 3 }] }
  - wait: { task: child }
  - touch: { area: a, access: write }
`)
  expect(lines.map((l) => `${l.task} ${l.op} ${JSON.stringify(l.result).replaceAll('"', '')}`)).toEqual([
    'main mmap ok',
    'main touch ok',
    'main fork ok',
    'child touch ok',
    'child exit ok',
    'main wait ok',
    'main touch ok',
  ])
  expect(lines[3]!.minflt).toBe(256)
  // The child has its own pages: the parent's are its alone again, and re-used.
  expect(lines[6]!.minflt).toBe(256)
})

test('a fatal signal is the result of its step and the task goes on', () => {
  const { lines } = lab(`
  - accessAt: { address: "0x10", access: read }
  - mmap: { as: a, length: 4KiB, prot: r }
  - accessAt: { area: a, offset: 5, access: write }
  - accessAt: { address: "0x800000000000000", access: read }
`)
  expect(lines.map((l) => l.result)).toEqual([
    { signal: 11, si_code: 1, si_addr: '0x10' },
    'ok',
    { signal: 11, si_code: 2, si_addr: `0x${(Number(lines[1]!.addr) + 5).toString(16)}` },
    { signal: 11, si_code: 128, si_addr: '0x0' },
  ])
})

test('an errno is shown and the program goes on; an expectation that does not hold is counted', () => {
  const { lines, failed } = lab(`
  - mmap: { as: a, length: 200TiB, flags: [private, anonymous, noreserve] }
    mayFail: [ENOMEM]
  - sleep: 10ms
    expect: { minflt: 1 }
`)
  expect(lines[0]!.result).toBe('ENOMEM')
  expect(lines[1]!.failed).toEqual(['minflt: expected 1, got 0'])
  expect(failed).toBe(1)
})

test('a task that grows without end is killed by name, and a repeat prints its inner steps', () => {
  const { lines } = lab(`
  - spawn: { as: hog, steps: [{ grow: { as: g, step: 8MiB, upTo: 4GiB } }] }
  - sleep: 5s
  - repeat: { times: 3, steps: [{ sleep: 1ms }] }
`)
  expect(lines.flatMap((l) => l.killed.map((k) => k.task))).toEqual(['hog'])
  expect(lines.filter((l) => l.op === 'sleep')).toHaveLength(4)
})

test('the same program twice ends in the same state', () => {
  const steps = `
  - mmap: { as: a, length: 8MiB }
  - touch: { area: a, access: write, order: random }
`
  expect(lab(steps).hash).toBe(lab(steps).hash)
})
