/**
 * What the log of a boot says about memory: the firmware's map, zones, hash tables, what is free of how much.
 *
 * Linux: arch/x86/kernel/e820.c e820__print_table, mm/page_alloc.c (free_area_init, build_all_zonelists,
 * mem_init_print_info, alloc_large_system_hash), mm/slub.c kmem_cache_init, mm/workingset.c workingset_init. Of the lines of
 * a boot these have the model's own numbers; the hardware's are left out.
 */
import { MAX_NR_ZONES, ZONE_DMA, ZONE_NORMAL, type Kernel } from '../kernel'
import { get_order } from '../lib/math'
import { printk } from '../task'
import type { Range } from './memblock'

const ZONE_NAMES = ['DMA', 'DMA32', 'Normal', 'Device'] as const
/** Where the ROM, the flash and the address space of the processor's own bus lie in every PC of this kind. */
const FIRMWARE: readonly Region[] = [
  [0x9fc00, 0x9ffff, 'reserved'],
  [0xf0000, 0xfffff, 'reserved'],
  [0xfffc0000, 0xffffffff, 'reserved'],
  [0xfd00000000, 0xffffffffff, 'reserved'],
]
type Region = readonly [from: number, to: number, type: string]

function mem(from: number, to: number, digits = 16): string {
  return `[mem 0x${from.toString(16).padStart(digits, '0')}-0x${to.toString(16).padStart(digits, '0')}]`
}

/** The map that the firmware gives: whole megabytes, of which ACPI tables take the end below the PCI hole. */
export function e820_print_table(k: Kernel, memory: readonly Range[]): void {
  const regions: Region[] = [[0, 0x9fbff, 'usable'], ...FIRMWARE]
  for (const [i, { start, end }] of memory.entries()) {
    if (i === 0) continue
    regions.push([start * 4096, end * 4096 - 1, 'usable'])
    const whole = Math.ceil(end / 256) * 2 ** 20
    if (i === 1 && whole > end * 4096) regions.push([end * 4096, whole - 1, 'reserved'])
  }
  regions.sort((a, b) => a[0] - b[0])
  printk(k, 'BIOS-provided physical RAM map:')
  for (const [from, to, type] of regions) printk(k, `BIOS-e820: ${mem(from, to)} ${type}`)
  printk(k, 'DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014')
  printk(k, `last_pfn = 0x${k.var.max_pfn.toString(16)} max_arch_pfn = 0x400000000`)
}

/** free_area_init: zones that reach to their border, or to the end of memory. */
export function print_zone_ranges(k: Kernel, memory: readonly Range[]): void {
  printk(k, 'Zone ranges:')
  for (let z = 0; z <= MAX_NR_ZONES && z < ZONE_NAMES.length; z++) {
    const spanned = z <= ZONE_NORMAL ? k.zone.spanned_pages[z + 1]! : 0
    const start = k.zone.start_pfn[z + 1]! * 4096
    // DMA32 ends at 4 GiB where memory goes on above it.
    const end =
      z < ZONE_NORMAL && k.zone.spanned_pages[z + 2]! > 0 ? k.zone.start_pfn[z + 2]! * 4096 : start + spanned * 4096
    printk(k, `  ${ZONE_NAMES[z]!.padEnd(8)} ${spanned === 0 ? 'empty' : mem(start, end - 1)}`)
  }
  printk(k, 'Movable zone start for each node')
  printk(k, 'Early memory node ranges')
  for (const { start, end } of memory) printk(k, `  node   0: ${mem(start * 4096, end * 4096 - 1)}`)
  printk(k, `Initmem setup node 0 ${mem(memory[0]!.start * 4096, k.var.max_pfn * 4096 - 1)}`)
}

export function print_zonelists(k: Kernel, total_pages: number): void {
  let policy = ZONE_NORMAL
  while (k.zone.spanned_pages[policy + 1] === 0) policy--
  printk(k, 'Fallback order for Node 0: 0 ')
  printk(k, `Built 1 zonelists, mobility grouping on.  Total pages: ${total_pages}`)
  printk(k, `Policy zone: ${ZONE_NAMES[policy]!}`)
}

/** alloc_large_system_hash. */
export function print_hash(k: Kernel, name: string, bytes: number): void {
  printk(k, `${name} hash table entries: ${bytes / 8} (order: ${get_order(bytes)}, ${bytes} bytes, linear)`)
}

/** mem_init_print_info: free now (the rest of struct pages comes later), present, and what boot keeps. */
export function mem_init_print_info(k: Kernel, free_pages: number): void {
  let present = 0
  for (let z = ZONE_DMA; z <= ZONE_NORMAL; z++) present += k.zone.present_pages[z + 1]!
  const kB = (pages: number): string => `${pages * 4}K`
  const image = '14343K kernel code, 2338K rwdata, 9132K rodata, 2824K init, 17344K bss'
  const reserved = kB(present - k.var.totalram_pages)
  printk(
    k,
    `Memory: ${kB(free_pages - VMALLOC_PGDS)}/${kB(present)} available (${image}, ${reserved} reserved, 0K cma-reserved)`,
  )
  printk(k, `SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=${k.config.cpus}, Nodes=1`)
}

/** preallocate_vmalloc_pages, just before: a table for each PGD entry of the 32 TiB of vmalloc space. */
const VMALLOC_PGDS = 64

/** Bits of a shadow that are left for the age, and what the age counts in. */
export function print_workingset(k: Kernel): void {
  const max_order = Math.floor(Math.log2(k.var.totalram_pages - 1)) + 1
  const bucket = Math.max(0, max_order - TIMESTAMP_BITS)
  printk(k, `workingset: timestamp_bits=${TIMESTAMP_BITS} max_order=${max_order} bucket_order=${bucket}`)
}
const TIMESTAMP_BITS = 36
