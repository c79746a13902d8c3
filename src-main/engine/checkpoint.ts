/**
 * Checkpoints: the machine as bytes. Packing copies; compression runs in Node's thread pool, so the machine goes on.
 * Unpacking trusts nothing: sizes are checked before anything is allocated.
 */
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { assert } from '@shared/assert'
import type { Checkpoint } from '../recorder/types'
import type { Snapshot } from '../kernel/snapshot'

const ARRAYS = { Uint8Array, Int8Array, Uint16Array, Int16Array, Int32Array, Uint32Array, Float64Array } as const
type ArrayName = keyof typeof ARRAYS
type AnyArray = InstanceType<(typeof ARRAYS)[ArrayName]>
interface Place {
  readonly $array: ArrayName
  readonly at: number
  readonly length: number
}
const HEAD_BYTES = 8
const MAX_BYTES = 2 ** 31

/** Length of the JSON head, the head (arrays replaced by their places), then the arrays at multiples of 8. */
export function pack(value: unknown): Buffer {
  const arrays: AnyArray[] = []
  let at = 0
  const head = JSON.stringify(value, (_key, part: unknown) => {
    if (!ArrayBuffer.isView(part)) return part
    const array = part as AnyArray
    const place: Place = { $array: array.constructor.name as ArrayName, at, length: array.length }
    arrays.push(array)
    at += align(array.byteLength)
    return place
  })
  const headBytes = Buffer.from(head)
  const start = align(HEAD_BYTES + headBytes.length)
  const out = Buffer.alloc(start + at)
  out.writeDoubleLE(headBytes.length)
  headBytes.copy(out, HEAD_BYTES)
  let place = start
  for (const array of arrays) {
    out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), place)
    place += align(array.byteLength)
  }
  return out
}

export function unpack(bytes: Uint8Array): unknown {
  const own = new Uint8Array(bytes)
  const length = new DataView(own.buffer).getFloat64(0, true)
  assert(length >= 0 && HEAD_BYTES + length <= own.byteLength, 'checkpoint: damaged head')
  const start = align(HEAD_BYTES + length)
  return JSON.parse(Buffer.from(own.buffer, HEAD_BYTES, length).toString(), (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || !('$array' in part)) return part
    const { $array, at, length } = part as Place
    const maker = ARRAYS[$array]
    assert(
      maker !== undefined && Number.isInteger(at) && at >= 0 && Number.isInteger(length) && length >= 0,
      'checkpoint: damaged place',
    )
    assert(start + at + length * maker.BYTES_PER_ELEMENT <= own.byteLength, 'checkpoint: array past the end')
    return new maker(own.buffer, start + at, length)
  })
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

const deflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.deflate)
const inflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate)
const zstd = zlib as unknown as {
  readonly zstdCompress?: (data: Buffer, done: (error: Error | null, out: Buffer) => void) => void
  readonly zstdDecompress?: (
    data: Uint8Array,
    options: { maxOutputLength: number },
    done: (error: Error | null, out: Buffer) => void,
  ) => void
}

export async function compress(
  snapshot: Snapshot,
  at: { step: number; ms: number; hash: string },
): Promise<Checkpoint> {
  const raw = pack(snapshot)
  const data =
    zstd.zstdCompress === undefined
      ? await deflate(raw, { level: 1 })
      : await new Promise<Buffer>((resolve, reject) =>
          zstd.zstdCompress!(raw, (error, out) => (error === null ? resolve(out) : reject(error))),
        )
  return { ...at, codec: zstd.zstdCompress === undefined ? 'deflate' : 'zstd', bytes: raw.length, data }
}

export async function decompress({ codec, bytes, data }: Checkpoint): Promise<Snapshot> {
  assert(bytes > 0 && bytes <= MAX_BYTES, 'checkpoint: impossible size')
  if (codec === 'deflate') return unpack(await inflate(data, { maxOutputLength: bytes })) as Snapshot
  if (zstd.zstdDecompress === undefined)
    throw new Error('this checkpoint is compressed with zstd, which this runtime lacks')
  const raw = await new Promise<Buffer>((resolve, reject) =>
    zstd.zstdDecompress!(data, { maxOutputLength: bytes }, (error, out) =>
      error === null ? resolve(out) : reject(error),
    ),
  )
  return unpack(raw) as Snapshot
}

/** Checkpoints in memory, for sessions without a recorder: thinned so that they stay within a budget. */
const MAX_MEMORY_BYTES = 64 * 2 ** 20

export interface Kept {
  list: Checkpoint[]
}

export function keep(kept: Kept, checkpoint: Checkpoint): void {
  kept.list.push(checkpoint)
  const total = (): number => kept.list.reduce((sum, c) => sum + c.data.byteLength, 0)
  // The first stays; of the others, the one whose neighbours are closest together goes.
  while (kept.list.length > 2 && total() > MAX_MEMORY_BYTES) {
    let best = 1
    const gap = (i: number): number => kept.list[i + 1]!.ms - kept.list[i - 1]!.ms
    for (let i = 1; i < kept.list.length - 1; i++) if (gap(i) < gap(best)) best = i
    kept.list.splice(best, 1)
  }
}

export function keptAt(kept: Kept, ms: number): Checkpoint | null {
  return kept.list.findLast((c) => c.ms <= ms) ?? null
}
