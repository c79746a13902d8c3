/**
 * The recorder: at most one file that is being written and one that is being looked at. It only answers messages, so it
 * is the same in a thread of its own (`thread.ts`) and in place (`recorderHere`).
 */
import { dirname } from 'node:path'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import type { ExportFormat, RecordingSeries, TraceEvent } from '@shared/protocol'
import { changeUntrusted, openUntrusted } from './check'
import { exportRecording } from './export'
import { listRecordings, prune } from './library'
import { openReader, type Reader } from './reader'
import { loadSqlite, type Database, type Sqlite } from './sqlite'
import type { Entry, RecordingInfo, RecordingMeta } from './types'
import { createRecording, openWriter, writeNote, type Writer } from './writer'

/** Questions by name: what they take and what they answer. `of` says which file: the one written or the one looked at. */
export interface Questions {
  available: { ask: void; answer: string | null }
  record: { ask: { file: string; meta: RecordingMeta; keep: boolean }; answer: void }
  /** Goes on in a new file that holds what came before `ms`. */
  fork: { ask: Of & { file: string; ms: number }; answer: void }
  commit: { ask: void; answer: void }
  finish: { ask: void; answer: void }
  open: { ask: { file: string }; answer: RecordingInfo }
  closeFile: { ask: void; answer: void }
  list: { ask: { folder: string }; answer: RecordingInfo[] }
  export: { ask: { file: string; out: string; format: ExportFormat }; answer: string[] }
  /** Keeps a text with a recording. */
  note: { ask: { file: string; text: string }; answer: void }
  /** The course of a file that need not be the opened one. */
  read: { ask: { file: string; points: number }; answer: RecordingSeries }
  size: { ask: void; answer: number }
  meta: { ask: Of; answer: RecordingMeta }
  names: { ask: Of; answer: string[] }
  range: { ask: Of; answer: ReturnType<Reader['range']> }
  sampleAt: { ask: Of & { ms: number }; answer: ReturnType<Reader['sampleAt']> }
  neighbour: { ask: Of & { ms: number; step: 1 | -1 }; answer: number | null }
  series: { ask: Of & { from: number; to: number; points: number }; answer: Float64Array[] }
  slabs: { ask: Of & { from: number; to: number; points: number }; answer: Float64Array[] }
  events: { ask: Of & { from: number; to: number }; answer: TraceEvent[] }
  /** When the first process was killed for want of memory. */
  firstKill: { ask: Of; answer: number | null }
  log: { ask: Of & { to: number }; answer: string[] }
  commands: { ask: Of; answer: ReturnType<Reader['commands']> }
  checkpointAt: { ask: Of & { ms: number }; answer: ReturnType<Reader['checkpointAt']> }
}
export interface Of {
  readonly of: 'written' | 'opened'
}
export type Question = keyof Questions

export interface Recorder {
  /** Writes; never waits. */
  put(entry: Entry): void
  ask<Q extends Question>(question: Q, given: Questions[Q]['ask']): Promise<Questions[Q]['answer']>
  stop(): Promise<void>
}

/** Written at least so often. */
export const COMMIT_MS = 1000

