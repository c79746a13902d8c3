import { describe, expect, it } from 'vitest'
import { BIO_SWAP_WRITE } from '../../../src-main/kernel/block/bio'
import {
  blk_finish_plug,
  blk_flush_plug,
  blk_mq_submit_bio,
  blk_start_plug,
  would_merge,
} from '../../../src-main/kernel/block/blk_mq'
import {
  add_device,
  dequeue_bio,
  first_bio,
  next_device_name,
  queue_congested,
  READ,
  WRITE,
  type DeviceKind,
} from '../../../src-main/kernel/block/device'
import { row_alloc, row_free } from '../../../src-main/kernel/lib/arena'
import type { Kernel } from '../../../src-main/kernel/kernel'
import { machine } from '../mm/machine'

function bio_of(k: Kernel, dir: number, block: number, nr: number): number {
  const bio = row_alloc(k.bio)
  k.bio.device[bio] = 1
  k.bio.write[bio] = dir
  k.bio.nr[bio] = nr
  k.bio.block[bio] = block
  k.bio.kind[bio] = BIO_SWAP_WRITE
  return bio
}
function submit(k: Kernel, dir: number, block: number, nr: number, at = k.var.now, kswapd = 0): number {
  k.var.now = at
  const bio = bio_of(k, dir, block, nr)
  k.bio.kswapd[bio] = kswapd
  blk_mq_submit_bio(k, bio)
  return bio
}
function disk(kind: DeviceKind): Kernel {
  const k = machine(64)
  add_device(k, kind, next_device_name(k, kind), 1 << 20)
  k.var.now = 0
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

  it('takes a quarter of a seek for what is within two megabytes', () => {
    const ns = (block: number): number => {
      const k = disk('hdd')
      submit(k, READ, 500_000, 1)
      return k.bio.done_ns[submit(k, READ, block, 1, 20_000_000)]! - 20_000_000
    }
    expect(ns(500_513) - ns(500_001)).toBe(8_500_000 / 4)
    expect(ns(500_514) - ns(500_001)).toBe(8_500_000)
  })

  it('lets reads pass the writes that wait, which are that much later', () => {
    const k = disk('ssd')
    for (let i = 0; i < 8; i++) submit(k, WRITE, i * 1000, 128)
    const pipe = k.device.pipe_until[1 * 2 + WRITE]!
    const read = submit(k, READ, 900_000, 1)
    expect(k.bio.done_ns[read]).toBeLessThan(120_000)
    // The transfer of one page, and what a request costs the device.
    expect(k.device.pipe_until[1 * 2 + WRITE]! - pipe).toBe(8_200 + 4_000)
  })

  it("takes the time of its host when it is emulated, whatever the machine's CPU does; and is said to rotate", () => {
    const one = disk('virtio')
    const slow = disk('virtio')
    Object.assign(slow.config, { slowdown: 5 })
    const [a, b] = [one, slow].map((k) => submit(k, READ, 700, 1))
    const under_way = (k: Kernel, bio: number): number => k.bio.irq_ns[bio]! - k.bio.start_ns[bio]!
    expect(under_way(slow, b!)).toBe(under_way(one, a!))
    // What the driver and the interrupt take is the slow CPU's.
    expect(slow.bio.start_ns[b!]! / one.bio.start_ns[a!]!).toBeCloseTo(5, 6)
    const handled = (k: Kernel, bio: number): number => k.bio.done_ns[bio]! - k.bio.irq_ns[bio]!
    expect(handled(slow, b!) / handled(one, a!)).toBeCloseTo(5, 6)
    // No seek: far away is as near as next door.
    expect(under_way(one, submit(one, READ, 900_000, 1, 1e9))).toBe(under_way(one, a!))
    expect(next_device_name(one, 'virtio')).toBe('vdb')
  })

  it('ends requests of a direction in order', () => {
    const k = disk('hdd')
    for (let i = 0; i < 50; i++) submit(k, i % 2, (i * 7919) % 100_000, 1 + (i % 5))
    const done = [0, 0]
    for (let bio = first_bio(k); bio !== 0; bio = first_bio(k)) {
      const dir = k.bio.write[bio]!
      expect(k.bio.done_ns[bio]).toBeGreaterThanOrEqual(done[dir]!)
      expect(k.bio.done_ns[bio]).toBeGreaterThan(k.bio.irq_ns[bio]!)
      done[dir] = k.bio.done_ns[bio]!
      dequeue_bio(k, bio)
      row_free(k.bio, bio)
    }
    expect([k.device.inflight[1], k.device.inflight_writes[1]]).toEqual([0, 0])
  })

  it('lets kswapd have sixteen writes in flight and others eight, each beside the other', () => {
    const k = disk('ssd')
    for (let i = 0; i < 8; i++) submit(k, WRITE, i * 1000, 1)
    expect([queue_congested(k, 1, WRITE, false), queue_congested(k, 1, WRITE, true)]).toEqual([true, false])
    for (let i = 8; i < 24; i++) submit(k, WRITE, i * 1000, 1, k.var.now, 1)
    expect([queue_congested(k, 1, WRITE, true), queue_congested(k, 1, READ, true)]).toEqual([true, false])
  })

  it('lets a quarter of the depth be written within a tenth of a second of a read', () => {
    const k = disk('ssd')
    k.var.now = 1e9
    submit(k, READ, 5, 1)
    for (let i = 0; i < 4; i++) submit(k, WRITE, i * 1000, 1)
    expect(queue_congested(k, 1, WRITE, false)).toBe(true)
    k.var.now += 99e6
    expect(queue_congested(k, 1, WRITE, false)).toBe(true)
    k.var.now += 1e6
    // The window is over, too: there were writes, so the depth is 31 now, and half of it sixteen.
    for (let i = 4; i < 16; i++) submit(k, WRITE, i * 1000, 1)
    expect(queue_congested(k, 1, WRITE, false)).toBe(true)
    expect(k.device.wbt_step[1]).toBe(-1)
  })

  it('doubles the depth after each window with writes, up to three quarters of the queue, and goes back when idle', () => {
    const k = disk('ssd')
    const depths: number[] = []
    const writes: number[] = []
    k.var.now = 1e9
    for (let window = 0; window < 6; window++) {
      while (!queue_congested(k, 1, WRITE, true)) writes.push(submit(k, WRITE, writes.length * 1000, 1, k.var.now, 1))
      depths.push(writes.length)
      k.var.now += 100e6
    }
    expect(depths).toEqual([16, 31, 61, 121, 192, 192])
    for (let bio = first_bio(k); bio !== 0; bio = first_bio(k)) dequeue_bio(k, bio)
    k.var.now += 30 * 100e6
    submit(k, WRITE, 5, 1, k.var.now, 1)
    expect(k.device.wbt_step[1]).toBe(0)
  })

  it('lets less be written after a window in which reads were slow', () => {
    const k = disk('ssd')
    k.var.now = 1e9
    for (let i = 0; i < 3; i++) submit(k, WRITE, i * 1000, 1)
    const read = submit(k, READ, 5, 1)
    for (const queue of [2, 3])
      for (let bio = k.device.head[queue]!; bio !== 0; bio = k.device.head[queue]!) {
        if (bio === read) k.bio.done_ns[bio] = k.bio.start_ns[bio]! + 3e6
        dequeue_bio(k, bio)
      }
    k.var.now += 100e6
    for (let i = 0; i < 8; i++) submit(k, WRITE, i * 1000, 1, k.var.now, 1)
    expect([k.device.wbt_step[1], queue_congested(k, 1, WRITE, true)]).toEqual([1, true])
  })
})

