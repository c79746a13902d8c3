/** `memscope run`: a machine without a window, and what happened in it. */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { MEMINFO, VMSTAT } from '@shared/counters'
import { expectationResults, observeEvent, observeSample, openExpectations, type AssertionResult } from '@shared/expect'
import type { CrashCapsule, OomKill, TraceEvent } from '@shared/protocol'
import { seriesOf } from '@shared/sample'
import { version } from '../../package.json'
import type { Call } from '../cli'
import {
  advance,
  bootMachine,
  hashOf,
  isSampleDue,
  nowMs,
  sampleOf,
  takeEvents,
  takeLog,
  takeNames,
  type Machine,
} from '../engine/machine'
import { due, rest, startPace } from '../engine/pacing'
import { findScenario, readScenario, type ScenarioSource } from '../engine/scenarios'
import type { LoggedCommand } from '../recorder/types'
import { verify } from '../kernel/verify'
import { InputError } from './errors'
import { durationOption, seedOption, speedOption } from './options'
import { openRecordingFile, type RecordingFile } from './recordingFile'

export interface RunResult {
  readonly scenario: string
  readonly seed: number
  readonly engine: string
  readonly simulatedMs: number
  readonly steps: number
  readonly hash: string
  readonly wallMs: number
  readonly accesses: number
  readonly counters: Record<string, number>
  readonly meminfo: Record<string, number>
  readonly psi: Record<string, Record<string, number>>
  readonly events: readonly TraceEvent[]
  readonly oomKills: readonly OomKill[]
  readonly assertions: readonly AssertionResult[]
  readonly panic: string | null
}

export async function run({ args, options }: Call): Promise<number> {
  const { source, seed, commands } = causesOf(args[0]!)
  const m = bootMachine(source, seedOption(options) ?? seed, commands)
  const until = durationOption(options, 'for') ?? source.scenario.until
  const speed = speedOption(options['speed'])
  const path = options['record']
  if (path !== undefined && typeof path !== 'string') throw new InputError('--record: expected a file')
  const file = path === undefined ? null : await openRecordingFile(path, m, version)
  const progress = options['json'] !== true && process.stderr.isTTY ? progressLine(until) : () => undefined
  let result: RunResult
  try {
    result = await runMachine(m, { until, speed, verify: options['verify'] === true, file, progress })
  } finally {
    await file?.close()
  }
  process.stdout.write(
    options['json'] === true ? `${JSON.stringify(result)}\n` : summary(result, source.scenario.title),
  )
  return result.assertions.some((a) => !a.pass) && until >= source.scenario.until ? 1 : 0
}

/** A scenario, or the capsule of a crash: its scenario, seed and commands. */
function causesOf(name: string): { source: ScenarioSource; seed?: number; commands?: LoggedCommand[] } {
  if (!name.endsWith('.json')) return { source: findScenario(name) }
  let capsule: Partial<CrashCapsule>
  try {
    capsule = JSON.parse(readFileSync(name, 'utf8')) as Partial<CrashCapsule>
  } catch (error) {
    throw new InputError(`${name}: not a crash capsule: ${(error as Error).message}`)
  }
  if (typeof capsule.scenario !== 'string' || typeof capsule.seed !== 'number' || !Array.isArray(capsule.commands))
    throw new InputError(`${name}: not a crash capsule: scenario, seed and commands are expected in it`)
  return {
    source: readScenario(capsule.scenario, name),
    seed: capsule.seed,
    commands: capsule.commands as LoggedCommand[],
  }
}

interface RunOptions {
  readonly until: number
  readonly speed: number | 'max'
  readonly verify: boolean
  readonly file: RecordingFile | null
  readonly progress: (ms: number) => void
}

