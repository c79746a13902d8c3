/** Cgroups in the shapes that people try: trees, groups, protection, reclaim by hand, limits that come down. */
import { describe, expect, it } from 'vitest'
import { kills, lab } from '../../support/lab'

const SWAP = '{ size: 256MiB, device: nvme }'
const machine = (swap = '', ram = 256) =>
  `machine: { ram: ${ram}MiB, swap: [${swap}], thp: never, cgroup: true }\nsteps:\n  - setOomScoreAdj: { value: -1000 }\n`
const group = (path: string, set = '') => `  - cgroup: { path: ${path}, set: { ${set} } }\n`
const hold = (name: string, mib: number, path: string, adj = 0) =>
  `  - spawn: { as: ${name}, oomScoreAdj: ${adj}, cgroup: ${path}, steps: [ { mmap: { as: a, length: ${mib}MiB } }, { touch: { area: a, access: write } }, { pause: {} } ] }\n  - sleep: 100ms\n`
const grow = (name: string, mib: number, path: string, adj = 0) =>
  `  - spawn: { as: ${name}, oomScoreAdj: ${adj}, cgroup: ${path}, steps: [ { grow: { as: b, step: 2MiB, upTo: ${mib}MiB } }, { exit: 0 } ] }\n  - sleep: 1s\n`
const read = (file: string, path: string) =>
  `  - { label: ${path} ${file}, readFile: { path: /sys/fs/cgroup${path}/${file} } }\n`
const write = (file: string, path: string, text: string) =>
  `  - { label: write, writeFile: { path: /sys/fs/cgroup${path}/${file}, text: '${text}' } }\n`

type Result = ReturnType<typeof lab>
function text(r: Result, label: string): string {
  return r.lines.filter((line) => line.label === label).at(-1)!.text!
}
function field(r: Result, label: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text(r, label))![1])
}
function results(r: Result): (string | object)[] {
  return r.lines.filter((line) => line.label === 'write').map((line) => line.result)
}

