import { describe, expect, it } from 'vitest'
import { BIO_SWAP_WRITE } from '../../../src-main/kernel/block/bio'
import {
  add_device,
  blk_finish_plug,
  blk_start_plug,
  dequeue_bio,
  first_bio,
  next_device_name,
  queue_bio,
  queue_congested,
  READ,
  WRITE,
  type DeviceKind,
} from '../../../src-main/kernel/block/device'
import { row_alloc, row_free } from '../../../src-main/kernel/lib/arena'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { machine } from '../mm/machine'

function submit(k: Kernel, dir: number, block: number, nr: number, at = 0): number {
  const bio = row_alloc(k.bio)
  k.bio.device[bio] = 1
  k.bio.write[bio] = dir
  k.bio.nr[bio] = nr
  k.bio.kind[bio] = BIO_SWAP_WRITE
  queue_bio(k, bio, block, at)
  return bio
}
function disk(kind: DeviceKind): Kernel {
  const k = machine(64)
  add_device(k, kind, next_device_name(k, kind), 1 << 20)
  return k
}

describe('a disk', () => {
  it('takes its latency for one request and its bandwidth for many', () => {
    const k = disk('ssd')
    const one = submit(k, READ, 100, 1)
    expect(k.bio.done_ns[one]).toBeLessThan(120_000)
    let last = one
    for (let i = 1; i < 100; i++) last = submit(k, READ, 100_000 * (i % 7) + i * 300, 32)
    const megabytes = (99 * 32 * 4096) / 1e6
    expect(megabytes / (k.bio.done_ns[last]! / 1e9)).toBeGreaterThan(400)
  })

  it('seeks on a rotating disk, not for what follows', () => {
    const k = disk('hdd')
    const far = submit(k, READ, 500_000, 1)
    const next = submit(k, READ, 500_001, 1, 20_000_000)
    expect(k.bio.done_ns[far]).toBeGreaterThan(8_000_000)
    expect(k.bio.done_ns[next]! - 20_000_000).toBeLessThan(1_000_000)
  })

  it('merges adjacent requests of one plug into one that is done as a whole', () => {
    const k = disk('ssd')
    blk_start_plug(k)
    const bios = [10, 11, 12, 13].map((block) => submit(k, WRITE, block, 1))
    blk_finish_plug(k)
    expect(new Set(bios.map((b) => k.bio.done_ns[b])).size).toBe(1)
    expect([k.device.writes[1], k.device.write_merges[1], k.device.inflight[1]]).toEqual([1, 3, 1])
  })

  it('ends requests of a direction in order', () => {
    const k = disk('hdd')
    for (let i = 0; i < 50; i++) submit(k, i % 2, (i * 7919) % 100_000, 1 + (i % 5), i * 1000)
    const done = [0, 0]
    for (let bio = first_bio(k); bio !== 0; bio = first_bio(k)) {
      const dir = k.bio.write[bio]!
      expect(k.bio.done_ns[bio]).toBeGreaterThanOrEqual(done[dir]!)
      done[dir] = k.bio.done_ns[bio]!
      dequeue_bio(k, bio)
      row_free(k.bio, bio)
    }
    expect([k.device.inflight[1], k.device.inflight_writes[1]]).toEqual([0, 0])
  })

  it('lets kswapd have sixteen writes in flight and others eight', () => {
    const k = disk('ssd')
    for (let i = 0; i < 8; i++) submit(k, WRITE, i * 1000, 1)
    expect([queue_congested(k, 1, WRITE, false), queue_congested(k, 1, WRITE, true)]).toEqual([true, false])
    expect(queue_congested(k, 1, READ, false)).toBe(false)
  })

  it('is named as Linux names it', () => {
    const k = disk('ssd')
    expect(next_device_name(k, 'hdd')).toBe('sdb')
    expect(next_device_name(k, 'nvme')).toBe('nvme0n1')
  })
})
