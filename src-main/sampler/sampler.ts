/** Kernel to sample: reads, never changes the machine's course. */
import { sampleShape } from '@shared/sample'
import type { Kernel } from '../kernel/kernel'

/** One sample of the machine (layout: src-shared/sample.ts). Names are ids of `k.strings`. */
export function sample(_k: Kernel): Float64Array {
  const data = new Float64Array(0)
  sampleShape(data)
  return data
}
