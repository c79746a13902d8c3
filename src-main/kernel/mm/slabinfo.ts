/** What /proc/slabinfo and slabtop say of a cache. Linux: mm/slub.c (get_slabinfo). */
import type { Kernel } from '../kernel'

/** A line of /proc/slabinfo. */
export interface SlabinfoRow {
  readonly name: string
  readonly active_objs: number
  readonly num_objs: number
  readonly objsize: number
  readonly objperslab: number
  readonly pagesperslab: number
  readonly active_slabs: number
  readonly num_slabs: number
}

/** As SLUB counts them: active are all objects but those free on the node's partial slabs. */
export function slabinfo_row(k: Kernel, cache: number): SlabinfoRow {
  const kc = k.kmem_cache
  let free = 0
  for (let slab = kc.partial_head[cache]!; slab !== 0; slab = k.slab.next[slab]!)
    free += k.slab.objects[slab]! - k.slab.inuse[slab]!
  return {
    name: k.strings.list[kc.name[cache]!]!,
    active_objs: kc.total_objects[cache]! - free,
    num_objs: kc.total_objects[cache]!,
    objsize: kc.size[cache]!,
    objperslab: kc.objects[cache]!,
    pagesperslab: 1 << kc.order[cache]!,
    active_slabs: kc.nr_slabs[cache]!,
    num_slabs: kc.nr_slabs[cache]!,
  }
}

/** Objects really in use, whatever list their slab is on. */
export function objects_in_use(k: Kernel, cache: number): number {
  let sum = 0
  for (let slab = 1; slab < k.slab.meta.high; slab++) if (k.slab.cache[slab] === cache) sum += k.slab.inuse[slab]!
  return sum
}
