import { expect, test } from 'vitest'
import { fallenBehind, percent, scoreOf, type ConformanceRow } from '@shared/conformance'
import { conformanceRows, fidelityRows } from '../../src-main/engine/fidelity'

const measured: ConformanceRow[] = [
  { id: 'faults/c01', exact: [9, 10], close: [5, 5], wrong: [] },
  { id: 'faults/c02', exact: [10, 10], close: [3, 5], wrong: [] },
  { id: 'oom/swap', exact: [4, 4], close: [0, 0], wrong: [] },
]

test('every row of the model table is shown, and what is not modelled says so', () => {
  const rows = fidelityRows()
  expect(rows.length).toBeGreaterThan(45)
  expect(rows.find((r) => r.mechanism === 'Buddy system')).toMatchObject({
    linux: expect.stringContaining('__free_one_page') as string,
  })
  expect(rows.find((r) => r.mechanism.startsWith('NUMA'))?.result).toBe('not modelled')
  expect(rows.every((r) => r.mechanism !== '' && r.mechanism !== 'Mechanism')).toBe(true)
})

test('a mechanism shows the result of each family of experiments that measures it', () => {
  const table = '| Faults | `mm/memory.c` | all | – | `x.test.ts` | `faults/`, `oom/swap` |\n'
  expect(fidelityRows(table, measured)[0]!.result.split('\n')).toEqual([
    'faults/: exact 95.0 %, close 80.0 %',
    'oom/swap: exact 100 %, close –',
  ])
})

test('the recorded results name their experiments once each', () => {
  const ids = conformanceRows().map((row) => row.id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('scores add up, and a worse experiment is named', () => {
  expect(scoreOf(measured, '', 'exact')).toEqual([23, 24])
  expect(percent([1, 3])).toBe('33.3 %')
  const now = [{ ...measured[0]!, exact: [8, 10] as const }, measured[1]!]
  expect(fallenBehind(measured, now)).toEqual([
    'faults/c01: exact 90.0 % before, 80.0 % now',
    'oom/swap: no longer run',
  ])
  expect(fallenBehind(measured, measured)).toEqual([])
})
