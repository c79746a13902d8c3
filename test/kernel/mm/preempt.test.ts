/** Where a call gives way to the threads that it woke. */
import { expect, test } from 'vitest'
import { lab } from '../../support/lab'

/**
 * Fallbacks boost the marks of ZONE_DMA and wake kswapd for that zone alone. It runs before the reader asks for its next
 * page, which would be short of memory and send it to all zones: so it looks for pages of the low one among all others.
 */
test('who asks for a page lets kswapd run first that the last one woke', () => {
  const { lines } = lab(`machine: { ram: 128MiB, disk: virtio, slowdown: 12, swap: [{ size: 256MiB, device: virtio }] }
steps:
  - createFile: { as: f, size: 128MiB, fs: ext4 }
  - { label: read, read: { file: f, length: 64MiB } }
`)
  const { vmstat } = lines.find((line) => line.label === 'read')!
  // 7800 of them on the measured machine.
  expect(vmstat['pgskip_dma32']).toBeGreaterThan(4000)
  expect(vmstat['pgscan_file']).toBeGreaterThan(2 * vmstat['pgsteal_file']!)
})
