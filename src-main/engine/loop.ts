/**
 * The engine's heartbeat: slices of steps with room for messages between them. After each step whose state is a sample
 * it is taken, recorded and sent; at high speed only some are sent whole, the others as series.
 */
import { performance } from 'node:perf_hooks'
import { crash } from './answers/crashes'
import { addEvents, addSample } from './history'
import { advance, isSampleDue, nowMs, sampleOf, STEP_MS, takeEvents, takeLog, takeNames, type Machine } from './machine'
import { checkpointWhenDue, record } from './recording'
import { due, forgive, rest, SLICE_MS, startPace } from './pacing'
import { pushState, type Session } from './session'
import { pushWatches } from './view'

/** Whole samples and detail views go out at most so often. */
const SAMPLE_PUSH_MS = 100
const WATCH_PUSH_MS = 400

/** Lets the machine run on from now, if it is to run. */
export function wake(s: Session): void {
  if (s.live === null || !s.running || s.timer !== null || s.crashed !== null) return
  s.pace = startPace(s.pace.speed, performance.now(), nowMs(s.live))
  s.timer = setImmediate(() => turn(s))
}

/** Stops the heartbeat; the machine stands. */
export function stand(s: Session): void {
  if (s.timer === null) return
  clearTimeout(s.timer as NodeJS.Timeout)
  clearImmediate(s.timer as NodeJS.Immediate)
  s.timer = null
}

function turn(s: Session): void {
  s.timer = null
  const m = s.live
  if (m === null || !s.running) return
  try {
    slice(s, m)
  } catch (error) {
    return crash(s, error)
  }
  if (s.live !== m || !s.running) return
  const wall = performance.now()
  s.pace = forgive(s.pace, wall, nowMs(m))
  const wait = rest(s.pace, wall, nowMs(m), STEP_MS)
  s.timer = wait === 0 ? setImmediate(() => turn(s)) : setTimeout(() => turn(s), wait)
}

function slice(s: Session, m: Machine): void {
  const began = performance.now()
  while (nowMs(m) < due(s.pace, performance.now()) && performance.now() - began < SLICE_MS && s.running) {
    stepOnce(s, m)
    if (s.live !== m) return
  }
  flush(s)
}

/** One step of the live machine, with everything that follows from it. */
export function stepOnce(s: Session, m: Machine): void {
  advance(m)
  if (isSampleDue(m)) takeSample(s, m)
  wakeSleepers(s)
  if (m.k.var.panic !== null) halt(s)
}

/** Takes, keeps, records and sends the sample of the live machine's state. */
export function takeSample(s: Session, m: Machine): void {
  const data = sampleOf(m, s.epoch)
  takeText(s, m)
  const series = addSample(s.history, data)
  record(s, { put: 'sample', data: data.slice() })
  send(s, data, series)
  checkpointWhenDue(s, m, performance.now())
}

/** Hands on names, events and log lines that are new. */
export function takeText(s: Session, m: Machine): void {
  const names = takeNames(m)
  if (names.list.length > 0) {
    s.push({ type: 'names', ...names })
    record(s, { put: 'names', ...names })
  }
  const lines = takeLog(m)
  if (lines.length > 0) {
    s.push({ type: 'log', lines })
    record(s, { put: 'log', ms: nowMs(m), lines })
  }
  const list = takeEvents(m)
  if (list.length === 0) return
  addEvents(s.history, list)
  s.push({ type: 'events', list })
  record(s, { put: 'events', list })
}

function send(s: Session, data: Float64Array, series: Float64Array): void {
  const { outbox } = s
  const wall = performance.now()
  if (wall - outbox.sampleWallMs < SAMPLE_PUSH_MS) {
    outbox.series.push(series)
    outbox.sample = data
    return
  }
  sendSeries(s)
  outbox.sample = null
  outbox.sampleWallMs = wall
  s.push({ type: 'sample', data })
  followWatches(s, wall)
}

function sendSeries(s: Session): void {
  if (s.outbox.series.length === 0) return
  s.push({ type: 'series', data: s.outbox.series })
  s.outbox.series = []
}

function followWatches(s: Session, wall: number): void {
  if (s.view.ms !== null || wall - s.outbox.watchWallMs < WATCH_PUSH_MS) return
  s.outbox.watchWallMs = wall
  pushWatches(s)
}

/** Sends what a slice has left. */
export function flush(s: Session): void {
  sendSeries(s)
}

/** Sends the last sample whole, when the machine comes to rest. */
export function settle(s: Session): void {
  sendSeries(s)
  if (s.outbox.sample === null) return
  s.push({ type: 'sample', data: s.outbox.sample })
  s.outbox.sample = null
  pushWatches(s)
}

function wakeSleepers(s: Session): void {
  if (s.sleepers.length === 0) return
  const now = nowMs(s.live!)
  const due = s.sleepers.filter((sleeper) => sleeper.untilMs <= now)
  if (due.length === 0) return
  s.sleepers = s.sleepers.filter((sleeper) => sleeper.untilMs > now)
  for (const sleeper of due) sleeper.wake()
}

/** The simulated kernel panicked: the machine stands, and can be looked at. */
function halt(s: Session): void {
  s.running = false
  takeText(s, s.live!)
  settle(s)
  pushState(s)
}
