/**
 * Pages in vmalloc areas, for VmallocUsed of /proc/meminfo: what boot keeps there, and the stacks of all threads.
 *
 * Linux: mm/vmalloc.c (vmalloc_nr_pages, vm_area_alloc_pages), kernel/fork.c (alloc_thread_stack_node, NR_CACHED_STACKS).
 * Simplified: no addresses; an area's pages are found by the handle its owner keeps.
 */
import { C } from '@shared/counters'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { alloc_page, alloc_pages_bulk, free_page } from './page_alloc'
import { chunk_table_pages } from './percpu'

/** One pack of 2 MiB that all BPF programs share; sock_init (a core_initcall) makes the first of them. */
export const BPF_PACK_PAGES = 512
/** Two buffers of 128 KiB a CPU for compression (crypto/scompress.c). */
const SCOMP_SCRATCH_PAGES = 64
/** Pools of DMA and ACPI maps, a terminal's buffers, a BPF program, a small per-CPU chunk's table. */
const OTHER_PAGES = 13
/** The stack of a task that ended waits on its CPU for the next. */
const CACHED_STACK_PAGES = 4

/** Pages of one request: the lists' lock is not held for longer. */
const BULK_PAGES = 100

/** Pages of areas that boot makes, without the threads' stacks. */
export function vmalloc_boot_pages(k: Kernel): number {
  const per_cpu = SCOMP_SCRATCH_PAGES + CACHED_STACK_PAGES
  return BPF_PACK_PAGES + OTHER_PAGES + chunk_table_pages(k) + per_cpu * k.config.cpus
}

export function vmalloc_nr_pages(k: Kernel): number {
  return vmalloc_boot_pages(k) + k.vmstat[C.nr_kernel_stack]! / 4 + k.var.vmalloc_pages
}

/** Single pages for an area of `bytes`: their frames, or null when there is no memory (nothing is kept then). */
export function vmalloc(k: Kernel, bytes: number): number[] | null {
  const area = vm_area_alloc_pages(k, GFP_KERNEL, Math.ceil(bytes / 4096))
  if (area !== null) k.var.vmalloc_pages += area.length
  return area
}
export function vfree(k: Kernel, area: readonly number[]): void {
  for (const pfn of area) free_page(k, pfn)
  k.var.vmalloc_pages -= area.length
}

/** vm_area_alloc_pages: `nr` single pages, up to a hundred at a time while that works, all or none. */
export function vm_area_alloc_pages(k: Kernel, gfp: number, nr: number): number[] | null {
  const got: number[] = []
  while (got.length < nr) {
    const request = Math.min(BULK_PAGES, nr - got.length)
    if (alloc_pages_bulk(k, gfp, request, got) !== request) break
  }
  return alloc_rest(k, gfp, nr, got)
}
/** `nr` pages one by one, all or none. */
export function alloc_single_pages(k: Kernel, nr: number): number[] | null {
  return alloc_rest(k, GFP_KERNEL, nr, [])
}
function alloc_rest(k: Kernel, gfp: number, nr: number, got: number[]): number[] | null {
  while (got.length < nr) {
    const pfn = alloc_page(k, gfp)
    if (pfn === 0) {
      for (const page of got) free_page(k, page)
      return null
    }
    got.push(pfn)
  }
  return got
}
