/**
 * From a scenario to a machine: boots it, and puts its processes and events on an agenda of timers. The agenda is worked
 * out from the scenario again whenever it is needed, so it is no part of the machine's state.
 */
import { findProgram, type Scenario, type ScenarioEvent, type SpawnSpec } from '@shared/scenario'
import { parseSize } from '@shared/units'
import { boot } from '../kernel/boot'
import { sysctl_write } from '../kernel/entry/sysctl'
import { compact_memory } from '../kernel/mm/compaction'
import { drop_caches } from '../kernel/mm/drop_caches'
import { proc_write } from '../kernel/proc'
import type { Kernel } from '../kernel/kernel'
import { timer_add } from '../kernel/lib/timer'
import type { Programs } from '../kernel/sched/core'
import { find_task_by_pid, first_task, next_task, printk, send_signal, TIMER_EVENT, trace } from '../kernel/task'
import { BASE, type BaseService } from './base'
import * as calls from './calls'
import { as_init } from './control'
import { install_libraries, install_program, install_tree } from './images'
import { request, type Request } from './init'
import { new_state, run, type State } from './process'
import { PROGRAM_INFOS, program_named, PROGRAMS } from './registry'

interface Item {
  readonly at: number
  readonly every: number | undefined
  readonly start?: Request
  readonly event?: ScenarioEvent
}

/** Boots the scenario's machine at time 0; nothing has run yet. */
export function load_scenario(scenario: Scenario): Kernel {
  const { machine, seed } = scenario
  const swap = machine.swap.map(({ size, device, priority, file }) => ({
    bytes: size,
    device,
    ...(priority === undefined ? {} : { priority }),
    ...(file === undefined ? {} : { file }),
  }))
  const k = boot({ ...machine, swap, seed, bare: false })
  install_libraries(k)
  const paths = [...PROGRAMS.map((p) => p.path), '/usr/lib/gcc/cc1', ...BASE[scenario.base].map(service_path)]
  for (const path of new Set(paths)) install_program(k, path)
  const tree = scenario.processes.filter((p) => p.program === 'file-scanner').map((p) => Number(p.params['files']))
  install_tree(k, Math.max(0, ...tree))
  for (const [name, value] of Object.entries(scenario.sysctl)) {
    if (sysctl_write(k, name, value) < 0) printk(k, `sysctl: cannot set ${name} to ${value}`)
  }
  for (const [path, files] of Object.entries(scenario.cgroups)) make_cgroup(k, path, files)
  k.var.program[find_task_by_pid(k, 1)] = new_state(k, 'init', {}, 'init')
  agenda(scenario).forEach((item, i) => timer_add(k, item.at * 1e6, TIMER_EVENT, i))
  return k
}

function make_cgroup(k: Kernel, path: string, files: Readonly<Record<string, string | number>>): void {
  calls.make_cgroup(k, path)
  for (const [file, value] of Object.entries(files)) {
    // 400MiB as elsewhere in a scenario; the file itself takes bytes.
    const text = String(parseSize(value) ?? value)
    if (proc_write(k, `/sys/fs/cgroup${path}/${file}`, text) < 0)
      printk(k, `cgroup: cannot set ${path}/${file} to ${value}`)
  }
}

/** What runs in user mode on a machine of this scenario. */
export function open_programs(scenario: Scenario): Programs {
  const items = agenda(scenario)
  return {
    step(k, t) {
      const s = k.var.program[t] as State | undefined
      const program = s === undefined ? undefined : program_named(s.program)
      if (s === undefined || program === undefined) calls.pause(k)
      else run({ k, t, s }, program.step)
    },
    event(k, index) {
      const item = items[index]
      if (item === undefined) return
      if (item.every !== undefined) timer_add(k, k.var.now + item.every * 1e6, TIMER_EVENT, index)
      if (item.start !== undefined) request(k, item.start)
      if (item.event !== undefined) as_init(k, () => perform(k, item.event!))
    },
  }
}

/** Base services, processes and events with their times, always in the same order. */
function agenda(scenario: Scenario): Item[] {
  const items: Item[] = []
  BASE[scenario.base].forEach((service, i) => {
    const { name, program, uid, oomScoreAdj, params } = service
    const start = { program, path: service_path(service), name, nice: 0, uid, oomScoreAdj, params }
    items.push({ at: 30 + i * 35, every: undefined, start })
  })
  const after = 100 + items.length * 35
  scenario.processes.forEach((process, n) => {
    for (let i = 0; i < process.count; i++) {
      const at = process.at === 0 ? after + n * 60 + i * 10 : process.at + i * 10
      items.push({ at, every: process.every, start: request_of(process) })
    }
  })
  for (const event of scenario.events) items.push({ at: event.at, every: event.every, event })
  return items
}

function service_path({ name }: BaseService): string {
  return `/usr/sbin/${name}`
}

/** The users that packages make for their daemons (shell/users.ts has the names); whoever is not here runs as the desktop's. */
const PROGRAM_USERS: Readonly<Record<string, number>> = { 'web-server': 33, postgres: 105, redis: 106, java: 109 }

/** How a program is started; sizes and times of `params` in their base units. */
export function request_of(spec: Omit<SpawnSpec, 'count'>): Request {
  const program = program_named(spec.program)
  const found = findProgram(PROGRAM_INFOS, spec.program, spec.params)
  return {
    program: spec.program,
    path: program?.path ?? '/bin/false',
    name: spec.name ?? program?.comm ?? spec.program,
    nice: spec.nice,
    // Only root may lock more than RLIMIT_MEMLOCK.
    uid: spec.uid ?? (spec.params['kind'] === 'mlock' ? 0 : (PROGRAM_USERS[spec.program] ?? 1000)),
    cgroup: spec.cgroup,
    oomScoreAdj: spec.oomScoreAdj ?? 0,
    params: 'params' in found ? found.params : {},
  }
}

function perform(k: Kernel, event: ScenarioEvent): void {
  trace(k, { kind: 'action', text: event.text ?? describe(event) })
  switch (event.do) {
    case 'sysctl':
      for (const [name, value] of Object.entries(event.set)) sysctl_write(k, name, value)
      return
    case 'dropCaches':
      return drop_caches(k, event.mode)
    case 'compact':
      return compact_memory(k)
    case 'write':
      proc_write(k, event.path, event.text)
      return
    case 'spawn':
      for (let i = 0; i < event.count; i++) request(k, request_of({ ...event, params: event.params as never }))
      return
    default:
      for_each_named(k, event.name, (t) => {
        if (event.do === 'kill') send_signal(k, t, event.signal)
        else if (event.do === 'renice') k.task.nice[t] = event.value
        else k.task.oom_score_adj[t] = event.value
      })
  }
}

function describe(event: ScenarioEvent): string {
  switch (event.do) {
    case 'sysctl':
      return `sysctl ${Object.entries(event.set)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')}`
    case 'dropCaches':
      return `echo ${event.mode} > /proc/sys/vm/drop_caches`
    case 'kill':
      return `kill -${event.signal} ${event.name}`
    case 'write':
      return `echo ${event.text} > ${event.path}`
    case 'spawn':
      return `start ${event.name ?? event.program}`
    case 'renice':
      return `renice ${event.value} ${event.name}`
    case 'oomScoreAdj':
      return `oom_score_adj of ${event.name} to ${event.value}`
    case 'compact':
      return 'compact memory'
  }
}

function for_each_named(k: Kernel, name: string, visit: (t: number) => void): void {
  const found: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.strings.list[k.task.comm[t]!] === name) found.push(t)
  found.forEach(visit)
}
