/**
 * What the window knows of the machine. One instance per window, handed down by context.
 *
 * Numbers live outside proxies, in typed-array rings; `version` moves at most once per animation frame and is what
 * views depend on. Live is a replay whose last row is now: `sample` is the newest sample, or the one that was sought.
 */
import { createContext } from 'svelte'
import type { CounterName } from '@shared/counters'
import type {
  Command,
  CrashCapsule,
  MachineInfo,
  Push,
  Result,
  SelfCost,
  StateInfo,
  TraceEvent,
  WatchSpec,
} from '@shared/protocol'
import type { Client, Connection } from '../client/connect'
import { Listeners, NO_PROGRESS, withProgress, type Progress } from '../client/listeners'
import { Rings } from '../client/rings'
import { mergeEvents } from '../model/events'
import { usersFromPasswd } from '../model/processTable'
import { Recent } from '../model/recent'
import { machineRate, Sample } from '../model/sample'
import { rate } from '../model/series'
import { Notices } from './notices.svelte'

/** `null` means everything since boot. */
export type RangeMs = 30_000 | 60_000 | 300_000 | null
export interface Span {
  readonly from: number
  readonly to: number
}

const NO_STATE: StateInfo = {
  mode: 'live',
  branch: null,
  speed: 1,
  liveMs: 0,
  viewMs: 0,
  firstMs: 0,
  recording: null,
  playing: false,
}
const HISTORY_POINTS = 7200
const LOG_LINES_MAX = 5000
const EVENTS_MAX = 20_000
/** A rate needs an earlier sample no older than this. */
const RATE_WINDOW_MS = 10_000

export class Session {
  machine = $state.raw<MachineInfo | null>(null)
  state = $state.raw<StateInfo>(NO_STATE)
  connection = $state.raw<Connection>('connecting')
  crash = $state.raw<CrashCapsule | null>(null)
  cost = $state.raw<SelfCost | null>(null)
  /** Moves once per animation frame in which something came in. */
  version = $state.raw(0)
  /** What the views show, and the sample before it for rates (null when there is none near). */
  sample = $state.raw<Sample | null>(null)
  previous = $state.raw<Sample | null>(null)
  events = $state.raw<readonly TraceEvent[]>([])
  log = $state.raw<readonly string[]>([])
  progress = $state.raw<Progress>(NO_PROGRESS)
  host = $state.raw('')
  recorder = $state.raw('')
  /** The instant under the pointer, shared by all charts. */
  crosshair = $state.raw<number | null>(null)
  range = $state.raw<RangeMs>(null)
  /** A range drawn on a chart; it replaces `range` until it is cleared. */
  zoom = $state.raw<Span | null>(null)
  pid = $state.raw<number | null>(null)
  /** What is followed from view to view: an address of that process, a frame (PFN), a slab cache. */
  address = $state.raw<number | null>(null)
  pfn = $state.raw<number | null>(null)
  cache = $state.raw<string | null>(null)
  /** User names by uid, from the machine's /etc/passwd. */
  users = $state.raw<ReadonlyMap<number, string>>(usersFromPasswd(''))
  /** The string table; `name` resolves an id. */
  names: string[] = []
  readonly notices = new Notices()
  readonly series = new Rings(500)
  /** The future that a branch left behind. */
  readonly original = new Rings(500)

  private live: Sample | null = null
  private past: Sample | null = null
  private readonly recent = new Recent()
  private readonly recentPast = new Recent()
  private frame = 0
  private lastWatch = 0
  private lastSeek = 0
  private readonly listeners = new Listeners()

  constructor(readonly client: Client) {
    client.subscribe((push) => this.receive(push))
    client.onConnection((state) => this.connect(state))
  }

  /** The word for what is on the screen. */
  readonly word = $derived.by((): 'live' | 'paused' | 'replay' | 'branch' =>
    this.state.mode === 'live' && this.state.branch !== null ? 'branch' : this.state.mode,
  )
  /** The instant that the views show. */
  readonly shownMs = $derived(this.state.mode === 'replay' ? this.state.viewMs : (this.sample?.ms ?? this.state.liveMs))
  /** Where the machine is; samples come oftener than states. */
  readonly liveMs = $derived.by(() => {
    void this.version
    return this.state.recording === null ? Math.max(this.state.liveMs, this.live?.ms ?? 0) : this.state.liveMs
  })
  /** The span of time of every chart. */
  readonly span = $derived.by((): Span => {
    void this.version
    if (this.zoom !== null) return this.zoom
    const first = this.series.firstMs
    const last = Math.max(this.series.lastMs, this.original.lastMs, first + 10_000)
    if (this.range === null) return { from: first, to: last }
    // A past instant stays in sight: the window moves back with it.
    const to = Math.min(last, Math.max(this.shownMs + this.range / 2, first + this.range))
    return { from: Math.max(first, to - this.range), to }
  })

  name(id: number): string {
    return this.names[id] ?? ''
  }

