/**
 * A machine that runs: the kernel, the programs on it, and the commands that were given to it, each with the step before
 * which it was carried out. The same scenario, seed and commands make the same machine.
 */
import type { CommandOf, MachineInfo, Result, TraceEvent } from '@shared/protocol'
import { STEP_NS, type Kernel } from '../kernel/kernel'
import { run_step, type Programs } from '../kernel/sched/core'
import { hash, restore, snapshot, type Snapshot } from '../kernel/snapshot'
import { sample } from '../sampler/sampler'
import { load_scenario, open_programs } from '../workload'
import type { Scenario } from '@shared/scenario'
import type { LoggedCommand } from '../recorder/types'
import { perform } from './commands'
import type { ScenarioSource } from './scenarios'

export const STEP_MS = STEP_NS / 1e6
export const SAMPLE_MS = 500
const SAMPLE_STEPS = SAMPLE_MS / STEP_MS

/** Commands that change the machine; each is an entry of its log. */
export type MachineCommand = CommandOf<
  | 'spawn'
  | 'kill'
  | 'setOomScoreAdj'
  | 'renice'
  | 'sysctl'
  | 'dropCaches'
  | 'pressure'
  | 'writeFile'
  | 'swapon'
  | 'swapoff'
  | 'makeDir'
  | 'removeDir'
>

export interface Machine {
  readonly k: Kernel
  readonly scenario: Scenario
  readonly source: string
  readonly file: string
  readonly seed: number
  readonly programs: Programs
  /** Carried out so far, in order; `planned` are those that a re-run has still to carry out. */
  readonly log: LoggedCommand[]
  readonly planned: LoggedCommand[]
  /** How much of the string table, the kernel log and the trace was handed on. */
  readonly drained: { names: number; log: readonly [number, string] | null }
}

export function bootMachine(
  { file, source, scenario }: ScenarioSource,
  seed = scenario.seed,
  planned: readonly LoggedCommand[] = [],
): Machine {
  const k = load_scenario({ ...scenario, seed })
  return machineOf(k, { file, source, scenario }, seed, planned)
}

/** The machine of a checkpoint, with the commands that came after it still to do. */
export function restoreMachine(
  from: Snapshot,
  source: ScenarioSource,
  seed: number,
  commands: readonly LoggedCommand[],
): Machine {
  const k = restore(from)
  const machine = machineOf(
    k,
    source,
    seed,
    commands.filter((c) => c.step >= k.var.step),
  )
  machine.log.push(...commands.filter((c) => c.step < k.var.step))
  return machine
}

function machineOf(
  k: Kernel,
  { file, source, scenario }: ScenarioSource,
  seed: number,
  planned: readonly LoggedCommand[],
): Machine {
  const programs = open_programs({ ...scenario, seed })
  return { k, scenario, source, file, seed, programs, log: [], planned: [...planned], drained: { names: 0, log: null } }
}

export function nowMs({ k }: Machine): number {
  return k.var.step * STEP_MS
}

/** One step of 4 ms, after the commands that were carried out before it. */
export function advance(m: Machine): void {
  redo(m)
  run_step(m.k, m.programs)
}

/** Carries out planned commands of the step that comes next. */
export function redo(m: Machine): void {
  while (m.planned[0] !== undefined && m.planned[0].step <= m.k.var.step) {
    const entry = m.planned.shift()!
    m.log.push(entry)
    perform(m, entry.command as MachineCommand)
  }
}

export function advanceTo(m: Machine, ms: number): void {
  while (nowMs(m) < ms && m.k.var.panic === null) advance(m)
}

/** Carries out a user's command now and enters it in the log. */
export function carryOut(m: Machine, command: MachineCommand): Result {
  redo(m)
  m.log.push({ step: m.k.var.step, ms: nowMs(m), command })
  return perform(m, command)
}

/** True at the steps whose state is a sample. */
export function isSampleDue({ k }: Machine): boolean {
  return k.var.step % SAMPLE_STEPS === 0
}

export function sampleOf({ k }: Machine, epoch = 0): Float64Array {
  const data = sample(k)
  data[7] = epoch
  return data
}

/** What happened since it was last asked. */
export function takeEvents({ k }: Machine): TraceEvent[] {
  return k.trace.splice(0)
}

/** New names of the string table and the id of the first of them. */
export function takeNames({ k, drained }: Machine): { from: number; list: string[] } {
  const from = drained.names
  const list = k.strings.list.slice(from)
  drained.names = from + list.length
  return { from, list }
}

/** New lines of the kernel log. */
export function takeLog({ k, drained }: Machine): string[] {
  const from = drained.log === null ? 0 : k.log.lastIndexOf(drained.log as [number, string]) + 1
  drained.log = k.log.at(-1) ?? null
  return k.log.slice(from).map(([ns, text]) => logLine(ns, text))
}

export function logLine(ns: number, text: string): string {
  return `[${(ns / 1e9).toFixed(6).padStart(12)}] ${text}`
}

export function snapshotOf({ k }: Machine): Snapshot {
  return snapshot(k)
}

export function hashOf({ k }: Machine): string {
  return hash(k)
}

export function infoOf({ k, scenario, file, seed }: Machine): MachineInfo {
  return {
    title: scenario.title,
    about: scenario.about,
    scenario: scenario.name || file,
    seed,
    ram: k.config.ram,
    cpus: k.config.cpus,
    swap: k.config.swap.reduce((sum, s) => sum + s.bytes, 0),
    sampleMs: SAMPLE_MS,
    stepNs: STEP_NS,
    kernel: 'Linux 6.1',
    managedPages: k.zone.managed_pages.reduce((sum, n) => sum + n, 0),
    zones: ['DMA', 'DMA32', 'Normal'].map((name, i) => ({
      name,
      start_pfn: k.zone.start_pfn[i + 1]!,
      spanned: k.zone.spanned_pages[i + 1]!,
      managed: k.zone.managed_pages[i + 1]!,
    })),
  }
}
