import { describe, expect, it } from 'vitest'
import { lab } from '../../support/lab'

const head = (ram = 256, swap = '') =>
  `machine: { ram: ${ram}MiB, swap: [${swap}], thp: never, psi: true, cgroup: true }\nsteps:\n  - setOomScoreAdj: { value: -1000 }\n`
const read = (label: string, path: string) => `  - { label: ${label}, readFile: { path: ${path} } }\n`

function stall(result: ReturnType<typeof lab>, label: string, kind: string): number {
  const { text } = result.lines.find((line) => line.label === label)!
  return Number(new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text!)![1])
}

describe('pressure of a cgroup', () => {
  it('is that of its tasks and of all below it; its siblings have none', () => {
    const r = lab(
      `${head()}  - cgroup: { path: /p/slow, set: { memory.high: 16MiB } }\n  - cgroup: { path: /p/calm }\n` +
        `  - spawn: { as: calm, cgroup: /p/calm, steps: [{ mmap: { as: a, length: 4MiB } }, { touch: { area: a, access: write } }, { pause: {} }] }\n` +
        `  - spawn: { as: hog, cgroup: /p/slow, steps: [{ grow: { as: a, step: 1MiB, upTo: 20MiB } }, { exit: 0 }] }\n` +
        `  - sleep: 30s\n` +
        read('slow', '/sys/fs/cgroup/p/slow/memory.pressure') +
        read('parent', '/sys/fs/cgroup/p/memory.pressure') +
        read('calm', '/sys/fs/cgroup/p/calm/memory.pressure') +
        read('machine', '/proc/pressure/memory'),
    )
    const slow = stall(r, 'slow', 'some')
    expect(slow).toBeGreaterThan(1_000_000)
    // A group of one task stalls whole; so do its parent, whose other task sleeps, and the machine.
    expect(stall(r, 'slow', 'full')).toBe(slow)
    expect(stall(r, 'parent', 'some')).toBe(slow)
    expect(stall(r, 'machine', 'some')).toBe(slow)
    expect(stall(r, 'calm', 'some')).toBe(0)
  })

  it('cpu: full for a cgroup that waits while another has the CPU, never for the machine', () => {
    const busy = (name: string) =>
      `  - spawn: { as: ${name}, cgroup: /${name}, steps: [{ mmap: { as: a, length: 4MiB } }, { repeat: { times: 1000, steps: [{ touch: { area: a, access: write } }, { madvise: { area: a, advice: dontneed } }] } }] }\n`
    const r = lab(
      `${head()}  - cgroup: { path: /one }\n  - cgroup: { path: /two }\n${busy('one')}${busy('two')}  - sleep: 60ms\n` +
        read('one', '/sys/fs/cgroup/one/cpu.pressure') +
        read('machine', '/proc/pressure/cpu'),
    )
    expect(stall(r, 'one', 'full')).toBe(stall(r, 'one', 'some'))
    expect(stall(r, 'one', 'full') / 3e4).toBeCloseTo(1, 0)
    expect(stall(r, 'machine', 'some') / 6e4).toBeCloseTo(1, 0)
    expect(stall(r, 'machine', 'full')).toBe(0)
  })

  it('goes with a task that moves; a new cgroup of an old place starts from nothing', () => {
    const spin = `  - spawn: { as: t, cgroup: /one, steps: [{ mmap: { as: a, length: 4MiB } }, { repeat: { times: 1000, steps: [{ touch: { area: a, access: write } }, { madvise: { area: a, advice: dontneed } }] } }] }\n`
    const other = `  - spawn: { as: u, steps: [{ mmap: { as: a, length: 4MiB } }, { repeat: { times: 1000, steps: [{ touch: { area: a, access: write } }, { madvise: { area: a, advice: dontneed } }] } }] }\n`
    const r = lab(
      `${head()}  - cgroup: { path: /one }\n  - cgroup: { path: /two }\n${spin}${other}  - sleep: 60ms\n` +
        read('first', '/sys/fs/cgroup/one/cpu.pressure') +
        `  - cgroup: { path: /two, attach: [t] }\n  - sleep: 60ms\n` +
        read('left', '/sys/fs/cgroup/one/cpu.pressure') +
        read('new', '/sys/fs/cgroup/two/cpu.pressure'),
    )
    expect(stall(r, 'left', 'some') - stall(r, 'first', 'some')).toBeLessThan(10_000)
    expect(stall(r, 'new', 'some') / 3e4).toBeCloseTo(1, 0)
  })
})
