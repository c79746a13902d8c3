/** User space of a lab machine: an initramfs unpacked into tmpfs, with a shell as init and the program of lab tasks. */
import type { Kernel } from '../kernel'
import { vfs_create } from '../mm/dcache'
import { FS_TMPFS } from '../mm/inode'
import { shmem_populate } from '../mm/shmem'
import { file_bytes, LAB_IMAGE, LAB_PROGRAM, register_image, SHELL_IMAGE } from './image'

const INIT = '/sbin/init'
/** virtio, virtio_ring, virtio_pci with its two halves, and virtio_blk of Debian 6.1. */
const DISK_DRIVERS = '/m/virtio'
const DISK_DRIVERS_BYTES = 276 * 1024

export function unpack_initramfs(k: Kernel): void {
  // The tools that the start-up script ran have left the shell's pages active, but those that each process copies
  // (relro, data); the lab program was only written.
  const { headers, text, rodata } = SHELL_IMAGE
  unpack(k, INIT, file_bytes(SHELL_IMAGE), headers + text + rodata)
  unpack(k, LAB_PROGRAM, file_bytes(LAB_IMAGE), 0)
  // A disk to swap to has a driver that was loaded: read once more than it was written.
  if (k.config.swap.length > 0) unpack(k, DISK_DRIVERS, DISK_DRIVERS_BYTES, DISK_DRIVERS_BYTES)
  register_image(k, INIT, SHELL_IMAGE)
}

function unpack(k: Kernel, path: string, bytes: number, used: number): void {
  shmem_populate(k, vfs_create(k, path, bytes, FS_TMPFS), used)
}
