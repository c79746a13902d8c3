/** zoneinfo, buddyinfo, pagetypeinfo (mm/vmstat.c) and slabinfo (mm/slab_common.c). */
import { VMSTAT } from '@shared/counters'
import { MAX_NR_ZONES, MAX_ORDER, MIGRATE_TYPES, type Kernel } from '../kernel'
import { area_nr_free, free_list } from '../mm/buddy'
import { extfrag_index, unusable_free_index } from '../mm/extfrag'
import { zone_page_state } from '../mm/page_alloc'
import { all_caches } from '../mm/slab_common'
import { slabinfo_row } from '../mm/slabinfo'

export const ZONE_NAMES = ['DMA', 'DMA32', 'Normal', 'Movable', 'Device'] as const
const TYPE_NAMES = ['Unmovable', 'Movable', 'Reclaimable', 'HighAtomic', 'Isolate'] as const
/** The per-zone names end before the NUMA events, the per-node ones before the dirty thresholds. */
const NR_ZONE_ITEMS = 11
const NR_NUMA_ITEMS = 6
const FIRST_NODE_ITEM = 17
const NR_NODE_ITEMS = VMSTAT.findIndex(([name]) => name === 'nr_dirty_threshold') - FIRST_NODE_ITEM

export function zoneinfo_text(k: Kernel): string {
  let text = ''
  let node = false
  for (let zone = 0; zone < ZONE_NAMES.length; zone++) {
    const populated = zone < MAX_NR_ZONES && k.zone.present_pages[zone + 1]! > 0
    text += `Node 0, zone ${ZONE_NAMES[zone]!.padStart(8)}`
    if (populated && !node) {
      node = true
      text += `\n  per-node stats${node_rows(k)}`
    }
    text += zone_rows(k, zone)
    if (populated) text += zone_details(k, zone)
    text += '\n'
  }
  return text
}

function node_rows(k: Kernel): string {
  let text = ''
  for (let i = 0; i < NR_NODE_ITEMS; i++) text += item(VMSTAT[FIRST_NODE_ITEM + i]![0], k.vmstat[FIRST_NODE_ITEM + i]!)
  return text
}
function item(name: string, value: number): string {
  return `\n      ${name.padEnd(12)} ${value}`
}

function zone_rows(k: Kernel, zone: number): string {
  const z = k.zone
  const r = zone + 1
  const real = zone < MAX_NR_ZONES
  const v = (value: number | undefined): number => (real ? (value ?? 0) : 0)
  const boost = v(z.watermark_boost[r])
  const protection = [0, 1, 2, 3, 3].map((j) => v(z.lowmem_reserve[r * 4 + j])).join(', ')
  return (
    `\n  pages free     ${v(z.nr_free[r])}\n        boost    ${boost}` +
    `\n        min      ${v(z.watermark[r * 3]) + boost}\n        low      ${v(z.watermark[r * 3 + 1]) + boost}` +
    `\n        high     ${v(z.watermark[r * 3 + 2]) + boost}\n        spanned  ${v(z.spanned_pages[r])}` +
    `\n        present  ${v(z.present_pages[r])}\n        managed  ${v(z.managed_pages[r])}\n        cma      0` +
    `\n        protection: (${protection})`
  )
}

function zone_details(k: Kernel, zone: number): string {
  let text = ''
  for (let i = 0; i < NR_ZONE_ITEMS; i++) text += item(VMSTAT[i]![0], zone_page_state(k, zone, i))
  for (let i = 0; i < NR_NUMA_ITEMS; i++) {
    const name = VMSTAT[NR_ZONE_ITEMS + i]![0]
    const local = name === 'numa_hit' || name === 'numa_local'
    text += item(name, local ? zone_page_state(k, zone, NR_ZONE_ITEMS) : 0)
  }
  text += '\n  pagesets'
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const set = 1 + cpu * MAX_NR_ZONES + zone
    text += `\n    cpu: ${cpu}\n              count: ${k.pcp_set.count[set]}\n              high:  ${k.zone.pcp_high[zone + 1]}\n              batch: ${k.zone.pcp_batch[zone + 1]}`
    text += `\n  vm stats threshold: ${stat_threshold(k, zone)}`
  }
  return `${text}\n  node_unreclaimable:  0\n  start_pfn:           ${k.zone.start_pfn[zone + 1]}`
}

