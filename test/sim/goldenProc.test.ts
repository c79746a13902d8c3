/**
 * Every file of the trees as text, for two fixed machines at a fixed instant: test/golden/proc. A change shows as a
 * difference line by line; `UPDATE_GOLDEN=1 vitest run --project node test/sim/goldenProc.test.ts` takes it over.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { proc_tree } from '../../src-main/kernel/proc'
import type { Node } from '../../src-main/kernel/proc/tree'
import { runningOf, scenarioNamed, scenarioOf } from '../support/machine'

const FOLDER = join(import.meta.dirname, '../golden/proc')
/** Of the caches' folders these; of each process's files the tasks' are left out, for they are the same. */
const CACHES = new Set(['dentry', 'kmalloc-64', ':A-0000128'])

function texts(node: Node, path: string, pids: ReadonlySet<string>): string {
  if (node.kind === 'link') return `==> ${path} -> ${node.target}\n\n`
  if (node.kind === 'file') {
    if (node.pread !== undefined) return `==> ${path} (words)\n\n`
    const text = node.read?.() ?? ''
    return `==> ${path} <==\n${typeof text === 'string' ? text : `errno ${text}\n`}\n`
  }
  const skipped = (name: string): boolean =>
    (path === '/proc' && /^\d+$/.test(name) && !pids.has(name)) ||
    (path === '/sys/kernel/slab' && !CACHES.has(name)) ||
    (/\/task$/.test(path) && name !== '')
  return node
    .list()
    .filter((name) => !skipped(name))
    .map((name) => texts(node.find(name)!, `${path}/${name}`, pids))
    .join('')
}

const QUIET = `memscope: scenario/1
title: a quiet machine with two programs and a cgroup
seed: 1
base: none
machine: { ram: 256MiB, cpus: 1, swap: [{ size: 64MiB, device: ssd }], thp: never }
cgroups: { /box: { memory.high: 64MiB } }
processes:
  - { program: memhog, name: hog, cgroup: /box, params: { size: 16MiB } }
  - { program: redis, params: { dataset: 8MiB } }
until: 10s
`

test.each([
  ['quiet', scenarioOf(QUIET), 3, ['hog', 'redis-server']],
  ['thrashing', scenarioNamed('thrashing'), 16, ['thrash', 'kswapd0']],
] as const)('%s reads as before, to the byte', (name, scenario, seconds, comms) => {
  const m = runningOf(scenario)
  m.runTo(seconds)
  const root = proc_tree(m.k)
  const proc = root.find('proc')!
  const pids = new Set(['1'])
  for (const comm of comms)
    for (let t = m.k.var.task_head; t !== 0; t = m.k.task.list_next[t]!)
      if (m.k.strings.list[m.k.task.comm[t]!] === comm) {
        pids.add(String(m.k.task.pid[t]))
        break
      }
  const text = texts(proc, '/proc', pids) + texts(root.find('sys')!, '/sys', pids)
  const file = join(FOLDER, `${name}.txt`)
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(file, text)
  }
  expect(text.split('\n')).toEqual(readFileSync(file, 'utf8').split('\n'))
})
