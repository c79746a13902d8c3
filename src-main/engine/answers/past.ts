/** Answers about the past: series and events of a range, recordings, export. */
import type { CommandOf, Result } from '@shared/protocol'
import { openHistory, eventsBetween, seriesBetween } from '../history'
import { sessionsFolder } from '../../recorder/library'
import { stand } from '../loop'
import { isRecording, pushState, type Session } from '../session'
import { fileOf, ignoreSuperseded, seek } from '../view'
import type { RecordingInfo } from '../../recorder/types'
import { pushHello } from './hello'
import { restart } from './load'

const NO_RECORDER = { ok: false, error: 'recording is not available here' } as const

export async function history(s: Session, { from, to, points }: CommandOf<'history'>): Promise<Result> {
  const isOpened = s.live === null && s.opened !== null
  const samples = isOpened
    ? await s.recorder!.ask('series', { of: 'opened', from, to, points })
    : seriesBetween(s.history, from, to, points)
  return { ok: true, value: { samples } }
}

/** From the recording: the session itself keeps the caches of its last samples only. */
export async function slabHistory(s: Session, { from, to, points }: CommandOf<'slabHistory'>): Promise<Result> {
  const of = fileOf(s)
  const samples = of === null || s.recorder === null ? [] : await s.recorder.ask('slabs', { ...of, from, to, points })
  return { ok: true, value: { samples } }
}

export async function events(s: Session, { from, to }: CommandOf<'events'>): Promise<Result> {
  const isOpened = s.live === null && s.opened !== null
  const list = isOpened
    ? await s.recorder!.ask('events', { of: 'opened', from, to })
    : eventsBetween(s.history, from, to)
  return { ok: true, value: { list } }
}

export async function recordings(s: Session): Promise<Result> {
  if (s.recorder === null || s.options.userData === null)
    return { ok: true, value: { list: [], folder: null, current: s.file } }
  const folder = sessionsFolder(s.options.userData)
  const list = await s.recorder.ask('list', { folder })
  return { ok: true, value: { list, folder, current: s.file } }
}

/** Shows a recording instead of the machine that runs. */
export async function openRecording(s: Session, { path }: CommandOf<'openRecording'>): Promise<Result> {
  if (s.recorder === null) return NO_RECORDER
  const info = await s.recorder.ask('open', { file: path })
  const meta = await s.recorder.ask('meta', { of: 'opened' })
  stand(s)
  if (isRecording(s)) await s.recorder.ask('finish', undefined)
  Object.assign(s, {
    live: null,
    past: null,
    crashed: null,
    running: false,
    branchedAt: null,
    file: null,
    opened: { info, meta },
  })
  s.history = openHistory()
  s.kept.list = []
  s.view.playing = false
  s.view.ms = await worthSeeing(s, info)
  pushHello(s)
  // A window that is greeted seeks by itself.
  if (info.samples > 0) await seek(s, s.view.ms).catch(ignoreSuperseded)
  else pushState(s)
  return { ok: true, value: info }
}

/** Where an opened recording begins to be looked at: just before its first OOM kill, else at its end. */
async function worthSeeing(s: Session, { firstMs, lastMs }: RecordingInfo): Promise<number> {
  const kill = await s.recorder!.ask('firstKill', { of: 'opened' })
  return kill === null ? lastMs : Math.min(lastMs, Math.max(firstMs, kill))
}

/** Back to a machine that runs: the scenario from before, from its start. */
export async function closeRecording(s: Session): Promise<Result> {
  if (s.recorder === null || s.opened === null) return { ok: false, error: 'no recording is open' }
  await s.recorder.ask('closeFile', undefined)
  s.opened = null
  return restart(s)
}

export async function readRecording(s: Session, { path, points }: CommandOf<'readRecording'>): Promise<Result> {
  if (s.recorder === null) return NO_RECORDER
  return { ok: true, value: await s.recorder.ask('read', { file: path, points }) }
}

export async function noteRecording(s: Session, { path, text }: CommandOf<'noteRecording'>): Promise<Result> {
  if (s.recorder === null) return NO_RECORDER
  return { ok: true, value: await s.recorder.ask('note', { file: path, text }) }
}

/** Writes the shown recording, or the session so far, to `path`. */
export async function exportRecording(
  s: Session,
  { path, format, recording }: CommandOf<'exportRecording'>,
): Promise<Result> {
  if (s.recorder === null) return NO_RECORDER
  const file = recording ?? (s.live === null ? s.opened?.info.path : s.file) ?? null
  if (file === null) return { ok: false, error: s.recorderNote || 'nothing is being recorded' }
  return { ok: true, value: { files: await s.recorder.ask('export', { file, out: path, format }) } }
}
