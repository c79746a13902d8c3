/** Events on a time axis: which flag they get, and how flags that would overlap become one. */
import type { EventKind, TraceEvent } from '@shared/protocol'

/** Flags, from the mildest to the worst. Where several meet, the worst is on top. */
export type FlagKind = 'action' | 'kswapd' | 'fault' | 'direct' | 'segv' | 'oom'
const SEVERITY: readonly FlagKind[] = ['action', 'kswapd', 'fault', 'direct', 'segv', 'oom']

export const FLAGS: Readonly<Record<FlagKind, { label: string; color: string }>> = {
  oom: { label: 'OOM kill', color: '--crit' },
  direct: { label: 'stall', color: '--warn' },
  kswapd: { label: 'kswapd', color: '--text-2' },
  fault: { label: 'fault burst', color: '--warn' },
  segv: { label: 'segfault', color: '--serious' },
  action: { label: 'action', color: '--info' },
}

/** Kinds that are told in lists but would crowd the axis have no flag. */
const FLAG_OF: Readonly<Partial<Record<EventKind, FlagKind>>> = {
  oom_kill: 'oom',
  panic: 'oom',
  segfault: 'segv',
  sigbus: 'segv',
  hung_task: 'segv',
  direct_reclaim: 'direct',
  fault_burst: 'fault',
  kswapd_wake: 'kswapd',
  action: 'action',
}

export function flagOf(kind: EventKind): FlagKind | null {
  return FLAG_OF[kind] ?? null
}
/** The flag's look for any event, so that lists can show those without a flag too. */
export function lookOf(kind: EventKind): FlagKind {
  if (kind === 'swap_full') return 'segv'
  return FLAG_OF[kind] ?? (kind === 'kswapd_sleep' || kind === 'low_watermark' ? 'kswapd' : 'action')
}

export interface Flag {
  readonly kind: FlagKind
  /** The worst event of the flag: its time is where the flag stands. */
  readonly event: TraceEvent
  readonly count: number
  readonly x: number
}

/** A row of flags that touch is broken up, so that one flag never stands for a long stretch of time. */
const FLAGS_MERGED_WIDE = 3

/** Merges flags closer than `apart` pixels. `xOf` maps ms to pixels; events come in the order of time. */
export function mergeFlags(events: readonly TraceEvent[], xOf: (ms: number) => number, apart = 17): Flag[] {
  const flags: Flag[] = []
  let lastX = -Infinity
  let firstX = -Infinity
  for (const event of events) {
    const kind = flagOf(event.kind)
    if (kind === null) continue
    const x = xOf(event.ms)
    const group = flags.at(-1)
    if (group === undefined || x - lastX >= apart || (x - firstX > apart * FLAGS_MERGED_WIDE && x - group.x >= apart)) {
      flags.push({ kind, event, count: 1, x })
      firstX = x
    } else flags[flags.length - 1] = joined(group, kind, event, x)
    lastX = x
  }
  return flags
}

/** Events that say the same one after the other. */
export interface Run {
  readonly last: TraceEvent
  readonly first: TraceEvent
  readonly count: number
}
export function runs(events: readonly TraceEvent[]): Run[] {
  const out: Run[] = []
  for (const event of events) {
    const run = out.at(-1)
    const isSame = run?.last.kind === event.kind && run.last.text === event.text && run.last.pid === event.pid
    if (run !== undefined && isSame) out[out.length - 1] = { ...run, last: event, count: run.count + 1 }
    else out.push({ first: event, last: event, count: 1 })
  }
  return out
}

function joined(group: Flag, kind: FlagKind, event: TraceEvent, x: number): Flag {
  const worse = SEVERITY.indexOf(kind) >= SEVERITY.indexOf(group.kind)
  return worse ? { kind, event, count: group.count + 1, x } : { ...group, count: group.count + 1 }
}

/** Adds events that came live or from the recorder: by time, each once. */
export function mergeEvents(old: readonly TraceEvent[], more: readonly TraceEvent[]): TraceEvent[] {
  const seen = new Set(old.map(keyOf))
  const fresh = more.filter((event) => !seen.has(keyOf(event)))
  if (fresh.length === 0) return old as TraceEvent[]
  const last = old.at(-1)?.ms ?? -Infinity
  const all = [...old, ...fresh]
  return fresh.some((event) => event.ms < last) || fresh.length > 1 ? all.sort((a, b) => a.ms - b.ms) : all
}

function keyOf(event: TraceEvent): string {
  return `${event.ms} ${event.kind} ${event.pid ?? ''} ${event.text}`
}
