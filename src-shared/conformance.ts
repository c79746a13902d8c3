/**
 * How the simulated machine did against the measured ones: written by `CONFORMANCE_UPDATE=1 npm run conformance` into
 * resources/conformance.json, read by the Fidelity view, and held by the suite so that no experiment gets worse unseen.
 */

/** [right, compared] */
export type Score = readonly [number, number]

/** A figure that disagrees, with both values. */
export interface Disagreement {
  readonly step: string
  readonly name: string
  readonly kind: 'exact' | 'close'
  readonly real: number | string
  readonly got: number | string
}
export interface ConformanceRow {
  readonly id: string
  readonly exact: Score
  readonly close: Score
  readonly wrong: readonly Disagreement[]
}

/** The sum over the experiments whose id is `family` or begins with it (`''`: all of them). */
export function scoreOf(rows: readonly ConformanceRow[], family: string, kind: 'exact' | 'close'): Score {
  const chosen = rows.filter((row) => row.id === family || row.id.startsWith(family))
  return chosen.reduce<Score>(([right, of], row) => [right + row[kind][0], of + row[kind][1]], [0, 0])
}

export function percent([right, of]: Score): string {
  if (of === 0) return '–'
  return right === of ? '100 %' : `${((100 * right) / of).toFixed(1)} %`
}

/** Experiments that have fallen behind what was recorded, in words. */
export function fallenBehind(before: readonly ConformanceRow[], now: readonly ConformanceRow[]): string[] {
  return before.flatMap((was) => {
    const row = now.find((r) => r.id === was.id)
    if (row === undefined) return [`${was.id}: no longer run`]
    return (['exact', 'close'] as const)
      .filter((kind) => share(row[kind]) < share(was[kind]) - 1e-9)
      .map((kind) => `${was.id}: ${kind} ${percent(was[kind])} before, ${percent(row[kind])} now`)
  })
}

function share([right, of]: Score): number {
  return of === 0 ? 1 : right / of
}
