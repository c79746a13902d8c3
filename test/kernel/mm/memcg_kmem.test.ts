import { describe, expect, it } from 'vitest'
import { sys_close, sys_create, sys_open } from '../../../src-main/kernel/entry/file'
import { O_RDWR } from '../../../src-main/kernel/mm/file_table'
import { FS_TMPFS } from '../../../src-main/kernel/mm/inode'
import { cgroup_attach, cgroup_mkdir, cgroup_rmdir } from '../../../src-main/kernel/mm/memcg_tree'
import { drain_obj_stock } from '../../../src-main/kernel/mm/memcg_kmem'
import { MEMCG_NR_SLAB } from '../../../src-main/kernel/mm/memcg_stat'
import { stock_of } from '../../../src-main/kernel/mm/memcontrol'
import { bare_machine } from '../../support/bare'
import { lab } from '../../support/lab'

const head = 'machine: { ram: 256MiB, thp: never, cgroup: true }\nsteps:\n  - cgroup: { path: /t }\n'
const file = (name: string, label: string, path = '/t') =>
  `  - { label: ${label}, readFile: { path: /sys/fs/cgroup${path}/${name} } }\n`
const worker = (path = '/t') =>
  `  - fork: { as: a }\n  - cgroup: { path: ${path}, attach: [a] }\n  - in: { task: a, steps: [{ mmap: { as: p, length: 8MiB } }, { touch: { area: p, access: write } }] }\n`

function stat(result: ReturnType<typeof lab>, label: string): Record<string, number> {
  const { text } = result.lines.find((line) => line.label === label)!
  return Object.fromEntries(text!.split('\n').map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]))
}
function value(result: ReturnType<typeof lab>, label: string): number {
  return Number(result.lines.find((line) => line.label === label)!.text)
}

/** A CPU tells memory.stat of objects once they are more than a page. */
const UNTOLD = 4096 + 2200

describe('kernel memory of a cgroup', () => {
  const r = lab(
    head +
      worker() +
      file('memory.stat', 'one') +
      file('memory.current', 'current') +
      `  - in: { task: a, steps: [{ fork: { as: b } }, { fork: { as: c } }] }\n` +
      file('memory.stat', 'three') +
      `  - in: { task: b, steps: [{ exit: 0 }] }\n  - in: { task: c, steps: [{ exit: 0 }] }\n  - in: { task: a, steps: [{ wait: { task: b } }, { wait: { task: c } }] }\n  - sleep: 100ms\n` +
      file('memory.stat', 'again') +
      `  - in: { task: a, steps: [{ exit: 0 }] }\n  - wait: { task: a }\n  - sleep: 1s\n` +
      file('memory.stat', 'none') +
      file('memory.current', 'rest'),
    true,
  )

  it('is page tables and slab objects that its task makes; not those it brought', () => {
    const s = stat(r, 'one')
    // Four PTE tables of new memory; areas and anon_vmas by the byte; the task itself was made outside.
    expect([s['pagetables'], s['kernel_stack']]).toEqual([4 * 4096, 0])
    expect(s['kernel']).toBeGreaterThan(s['pagetables']!)
    expect(s['slab']).toBe(s['slab_reclaimable']! + s['slab_unreclaimable']!)
    expect(s['kernel']! % 4096).toBe(0)
    expect(s['kernel']).toBeGreaterThanOrEqual(s['pagetables']! + s['slab']!)
    expect(value(r, 'current')).toBeGreaterThanOrEqual(s['anon']! + s['kernel']!)
    // What is charged in advance is at most a batch of 64 pages.
    expect(value(r, 'current') - s['anon']! - s['kernel']!).toBeLessThanOrEqual(64 * 4096)
  })

  it('has the stacks and task_structs of its children', () => {
    const [one, three, again] = [stat(r, 'one'), stat(r, 'three'), stat(r, 'again')]
    expect(three['kernel_stack']).toBe(2 * 16384)
    expect(three['slab_unreclaimable']! - one['slab_unreclaimable']!).toBeGreaterThan(2 * 6208)
    expect(again['kernel_stack']).toBe(0)
    // The objects are gone; of the last ones a CPU has not told yet.
    expect(Math.abs(again['slab_unreclaimable']! - one['slab_unreclaimable']!)).toBeLessThan(UNTOLD)
  })

  it('goes with the tasks; what is left is charged in advance', () => {
    const s = stat(r, 'none')
    expect([s['anon'], s['pagetables'], s['kernel_stack']]).toEqual([0, 0, 0])
    expect(s['slab']).toBeLessThan(UNTOLD)
    expect(value(r, 'rest')).toBeLessThanOrEqual(65 * 4096)
  })
})

