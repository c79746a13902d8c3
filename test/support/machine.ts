/** Machines of the gallery's scenarios, for whole-machine tests. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TraceEvent } from '../../src-shared/protocol'
import { parseScenario, type Scenario } from '../../src-shared/scenario'
import type { Kernel } from '../../src-main/kernel/kernel'
import { proc_read } from '../../src-main/kernel/proc'
import { run_step } from '../../src-main/kernel/sched/core'
import { load_scenario, open_programs, PROGRAM_INFOS } from '../../src-main/workload'

export interface Running {
  readonly k: Kernel
  readonly scenario: Scenario
  readonly events: TraceEvent[]
  /** Runs until so many seconds after boot; calls back after each step. */
  runTo(seconds: number, each?: (k: Kernel) => void): void
}

export function scenarioNamed(name: string): Scenario {
  const file = join(import.meta.dirname, `../../resources/scenarios/${name}.yaml`)
  return scenarioOf(readFileSync(file, 'utf8'), file)
}
export function scenarioOf(text: string, file = 'test.yaml'): Scenario {
  const parsed = parseScenario(text, file, PROGRAM_INFOS)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

export function runningOf(scenario: Scenario, k = load_scenario(scenario)): Running {
  const programs = open_programs(scenario)
  const events: TraceEvent[] = []
  const runTo: Running['runTo'] = (seconds, each) => {
    while (k.var.step < seconds * 250 && k.var.panic === null) {
      run_step(k, programs)
      events.push(...k.trace.splice(0))
      each?.(k)
    }
  }
  return { k, scenario, events, runTo }
}

/** Figures of /proc/meminfo and /proc/vmstat by name. */
export function figures(k: Kernel): Record<string, number> {
  const lines = `${String(proc_read(k, '/proc/meminfo'))}${String(proc_read(k, '/proc/vmstat'))}`.split('\n')
  return Object.fromEntries(
    lines
      .filter(Boolean)
      .map((line) => line.split(/:?\s+/))
      .map(([name, value]) => [name!, Number(value)]),
  )
}
