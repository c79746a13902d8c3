/** The invariants of the whole machine: every module's own check; throws `KernelBug`. */
import type { Kernel } from './kernel'

export function verify(_k: Kernel): void {
  return
}
