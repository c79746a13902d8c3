/** Physical memory of the fake machine: kernel below, a leak's pages above, the rest free. */
import { FRAME_USES, type WatchFrame, type WatchPhysical } from '@shared/protocol'

const FRAMES = 262_144
const KERNEL = 16_384
const LEAK = 100_000
const LEAK_PID = 1204

export function fakePhysical(ms: number): WatchPhysical {
  const use = new Uint8Array(FRAMES).fill(FRAME_USES.indexOf('free'))
  const owner = new Uint8Array(FRAMES)
  const order = new Uint8Array(FRAMES).fill(10)
  use.fill(FRAME_USES.indexOf('kernel'), 0, KERNEL)
  use.fill(FRAME_USES.indexOf('anonymous, active'), KERNEL, KERNEL + LEAK)
  owner.fill(1, KERNEL, KERNEL + LEAK)
  order.fill(0, 0, KERNEL + LEAK)
  const age = new Uint8Array(FRAMES)
  age.fill(1, KERNEL, KERNEL + LEAK / 2)
  age.fill(5, KERNEL + LEAK / 2, KERNEL + LEAK)
  const migratetype = new Uint8Array(FRAMES).fill(1)
  return {
    kind: 'physical',
    ms,
    from: 0,
    count: FRAMES,
    use,
    owner,
    order,
    migratetype,
    age,
    owners: [{ pid: LEAK_PID, name: 'leakd' }],
  }
}

export function fakeFrame(ms: number, pfn: number): WatchFrame {
  const isLeak = pfn >= KERNEL && pfn < KERNEL + LEAK
  return {
    kind: 'frame',
    ms,
    pfn,
    zone: 'DMA32',
    use: isLeak ? 'anonymous, active' : 'free',
    flags: isLeak ? ['lru', 'active', 'swapbacked', 'anon'] : ['buddy'],
    mapcount: isLeak ? 1 : 0,
    order: isLeak ? 0 : 10,
    migratetype: 'Movable',
    maps: isLeak ? [{ pid: LEAK_PID, name: 'leakd', address: 0x55d0_c4b2_8000 }] : [],
    belongs: isLeak ? 'anonymous memory' : 'a free block',
  }
}
