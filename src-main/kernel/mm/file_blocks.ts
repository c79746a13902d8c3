/**
 * Blocks of disk files: which of them exist. A file made by `sys_create` has all of its blocks; what truncate or a write past
 * the end leaves out is a hole, which is read as zeros without the disk and becomes blocks when it is written.
 *
 * Holes are ranges of blocks per inode, in ascending order; a file without any has no entry.
 *
 * Linux: fs/ext4/inode.c (ext4_map_blocks, ext4_da_get_block_prep), as far as holes go.
 */
import { PAGE_SIZE, type Kernel } from '../kernel'
import { blocks_delayed, blocks_freed } from './balloc'
import { FS_BDEV, FS_EXT4 } from './inode'

export type Range = readonly [first: number, end: number]
type Holes = Record<number, readonly Range[]>

/**
 * Blocks of a page, by the file system's block size as mke2fs chooses it (mke2fs.conf, `small`): 1 KiB below 512 MiB,
 * as on the little disk of a lab machine, and 4 KiB above.
 */
export function blocks_per_page(k: Kernel): number {
  return k.config.bare ? 4 : 1
}
export function block_size(k: Kernel): number {
  return PAGE_SIZE / blocks_per_page(k)
}
/** A bit for each block of a page. */
export function all_blocks(k: Kernel): number {
  return (1 << blocks_per_page(k)) - 1
}
/** KiB of the blocks of a mask. */
export function blocks_kib(k: Kernel, mask: number): number {
  let kib = 0
  for (let left = mask; left !== 0; left &= left - 1) kib += block_size(k) / 1024
  return kib
}

function holes(k: Kernel): Holes {
  return (k.var.mod['holes'] ??= {}) as Holes
}
function holes_of(k: Kernel, inode: number): readonly Range[] | undefined {
  return (k.var.mod['holes'] as Holes | undefined)?.[inode]
}
function set_holes(k: Kernel, inode: number, ranges: readonly Range[]): void {
  if (ranges.length > 0) holes(k)[inode] = ranges
  else forget_holes(k, inode)
}
export function forget_holes(k: Kernel, inode: number): void {
  if (holes_of(k, inode) !== undefined) delete holes(k)[inode]
}

/** Blocks `first` … `end` - 1 are there from now on, or are not. */
export function without(ranges: readonly Range[], first: number, end: number): Range[] {
  return ranges.flatMap(([a, b]): Range[] => {
    const parts: Range[] = [
      [a, Math.min(b, first)],
      [Math.max(a, end), b],
    ]
    return b <= first || a >= end ? [[a, b]] : parts.filter(([from, to]) => from < to)
  })
}

/** The size of a file changes: what is added at its end is a hole, what is cut off goes. */
export function file_resized(k: Kernel, inode: number, from: number, to: number): void {
  if (k.inode.fs[inode] !== FS_EXT4) return
  const [old, now] = [Math.ceil(from / block_size(k)), Math.ceil(to / block_size(k))]
  blocks_freed(k, inode, now, old, holes_of(k, inode) ?? [])
  const kept = without(holes_of(k, inode) ?? [], Math.min(old, now), Infinity)
  if (now > old) kept.push([old, now])
  if (now > old || holes_of(k, inode) !== undefined) set_holes(k, inode, kept)
}
/** The bytes from … to - 1 of a file are written: their blocks are no hole from now on. */
export function allocate_blocks(k: Kernel, inode: number, from: number, to: number): void {
  const old = holes_of(k, inode)
  if (old === undefined) return
  const [first, end] = [Math.floor(from / block_size(k)), Math.ceil(to / block_size(k))]
  blocks_delayed(k, inode, old, first, end)
  set_holes(k, inode, without(old, first, end))
}

/** The blocks of a page that the file has: neither in a hole nor past its end. */
export function mapped_blocks(k: Kernel, inode: number, index: number): number {
  if (k.inode.fs[inode] === FS_BDEV) return all_blocks(k)
  const per = blocks_per_page(k)
  const end = Math.ceil(k.inode.i_size[inode]! / block_size(k))
  const ranges = holes_of(k, inode)
  let mask = 0
  for (let i = 0, block = index * per; i < per; i++, block++) {
    const hole = ranges?.some(([a, b]) => block >= a && block < b) ?? false
    if (block < end && !hole) mask |= 1 << i
  }
  return mask
}
/** True when every page of a run is all blocks: the common case. */
export function wholly_mapped(k: Kernel, inode: number, from: number, count: number): boolean {
  if (k.inode.fs[inode] === FS_BDEV) return true
  return holes_of(k, inode) === undefined && (from + count) * PAGE_SIZE <= k.inode.i_size[inode]!
}
