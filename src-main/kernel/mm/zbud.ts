/**
 * zbud: compressed pages two to a frame, one from its beginning, one from its end, in chunks of 64 bytes.
 *
 *     | header | first ───▶      (free)      ◀─── last |        63 chunks behind the header
 *
 * Frames with one buddy wait on a list by their free chunks; all frames are on one list by their last use, from whose tail
 * the pool is shrunk. Linux: mm/zbud.c.
 */
import { assert } from '@shared/assert'
import { __GFP_KSWAPD_RECLAIM, __GFP_NORETRY, __GFP_NOWARN, type Kernel } from '../kernel'
import { row_alloc, row_free, row_touch } from '../lib/arena'
import { list_add, list_del, type Links } from '../lib/list'
import { alloc_page, free_page } from './page_alloc'

const CHUNK_SIZE = 64
export const NCHUNKS = 63
const ZSWAP_GFP = __GFP_NORETRY | __GFP_NOWARN | __GFP_KSWAPD_RECLAIM
/** Rows of `zbud_list`: frames with i free chunks (row 1 + i), and all frames by use. */
const LRU = 66
/** What zbud_alloc says when it has no place: too long, or no frame. */
export const ZBUD_ENOSPC = -1
export const ZBUD_ENOMEM = -2

export function zbud_init(k: Kernel): void {
  row_touch(k.zbud_list, LRU)
}

function num_free_chunks(k: Kernel, row: number): number {
  return NCHUNKS - k.zbud.chunks[row * 2]! - k.zbud.chunks[row * 2 + 1]!
}

/** Room for `size` bytes that entry `owner` keeps there: a handle (row * 2, plus 1 for the last buddy), or an error. */
export function zbud_alloc(k: Kernel, size: number, owner: number): number {
  if (size > 4096 - 2 * CHUNK_SIZE) return ZBUD_ENOSPC
  const chunks = Math.ceil(size / CHUNK_SIZE)
  let row = 0
  for (let free = chunks; free < NCHUNKS && row === 0; free++) row = k.zbud_list.head[1 + free]!
  if (row !== 0) list_del(k.zbud_list, 1 + num_free_chunks(k, row), unbuddied(k), row)
  else {
    const pfn = alloc_page(k, ZSWAP_GFP)
    if (pfn === 0) return ZBUD_ENOMEM
    row = row_alloc(k.zbud)
    assert(row !== 0, 'zbud_alloc: the table is full')
    k.zbud.pfn[row] = pfn
    list_add(k.zbud_list, LRU, by_use(k), row)
  }
  const bud = k.zbud.chunks[row * 2] === 0 ? 0 : 1
  k.zbud.chunks[row * 2 + bud] = chunks
  k.zbud.owner[row * 2 + bud] = owner
  list_unbuddied(k, row)
  touch(k, row)
  return row * 2 + bud
}

export function zbud_free(k: Kernel, handle: number): void {
  const row = handle >> 1
  unlist_unbuddied(k, row)
  k.zbud.chunks[handle] = 0
  k.zbud.owner[handle] = 0
  if (num_free_chunks(k, row) < NCHUNKS) {
    list_unbuddied(k, row)
    return
  }
  list_del(k.zbud_list, LRU, by_use(k), row)
  free_page(k, k.zbud.pfn[row]!)
  row_free(k.zbud, row)
}

/** The frame used longest ago, 0 when there is none. */
export function zbud_oldest(k: Kernel): number {
  return k.zbud_list.tail[LRU]!
}
/** It stays: it is the youngest now. */
export function touch(k: Kernel, row: number): void {
  list_del(k.zbud_list, LRU, by_use(k), row)
  list_add(k.zbud_list, LRU, by_use(k), row)
}

// ---------------------------------------------------------------- lists

function unbuddied(k: Kernel): Links {
  return { next: k.zbud.buddy_next, prev: k.zbud.buddy_prev }
}
function by_use(k: Kernel): Links {
  return { next: k.zbud.lru_next, prev: k.zbud.lru_prev }
}
function has_room(k: Kernel, row: number): boolean {
  return k.zbud.chunks[row * 2] === 0 || k.zbud.chunks[row * 2 + 1] === 0
}
function list_unbuddied(k: Kernel, row: number): void {
  if (has_room(k, row)) list_add(k.zbud_list, 1 + num_free_chunks(k, row), unbuddied(k), row)
}
function unlist_unbuddied(k: Kernel, row: number): void {
  if (has_room(k, row)) list_del(k.zbud_list, 1 + num_free_chunks(k, row), unbuddied(k), row)
}

/** Chunks and lists of every frame; the frames counted. */
export function verify_zbud(k: Kernel): void {
  const { zbud, zbud_list } = k
  let nr = 0
  let prev = 0
  for (let row = zbud_list.head[LRU]!; row !== 0; prev = row, row = zbud.lru_next[row]!) {
    assert(zbud.lru_prev[row] === prev && zbud.pfn[row] !== 0, 'zbud: list by use')
    assert(num_free_chunks(k, row) >= 0 && num_free_chunks(k, row) < NCHUNKS, 'zbud: chunks of a frame')
    nr++
  }
  assert(zbud_list.tail[LRU] === prev && zbud.meta.nr_live === nr, 'zbud: frames')
  for (let free = 0; free < NCHUNKS; free++)
    for (let row = zbud_list.head[1 + free]!; row !== 0; row = zbud.buddy_next[row]!)
      assert(has_room(k, row) && num_free_chunks(k, row) === free, 'zbud: list by free chunks')
}
