/** Reads a recording: the whole sample of an instant by one statement, series, events, commands and checkpoints. */
import { statSync } from 'node:fs'
import { MAX_NOTE, type MachineInfo } from '@shared/protocol'
import { BUDDY, HEADER, PROC, SAMPLE_VERSION, SLAB } from '@shared/sample'
import { openEvents, type Events } from './events'
import { allowance, cut, damaged, MAX_CELL, numberOf, parsed, wholeTable, type Row } from './foreign'
import { KEYFRAME_EVERY, quoted, SERIES_NAMES } from './schema'
import type { Database } from './sqlite'
import type { Checkpoint, LoggedCommand, RecordingInfo, RecordingMeta } from './types'

/** What a foreign file may make us allocate. */
const MAX_CHECKPOINT_BYTES = 2 ** 31
const MAX_NAMES = 1 << 20
/** Characters of all names, and of all commands. */
const MAX_TEXTS = 1 << 27
/** Processes, or slabs, of one sample. */
const MAX_ROWS = 1 << 18

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
  /** The same with the rows of the slab caches. */
  slabs(from: number, to: number, points: number): Float64Array[]
  readonly events: Events
  /** The last lines of the kernel's log at an instant. */
  log(to: number): string[]
  /** All of the kernel's log. */
  eachLine(): Iterable<string>
  /** All of them: a replay without one would be another machine. */
  commands(): LoggedCommand[]
  eachCommand(): Iterable<LoggedCommand>
  /** How many rows a table has. */
  count(table: 'sample' | 'event' | 'command' | 'checkpoint' | 'log'): number
  /** The last checkpoint at or before `ms`. */
  checkpointAt(ms: number): Checkpoint | null
  checkpoints(): { readonly step: number; readonly ms: number; readonly hash: string }[]
}

