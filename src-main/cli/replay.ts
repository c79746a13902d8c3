/** `memscope replay`: the shell on a recorded instant; with --branch the machine goes on from there. */
import { version } from '../../package.json'
import type { Call } from '../cli'
import { advanceTo, nowMs, type Machine } from '../engine/machine'
import { machineFrom } from '../engine/rerun'
import { readScenario } from '../engine/scenarios'
import { recorderHere } from '../recorder/recorder'
import { InputError } from './errors'
import { runShell } from './exec'
import { durationOption, scriptOf } from './options'
import { openRecordingFile } from './recordingFile'
import { runMachine } from './run'

export async function run({ args, options, rest }: Call): Promise<number> {
  const file = args[0]!
  const at = durationOption(options, 'at') ?? 0
  const isBranch = options['branch'] === true
  const script = isBranch && rest.length === 0 ? null : scriptOf(rest, 'replay')
  const m = await machineOf(file, at)
  if (isBranch) m.planned.length = 0
  if (script !== null) return runShell(m, script)
  const record = typeof options['record'] === 'string' ? await openRecordingFile(options['record'], m, version) : null
  const until = nowMs(m) + (durationOption(options, 'for') ?? 60_000)
  const result = await runMachine(m, { until, speed: 'max', verify: false, file: record, progress: () => undefined })
  await record?.close()
  process.stdout.write(`${JSON.stringify(result)}\n`)
  return 0
}

/** The machine of a recorded instant: from the nearest checkpoint, or from its boot. */
export async function machineOf(file: string, at: number): Promise<Machine> {
  const recorder = recorderHere()
  try {
    const info = await recorder.ask('open', { file })
    if (at > info.lastMs + 500) throw new InputError(`--at: ${file} ends at ${info.lastMs / 1000} s`)
    const meta = await recorder.ask('meta', { of: 'opened' })
    const commands = await recorder.ask('commands', { of: 'opened' })
    const checkpoint = await recorder.ask('checkpointAt', { of: 'opened', ms: at })
    const source = readScenario(meta.source, meta.scenario)
    const m = await machineFrom(checkpoint, source, meta.seed, commands)
    advanceTo(m, at)
    return m
  } finally {
    await recorder.stop()
  }
}
