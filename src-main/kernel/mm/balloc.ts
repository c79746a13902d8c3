/**
 * Room on a small disk: blocks of written pages that are allocated only when the flusher comes (delayed allocation), and how
 * many are free. Where dirty blocks are half as many as free ones, a writer has all files written first, and waits for it.
 *
 * Linux: fs/ext4/inode.c (ext4_nonda_switch, ext4_da_reserve_space, ext4_da_release_space), fs/ext4/balloc.c
 * (ext4_has_free_clusters), fs/ext4/super.c (ext4_calculate_resv_clusters). Simplified: the writer writes the files itself
 * instead of waiting for the flusher; blocks of metadata take no room; a scenario's disk is never full.
 */
import type { Kernel } from '../kernel'
import { blocks_per_page, without, type Range } from './file_blocks'
import { writeback_inodes_sb } from './fs_writeback'

/** s_resv_clusters: at most so many, or a 50th of the disk. */
const RESERVED_BLOCKS = 4096

interface Room {
  free: number
  /** Blocks that are promised to dirty pages, and which of each file. */
  delayed: number
  waiting: Record<number, readonly Range[]>
}
function room_of(k: Kernel): Room | null {
  if (k.config.diskFreeBlocks === undefined) return null
  return (k.var.mod['ext4_room'] ??= { free: k.config.diskFreeBlocks, delayed: 0, waiting: {} }) as Room
}

function length(ranges: readonly Range[]): number {
  return ranges.reduce((n, [first, end]) => n + end - first, 0)
}
/** What of the ranges lies within first … end - 1. */
function within(ranges: readonly Range[], first: number, end: number): number {
  return length(ranges) - length(without(ranges, first, end))
}
function set_waiting(room: Room, inode: number, ranges: readonly Range[]): void {
  if (ranges.length > 0) room.waiting[inode] = ranges
  else delete room.waiting[inode]
}

/** Before a page is written into: is there room for it? Pushes delayed blocks out where they become too many. */
export function ext4_da_reserve(k: Kernel): boolean {
  const room = room_of(k)
  if (room === null) return true
  if (room.delayed > 0 && room.free < 2 * room.delayed) writeback_inodes_sb(k)
  return room.free >= room.delayed + blocks_per_page(k) + RESERVED_BLOCKS
}
/** Blocks of a hole that were written: they get their place when the page goes to the disk. */
export function blocks_delayed(k: Kernel, inode: number, holes: readonly Range[], first: number, end: number): void {
  const room = room_of(k)
  if (room === null) return
  const was = without(holes, 0, first).filter(([from]) => from < end)
  const blocks = was.map(([from, to]): Range => [from, Math.min(to, end)])
  if (blocks.length === 0) return
  room.delayed += length(blocks)
  const waiting = room.waiting[inode] ?? []
  const last = waiting[waiting.length - 1]
  if (last !== undefined && blocks.length === 1 && last[1] === blocks[0]![0])
    set_waiting(room, inode, [...waiting.slice(0, -1), [last[0], blocks[0]![1]]])
  else
    set_waiting(
      room,
      inode,
      [...waiting, ...blocks].sort(([a], [b]) => a - b),
    )
}
/** A page goes to the disk: its delayed blocks are allocated. */
export function blocks_allocated(k: Kernel, inode: number, index: number): void {
  const room = room_of(k)
  const waiting = room?.waiting[inode]
  if (room === null || waiting === undefined) return
  const first = index * blocks_per_page(k)
  const left = without(waiting, first, first + blocks_per_page(k))
  const n = length(waiting) - length(left)
  room.delayed -= n
  room.free -= n
  set_waiting(room, inode, left)
}
/** Blocks first … end - 1 go, of which `holes` never were there. */
export function blocks_freed(k: Kernel, inode: number, first: number, end: number, holes: readonly Range[]): void {
  const room = room_of(k)
  if (room === null || end <= first) return
  const waiting = room.waiting[inode] ?? []
  const delayed = within(waiting, first, end)
  room.delayed -= delayed
  room.free += end - first - delayed - within(holes, first, end)
  if (delayed > 0) set_waiting(room, inode, without(waiting, first, end))
}
