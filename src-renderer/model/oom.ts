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

/**
 * Seconds until available memory and free swap are used up at the pace of the last `windowMs`; null when they are not
 * shrinking, or so slowly that the answer would be a guess.
 */
export function secondsLeft(
  rows: { at(name: 'MemAvailable' | 'SwapFree', row: number): number; ms: Float64Array; rowAt(ms: number): number },
  atMs: number,
  windowMs = 10_000,
): number | null {
  const now = rows.rowAt(atMs)
  const then = Math.max(0, rows.rowAt(atMs - windowMs))
  const seconds = ((rows.ms[now] ?? 0) - (rows.ms[then] ?? 0)) / 1000
  if (now < 0 || seconds < windowMs / 4000) return null
  const left = (row: number): number => rows.at('MemAvailable', row) + rows.at('SwapFree', row)
  const perSecond = (left(then) - left(now)) / seconds
  const rest = left(now) / perSecond
  return perSecond > 0 && rest < 600 ? rest : null
}
