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

test('a mapping that says private but not anonymous, without a file, is refused; other flags join the usual ones', () => {
  const { lines } = lab(`
  - mmap: { as: a, length: 4KiB, flags: [private] }
  - mmap: { as: a, length: 4KiB, flags: [anonymous] }
  - mmap: { as: a, length: 4KiB, flags: [noreserve] }
  - mmap: { as: a, length: 4KiB, flags: [private, anonymous, 32bit] }
  - probeMmap: { flags: [noreserve], chunk: 1MiB, max: 4MiB }
`)
  expect(lines.map((l) => l.result)).toEqual(['EBADF', 'EINVAL', 'ok', 'ok', 'ok'])
  expect(lines[4]!.value).toBe(4)
  expect(lines[3]!.addr).toBe('0x40000000')
})

test('a program reaches its own image: text cannot be written, anonymous memory not executed, bss is zero until written', () => {
  const { lines } = lab(`
  - accessAt: { area: text, offset: 0, access: write }
  - accessAt: { area: text, offset: 0, access: execute }
  - mmap: { as: a, length: 4KiB }
  - accessAt: { area: a, offset: 0, access: execute }
  - touch: { area: bss, access: write, from: 64KiB, length: 64KiB }
  - exec: { as: other }
  - touch: { area: bss, access: write, from: 64KiB, length: 64KiB }
`)
  expect(lines.map((l) => (typeof l.result === 'string' ? l.result : l.result.si_code))).toEqual([
    2,
    'ok',
    'ok',
    2,
    'ok',
    'ok',
    'ok',
  ])
  expect(lines[4]!.minflt).toBe(16)
  expect(lines[6]!.minflt).toBe(16)
})

test('repeated calls stop at the first that fails and tell how many succeeded', () => {
  const { lines } = lab(`
  - mmap: { as: a, length: 64KiB, at: "0x200000000" }
  - mprotect: { area: a, length: 4KiB, prot: r, stride: 8KiB, count: 4 }
  - munmap: { area: a, from: 64KiB, length: 4KiB }
  - mprotect: { area: a, length: 4KiB, prot: r, stride: 32KiB, count: 4 }
`)
  expect(lines.map((l) => [l.result, l.value])).toEqual([
    ['ok', undefined],
    ['ok', 4],
    ['ok', undefined],
    ['ENOMEM', 2],
  ])
})

test('a file opened for reading only is not mapped shared and writable', () => {
  const { lines } = lab(`
  - createFile: { as: f, size: 4KiB, fs: tmpfs }
  - open: { as: ro, file: f, readOnly: true }
  - mmap: { as: m, length: 4KiB, flags: [shared], file: ro }
  - mmap: { as: m, length: 4KiB, prot: r, flags: [shared], file: ro }
`)
  expect(lines.map((l) => l.result)).toEqual(['ok', 'ok', 'EACCES', 'ok'])
})

test('a task that a signal ends says which', () => {
  const { lines } = lab(`
  - spawn: { as: idle, steps: [ { pause: {} } ] }
  - sleep: { for: 100ms }
  - kill: { task: idle, signal: SIGTERM }
  - sleep: { for: 100ms }
`)
  expect(lines.find((line) => line.op === 'pause')?.result).toBe('SIGTERM')
})

test('stat brings a tree into the dentry and inode caches, once', () => {
  const { lines } = lab(`
  - createFile: { as: tree, size: 4KiB, count: 300 }
  - stat: { file: tree }
  - stat: { file: tree }
  - stat: { file: tree }
`)
  const slab = lines.map((l) => l.meminfo['SReclaimable']!)
  expect(slab[1]! - slab[0]!).toBeGreaterThan(300)
  expect(slab.slice(2)).toEqual([slab[1], slab[1]])
  expect(lines[1]!.meminfo['Buffers']).toBeGreaterThan(0)
})

test('a load before each store takes the zero page first, then a page of its own', () => {
  const { lines } = lab(`
  - mmap: { as: a, length: 1MiB }
  - touch: { area: a, access: readWrite }
  - touch: { area: a, access: readWrite, order: random }
`)
  expect(lines.map((l) => l.minflt)).toEqual([0, 512, 0])
})

