/** The map of the machine: opens the state, then calls every module's init in the order of dependency. */
import { open_kernel, type Kernel, type MachineConfig } from './kernel'

export function boot(config: MachineConfig): Kernel {
  return open_kernel(config)
}
