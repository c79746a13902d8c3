/** Steps of the machine. */
import { STEP_NS, type Kernel } from '../kernel'

/** What runs in user mode: `step` lets a task's program go on until its slice is over, it sleeps or it is gone. */
export interface Programs {
  step(k: Kernel, t: number): void
  /** An event of the scenario is due. */
  event(k: Kernel, index: number): void
}

/** One quantum of 4 ms on every CPU. */
export function run_step(k: Kernel, _programs: Programs): void {
  k.var.step++
  k.var.now = k.var.step * STEP_NS
}
