/**
 * Kernel stacks: 16 KiB of single frames in vmalloc space for each task. A CPU keeps two stacks of dead tasks for the
 * next fork; others go after a grace period.
 *
 * Linux: kernel/fork.c (alloc_thread_stack_node, thread_stack_free_rcu, try_release_thread_stack_to_cache).
 */
import { C } from '@shared/counters'
import { __GFP_ZERO, GFP_KERNEL, type Kernel } from '../kernel'
import { thread_stack_delayed_free } from '../rcu/callbacks'
import { memcg_kmem_charge, memcg_kmem_uncharge } from './memcg_kmem'
import { free_page } from './page_alloc'
import { vm_area_alloc_pages } from './vmalloc'

const STACK_PAGES = 4
const NR_CACHED_STACKS = 2

/** Stacks of dead tasks that wait for the next fork on a CPU: first frames. */
function cached_stacks(k: Kernel): number[][] {
  return (k.var.mod['cached_stacks'] ??= []) as number[][]
}

/** Four frames, chained through `private`; from the CPU's cache when it has one. */
export function alloc_thread_stack(k: Kernel, t: number): boolean {
  const first = cached_stacks(k)[k.var.cpu]?.pop() ?? new_stack(k)
  if (first === 0) return false
  if (!memcg_charge_kernel_stack(k, first)) {
    free_stack_pages(k, first)
    return false
  }
  k.task.stack_pfn[t] = first
  k.vmstat[C.nr_kernel_stack]! += STACK_PAGES * 4
  return true
}
/** The area is charged afterwards, so that its pages can come in one go. */
function new_stack(k: Kernel): number {
  const pages = vm_area_alloc_pages(k, GFP_KERNEL | __GFP_ZERO, STACK_PAGES)
  return pages?.reduceRight((next, pfn) => ((k.page.private[pfn] = next), pfn), 0) ?? 0
}

/** A stack is its maker's cgroup's, cached or new. */
function memcg_charge_kernel_stack(k: Kernel, first: number): boolean {
  for (let pfn = first; pfn !== 0; pfn = k.page.private[pfn]!)
    if (!memcg_kmem_charge(k, pfn, 0, GFP_KERNEL)) return false
  return true
}

/** The stack goes to the CPU's cache, or, after a grace period, there or back to the allocator. */
export function put_task_stack(k: Kernel, t: number): void {
  const first = k.task.stack_pfn[t]!
  if (first === 0) return
  k.task.stack_pfn[t] = 0
  k.vmstat[C.nr_kernel_stack]! -= STACK_PAGES * 4
  for (let pfn = first; pfn !== 0; pfn = k.page.private[pfn]!) memcg_kmem_uncharge(k, pfn)
  if (!try_release_thread_stack_to_cache(k, first)) thread_stack_delayed_free(k, first)
}
function try_release_thread_stack_to_cache(k: Kernel, first: number): boolean {
  const cache = (cached_stacks(k)[k.var.cpu] ??= [])
  if (cache.length >= NR_CACHED_STACKS) return false
  cache.push(first)
  return true
}
/** thread_stack_free_rcu. */
export function release_thread_stack(k: Kernel, first: number): void {
  if (!try_release_thread_stack_to_cache(k, first)) free_stack_pages(k, first)
}

function free_stack_pages(k: Kernel, first: number): void {
  for (let pfn = first; pfn !== 0;) {
    const next = k.page.private[pfn]!
    k.page.private[pfn] = 0
    free_page(k, pfn)
    pfn = next
  }
}
