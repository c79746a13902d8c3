/** `memscope exec`: commands inside the machine at a simulated time. What waits in them lets simulated time pass. */
import type { Call } from '../cli'
import { advanceTo, bootMachine, type Machine } from '../engine/machine'
import { runningInside } from '../engine/inside'
import { defaultScenario, findScenario } from '../engine/scenarios'
import { openShell } from '../shell/shell'
import { durationOption, scriptOf, seedOption } from './options'

export async function run({ args, options, rest }: Call): Promise<number> {
  const script = scriptOf(rest, 'exec')
  const at = durationOption(options, 'at') ?? 0
  const source = args[0] === undefined ? defaultScenario() : findScenario(args[0])
  const m = bootMachine(source, seedOption(options))
  advanceTo(m, at)
  return runShell(m, script, options['still'] === true)
}

/** Runs a script and prints what it prints; its status is the command's. */
export async function runShell(m: Machine, script: string, still = false): Promise<number> {
  const shell = openShell(runningInside(m, (ms) => (still ? undefined : advanceTo(m, ms))))
  const { stdout, stderr, status } = await shell.exec(script, { cols: process.stdout.columns ?? 80 })
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  return status
}
