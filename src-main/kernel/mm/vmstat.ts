/**
 * What /proc/meminfo and /proc/vmstat say, from the counters. Counters are exact at any moment: Linux folds per-CPU
 * differences in once a second, which nothing here needs.
 *
 * Linux: fs/proc/meminfo.c (meminfo_proc_show), arch/x86/mm/pat/set_memory.c (arch_report_meminfo), mm/vmstat.c.
 */
import { C, MEMINFO, type MeminfoName } from '@shared/counters'
import { type Kernel } from '../kernel'
import { direct_map_splits } from './direct_map'
import { si_mem_available } from './page_alloc'
import { pcpu_nr_pages } from './percpu'
import { si_swapinfo } from './swapfile'
import { vm_commit_limit } from './util'
import { vmalloc_nr_pages } from './vmalloc'

/** 4-KiB entries of the kernel's direct map: what set_memory split for text, read-only data and the ends of RAM. */
const DIRECT_MAP_4K_KB = 24448
/** 32 TiB, 12800 TiB with five-level page tables. */
const VMALLOC_TOTAL_KB = 34359738367
const VMALLOC_TOTAL_L5_KB = 13743895347199

/** State of the hugetlb pools as /proc/meminfo shows it: pages of the default size, and kB of all sizes. */
export interface HugetlbMeminfo {
  total: number
  free: number
  rsvd: number
  surp: number
  hugepagesize_kb: number
  hugetlb_kb: number
}
const NO_HUGETLB: HugetlbMeminfo = { total: 0, free: 0, rsvd: 0, surp: 0, hugepagesize_kb: 2048, hugetlb_kb: 0 }

/** /proc/meminfo by name, in the units it prints. */
export function meminfo(k: Kernel): Record<MeminfoName, number> {
  const out = new Float64Array(MEMINFO.length)
  meminfo_into(k, out, 0)
  return Object.fromEntries(MEMINFO.map(([name], i) => [name, out[i]])) as Record<MeminfoName, number>
}

/** The same into `out[at…]`, in MEMINFO's order. */
export function meminfo_into(k: Kernel, out: Float64Array, at: number): void {
  const v = k.vmstat
  let i = at
  const pages = (nr: number): void => {
    out[i++] = nr * 4
  }
  const plain = (value: number): void => {
    out[i++] = value
  }
  const swap = si_swapinfo(k)
  const zswap = k.var.mod['zswap'] as { pool_pages?: number; stored_pages?: number } | undefined
  const huge = (k.var.mod['hugetlb_meminfo'] as HugetlbMeminfo | undefined) ?? NO_HUGETLB
  const direct_4k = Math.min(DIRECT_MAP_4K_KB + direct_map_splits(k) * 2048, k.var.max_pfn * 4)

  pages(k.var.totalram_pages)
  pages(v[C.nr_free_pages]!)
  pages(si_mem_available(k))
  pages(k.var.blockdev_pages)
  pages(Math.max(0, v[C.nr_file_pages]! - v[C.nr_swapcached]! - k.var.blockdev_pages))
  pages(v[C.nr_swapcached]!)
  pages(v[C.nr_active_anon]! + v[C.nr_active_file]!)
  pages(v[C.nr_inactive_anon]! + v[C.nr_inactive_file]!)
  pages(v[C.nr_active_anon]!)
  pages(v[C.nr_inactive_anon]!)
  pages(v[C.nr_active_file]!)
  pages(v[C.nr_inactive_file]!)
  pages(v[C.nr_unevictable]!)
  pages(v[C.nr_mlock]!)
  pages(swap.total)
  pages(swap.free)
  pages(zswap?.pool_pages ?? 0)
  pages(zswap?.stored_pages ?? 0)
  pages(v[C.nr_dirty]!)
  pages(v[C.nr_writeback]!)
  pages(v[C.nr_anon_pages]!)
  pages(v[C.nr_mapped]!)
  pages(v[C.nr_shmem]!)
  pages(v[C.nr_slab_reclaimable]! + v[C.nr_kernel_misc_reclaimable]!)
  pages(v[C.nr_slab_reclaimable]! + v[C.nr_slab_unreclaimable]!)
  pages(v[C.nr_slab_reclaimable]!)
  pages(v[C.nr_slab_unreclaimable]!)
  plain(v[C.nr_kernel_stack]!)
  pages(v[C.nr_page_table_pages]!)
  pages(v[C.nr_sec_page_table_pages]!)
  plain(0) // NFS_Unstable
  pages(v[C.nr_bounce]!)
  pages(v[C.nr_writeback_temp]!)
  pages(vm_commit_limit(k))
  pages(Math.max(0, k.var.committed_as))
  plain(k.la57 ? VMALLOC_TOTAL_L5_KB : VMALLOC_TOTAL_KB)
  pages(vmalloc_nr_pages(k))
  plain(0) // VmallocChunk
  pages(pcpu_nr_pages(k))
  plain(0) // HardwareCorrupted
  pages(v[C.nr_anon_transparent_hugepages]! * 512)
  pages(v[C.nr_shmem_hugepages]! * 512)
  pages(v[C.nr_shmem_pmdmapped]! * 512)
  pages(v[C.nr_file_hugepages]! * 512)
  pages(v[C.nr_file_pmdmapped]! * 512)
  plain(huge.total)
  plain(huge.free)
  plain(huge.rsvd)
  plain(huge.surp)
  plain(huge.hugepagesize_kb)
  plain(huge.hugetlb_kb)
  plain(direct_4k)
  plain(k.var.max_pfn * 4 - direct_4k - hole_kb(k))
}

/** Physical addresses below max_pfn that hold no RAM and are not mapped. */
function hole_kb(k: Kernel): number {
  const spanned = k.zone.spanned_pages
  const present = k.zone.present_pages
  // The first MiB is mapped whole; the PCI hole below 4 GiB is not.
  return (spanned[2]! - present[2]! + (spanned[3]! - present[3]!)) * 4
}
