/** Reads a recording: the whole sample of an instant by one statement, series, events, commands and checkpoints. */
import { statSync } from 'node:fs'
import { MAX_NOTE, type MachineInfo, type TraceEvent } from '@shared/protocol'
import { BUDDY, HEADER, PROC, SAMPLE_VERSION, SLAB } from '@shared/sample'
import { NotARecording } from './check'
import { KEYFRAME_EVERY, quoted, SERIES_NAMES } from './schema'
import type { Database } from './sqlite'
import type { Checkpoint, LoggedCommand, RecordingInfo, RecordingMeta } from './types'

/** What a foreign file may make us allocate. */
const MAX_CHECKPOINT_BYTES = 2 ** 31
const MAX_TEXT = 1 << 22
const MAX_NAMES = 1 << 20

export interface Reader {
  meta(): RecordingMeta
  /** What a user wrote about it; empty when nothing. */
  note(): string
  info(file: string): RecordingInfo
  names(): string[]
  /** First and last instant, ms; null while it holds no sample. */
  range(): { readonly first: number; readonly last: number } | null
  /** The last whole sample at or before `ms`. */
  sampleAt(ms: number): Float64Array | null
  /** The next or previous sample's instant. */
  neighbour(ms: number, step: 1 | -1): number | null
  /** Machine series between two instants, at most `points` of them. */
  series(from: number, to: number, points: number): Float64Array[]
  events(from: number, to: number): TraceEvent[]
  log(to: number): string[]
  commands(): LoggedCommand[]
  /** The last checkpoint at or before `ms`. */
  checkpointAt(ms: number): Checkpoint | null
  checkpoints(): { readonly step: number; readonly ms: number; readonly hash: string }[]
}

type Row = readonly unknown[]

export function openReader(db: Database): Reader {
  const seriesColumns = ['ms', 'step', 'epoch', ...SERIES_NAMES].map(quoted).join(', ')
  const at = db.prepare(`SELECT t, ${seriesColumns} FROM sample WHERE ms <= ? ORDER BY ms DESC, t DESC LIMIT 1`).raw()
  const state = (table: string, key: string, columns: readonly string[]) =>
    db
      .prepare(
        `SELECT ${columns.map(quoted).join(', ')}, gone, max(t) FROM ${table} WHERE t BETWEEN :from AND :t GROUP BY ${key} ORDER BY ${key}`,
      )
      .raw()
  const processes = state('process', 'pid', PROC)
  const slabs = state('slab', 'row', SLAB)
  const buddies = state('buddy', 'row', BUDDY)
  const rowsAt = (statement: ReturnType<typeof state>, t: number, width: number): Row[] => {
    const from = t - (t % KEYFRAME_EVERY)
    return (statement.all({ from, t }) as Row[]).filter((row) => row[width] === 0)
  }

  function whole(row: Row): Float64Array {
    const t = row[0] as number
    const parts = [
      rowsAt(processes, t, PROC.length),
      rowsAt(slabs, t, SLAB.length),
      rowsAt(buddies, t, BUDDY.length),
    ] as const
    const widths = [PROC.length, SLAB.length, BUDDY.length]
    const data = new Float64Array(
      HEADER.length + SERIES_NAMES.length + parts.reduce((n, p, i) => n + p.length * widths[i]!, 0),
    )
    fillSeries(data, row.slice(1), parts[0].length, parts[1].length, parts[2].length)
    let place = HEADER.length + SERIES_NAMES.length
    parts.forEach((rows, i) => {
      for (const cells of rows) for (let c = 0; c < widths[i]!; c++) data[place++] = number(cells[c])
    })
    return data
  }

  return {
    meta: () => readMeta(db),
    note: () => readNote(db),
    info: (file) => readInfo(db, file),
    names() {
      const rows = db
        .prepare('SELECT id, substr(text, 1, 4096) FROM name ORDER BY id LIMIT ?')
        .raw()
        .all(MAX_NAMES) as Row[]
      const list: string[] = []
      for (const [id, text] of rows) if (Number(id) >= 0 && Number(id) < MAX_NAMES) list[Number(id)] = String(text)
      return Array.from(list, (text) => text ?? '')
    },
    range() {
      const row = db.prepare('SELECT min(ms), max(ms) FROM sample').raw().get() as Row
      return row[0] === null ? null : { first: number(row[0]), last: number(row[1]) }
    },
    sampleAt(ms) {
      const row = at.get(ms) as Row | undefined
      return row === undefined ? null : whole(row)
    },
    neighbour(ms, step) {
      const sql = step > 0 ? 'SELECT min(ms) FROM sample WHERE ms > ?' : 'SELECT max(ms) FROM sample WHERE ms < ?'
      return db.prepare(sql).pluck().get(ms) as number | null
    },
    series(from, to, points) {
      const count = db.prepare('SELECT count(*) FROM sample WHERE ms BETWEEN ? AND ?').pluck().get(from, to) as number
      const every = Math.max(1, Math.ceil(count / points))
      const rows = db
        .prepare(`SELECT ${seriesColumns} FROM sample WHERE ms BETWEEN ? AND ? AND t % ? = 0 ORDER BY ms`)
        .raw()
        .iterate(from, to, every) as IterableIterator<Row>
      return Array.from(rows, (row) => fillSeries(new Float64Array(HEADER.length + SERIES_NAMES.length), row, 0, 0, 0))
    },
    events(from, to) {
      const rows = db
        .prepare(
          'SELECT ms, kind, pid, name, value, substr(text, 1, 4096), substr(oom, 1, ?) FROM event WHERE ms BETWEEN ? AND ? ORDER BY id LIMIT 100000',
        )
        .raw()
        .all(MAX_TEXT, from, to) as Row[]
      return rows.map(eventOf)
    },
    log(to) {
      return db
        .prepare('SELECT substr(text, 1, 4096) FROM log WHERE ms <= ? ORDER BY id DESC LIMIT 10000')
        .pluck()
        .all(to)
        .reverse() as string[]
    },
    commands() {
      const rows = db
        .prepare('SELECT step, ms, substr(json, 1, ?) FROM command ORDER BY id')
        .raw()
        .all(MAX_TEXT) as Row[]
      return rows.map(([step, ms, json]) => ({
        step: number(step),
        ms: number(ms),
        command: JSON.parse(String(json)) as unknown,
      }))
    },
    checkpointAt(ms) {
      const head = db
        .prepare(
          'SELECT step, ms, hash, codec, bytes, length(data) FROM checkpoint WHERE ms <= ? ORDER BY ms DESC LIMIT 1',
        )
        .raw()
        .get(ms) as Row | undefined
      if (head === undefined) return null
      const [step, at, hash, codec, bytes, length] = head
      if (number(bytes) > MAX_CHECKPOINT_BYTES || number(length) > number(bytes) + 4096)
        throw new NotARecording(`damaged: the checkpoint at ${number(at)} ms claims ${number(bytes)} bytes`)
      if (codec !== 'zstd' && codec !== 'deflate')
        throw new NotARecording('damaged: a checkpoint in an unknown encoding')
      const data = db.prepare('SELECT data FROM checkpoint WHERE step = ?').pluck().get(step) as Buffer
      return {
        step: number(step),
        ms: number(at),
        hash: String(hash),
        codec,
        bytes: number(bytes),
        data: new Uint8Array(data),
      }
    },
    checkpoints() {
      return db.prepare('SELECT step, ms, hash FROM checkpoint ORDER BY step').all() as {
        step: number
        ms: number
        hash: string
      }[]
    },
  }
}

