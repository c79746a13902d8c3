/** `memscope record`: what a recording holds, whether it is whole, and export. */
import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { exportPath } from '@shared/exports'
import { EXPORT_FORMATS, type ExportFormat } from '@shared/protocol'
import { formatSize } from '@shared/units'
import type { Call } from '../cli'
import { advanceTo, bootMachine, hashOf, nowMs } from '../engine/machine'
import { readScenario } from '../engine/scenarios'
import { openUntrusted } from '../recorder/check'
import { exportRecording } from '../recorder/export'
import { visible } from '../recorder/foreign'
import { listRecordings, sessionsFolder } from '../recorder/library'
import { openReader } from '../recorder/reader'
import { loadSqlite, type Sqlite } from '../recorder/sqlite'
import type { RecordingInfo } from '../recorder/types'
import { InputError } from './errors'

const ACTIONS = { list, info, verify, export: exportFile }

export async function run({ args, options }: Call): Promise<number> {
  const [action = '', file, out] = args
  const act = ACTIONS[action as keyof typeof ACTIONS]
  if (act === undefined) throw new InputError(`record: expected list, info, verify or export, got "${action}"`)
  const sqlite = await loadSqlite()
  if (typeof sqlite === 'string') throw new Error(sqlite)
  if (act !== list && file === undefined) throw new InputError(`record ${action}: which recording? Name its file`)
  return act(sqlite, file ?? '', out, options)
}

type Options = Call['options']

function list(sqlite: Sqlite, folder: string, _out: string | undefined, options: Options): number {
  const data =
    process.env['MEMSCOPE_DATA'] ?? join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share'), 'memscope')
  if (folder !== '' && !isFolder(folder)) throw new InputError(`${folder}: not a folder`)
  const found = listRecordings(sqlite, folder === '' ? sessionsFolder(data) : folder)
  if (options['json'] === true) print(`${JSON.stringify(found)}\n`)
  else for (const r of found) print(`${r.path}  ${describe(r)}\n`)
  return 0
}

function info(sqlite: Sqlite, file: string, _out: string | undefined, options: Options): number {
  const db = openUntrusted(sqlite, file)
  try {
    const found = openReader(db).info(file)
    if (options['json'] === true) print(`${JSON.stringify(found)}\n`)
    else
      print(
        `${plain(found.title)} (${plain(found.scenario)}, seed ${found.seed}, engine ${plain(found.engine)}, ${plain(found.created)})\n  ${describe(found)}\n${noteOf(found)}`,
      )
    return 0
  } finally {
    db.close()
  }
}

function describe(r: RecordingInfo): string {
  const span = `${(r.firstMs / 1000).toFixed(1)} … ${(r.lastMs / 1000).toFixed(1)} s`
  return `${span}, ${r.samples} samples, ${r.events} events, ${r.oomKills} OOM kills, ${r.commands} commands, ${r.checkpoints} checkpoints, ${formatSize(r.bytes)}`
}

function noteOf({ note }: RecordingInfo): string {
  return note === ''
    ? ''
    : note
        .split('\n')
        .map((line) => `  | ${plain(line)}\n`)
        .join('')
}

/** Foreign text does nothing to a terminal. */
function plain(text: string): string {
  return visible(text).replace(/[\t\n]/g, '\ufffd')
}

/** The file is whole, and running it again leads through the same states. */
function verify(sqlite: Sqlite, file: string, _out: string | undefined, options: Options): number {
  const db = openUntrusted(sqlite, file)
  try {
    const problems = (db.pragma('integrity_check(10)', { simple: false }) as { integrity_check: string }[]).map(
      (r) => r.integrity_check,
    )
    const broken = problems.filter((p) => p !== 'ok')
    const reader = openReader(db)
    const meta = reader.meta()
    const checkpoints = reader.checkpoints()
    const mismatches: string[] = []
    if (broken.length === 0) {
      const m = bootMachine(readScenario(meta.source, meta.scenario), meta.seed, reader.commands())
      for (const { ms, hash } of checkpoints) {
        advanceTo(m, ms)
        m.k.trace.length = 0
        const again = hashOf(m)
        if (again !== hash)
          mismatches.push(`at ${nowMs(m) / 1000} s the replay is in another state (${again}, recorded ${hash})`)
        if (mismatches.length > 0) break
      }
    }
    const found = [...broken, ...mismatches]
    if (options['json'] === true)
      print(`${JSON.stringify({ file, ok: found.length === 0, problems: found, checkpoints: checkpoints.length })}\n`)
    else if (found.length === 0)
      print(`${file}: whole; ${checkpoints.length} checkpoints, each the same when run again\n`)
    else for (const problem of found) print(`${file}: ${problem}\n`)
    return found.length === 0 ? 0 : 1
  } finally {
    db.close()
  }
}

async function exportFile(sqlite: Sqlite, file: string, out: string | undefined, options: Options): Promise<number> {
  const format = options['format'] as ExportFormat
  if (!EXPORT_FORMATS.includes(format))
    throw new InputError(`--format: expected one of ${EXPORT_FORMATS.join(', ')}, got "${String(format)}"`)
  const target = out ?? exportPath(file, format, 'tables')
  const db = openUntrusted(sqlite, file)
  try {
    for (const path of await exportRecording(db, target, format)) print(`${path}\n`)
    return 0
  } finally {
    db.close()
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function print(text: string): void {
  process.stdout.write(text)
}
