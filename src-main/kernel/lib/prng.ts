/**
 * Pseudo-random numbers: 32-bit integer arithmetic only, one stream per consumer, derived from the machine's seed and
 * the stream's name. A stream that nobody else draws from keeps its sequence whatever the others do.
 */
import type { Kernel } from '../kernel'

/** The next 32-bit unsigned number of a stream (mulberry32). */
export function prng_next(k: Kernel, stream: string): number {
  const streams = k.var.prng
  let state = streams[stream]
  if (state === undefined) state = prng_seed(k.config.seed, stream)
  state = (state + 0x6d2b79f5) | 0
  streams[stream] = state
  let z = Math.imul(state ^ (state >>> 15), state | 1)
  z = (z + Math.imul(z ^ (z >>> 7), z | 61)) ^ z
  return (z ^ (z >>> 14)) >>> 0
}

/** A number in 0 … n-1, for n up to 2^31. */
export function prng_below(k: Kernel, stream: string, n: number): number {
  return n <= 1 ? 0 : prng_next(k, stream) % n
}

/** FNV-1a of seed and name: a stream's first state. */
export function prng_seed(seed: number, name: string): number {
  let hash = Math.imul(0x811c9dc5 ^ (seed | 0), 0x01000193)
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash | 0
}
