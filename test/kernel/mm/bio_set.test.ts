/** Below the min mark a reclaimer has as many bios as there are, and what it writes while it waits for one is not rotated. */
import { expect, test } from 'vitest'
import { __GFP_KSWAPD_RECLAIM, __GFP_NOMEMALLOC, __GFP_NOWARN, type Kernel } from '../../../src-main/kernel/kernel'
import { bio_alloc, bio_alloc_nowait, bio_put } from '../../../src-main/kernel/mm/bio_set'
import { alloc_page } from '../../../src-main/kernel/mm/page_alloc'
import { cache_by_name, kmem_cache_alloc } from '../../../src-main/kernel/mm/slub'
import { row_alloc } from '../../../src-main/kernel/lib/arena'
import { lab } from '../../support/lab'
import { bootMemory, verifyMemory } from './machine'

function exhausted() {
  const k = bootMemory(128)
  while (alloc_page(k, __GFP_KSWAPD_RECLAIM | __GFP_NOWARN) !== 0);
  const bios: number[] = []
  while (bios.length < 100) {
    const bio = row_alloc(k.bio)
    if (!bio_alloc(k, bio)) return { k, bios, waiting: bio }
    bios.push(bio)
  }
  throw new Error('bios without end')
}
/** Is there a bio in the slab, reserves aside? */
const in_slab = (k: Kernel): boolean =>
  kmem_cache_alloc(k, cache_by_name(k, 'bio-192'), __GFP_KSWAPD_RECLAIM | __GFP_NOMEMALLOC | __GFP_NOWARN) !== 0

test('without memory there are the free objects of one slab and the two of the pool', () => {
  const { k, bios } = exhausted()
  expect(bios.length).toBe(16)
  expect(bios.filter((bio) => k.bio.object[bio] === 0).length).toBe(2)
  verifyMemory(k)
})

test('what is done fills the pool first, then the slab', () => {
  const { k, bios, waiting } = exhausted()
  bio_put(k, bios[0]!)
  expect(in_slab(k)).toBe(false)
  expect(bio_alloc(k, waiting)).toBe(true)
  expect(k.bio.object[waiting]).toBe(k.bio.object[bios[0]!])
  bio_put(k, waiting)
  for (const bio of bios.slice(1)) bio_put(k, bio)
  const again = [...bios]
  for (const bio of again) expect(bio_alloc(k, bio)).toBe(true)
  expect(new Set(again.map((bio) => k.bio.object[bio]).filter((o) => o !== 0)).size).toBe(14)
  expect(bio_alloc(k, waiting)).toBe(false)
  verifyMemory(k)
})

test('who cannot wait for one takes it from the reserves', () => {
  const { k, waiting } = exhausted()
  bio_alloc_nowait(k, waiting)
  expect(k.bio.object[waiting]).toBeGreaterThan(0)
  verifyMemory(k)
})

const fill = () =>
  lab(`machine: { ram: 128MiB, slowdown: 6, swap: [{ size: 128MiB, device: virtio }] }
steps:
  - mmap: { as: a, length: 120MiB, flags: [private, anonymous, noreserve] }
  - { label: fill, touch: { area: a, access: write } }
  - sleep: 1s
  - { label: calm, munlockall: {} }
`)

test('a fill leaves written pages in the swap cache: those of the batch that waited for a bio', () => {
  const r = fill()
  const vm = r.lines.find((line) => line.label === 'fill')!.vmstat
  const lost = vm['nr_written']! - vm['pgrotated']!
  expect(lost).toBeGreaterThan(200)
  const calm = r.lines.find((line) => line.label === 'calm')!.meminfo
  expect(calm['Writeback']).toBe(0)
  // kswapd takes some of them when it comes by again.
  expect(calm['SwapCached']! / 4).toBeGreaterThan(lost / 10)
})

test('it is the same from run to run', () => {
  expect(fill().hash).toBe(fill().hash)
})
