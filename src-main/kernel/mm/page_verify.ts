/** Checks of the page allocator: lists against frames, zone sums, per-CPU lists. Throws KernelBug. */
import { assert } from '@shared/assert'
import { C } from '@shared/counters'
import { MAX_NR_ZONES, PG_buddy, PG_ORDER_SHIFT, PG_pcp, PG_reserved, type Kernel } from '../kernel'
import { verify_buddy, zone_of } from './buddy'
import { verify_pcp } from './pcp'

export function verify_page_alloc(k: Kernel): void {
  verify_buddy(k)
  verify_pcp(k)
  verify_frames(k)
}

/** Walks every frame: free, listed and reserved frames add up to what the zones and counters say. */
function verify_frames(k: Kernel): void {
  const { flags, mapping, mapcount } = k.page
  const free = [0, 0, 0]
  const pcp = [0, 0, 0]
  const reserved = [0, 0, 0]
  for (let pfn = 1; pfn < k.var.max_pfn;) {
    const f = flags[pfn]!
    const zone = zone_of(k, pfn)
    const nr = 1 << ((f >>> PG_ORDER_SHIFT) & 0xf)
    if ((f & PG_buddy) !== 0) free[zone]! += nr
    else if ((f & PG_pcp) !== 0) pcp[zone]! += nr
    else {
      if ((f & PG_reserved) !== 0) reserved[zone]!++
      pfn++
      continue
    }
    assert(mapping[pfn] === 0 && mapcount[pfn] === 0, 'page: a free frame is mapped')
    pfn += nr
  }
  let total_free = 0
  let managed = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    const row = zone + 1
    assert(k.zone.nr_free[row] === free[zone], 'page: free frames of a zone')
    assert(
      k.zone.managed_pages[row]! + reserved[zone]! === k.zone.present_pages[row]!,
      'page: managed and reserved frames are what is present',
    )
    assert(free[zone]! + pcp[zone]! <= k.zone.managed_pages[row]!, 'page: more free than managed')
    total_free += free[zone]!
    managed += k.zone.managed_pages[row]!
  }
  assert(k.vmstat[C.nr_free_pages] === total_free, 'page: nr_free_pages')
  assert(k.var.totalram_pages === managed, 'page: totalram_pages')
}
