import { describe, expect, test } from 'vitest'
import { STEPS } from '../../src-renderer/components/chart/x'
import { STEP_GROUPS, stepRows } from '../../src-renderer/model/labChart'
import type { LabStep } from '../../src-renderer/model/labProgram'

const steps: LabStep[] = [1, 2, 3].map((step) => ({
  step,
  op: 'touch',
  result: 'ok',
  minflt: step * 10,
  RssAnon: step * 1024,
  meminfo: { SwapTotal: 100, SwapFree: 100 - step },
  vmstat: { pgscan_kswapd: step, pgscan_direct: 1 },
}))

describe('the steps of a program as a chart', () => {
  test('have a row each, found by number', () => {
    const rows = stepRows(steps)
    expect([rows.length, ...rows.ms]).toEqual([3, 1, 2, 3])
    expect([0.4, 1, 2.9, 9].map((at) => rows.rowAt(at))).toEqual([-1, 0, 1, 2])
    expect([0, 1.4, 2.6, 9].map((at) => rows.nearest(at))).toEqual([0, 0, 2, 2])
    expect(stepRows([]).nearest(3)).toBe(-1)
  })

  test('read figures of the task and of the machine', () => {
    const read = (group: string, id: string): number[] =>
      steps.map((s) =>
        STEP_GROUPS.find((g) => g.id === group)!
          .figures.find((f) => f.id === id)!
          .value(s),
      )
    expect(read('task', 'anon')).toEqual([1024, 2048, 3072])
    expect(read('machine', 'swap')).toEqual([1, 2, 3])
    expect(read('reclaim', 'scan')).toEqual([2, 3, 4])
    expect(read('faults', 'min')).toEqual([10, 20, 30])
  })

  test('are marked by whole steps that leave room for their labels', () => {
    expect(STEPS.ticks(1, 5, 600, 64)).toEqual([1, 2, 3, 4, 5])
    expect(STEPS.ticks(1, 42, 600, 64)).toEqual([5, 10, 15, 20, 25, 30, 35, 40])
  })
})