export function openReader(db: Database): Reader {
  const seriesColumns = ['ms', 'step', 'epoch', ...SERIES_NAMES].map(quoted).join(', ')
  const at = db.prepare(`SELECT t, ${seriesColumns} FROM sample WHERE ms <= ? ORDER BY ms DESC, t DESC LIMIT 1`).raw()
  const state = (table: string, key: string, columns: readonly string[]) =>
    db
      .prepare(
        `SELECT ${columns.map(quoted).join(', ')}, gone, max(t) FROM ${table} WHERE t BETWEEN :from AND :t GROUP BY ${key} ORDER BY ${key} LIMIT ${MAX_ROWS}`,
      )
      .raw()
  const processes = state('process', 'pid', PROC)
  const slabs = state('slab', 'row', SLAB)
  const buddies = state('buddy', 'row', BUDDY)
  const rowsAt = (statement: ReturnType<typeof state>, t: number, width: number): Row[] => {
    const from = t - (t % KEYFRAME_EVERY)
    return (statement.all({ from, t }) as Row[]).filter((row) => row[width] === 0)
  }

  function whole(row: Row, slabsOnly = false): Float64Array {
    const t = row[0] as number
    const parts = [
      slabsOnly ? [] : rowsAt(processes, t, PROC.length),
      rowsAt(slabs, t, SLAB.length),
      slabsOnly ? [] : rowsAt(buddies, t, BUDDY.length),
    ] as const
    const widths = [PROC.length, SLAB.length, BUDDY.length]
    const data = new Float64Array(
      HEADER.length + SERIES_NAMES.length + parts.reduce((n, p, i) => n + p.length * widths[i]!, 0),
    )
    fillSeries(data, row.slice(1), parts[0].length, parts[1].length, parts[2].length)
    let place = HEADER.length + SERIES_NAMES.length
    parts.forEach((rows, i) => {
      for (const cells of rows) for (let c = 0; c < widths[i]!; c++) data[place++] = numberOf(cells[c])
    })
    return data
  }

  /** Every so many samples are at most `points` between two instants. */
  function stride(from: number, to: number, points: number): number {
    const count = db.prepare('SELECT count(*) FROM sample WHERE ms BETWEEN ? AND ?').pluck().get(from, to) as number
    return Math.max(1, Math.ceil(count / points))
  }

  return {
    meta: () => readMeta(db),
    note: () => readNote(db),
    info: (file) => readInfo(db, file),
    names() {
      const rows = db
        .prepare(`SELECT id, ${cut('text', 4096)} FROM name WHERE id BETWEEN 0 AND ${MAX_NAMES - 1} ORDER BY id`)
        .raw()
      const keep = allowance(db, 'its names', MAX_TEXTS)
      const list: string[] = []
      for (const [id, text] of rows.iterate() as IterableIterator<Row>) list[Number(id)] = keep(String(text))
      return Array.from(list, (text) => text ?? '')
    },
    range() {
      const row = db.prepare('SELECT min(ms), max(ms) FROM sample').raw().get() as Row
      return row[0] === null ? null : { first: numberOf(row[0]), last: numberOf(row[1]) }
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
      const every = stride(from, to, points)
      const rows = db
        .prepare(`SELECT ${seriesColumns} FROM sample WHERE ms BETWEEN ? AND ? AND t % ? = 0 ORDER BY ms LIMIT ?`)
        .raw()
        .iterate(from, to, every, 2 * points + KEYFRAME_EVERY) as IterableIterator<Row>
      return Array.from(rows, (row) => fillSeries(new Float64Array(HEADER.length + SERIES_NAMES.length), row, 0, 0, 0))
    },
    slabs(from, to, points) {
      const rows = db
        .prepare(`SELECT t, ${seriesColumns} FROM sample WHERE ms BETWEEN ? AND ? AND t % ? = 0 ORDER BY ms LIMIT ?`)
        .raw()
        .all(from, to, stride(from, to, points), points) as Row[]
      return rows.map((row) => whole(row, true))
    },
    events: openEvents(db),
    log(to) {
      return db
        .prepare(`SELECT ${cut('text', 4096)} FROM log WHERE ms <= ? ORDER BY id DESC LIMIT 10000`)
        .pluck()
        .all(to)
        .map(String)
        .reverse()
    },
    *eachLine() {
      const lines = db.prepare(`SELECT ${cut('text', 4096)} FROM log ORDER BY id`).pluck()
      for (const line of lines.iterate()) yield String(line)
    },
    commands() {
      wholeTable(db, 'command', countOf(db, 'command'))
      return [...eachCommand(db, allowance(db, 'its commands', MAX_TEXTS))]
    },
    eachCommand: () => eachCommand(db),
    count: (table) => countOf(db, table),
    checkpointAt(ms) {
      const head = db
        .prepare(
          'SELECT step, ms, substr(hash, 1, 128), substr(codec, 1, 16), bytes, length(data) FROM checkpoint WHERE ms <= ? ORDER BY ms DESC LIMIT 1',
        )
        .raw()
        .get(ms) as Row | undefined
      if (head === undefined) return null
      const [step, at, hash, codec, bytes, length] = head
      if (numberOf(bytes) > MAX_CHECKPOINT_BYTES || numberOf(length) > numberOf(bytes) + 4096)
        throw damaged(db, `the checkpoint at ${numberOf(at)} ms claims ${numberOf(bytes)} bytes`)
      if (codec !== 'zstd' && codec !== 'deflate') throw damaged(db, 'a checkpoint in an unknown encoding')
      const data = db.prepare('SELECT data FROM checkpoint WHERE step = ?').pluck().get(step) as Buffer
      return {
        step: numberOf(step),
        ms: numberOf(at),
        hash: String(hash),
        codec,
        bytes: numberOf(bytes),
        data: new Uint8Array(data),
      }
    },
    checkpoints() {
      wholeTable(db, 'checkpoint', countOf(db, 'checkpoint'))
      return db.prepare('SELECT step, ms, substr(hash, 1, 128) AS hash FROM checkpoint ORDER BY step').all() as {
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
  data.set([SAMPLE_VERSION, numberOf(ms), numberOf(step), SERIES_NAMES.length, proc, slab, buddy, numberOf(epoch)])
  for (let i = 0; i < SERIES_NAMES.length; i++) data[HEADER.length + i] = numberOf(row[3 + i])
  return data
}

function* eachCommand(db: Database, keep = (text: string): string => text): Generator<LoggedCommand> {
  const rows = db.prepare(`SELECT step, ms, length(json), substr(json, 1, ${MAX_CELL}) FROM command ORDER BY id`).raw()
  for (const [step, ms, length, json] of rows.iterate() as IterableIterator<Row>) {
    const command = parsed(db, `the command at ${numberOf(ms)} ms`, keep(String(json)), length)
    yield { step: numberOf(step), ms: numberOf(ms), command }
  }
}

const countOf = (db: Database, from: string): number =>
  db.prepare(`SELECT count(*) FROM ${from}`).pluck().get() as number

function readMeta(db: Database): RecordingMeta {
  const row = db.prepare(`SELECT length(value), substr(value, 1, ${MAX_CELL}) FROM meta WHERE key = ?`).raw()
  const text = (key: keyof RecordingMeta): string => {
    const [length, value] = (row.get(key) ?? []) as Row
    if (numberOf(length) > MAX_CELL) throw damaged(db, `its ${key} is ${numberOf(length)} characters long`)
    return typeof value === 'string' ? value : ''
  }
  const machine = text('machine')
  const found = parsed(db, 'its machine', machine || '{}', machine.length) ?? {}
  if (typeof found !== 'object') throw damaged(db, 'its machine is none')
  return {
    machine: found as MachineInfo,
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
  const range = db.prepare('SELECT min(ms), max(ms) FROM sample').raw().get() as Row
  return {
    path: file,
    note: readNote(db),
    bytes: statSync(file).size,
    title: String(meta.machine.title ?? ''),
    scenario: meta.scenario,
    seed: meta.seed,
    engine: meta.engine,
    created: meta.created,
    firstMs: range[0] === null ? 0 : numberOf(range[0]),
    lastMs: range[1] === null ? 0 : numberOf(range[1]),
    samples: countOf(db, 'sample'),
    events: countOf(db, 'event'),
    oomKills: openEvents(db).kills(),
    commands: countOf(db, 'command'),
    checkpoints: countOf(db, 'checkpoint'),
  }
}
