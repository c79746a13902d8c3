/**
 * How fragmented free memory is, and from which score on kcompactd does something about it.
 *
 * Linux: mm/vmstat.c (fill_contig_page_info, __fragmentation_index, unusable_free_index), mm/compaction.c
 * (fragmentation_score_node, fragmentation_score_wmark).
 */
import { int_div } from '../lib/math'
import { MAX_NR_ZONES, MAX_ORDER, type Kernel } from '../kernel'
import { area_nr_free } from './buddy'

/** Order of a huge page, by which memory is judged (COMPACTION_HPAGE_ORDER). */
export const HPAGE_ORDER = 9

/** Why would a request of `order` fail? -1000: it would not; towards 0: lack of memory; towards 1000: fragmentation. */
export function extfrag_index(k: Kernel, zone: number, order: number): number {
  const info = contig_page_info(k, zone, order)
  if (info.blocks === 0) return 0
  if (info.suitable > 0) return -1000
  return 1000 - int_div(1000 + int_div(info.pages * 1000, 2 ** order), info.blocks)
}

/** Free pages that cannot serve `order`, in 1/1000 of all free pages. */
export function unusable_free_index(k: Kernel, zone: number, order: number): number {
  const info = contig_page_info(k, zone, order)
  return info.pages === 0 ? 1000 : int_div((info.pages - info.suitable * 2 ** order) * 1000, info.pages)
}

/** Per cent of free memory that is in smaller blocks. */
export function extfrag_for_order(k: Kernel, zone: number, order: number): number {
  let free = 0
  let suitable = 0
  for (let o = 0; o < MAX_ORDER; o++) {
    const blocks = area_nr_free(k, zone, o)
    free += blocks << o
    if (o >= order) suitable += blocks << (o - order)
  }
  return free === 0 ? 0 : Math.floor(((free - (suitable << order)) * 100) / free)
}

function contig_page_info(k: Kernel, zone: number, order: number) {
  const info = { pages: 0, blocks: 0, suitable: 0 }
  for (let o = 0; o < MAX_ORDER; o++) {
    const nr = area_nr_free(k, zone, o)
    info.blocks += nr
    info.pages += nr * 2 ** o
    if (o >= order) info.suitable += nr * 2 ** (o - order)
  }
  return info
}

// ---------------------------------------------------------------- the score of a node

export function compaction_proactiveness(k: Kernel): number {
  return k.var.sysctl['vm.compaction_proactiveness'] ?? 20
}

/** Per cent of free memory that is not in blocks of a huge page, weighted by the zones' sizes. */
export function fragmentation_score_node(k: Kernel): number {
  let present = 0
  for (let row = 1; row <= MAX_NR_ZONES; row++) present += k.zone.present_pages[row]!
  let score = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++)
    score += Math.floor((k.zone.present_pages[zone + 1]! * extfrag_for_order(k, zone, HPAGE_ORDER)) / (present + 1))
  return score
}

/** Work begins above the high mark of the score and ends at the low one. */
export function fragmentation_score_wmark(k: Kernel, low: boolean): number {
  const wmark_low = Math.max(100 - compaction_proactiveness(k), 5)
  return low ? wmark_low : Math.min(wmark_low + 10, 100)
}
