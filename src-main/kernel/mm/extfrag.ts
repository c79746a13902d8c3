/**
 * How fragmented free memory is.
 *
 * Linux: mm/vmstat.c (fill_contig_page_info, __fragmentation_index, unusable_free_index).
 */
import { int_div } from '../lib/math'
import { MAX_ORDER, type Kernel } from '../kernel'
import { area_nr_free } from './buddy'

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
