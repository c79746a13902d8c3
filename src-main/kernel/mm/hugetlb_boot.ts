/**
 * The pools at boot: what the command line asks for.
 *
 *     hugepages=16                                      16 pages of the default size
 *     hugepagesz=1G hugepages=2 hugepagesz=2M hugepages=64    of each size
 *     default_hugepagesz=1G hugepages=2                 and the size that MAP_HUGETLB and meminfo mean
 *
 * Gigantic pages are taken from memblock while the map is still whole, and count as managed memory once the pools exist.
 *
 * Linux: mm/hugetlb.c (hugepagesz_setup, hugepages_setup, alloc_bootmem_huge_page, gather_bootmem_prealloc, hugetlb_init).
 */
import { PG_reserved, type Kernel } from '../kernel'
import { printk } from '../task'
import {
  HSTATE_1G,
  HSTATE_2M,
  hstate_is_gigantic,
  hstate_of,
  huge_state,
  pages_per_huge_page,
  prep_new_huge_page,
  publish,
  set_max_huge_pages,
} from './hugetlb_pool'
import { PAGE_SIZE } from '../constants'
import { memblock_find, memblock_reserve, type Memblock } from './memblock'

interface Request {
  readonly h: number
  readonly count: number
}
const SIZES: Readonly<Record<string, number>> = { '2M': HSTATE_2M, '1G': HSTATE_1G }
const NAMES = ['2.00 MiB', '1.00 GiB'] as const

/** Reads the command line in its order; `hugepages=` belongs to the size named last, else to the default. */
export function hugetlb_parse(params: readonly string[]): {
  default_hstate: number
  requests: Request[]
  bad: string[]
} {
  let default_hstate = HSTATE_2M
  let parsed: number | undefined = HSTATE_2M
  let named = false
  let taken = false
  const requests: { h: number; count: number; follows_default: boolean }[] = []
  const bad: string[] = []
  for (const param of params.flatMap((p) => p.split(/\s+/))) {
    const [name, value = ''] = param.split('=')
    const size = SIZES[value.toUpperCase().replace('2048K', '2M').replace('1024M', '1G')]
    if (name === 'hugepagesz' || name === 'default_hugepagesz') {
      if (size === undefined) bad.push(`HugeTLB: unsupported ${name}=${value}`)
      parsed = size
      named = true
      taken = false
      if (name === 'default_hugepagesz' && size !== undefined) default_hstate = size
    } else if (name === 'hugepages') {
      if (parsed === undefined) bad.push(`HugeTLB: hugepages=${value} does not follow a valid hugepagesz, ignoring`)
      else if (taken) bad.push(`HugeTLB: hugepages= specified twice without interleaving hugepagesz=, ignoring`)
      else if (/^\d+$/.test(value)) requests.push({ h: parsed, count: Number(value), follows_default: !named })
      taken = true
    }
  }
  return {
    default_hstate,
    requests: requests.map(({ h, count, follows_default }) => ({ h: follows_default ? default_hstate : h, count })),
    bad,
  }
}

/** Before the hand-over of memory: gigantic pages as high as they fit, aligned to themselves. */
export function hugetlb_hstate_alloc_bootmem(k: Kernel, block: Memblock): void {
  const { default_hstate, requests, bad } = hugetlb_parse(k.config.bootParams)
  if (default_hstate === HSTATE_2M && requests.length === 0 && bad.length === 0) return
  huge_state(k).default_hstate = default_hstate
  for (const text of bad) printk(k, text)
  const boot: number[] = []
  for (const { h, count } of requests) {
    const pages = pages_per_huge_page(hstate_of(k, h))
    if (!hstate_is_gigantic(hstate_of(k, h))) continue
    let got = 0
    for (; got < count; got++) {
      const bytes = pages * PAGE_SIZE
      const start = memblock_find(block, bytes, bytes, 0, Infinity)
      if (start === 0) break
      memblock_reserve(block, start, start + bytes)
      boot.push(start / PAGE_SIZE)
    }
    if (got < count) report_failed(k, h, count, got)
  }
  if (boot.length > 0) k.var.mod['hugetlb_boot'] = boot
}

/** Frames that gigantic pages hold before the pools exist: not memory yet for those who ask early. */
export function hugetlb_boot_pages(k: Kernel): number {
  const boot = (k.var.mod['hugetlb_boot'] as number[] | undefined) ?? []
  return boot.length * pages_per_huge_page(hstate_of(k, HSTATE_1G))
}

/** The pools are filled; `managed` counts a range of frames as memory. */
export function hugetlb_init(k: Kernel, managed: (start: number, end: number) => void): void {
  for (const pfn of (k.var.mod['hugetlb_boot'] as number[] | undefined) ?? []) {
    const h = hstate_of(k, HSTATE_1G)
    const end = pfn + pages_per_huge_page(h)
    for (let p = pfn; p < end; p++) k.page.flags[p]! &= ~PG_reserved
    prep_new_huge_page(k, h, pfn)
    managed(pfn, end)
  }
  for (const { h, count } of hugetlb_parse(k.config.bootParams).requests) {
    if (hstate_is_gigantic(hstate_of(k, h))) continue
    set_max_huge_pages(k, h, count)
    if (hstate_of(k, h).nr < count) report_failed(k, h, count, hstate_of(k, h).nr)
  }
  publish(k, huge_state(k))
  for (const h of [HSTATE_1G, HSTATE_2M])
    printk(k, `HugeTLB: registered ${NAMES[h]} page size, pre-allocated ${hstate_of(k, h).nr} pages`)
}

function report_failed(k: Kernel, h: number, count: number, got: number): void {
  printk(k, `HugeTLB: allocating ${count} of page size ${NAMES[h]} failed.  Only allocated ${got} hugepages.`)
}
