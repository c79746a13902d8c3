import { describe, expect, test } from 'vitest'
import { MAX_NR_ZONES, type Kernel } from '../../src-main/kernel/kernel'
import { free_list } from '../../src-main/kernel/mm/buddy'
import { proc_write } from '../../src-main/kernel/proc'
import { run_step } from '../../src-main/kernel/sched/core'
import { find_task_by_pid } from '../../src-main/kernel/task'
import { verify } from '../../src-main/kernel/verify'
import { programParams } from '../../src-shared/program'
import { load_scenario, open_programs, PROGRAM_INFOS, set_program_params, spawn_program } from '../../src-main/workload'
import { figures, runningOf, scenarioOf } from '../support/machine'

const machine = (processes: string): string =>
  `memscope: scenario/1\ntitle: T\nmachine: { ram: 512MiB, cpus: 2, swap: [{ size: 64MiB }], thp: never }\nbase: none\nprocesses:\n${processes}`

describe('a program', () => {
  test.each(PROGRAM_INFOS.map((p) => p.name))('%s runs on a machine whose invariants hold', (name) => {
    const m = runningOf(scenarioOf(machine(`  - { program: ${name} }\n`)))
    m.runTo(4, (k) => {
      if (k.var.step % 250 === 0) verify(k)
    })
    expect(m.k.var.panic).toBeNull()
    expect(m.events.filter((e) => e.kind === 'spawn')).toHaveLength(1)
    const crashed = m.events.some((e) => e.kind === 'segfault' || e.kind === 'sigbus')
    expect(crashed).toBe(name === 'segfaulter')
    expect(figures(m.k)['pgfault']).toBeGreaterThan(100)
  })

  test.each([
    ['anonymous', 'AnonPages'],
    ['tmpfs', 'Shmem'],
    ['mlock', 'Mlocked'],
    ['file', 'Cached'],
  ])('memhog holds %s memory, counted in %s', (kind, counter) => {
    const m = runningOf(scenarioOf(machine(`  - { program: memhog, params: { size: 64MiB, kind: ${kind} } }\n`)))
    m.runTo(4)
    expect(figures(m.k)[counter]).toBeGreaterThanOrEqual(64 * 1024)
    verify(m.k)
  })
})

/** A machine with one memhog that has run for some seconds: its figures, and what goes on. */
function hogged(params: Record<string, string>, seconds: number) {
  const scenario = scenarioOf(machine('').replace('processes:\n', ''))
  const k = load_scenario(scenario)
  const programs = open_programs(scenario)
  const run = (more: number): void => {
    for (let i = 0; i < more * 250; i++) run_step(k, programs)
  }
  run(1)
  const before = figures(k)
  const found = programParams(
    PROGRAM_INFOS.find((p) => p.name === 'memhog')!,
    params,
  )
  if (!('params' in found)) throw new Error(found.hint)
  const pid = spawn_program(k, { program: 'memhog', params: found.params })
  run(seconds)
  const grown = (name: string): number => (figures(k)[name]! - before[name]!) / 1024
  return { k, run, grown, task: () => find_task_by_pid(k, pid) }
}

test('slab that memhog holds cannot be reclaimed, and goes when it is told to give it back', () => {
  const { k, run, grown, task } = hogged({ size: '24MiB', kind: 'slab' }, 2)
  expect(grown('Slab')).toBeGreaterThan(20)
  expect(grown('Slab')).toBeLessThan(30)
  proc_write(k, '/proc/sys/vm/drop_caches', '2\n')
  run(1)
  expect(grown('Slab')).toBeGreaterThan(20)
  verify(k)
  set_program_params(k, task(), { size: 0 })
  run(2)
  expect(task()).toBe(0)
  expect(grown('Slab')).toBeLessThan(2)
  verify(k)
})

test('what memhog fragments leaves holes of one page', () => {
  const { k, grown } = hogged({ size: '64MiB', kind: 'fragmentation' }, 3)
  expect(grown('AnonPages')).toBeGreaterThan(31)
  expect(grown('AnonPages')).toBeLessThan(36)
  // Of 8192 pages given back, all but those in per-CPU lists.
  expect(order_0_blocks(k)).toBeGreaterThan(7500)
  verify(k)
})

test.each(['anonymous', 'file', 'tmpfs', 'slab'])('memhog gives %s memory back once its time is over', (kind) => {
  const { run, grown, task } = hogged({ size: '16MiB', kind, for: '2s' }, 1.5)
  const held = (): number => grown('AnonPages') + grown('Cached') + grown('Slab')
  expect(held()).toBeGreaterThan(14)
  run(2)
  expect(task()).toBe(0)
  expect(held()).toBeLessThan(6)
})

/** Free blocks of one page, over all zones and types. */
function order_0_blocks(k: Kernel): number {
  let blocks = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    for (let type = 0; type < 3; type++) blocks += k.free_area.nr_free[free_list(zone, type, 0)]!
  return blocks
}

test('pressure from outside grows and shrinks with its target', () => {
  const scenario = scenarioOf(machine('').replace('processes:\n', ''))
  const k = load_scenario(scenario)
  const programs = open_programs(scenario)
  const run = (seconds: number): void => {
    for (let i = 0; i < seconds * 250; i++) run_step(k, programs)
  }
  run(1)
  const before = figures(k)['AnonPages']!
  const info = PROGRAM_INFOS.find((p) => p.name === 'memhog')!
  const found = programParams(info, { size: '100MiB', rate: '200MiB/s' })
  if (!('params' in found)) throw new Error(found.hint)
  const pid = spawn_program(k, { program: 'memhog', name: 'pressure', params: found.params, oomScoreAdj: 300 })
  expect(pid).toBeGreaterThan(1)
  run(2)
  const held = (): number => (figures(k)['AnonPages']! - before) / 1024
  expect(held()).toBeGreaterThan(99)
  const t = find_task_by_pid(k, pid)
  expect(k.strings.list[k.task.comm[t]!]).toBe('pressure')
  expect(k.task.oom_score_adj[t]).toBe(300)
  set_program_params(k, t, { size: 20 * 2 ** 20 })
  run(2)
  expect(held()).toBeLessThan(32)
  verify(k)
})
