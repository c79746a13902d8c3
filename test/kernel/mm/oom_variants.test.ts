/** Out of memory in the shapes that people try: ties, panics, full swap, forks, several hogs, tmpfs. */
import { describe, expect, it } from 'vitest'
import { kills, lab } from '../../support/lab'

const machine = (more = '', sysctl = '') =>
  `machine: { ram: 256MiB, thp: never${more} }\n${sysctl === '' ? '' : `sysctl: { ${sysctl} }\n`}steps:\n  - setOomScoreAdj: { value: -1000 }\n`
const hold = (name: string, mib: number, adj = 0, more = '') =>
  `  - spawn: { as: ${name}, oomScoreAdj: ${adj}${more}, steps: [ { mmap: { as: a, length: ${mib}MiB } }, { touch: { area: a, access: write } }, { pause: {} } ] }\n`
const grow = (name: string, adj = 0, upTo = 1000) =>
  `  - spawn: { as: ${name}, oomScoreAdj: ${adj}, steps: [ { grow: { as: b, step: 4MiB, upTo: ${upTo}MiB } } ] }\n`
const pause = '  - sleep: 500ms\n'
const killed = (r: ReturnType<typeof lab>) => r.lines.flatMap((line) => line.killed)

describe('the victim', () => {
  it('of equals is the one that was started last, whatever order they grew in', () => {
    const r = lab(machine() + hold('a', 30) + hold('b', 30) + hold('c', 30) + pause + grow('hog', -1000, 105) + pause)
    expect(kills(r)).toEqual(['c'])
  })

  it('is counted with its swap and its page tables', () => {
    const sparse = `  - spawn: { as: sparse, oomScoreAdj: 0, steps: [ { mmap: { as: a, length: 12GiB, flags: [private, anonymous, noreserve] } }, { touch: { area: a, access: write, stride: 2MiB } }, { pause: {} } ] }\n`
    const r = lab(machine() + sparse + hold('plain', 40) + pause + grow('hog', -1000, 160) + pause)
    // 6144 pages and as many tables are more than 40 MiB.
    expect(kills(r)[0]).toBe('sparse')
    expect(killed(r)[0]!.pgtables_bytes).toBeGreaterThan(6144 * 4096)
    expect(killed(r)[0]!.badness).toBeGreaterThan(2 * 6144)
  })

  it('may belong to any user: root has no bonus', () => {
    const r = lab(
      machine() + hold('root', 36) + hold('user', 34, 0, ', uid: 1000') + pause + grow('hog', -1000, 130) + pause,
    )
    expect(kills(r)).toEqual(['root'])
    const s = lab(
      machine() + hold('root', 34) + hold('user', 36, 0, ', uid: 1000') + pause + grow('hog', -1000, 130) + pause,
    )
    expect(kills(s)).toEqual(['user'])
  })

  it('full swap: the one with most in memory and swap together', () => {
    const swap = ', swap: [{ size: 64MiB, device: nvme }]'
    const r = lab(
      machine(swap) + hold('large', 100) + hold('small', 20) + pause + grow('late', -1000, 150) + '  - sleep: 2s\n',
    )
    expect(kills(r)[0]).toBe('large')
    const [first] = killed(r)
    // What its last faults mapped was not counted yet.
    expect(first!.swap_kB + first!.anon_rss_kB).toBeGreaterThan(100 * 1024 - 65 * 4)
  })

  it('of several hogs is each time the largest; the rest fits in the end', () => {
    const r = lab(machine() + grow('one', 0, 90) + grow('two', 0, 90) + grow('three', 0, 90) + '  - sleep: 3s\n')
    expect(kills(r).length).toBeGreaterThanOrEqual(1)
    expect(r.panic).toBe(null)
    for (const kill of killed(r)) expect(kill.badness).toBeGreaterThan(10000)
  })
})

