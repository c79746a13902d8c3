/**
 * Pages in vmalloc areas, for VmallocUsed of /proc/meminfo: what boot keeps there, and the stacks of all threads.
 *
 * Linux: mm/vmalloc.c (vmalloc_nr_pages), kernel/fork.c (alloc_thread_stack_node, NR_CACHED_STACKS).
 * Simplified: no addresses; areas that come and go (swap maps, large kvmalloc) are counted by whoever takes them, not here.
 */
import { C } from '@shared/counters'
import type { Kernel } from '../kernel'
import { chunk_table_pages } from './percpu'

/** One pack of 2 MiB that all BPF programs share; sock_init (a core_initcall) makes the first of them. */
export const BPF_PACK_PAGES = 512
/** Two buffers of 128 KiB a CPU for compression (crypto/scompress.c). */
const SCOMP_SCRATCH_PAGES = 64
/** Pools of DMA and ACPI maps, a terminal's buffers, a BPF program, a small per-CPU chunk's table. */
const OTHER_PAGES = 13
/** The stack of a task that ended waits on its CPU for the next. */
const CACHED_STACK_PAGES = 4

/** Pages of areas that boot makes, without the threads' stacks. */
export function vmalloc_boot_pages(k: Kernel): number {
  const per_cpu = SCOMP_SCRATCH_PAGES + CACHED_STACK_PAGES
  return BPF_PACK_PAGES + OTHER_PAGES + chunk_table_pages(k) + per_cpu * k.config.cpus
}

export function vmalloc_nr_pages(k: Kernel): number {
  return vmalloc_boot_pages(k) + k.vmstat[C.nr_kernel_stack]! / 4
}
