/** User space of a lab machine: an initramfs unpacked into tmpfs, with a shell as init and the program of lab tasks. */
import type { Kernel } from '../kernel'
import { DRIVERS, EXT4_MODULES, module_file_bytes } from '../drivers/modules'
import { vfs_create } from '../mm/dcache'
import { FS_TMPFS } from '../mm/inode'
import { shmem_populate } from '../mm/shmem'
import { file_bytes, LAB_IMAGE, LAB_PROGRAM, register_image, SHELL_IMAGE } from './image'

const INIT = '/sbin/init'

export function unpack_initramfs(k: Kernel): void {
  // The tools that the start-up script ran have left the shell's pages active, but those that each process copies
  // (relro, data); the lab program was only written.
  const { headers, text, rodata } = SHELL_IMAGE
  unpack(k, INIT, file_bytes(SHELL_IMAGE), headers + text + rodata)
  unpack(k, LAB_PROGRAM, file_bytes(LAB_IMAGE), 0)
  // insmod reads what was written.
  for (const name of module_files(k)) unpack(k, `/m/${name}.ko`, module_file_bytes(name), module_file_bytes(name))
  register_image(k, INIT, SHELL_IMAGE)
}

/** The modules that the start-up script loads. */
function module_files(k: Kernel): readonly string[] {
  const ext4 = k.config.ext4 === true
  return [...(ext4 || k.config.swap.length > 0 ? DRIVERS.virtio : []), ...(ext4 ? EXT4_MODULES : [])]
}

function unpack(k: Kernel, path: string, bytes: number, used: number): void {
  shmem_populate(k, vfs_create(k, path, bytes, FS_TMPFS), used)
}
