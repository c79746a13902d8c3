/**
 * Mounting ext4: what a mounted file system keeps in memory besides its files.
 *
 * Linux: fs/ext4/super.c (ext4_fill_super), fs/ext4/mballoc.c (ext4_mb_init), fs/ext4/sysfs.c, fs/jbd2/journal.c.
 * Simplified: the tables are those of a small file system whatever the disk's size; never unmounted.
 */
import { GFP_USER, type Kernel } from '../kernel'
import { bread_ahead, get_bh } from './buffer'
import { blocks_per_page } from './file_blocks'
import { INODE_TABLE_BLOCK } from './inode'
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

/** Pages of the superblock and of the group descriptors after it: four groups of 4 KiB blocks, fifty of 1 KiB. */
const SUPER_PAGES = 2
/** s_inode_readahead_blks, and the last block is read too. */
const INODE_READAHEAD_BLOCKS = 32

export function mount_ext4(k: Kernel): void {
  hold_each(k, MOUNTED)
  if (k.config.bare) read_super(k)
  use_each(k, READ_AHEAD)
}

/**
 * ext4_load_super, and ext4_iget of the root, which reads ahead in the inode table: into frames that need not be movable
 * (sb_bread_unmovable). Scenarios' machines did it long ago.
 */
function read_super(k: Kernel): void {
  const per_page = blocks_per_page(k)
  for (let page = 0; page < SUPER_PAGES; page++) {
    const pfn = bread_ahead(k, page, 0, GFP_USER)
    if (pfn === 0) continue
    get_bh(k, pfn)
    k.var.mod['ext4_super'] = super_pages(k) + 1
  }
  for (let block = 0; block <= INODE_READAHEAD_BLOCKS; block++)
    bread_ahead(k, INODE_TABLE_BLOCK + Math.floor(block / per_page), block, GFP_USER)
}
/** Pages of metadata that mounted file systems hold. */
export function super_pages(k: Kernel): number {
  return (k.var.mod['ext4_super'] as number | undefined) ?? 0
}