test('what a task does between its accesses stands before their line, and is part of it', () => {
  const { lines } = lab(
    `
  - mmap: { as: a, length: 1MiB }
  - mmap: { as: b, length: 64KiB }
  - touch:
      area: a
      access: write
      for: 400ms
      meanwhile:
        - { at: 300ms, steps: [ { label: late, readFile: { path: /proc/uptime } } ] }
        - { at: 200ms, steps: [ { repeat: { times: 2, steps: [ { label: early, touch: { area: b, access: write } } ] } } ] }
        - { at: 1h, steps: [ { label: never, sync: {} } ] }
  - munmap: { area: a }
`,
    '{ ram: 256MiB, slowdown: 12 }',
  )
  expect(lines.map((l) => l.label ?? l.op)).toEqual(['mmap', 'mmap', 'early', 'early', 'late', 'touch', 'munmap'])
  expect(lines.map((l) => l.step)).toEqual([1, 2, 3, 4, 5, 6, 7])
  const touched = lines[5]!
  expect(lines.map((l) => l.after)).toEqual([...Array<undefined>(5), 2, undefined])
  expect(lines[2]!.minflt).toBe(16)
  expect(lines[3]!.minflt).toBe(0)
  expect(touched.minflt).toBe(256 + 16)
  expect(touched.vmstat['pgfault']).toBeGreaterThanOrEqual(256 + 16)
  const start = lines[1]!.ms
  expect(lines.slice(2, 6).map((l) => Math.floor((l.ms - start) / 100))).toEqual([2, 2, 3, 4])
})

test('a slower CPU takes longer for the same', () => {
  const run = (slowdown: number): LabResult =>
    lab(
      '  - mmap: { as: a, length: 4MiB }\n  - touch: { area: a, access: write }',
      `{ ram: 256MiB, slowdown: ${slowdown} }`,
    )
  const [fast, slow] = [run(1), run(10)]
  expect(slow.lines[1]!.minflt).toBe(fast.lines[1]!.minflt)
  expect((slow.lines[1]!.ms - slow.lines[0]!.ms) / (fast.lines[1]!.ms - fast.lines[0]!.ms)).toBeCloseTo(10, 0)
})

test('a mapping of a disk file of 2 MiB or more lies where huge entries could map it', () => {
  const { lines } = lab(`
  - createFile: { as: f, size: 8MiB }
  - mmap: { as: m, length: 8MiB, prot: r, flags: [shared], file: f }
  - mmap: { as: part, length: 4MiB, prot: r, flags: [private], file: f, offset: 4KiB }
  - mmap: { as: small, length: 64KiB, prot: r, flags: [private], file: f }
  - touch: { area: m, access: read }
`)
  expect(Number(lines[1]!.addr) % 2 ** 21).toBe(0)
  expect(Number(lines[2]!.addr) % 2 ** 21).toBe(4096)
  expect(Number(lines[3]!.addr) % 2 ** 21).not.toBe(0)
  // 32 pages a window: a fault that waits at its start and one without a wait in its middle, as measured.
  expect([lines[4]!.minflt, lines[4]!.majflt]).toEqual([64, 65])
})

test('the flusher stops under the background threshold; what is left goes five seconds later', () => {
  const { lines } = lab(
    `
  - createFile: { as: f, size: 0 }
  - write: { file: f, length: 44MiB, chunk: 1MiB }
  - sleep: 1s
  - sleep: 5s
`,
    '{ ram: 512MiB, disk: nvme }',
  )
  // Turns of 8 MiB: an eighth of the dirty limit that boot set, before all of memory was there.
  expect(lines[2]!.meminfo['Dirty']).toBe(36 * 1024)
  expect(lines[3]!.meminfo['Dirty']).toBe(0)
})

test('a writer over the dirty limit of the node does not reclaim while memory is free', () => {
  const { lines } = lab(
    `
  - mmap: { as: a, length: 160MiB }
  - touch: { area: a, access: write }
  - createFile: { as: f, size: 0 }
  - write: { file: f, length: 12MiB }
`,
    '{ ram: 256MiB, disk: hdd }',
  )
  expect(lines[3]!.vmstat['allocstall_movable'] ?? 0).toBeLessThan(64)
})

test('a task spawned into a cgroup that is not there makes it', () => {
  const steps = `
  - spawn: { as: hog, cgroup: /box, steps: [{ mmap: { as: p, length: 8MiB } }, { touch: { area: p, access: write } }] }
  - wait: { task: hog }
  - readFile: { path: /sys/fs/cgroup/box/memory.peak }
`
  const { lines } = lab(steps, '{ ram: 256MiB }')
  expect(Number(lines.at(-1)!.text)).toBeGreaterThan(8 * 2 ** 20)
})

test('a program that needs only what a shell can do brings no file of its own', () => {
  const shmem = (steps: string): number => Number(lab(`${steps}\n  - munlockall: {}`).lines.at(-1)!.meminfo['Shmem'])
  const shell = shmem(`
  - cgroup: { path: /box }
  - fork: { as: child }
  - in: { task: child, steps: [{ setOomScoreAdj: { value: 100 } }, { exit: 0 }] }
  - wait: { task: child }
  - rmdir: { path: /box }
  - readFile: { path: /proc/meminfo }`)
  expect(shmem('  - mmap: { as: a, length: 4KiB }') - shell).toBe(720)
  expect(shmem('  - repeat: { times: 2, steps: [{ mmap: { as: a, length: 4KiB } }] }') - shell).toBe(720)
})
