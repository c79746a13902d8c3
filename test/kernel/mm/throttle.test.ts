/** Direct reclaimers stand back while kswapd's reserves are low: the fault waits for kswapd and is made again. */
import { expect, test } from 'vitest'
import { lab } from '../../support/lab'

/** Stolen pageblocks raise the marks far, so that half of them is more than is free. */
const run = () =>
  lab(`machine: { ram: 112MiB, swap: [{ size: 128MiB, device: ssd }], psi: true }
sysctl: { vm.watermark_boost_factor: 100000 }
steps:
  - mmap: { as: a, length: 104MiB }
  - { label: fill, touch: { area: a, access: write } }
  - { label: memory, readFile: { path: /proc/pressure/memory } }
`)

test('a fault waits for kswapd, counts once in getrusage and ends with its page', () => {
  const r = run()
  const fill = r.lines.find((line) => line.label === 'fill')!
  const { vmstat } = fill
  expect(vmstat['pgscan_direct_throttle']).toBeGreaterThan(0)
  const counted = fill.minflt + fill.majflt
  expect(counted).toBeGreaterThanOrEqual(26624)
  expect(counted).toBeLessThan(26634)
  // When it waited the fault was made once more; a wait in a call that has slept for the disk already adds none.
  expect(vmstat['pgfault']! - counted).toBeGreaterThan(0)
  expect(vmstat['pgscan_kswapd']).toBeGreaterThan(2 * vmstat['pgscan_direct']!)
  expect(r.log.filter((text) => text.includes('allocation failure'))).toEqual([])
  const memory = r.lines.find((line) => line.label === 'memory')!.text!
  expect(Number(/^full .*total=(\d+)/m.exec(memory)![1])).toBeGreaterThan(10_000)
})

test('it is the same from run to run', () => {
  expect(run().hash).toBe(run().hash)
})
