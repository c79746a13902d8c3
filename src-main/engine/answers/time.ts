/** Answers about time: speed, pause, single steps, seeking, playing, going live, branching. */
import { performance } from 'node:perf_hooks'
import type { CommandOf, Result } from '@shared/protocol'
import { leavePast } from '../consoles'
import { cutAfter, openHistory } from '../history'
import { flush, settle, stand, stepOnce, takeText, wake } from '../loop'
import { isSampleDue, nowMs, sampleOf } from '../machine'
import { startPace } from '../pacing'
import { play as startPlaying, stopPlaying } from '../play'
import { sessionFile, startRecording, takeCheckpoint, record } from '../recording'
import { isRecording, liveMs, pushState, type Session } from '../session'
import { machineAt, neighbour, pushWatches, seek as show } from '../view'
import { pushHello } from './hello'

const done: Result = { ok: true, value: null }

export function setSpeed(s: Session, { speed }: CommandOf<'setSpeed'>): Result {
  s.pace = startPace(speed, performance.now(), liveMs(s))
  stand(s)
  wake(s)
  pushState(s)
  return done
}

/** In the past it stops the playing; else the machine. */
export function pause(s: Session): Result {
  if (s.view.ms !== null) stopPlaying(s)
  else {
    s.running = false
    stand(s)
    settle(s)
  }
  pushState(s)
  return done
}

export function resume(s: Session): Result {
  if (s.view.ms !== null) return play(s)
  if (s.live === null) return { ok: false, error: 'no machine runs; load a scenario' }
  s.running = true
  wake(s)
  pushState(s)
  return done
}

export async function step(s: Session, { unit }: CommandOf<'step'>): Promise<Result> {
  if (s.view.ms !== null) {
    stopPlaying(s)
    const next = await neighbour(s, 1)
    return next === null ? done : seek(s, { type: 'seek', ms: next })
  }
  const m = s.live
  if (m === null || s.crashed !== null) return { ok: false, error: 'no machine runs; load a scenario' }
  s.running = false
  stand(s)
  do stepOnce(s, m)
  while (unit === 'sample' && !isSampleDue(m) && m.k.var.panic === null)
  flush(s)
  if (isSampleDue(m)) settle(s)
  else {
    takeText(s, m)
    s.push({ type: 'sample', data: sampleOf(m, s.epoch) })
    pushWatches(s)
  }
  pushState(s)
  return { ok: true, value: { ms: nowMs(m) } }
}

export async function seek(s: Session, { ms }: CommandOf<'seek'>): Promise<Result> {
  return { ok: true, value: { ms: await show(s, ms) } }
}

export function play(s: Session): Result {
  if (s.view.ms === null) return { ok: false, error: 'nothing to play: the present is shown' }
  startPlaying(s, () => void goLive(s))
  return done
}

export function goLive(s: Session): Result {
  if (s.live === null) return { ok: false, error: 'a recording has no present; branch from it to go on' }
  s.view.token++
  s.view.ms = null
  s.view.playing = false
  s.past = null
  leavePast(s)
  const latest = s.history.whole.at(-1)
  if (latest !== undefined) s.push({ type: 'sample', data: latest })
  pushState(s)
  pushWatches(s)
  wake(s)
  return done
}

/** Goes on from a past instant: the machine of then becomes the one that runs. */
export async function branch(s: Session, { ms }: CommandOf<'branch'>): Promise<Result> {
  const token = ++s.view.token
  stopPlaying(s)
  stand(s)
  const wasRunning = s.running
  const at = Math.max(0, Math.min(ms, liveMs(s)))
  const machine = await machineAt(s, at, token)
  const isForeign = s.live === null
  const original = isForeign
    ? await s.recorder!.ask('series', { of: 'opened', from: at + 1, to: Infinity, points: 20_000 })
    : cutAfter(s.history, at)
  machine.planned.length = 0
  const file = sessionFile(s, `${machine.scenario.name}-branch-${Math.round(at / 1000)}s`)
  const source = isForeign ? 'opened' : 'written'
  if (file !== null && (isForeign || isRecording(s))) {
    await s.recorder!.ask('fork', { of: source, file, ms: at })
    s.file = file
    s.recorderNote = ''
  } else await startRecording(s, machine, file, false)
  if (isForeign) {
    s.history = openHistory()
    s.history.samples = await historyOf(s, at)
  }
  s.scenario = { file: machine.file, source: machine.source, scenario: machine.scenario }
  s.opened = null
  s.live = machine
  s.past = null
  s.crashed = null
  s.view.ms = null
  leavePast(s)
  s.branchedAt = at
  s.epoch++
  s.kept.list = s.kept.list.filter((c) => c.ms <= at)
  s.running = wasRunning || isForeign
  machine.k.trace.length = 0
  machine.drained.names = 0
  takeText(s, machine)
  record(s, { put: 'events', list: [{ ms: at, kind: 'action', text: `branched at ${at / 1000} s` }] })
  takeCheckpoint(s, machine, performance.now())
  pushHello(s)
  s.push({ type: 'branch', original, atMs: at })
  pushState(s)
  wake(s)
  return { ok: true, value: { ms: at } }
}

async function historyOf(s: Session, to: number): Promise<Float64Array[]> {
  return isRecording(s) ? s.recorder!.ask('series', { of: 'written', from: 0, to, points: 16_000 }) : []
}
