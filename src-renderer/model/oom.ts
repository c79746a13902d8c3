/** The OOM killer's choice, before it is made: oom_badness of mm/oom_kill.c, term by term, in pages. */
import type { Sample } from './sample'

const PAGE_KB = 4

export interface Candidate {
  readonly row: number
  readonly pid: number
  readonly name: string
  readonly anon: number
  readonly file: number
  readonly shmem: number
  readonly swap: number
  readonly pgtables: number
  /** oom_score_adj × totalpages / 1000. */
  readonly adj: number
  readonly oom_score_adj: number
  /** Null when the killer may not take it. */
  readonly points: number | null
  readonly score: number
}

/** RAM and swap in pages, what oom_badness measures against. */
export function totalPages(sample: Sample): number {
  return (sample.read('MemTotal') + sample.read('SwapTotal')) / PAGE_KB
}

/** User processes, the next victim first, those that are exempt last. */
export function ranking(sample: Sample, name: (id: number) => string): Candidate[] {
  const total = totalPages(sample)
  const list: Candidate[] = []
  for (let row = 0; row < sample.nrProc; row++) {
    if ((sample.proc(row, 'flags') & 1) !== 0) continue
    const points = sample.proc(row, 'oom_points')
    const pages = (column: 'RssAnon' | 'RssFile' | 'RssShmem' | 'VmSwap' | 'VmPTE'): number =>
      Math.round(sample.proc(row, column) / PAGE_KB)
    const oom_score_adj = sample.proc(row, 'oom_score_adj')
    list.push({
      row,
      pid: sample.proc(row, 'pid'),
      name: name(sample.proc(row, 'name')),
      anon: pages('RssAnon'),
      file: pages('RssFile'),
      shmem: pages('RssShmem'),
      swap: pages('VmSwap'),
      pgtables: pages('VmPTE'),
      adj: Math.trunc((oom_score_adj * total) / 1000),
      oom_score_adj,
      points: Number.isNaN(points) ? null : points,
      score: sample.proc(row, 'oom_score'),
    })
  }
  return list.sort((a, b) => (b.points ?? -Infinity) - (a.points ?? -Infinity) || a.pid - b.pid)
}

interface Left {
  readonly ms: Float64Array
  at(name: 'MemAvailable' | 'SwapFree', row: number): number
  rowAt(ms: number): number
}
const PACE_MS = 10_000

/** kB by which available memory and free swap together shrink in a second, over the last seconds; null when unknown. */
export function shrinking(rows: Left, atMs: number, windowMs = PACE_MS): number | null {
  const now = rows.rowAt(atMs)
  const then = Math.max(0, rows.rowAt(atMs - windowMs))
  const seconds = ((rows.ms[now] ?? 0) - (rows.ms[then] ?? 0)) / 1000
  return now < 0 || seconds < windowMs / 4000 ? null : (leftAt(rows, then) - leftAt(rows, now)) / seconds
}

/** Seconds until both are used up at that pace; null when they are not shrinking, or too slowly to tell. */
export function secondsLeft(rows: Left, atMs: number, windowMs = PACE_MS): number | null {
  const pace = shrinking(rows, atMs, windowMs)
  if (pace === null || pace <= 0) return null
  const seconds = leftAt(rows, rows.rowAt(atMs)) / pace
  return seconds < 600 ? seconds : null
}

function leftAt(rows: Left, row: number): number {
  return rows.at('MemAvailable', row) + rows.at('SwapFree', row)
}
