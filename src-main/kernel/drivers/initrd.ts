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

/** Packed, KiB: the shell with its script, and the lab program. */
const SHELL_PACKED = 1076
const PROGRAM_PACKED = 344
/** A module's file packs to about a quarter, and some KiB more. */
const MODULE_PACKED = 2.6
const MODULE_PACKED_SHARE = 0.26

/** Frames of the packed image. Simplified: a scenario's machine has one as large as a lab machine's without a program. */
export function initrd_pages(k: Kernel): number {
  let KiB = SHELL_PACKED
  if (has_program(k)) KiB += PROGRAM_PACKED
  if (k.config.bare)
    for (const name of module_files(k)) KiB += MODULE_PACKED + (MODULE_PACKED_SHARE * module_file_bytes(name)) / 1024
  return Math.ceil(KiB / 4)
}

export function has_program(k: Kernel): boolean {
  return k.config.bare && k.config.shell !== true
}

/** The modules that the start-up script loads. */
export function module_files(k: Kernel): readonly string[] {
  return [...disk_modules(k), ...(k.config.ext4 === true ? EXT4_MODULES : [])]
}
