import { describe, expect, test } from 'vitest'
import { FRAME_USES, type WatchPhysical } from '../../src-shared/protocol'
import {
  frameAt, mapLayout, MORTON, PAGEBLOCK, painted, parsePfn, placeOf, presentBlocks, TILE_COLUMNS, usedAround, type MapLayout,
} from '../../src-renderer/model/physical' // prettier-ignore

const use = (name: (typeof FRAME_USES)[number]): number => FRAME_USES.indexOf(name)

/** Four pageblocks: free, used by two processes, a hole, and half free. */
function memory(): WatchPhysical {
  const frames = 4 * PAGEBLOCK
  const map = {
    kind: 'physical' as const,
    ms: 0,
    from: 0,
    count: frames,
    use: new Uint8Array(frames),
    owner: new Uint8Array(frames),
    order: new Uint8Array(frames),
    migratetype: new Uint8Array(frames).fill(1),
    age: new Uint8Array(frames),
    owners: [
      { pid: 20, name: 'small' },
      { pid: 10, name: 'large' },
    ],
  }
  map.use.fill(use('free'), 0, PAGEBLOCK)
  map.order.fill(9, 0, PAGEBLOCK)
  map.use.fill(use('anonymous, active'), PAGEBLOCK, 2 * PAGEBLOCK)
  map.age.fill(1, PAGEBLOCK, PAGEBLOCK + 300)
  map.age.fill(5, PAGEBLOCK + 300, 2 * PAGEBLOCK)
  map.age.fill(8, 3 * PAGEBLOCK, 3 * PAGEBLOCK + 256)
  map.owner.fill(2, PAGEBLOCK, PAGEBLOCK + 400)
  map.owner.fill(1, PAGEBLOCK + 400, 2 * PAGEBLOCK)
  map.use.fill(use('hole'), 2 * PAGEBLOCK, 3 * PAGEBLOCK)
  map.use.fill(use('file, dirty'), 3 * PAGEBLOCK, 3 * PAGEBLOCK + 256)
  map.use.fill(use('free'), 3 * PAGEBLOCK + 256)
  return map
}
const countOf = (mode: Parameters<typeof painted>[1], label: string): number => {
  const { categories, counts } = painted(memory(), mode)
  return counts[categories.findIndex((category) => category.label === label)] ?? -1
}

describe('the page map', () => {
  test('draws a buddy block of any order as a rectangle', () => {
    for (let order = 0; order <= 9; order++) {
      for (let first = 0; first < PAGEBLOCK; first += 1 << order) {
        const places = [...MORTON.subarray(first, first + (1 << order))]
        const columns = places.map((place) => place % TILE_COLUMNS)
        const rows = places.map((place) => Math.floor(place / TILE_COLUMNS))
        const area = (Math.max(...columns) - Math.min(...columns) + 1) * (Math.max(...rows) - Math.min(...rows) + 1)
        expect(area).toBe(1 << order)
      }
    }
  })

  test('counts every frame once, in every colouring', () => {
    for (const mode of ['use', 'lru', 'owner', 'age', 'order', 'type'] as const) {
      const { counts } = painted(memory(), mode)
      expect(counts.reduce((a, b) => a + b, 0)).toBe(4 * PAGEBLOCK)
    }
    expect(countOf('use', 'MemFree')).toBe(PAGEBLOCK + 256)
    expect(countOf('lru', 'Active(anon)')).toBe(PAGEBLOCK)
    expect(countOf('age', 'Anonymous, newest')).toBe(300)
    expect(countOf('age', 'Anonymous, goes next')).toBe(PAGEBLOCK - 300)
    expect(countOf('age', 'File, middle')).toBe(256)
    expect(countOf('age', 'MemFree')).toBe(PAGEBLOCK + 256)
    expect(countOf('order', 'Free, order 9')).toBe(PAGEBLOCK)
    expect(countOf('type', 'Movable, free')).toBe(PAGEBLOCK + 256)
  })

  test('names the process with the most frames first', () => {
    const { categories, counts } = painted(memory(), 'owner')
    expect(categories.slice(0, 2).map(({ label }) => label)).toEqual(['large 10', 'small 20'])
    expect(counts.slice(0, 2)).toEqual([400, 112])
    expect(countOf('owner', 'Mapped by none')).toBe(256)
  })

  test('finds the frame under a point, and the point of a frame; a hole takes no room', () => {
    const blocks = presentBlocks(memory())
    expect(blocks).toEqual([0, 1, 3])
    const layout = mapLayout(blocks, 70, 40, 1)
    expect(layout).toMatchObject({ columns: 2, scale: 1, height: 33 })
    for (const pfn of [0, 511, 700, 3 * PAGEBLOCK + 5]) {
      const at = placeOf(layout, pfn)!
      expect(frameAt(layout, at.x + 0.5, at.y + 0.5)).toBe(pfn)
    }
    expect(placeOf(layout, 2 * PAGEBLOCK)).toBeNull()
    expect(frameAt(layout, 32, 3)).toBeNull()
    expect(frameAt(layout, 40, 20)).toBeNull()
  })

  test('takes the largest scale that fits; where none does, it leaves room for a scroll bar', () => {
    const blocks = Array.from({ length: 512 }, (_, block) => block)
    const whole = mapLayout(blocks, 1480, 840, 1)
    expect(whole).toMatchObject({ scale: 2, columns: 22 })
    const scrolls = (layout: MapLayout): boolean => layout.height * layout.scale > 300
    const small = mapLayout(blocks, 500, 300, 1)
    expect(scrolls(small)).toBe(true)
    expect(small.width).toBeLessThanOrEqual(500 - 14)
    expect(mapLayout(blocks, 1480, 840, 4).scale).toBe(8)
  })

  test('says how much of a pageblock is used', () => {
    expect(usedAround(memory(), PAGEBLOCK + 7)).toBe(PAGEBLOCK)
    expect(usedAround(memory(), 3 * PAGEBLOCK)).toBe(256)
  })

  test('reads a frame number in hex and decimal', () => {
    expect(parsePfn('0x19e00')).toBe(0x19e00)
    expect(parsePfn('PFN 19e00h')).toBe(0x19e00)
    expect(parsePfn(' 105984 ')).toBe(105984)
    expect(parsePfn('19e00')).toBeNull()
    expect(parsePfn('')).toBeNull()
  })
})
