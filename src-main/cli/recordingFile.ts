/** A recording that a command of the command line writes while its machine runs. */
import { resolve } from 'node:path'
import type { TraceEvent } from '@shared/protocol'
import { compress } from '../engine/checkpoint'
import { hashOf, infoOf, nowMs, snapshotOf, type Machine } from '../engine/machine'
import { recorderHere } from '../recorder/recorder'
import { InputError } from './errors'

const CHECKPOINT_SIM_MS = 10_000
const CHECKPOINT_WALL_MS = 1000

export interface RecordingFile {
  put(
    m: Machine,
    what: {
      sample: Float64Array
      events: readonly TraceEvent[]
      names: { from: number; list: readonly string[] }
      log: readonly string[]
    },
  ): void
  /** Gives a checkpoint that is being compressed its turn, and ends a transaction that is a second old. */
  commit(): Promise<void>
  close(): Promise<void>
}

export async function openRecordingFile(path: string, m: Machine, engine: string): Promise<RecordingFile> {
  const recorder = recorderHere()
  const unavailable = await recorder.ask('available', undefined)
  if (unavailable !== null) throw new Error(`--record: ${unavailable}`)
  const meta = {
    machine: infoOf(m),
    scenario: m.file,
    source: m.source,
    seed: m.seed,
    engine,
    created: new Date().toISOString(),
  }
  await recorder.ask('record', { file: resolve(path), meta, keep: false }).catch((error: Error) => {
    throw new InputError(`${path}: cannot be written: ${error.message}`)
  })
  let checkpointMs = 0
  let checkpointWall = performance.now()
  let pending: Promise<void> = Promise.resolve()
  let written = 0
  let committed = performance.now()

  const checkpoint = (m: Machine): void => {
    checkpointMs = nowMs(m)
    checkpointWall = performance.now()
    pending = compress(snapshotOf(m), { step: m.k.var.step, ms: nowMs(m), hash: hashOf(m) }).then((made) =>
      recorder.put({ put: 'checkpoint', checkpoint: made }),
    )
  }
  const putCommands = (m: Machine): void => {
    for (; written < m.log.length; written++) recorder.put({ put: 'command', command: m.log[written]! })
  }
  return {
    put(m, { sample, events, names, log }) {
      putCommands(m)
      if (names.list.length > 0) recorder.put({ put: 'names', ...names })
      if (log.length > 0) recorder.put({ put: 'log', ms: nowMs(m), lines: log })
      if (events.length > 0) recorder.put({ put: 'events', list: events })
      recorder.put({ put: 'sample', data: sample })
      if (nowMs(m) - checkpointMs >= CHECKPOINT_SIM_MS && performance.now() - checkpointWall >= CHECKPOINT_WALL_MS)
        checkpoint(m)
    },
    async commit() {
      await pending
      if (performance.now() - committed < 1000) return
      committed = performance.now()
      await recorder.ask('commit', undefined)
    },
    async close() {
      await pending
      await recorder.stop()
    },
  }
}
