import { describe, expect, it } from 'vitest'
import { C } from '@shared/counters'
import { boot } from '../../../src-main/kernel/boot'
import { GFP_KERNEL, JIFFY_NS, type Kernel } from '../../../src-main/kernel/kernel'
import { cache_by_name, kmem_cache_alloc, kmem_cache_free, kmem_cache_shrink } from '../../../src-main/kernel/mm/slub'
import { objects_in_use } from '../../../src-main/kernel/mm/slabinfo'
import { kmem_cache_free_rcu, put_task_struct_rcu } from '../../../src-main/kernel/rcu/callbacks'
import { rcu_busy } from '../../../src-main/kernel/rcu/tree'
import { run_step, type Programs } from '../../../src-main/kernel/sched/core'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { sleep_interruptible, WAIT_SLEEP } from '../../../src-main/kernel/task'
import { verify } from '../../../src-main/kernel/verify'
import { softirqs_text } from '../../../src-main/kernel/proc/machine_files'
import { bareConfig } from '../../support/config'
import { lab } from '../../support/lab'

const quiet: Programs = { step: (k) => (k.var.now = k.var.slice_end), event: () => undefined }

function machine(cpus = 1): Kernel {
  const k = boot(bareConfig({ cpus }))
  for (let i = 0; i < 10; i++) run_step(k, quiet)
  return k
}
function objects(k: Kernel, nr: number, name = 'filp'): number[] {
  const cache = cache_by_name(k, name)
  return Array.from({ length: nr }, () => kmem_cache_alloc(k, cache, GFP_KERNEL))
}
const filps = (k: Kernel): number => objects_in_use(k, cache_by_name(k, 'filp'))

describe('a callback', () => {
  it('runs at the third tick after it was asked for: the grace period begins, ends, and then it is its turn', () => {
    const k = machine()
    const before = filps(k)
    for (const obj of objects(k, 3)) kmem_cache_free_rcu(k, obj)
    const left: number[] = []
    for (let tick = 0; tick < 4; tick++) {
      run_step(k, quiet)
      verify(k)
      left.push(filps(k) - before)
    }
    expect(left).toEqual([3, 3, 0, 0])
    expect(rcu_busy(k)).toBe(false)
  })

  it('has the frames of slabs that are looked at without a lock; others go at once', () => {
    const k = machine()
    const pages = (): number => k.vmstat[C.nr_slab_unreclaimable]!
    const shrunk = (name: string): number => {
      for (const obj of objects(k, 2000, name)) kmem_cache_free(k, cache_by_name(k, name), obj)
      const before = pages()
      kmem_cache_shrink(k, cache_by_name(k, name))
      return before - pages()
    }
    expect(shrunk('filp')).toBeGreaterThan(0)
    expect(shrunk('anon_vma')).toBe(0)
    const before = pages()
    for (let tick = 0; tick < 4; tick++) run_step(k, quiet)
    expect(pages()).toBeLessThan(before)
    verify(k)
  })

  it('that comes while a grace period runs waits for the next one', () => {
    const k = machine()
    const before = filps(k)
    const [first, second] = objects(k, 2)
    kmem_cache_free_rcu(k, first!)
    run_step(k, quiet)
    kmem_cache_free_rcu(k, second!)
    run_step(k, quiet)
    run_step(k, quiet)
    expect(filps(k) - before).toBe(1)
    run_step(k, quiet)
    run_step(k, quiet)
    expect(filps(k) - before).toBe(0)
  })

  it('of a task frees its credentials only after one more grace period', () => {
    const k = machine()
    const names = ['task_struct', 'signal_cache', 'cred_jar']
    const [task, signal, cred] = names.map((name) => objects(k, 1, name)[0]!)
    const used = (): number[] => names.map((name) => objects_in_use(k, cache_by_name(k, name)))
    const before = used()
    put_task_struct_rcu(k, task!, signal!, cred!)
    const gone: number[][] = []
    for (let tick = 0; tick < 6; tick++) {
      run_step(k, quiet)
      gone.push(used().map((nr, i) => before[i]! - nr))
    }
    const [none, most, all] = [
      [0, 0, 0],
      [1, 1, 0],
      [1, 1, 1],
    ]
    expect(gone).toEqual([none, none, most, most, most, all])
  })

  it('is known to /proc/softirqs, and the CPU keeps its tick for it', () => {
    const k = machine()
    const [softirqs, loc] = [k.cpu.softirq_rcu[1]!, k.cpu.loc[1]!]
    for (const obj of objects(k, 1)) kmem_cache_free_rcu(k, obj)
    for (let tick = 0; tick < 10; tick++) run_step(k, quiet)
    expect(k.cpu.softirq_rcu[1]! - softirqs).toBe(3)
    expect(k.cpu.loc[1]! - loc).toBeGreaterThanOrEqual(3)
    expect(softirqs_text(k)).toMatch(new RegExp(`RCU: +${k.cpu.softirq_rcu[1]}\n`))
  })

  it('survives a snapshot', () => {
    const k = machine()
    for (const obj of objects(k, 500)) kmem_cache_free_rcu(k, obj)
    run_step(k, quiet)
    const copy = restore(structuredClone(snapshot(k)))
    for (let tick = 0; tick < 5; tick++) for (const m of [k, copy]) run_step(m, quiet)
    expect(rcu_busy(copy)).toBe(false)
    expect(hash(copy)).toBe(hash(k))
  })
})

