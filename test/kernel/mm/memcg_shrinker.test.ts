/** Slab objects that can go, by cgroup: names, inodes, index nodes of evicted pages, parts of huge pages. */
import { describe, expect, it } from 'vitest'
import { NR_LIST_LRUS } from '../../../src-main/kernel/kernel'
import { list_lru_row } from '../../../src-main/kernel/mm/list_lru'
import { cgroup_mkdir, cgroup_rmdir } from '../../../src-main/kernel/mm/memcg_tree'
import { verify } from '../../../src-main/kernel/verify'
import { bare_machine, MiB } from '../../support/bare'
import { lab, total } from '../../support/lab'

const machine = (ram = 256, thp = 'never') => `machine: { ram: ${ram}MiB, thp: ${thp}, cgroup: true }\nsteps:\n`
const group = (path: string, set = '') => `  - cgroup: { path: ${path}, set: { ${set} } }\n`
const stat = (label: string, path: string) =>
  `  - { label: ${label}, readFile: { path: /sys/fs/cgroup${path}/memory.stat } }\n`
/** A task in a cgroup looks up every name of a tree of files. */
const looker = (task: string, path: string) =>
  group(path) +
  `  - fork: { as: ${task} }\n  - cgroup: { path: ${path}, attach: [${task}] }\n` +
  `  - in: { task: ${task}, steps: [ { stat: { file: ${task}-files } } ] }\n`
const tree = (task: string, count: number) => `  - createFile: { as: ${task}-files, size: 0, count: ${count} }\n`
/** Everything that the cgroup can give, and a while for what only goes after a grace period. */
const reclaim = (path: string, label = 'reclaim') =>
  `  - { label: ${label}, writeFile: { path: /sys/fs/cgroup${path}/memory.reclaim, text: 1G } }\n  - sleep: 100ms\n`

function value(r: ReturnType<typeof lab>, label: string, name: string): number {
  const { text } = r.lines.find((line) => line.label === label)!
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text!)![1])
}

describe('names and inodes', () => {
  const r = lab(
    machine() +
      tree('a', 3000) +
      tree('b', 3000) +
      '  - dropCaches: { mode: 3 }\n' +
      looker('a', '/a') +
      looker('b', '/b') +
      stat('a before', '/a') +
      stat('b before', '/b') +
      reclaim('/a', 'pressure') +
      stat('a after', '/a') +
      stat('b after', '/b') +
      '  - { label: all, dropCaches: { mode: 2 } }\n  - sleep: 1s\n' +
      stat('b dropped', '/b'),
    true,
  )

  it('of a cgroup that is reclaimed give way', () => {
    expect(value(r, 'a before', 'slab_reclaimable')).toBeGreaterThan(3 * 2 ** 20)
    expect(value(r, 'a after', 'slab_reclaimable')).toBeLessThan(value(r, 'a before', 'slab_reclaimable') / 2)
    expect(total(r, 'slabs_scanned', 'pressure')).toBeGreaterThan(1000)
  })
  it('of another cgroup are not touched', () => {
    const [before, after] = ['b before', 'b after'].map((label) => value(r, label, 'slab_reclaimable'))
    expect(after).toBe(before)
  })
  it('of all cgroups go with drop_caches', () => {
    expect(total(r, 'slabs_scanned', 'all')).toBeGreaterThan(3000)
    expect(value(r, 'b dropped', 'slab_reclaimable')).toBeLessThan(value(r, 'b before', 'slab_reclaimable') / 10)
  })
})

it('those of a removed cgroup are its parent’s, in its lists too', () => {
  const r = lab(
    machine() +
      tree('a', 2000) +
      '  - dropCaches: { mode: 3 }\n' +
      group('/p') +
      looker('a', '/p/a') +
      '  - cgroup: { path: /, attach: [a] }\n' +
      '  - rmdir: { path: /p/a }\n' +
      stat('adopted', '/p') +
      reclaim('/p') +
      stat('reclaimed', '/p'),
    true,
  )
  expect(value(r, 'adopted', 'slab_reclaimable')).toBeGreaterThan(2 * 2 ** 20)
  expect(value(r, 'reclaimed', 'slab_reclaimable')).toBeLessThan(2 ** 18)
})

it('nodes that only hold shadows go when they are more than the cgroup’s pages would need', () => {
  const reader = (steps: string) => `  - in: { task: a, steps: [ ${steps} ] }\n`
  const r = lab(
    machine() +
      '  - createFile: { as: f, size: 96MiB }\n' +
      group('/a', 'memory.max: 4MiB') +
      '  - fork: { as: a }\n  - cgroup: { path: /a, attach: [a] }\n' +
      reader('{ open: { as: o, file: f } }, { label: read, read: { file: o, length: 96MiB } }') +
      stat('after', '/a'),
    true,
  )
  // 4 MiB are 1024 pages: an eighth of them, 128 nodes, may stay of the file’s 384.
  expect(value(r, 'after', 'workingset_nodereclaim')).toBeGreaterThan(100)
  expect(total(r, 'workingset_nodereclaim', 'read')).toBe(value(r, 'after', 'workingset_nodereclaim'))
})

it('a huge page that lost parts is split when its cgroup is reclaimed', () => {
  const r = lab(
    machine(1024, 'always') +
      // khugepaged would make it whole again.
      `  - writeFile: { path: /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none, text: '0' }\n` +
      group('/a') +
      group('/b') +
      '  - fork: { as: a }\n  - cgroup: { path: /a, attach: [a] }\n' +
      `  - in: { task: a, steps: [ { mmap: { as: h, length: 8MiB, align: 2MiB } }, { touch: { area: h, access: write } }, { madvise: { area: h, length: 1MiB, advice: dontneed } } ] }\n` +
      stat('before', '/a') +
      reclaim('/b', 'beside') +
      reclaim('/a') +
      stat('after', '/a'),
  )
  expect(value(r, 'before', 'anon_thp')).toBe(8 * 2 ** 20)
  expect([total(r, 'thp_split_page', 'beside'), total(r, 'thp_split_page', 'reclaim')]).toEqual([0, 1])
  expect(value(r, 'after', 'anon_thp')).toBe(6 * 2 ** 20)
})

describe('a removed cgroup', () => {
  it('leaves what every shrinker put off to its parent, and nothing to who gets its number next', () => {
    const k = bare_machine({ ram: 128 * MiB, cgroup: true })
    const parent = cgroup_mkdir(k, 0, 'parent')
    const child = cgroup_mkdir(k, parent, 'child')
    for (let list = 1; list < NR_LIST_LRUS; list++) k.list_lru.nr_deferred[list_lru_row(list, child)] = 70 + list
    expect(cgroup_rmdir(k, child)).toBe(0)
    for (let list = 1; list < NR_LIST_LRUS; list++)
      expect(k.list_lru.nr_deferred[list_lru_row(list, parent)]).toBe(70 + list)
    const next = cgroup_mkdir(k, parent, 'next')
    for (let list = 1; list < NR_LIST_LRUS; list++) expect(k.list_lru.nr_deferred[list_lru_row(list, next)]).toBe(0)
    verify(k)
  })
})