describe('a tree', () => {
  it('a parent’s limit kills in its subtree, and only there; events go up, those of the place stay', () => {
    const r = lab(
      machine() +
        group('/p', 'memory.max: 40MiB') +
        group('/p/a') +
        group('/p/b') +
        hold('outside', 60, '/') +
        hold('beside', 24, '/p/a') +
        grow('hog', 34, '/p/b') +
        read('memory.events', '/p') +
        read('memory.events.local', '/p') +
        read('memory.events', '/p/b') +
        read('memory.events.local', '/p/b'),
    )
    // The hog is the smaller of the two when the parent is full, by 24 MiB to 16.
    expect(kills(r)).toEqual(['beside'])
    expect(field(r, '/p memory.events', 'oom')).toBe(1)
    expect(field(r, '/p memory.events.local', 'oom')).toBe(1)
    expect(field(r, '/p memory.events', 'oom_kill')).toBe(1)
    // The kill is an event of the victim's own cgroup.
    expect(field(r, '/p memory.events.local', 'oom_kill')).toBe(0)
    expect(field(r, '/p/b memory.events', 'oom')).toBe(0)
  })

  it('reclaim for a limit is in the memory.stat of all above, the root too, and not in /proc/vmstat', () => {
    const r = lab(
      machine(SWAP) +
        group('/p', 'memory.max: 40MiB') +
        group('/p/a') +
        hold('hog', 60, '/p/a') +
        read('memory.stat', '/p/a') +
        read('memory.stat', '/p') +
        `  - { label: root, readFile: { path: /sys/fs/cgroup/memory.stat } }\n` +
        `  - { label: vm, readFile: { path: /proc/vmstat } }\n`,
    )
    const scanned = field(r, '/p/a memory.stat', 'pgscan_direct')
    expect(scanned).toBeGreaterThan(1000)
    expect(field(r, '/p memory.stat', 'pgscan_direct')).toBe(scanned)
    expect(field(r, 'root', 'pgscan')).toBe(scanned)
    expect(field(r, 'root', 'pgsteal')).toBe(field(r, '/p/a memory.stat', 'pgsteal'))
    expect(field(r, 'vm', 'pgscan_direct')).toBe(0)
  })

  it('a parent pays for the counters of its children, for each CPU; the root for none', () => {
    const r = lab(
      machine().replace('cgroup: true', 'cgroup: true, cpus: 2') +
        group('/p') +
        group('/p/a') +
        group('/p/b') +
        read('memory.stat', '/p') +
        read('memory.stat', '/p/a') +
        `  - rmdir: { path: /p/b }\n  - rmdir: { path: /p/a }\n` +
        `  - { label: left, readFile: { path: /sys/fs/cgroup/p/memory.stat } }\n`,
      true,
    )
    // memcg_vmstats_percpu has 1096 bytes, lruvec_stats_percpu 688; a pointer beside each 4 of them.
    expect(field(r, '/p memory.stat', 'percpu')).toBe(2 * (2 * (1096 + 688) + 2 * (1096 + 688)))
    expect(field(r, '/p memory.stat', 'kernel')).toBeGreaterThanOrEqual(field(r, '/p memory.stat', 'percpu'))
    expect(field(r, '/p/a memory.stat', 'percpu')).toBe(0)
    expect(field(r, 'left', 'percpu')).toBe(0)
  })

  it('cpu.stat keeps the time of tasks that have ended, in the place and above', () => {
    const r = lab(
      machine() +
        group('/p') +
        group('/p/a') +
        `  - spawn: { as: w, cgroup: /p/a, steps: [ { mmap: { as: a, length: 16MiB } }, { touch: { area: a, access: write } }, { sleep: 1s }, { exit: 0 } ] }\n  - sleep: 500ms\n` +
        `  - { label: alive, readFile: { path: /sys/fs/cgroup/p/a/cpu.stat } }\n  - wait: { task: w }\n` +
        read('cpu.stat', '/p/a') +
        read('cpu.stat', '/p'),
    )
    const alive = field(r, 'alive', 'usage_usec')
    expect(alive).toBeGreaterThan(100)
    expect(field(r, '/p/a cpu.stat', 'usage_usec')).toBeGreaterThanOrEqual(alive)
    expect(field(r, '/p cpu.stat', 'usage_usec')).toBe(field(r, '/p/a cpu.stat', 'usage_usec'))
  })

  it('oom.group kills a part of the tree with its victim; a member at -1000 lives', () => {
    const r = lab(
      machine() +
        group('/p', 'memory.max: 48MiB') +
        group('/p/team', 'memory.oom.group: 1') +
        hold('calm', 4, '/p') +
        hold('mate', 6, '/p/team') +
        hold('exempt', 6, '/p/team', -1000) +
        grow('hog', 80, '/p/team') +
        read('memory.events', '/p/team') +
        read('memory.events', '/p'),
    )
    expect(kills(r)).toEqual(['hog', 'mate', 'hog'])
    expect(field(r, '/p/team memory.events', 'oom_group_kill')).toBe(1)
    expect(field(r, '/p memory.events', 'oom_kill')).toBe(3)
  })

  it('oom.group kills cgroup after cgroup, parents first, and the victim once more; their exit makes room', () => {
    const r = lab(
      machine() +
        group('/p', 'memory.max: 32MiB, memory.oom.group: 1') +
        group('/p/a') +
        group('/p/b') +
        hold('second', 6, '/p/b') +
        hold('first', 4, '/p/a') +
        grow('hog', 80, '/p/b') +
        read('memory.events', '/p'),
    )
    expect(kills(r)).toEqual(['hog', 'first', 'second', 'hog'])
    expect(r.log.filter((line) => line.includes('Killed process')).length).toBe(4)
    expect(field(r, '/p memory.events', 'oom_kill')).toBe(4)
    // Reclaim in vain, once with the stock drained and 16 times more, and once while the others exit.
    expect(field(r, '/p memory.events', 'max')).toBe(19)
    expect(field(r, '/p memory.events', 'oom')).toBe(1)
  })

  it('of equals in a tree the one in the youngest cgroup dies, not the youngest task', () => {
    const r = lab(
      machine() +
        group('/p', 'memory.max: 32MiB') +
        group('/p/a') +
        group('/p/b') +
        hold('young', 8, '/p/b', 100) +
        hold('younger', 8, '/p/a', 100) +
        grow('hog', 20, '/p/a', -600),
    )
    expect(kills(r)).toEqual(['young'])
  })

  it('page tables of a task that ends leave the counter with its pages, not into the stock of the CPU', () => {
    const r = lab(
      machine() +
        group('/p') +
        `  - spawn: { as: w, cgroup: /p, steps: [ { mmap: { as: a, length: 48MiB } }, { touch: { area: a, access: write, stride: 2MiB } }, { exit: 0 } ] }\n` +
        `  - wait: { task: w }\n  - sleep: 100ms\n` +
        // A charge of another cgroup drains what the CPU held for this one.
        hold('other', 1, '/q') +
        read('memory.current', '/p') +
        read('memory.stat', '/p'),
    )
    // Left is the rest of the page that its last objects were charged to.
    expect(Number(text(r, '/p memory.current'))).toBeLessThanOrEqual(4096)
    expect(field(r, '/p memory.stat', 'pagetables')).toBe(0)
  })

  it('oom.group above the cgroup that is out of memory does not count', () => {
    const r = lab(
      machine() +
        group('/p', 'memory.oom.group: 1') +
        group('/p/small', 'memory.max: 24MiB') +
        group('/p/beside') +
        hold('mate', 6, '/p/small') +
        hold('beside', 6, '/p/beside') +
        grow('hog', 80, '/p/small') +
        read('memory.events', '/p'),
    )
    expect(kills(r)).toEqual(['hog'])
    expect(field(r, '/p memory.events', 'oom_group_kill')).toBe(0)
  })

  it('a task may not be beside children that manage memory, nor may they get it from a cgroup with tasks', () => {
    const r = lab(
      machine() +
        group('/p') +
        group('/q') +
        hold('t', 1, '/q') +
        write('cgroup.subtree_control', '/q', '+memory') +
        write('cgroup.subtree_control', '/p', '+memory') +
        write('cgroup.procs', '/p', '{t}') +
        write('cgroup.subtree_control', '/p', '-memory') +
        write('cgroup.subtree_control', '/p', '+nothing') +
        write('cgroup.procs', '/p', '123456'),
    )
    expect(results(r)).toEqual(['EBUSY', 'ok', expect.anything(), 'ok', 'EINVAL', 'ESRCH'])
  })
})

