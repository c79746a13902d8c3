/**
 * User space of a lab machine: an initramfs unpacked into tmpfs, with a shell as init and the program of lab tasks. How
 * large the packed image is says where boot memory ends and, as its frames are the first of the late frees, how full the
 * per-CPU lists are when init starts.
 *
 * Linux: init/initramfs.c (do_copy, xwrite), lib/decompress_inflate.c (__gunzip): what is unpacked is written in pieces of
 * 32 KiB of the archive. Files do not begin at a page of it, so a page in eight is written in two goes, and is active.
 * Sizes of packed files are those of the measured machines ("Freeing initrd memory" in their logs).
 */
import type { Kernel } from '../kernel'
import { DRIVERS, EXT4_MODULES, module_file_bytes } from '../drivers/modules'
import { vfs_create } from '../mm/dcache'
import { FS_TMPFS } from '../mm/inode'
import { shmem_populate } from '../mm/shmem'
import { file_bytes, LAB_IMAGE, LAB_PROGRAM, register_image, SHELL_IMAGE } from './image'

/** Init; all tools are this one file. */
export const SHELL = '/sbin/init'
/** The header of a newc archive's member, and what members and names are padded to. */
const CPIO_HEADER = 110
const CPIO_PAD = 4
/** Packed, KiB: the shell with its script, and the lab program. */
const SHELL_PACKED = 1076
const PROGRAM_PACKED = 344
/** A module's file packs to about a quarter, and some KiB more. */
const MODULE_PACKED = 2.6
const MODULE_PACKED_SHARE = 0.26

/** Frames of the packed image. Other machines' is counted like a lab machine's without a program. */
export function initrd_pages(k: Kernel): number {
  let KiB = SHELL_PACKED
  if (has_program(k)) KiB += PROGRAM_PACKED
  if (k.config.bare)
    for (const name of module_files(k)) KiB += MODULE_PACKED + (MODULE_PACKED_SHARE * module_file_bytes(name)) / 1024
  return Math.ceil(KiB / 4)
}
function has_program(k: Kernel): boolean {
  return k.config.bare && k.config.shell !== true
}
/** The executable of lab tasks; without one they are the shell's tools. */
export function lab_program(k: Kernel): string {
  return has_program(k) ? LAB_PROGRAM : SHELL
}

export function unpack_initramfs(k: Kernel): void {
  // The tools that the start-up script ran have left the shell's pages active, but those that each process copies
  // (relro, data); the lab program was only written.
  const { headers, text, rodata } = SHELL_IMAGE
  let at = unpack(k, SHELL, file_bytes(SHELL_IMAGE), headers + text + rodata, 0)
  if (has_program(k)) at = unpack(k, LAB_PROGRAM, file_bytes(LAB_IMAGE), 0, at)
  // insmod reads what was written.
  for (const name of module_files(k)) {
    const bytes = module_file_bytes(name)
    at = unpack(k, `/m/${name}.ko`, bytes, bytes, at)
  }
  register_image(k, SHELL, SHELL_IMAGE)
}

/** The modules that the start-up script loads. */
function module_files(k: Kernel): readonly string[] {
  const ext4 = k.config.ext4 === true
  return [...(ext4 || k.config.swap.length > 0 ? DRIVERS.virtio : []), ...(ext4 ? EXT4_MODULES : [])]
}

/** A member of the archive that begins at byte `at` of it; where the next one begins. */
function unpack(k: Kernel, path: string, bytes: number, used: number, at: number): number {
  // Without its leading slash, with a zero at the end.
  const data = padded(at + CPIO_HEADER + path.length)
  shmem_populate(k, vfs_create(k, path, bytes, FS_TMPFS), used, data)
  return padded(data + bytes)
}
function padded(bytes: number): number {
  return Math.ceil(bytes / CPIO_PAD) * CPIO_PAD
}