/** Runs to the end and returns all there is to say about it. */
export async function runMachine(
  m: Machine,
  { until, speed, verify: verified, file, progress }: RunOptions,
): Promise<RunResult> {
  const began = performance.now()
  const pace = startPace(speed, began, 0)
  const expecting = openExpectations(m.scenario.expect)
  const events: TraceEvent[] = []
  let sample = observe(m, expecting, events, file)
  while (nowMs(m) < until && m.k.var.panic === null) {
    if (nowMs(m) >= due(pace, performance.now()))
      await new Promise((wake) => setTimeout(wake, rest(pace, performance.now(), nowMs(m), 4)))
    advance(m)
    if (verified) verify(m.k)
    if (!isSampleDue(m)) continue
    sample = observe(m, expecting, events, file)
    progress(nowMs(m))
    if (file !== null) await file.commit()
  }
  if (!isSampleDue(m)) sample = observe(m, expecting, events, file)
  const psi: RunResult['psi'] = {}
  for (const kind of ['cpu', 'io', 'memory'])
    for (const which of kind === 'cpu' ? ['some'] : ['some', 'full'])
      psi[`${kind}_${which}`] = Object.fromEntries(
        ['avg10', 'avg60', 'avg300', 'total'].map((of) => [
          of,
          seriesOf(sample, `psi_${kind}_${which}_${of}` as 'psi_cpu_some_avg10'),
        ]),
      )
  return {
    scenario: m.scenario.name,
    seed: m.seed,
    engine: version,
    simulatedMs: nowMs(m),
    steps: m.k.var.step,
    hash: hashOf(m),
    wallMs: Math.round(performance.now() - began),
    accesses: seriesOf(sample, 'tlb_access'),
    counters: Object.fromEntries(VMSTAT.map(([name]) => [name, seriesOf(sample, name)])),
    meminfo: Object.fromEntries(MEMINFO.map(([name]) => [name, seriesOf(sample, name)])),
    psi,
    events,
    oomKills: events.flatMap((e) => e.oom ?? []),
    assertions: expectationResults(expecting),
    panic: m.k.var.panic,
  }
}

function observe(
  m: Machine,
  expecting: ReturnType<typeof openExpectations>,
  events: TraceEvent[],
  file: RecordingFile | null,
): Float64Array {
  const sample = sampleOf(m)
  const list = takeEvents(m)
  for (const event of list) observeEvent(expecting, event)
  observeSample(expecting, sample)
  events.push(...list)
  file?.put(m, { sample, events: list, names: takeNames(m), log: takeLog(m) })
  return sample
}

function progressLine(until: number): (ms: number) => void {
  let last = 0
  return (ms) => {
    const now = performance.now()
    if (now - last < 200 && ms < until) return
    last = now
    process.stderr.write(`\r${(ms / 1000).toFixed(1)} of ${until / 1000} s${ms >= until ? '\r\x1b[K' : ''}`)
  }
}

/** For people: what happened, who was killed, what the memory looks like. */
function summary(r: RunResult, title: string): string {
  const c = (name: string): string => (r.counters[name] ?? 0).toLocaleString('en-US')
  const mib = (name: string): string => `${((r.meminfo[name] ?? 0) / 1024).toFixed(0)} MiB`
  const lines = [
    `${title} (${r.scenario}, seed ${r.seed})`,
    `  ${(r.simulatedMs / 1000).toFixed(1)} s simulated in ${(r.wallMs / 1000).toFixed(1)} s, ${r.steps} steps, hash ${r.hash}`,
    `  faults   ${c('pgfault')}, of them major ${c('pgmajfault')}`,
    `  swap     in ${c('pswpin')} pages, out ${c('pswpout')}`,
    `  reclaim  scanned ${c('pgscan_kswapd')} by kswapd, ${c('pgscan_direct')} direct; stolen ${c('pgsteal_kswapd')} and ${c('pgsteal_direct')}`,
    `  memory   total ${mib('MemTotal')}, free ${mib('MemFree')}, available ${mib('MemAvailable')}, cached ${mib('Cached')}, anonymous ${mib('AnonPages')}, slab ${mib('Slab')}`,
    `  swap     total ${mib('SwapTotal')}, free ${mib('SwapFree')}`,
    r.oomKills.length === 0
      ? '  OOM      no kill'
      : `  OOM      ${r.oomKills.length} kill${r.oomKills.length === 1 ? '' : 's'}`,
    ...r.oomKills.map(
      (o) =>
        `           ${(o.ms / 1000).toFixed(1).padStart(7)} s  ${o.name} (PID ${o.pid}), score ${o.badness}, oom_score_adj ${o.oom_score_adj}, rss ${((o.anon_rss_kB + o.file_rss_kB + o.shmem_rss_kB) / 1024).toFixed(0)} MiB, swap ${(o.swap_kB / 1024).toFixed(0)} MiB; asked by ${o.invoker}`,
    ),
    ...(r.panic === null ? [] : [`  panic    ${r.panic}`]),
    ...r.assertions.map((a) => `  ${a.pass ? 'holds   ' : 'FAILS   '} ${a.text} (${a.value ?? 'nothing seen'})`),
  ]
  return `${lines.join('\n')}\n`
}