export function recorderHere(): Recorder {
  let sqlite: Sqlite | null = null
  let writer: { readonly writer: Writer; readonly reader: Reader; readonly file: string } | null = null
  let opened: { readonly db: Database; readonly reader: Reader } | null = null
  let timer: ReturnType<typeof setInterval> | null = null

  const loaded = async (): Promise<Sqlite> => {
    const found = sqlite ?? (await loadSqlite())
    if (typeof found === 'string') throw new Error(found)
    return (sqlite = found)
  }
  const begin = (made: Writer, file: string): void => {
    writer = { writer: made, reader: openReader(made.db), file }
    timer = setInterval(() => writer?.writer.commit(), COMMIT_MS)
    timer.unref()
  }
  const finish = (): void => {
    if (timer !== null) clearInterval(timer)
    writer?.writer.close()
    writer = null
  }
  const closeFile = (): void => {
    opened?.db.close()
    opened = null
  }
  const reader = ({ of }: Of): Reader => {
    const found = of === 'written' ? writer?.reader : opened?.reader
    if (found === undefined) throw new Error(of === 'written' ? 'nothing is being recorded' : 'no recording is open')
    return found
  }

  /** A connection of its own; the one that writes the file goes on. */
  const beside = async (file: string): Promise<Database> => {
    const constructor = await loaded()
    if (writer?.file !== file) return openUntrusted(constructor, file)
    writer.writer.commit()
    return new constructor(file, { readonly: true })
  }

  const answers: {
    [Q in Question]: (given: Questions[Q]['ask']) => Questions[Q]['answer'] | Promise<Questions[Q]['answer']>
  } = {
    available: () =>
      loaded().then(
        () => null,
        (error: Error) => error.message,
      ),
    async record({ file, meta, keep }) {
      const constructor = await loaded()
      finish()
      mkdirSync(dirname(file), { recursive: true })
      if (keep) prune(dirname(file))
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
      begin(createRecording(constructor, file, meta), file)
    },
    async fork({ of, file, ms }) {
      const constructor = await loaded()
      const from = of === 'written' ? writer?.writer.db : opened?.db
      if (from === undefined) throw new Error('there is no recording to branch from')
      writer?.writer.commit()
      await exportRecording(from, file, 'memscope')
      finish()
      if (of === 'opened') closeFile()
      const db = new constructor(file)
      db.pragma('journal_mode = WAL')
      db.pragma('synchronous = NORMAL')
      forget(db, ms)
      begin(openWriter(db), file)
    },
    commit: () => writer?.writer.commit(),
    finish,
    async open({ file }) {
      const db = openUntrusted(await loaded(), file)
      try {
        const reader = openReader(db)
        const info = reader.info(file)
        closeFile()
        opened = { db, reader }
        return info
      } catch (error) {
        db.close()
        throw error
      }
    },
    closeFile,
    list: async ({ folder }) => listRecordings(await loaded(), folder, writer?.file ?? null),
    async export({ file, out, format }) {
      const db = await beside(file)
      try {
        return await exportRecording(db, out, format)
      } finally {
        db.close()
      }
    },
    async note({ file, text }) {
      const constructor = await loaded()
      if (writer?.file === file) writeNote(writer.writer.db, text)
      else changeUntrusted(constructor, file, (db) => writeNote(db, text))
    },
    async read({ file, points }) {
      const db = await beside(file)
      try {
        const from = openReader(db)
        const { title, seed, firstMs, lastMs } = from.info(file)
        return {
          title,
          seed,
          sampleMs: from.meta().machine.sampleMs,
          firstMs,
          lastMs,
          samples: from.series(firstMs, lastMs, points),
          events: from.events.between(firstMs, lastMs),
        }
      } finally {
        db.close()
      }
    },
    size: () => (writer === null ? 0 : sizeOf(writer.file) + sizeOf(`${writer.file}-wal`)),
    meta: (of) => reader(of).meta(),
    names: (of) => reader(of).names(),
    range: (of) => reader(of).range(),
    sampleAt: (of) => reader(of).sampleAt(of.ms),
    neighbour: (of) => reader(of).neighbour(of.ms, of.step),
    series: (of) => reader(of).series(of.from, of.to, of.points),
    slabs: (of) => reader(of).slabs(of.from, of.to, of.points),
    events: (of) => reader(of).events.between(of.from, of.to),
    firstKill: (of) => reader(of).events.firstKill(),
    log: (of) => reader(of).log(of.to),
    commands: (of) => reader(of).commands(),
    checkpointAt: (of) => reader(of).checkpointAt(of.ms),
  }

  return {
    put: (entry) => writer?.writer.put(entry),
    async ask(question, given) {
      return await answers[question](given)
    },
    stop() {
      finish()
      closeFile()
      return Promise.resolve()
    },
  }
}

/** Takes back what came after `ms`: a branch goes on from there, and is not what the note was about. */
function forget(db: Database, ms: number): void {
  db.transaction(() => {
    const t = (db.prepare('SELECT max(t) FROM sample WHERE ms <= ?').pluck().get(ms) as number | null) ?? -1
    for (const table of ['sample', 'process', 'slab', 'buddy']) db.prepare(`DELETE FROM ${table} WHERE t > ?`).run(t)
    for (const table of ['event', 'log', 'checkpoint']) db.prepare(`DELETE FROM ${table} WHERE ms > ?`).run(ms)
    db.prepare('DELETE FROM command WHERE ms >= ?').run(ms)
    writeNote(db, '')
  })()
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}
