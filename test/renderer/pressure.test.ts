/** Pressure is what its task says it is, not what was last clicked. */
import { expect, test } from 'vitest'
import { SERIES } from '@shared/counters'
import { HEADER, P, PROC, SAMPLE_VERSION } from '@shared/sample'
import { pressureHeld } from '../../src-renderer/model/pressure'
import { Sample } from '../../src-renderer/model/sample'

const NAMES = ['', 'init', 'pressure-tmpfs', 'pressure-fragme', 'pressure-cooker']
function sampleOf(tasks: readonly { name: number; size: number; rss?: number; swap?: number }[]): Sample {
  const data = new Float64Array(HEADER.length + SERIES.length + tasks.length * PROC.length)
  data.set([SAMPLE_VERSION, 1000, 0, SERIES.length, tasks.length, 0, 0, 0])
  tasks.forEach(({ name, size, rss = 0, swap = 0 }, row) => {
    const base = HEADER.length + SERIES.length + row * PROC.length
    data[base + P.name] = name
    data[base + P.VmSize] = size
    data[base + P.VmRSS] = rss
    data[base + P.VmSwap] = swap
  })
  return new Sample(data)
}
const held = (...tasks: Parameters<typeof sampleOf>[0]) => pressureHeld(sampleOf(tasks), (id) => NAMES[id] ?? '')

test('is found by the name of its task, cut to the length of comm', () => {
  expect(held({ name: 1, size: 100 }, { name: 3, size: 9000, rss: 2048, swap: 1024 })).toEqual({
    kind: 'fragmentation',
    mib: 3,
  })
  expect(held({ name: 2, size: 9000, rss: 1024 })?.kind).toBe('tmpfs')
})
test('is not a task that has ended, nor one that is only called alike', () => {
  expect(held({ name: 2, size: 0 }, { name: 4, size: 9000 })).toBeNull()
})
