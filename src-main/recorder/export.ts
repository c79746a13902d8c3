/** A recording as CSV or Parquet (a folder of tables, or one table), as JSON, as a report, or as a copy of the file. */
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { endingMismatch } from '@shared/exports'
import type { ExportFormat } from '@shared/protocol'
import { numberOf } from './foreign'
import { writeParquet } from './parquet'
import { openReader } from './reader'
import { reportOf } from './report/report'
import { quoted, SERIES_NAMES } from './schema'
import type { Database } from './sqlite'
import { NotWritten, wholeFile, wholeFiles } from './whole'

const VIEWS = ['v_meminfo', 'v_vmstat', 'v_process', 'v_slab', 'v_swap', 'v_psi', 'v_event', 'v_oom'] as const
/** One table of all series: the wide one. */
const WIDE = { columns: ['ms', ...SERIES_NAMES], from: 'sample ORDER BY t' } as const

/**
 * Writes it to `out`, whole or not at all, and returns the paths written. CSV and Parquet: `out` with that ending is one
 * table of all series, else a folder.
 */
export async function exportRecording(db: Database, out: string, format: ExportFormat): Promise<string[]> {
  if (resolve(out) === resolve(db.name)) throw new NotWritten(out, 'it is the recording itself')
  const mismatch = endingMismatch(out, format)
  if (mismatch !== null) throw new NotWritten(out, mismatch)
  if (format === 'memscope') return wholeFile(out, (file) => copy(db, file))
  // All tables are of one instant, while the recording may be going on.
  db.exec('BEGIN')
  try {
    return await exportText(db, out, format)
  } finally {
    db.exec('COMMIT')
  }
}

function exportText(db: Database, out: string, format: Exclude<ExportFormat, 'memscope'>): Promise<string[]> {
  if (format === 'json') return wholeFile(out, (file) => writeLines(file, jsonLines(db)))
  if (format === 'html') return wholeFile(out, (file) => writeLines(file, reportOf(db)))
  const about = aboutOf(db)
  const write = (file: string, table: { from: string; columns: readonly string[] }): Promise<void> =>
    format === 'parquet'
      ? writeParquet(db, file, table, about)
      : writeLines(file, csvLines(db, `SELECT ${table.columns.map(quoted).join(', ')} FROM ${table.from}`))
  if (out.endsWith(`.${format}`)) return wholeFile(out, (file) => write(file, WIDE))
  const files = new Map(VIEWS.map((view) => [`${view.slice(2)}.${format}`, view]))
  return wholeFiles(out, [...files.keys()], (file, name) => {
    const from = files.get(name)!
    const columns = db.prepare(`SELECT * FROM ${from}`).columns()
    return write(file, { from, columns: columns.map((column) => column.name) })
  })
}

function copy(db: Database, file: string): void {
  db.pragma('query_only = OFF')
  db.prepare('VACUUM INTO ?').run(file)
  if (db.readonly) db.pragma('query_only = ON')
}

function aboutOf(db: Database): object {
  const reader = openReader(db)
  const { machine, scenario, seed, engine, created } = reader.meta()
  return { title: machine.title, scenario, seed, engine, created, note: reader.note() }
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
  const given = String(value as string)
  const text = /^[=+\-@\t]/.test(given) ? `'${given}` : given
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function* jsonLines(db: Database): Generator<string> {
  const reader = openReader(db)
  const { machine, scenario, source, seed, engine, created } = reader.meta()
  yield `{"memscope":"recording/1","machine":${JSON.stringify(machine)},"scenario":${JSON.stringify(scenario)},"source":${JSON.stringify(source)},`
  yield `"seed":${JSON.stringify(seed)},"engine":${JSON.stringify(engine)},"created":${JSON.stringify(created)},"note":${JSON.stringify(reader.note())},\n"series":${JSON.stringify(['ms', ...SERIES_NAMES])}`
  const rows = db.prepare(`SELECT ms, ${SERIES_NAMES.map(quoted).join(', ')} FROM sample ORDER BY t`).raw()
  yield* jsonList('samples', rows.iterate() as IterableIterator<unknown[]>, (row) => row.map(numberOf))
  yield* jsonList('events', reader.events.each())
  yield* jsonList('commands', reader.eachCommand())
  yield* jsonList('log', reader.eachLine())
  yield '}\n'
}

/** Entry by entry, however many there are. */
function* jsonList<T>(
  name: string,
  list: Iterable<T>,
  valueOf: (entry: T) => unknown = (entry) => entry,
): Generator<string> {
  yield `,\n"${name}":[`
  let comma = '\n'
  for (const entry of list) {
    yield comma + JSON.stringify(valueOf(entry))
    comma = ',\n'
  }
  yield ']'
}

async function writeLines(file: string, lines: Iterable<string>): Promise<void> {
  const stream = createWriteStream(file)
  const failed = once(stream, 'error').then(([error]) => Promise.reject(error as Error))
  failed.catch(() => undefined)
  for (const line of lines) if (!stream.write(line)) await Promise.race([once(stream, 'drain'), failed])
  stream.end()
  await Promise.race([once(stream, 'finish'), failed])
}
