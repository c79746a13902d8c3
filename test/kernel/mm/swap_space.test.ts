import { expect, it } from 'vitest'
import { lab } from '../../support/lab'

const objects = (label: string): string =>
  `  - { label: ${label}, readFile: { path: /sys/kernel/slab/radix_tree_node/objects } }\n`

it('the index of the swap cache keeps a node for 64 slots as long as one was evicted, and gives them back', () => {
  const r = lab(
    `machine: { ram: 128MiB, swap: [{ size: 256MiB, device: nvme }], cgroup: true }\nsteps:\n` +
      `  - mmap: { as: p, length: 128MiB, flags: [private, anonymous, noreserve] }\n${objects('before')}` +
      `  - { label: write, touch: { area: p, access: write } }\n${objects('swapped')}` +
      `  - munmap: { area: p }\n  - sleep: 100ms\n  - { swapoff: { index: 0 } }\n  - sleep: 100ms\n` +
      `  - writeFile: { path: /sys/kernel/slab/radix_tree_node/shrink, text: '1' }\n${objects('after')}`,
    true,
  )
  const of = (label: string): number => parseInt(r.lines.find((line) => line.label === label)!.text!, 10)
  const out = r.lines.find((line) => line.label === 'write')!.vmstat['pswpout']!
  expect(out).toBeGreaterThan(8000)
  const nodes = of('swapped') - of('before')
  expect(nodes).toBeGreaterThan(out / 64)
  expect(nodes).toBeLessThan(out / 64 + 400)
  expect(of('after')).toBeLessThanOrEqual(of('before'))
})
