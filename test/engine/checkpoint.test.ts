/** Checkpoints come back as they were, and trust nothing. */
import { expect, test } from 'vitest'
import { compress, decompress, keep, keptAt, pack, unpack, type Kept } from '../../src-main/engine/checkpoint'
import type { Snapshot } from '../../src-main/kernel/snapshot'

const value = {
  name: 'page',
  bytes: Uint8Array.of(1, 2, 3),
  words: Int32Array.of(-1, 2 ** 31 - 1),
  floats: Float64Array.of(Math.PI, Number.NaN, -0),
  nested: [{ shorts: Uint16Array.of(65535) }, null, 'ü'],
}

test('what is packed is unpacked', () => {
  expect(unpack(pack(value))).toEqual(value)
})

test('what is compressed is decompressed', async () => {
  const made = await compress(value as unknown as Snapshot, { step: 1, ms: 4, hash: 'h' })
  expect(made).toMatchObject({ step: 1, ms: 4, hash: 'h' })
  expect(await decompress(made)).toEqual(value)
})

test('a size that is a lie is found out', async () => {
  const made = await compress(value as unknown as Snapshot, { step: 1, ms: 4, hash: 'h' })
  await expect(decompress({ ...made, bytes: 8 })).rejects.toThrow()
  await expect(decompress({ ...made, bytes: 2 ** 40 })).rejects.toThrow(/impossible size/)
})

test('an array past the end is refused', () => {
  const bytes = pack({ a: Uint8Array.of(1) })
  const at = bytes.indexOf('"length":1')
  bytes.write('"length":9', at)
  const cut = bytes.subarray(0, bytes.length - 8)
  expect(() => unpack(cut)).toThrow(/past the end/)
})

test('in memory the first and the last stay, and the rest lie evenly', () => {
  const kept: Kept = { list: [] }
  for (let i = 0; i < 100; i++)
    keep(kept, { step: i, ms: i * 1000, hash: '', codec: 'deflate', bytes: 1, data: new Uint8Array(4 * 2 ** 20) })
  expect(kept.list.length).toBeLessThanOrEqual(17)
  expect(kept.list[0]!.ms).toBe(0)
  expect(kept.list.at(-1)!.ms).toBe(99_000)
  expect(keptAt(kept, 50_000)!.ms).toBeGreaterThan(30_000)
})
