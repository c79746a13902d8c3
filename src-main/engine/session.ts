/** What one engine holds: the machine that runs, the instant that is shown, the past, and who listens. Plain data. */
import type { CrashCapsule, Push, StateInfo, WatchSpec } from '@shared/protocol'
import type { Recorder } from '../recorder/recorder'
import type { RecordingInfo, RecordingMeta } from '../recorder/types'
import type { Kept } from './checkpoint'
import type { Console } from './consoles'
import { openHistory, type History } from './history'
import { nowMs, type Machine } from './machine'
import { startPace, type Pace } from './pacing'
import type { ScenarioSource } from './scenarios'

export interface SessionOptions {
  readonly host: 'electron' | 'serve' | 'cli'
  readonly userData: string | null
  readonly record?: string | null
  readonly engine: string
}

/** Someone who waits for simulated time. */
export interface Sleeper {
  readonly untilMs: number
  wake(): void
}

export interface Session {
  readonly options: SessionOptions
  readonly push: (push: Push) => void
  readonly recorder: Recorder | null
  /** Why nothing is recorded; '' while it is. */
  recorderNote: string
  /** The file of this session. */
  file: string | null
  scenario: ScenarioSource | null
  live: Machine | null
  crashed: CrashCapsule | null
  running: boolean
  pace: Pace
  timer: NodeJS.Timeout | NodeJS.Immediate | null
  view: {
    /** The instant that the views show; null: now. */
    ms: number | null
    playing: boolean
    /** Counts seeks: the latest wins. */
    token: number
  }
  /** The machine of the shown instant, made when something asks for it. */
  past: Machine | null
  opened: { readonly info: RecordingInfo; readonly meta: RecordingMeta } | null
  branchedAt: number | null
  /** The lab program under way: the latest token is the one that may go on. */
  lab: { token: number; ms: number }
  epoch: number
  history: History
  kept: Kept
  readonly watches: Map<string, WatchSpec>
  readonly consoles: Map<string, Console>
  sleepers: Sleeper[]
  /** What waits to be pushed, and when the last of its kind went. */
  outbox: { series: Float64Array[]; sample: Float64Array | null; sampleWallMs: number; watchWallMs: number }
  checkpoint: { ms: number; wallMs: number; busy: boolean }
  recordedBytes: number
}

export function openSession(options: SessionOptions, recorder: Recorder | null, push: (push: Push) => void): Session {
  return {
    options,
    push,
    recorder,
    recorderNote: recorder === null ? 'recording is off' : '',
    file: null,
    scenario: null,
    live: null,
    crashed: null,
    running: false,
    pace: startPace(1, 0, 0),
    timer: null,
    view: { ms: null, playing: false, token: 0 },
    past: null,
    opened: null,
    branchedAt: null,
    lab: { token: 0, ms: 0 },
    epoch: 0,
    history: openHistory(),
    kept: { list: [] },
    watches: new Map(),
    consoles: new Map(),
    sleepers: [],
    outbox: { series: [], sample: null, sampleWallMs: 0, watchWallMs: 0 },
    checkpoint: { ms: 0, wallMs: 0, busy: false },
    recordedBytes: 0,
  }
}

export function isRecording(s: Session): boolean {
  return s.file !== null && s.recorderNote === ''
}

export function liveMs(s: Session): number {
  if (s.live !== null) return nowMs(s.live)
  return s.opened?.info.lastMs ?? 0
}

export function firstMs(s: Session): number {
  return s.opened !== null && s.live === null ? s.opened.info.firstMs : (s.history.samples[0]?.[1] ?? 0)
}

export function stateOf(s: Session): StateInfo {
  const isReplay = s.view.ms !== null
  return {
    mode: isReplay ? 'replay' : s.running ? 'live' : 'paused',
    branch: s.branchedAt === null ? null : { atMs: s.branchedAt },
    speed: s.pace.speed,
    liveMs: liveMs(s),
    viewMs: s.view.ms ?? liveMs(s),
    firstMs: firstMs(s),
    recording: s.opened === null || s.live !== null ? null : s.opened.info.path,
    playing: s.view.playing,
  }
}

export function pushState(s: Session): void {
  s.push({ type: 'state', state: stateOf(s) })
}