describe('limits', () => {
  it('memory.max that comes down kills one after the other until the rest fits', () => {
    const r = lab(
      machine() +
        group('/t') +
        hold('a', 12, '/t') +
        hold('b', 16, '/t') +
        hold('c', 20, '/t') +
        write('memory.max', '/t', '16M') +
        '  - sleep: 100ms\n' +
        read('memory.current', '/t') +
        read('memory.events', '/t'),
      true,
    )
    expect(kills(r)).toEqual(['c', 'b'])
    expect(Number(text(r, '/t memory.current'))).toBeLessThanOrEqual(16 * 2 ** 20)
    expect(field(r, '/t memory.events', 'oom_kill')).toBe(2)
    // The write asks the killer again and again until the tick lets the victim run: 1229 times on the measured machine.
    expect(field(r, '/t memory.events', 'oom')).toBeGreaterThan(2)
  })

  it('memory.max with swap goes to swap; swap.max bounds it, then the killer comes', () => {
    const r = lab(
      machine(SWAP) +
        // Not a multiple of the 32 pages that a pass takes: the last pass finds room for some of its pages.
        group('/t', 'memory.max: 16MiB, memory.swap.max: 8300KiB') +
        grow('hog', 64, '/t') +
        read('memory.swap.events', '/t') +
        read('memory.events', '/t'),
    )
    expect(kills(r)).toEqual(['hog'])
    const victim = r.lines.flatMap((line) => line.killed)[0]!
    expect(victim.swap_kB).toBeGreaterThan(7 * 1024)
    expect(victim.swap_kB).toBeLessThanOrEqual(8300)
    expect(field(r, '/t memory.swap.events', 'max')).toBeGreaterThan(0)
    expect(field(r, '/t memory.swap.events', 'fail')).toBeGreaterThanOrEqual(field(r, '/t memory.swap.events', 'max'))
  })

  it('tmpfs pages of a killed task stay charged: with nothing else to kill the writer ends', () => {
    const r = lab(
      machine() +
        group('/t', 'memory.max: 24MiB') +
        hold('other', 4, '/t') +
        `  - spawn: { as: dd, oomScoreAdj: 0, cgroup: /t, steps: [ { createFile: { as: f, size: 40MiB, fs: tmpfs } } ] }\n  - sleep: 1s\n` +
        read('memory.stat', '/t'),
    )
    expect(kills(r)).toEqual(['other', 'dd'])
    expect(field(r, '/t memory.stat', 'shmem')).toBeGreaterThan(20 * 2 ** 20)
  })

  it('cgroup.kill ends even those that memory.high delays, at once', () => {
    const r = lab(
      machine() +
        group('/t', 'memory.high: 16MiB') +
        `  - spawn: { as: slow, oomScoreAdj: 0, cgroup: /t, steps: [ { grow: { as: b, step: 2MiB, upTo: 60MiB } }, { pause: {} } ] }\n  - sleep: 5s\n` +
        `  - { label: asleep, readFile: { path: '/proc/{slow}/wchan' } }\n` +
        read('cgroup.events', '/t') +
        write('cgroup.kill', '/t', '1') +
        `  - sleep: 20ms\n  - { label: after, readFile: { path: /sys/fs/cgroup/t/cgroup.events } }\n` +
        read('cgroup.procs', '/t') +
        read('memory.events', '/t'),
    )
    expect(text(r, 'asleep')).toBe('mem_cgroup_handle_over_high')
    expect([field(r, '/t cgroup.events', 'populated'), field(r, 'after', 'populated')]).toEqual([1, 0])
    expect(text(r, '/t cgroup.procs')).toBe('')
    expect(field(r, '/t memory.events', 'oom_kill')).toBe(0)
  })

  it('memory.high with swap holds the line without a kill', () => {
    const r = lab(
      machine(SWAP) +
        group('/t', 'memory.high: 16MiB') +
        grow('hog', 48, '/t') +
        read('memory.events', '/t') +
        read('memory.peak', '/t'),
    )
    expect(kills(r)).toEqual([])
    expect(field(r, '/t memory.events', 'high')).toBeGreaterThan(50)
    expect(Number(text(r, '/t memory.peak'))).toBeLessThan(17 * 2 ** 20)
  })
})

