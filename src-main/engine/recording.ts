/** The session's recording: what is written, and the checkpoints that make its instants quick to reach. */
import { join } from 'node:path'
import { EXTENSION, sessionsFolder } from '../recorder/library'
import type { Entry } from '../recorder/types'
import { compress, keep } from './checkpoint'
import { hashOf, infoOf, nowMs, snapshotOf, type Machine } from './machine'
import { isRecording, type Session } from './session'

/** Checkpoints: so far apart in simulated time, and no more often by the wall clock. */
const CHECKPOINT_SIM_MS = 10_000
const CHECKPOINT_WALL_MS = 1000

/** Begins the recording of a machine that has just been booted (or branched off). */
export async function startRecording(s: Session, m: Machine, file: string | null, keepAll: boolean): Promise<void> {
  s.file = null
  if (s.recorder === null || file === null) return
  try {
    const unavailable = await s.recorder.ask('available', undefined)
    if (unavailable !== null) throw new Error(unavailable)
    const meta = {
      machine: infoOf(m),
      scenario: m.file,
      source: m.source,
      seed: m.seed,
      engine: s.options.engine,
      created: new Date().toISOString(),
    }
    await s.recorder.ask('record', { file, meta, keep: !keepAll })
    s.file = file
    s.recorderNote = ''
  } catch (error) {
    s.recorderNote = (error as Error).message
  }
}

/** Where a session that nobody named is kept; null without a place. */
export function sessionFile(s: Session, name: string): string | null {
  if (s.options.userData === null) return null
  const stamp = new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')
  return join(sessionsFolder(s.options.userData), `${stamp}-${name.replace(/[^\w.-]+/g, '_').slice(0, 60)}${EXTENSION}`)
}

export function record(s: Session, entry: Entry): void {
  if (!isRecording(s)) return
  try {
    s.recorder!.put(entry)
  } catch (error) {
    s.recorderNote = `the recording stopped: ${(error as Error).message}`
  }
}

export function checkpointWhenDue(s: Session, m: Machine, wallMs: number): void {
  const { checkpoint } = s
  const isDue = nowMs(m) - checkpoint.ms >= CHECKPOINT_SIM_MS && wallMs - checkpoint.wallMs >= CHECKPOINT_WALL_MS
  if (isDue && !checkpoint.busy) takeCheckpoint(s, m, wallMs)
}

/** Copies the machine now; compresses and keeps it while the machine goes on. */
export function takeCheckpoint(s: Session, m: Machine, wallMs: number): void {
  const { checkpoint } = s
  Object.assign(checkpoint, { ms: nowMs(m), wallMs, busy: true })
  const at = { step: m.k.var.step, ms: nowMs(m), hash: hashOf(m) }
  compress(snapshotOf(m), at)
    .then((made) => {
      if (s.live !== m) return
      if (isRecording(s)) record(s, { put: 'checkpoint', checkpoint: made })
      else keep(s.kept, made)
    })
    .catch((error: unknown) => void (s.recorderNote = `checkpoint: ${(error as Error).message}`))
    .finally(() => (checkpoint.busy = false))
}
