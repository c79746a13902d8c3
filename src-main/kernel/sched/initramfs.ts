/**
 * User space of a lab machine: an initramfs unpacked into tmpfs, with a shell as init and the program of lab tasks.
 *
 * Linux: init/initramfs.c (do_copy, xwrite), lib/decompress_inflate.c (__gunzip): what is unpacked is written in pieces of
 * 32 KiB of the archive. Files do not begin at a page of it, so a page in eight is written in two goes, and is active.
 */
import type { Kernel } from '../kernel'
import { has_program, module_files, program_bytes } from '../drivers/initrd'
import { module_file_bytes } from '../drivers/modules'
import { vfs_create } from '../mm/dcache'
import { FS_TMPFS } from '../mm/inode'
import { shmem_populate } from '../mm/shmem'
import { file_bytes, LAB_PROGRAM, register_image, SHELL_IMAGE } from './image'

/** Init; all tools are this one file. */
export const SHELL = '/sbin/init'
/** What the shell is to do. */
const SCRIPT = '/exp.sh'
const SCRIPT_BYTES = 2 * 1024
/** The header of a newc archive's member, and what members and names are padded to. */
const CPIO_HEADER = 110
const CPIO_PAD = 4
/** The executable of lab tasks; without one they are the shell's tools. */
export function lab_program(k: Kernel): string {
  return has_program(k) ? LAB_PROGRAM : SHELL
}

export function unpack_initramfs(k: Kernel): void {
  // The tools that the start-up script ran have left the shell's pages active, but those that each process copies
  // (relro, data); the lab program was only written.
  const { headers, text, rodata } = SHELL_IMAGE
  let at = unpack(k, SHELL, file_bytes(SHELL_IMAGE), headers + text + rodata, 0)
  if (has_program(k)) at = unpack(k, LAB_PROGRAM, program_bytes(k), 0, at)
  at = unpack(k, SCRIPT, SCRIPT_BYTES, SCRIPT_BYTES, at)
  // insmod reads what was written.
  for (const name of module_files(k)) {
    const bytes = module_file_bytes(name)
    at = unpack(k, `/m/${name}.ko`, bytes, bytes, at)
  }
  register_image(k, SHELL, SHELL_IMAGE)
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