describe('many callbacks', () => {
  it('run ten at a time while a task works: a hundred at a tick, the rest in ksoftirqd', () => {
    const k = machine()
    const [before, ksoftirqd, turns] = [filps(k), k.cpu.ksoftirqd[1]!, k.cpu.softirq_rcu[1]!]
    for (const obj of objects(k, 600)) kmem_cache_free_rcu(k, obj)
    for (let tick = 0; tick < 8; tick++) run_step(k, quiet)
    expect(filps(k)).toBe(before)
    expect(k.task.stime[ksoftirqd]).toBeGreaterThan(0)
    expect(k.cpu.softirq_rcu[1]! - turns).toBeGreaterThanOrEqual(2 + 600 / 10)
  })

  it('run the 128th part of them at a time when that is more than ten', () => {
    const k = machine()
    const before = filps(k)
    for (const obj of objects(k, 5120)) kmem_cache_free_rcu(k, obj)
    for (let tick = 0; tick < 2; tick++) run_step(k, quiet)
    const turns = k.cpu.softirq_rcu[1]!
    expect(filps(k) - before).toBe(5120)
    while (filps(k) > before) run_step(k, quiet)
    // 128 · ln 4 turns to the last 1280, and a turn for each ten of these; by tens they were 512.
    expect(k.cpu.softirq_rcu[1]! - turns).toBeLessThan(320)
  })

  it('run all at once where nobody works', () => {
    const k = machine()
    const asleep: Programs = {
      step: (m) => sleep_interruptible(m, Infinity, WAIT_SLEEP, 0, 'pause'),
      event: () => undefined,
    }
    run_step(k, asleep)
    const [before, ksoftirqd, turns] = [filps(k), k.cpu.ksoftirqd[1]!, k.cpu.softirq_rcu[1]!]
    for (const obj of objects(k, 600)) kmem_cache_free_rcu(k, obj)
    for (let tick = 0; tick < 8; tick++) run_step(k, asleep)
    expect(filps(k)).toBe(before)
    expect(k.task.stime[ksoftirqd]).toBe(0)
    expect(k.cpu.softirq_rcu[1]! - turns).toBe(3)
  })
})

describe('grace periods of several CPUs', () => {
  it('end though the other CPUs sleep', () => {
    const k = machine(4)
    const before = filps(k)
    k.var.cpu = 2
    for (const obj of objects(k, 5)) kmem_cache_free_rcu(k, obj)
    k.var.cpu = 0
    for (let tick = 0; tick < 8; tick++) {
      run_step(k, quiet)
      verify(k)
    }
    expect(filps(k)).toBe(before)
  })
})

describe('the memory of what is freed after a grace period', () => {
  const program = (middle: string): string =>
    `machine: { ram: 256MiB, slowdown: 10 }\nsteps:\n  - createFile: { as: tree, size: 0, count: 2000 }\n` +
    `  - stat: { file: tree }\n  - label: drop\n    dropCaches: { mode: 2 }\n${middle}`
  it('is there some ticks later', () => {
    const r = lab(program('  - { label: later, sleep: 100ms }\n'), true)
    const kB = (label: string): number => r.lines.find((line) => line.label === label)!.meminfo['SReclaimable']!
    const [before, drop, later] = [r.lines[1]!.meminfo['SReclaimable']!, kB('drop'), kB('later')]
    // What the call freed early is back at its end, for it takes several ticks; the last of it is not.
    expect(before - drop).toBeGreaterThan(300)
    expect(drop - later).toBeGreaterThan(300)
    expect(before - later).toBeGreaterThan(2500)
  })

  it('of a task is its task_struct and its number; its files go as it ends', () => {
    const r = lab(
      `machine: { ram: 256MiB }\nsteps:\n  - sleep: 100ms\n  - fork: { as: a }\n` +
        `  - in: { task: a, steps: [{ exit: 0 }] }\n  - wait: { task: a }\n` +
        `  - { label: at-once, readFile: { path: /sys/kernel/slab/task_struct/objects } }\n  - sleep: 100ms\n` +
        `  - { label: later, readFile: { path: /sys/kernel/slab/task_struct/objects } }\n`,
      true,
    )
    const text = (label: string): string => r.lines.find((line) => line.label === label)!.text!
    expect(Number.parseInt(text('at-once'), 10)).toBeGreaterThanOrEqual(Number.parseInt(text('later'), 10))
  })
})

it('a jiffy is a step of the machine', () => {
  const k = machine()
  const at = k.var.now
  run_step(k, quiet)
  expect(k.var.now - at).toBe(JIFFY_NS)
})