/** calculate_normal_threshold. */
function stat_threshold(k: Kernel, zone: number): number {
  const fls = (v: number): number => 32 - Math.clz32(v)
  const mem = Math.floor(k.zone.managed_pages[zone + 1]! / 2 ** 15)
  return Math.min(125, 2 * fls(k.config.cpus) * (1 + fls(mem)))
}

export function buddyinfo_text(k: Kernel): string {
  let text = ''
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.present_pages[zone + 1] === 0) continue
    text += `Node 0, zone ${ZONE_NAMES[zone]!.padStart(8)} `
    for (let order = 0; order < MAX_ORDER; order++) text += `${String(area_nr_free(k, zone, order)).padStart(6)} `
    text += '\n'
  }
  return text
}

export function pagetypeinfo_text(k: Kernel): string {
  let text = 'Page block order: 9\nPages per block:  512\n\n'
  text += `${'Free pages count per migrate type at order'.padEnd(44)}`
  for (let order = 0; order < MAX_ORDER; order++) text += `${String(order).padStart(6)} `
  text += '\n'
  const zones = [0, 1, 2].filter((zone) => k.zone.present_pages[zone + 1]! > 0)
  for (const zone of zones)
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      text += `Node    0, zone ${ZONE_NAMES[zone]!.padStart(8)}, type ${TYPE_NAMES[type]!.padStart(12)} `
      for (let order = 0; order < MAX_ORDER; order++)
        text += `${free_count(k.free_area.nr_free[free_list(zone, type, order)]!)} `
      text += '\n'
    }
  text += `\n${'Number of blocks type'.padEnd(22)} ${TYPE_NAMES.map((name) => `${name.padStart(12)} `).join('')}\n`
  for (const zone of zones) {
    const counts = pageblocks(k, zone)
    text += `Node 0, zone ${ZONE_NAMES[zone]!.padStart(8)} ${counts.map((c) => `${String(c).padStart(12)} `).join('')}\n`
  }
  return text
}

/** pagetypeinfo_showfree_print counts a list up to 100,000 blocks and no further, for it holds the zone's lock. */
function free_count(nr: number): string {
  return nr >= 100_000 ? '>100000' : String(nr).padStart(6)
}

/** /sys/kernel/debug/extfrag/extfrag_index: why a request of each order would fail (-1.000: it would not). */
export function extfrag_index_text(k: Kernel): string {
  return per_order(k, extfrag_index)
}
/** /sys/kernel/debug/extfrag/unusable_index: the share of free memory that is of no use to each order. */
export function unusable_index_text(k: Kernel): string {
  return per_order(k, unusable_free_index)
}
function per_order(k: Kernel, index: (k: Kernel, zone: number, order: number) => number): string {
  let text = ''
  for (let zone = 0; zone < MAX_NR_ZONES; zone++) {
    if (k.zone.present_pages[zone + 1] === 0) continue
    text += `Node 0, zone ${ZONE_NAMES[zone]!.padStart(8)} `
    for (let order = 0; order < MAX_ORDER; order++) text += `${(index(k, zone, order) / 1000).toFixed(3)} `
    text += '\n'
  }
  return text
}

function pageblocks(k: Kernel, zone: number): number[] {
  const counts = new Array<number>(MIGRATE_TYPES).fill(0)
  const start = k.zone.start_pfn[zone + 1]!
  const end = start + k.zone.spanned_pages[zone + 1]!
  for (let pfn = start; pfn < end; pfn = (Math.floor(pfn / 512) + 1) * 512)
    counts[k.pageblock.migratetype[pfn >> 9]!]!++
  return counts
}

export function slabinfo_text(k: Kernel): string {
  let text = 'slabinfo - version: 2.1\n'
  text +=
    '# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n'
  for (const cache of all_caches(k)) {
    const s = slabinfo_row(k, cache)
    const n = (v: number, width: number): string => String(v).padStart(width)
    text += `${s.name.padEnd(17)} ${n(s.active_objs, 6)} ${n(s.num_objs, 6)} ${n(s.objsize, 6)} ${n(s.objperslab, 4)} ${n(s.pagesperslab, 4)}`
    text += ` : tunables ${n(0, 4)} ${n(0, 4)} ${n(0, 4)} : slabdata ${n(s.active_slabs, 6)} ${n(s.num_slabs, 6)} ${n(0, 6)}\n`
  }
  return text
}
