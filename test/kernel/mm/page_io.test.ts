/** Waiting for a request inside a call. */
import { expect, test } from 'vitest'
import { BIO_SWAP_READ, BIO_SWAP_WRITE } from '../../../src-main/kernel/block/bio'
import { blk_mq_submit_bio } from '../../../src-main/kernel/block/blk_mq'
import { add_device, READ, WRITE } from '../../../src-main/kernel/block/device'
import { GFP_KERNEL, PG_locked, PG_writeback, type Kernel } from '../../../src-main/kernel/kernel'
import { row_alloc } from '../../../src-main/kernel/lib/arena'
import { alloc_page } from '../../../src-main/kernel/mm/page_alloc'
import { io_wait_nested, set_page_writeback } from '../../../src-main/kernel/mm/page_io'
import { bootMemory } from './machine'

function submit(k: Kernel, dir: number, block: number, pfn: number): number {
  const bio = row_alloc(k.bio)
  k.bio.device[bio] = 1
  k.bio.write[bio] = dir
  k.bio.nr[bio] = 1
  k.bio.block[bio] = block
  k.bio.pfn[bio] = pfn
  k.bio.kind[bio] = dir === READ ? BIO_SWAP_READ : BIO_SWAP_WRITE
  blk_mq_submit_bio(k, bio)
  return bio
}

test('a write ends in its time, though a read whose interrupt came before it takes longer', () => {
  const k = bootMemory(128)
  add_device(k, 'ssd', 'sda', 1 << 20)
  const [read, written] = [alloc_page(k, GFP_KERNEL), alloc_page(k, GFP_KERNEL)]
  k.page.flags[read]! |= PG_locked
  set_page_writeback(k, written)
  const r = submit(k, READ, 100, read)
  const w = submit(k, WRITE, 9000, written)
  const now = k.var.now
  for (const [bio, irq, done] of [
    [r, 1000, 3000],
    [w, 1500, 2000],
  ] as const) {
    k.bio.irq_ns[bio] = now + irq
    k.bio.done_ns[bio] = now + done
  }
  io_wait_nested(k, now + 900)
  expect(k.page.flags[read]! & PG_locked).not.toBe(0)
  io_wait_nested(k, now + 2000)
  expect(k.page.flags[written]! & PG_writeback).toBe(0)
  expect(k.device.inflight_writes[1]).toBe(0)
})
