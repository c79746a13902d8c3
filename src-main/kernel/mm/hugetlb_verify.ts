/** Checks of the huge page pools: free pages, promises and frames. Throws KernelBug. */
import { assert } from '@shared/assert'
import { PG_hugetlb, VM_HUGETLB, type Kernel } from '../kernel'
import { huge_state, hstate_is_gigantic, pages_per_huge_page } from './hugetlb_pool'

/** Free pages are aligned, unmapped and the pool's; promises have pages behind them; all marked frames belong to a pool. */
export function verify_hugetlb(k: Kernel): void {
  const s = huge_state(k)
  let frames = 0
  s.hstates.forEach((h, index) => {
    const pages = pages_per_huge_page(h)
    assert(new Set(h.free).size === h.free.length && h.free.length <= h.nr, 'verify_hugetlb: free pages')
    assert(h.resv >= 0 && h.resv <= h.free.length, 'verify_hugetlb: a reservation without a page')
    assert(h.surplus >= 0 && h.surplus <= h.nr, 'verify_hugetlb: surplus')
    assert(!hstate_is_gigantic(h) || h.overcommit === 0, 'verify_hugetlb: gigantic pages do not overcommit')
    for (const pfn of h.free) {
      assert(pfn % pages === 0 && k.page.mapcount[pfn] === 0, 'verify_hugetlb: a free page')
      assert((k.page.flags[pfn + pages - 1]! & PG_hugetlb) !== 0, 'verify_hugetlb: the frames of a free page')
    }
    let promised = 0
    for (const vma of hugetlb_vmas(k)) if (s.maps[k.vma.swap_ra[vma]!]!.h === index) promised++
    assert(promised > 0 || h.resv === 0, 'verify_hugetlb: a promise to nobody')
    frames += h.nr * pages
  })
  if (frames > 0 || k.var.mod['hugetlb_total_pages'] !== undefined) verify_frames(k, frames)
}

function hugetlb_vmas(k: Kernel): number[] {
  const list: number[] = []
  const s = huge_state(k)
  for (let vma = 1; vma < k.vma.meta.high; vma++)
    if (k.vma.mm[vma] !== 0 && (k.vma.vm_flags[vma]! & VM_HUGETLB) !== 0 && s.maps[k.vma.swap_ra[vma]!] !== undefined)
      list.push(vma)
  return list
}

function verify_frames(k: Kernel, frames: number): void {
  let marked = 0
  for (let pfn = 1; pfn < k.var.max_pfn; pfn++) if ((k.page.flags[pfn]! & PG_hugetlb) !== 0) marked++
  assert(marked === frames, 'verify_hugetlb: frames of the pools')
  assert(k.var.mod['hugetlb_total_pages'] === frames, 'verify_hugetlb: hugetlb_total_pages')
}