  /** Sends a command. A failure is shown as a notice unless the caller shows it in place (`quiet`). */
  async request<T = unknown>(command: Command, { quiet = false } = {}): Promise<Result<T>> {
    const result = (await this.client.request(command)) as Result<T>
    if (!result.ok && !quiet) this.notices.add(result.error, 'crit')
    return result
  }

  /** Follows a detail with every sample until the returned function is called. */
  watch(what: WatchSpec, listener: (data: unknown) => void): () => void {
    const id = `w${++this.lastWatch}`
    this.listeners.watchers.set(id, { what, listener })
    void this.request({ type: 'watch', id, what })
    return () => {
      this.listeners.watchers.delete(id)
      void this.request({ type: 'unwatch', id }, { quiet: true })
    }
  }
  onTerminal(id: string, listener: (data: string) => void): () => void {
    this.listeners.terminals.set(id, listener)
    return () => this.listeners.terminals.delete(id)
  }

  /** The whole sample nearest to an instant, if one so near is at hand. */
  sampleNear(ms: number, withinMs = 1000): Sample | null {
    const found = this.recent.nearest(ms) ?? this.sample
    return found !== null && Math.abs(found.ms - ms) <= withinMs ? found : null
  }
  /** The course of a process's columns (summed) over the last minute before the shown instant. */
  course(row: number, columns: Parameters<Recent['course']>[2], points = 60): number[] {
    const sample = this.sample
    if (sample === null) return []
    const from = this.state.mode === 'replay' && !this.coversLive(sample.ms) ? this.recentPast : this.recent
    return from.course(sample.proc(row, 'pid'), sample.proc(row, 'start_ns'), columns, sample.ms, 60_000, points)
  }

  // Time.
  readonly seek = (ms: number): void => {
    const to = Math.min(Math.max(ms, this.state.firstMs), this.liveMs)
    this.state = { ...this.state, mode: 'replay', viewMs: to, playing: false }
    const turn = ++this.lastSeek
    void this.request({ type: 'seek', ms: to }, { quiet: true }).then((result) => {
      // A seek that a later one overtook has not failed.
      if (!result.ok && turn === this.lastSeek) this.notices.add(result.error, 'crit')
    })
  }
  /** The instant under the pointer. */
  readonly cross = (ms: number | null): void => {
    this.crosshair = ms
  }
  readonly zoomTo = (span: Span | null): void => {
    this.zoom = span
  }
  /** To now; in a recording, which has no present, to its end. */
  goLive(): void {
    if (this.state.recording !== null) this.seek(this.liveMs)
    else void this.request({ type: 'goLive' })
  }
  togglePause(): void {
    const { mode, playing } = this.state
    if (mode === 'live') void this.request({ type: 'pause' })
    else if (mode === 'paused') void this.request({ type: 'resume' })
    else void this.request({ type: playing ? 'pause' : 'play' })
  }
  /** One sample back or forward. A paused machine steps on; a past instant moves along the rows that are there. */
  step(direction: -1 | 1): void {
    if (direction === 1 && this.state.mode !== 'replay') return void this.request({ type: 'step', unit: 'sample' })
    const row = this.series.nearest(this.shownMs)
    const ms = this.series.ms[row + direction]
    if (ms !== undefined && row + direction < this.series.length && row + direction >= 0) this.seek(ms)
  }
  branchHere(): void {
    void this.request({ type: 'branch', ms: this.shownMs })
  }

  private connect(state: Connection): void {
    this.connection = state
    if (state === 'open') void this.greet()
  }
  private async greet(): Promise<void> {
    const result = await this.request<unknown>({ type: 'hello' }, { quiet: true })
    if (result.ok && isHello(result.value)) this.begin(result.value)
    for (const [id, { what }] of this.listeners.watchers)
      void this.request({ type: 'watch', id, what }, { quiet: true })
  }

  private receive(push: Push): void {
    switch (push.type) {
      case 'hello':
        return this.begin(push)
      case 'sample':
        return this.takeLive(new Sample(push.data))
      case 'series':
        push.data.forEach((data) => this.series.push(data))
        return this.touch()
      case 'view':
        return this.takePast(new Sample(push.data))
      case 'names':
        push.list.forEach((name, i) => (this.names[push.from + i] = name))
        return this.touch()
      case 'events':
        this.events = mergeEvents(this.events, push.list).slice(-EVENTS_MAX)
        return
      case 'log':
        this.log = [...this.log, ...push.lines].slice(-LOG_LINES_MAX)
        return
      case 'state':
        return this.takeState(push.state)
      case 'cost':
        this.cost = push.cost
        return
      case 'watch':
        return this.listeners.watchers.get(push.id)?.listener(push.data)
      case 'term':
        return this.listeners.terminals.get(push.id)?.(push.data)
      case 'branch':
        this.original.clear(this.machine?.sampleMs ?? 500)
        push.original.forEach((data) => this.original.push(data))
        this.events = this.events.filter((event) => event.ms <= push.atMs)
        this.series.truncate(push.atMs)
        return this.touch()
      case 'progress':
        this.progress = withProgress(this.progress, push.id, push.text, push.done)
        return
      case 'crash':
        this.crash = push.capsule
    }
  }

