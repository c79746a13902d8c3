/** Samples of a machine that does not exist: most rows stand still, some change each time. */
import { SERIES } from '@shared/counters'
import { BUDDY, HEADER, P, PROC, SLAB } from '@shared/sample'

const NR_SLAB = 150
const NR_BUDDY = 12

export function fakeSample(i: number, nrProc = 300, epoch = 0): Float64Array {
  const words = HEADER.length + SERIES.length + nrProc * PROC.length + NR_SLAB * SLAB.length + NR_BUDDY * BUDDY.length
  const data = new Float64Array(words)
  data.set([1, i * 500, i * 125, SERIES.length, nrProc, NR_SLAB, NR_BUDDY, epoch])
  let at = HEADER.length
  for (let s = 0; s < SERIES.length; s++) data[at++] = s * 1000 + (s % 3 === 0 ? i * 37 : 0)
  for (let p = 0; p < nrProc; p++) for (let c = 0; c < PROC.length; c++) data[at++] = procCell(i, p, c)
  for (let row = 0; row < NR_SLAB; row++)
    for (let c = 0; c < SLAB.length; c++) data[at++] = c * 10 + (row % 20 === 0 ? i : 0)
  for (let row = 0; row < NR_BUDDY; row++) for (let c = 0; c < BUDDY.length; c++) data[at++] = c < 2 ? c : i % 7
  return data
}

function procCell(i: number, p: number, c: number): number {
  if (c === P.pid) return p * 2 + 1
  if (c === P.oom_points && p % 5 === 0) return Number.NaN
  const moves = p % 10 === 0 && c > P.oom_points && c < P.stime_ns
  return c * 1000 + (moves ? i * 3 : 0)
}

export const FAKE_META = {
  machine: { title: 'A machine that does not exist', ram: 2 ** 30, cpus: 1 } as never,
  scenario: 'fake.yaml',
  source: 'memscope: scenario/1\n',
  seed: 7,
  engine: '0.0.0',
  created: '2026-01-01T00:00:00.000Z',
}
