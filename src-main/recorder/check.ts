/**
 * Whether a file is a recording of ours. Files come from anywhere: nothing of a foreign schema is ever run. A file with
 * a table, index, view or trigger that is not exactly one of ours is refused before its first row is read.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { APPLICATION_ID, MIGRATIONS, USER_VERSION } from './schema'
import type { Database, Sqlite } from './sqlite'
import { NotWritten } from './whole'

export class NotARecording extends Error {
  readonly exitCode = 2
}

/** Opens a recording read-only. What another process was still writing when it died is taken in first. */
export function openUntrusted(sqlite: Sqlite, file: string): Database {
  checkFile(file)
  if (existsSync(`${file}-wal`)) settle(sqlite, file)
  const db = new sqlite(file, { readonly: true, fileMustExist: true })
  try {
    harden(db)
    db.pragma('query_only = ON')
    checkSchema(sqlite, db, file)
    return db
  } catch (error) {
    db.close()
    throw asRefusal(error, file)
  }
}

/** Changes a recording that nobody is writing: checked first, as one that is read. */
export function changeUntrusted(sqlite: Sqlite, file: string, change: (db: Database) => void): void {
  openUntrusted(sqlite, file).close()
  const db = new sqlite(file, { fileMustExist: true, timeout: 1000 })
  try {
    harden(db)
    checkSchema(sqlite, db, file)
    change(db)
  } catch (error) {
    if (error instanceof NotARecording) throw error
    const { code = '', message } = error as Error & { code?: string }
    if (code.startsWith('SQLITE_READONLY')) throw new NotWritten(file, 'permission denied')
    if (code.startsWith('SQLITE_BUSY')) throw new NotWritten(file, 'another program is using it', 1)
    throw new NotWritten(file, message.split('\n', 1)[0]!, 1)
  } finally {
    db.close()
  }
}

function harden(db: Database): void {
  db.pragma('trusted_schema = OFF')
  db.pragma('cell_size_check = ON')
  db.pragma('mmap_size = 0')
}

/** The first bytes: SQLite's own mark and our application id, before SQLite is given the file. */
function checkFile(file: string): void {
  let head: Buffer
  try {
    if (!statSync(file).isFile()) throw new NotARecording(`${file}: not a file`)
    head = Buffer.alloc(100)
    const fd = openSync(file, 'r')
    const length = readSync(fd, head, 0, 100, 0)
    closeSync(fd)
    head = head.subarray(0, length)
  } catch (error) {
    if (error instanceof NotARecording) throw error
    const code = (error as NodeJS.ErrnoException).code
    throw new NotARecording(
      `${file}: ${code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'not readable' : (error as Error).message}`,
    )
  }
  if (head.length < 100 || head.toString('latin1', 0, 16) !== 'SQLite format 3\0')
    throw new NotARecording(`${file}: not a recording (not an SQLite file)`)
  // While a new recording's first pages are still in its log, the file's own header says nothing.
  if (head.readUInt32BE(68) !== APPLICATION_ID && !existsSync(`${file}-wal`))
    throw new NotARecording(`${file}: not a recording (an SQLite file of another application)`)
}

/** A log beside the file: its writer was killed, or still writes. Folds it in where nobody holds it. */
function settle(sqlite: Sqlite, file: string): void {
  let db: Database | null = null
  try {
    db = new sqlite(file, { fileMustExist: true, timeout: 200 })
    harden(db)
    checkSchema(sqlite, db, file)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.pragma('journal_mode = DELETE')
  } catch (error) {
    if (error instanceof NotARecording) throw error
    if (!/locked|busy|readonly/i.test((error as Error).message)) throw asRefusal(error, file)
  } finally {
    db?.close()
  }
}

interface Item {
  readonly type: string
  readonly name: string
  readonly sql: string | null
}

function checkSchema(sqlite: Sqlite, db: Database, file: string): void {
  const id = db.pragma('application_id', { simple: true })
  if (id !== APPLICATION_ID) throw new NotARecording(`${file}: not a recording (application_id ${String(id)})`)
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > USER_VERSION)
    throw new NotARecording(
      `${file}: made by a newer version (format ${version}, this one reads up to ${USER_VERSION})`,
    )
  if (version < 1) throw new NotARecording(`${file}: not a recording (format ${version})`)
  const known = itemsOf(reference(sqlite, version), file)
  const found = itemsOf(db, file)
  for (const [name, item] of found) {
    const ours = known.get(name)
    if (ours === undefined) throw new NotARecording(`${file}: refused: it holds an unknown ${item.type} "${item.name}"`)
    if (ours.sql !== item.sql || ours.type !== item.type)
      throw new NotARecording(`${file}: refused: its ${item.type} "${item.name}" is not ours`)
  }
  const missing = [...known.keys()].find((name) => !found.has(name))
  if (missing !== undefined) throw new NotARecording(`${file}: damaged: "${missing}" is missing`)
}

function itemsOf(db: Database, file: string): Map<string, Item> {
  const rows = db.prepare('SELECT type, name, sql FROM sqlite_master LIMIT 1000').all() as Item[]
  if (rows.some((r) => typeof r.name !== 'string' || (r.sql?.length ?? 0) > 100_000))
    throw new NotARecording(`${file}: damaged: its schema`)
  return new Map(rows.map((r) => [r.name, r]))
}

/** A fresh schema of that version, to compare with. */
function reference(sqlite: Sqlite, version: number): Database {
  const db = new sqlite(':memory:')
  for (const sql of MIGRATIONS.slice(0, version)) db.exec(sql)
  return db
}

function asRefusal(error: unknown, file: string): Error {
  if (error instanceof NotARecording) return error
  return new NotARecording(`${file}: not readable as a recording: ${(error as Error).message.split('\n', 1)[0]}`)
}
