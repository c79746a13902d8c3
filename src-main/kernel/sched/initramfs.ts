/** User space of a lab machine: an initramfs unpacked into tmpfs, with a shell as init and the program of lab tasks. */
import type { Kernel } from '../kernel'
import { vfs_create } from '../mm/dcache'
import { FS_TMPFS } from '../mm/inode'
import { shmem_populate } from '../mm/shmem'
import { file_bytes, LAB_IMAGE, LAB_PROGRAM, register_image, SHELL_IMAGE } from './image'

const INIT = '/sbin/init'

export function unpack_initramfs(k: Kernel): void {
  // The tools that the start-up script ran have left the shell's pages active; the lab program was only written.
  shmem_populate(k, vfs_create(k, INIT, file_bytes(SHELL_IMAGE), FS_TMPFS), true)
  shmem_populate(k, vfs_create(k, LAB_PROGRAM, file_bytes(LAB_IMAGE), FS_TMPFS), false)
  register_image(k, INIT, SHELL_IMAGE)
}
