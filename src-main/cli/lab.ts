/** `memscope lab PROGRAM`: a line of counters for each step; `--json` prints one object. */
import { readFileSync } from 'node:fs'
import { parseLab } from '@shared/lab'
import type { Call } from '../cli'
import type { LabLine } from '../lab/measure'
import { LabError } from '../lab/operations'
import { runLab } from '../lab/runner'
import { InputError } from './errors'

export function run({ args, options }: Call): Promise<number> {
  const path = args[0]!
  const loaded = parseLab(readFileSync(path, 'utf8'), path)
  if (!loaded.ok) throw new InputError(loaded.error)
  const json = options['json'] === true
  if (!json) console.log(HEAD)
  try {
    const result = runLab(loaded.value, { onLine: (line) => (json ? undefined : console.log(lineText(line))) })
    if (json) console.log(JSON.stringify({ program: path, ...result }))
    else if (result.panic !== null) console.log(`Kernel panic - not syncing: ${result.panic}`)
    return Promise.resolve(result.failed > 0 ? 1 : 0)
  } catch (error) {
    if (error instanceof LabError) throw new InputError(`${path}: ${error.message}`)
    throw error
  }
}

const COLUMNS = [
  ['minflt', 9],
  ['majflt', 7],
  ['VmSize', 10],
  ['RssAnon', 9],
  ['RssFile', 8],
  ['RssShmem', 9],
  ['VmPTE', 7],
  ['VmSwap', 9],
] as const
const HEAD = `step task         operation                      result  ${COLUMNS.map(([name, width]) => name.padStart(width)).join('')}  MemFree`

function lineText(line: LabLine): string {
  const { result } = line
  const how = typeof result === 'string' ? result : `signal ${result.signal} code ${result.si_code} ${result.si_addr}`
  const what = (line.label ?? line.op).slice(0, 30).padEnd(30)
  const figures = COLUMNS.map(([name, width]) => String(line[name]).padStart(width)).join('')
  const more = [
    line.value === undefined ? '' : `  value ${line.value}`,
    ...line.killed.map((k) => `  killed ${k.task} (${k.pid})`),
    ...(line.failed ?? []).map((text) => `\n     FAILED ${text}`),
    line.text === undefined ? '' : `\n${line.text.trimEnd()}`,
  ].join('')
  return `${String(line.step).padStart(4)} ${line.task.padEnd(12)} ${what} ${how.padEnd(8)}${figures}${String(line.meminfo['MemFree'] ?? 0).padStart(9)}${more}`
}
