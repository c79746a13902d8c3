import { describe, expect, it } from 'vitest'
import { kills, lab } from '../../support/lab'

const machine = (ram: number, swap = '') =>
  `machine: { ram: ${ram}MiB, swap: [${swap}], thp: never, cgroup: true }\nsteps:\n  - setOomScoreAdj: { value: -1000 }\n`
const hold = (name: string, mib: number, path = '/t') =>
  `  - spawn: { as: ${name}, oomScoreAdj: 0, cgroup: ${path}, steps: [ { mmap: { as: a, length: ${mib}MiB, flags: [private, anonymous] } }, { touch: { area: a, access: write } }, { pause: {} } ] }\n  - sleep: { for: 1s }\n`
const grow = (name: string, mib: number, path = '/t', wait = '5s') =>
  `  - spawn: { as: ${name}, oomScoreAdj: 0, cgroup: ${path}, steps: [ { grow: { as: b, step: 2MiB, upTo: ${mib}MiB } }, { exit: 0 } ] }\n  - sleep: { for: ${wait} }\n`
const read = (file: string, path = '/t') =>
  `  - { label: ${file}, readFile: { path: /sys/fs/cgroup${path}/memory.${file} } }\n`
const group = (set: string, path = '/t') => `  - cgroup: { path: ${path}, set: { ${set} } }\n`
const SWAP = '{ size: 256MiB, device: nvme }'

function texts(result: ReturnType<typeof lab>, label: string): string[] {
  return result.lines.filter((line) => line.label === label).map((line) => line.text!)
}
function event(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)![1])
}
function near(got: number, measured: number, share = 0.25): void {
  expect(Math.abs(got - measured) / measured, `${got} for ${measured}`).toBeLessThan(share)
}

describe('memory.max', () => {
  it('holds to the page and kills inside the cgroup, as measured', () => {
    const r = lab(
      machine(512) +
        group('memory.max: 32MiB') +
        hold('holder', 10) +
        read('current') +
        grow('hog', 100) +
        read('events') +
        read('peak'),
    )
    expect(kills(r)).toEqual(['hog'])
    near(Number(texts(r, 'current')[0]), 11272192, 0.05)
    const events = texts(r, 'events')[0]!
    near(event(events, 'max'), 36)
    expect([event(events, 'oom'), event(events, 'oom_kill')]).toEqual([1, 1])
    expect(texts(r, 'peak')).toEqual(['33554432\n'])
  })

  it('swaps the cgroup out while swap.max allows', () => {
    const r = lab(
      machine(256, SWAP) +
        group('memory.max: 32MiB') +
        grow('first', 64) +
        read('events') +
        group('memory.swap.max: 16MiB') +
        grow('second', 100) +
        read('events'),
    )
    const [before, after] = texts(r, 'events')
    near(event(before!, 'max'), 185)
    expect(event(before!, 'oom')).toBe(0)
    near(event(after!, 'max'), 315)
    expect(kills(r)).toEqual(['second'])
  })

  it('reclaims when it is lowered', () => {
    const r = lab(
      machine(256, SWAP) +
        group('memory.max: max') +
        hold('holder', 40) +
        group('memory.max: 16MiB') +
        read('current') +
        read('events'),
      true,
    )
    expect(Number(texts(r, 'current')[0])).toBeLessThanOrEqual(16 * 2 ** 20)
    expect(kills(r)).toEqual([])
  })
})

describe('memory.high', () => {
  it('reclaims above it with swap, as often as measured', () => {
    const r = lab(machine(256, SWAP) + group('memory.high: 32MiB') + grow('hog', 64) + read('events') + read('peak'))
    near(event(texts(r, 'events')[0]!, 'high'), 105)
    expect(Number(texts(r, 'peak')[0])).toBeLessThan(34 * 2 ** 20)
  })

  it('delays ever more without swap: 40 MiB above 32 take most of a minute', () => {
    const r = lab(
      machine(256) +
        group('memory.high: 32MiB') +
        grow('hog', 40, '/t', '30s') +
        read('current') +
        '  - sleep: { for: 40s }\n' +
        read('events'),
    )
    expect(Number(texts(r, 'current')[0])).toBeGreaterThan(32 * 2 ** 20)
    near(event(texts(r, 'events')[0]!, 'high'), 579)
  })
})

describe('memory.low and oom.group', () => {
  it('keeps what is protected while another cgroup is there to reclaim from', () => {
    const r = lab(
      machine(256, SWAP) +
        group('memory.max: 48MiB', '/p') +
        group('memory.low: 20MiB', '/p/keep') +
        group('memory.high: max', '/p/other') +
        hold('keeper', 16, '/p/keep') +
        grow('hog', 60, '/p/other') +
        read('current', '/p/keep'),
    )
    expect(Number(texts(r, 'current')[0])).toBeGreaterThan(15 * 2 ** 20)
  })

  it('kills the whole group', () => {
    const r = lab(
      machine(256) +
        group('memory.max: 32MiB, memory.oom.group: 1') +
        hold('one', 4) +
        hold('two', 4) +
        grow('hog', 60) +
        read('events'),
    )
    expect(new Set(kills(r))).toEqual(new Set(['one', 'two', 'hog']))
    const events = texts(r, 'events')[0]!
    // The victim is killed with its group once more.
    expect([event(events, 'oom_kill'), event(events, 'oom_group_kill')]).toEqual([4, 1])
  })
})
