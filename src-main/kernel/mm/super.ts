/**
 * Mounting ext4: what a mounted file system keeps in memory besides its files.
 *
 * Linux: fs/ext4/super.c (ext4_fill_super), fs/ext4/mballoc.c (ext4_mb_init), fs/ext4/sysfs.c, fs/jbd2/journal.c.
 * Simplified: the tables are those of a small file system whatever the disk's size; never unmounted.
 */
import type { Kernel } from '../kernel'
import { hold_each, use_each, type HeldObjects } from './slab_common'

/** Its superblock and group tables, inodes of root, journal and buddy cache, its folder in /sys/fs/ext4. */
const MOUNTED: HeldObjects = {
  ext4_inode_cache: 3,
  ext4_groupinfo_1k: 32,
  ext4_extent_status: 3,
  ext4_system_zone: 16,
  kernfs_node_cache: 70,
  'kmalloc-16': 32,
  'kmalloc-64': 32,
  'kmalloc-2k': 4,
  'kmalloc-4k': 2,
  'kmalloc-8k': 1,
}

/**
 * Three slabs of bios are in /proc/slabinfo after the mount, all but free (measured): as if so many had been under way at
 * a time. Which reads those were is not known.
 */
const READ_AHEAD: HeldObjects = { 'bio-192': 46 }

export function mount_ext4(k: Kernel): void {
  hold_each(k, MOUNTED)
  use_each(k, READ_AHEAD)
}
