/** What would keep the next victim alive, and for how long: reckoned from the present pace, not tried. */
import type { Command } from '@shared/protocol'
import { count, duration } from './format'
import type { Candidate } from './oom'

export interface Remedy {
  readonly id: string
  readonly text: string
  /** When memory ends if this is done; null when nothing can be said. */
  readonly when: string
  readonly effect: string
  readonly tone: 'good' | 'bad' | 'plain'
  readonly command: Command
}

const PAGE_KB = 4
const ADJ_STEP = 500
const SWAP_MIB = 512

export function remedies(
  list: readonly Candidate[],
  totalpages: number,
  secondsLeft: number | null,
  kBPerSecond: number,
): Remedy[] {
  const [first, second] = list.filter((candidate) => candidate.points !== null)
  if (first === undefined) return []
  const when = secondsLeft === null ? 'no end in sight' : `≈ ${duration(secondsLeft * 1000)}`
  const later = (kB: number): string =>
    secondsLeft === null || kBPerSecond <= 0
      ? 'no end in sight'
      : `≈ ${duration((secondsLeft + kB / kBPerSecond) * 1000)}`
  const held = (first.anon + first.shmem + first.swap) * PAGE_KB
  const made: Remedy[] = [
    {
      id: 'swapon',
      text: `swapon ${SWAP_MIB} MiB`,
      when: later(SWAP_MIB * 1024),
      effect: 'postpones it',
      tone: 'plain',
      command: { type: 'swapon', path: '/swapfile', bytes: SWAP_MIB << 20 },
    },
    {
      id: 'drop',
      text: 'drop_caches 3',
      when,
      effect: 'clean caches go at once; MemAvailable counts them already',
      tone: 'plain',
      command: { type: 'dropCaches', mode: 3 },
    },
  ]
  if (second !== undefined) made.push(preferred(first, second, totalpages, when))
  made.push({
    id: 'term',
    text: `kill -TERM ${first.pid}`,
    when: secondsLeft === null ? 'no end in sight' : later(held),
    effect: `up to ${count(held)} kB of ${first.name} come back`,
    tone: 'good',
    command: { type: 'kill', pid: first.pid, signal: 15 },
  })
  return made
}

/** Another process made the better victim. */
function preferred(first: Candidate, second: Candidate, totalpages: number, when: string): Remedy {
  const value = Math.min(1000, second.oom_score_adj + ADJ_STEP)
  const points = (second.points ?? 0) + Math.trunc(((value - second.oom_score_adj) * totalpages) / 1000)
  const dies = points > (first.points ?? 0)
  return {
    id: 'adj',
    text: `oom_score_adj ${value} on ${second.name}`,
    when,
    effect: dies ? `${second.name} dies instead: ${count(points)} points` : `${first.name} still dies first`,
    tone: dies ? 'bad' : 'plain',
    command: { type: 'setOomScoreAdj', pid: second.pid, value },
  }
}