/** `row` is ms, step, epoch and the series. */
function fillSeries(data: Float64Array, row: Row, proc: number, slab: number, buddy: number): Float64Array {
  const [ms, step, epoch] = row
  data.set([SAMPLE_VERSION, number(ms), number(step), SERIES_NAMES.length, proc, slab, buddy, number(epoch)])
  for (let i = 0; i < SERIES_NAMES.length; i++) data[HEADER.length + i] = number(row[3 + i])
  return data
}

/** NaN is stored as NULL. */
function number(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN
}

function eventOf([ms, kind, pid, name, value, text, oom]: Row): TraceEvent {
  return {
    ms: number(ms),
    kind: String(kind) as TraceEvent['kind'],
    text: String(text),
    ...(typeof pid === 'number' ? { pid } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof value === 'number' ? { value } : {}),
    ...(typeof oom === 'string' ? { oom: JSON.parse(oom) as NonNullable<TraceEvent['oom']> } : {}),
  }
}

function readMeta(db: Database): RecordingMeta {
  const rows = db.prepare('SELECT key, substr(value, 1, ?) FROM meta LIMIT 100').raw().all(MAX_TEXT) as [
    string,
    string,
  ][]
  const map = new Map(rows)
  const text = (key: string): string => map.get(key) ?? ''
  return {
    machine: JSON.parse(text('machine') || '{}') as MachineInfo,
    scenario: text('scenario'),
    source: text('source'),
    seed: Number(text('seed')),
    engine: text('engine'),
    created: text('created'),
  }
}

function readNote(db: Database): string {
  const text = db.prepare("SELECT substr(value, 1, ?) FROM meta WHERE key = 'note'").pluck().get(MAX_NOTE)
  return typeof text === 'string' ? text : ''
}

function readInfo(db: Database, file: string): RecordingInfo {
  const meta = readMeta(db)
  const count = (sql: string): number => db.prepare(`SELECT count(*) FROM ${sql}`).pluck().get() as number
  const range = db.prepare('SELECT min(ms), max(ms) FROM sample').raw().get() as Row
  return {
    path: file,
    note: readNote(db),
    bytes: statSync(file).size,
    title: String(meta.machine?.title ?? ''),
    scenario: meta.scenario,
    seed: meta.seed,
    engine: meta.engine,
    created: meta.created,
    firstMs: range[0] === null ? 0 : number(range[0]),
    lastMs: range[1] === null ? 0 : number(range[1]),
    samples: count('sample'),
    events: count('event'),
    oomKills: count("event WHERE kind = 'oom_kill'"),
    commands: count('command'),
    checkpoints: count('checkpoint'),
  }
}
