/** A machine with memory and nothing else: zones, slab caches and what the kernel keeps after boot. */
import { open_kernel, type Kernel, type MachineConfig } from '../../../src-main/kernel/kernel'
import { free_initmem, mm_init, verify_page_alloc } from '../../../src-main/kernel/mm/page_alloc'
import { verify_slub } from '../../../src-main/kernel/mm/verify_slub'
import { bareConfig } from '../../support/config'

export function machine(ram_mib: number, options: Partial<MachineConfig> = {}): Kernel {
  return open_kernel(bareConfig({ ram: ram_mib * 2 ** 20, shell: true, ...options }))
}

export function bootMemory(ram_mib: number, options: Partial<MachineConfig> = {}): Kernel {
  const k = machine(ram_mib, options)
  mm_init(k)
  free_initmem(k)
  return k
}

export function verifyMemory(k: Kernel): void {
  verify_page_alloc(k)
  verify_slub(k)
}

/** A small generator for tests that want many operations and one seed. */
export function random(seed: number): (below: number) => number {
  let x = seed | 1
  return (below) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}