it('files of tmpfs are the cgroup’s with their inodes and names', () => {
  const r = lab(
    `${head}${worker()}  - in: { task: a, steps: [{ createFile: { as: f, size: 4MiB, fs: tmpfs } }] }\n${file('memory.stat', 's')}`,
    true,
  )
  const s = stat(r, 's')
  expect([s['file'], s['shmem']]).toEqual([4 * 2 ** 20, 4 * 2 ** 20])
  // A dentry and the nodes of the file's index.
  expect(s['slab_reclaimable']).toBeGreaterThan(16 * 584 - UNTOLD)
})

it('objects stay with whoever paid for them when their task moves on', () => {
  const r = lab(
    `${head}  - cgroup: { path: /t/child }\n${worker('/t/child')}${file('memory.stat', 'inside')}` +
      `  - cgroup: { path: /t, attach: [a] }\n  - writeFile: { path: /sys/fs/cgroup/t/memory.high, text: max }\n` +
      file('memory.stat', 'moved', '/t/child') +
      `  - in: { task: a, steps: [{ exit: 0 }] }\n  - wait: { task: a }\n` +
      file('memory.stat', 'after', '/t'),
    true,
  )
  // Objects stay with whoever paid when the task moves on.
  expect(stat(r, 'moved')['slab']).toBe(stat(r, 'inside')['slab'])
  expect(stat(r, 'after')['slab']).toBeLessThan(UNTOLD)
})

it('counts faults for the owner of the address space', () => {
  const r = lab(head + worker() + file('memory.stat', 's'))
  const s = stat(r, 's')
  expect(s['pgfault']).toBeGreaterThanOrEqual(2048)
  expect(s['pgmajfault']).toBe(0)
})

it('a CPU tells memory.stat of slab objects when it has collected more than a page of them', () => {
  const open = `  - in: { task: a, steps: [{ open: { as: g, file: f } }] }\n`
  const names = Array.from({ length: 40 }, (_, i) => `open-${i}`)
  const r = lab(
    `${head}  - fork: { as: a }\n  - cgroup: { path: /t, attach: [a] }\n` +
      `  - in: { task: a, steps: [{ createFile: { as: f, size: 0, fs: tmpfs } }] }\n` +
      names.map((name) => open + file('memory.stat', name)).join(''),
  )
  const seen = names.map((name) => stat(r, name)['slab_unreclaimable']!)
  // An open file is 256 bytes and a pointer; it shows in steps of a page.
  const changes = seen.slice(1).map((bytes, i) => bytes - seen[i]!)
  expect(changes.filter((change) => change === 0).length).toBeGreaterThan(30)
  expect(changes.filter((change) => change > 4096 && change < UNTOLD).length).toBeGreaterThanOrEqual(1)
})

it('the objects of a cgroup that is removed are its parent’s, which is told when they go', () => {
  const k = bare_machine()
  const t = k.var.current
  const parent = cgroup_mkdir(k, 0, 'parent')
  const child = cgroup_mkdir(k, parent, 'child')
  sys_create(k, '/f', 0, FS_TMPFS)
  cgroup_attach(k, child, t)
  const fds = Array.from({ length: 20 }, () => sys_open(k, '/f', O_RDWR, FS_TMPFS))
  cgroup_attach(k, parent, t)
  expect(cgroup_rmdir(k, child)).toBe(0)
  const unreclaimable = (): number => {
    drain_obj_stock(k, stock_of(k))
    return k.memcg.slab_b[parent * MEMCG_NR_SLAB + 1]!
  }
  expect(unreclaimable()).toBeGreaterThanOrEqual(20 * 264)
  const before = unreclaimable()
  for (const fd of fds) sys_close(k, fd)
  expect(before - unreclaimable()).toBe(20 * 264)
})

it('what is left of a page waits in its cgroup while the CPU works for another', () => {
  const k = bare_machine()
  const t = k.var.current
  const cgroups = [cgroup_mkdir(k, 0, 'a'), cgroup_mkdir(k, 0, 'b')]
  sys_create(k, '/f', 0, FS_TMPFS)
  for (let i = 0; i < 60; i++) {
    cgroup_attach(k, cgroups[i % 2]!, t)
    sys_open(k, '/f', O_RDWR, FS_TMPFS)
  }
  // Thirty open files of 264 bytes each are two pages.
  expect(cgroups.map((memcg) => k.memcg.kmem[memcg])).toEqual([2, 2])
})
