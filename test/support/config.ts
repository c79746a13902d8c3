/** What a small machine of a test is made of: one CPU, no swap, lab's bare user space. */
import type { MachineConfig } from '../../src-main/kernel/kernel'

export function bareConfig(options: Partial<MachineConfig> = {}): MachineConfig {
  return {
    ram: 256 * 2 ** 20,
    cpus: 1,
    swap: [],
    disk: 'ssd',
    thp: 'never',
    seed: 1,
    bare: true,
    bootParams: [],
    psi: false,
    ...options,
  }
}