  private begin(hello: Extract<Push, { type: 'hello' }>): void {
    if (this.goesOn(hello)) return this.resume(hello)
    this.machine = hello.machine
    this.host = hello.host
    this.recorder = hello.recorder
    this.names = [...hello.names]
    this.crash = null
    this.zoom = null
    this.events = []
    this.series.clear(hello.machine.sampleMs)
    this.original.clear(hello.machine.sampleMs)
    this.recent.clear()
    this.recentPast.clear()
    this.live = this.past = this.sample = this.previous = null
    this.takeState(hello.state)
    if (hello.state.mode === 'replay') this.seek(hello.state.viewMs)
    void this.loadPast(hello.machine)
    void this.loadUsers()
  }

  /** Whether a greeting (another window came, or this one lost its connection) is about the machine that is shown. */
  private goesOn({ machine, state }: Extract<Push, { type: 'hello' }>): boolean {
    const same = JSON.stringify(machine) === JSON.stringify(this.machine)
    const branch = state.branch?.atMs === this.state.branch?.atMs && state.recording === this.state.recording
    return same && branch && this.crash === null && state.liveMs >= this.series.lastMs - machine.sampleMs
  }
  private resume(hello: Extract<Push, { type: 'hello' }>): void {
    this.names = [...hello.names]
    this.takeState(hello.state)
    if (hello.state.liveMs - this.series.lastMs > 2 * hello.machine.sampleMs && this.machine !== null)
      void this.loadPast(this.machine)
  }

  private async loadUsers(): Promise<void> {
    const passwd = await this.request<unknown>({ type: 'readFile', path: '/etc/passwd' }, { quiet: true })
    if (passwd.ok && typeof passwd.value === 'string') this.users = usersFromPasswd(passwd.value)
  }

  private async loadPast(machine: MachineInfo): Promise<void> {
    const to = Math.max(this.state.liveMs, this.series.lastMs)
    const [history, events] = await Promise.all([
      this.request<unknown>({ type: 'history', from: 0, to, points: HISTORY_POINTS }, { quiet: true }),
      this.request<unknown>({ type: 'events', from: 0, to }, { quiet: true }),
    ])
    if (this.machine !== machine) return
    if (history.ok) this.series.load(listIn<Float64Array>(history.value, 'samples'))
    if (events.ok) this.events = mergeEvents(this.events, listIn<TraceEvent>(events.value, 'list'))
    this.touch()
  }

  /** How often an event of the machine came at the shown instant; of one that was jumped to, from the rows of the charts. */
  perSecond(name: CounterName): number {
    void this.version
    if (this.sample === null) return Number.NaN
    if (this.previous !== null) return machineRate(this.sample, this.previous, name)
    return rate(this.series, name)(this.series.rowAt(this.sample.ms))
  }

  private takeLive(sample: Sample): void {
    this.series.push(sample.data)
    this.recent.push(sample)
    this.live = sample
    this.touch()
  }
  private takePast(sample: Sample): void {
    const last = this.past
    if (last === null || sample.ms < last.ms || sample.ms - last.ms > RATE_WINDOW_MS) this.recentPast.clear()
    this.recentPast.push(sample)
    this.past = sample
    // Long histories come with fewer points; the shown instant is among the rows all the same.
    this.series.insert(sample.data)
    this.touch()
  }
  private takeState(state: StateInfo): void {
    this.state = state
    if (state.mode !== 'replay') this.past = null
    this.touch()
  }

  /** Something that is shown, but not kept here, has come. */
  changed(): void {
    this.touch()
  }

  /** Everything that came in since the last frame becomes visible at once. */
  private touch(): void {
    if (this.frame !== 0) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      this.sample = this.state.mode === 'replay' ? (this.past ?? this.sample) : this.live
      this.previous = this.sample === null ? null : this.beforeShown(this.sample.ms)
      this.version++
    })
  }
  private beforeShown(ms: number): Sample | null {
    return this.recent.before(ms, RATE_WINDOW_MS) ?? this.recentPast.before(ms, RATE_WINDOW_MS)
  }
  private coversLive(ms: number): boolean {
    return this.recent.before(ms, RATE_WINDOW_MS) !== null
  }
}

export const [getSession, setSession] = createContext<Session>()

function isHello(value: unknown): value is Extract<Push, { type: 'hello' }> {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'hello'
}
/** A list that is the answer itself or stands in it under `key`. */
function listIn<T>(value: unknown, key: string): readonly T[] {
  if (Array.isArray(value)) return value as T[]
  const inner = (value as Record<string, unknown> | null)?.[key]
  return Array.isArray(inner) ? (inner as T[]) : []
}
