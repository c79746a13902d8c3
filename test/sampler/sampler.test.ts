import { expect, test } from 'vitest'
import { BUDDY, P, PROC, sampleShape, seriesOf } from '../../src-shared/sample'
import { proc_read } from '../../src-main/kernel/proc'
import { sample } from '../../src-main/sampler/sampler'
import { figures, runningOf, scenarioNamed } from '../support/machine'

test('a sample says what /proc says at the same instant', () => {
  const m = runningOf(scenarioNamed('oom-storm'))
  m.runTo(20)
  const data = sample(m.k)
  const shape = sampleShape(data)
  expect(shape.ms).toBe(20_000)
  const seen = figures(m.k)
  for (const name of [
    'MemFree',
    'Cached',
    'AnonPages',
    'Slab',
    'SwapFree',
    'pgfault',
    'pswpout',
    'pgscan_kswapd',
    'nr_dirty_threshold',
  ] as const)
    expect(seriesOf(data, name), name).toBe(seen[name])
  const stat = String(proc_read(m.k, '/proc/stat'))
  expect(seriesOf(data, 'ctxt')).toBe(Number(/^ctxt (\d+)$/m.exec(stat)![1]))
  expect(seriesOf(data, 'procs_running')).toBe(Number(/^procs_running (\d+)$/m.exec(stat)![1]))
  expect(shape.nr_proc).toBe((proc_read(m.k, '/proc/loadavg') as string).split(' ')[3]!.split('/').map(Number)[1])
})

test('rows of processes agree with status and smaps_rollup', () => {
  const m = runningOf(scenarioNamed('fork-and-cow'))
  m.runTo(12)
  const data = sample(m.k)
  const { proc, nr_proc } = sampleShape(data)
  let shared = 0
  for (let i = 0; i < nr_proc; i++) {
    const row = data.subarray(proc + i * PROC.length, proc + (i + 1) * PROC.length)
    const pid = row[P.pid]!
    if (row[P.flags] === 1) continue
    const status = String(proc_read(m.k, `/proc/${pid}/status`))
    // A zombie has no memory left to speak of.
    if (!status.includes('VmRSS')) continue
    const rollup = String(proc_read(m.k, `/proc/${pid}/smaps_rollup`))
    const kB = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)![1])
    expect(row[P.VmRSS]).toBe(kB(status, 'VmRSS'))
    expect(row[P.VmPTE]).toBe(kB(status, 'VmPTE'))
    expect(row[P.Uss]).toBe(kB(rollup, 'Private_Clean') + kB(rollup, 'Private_Dirty'))
    expect(Math.abs(row[P.Pss]! - kB(rollup, 'Pss'))).toBeLessThanOrEqual(1)
    expect(row[P.oom_score]).toBe(Number(proc_read(m.k, `/proc/${pid}/oom_score`)))
    if (row[P.Pss]! < row[P.VmRSS]! * 0.7) shared++
  }
  expect(shared).toBeGreaterThan(2)
})

test('free areas add up to MemFree', () => {
  const m = runningOf(scenarioNamed('segfaults'))
  m.runTo(5)
  const data = sample(m.k)
  const { buddy, nr_buddy } = sampleShape(data)
  let pages = 0
  for (let i = 0; i < nr_buddy; i++)
    for (let order = 0; order < 11; order++) pages += data[buddy + i * BUDDY.length + 2 + order]! << order
  expect(pages).toBe(seriesOf(data, 'nr_free_pages'))
})
