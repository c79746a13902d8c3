/**
 * The instant that the views show: seeking, playing, stepping, branching. A whole sample of the past comes from memory,
 * else from the recording, else from the machine of that instant, which is made anew: the nearest checkpoint (or the
 * boot), and the commands that were given since.
 */
import type { Checkpoint, LoggedCommand } from '../recorder/types'
import { keptAt } from './checkpoint'
import { sampleMsAt, wholeAt } from './history'
import { advance, nowMs, sampleOf, type Machine } from './machine'
import { machineFrom } from './rerun'
import { readScenario, type ScenarioSource } from './scenarios'
import { firstMs, isRecording, liveMs, pushState, type Session } from './session'
import { watchData } from './watch'

/** A re-run yields so often, that a newer seek can overtake it. */
const RERUN_SLICE_MS = 12
/** Behind the machine of the last instant by no more than that: it runs on to the next one instead of a new start. */
const NEAR_MS = 15_000

export class Superseded extends Error {}
export function ignoreSuperseded(error: unknown): void {
  if (!(error instanceof Superseded)) throw error
}

type Of = { readonly of: 'written' | 'opened' }
/** The recording that holds what is shown; null when there is none. */
export function fileOf(s: Session): Of | null {
  if (s.live === null && s.opened !== null) return { of: 'opened' }
  return isRecording(s) ? { of: 'written' } : null
}

/** Shows `ms` everywhere; answers with the instant of the sample that stands there. */
export async function seek(s: Session, ms: number): Promise<number> {
  const token = ++s.view.token
  const wanted = Math.max(firstMs(s), Math.min(ms, liveMs(s)))
  const data = await sampleAt(s, wanted, token)
  if (token !== s.view.token) throw new Superseded('a later seek came first')
  s.view.ms = data[1]!
  if (s.past !== null && nowMs(s.past) !== s.view.ms) s.past = keepNear(s.past, s.view.ms)
  s.push({ type: 'view', data })
  pushState(s)
  void showWatches(s, token)
  return s.view.ms
}

async function sampleAt(s: Session, ms: number, token: number): Promise<Float64Array> {
  const file = fileOf(s)
  const found =
    (s.live === null ? null : wholeAt(s.history, ms)) ??
    (file === null ? null : await s.recorder!.ask('sampleAt', { ...file, ms }))
  if (found !== null) return found
  const at = s.live === null ? ms : (sampleMsAt(s.history, ms) ?? ms)
  return sampleOf(await machineAt(s, at, token), s.epoch)
}

/** The sample next to the shown one. */
export async function neighbour(s: Session, step: 1 | -1): Promise<number | null> {
  const from = s.view.ms ?? liveMs(s)
  if (s.live !== null) return sampleMsAt(s.history, from, step)
  return s.recorder === null ? null : s.recorder.ask('neighbour', { of: 'opened', ms: from, step })
}

/** The machine that the views and consoles look at. */
export async function shownMachine(s: Session): Promise<Machine> {
  if (s.view.ms === null) {
    if (s.live === null) throw new Error('no machine runs')
    return s.live
  }
  if (s.past !== null && nowMs(s.past) === s.view.ms) return s.past
  const token = s.view.token
  const machine = await machineAt(s, s.view.ms, token)
  if (token === s.view.token) s.past = machine
  return machine
}

function keepNear(past: Machine, ms: number): Machine | null {
  return nowMs(past) <= ms && ms - nowMs(past) <= NEAR_MS ? past : null
}

/** A machine at `ms`, made anew. Nobody else holds it. */
export async function machineAt(s: Session, ms: number, token: number): Promise<Machine> {
  const { source, seed, commands } = await causes(s)
  const near = s.past === null ? null : keepNear(s.past, ms)
  const machine = near ?? (await nearest(s, ms, source, seed, commands))
  s.past = null
  let sliceEnd = performance.now() + RERUN_SLICE_MS
  const from = nowMs(machine)
  while (nowMs(machine) < ms && machine.k.var.panic === null) {
    advance(machine)
    machine.k.trace.length = 0
    if (performance.now() < sliceEnd) continue
    s.push({
      type: 'progress',
      id: 'seek',
      text: 'computing the machine of that instant',
      done: (nowMs(machine) - from) / (ms - from),
    })
    await new Promise((resolve) => setImmediate(resolve))
    if (token !== s.view.token) throw new Superseded('a later seek came first')
    sliceEnd = performance.now() + RERUN_SLICE_MS
  }
  s.push({ type: 'progress', id: 'seek', text: '', done: 1 })
  return machine
}

/** What made the shown course of events: the scenario, the seed and the commands. */
async function causes(
  s: Session,
): Promise<{ source: ScenarioSource; seed: number; commands: readonly LoggedCommand[] }> {
  if (s.live !== null) return { source: s.scenario!, seed: s.live.seed, commands: s.live.log }
  const { meta } = s.opened!
  return {
    source: readScenario(meta.source, meta.scenario),
    seed: meta.seed,
    commands: await s.recorder!.ask('commands', { of: 'opened' }),
  }
}

async function nearest(
  s: Session,
  ms: number,
  source: ScenarioSource,
  seed: number,
  commands: readonly LoggedCommand[],
): Promise<Machine> {
  const file = fileOf(s)
  const stored = file === null ? null : await s.recorder!.ask('checkpointAt', { ...file, ms })
  const kept = s.live === null ? null : keptAt(s.kept, ms)
  const checkpoint = later(stored, kept)
  return machineFrom(checkpoint, source, seed, commands)
}

function later(a: Checkpoint | null, b: Checkpoint | null): Checkpoint | null {
  if (a === null || b === null) return a ?? b
  return a.ms >= b.ms ? a : b
}

// ---------------------------------------------------------------- detail views

/** Sends every detail view of the live machine. */
export function pushWatches(s: Session): void {
  if (s.live === null || s.view.ms !== null) return
  for (const id of s.watches.keys()) pushWatch(s, id, s.live)
}

export function pushWatch(s: Session, id: string, machine: Machine): void {
  const spec = s.watches.get(id)
  if (spec !== undefined) s.push({ type: 'watch', id, data: watchData(machine, spec) })
}

/** Sends the detail views of a shown instant, once its machine is there. */
async function showWatches(s: Session, token: number): Promise<void> {
  if (s.watches.size === 0) return
  try {
    const machine = await shownMachine(s)
    if (token !== s.view.token) return
    for (const id of s.watches.keys()) pushWatch(s, id, machine)
  } catch (error) {
    if (!(error instanceof Superseded))
      s.push({ type: 'progress', id: 'seek', text: (error as Error).message, done: 1 })
  }
}
