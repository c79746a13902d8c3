/** Metadata of a disk: what a mount reads and keeps, and whose buffer heads hold a page in memory. */
import { expect, test } from 'vitest'
import { boot } from '../../../src-main/kernel/boot'
import { PG_active, PG_referenced, type Kernel } from '../../../src-main/kernel/kernel'
import {
  bread_ahead,
  buffer_busy,
  get_bh,
  invalidate_bh_lrus,
  try_to_free_buffers,
} from '../../../src-main/kernel/mm/buffer'
import { vfs_create } from '../../../src-main/kernel/mm/dcache'
import { drop_caches } from '../../../src-main/kernel/mm/drop_caches'
import { ext4_map_pages } from '../../../src-main/kernel/mm/extents'
import { FS_EXT4 } from '../../../src-main/kernel/mm/inode'
import { migrate_page } from '../../../src-main/kernel/mm/migrate'
import { alloc_page, free_page } from '../../../src-main/kernel/mm/page_alloc'
import { isolate_lru_page, lru_add_drain_all, putback_lru_page } from '../../../src-main/kernel/mm/swap'
import { meminfo } from '../../../src-main/kernel/mm/vmstat'
import { hash, restore, snapshot } from '../../../src-main/kernel/snapshot'
import { verify } from '../../../src-main/kernel/verify'
import { bareConfig } from '../../support/config'

const machine = (): Kernel => boot(bareConfig({ ext4: true }))
/** Blocks that nothing else reads, one a page. */
const BLOCK = 1 << 21

test('a mount reads superblock, group descriptors and 33 blocks of the inode table, all active, and holds the first two', () => {
  const k = machine()
  expect(meminfo(k).Buffers).toBe((2 + 9) * 4)
  // As measured.
  expect([meminfo(k)['Active(file)'], meminfo(k)['Inactive(file)']]).toEqual([44, 0])
  drop_caches(k, 1)
  expect(meminfo(k).Buffers).toBe(2 * 4)
  verify(k)
  expect(hash(restore(snapshot(k)))).toBe(hash(k))
})

test('the last sixteen blocks that a CPU looked up stay, reclaim or not', () => {
  const k = machine()
  const first = bread_ahead(k, BLOCK)
  // New, and found right after: accessed twice.
  lru_add_drain_all(k)
  expect(k.page.flags[first]! & (PG_active | PG_referenced)).toBe(PG_active)
  for (let i = 1; i < 16; i++) bread_ahead(k, BLOCK + i)
  expect(buffer_busy(k, first)).toBe(true)
  expect(try_to_free_buffers(k, first)).toBe(false)
  // Looked up again it is the latest, and another the oldest.
  expect(bread_ahead(k, BLOCK)).toBe(first)
  const second = bread_ahead(k, BLOCK + 1)
  for (let i = 16; i < 31; i++) bread_ahead(k, BLOCK + i)
  expect([buffer_busy(k, first), buffer_busy(k, second)]).toEqual([false, true])
  verify(k)
  expect(try_to_free_buffers(k, first)).toBe(true)
  invalidate_bh_lrus(k)
  expect(try_to_free_buffers(k, second)).toBe(true)
})

test('a page moves when only the CPUs remember its blocks, and stays when a file system holds them', () => {
  const k = machine()
  const move = (pfn: number): boolean => {
    const to = alloc_page(k, 0)
    k.page.flags[to] = 0
    isolate_lru_page(k, pfn)
    const moved = migrate_page(k, pfn, to)
    if (!moved) {
      putback_lru_page(k, pfn)
      free_page(k, to)
    }
    return moved
  }
  const [remembered, held] = [bread_ahead(k, BLOCK), bread_ahead(k, BLOCK + 1)]
  get_bh(k, held)
  lru_add_drain_all(k)
  expect(move(held)).toBe(false)
  expect(buffer_busy(k, remembered)).toBe(false)
  expect(move(remembered)).toBe(true)
})

test('a file of more extents than its inode has room for needs a block of them, asked for once an extent', () => {
  const k = machine()
  const MIB = 2 ** 20
  const [large, small] = [128, 32].map((mib) => vfs_create(k, `/f${mib}`, mib * MIB, FS_EXT4))
  const buffers = meminfo(k).Buffers
  ext4_map_pages(k, small!, 0, 32)
  // Within an extent nobody asks.
  ext4_map_pages(k, large!, 32, 32)
  expect(meminfo(k).Buffers).toBe(buffers)
  ext4_map_pages(k, large!, 0, 32)
  ext4_map_pages(k, large!, (32 * MIB) / 4096 - 8, 32)
  expect(meminfo(k).Buffers).toBe(buffers + 4)
})