describe('reclaim by hand and protection', () => {
  it('memory.reclaim takes what it is told, or says EAGAIN', () => {
    const r = lab(
      machine(SWAP) +
        group('/t') +
        hold('holder', 32, '/t') +
        write('memory.reclaim', '/t', '8M') +
        read('memory.current', '/t') +
        write('memory.reclaim', '/t', '1G') +
        read('memory.stat', '/t') +
        write('memory.reclaim', '/t', 'much'),
    )
    expect(results(r)).toEqual(['ok', 'EAGAIN', 'EINVAL'])
    const current = Number(text(r, '/t memory.current'))
    expect(current).toBeLessThanOrEqual(25 * 2 ** 20)
    expect(current).toBeGreaterThan(17 * 2 ** 20)
    expect(field(r, '/t memory.stat', 'anon')).toBeLessThan(2 ** 20)
  })

  it('memory.low keeps a sibling whole until nothing else is left; then it counts', () => {
    const r = lab(
      machine(SWAP) +
        group('/p', 'memory.max: 48MiB') +
        group('/p/keep', 'memory.low: 24MiB') +
        group('/p/other') +
        hold('keeper', 20, '/p/keep') +
        grow('hog', 60, '/p/other') +
        read('memory.swap.current', '/p/keep') +
        read('memory.events', '/p/keep') +
        write('memory.reclaim', '/p', '46M') +
        read('memory.events', '/p/keep'),
    )
    const [first] = r.lines.filter((line) => line.label === '/p/keep memory.events')
    expect(Number(text(r, '/p/keep memory.swap.current'))).toBe(0)
    expect(first!.text).toMatch(/^low 0$/m)
    expect(field(r, '/p/keep memory.events', 'low')).toBeGreaterThan(0)
  })

  it('memory.min keeps it against everything: the killer comes first', () => {
    const r = lab(
      machine(SWAP) +
        group('/p', 'memory.max: 32MiB, memory.swap.max: 0') +
        group('/p/keep', 'memory.min: 24MiB') +
        group('/p/other') +
        hold('keeper', 16, '/p/keep', -500) +
        grow('hog', 60, '/p/other') +
        read('memory.current', '/p/keep'),
    )
    expect(kills(r)).toEqual(['hog'])
    expect(Number(text(r, '/p/keep memory.current'))).toBeGreaterThan(16 * 2 ** 20)
  })
})

