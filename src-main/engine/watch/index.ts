/** What a detail view follows, computed from the machine at the instant that it shows. Reads, never changes. */
import type { WatchData, WatchSpec } from '@shared/protocol'
import type { Machine } from '../machine'
import { watchOom, watchSlab, watchSwap } from './caches'
import { watchFrame, watchPhysical } from './frames'
import { watchProcess } from './process'

export function watchData({ k }: Machine, spec: WatchSpec): WatchData {
  switch (spec.kind) {
    case 'process':
      return watchProcess(k, spec.pid, spec.address)
    case 'physical':
      return watchPhysical(k, spec.from, spec.count)
    case 'frame':
      return watchFrame(k, spec.pfn)
    case 'slab':
      return watchSlab(k, spec.cache)
    case 'swap':
      return watchSwap(k)
    case 'oom':
      return watchOom(k)
  }
}
