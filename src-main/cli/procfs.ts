/** `memscope procfs`: the simulated /proc and /sys as files, at an instant or following the machine. */
import { performance } from 'node:perf_hooks'
import type { Call } from '../cli'
import { advance, advanceTo, bootMachine, nowMs } from '../engine/machine'
import { due, startPace } from '../engine/pacing'
import { claimFolder, writeProcTree } from '../engine/procTree'
import { defaultScenario, findScenario } from '../engine/scenarios'
import { InputError } from './errors'
import { durationOption, seedOption } from './options'

const FOLLOW_MS = 1000

export async function run({ args, options }: Call): Promise<number> {
  const out = options['out']
  if (typeof out !== 'string') throw new InputError('--out: expected a folder')
  guarded(out, () => claimFolder(out))
  const source = args[0] === undefined ? defaultScenario() : findScenario(args[0])
  const m = bootMachine(source, seedOption(options))
  advanceTo(m, durationOption(options, 'at') ?? 0)
  const written = new Map<string, string>()
  guarded(out, () => writeProcTree(m.k, out, options['follow'] !== true, written))
  if (options['follow'] !== true) return 0

  let stopped = false
  process.once('SIGINT', () => (stopped = true))
  process.once('SIGTERM', () => (stopped = true))
  const pace = startPace(1, performance.now(), nowMs(m))
  while (!stopped && m.k.var.panic === null) {
    await new Promise((wake) => setTimeout(wake, FOLLOW_MS))
    const until = due(pace, performance.now())
    while (nowMs(m) < until && m.k.var.panic === null) advance(m)
    m.k.trace.length = 0
    writeProcTree(m.k, out, false, written)
  }
  return 0
}

/** What the disk or the folder refuses is the user's to mend. */
function guarded(out: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw new InputError(`--out: ${out}: ${(error as Error).message}`)
  }
}
