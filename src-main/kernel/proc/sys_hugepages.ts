/**
 * /sys/kernel/mm/hugepages and its twin below the node: one folder a page size (mm/hugetlb.c, hugetlb_sysfs_init).
 * Simplified: no demote_size choice, for there is one smaller size.
 */
import type { Kernel } from '../kernel'
import { EACCES, EINVAL, ERANGE } from '../uapi'
import {
  demote_pool_huge_pages,
  HSTATE_1G,
  hstate_of,
  pages_per_huge_page,
  persistent_huge_pages,
  set_max_huge_pages,
  set_overcommit_huge_pages,
  type Hstate,
} from '../mm/hugetlb_pool'

export interface Attribute {
  readonly read: (k: Kernel) => string | number
  readonly write?: (k: Kernel, text: string) => number
  /** Permission bits where they are not the usual 0444, 0644. */
  readonly mode?: number
}
export type Tree = Map<string, Attribute>

const NR_HSTATES = 2

export function hugepages_attributes(k: Kernel, map: Tree): void {
  for (let i = 0; i < NR_HSTATES; i++) {
    const folder = `hugepages-${pages_per_huge_page(hstate_of(k, i)) * 4}kB`
    const show = (name: string, get: (h: Hstate) => number, set?: (k: Kernel, value: number) => number): void => {
      const attribute = number_file((kk) => get(hstate_of(kk, i)), set)
      map.set(`kernel/mm/hugepages/${folder}/${name}`, attribute)
      if (NODE_FILES.has(name)) map.set(`devices/system/node/node0/hugepages/${folder}/${name}`, attribute)
    }
    const resize = (kk: Kernel, value: number): number => {
      set_max_huge_pages(kk, i, value)
      return 0
    }
    show('free_hugepages', (h) => h.free.length)
    show('nr_hugepages', persistent_huge_pages, resize)
    show('nr_hugepages_mempolicy', persistent_huge_pages, resize)
    show(
      'nr_overcommit_hugepages',
      (h) => h.overcommit,
      (kk, value) => set_overcommit_huge_pages(kk, i, value),
    )
    show('resv_hugepages', (h) => h.resv)
    show('surplus_hugepages', (h) => h.surplus)
    if (i !== HSTATE_1G) continue
    map.set(`kernel/mm/hugepages/${folder}/demote`, {
      read: () => -EACCES,
      mode: 0o200,
      write: (kk, text) => number_write(kk, text, demote),
    })
    map.set(`kernel/mm/hugepages/${folder}/demote_size`, { read: () => '2048kB\n' })
  }
}
const NODE_FILES = new Set(['free_hugepages', 'nr_hugepages', 'surplus_hugepages'])

function demote(k: Kernel, value: number): number {
  demote_pool_huge_pages(k, value)
  return 0
}

/** A file that holds one number; without `set` it is read-only. */
export function number_file(get: (k: Kernel) => number, set?: (k: Kernel, value: number) => number): Attribute {
  const read = (k: Kernel): string => `${get(k)}\n`
  return set === undefined ? { read } : { read, write: (k, text) => number_write(k, text, set) }
}
function number_write(k: Kernel, text: string, set: (k: Kernel, value: number) => number): number {
  const value = kstrtoul(text)
  return value < 0 ? value : set(k, value)
}

/** lib/kstrtox.c: digits, a plus before and a newline behind at most; what 64 bits do not hold is out of range. */
export function kstrtoul(text: string): number {
  const digits = /^\+?(\d+)\n?$/.exec(text)?.[1]
  if (digits === undefined) return -EINVAL
  return BigInt(digits) >= 2n ** 64n ? -ERANGE : Number(digits)
}
