/**
 * The memory report in the kernel log: Mem-Info, a line for the node and for each zone, free blocks by order.
 *
 * Linux: mm/page_alloc.c (show_free_areas), lib/show_mem.c, mm/swap_state.c (show_swap_cache_info).
 */
import { C } from '@shared/counters'
import { printk } from '../task'
import { MAX_NR_ZONES, MAX_ORDER, MIGRATE_TYPES, type Kernel } from '../kernel'
import { free_list, NR_ZONE_STATS } from './buddy'
import { nr_pcp_pages, pcp_set_of } from './pcp'
import { si_swapinfo } from './swapfile'
import { pgdat } from './throttle'
import type { HugetlbMeminfo } from './vmstat'
import { wmark_pages, WMARK_HIGH, WMARK_LOW, WMARK_MIN } from './watermark'

const ZONE_NAMES = ['DMA', 'DMA32', 'Normal']
/** Letters of the types by number: unmovable, movable, reclaimable, high-atomic, isolated. */
const TYPE_LETTERS = 'UMEHI'
/** Rounds without progress after which kswapd gives up. */
const MAX_RECLAIM_RETRIES = 16

export function show_mem(k: Kernel): void {
  printk(k, 'Mem-Info:')
  show_totals(k)
  show_node(k)
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) if (k.zone.managed_pages[zone + 1] !== 0) show_zone(k, zone)
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) if (k.zone.managed_pages[zone + 1] !== 0) show_orders(k, zone)
  const huge = k.var.mod['hugetlb_meminfo'] as HugetlbMeminfo | undefined
  printk(
    k,
    `Node 0 hugepages_total=${huge?.total ?? 0} hugepages_free=${huge?.free ?? 0} hugepages_surp=${huge?.surp ?? 0} hugepages_size=2048kB`,
  )
  show_rest(k)
}

function show_totals(k: Kernel): void {
  const v = k.vmstat
  let free_pcp = 0
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) free_pcp += nr_pcp_pages(k, zone)
  const lines = [
    `active_anon:${v[C.nr_active_anon]} inactive_anon:${v[C.nr_inactive_anon]} isolated_anon:${v[C.nr_isolated_anon]}`,
    ` active_file:${v[C.nr_active_file]} inactive_file:${v[C.nr_inactive_file]} isolated_file:${v[C.nr_isolated_file]}`,
    ` unevictable:${v[C.nr_unevictable]} dirty:${v[C.nr_dirty]} writeback:${v[C.nr_writeback]}`,
    ` slab_reclaimable:${v[C.nr_slab_reclaimable]} slab_unreclaimable:${v[C.nr_slab_unreclaimable]}`,
    ` mapped:${v[C.nr_mapped]} shmem:${v[C.nr_shmem]} pagetables:${v[C.nr_page_table_pages]}`,
    ` sec_pagetables:${v[C.nr_sec_page_table_pages]} bounce:${v[C.nr_bounce]}`,
    ` kernel_misc_reclaimable:${v[C.nr_kernel_misc_reclaimable]}`,
    ` free:${v[C.nr_free_pages]} free_pcp:${free_pcp} free_cma:0`,
  ]
  for (const line of lines) printk(k, line)
}

function kB(pages: number): string {
  return `${pages * 4}kB`
}

function show_node(k: Kernel): void {
  const v = k.vmstat
  const failures = pgdat(k).kswapd_failures
  printk(
    k,
    `Node 0 active_anon:${kB(v[C.nr_active_anon]!)} inactive_anon:${kB(v[C.nr_inactive_anon]!)}` +
      ` active_file:${kB(v[C.nr_active_file]!)} inactive_file:${kB(v[C.nr_inactive_file]!)}` +
      ` unevictable:${kB(v[C.nr_unevictable]!)} isolated(anon):${kB(v[C.nr_isolated_anon]!)}` +
      ` isolated(file):${kB(v[C.nr_isolated_file]!)} mapped:${kB(v[C.nr_mapped]!)} dirty:${kB(v[C.nr_dirty]!)}` +
      ` writeback:${kB(v[C.nr_writeback]!)} shmem:${kB(v[C.nr_shmem]!)} shmem_thp: ${kB(v[C.nr_shmem_hugepages]! * 512)}` +
      ` shmem_pmdmapped: ${kB(v[C.nr_shmem_pmdmapped]! * 512)}` +
      ` anon_thp: ${kB(v[C.nr_anon_transparent_hugepages]! * 512)} writeback_tmp:${kB(v[C.nr_writeback_temp]!)}` +
      ` kernel_stack:${v[C.nr_kernel_stack]}kB pagetables:${kB(v[C.nr_page_table_pages]!)}` +
      ` sec_pagetables:${kB(v[C.nr_sec_page_table_pages]!)}` +
      ` all_unreclaimable? ${failures >= MAX_RECLAIM_RETRIES ? 'yes' : 'no'}`,
  )
}

