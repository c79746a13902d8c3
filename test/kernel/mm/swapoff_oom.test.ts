/** A swapoff that memory does not suffice for kills whoever asked for it (set_current_oom_origin), and nobody else. */
import { expect, test } from 'vitest'
import { kills, lab } from '../../support/lab'

test('swapoff without room: the caller dies, the area stays in use', () => {
  const r = lab(`machine: { ram: 256MiB, cpus: 1, swap: [{ size: 256MiB, device: ssd }], thp: never }
steps:
  - spawn: { as: big, steps: [ { mmap: { as: m, length: 320MiB } }, { touch: { area: m, access: write } }, { pause: {} } ] }
  - sleep: 3s
  - fork: { as: off }
  - in: { task: off, steps: [ { swapoff: { index: 0 } } ] }
  - sleep: 1s
  - { label: swaps, readFile: { path: /proc/swaps } }
`)
  expect(kills(r)).toEqual(['off'])
  expect(r.lines.find((line) => line.label === 'swaps')!.text).toMatch(
    /\/dev\/sdb +partition\t262140\t\t[1-9]\d+\t\t-2/,
  )
})
