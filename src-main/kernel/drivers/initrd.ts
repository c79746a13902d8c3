/**
 * The packed image that the boot loader left in memory. Its size says where boot memory ends and, as its frames are the
 * first of the late frees, how full the per-CPU lists are when init starts.
 *
 * Linux: init/initramfs.c (reserve_initrd_mem, free_initrd_mem). Sizes of packed files are those of the measured machines
 * ("Freeing initrd memory" in their logs).
 */
import type { Kernel } from '../kernel'
import { disk_modules } from './gendisk'
import { EXT4_MODULES, module_file_bytes } from './modules'

/** The shell with its script, KiB packed. */
const SHELL_PACKED = 1074
/** A static program that measures (sched/image.ts describes its parts). */
const PROGRAM_BYTES = 720 * 1024
/** What a static program packs to: 671 KiB to 322, 719 to 343, 791 to 375. */
const PROGRAM_PACKED = 24
const PROGRAM_PACKED_SHARE = 0.444
/** A module's file packs to about a quarter: 271 KiB of disk drivers to 74, 2414 of ext4 and what it needs to 648. */
const MODULE_PACKED = 0.25
const MODULE_PACKED_SHARE = 0.268

/** Frames of the packed image. Simplified: a scenario's machine has one as large as a lab machine's without a program. */
export function initrd_pages(k: Kernel): number {
  let KiB = SHELL_PACKED
  if (has_program(k)) KiB += PROGRAM_PACKED + (PROGRAM_PACKED_SHARE * program_bytes(k)) / 1024
  if (k.config.bare)
    for (const name of module_files(k)) KiB += MODULE_PACKED + (MODULE_PACKED_SHARE * module_file_bytes(name)) / 1024
  return Math.ceil(KiB / 4)
}

export function has_program(k: Kernel): boolean {
  return k.config.bare && k.config.shell !== true
}
/** The file of the lab program. */
export function program_bytes(k: Kernel): number {
  return k.config.program ?? PROGRAM_BYTES
}

/** The modules that the start-up script loads. */
export function module_files(k: Kernel): readonly string[] {
  return [...disk_modules(k), ...(k.config.ext4 === true ? EXT4_MODULES : [])]
}
