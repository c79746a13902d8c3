/**
 * Where bios come from: a slab cache that may not use the reserves, and behind it a pool of two.
 *
 *   bio_alloc ─┬ the cache: a free object, or a new frame while free memory is above the min mark
 *              ├ the pool
 *              └ neither: asleep, mid-batch, until a bio is done (what the plug holds back goes off then)
 *
 * So a reclaimer that works below the min mark, kswapd too, writes no more pages at a time than it has bios for, and the
 * pages of the batch that it holds meanwhile are written while they are off their lists: they are not rotated, and stay
 * clean in the swap cache.
 *
 * Linux: block/bio.c (bio_alloc_bioset, fs_bio_set), mm/mempool.c. Simplified: a bio's further vectors come from nowhere;
 * who is no reclaimer does not reclaim for a bio (the second round of mempool_alloc), but waits at once.
 */
import { __GFP_KSWAPD_RECLAIM, __GFP_MEMALLOC, __GFP_NOMEMALLOC, __GFP_NORETRY, __GFP_NOWARN } from '../constants'
import type { Kernel } from '../kernel'
import { cache_by_name, kmem_cache_alloc, kmem_cache_free } from './slub'

/** BIO_POOL_SIZE. */
const BIO_POOL_SIZE = 2
/** struct bio with four inline vectors. */
const FS_BIO_CACHE = 'bio-192'
const FIRST_ROUND = __GFP_KSWAPD_RECLAIM | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN

/** Objects of the pool; 0 is one that it was made with. Plain data in var.mod. */
function fs_bio_set(k: Kernel): { pool: number[] } {
  return (k.var.mod['fs_bio_set'] ??= { pool: [0, 0] }) as { pool: number[] }
}

/** Takes a bio for a row of k.bio; false when the caller has to wait until one is done. */
export function bio_alloc(k: Kernel, bio: number): boolean {
  const object = kmem_cache_alloc(k, bio_cache(k), FIRST_ROUND)
  if (object !== 0) {
    k.bio.object[bio] = object
    return true
  }
  const { pool } = fs_bio_set(k)
  if (pool.length === 0) return false
  k.bio.object[bio] = pool.pop()!
  return true
}

/** The same when there is none to wait for: from the reserves, if need be for nothing. */
export function bio_alloc_nowait(k: Kernel, bio: number): void {
  k.bio.object[bio] = kmem_cache_alloc(k, bio_cache(k), __GFP_MEMALLOC | __GFP_NOWARN)
}

/** A bio is done: it fills up the pool first. */
export function bio_put(k: Kernel, bio: number): void {
  const object = k.bio.object[bio]!
  const { pool } = fs_bio_set(k)
  if (pool.length < BIO_POOL_SIZE) pool.push(object)
  else if (object !== 0) kmem_cache_free(k, bio_cache(k), object)
  else {
    // One is as good as another: the pool keeps what is not of the cache.
    const other = pool.findIndex((o) => o !== 0)
    if (other < 0) return
    kmem_cache_free(k, bio_cache(k), pool[other]!)
    pool[other] = 0
  }
}

function bio_cache(k: Kernel): number {
  return cache_by_name(k, FS_BIO_CACHE)
}