function show_zone(k: Kernel, zone: number): void {
  const row = zone + 1
  const stat = (item: number): string => kB(k.zone.stat[row * NR_ZONE_STATS + item]!)
  printk(
    k,
    `Node 0 ${ZONE_NAMES[zone]} free:${kB(k.zone.nr_free[row]!)} boost:${kB(k.zone.watermark_boost[row]!)}` +
      ` min:${kB(wmark_pages(k, zone, WMARK_MIN))} low:${kB(wmark_pages(k, zone, WMARK_LOW))}` +
      ` high:${kB(wmark_pages(k, zone, WMARK_HIGH))} reserved_highatomic:${k.zone.nr_reserved_highatomic[row]! * 4}KB` +
      ` active_anon:${stat(C.nr_zone_active_anon)} inactive_anon:${stat(C.nr_zone_inactive_anon)}` +
      ` active_file:${stat(C.nr_zone_active_file)} inactive_file:${stat(C.nr_zone_inactive_file)}` +
      ` unevictable:${stat(C.nr_zone_unevictable)} writepending:${stat(C.nr_zone_write_pending)}` +
      ` present:${kB(k.zone.present_pages[row]!)} managed:${kB(k.zone.managed_pages[row]!)}` +
      ` mlocked:${stat(C.nr_mlock)} bounce:0kB free_pcp:${kB(nr_pcp_pages(k, zone))}` +
      ` local_pcp:${kB(k.pcp_set.count[pcp_set_of(k.var.cpu, zone)]!)} free_cma:0kB`,
  )
  const reserve = k.zone.lowmem_reserve.subarray(row * 4, row * 4 + 4)
  printk(k, `lowmem_reserve[]: ${reserve.join(' ')} ${reserve[3]}`)
}

/** Free blocks by order with the types they are of: `5*4kB (U) 2*8kB (UE) …`. */
function show_orders(k: Kernel, zone: number): void {
  let line = `Node 0 ${ZONE_NAMES[zone]}: `
  let total = 0
  for (let order = 0; order < MAX_ORDER; order++) {
    let nr = 0
    let types = ''
    for (let mt = 0; mt < MIGRATE_TYPES; mt++) {
      const free = k.free_area.nr_free[free_list(zone, mt, order)]!
      nr += free
      if (free > 0) types += TYPE_LETTERS[mt]!
    }
    total += nr * 2 ** order
    line += `${nr}*${4 * 2 ** order}kB ${nr > 0 ? `(${types}) ` : ''}`
  }
  printk(k, `${line}= ${kB(total)}`)
}

function show_rest(k: Kernel): void {
  const swap = si_swapinfo(k)
  let present = 0
  for (let row = 1; row <= MAX_NR_ZONES; row++) present += k.zone.present_pages[row]!
  const lines = [
    `${k.vmstat[C.nr_file_pages]} total pagecache pages`,
    `${k.vmstat[C.nr_swapcached]} pages in swap cache`,
    `Free swap  = ${swap.free * 4}kB`,
    `Total swap = ${swap.total * 4}kB`,
    `${present} pages RAM`,
    '0 pages HighMem/MovableOnly',
    `${present - k.var.totalram_pages} pages reserved`,
    '0 pages hwpoisoned',
  ]
  for (const line of lines) printk(k, line)
}
