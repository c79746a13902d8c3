/** Writes a recording: what changed, in one transaction a second. */
import { BUDDY, PROC, sampleShape, SLAB } from '@shared/sample'
import { APPLICATION_ID, KEYFRAME_EVERY, MIGRATIONS, PROC_DATA, quoted, SERIES_NAMES, USER_VERSION } from './schema'
import type { Database, Sqlite } from './sqlite'
import type { Entry, RecordingMeta } from './types'

export interface Writer {
  readonly db: Database
  put(entry: Entry): void
  /** Ends the transaction that is open. */
  commit(): void
  /** Makes it a single file. */
  close(): void
}

/** Opens a new recording; an old file of that name is replaced. */
export function createRecording(sqlite: Sqlite, file: string, meta: RecordingMeta): Writer {
  const db = new sqlite(file)
  db.pragma('page_size = 8192')
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = NORMAL')
  if (db.prepare('SELECT count(*) AS n FROM sqlite_master').pluck().get() !== 0)
    throw new Error(`${file}: exists and is not empty`)
  migrate(db)
  const insert = db.prepare('INSERT INTO meta VALUES (?, ?)')
  for (const [key, value] of Object.entries(meta))
    insert.run(key, typeof value === 'string' ? value : JSON.stringify(value))
  return openWriter(db)
}

/** Brings a file to the newest version. */
export function migrate(db: Database): void {
  const from = db.pragma('user_version', { simple: true }) as number
  db.transaction(() => {
    for (const sql of MIGRATIONS.slice(from)) db.exec(sql)
    db.pragma(`application_id = ${APPLICATION_ID}`)
    db.pragma(`user_version = ${USER_VERSION}`)
  })()
}

/** Keeps a text with the recording, in place of the one before. */
export function writeNote(db: Database, text: string): void {
  if (text === '') db.prepare("DELETE FROM meta WHERE key = 'note'").run()
  else db.prepare("INSERT OR REPLACE INTO meta VALUES ('note', ?)").run(text)
}

/** Goes on writing to an open recording. */
export function openWriter(db: Database): Writer {
  const marks = (n: number): string => Array.from({ length: n }, () => '?').join(', ')
  const insert = {
    name: db.prepare('INSERT OR REPLACE INTO name VALUES (?, ?)'),
    sample: db.prepare(`INSERT OR REPLACE INTO sample VALUES (${marks(4 + SERIES_NAMES.length)})`),
    event: db.prepare('INSERT INTO event(ms, kind, pid, name, value, text, oom) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    log: db.prepare('INSERT INTO log(ms, text) VALUES (?, ?)'),
    command: db.prepare('INSERT INTO command(step, ms, json) VALUES (?, ?, ?)'),
    checkpoint: db.prepare('INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?)'),
  }
  const processes = changedRows(db, 'process', 'pid', PROC.length, [
    PROC.indexOf('pid'),
    ...PROC_DATA.map((c) => PROC.indexOf(c as never)),
  ])
  const slabs = changedRows(
    db,
    'slab',
    'row',
    SLAB.length,
    SLAB.map((_, i) => i),
  )
  const buddies = changedRows(
    db,
    'buddy',
    'row',
    BUDDY.length,
    BUDDY.map((_, i) => i),
  )
  // Going on, the next sample begins a new stretch of 60: what was written before does not reach into it.
  const written = db.prepare('SELECT count(*), max(t) FROM sample').raw().get() as [number, number]
  let t = written[0] === 0 ? -1 : (Math.floor(written[1] / KEYFRAME_EVERY) + 1) * KEYFRAME_EVERY - 1
  let keyframe = true

  function putSample(data: Float64Array): void {
    const shape = sampleShape(data)
    t++
    const whole = keyframe || t % KEYFRAME_EVERY === 0
    keyframe = false
    insert.sample.run([t, shape.ms, shape.step, shape.epoch, ...data.subarray(shape.series, shape.proc)])
    processes(t, data, shape.proc, shape.nr_proc, whole)
    slabs(t, data, shape.slab, shape.nr_slab, whole)
    buddies(t, data, shape.buddy, shape.nr_buddy, whole)
  }

  return {
    db,
    put(entry) {
      if (!db.inTransaction) db.exec('BEGIN')
      switch (entry.put) {
        case 'names':
          entry.list.forEach((text, i) => insert.name.run(entry.from + i, text))
          break
        case 'sample':
          putSample(entry.data)
          break
        case 'events':
          for (const e of entry.list)
            insert.event.run(
              e.ms,
              e.kind,
              e.pid ?? null,
              e.name ?? null,
              e.value ?? null,
              e.text,
              e.oom === undefined ? null : JSON.stringify(e.oom),
            )
          break
        case 'log':
          for (const line of entry.lines) insert.log.run(entry.ms, line)
          break
        case 'command':
          insert.command.run(entry.command.step, entry.command.ms, JSON.stringify(entry.command.command))
          break
        case 'checkpoint': {
          const c = entry.checkpoint
          insert.checkpoint.run(c.step, c.ms, c.hash, c.codec, c.bytes, c.data)
        }
      }
    },
    commit() {
      if (db.inTransaction) db.exec('COMMIT')
    },
    close() {
      if (db.inTransaction) db.exec('COMMIT')
      db.pragma('wal_checkpoint(TRUNCATE)')
      db.pragma('journal_mode = DELETE')
      db.close()
    },
  }
}

/**
 * Writes the rows of one kind that differ from what was last written for their key, all of them for a whole sample, and
 * a tombstone for each key that is gone. `order[0]` is the key's column for processes; other kinds use the row's number.
 */
function changedRows(db: Database, table: string, key: 'pid' | 'row', width: number, order: readonly number[]) {
  const isKeyed = key === 'pid'
  const nulls = Array.from({ length: isKeyed ? width - 1 : width }, () => null)
  const marks = Array.from({ length: nulls.length + 3 }, () => '?').join(', ')
  const insert = db.prepare(`INSERT OR REPLACE INTO ${quoted(table)} VALUES (${marks})`)
  const last = new Map<number, Float64Array>()
  const dataColumns = isKeyed ? order.slice(1) : order
  return (t: number, data: Float64Array, at: number, count: number, whole: boolean): void => {
    const seen = new Set<number>()
    for (let i = 0; i < count; i++) {
      const row = data.subarray(at + i * width, at + (i + 1) * width)
      const id = isKeyed ? row[order[0]!]! : i
      seen.add(id)
      const before = last.get(id)
      if (before !== undefined && !whole && same(before, row)) continue
      if (before === undefined) last.set(id, row.slice())
      else before.set(row)
      insert.run([t, id, 0, ...dataColumns.map((c) => row[c]!)])
    }
    if (seen.size === last.size) return
    for (const id of last.keys()) {
      if (seen.has(id)) continue
      last.delete(id)
      insert.run([t, id, 1, ...nulls])
    }
  }
}

function same(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && (a[i] === a[i] || b[i] === b[i])) return false
  return true
}
