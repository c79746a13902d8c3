/** Limits that follow from the size of the machine. */
import type { Kernel } from './kernel'

/** An eighth of the memory that was free when fork was set up may go into 16 KiB stacks (kernel/fork.c, set_max_threads). */
export function max_threads(k: Kernel): number {
  return k.var.sysctl['kernel.threads-max']!
}
export function default_max_threads(totalram_pages: number): number {
  return Math.max(20, Math.floor((totalram_pages * 4096) / (16384 * 8)))
}