describe('who asks', () => {
  it('is killed itself with oom_kill_allocating_task, unless it is protected', () => {
    const one = 'vm.oom_kill_allocating_task: 1'
    const free = lab(machine('', one) + hold('big', 100, 500) + pause + grow('hog') + pause)
    expect(kills(free)).toEqual(['hog'])
    const safe = lab(machine('', one) + hold('big', 100) + hold('next', 30) + pause + grow('hog', -1000, 110) + pause)
    expect(kills(safe)).toEqual(['big'])
  })

  it.each([
    [1, 'Out of memory: system-wide panic_on_oom is enabled'],
    [2, 'Out of memory: compulsory panic_on_oom is enabled'],
  ])('panic_on_oom %i stops the machine before anybody dies', (mode, text) => {
    const r = lab(machine('', `vm.panic_on_oom: ${mode}`) + hold('a', 30) + grow('hog') + pause)
    expect([r.panic, kills(r)]).toEqual([text, []])
    expect(r.lines.at(-1)).toMatchObject({ result: 'panic', panic: text })
  })

  it.each([
    [1, ['hog'], null],
    [2, [], 'Out of memory: compulsory panic_on_oom is enabled'],
  ])('panic_on_oom %i and a cgroup at its limit', (mode, names, panic) => {
    const limit = '  - cgroup: { path: /t, set: { memory.max: 16MiB } }\n'
    const hog = `  - spawn: { as: hog, oomScoreAdj: 0, cgroup: /t, steps: [ { grow: { as: b, step: 1MiB, upTo: 40MiB } } ] }\n`
    const r = lab(machine(', cgroup: true', `vm.panic_on_oom: ${mode}`) + limit + hog + pause)
    expect([kills(r), r.panic]).toEqual([names, panic])
  })
})

describe('memory that no kill gives back', () => {
  const dd = (mib: number) =>
    `  - spawn: { as: dd, oomScoreAdj: 0, steps: [ { createFile: { as: f, size: ${mib}MiB, fs: tmpfs } } ] }\n  - wait: { task: dd }\n`

  it('files of tmpfs: everybody dies, and the next fork panics', () => {
    const r = lab(
      machine() + hold('a', 20) + hold('b', 10) + pause + dd(400) + '  - spawn: { as: ls, steps: [] }\n' + pause,
    )
    expect(kills(r)).toEqual(['a', 'b', 'dd'])
    expect(r.panic).toBe('System is deadlocked on memory')
  })

  it('shared anonymous memory goes with its last task', () => {
    const shm = `  - spawn: { as: shm, oomScoreAdj: 0, steps: [ { mmap: { as: a, length: 120MiB, flags: [shared, anonymous] } }, { touch: { area: a, access: write } }, { pause: {} } ] }\n`
    const r = lab(machine() + shm + hold('a', 20) + pause + grow('hog', -1000, 110) + pause)
    expect(kills(r)).toEqual(['shm'])
    expect(killed(r)[0]!.shmem_rss_kB).toBeGreaterThanOrEqual(120 * 1024)
    expect(r.lines.at(-1)!.meminfo['Shmem']).toBeLessThan(8192)
  })
})

it('a fork bomb: each child that is one too many dies, the others live', () => {
  const bomb = `  - spawn:
      as: bomb
      oomScoreAdj: 0
      steps:
        - repeat:
            times: 40
            steps:
              - fork: { as: child }
              - in: { task: child, steps: [ { mmap: { as: p, length: 6MiB } }, { touch: { area: p, access: write } } ] }
              - sleep: 10ms
        - pause: {}
`
  const r = lab(`${machine()}${bomb}  - sleep: 3s\n`)
  expect(new Set(kills(r))).toEqual(new Set(['child']))
  // 179 MiB hold 28 or 29 of them.
  expect(40 - kills(r).length).toBeGreaterThanOrEqual(27)
  expect(40 - kills(r).length).toBeLessThanOrEqual(30)
})

it('steps that name a task that could not be made find nobody', () => {
  const r = lab(
    `${machine()}${`  - spawn: { as: hog, oomScoreAdj: -1000, steps: [ { grow: { as: b, step: 4MiB, upTo: 170MiB } }, { pause: {} } ] }\n`}${pause}` +
      `  - createFile: { as: f, size: 20MiB, fs: tmpfs }\n  - fork: { as: c }\n  - in: { task: c, steps: [{ exit: 0 }] }\n  - wait: { task: c }\n`,
  )
  expect(r.panic === null || r.panic === 'System is deadlocked on memory').toBe(true)
})