describe('a removed cgroup', () => {
  const gone = (path: string) => `  - rmdir: { path: ${path} }\n`
  const mover = (task: string, mib: number) =>
    `  - fork: { as: ${task} }\n  - cgroup: { path: /p/a, attach: [${task}] }\n` +
    `  - in: { task: ${task}, steps: [ { mmap: { as: m, length: ${mib}MiB } }, { touch: { area: m, access: write } } ] }\n` +
    `  - cgroup: { path: /p/b, attach: [${task}] }\n`
  /** A task that took 8 MiB in /p/a and is in /p/b now. */
  const family = machine(SWAP) + group('/p') + group('/p/a') + group('/p/b') + mover('t', 8)

  it('is held by what its task left there, counts in its parent, and is gone with the last page', () => {
    const r = lab(
      machine() +
        group('/p') +
        group('/p/a') +
        group('/p/b') +
        mover('t', 8) +
        read('memory.current', '/p') +
        gone('/p/a') +
        `  - { label: held, readFile: { path: /sys/fs/cgroup/p/cgroup.stat } }\n` +
        `  - { label: above, readFile: { path: /sys/fs/cgroup/cgroup.stat } }\n` +
        `  - { label: stat, readFile: { path: /sys/fs/cgroup/p/memory.stat } }\n` +
        `  - { label: mover, readFile: { path: /sys/fs/cgroup/p/b/memory.stat } }\n` +
        group('/p/a') +
        read('memory.current', '/p/a') +
        `  - in: { task: t, steps: [ { munmap: { area: m } } ] }\n` +
        `  - { label: free, readFile: { path: /sys/fs/cgroup/p/cgroup.stat } }\n`,
      true,
    )
    expect([field(r, 'held', 'nr_descendants'), field(r, 'held', 'nr_dying_descendants')]).toEqual([1, 1])
    expect([field(r, 'above', 'nr_descendants'), field(r, 'above', 'nr_dying_descendants')]).toEqual([2, 1])
    expect([field(r, 'stat', 'anon'), field(r, 'mover', 'anon')]).toEqual([8 * 2 ** 20, 0])
    // A new one of the same name has nothing of the old one.
    expect(Number(text(r, '/p/a memory.current'))).toBe(0)
    expect(field(r, 'free', 'nr_dying_descendants')).toBe(0)
  })

  it('gives its pages to reclaim of its parent, whose the swap slots are then', () => {
    const r = lab(
      family +
        gone('/p/a') +
        write('memory.reclaim', '/p', '1G') +
        read('memory.swap.current', '/p') +
        read('cgroup.stat', '/p') +
        `  - in: { task: t, steps: [ { touch: { area: m, access: read } } ] }\n` +
        read('memory.stat', '/p') +
        read('memory.stat', '/p/b'),
      true,
    )
    expect(Number(text(r, '/p memory.swap.current'))).toBeGreaterThan(7 * 2 ** 20)
    expect(field(r, '/p cgroup.stat', 'nr_dying_descendants')).toBe(0)
    expect(field(r, '/p memory.stat', 'anon')).toBeGreaterThan(7 * 2 ** 20)
    expect(field(r, '/p/b memory.stat', 'anon')).toBe(0)
  })

  it('is held by slots that it had before; what comes back from them is paid for by whoever touches it', () => {
    const r = lab(
      family +
        write('memory.reclaim', '/p/a', '1G') +
        gone('/p/a') +
        read('cgroup.stat', '/p') +
        `  - in: { task: t, steps: [ { touch: { area: m, access: read } } ] }\n` +
        read('memory.stat', '/p/b') +
        `  - in: { task: t, steps: [ { munmap: { area: m } } ] }\n` +
        `  - { label: cached, readFile: { path: /sys/fs/cgroup/p/cgroup.stat } }\n` +
        `  - swapoff: { index: 0 }\n` +
        `  - { label: free, readFile: { path: /sys/fs/cgroup/p/cgroup.stat } }\n`,
      true,
    )
    expect(field(r, '/p cgroup.stat', 'nr_dying_descendants')).toBe(1)
    expect(field(r, '/p/b memory.stat', 'anon')).toBeGreaterThan(7 * 2 ** 20)
    // The last freed slots wait in the CPU's cache, and hold it.
    expect(field(r, 'cached', 'nr_dying_descendants')).toBe(1)
    expect(field(r, 'free', 'nr_dying_descendants')).toBe(0)
  })
})
