/** What is worth saying about one instant: who holds the most, and which event is near. */
import type { TraceEvent } from '@shared/protocol'
import { FLAGS, flagOf } from './events'
import { STACK, type Read } from './memory'
import type { Sample } from './sample'

export interface Contributor {
  readonly id: string
  readonly text: string
  readonly color: string
  readonly kB: number
  readonly line: boolean
}

const LARGEST = 3
const EVENT_WITHIN_MS = 10_000

/**
 * The largest holders, then free and available memory. Processes by PSS, those of one name together, when a whole
 * sample of the instant is at hand; else the largest parts of the machine.
 */
export function contributors(read: Read, near: Sample | null, name: (id: number) => string): Contributor[] {
  const free = STACK.find((part) => part.id === 'free')
  return [
    ...(near === null ? largestParts(read) : largestTasks(near, name)),
    { id: 'free', text: 'MemFree', color: '--mem-free', kB: free?.value(read) ?? 0, line: false },
    { id: 'available', text: 'MemAvailable', color: '--text-1', kB: read('MemAvailable'), line: true },
  ]
}

function largestParts(read: Read): Contributor[] {
  return STACK.filter((part) => part.id !== 'free')
    .map(({ id, label, color, value }) => ({ id, text: label, color, kB: value(read), line: false }))
    .sort((a, b) => b.kB - a.kB)
    .slice(0, LARGEST)
}

function largestTasks(sample: Sample, name: (id: number) => string): Contributor[] {
  const groups = new Map<string, { pid: number; tasks: number; pss: number; anon: number; shmem: number }>()
  for (let row = 0; row < sample.nrProc; row++) {
    const key = name(sample.proc(row, 'name'))
    const group = groups.get(key) ?? { pid: sample.proc(row, 'pid'), tasks: 0, pss: 0, anon: 0, shmem: 0 }
    group.tasks++
    group.pss += sample.proc(row, 'Pss')
    group.anon += sample.proc(row, 'RssAnon')
    group.shmem += sample.proc(row, 'RssShmem')
    groups.set(key, group)
  }
  return [...groups]
    .sort(([, a], [, b]) => b.pss - a.pss)
    .slice(0, LARGEST)
    .map(([key, group]) => ({
      id: key,
      text: group.tasks > 1 ? `${key}, ${group.tasks} tasks` : `${key} ${group.pid}`,
      color: group.shmem > group.anon ? '--mem-shmem' : '--mem-anon',
      kB: group.pss,
      line: false,
    }))
}

/** The nearest event that has a flag; an OOM kill in reach goes before all others. */
export function nearestEvent(
  events: readonly TraceEvent[],
  ms: number,
): { readonly apartMs: number; readonly before: boolean; readonly what: string } | null {
  let best: { event: TraceEvent; weight: number } | null = null
  for (const event of events) {
    const apart = Math.abs(event.ms - ms)
    if (flagOf(event.kind) === null || apart > EVENT_WITHIN_MS) continue
    const weight = event.kind === 'oom_kill' ? apart - EVENT_WITHIN_MS : apart
    if (best === null || weight < best.weight) best = { event, weight }
  }
  if (best === null) return null
  const { event } = best
  const kind = flagOf(event.kind)
  return { apartMs: Math.abs(event.ms - ms), before: ms < event.ms, what: kind === null ? '' : FLAGS[kind].label }
}