describe('a plug', () => {
  it('makes adjacent requests one that is done as a whole, not before it is finished', () => {
    const k = disk('ssd')
    blk_start_plug(k)
    const bios = [10, 11, 12, 13].map((block) => submit(k, WRITE, block, 1))
    expect(first_bio(k)).toBe(0)
    expect(k.device.inflight[1]).toBe(1)
    blk_finish_plug(k)
    expect(new Set(bios.map((b) => k.bio.done_ns[b])).size).toBe(1)
    expect([k.device.writes[1], k.device.write_merges[1], k.device.inflight[1]]).toEqual([1, 3, 1])
  })

  it('lets go at its end what waits in it, however deep it was nested', () => {
    const k = disk('ssd')
    blk_start_plug(k)
    blk_start_plug(k)
    const bio = submit(k, READ, 40, 1)
    blk_finish_plug(k)
    expect(k.bio.done_ns[bio]).toBe(Infinity)
    k.var.now = 5_000_000
    blk_finish_plug(k)
    expect(k.bio.irq_ns[bio]).toBeGreaterThan(5_000_000)
    expect(k.bio.irq_ns[bio]).toBeLessThan(5_200_000)
  })

  it('holds thirty-two requests, or 128 KiB in one, and is emptied when its task sleeps', () => {
    const k = disk('nvme')
    blk_start_plug(k)
    for (let i = 0; i < 32; i++) submit(k, READ, i * 100, 1)
    expect(first_bio(k)).toBe(0)
    submit(k, READ, 9_900, 1)
    expect(k.device.reads[1]).toBe(32)
    blk_flush_plug(k, 0, true)
    expect(k.device.reads[1]).toBe(33)
    for (let i = 0; i < 32; i++) submit(k, READ, 20_000 + i, 1)
    expect(k.device.reads[1]).toBe(33)
    submit(k, READ, 50_000, 1)
    expect([k.device.reads[1], k.device.read_merges[1]]).toEqual([34, 31])
    blk_finish_plug(k)
  })

  it('finds only the last of its requests to merge with; the scheduler one that waits', () => {
    const k = disk('hdd')
    blk_start_plug(k)
    submit(k, WRITE, 10, 1)
    submit(k, WRITE, 500, 1)
    expect([would_merge(k, bio_of(k, WRITE, 501, 1)), would_merge(k, bio_of(k, WRITE, 11, 1))]).toEqual([true, false])
    blk_finish_plug(k)
    // The device works on the first of the two.
    expect([would_merge(k, bio_of(k, WRITE, 501, 1)), would_merge(k, bio_of(k, WRITE, 11, 1))]).toEqual([true, false])
    // Begun with the second, too, it takes no more for that.
    k.var.now = k.bio.start_ns[k.device.tail[1 * 2 + WRITE]!]!
    expect(would_merge(k, bio_of(k, WRITE, 501, 1))).toBe(false)
  })

  it('gives back the tag of what becomes part of a request that waits', () => {
    const k = disk('hdd')
    for (const block of [500, 10, 11]) submit(k, WRITE, block, 1)
    expect([k.device.inflight[1], k.device.inflight_writes[1], k.device.write_merges[1]]).toEqual([2, 2, 1])
  })
})
