/**
 * The memory report in the kernel log: Mem-Info, one line a node and zone, free blocks by order.
 *
 * Linux: mm/page_alloc.c (show_free_areas), lib/show_mem.c.
 */
import type { Kernel } from '../kernel'

export function show_mem(_k: Kernel): void {}
