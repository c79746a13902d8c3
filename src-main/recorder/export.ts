/** A recording as CSV (a folder of tables, or one table), as JSON, or as a copy of the file. */
import { createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { openReader } from './reader'
import { SERIES_NAMES } from './schema'
import type { Database } from './sqlite'

export type ExportFormat = 'csv' | 'json' | 'memscope'
const VIEWS = ['v_meminfo', 'v_vmstat', 'v_process', 'v_slab', 'v_swap', 'v_psi', 'v_event', 'v_oom'] as const

/** Writes it to `out` and returns the paths written. CSV: `out` ending in .csv is one table of all series, else a folder. */
export async function exportRecording(db: Database, out: string, format: ExportFormat): Promise<string[]> {
  if (format === 'memscope') {
    rmSync(out, { force: true })
    db.pragma('query_only = OFF')
    db.prepare('VACUUM INTO ?').run(out)
    if (db.readonly) db.pragma('query_only = ON')
    return [out]
  }
  if (format === 'json') return [await writeLines(out, jsonLines(db))]
  if (out.endsWith('.csv')) {
    const columns = ['ms', ...SERIES_NAMES].map((n) => `"${n}"`).join(', ')
    return [await writeLines(out, csvLines(db, `SELECT ${columns} FROM sample ORDER BY t`))]
  }
  mkdirSync(out, { recursive: true })
  const written: string[] = []
  for (const view of VIEWS)
    written.push(await writeLines(join(out, `${view.slice(2)}.csv`), csvLines(db, `SELECT * FROM ${view}`)))
  return written
}

export function* csvLines(db: Database, sql: string): Generator<string> {
  const statement = db.prepare(sql)
  yield `${statement
    .columns()
    .map((c) => cell(c.name))
    .join(',')}\n`
  for (const row of statement.raw().iterate() as IterableIterator<unknown[]>) yield `${row.map(cell).join(',')}\n`
}

/** RFC 4180; a text that a spreadsheet would take for a formula is quoted with a leading apostrophe. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const given = value as string
  const text = /^[=+\-@\t]/.test(given) ? `'${given}` : given
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function* jsonLines(db: Database): Generator<string> {
  const reader = openReader(db)
  const { machine, scenario, source, seed, engine, created } = reader.meta()
  yield `{"memscope":"recording/1","machine":${JSON.stringify(machine)},"scenario":${JSON.stringify(scenario)},"source":${JSON.stringify(source)},`
  yield `"seed":${seed},"engine":${JSON.stringify(engine)},"created":${JSON.stringify(created)},\n"series":${JSON.stringify(['ms', ...SERIES_NAMES])},\n"samples":[\n`
  const rows = db.prepare(`SELECT ms, ${SERIES_NAMES.map((n) => `"${n}"`).join(', ')} FROM sample ORDER BY t`).raw()
  let comma = ''
  for (const row of rows.iterate() as IterableIterator<unknown[]>) {
    yield `${comma}${JSON.stringify(row)}`
    comma = ',\n'
  }
  yield `],\n"events":${JSON.stringify(reader.events(0, Infinity))},\n"commands":${JSON.stringify(reader.commands())},\n"log":${JSON.stringify(reader.log(Infinity))}}\n`
}

async function writeLines(file: string, lines: Iterable<string>): Promise<string> {
  const stream = createWriteStream(file)
  const failed = once(stream, 'error').then(([error]) => Promise.reject(error as Error))
  failed.catch(() => undefined)
  for (const line of lines) if (!stream.write(line)) await Promise.race([once(stream, 'drain'), failed])
  stream.end()
  await Promise.race([once(stream, 'finish'), failed])
  return file
}
