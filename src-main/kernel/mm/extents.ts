/**
 * Where a file lies on its disk: four extents fit into its inode, more need a block of their own, which is a page of
 * Buffers. What was looked up once is remembered by the inode (extents_status.c), so the block is asked for once an extent.
 *
 * Linux: fs/ext4/extents.c (ext4_find_extent, ext4_ext_map_blocks). Simplified: extents are as long as they may be, and
 * begin at multiples of that; the one block holds them all.
 */
import type { Kernel } from '../kernel'
import { PAGE_SIZE } from '../kernel'
import { bread_ahead } from './buffer'
import { blocks_per_page } from './file_blocks'
import { FS_EXT4 } from './inode'

/** EXT_INIT_MAX_LEN: blocks. */
const EXTENT_MAX_BLOCKS = 1 << 15
const EXTENTS_IN_INODE = 4
/** First page of such blocks on the disk. */
const EXTENT_BLOCK = 1 << 20

/** Pages `index` … of a file are to be read: looks for the extent that begins there, if one does. */
export function ext4_map_pages(k: Kernel, inode: number, index: number, nr: number): void {
  if (k.inode.fs[inode] !== FS_EXT4) return
  const extent = EXTENT_MAX_BLOCKS / blocks_per_page(k)
  // Backups of the superblock lie in between: as many bytes as four could hold take a fifth.
  if (k.inode.i_size[inode]! < EXTENTS_IN_INODE * extent * PAGE_SIZE) return
  if (Math.floor((index + nr - 1) / extent) === Math.floor((index - 1) / extent)) return
  bread_ahead(k, EXTENT_BLOCK + k.inode.ino[inode]!)
}
