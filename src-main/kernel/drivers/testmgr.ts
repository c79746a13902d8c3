/**
 * The kernel tests its algorithms before it starts init, each in a thread that comes and goes. Nothing of it stays but
 * what the tests worked on: it lies on the per-CPU lists when the last of boot's memory is freed to them, which therefore
 * are full sooner.
 *
 * Linux: crypto/testmgr.c (alg_test, __testmgr_alloc_buf), crypto/deflate.c (deflate_comp_init, deflate_decomp_init).
 * Simplified: one test of each kind, ciphers, states and compression; those that work in slab objects are left out.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { alloc_pages, free_pages } from '../mm/page_alloc'
import { vfree, vmalloc } from '../mm/vmalloc'

/** Buffers of a list that is scattered (XBUFSIZE), each of two pages; a cipher reads one list and writes another. */
const XBUFSIZE = 8
const SGLIST_ORDER = 1
/** What an algorithm computes on, 16 KiB. */
const STATE_ORDER = 2
/** What zlib needs to deflate and to inflate. */
const DEFLATE_WORKSPACE = 308 * 1024

export function crypto_self_tests(k: Kernel): void {
  work_in(k, 2 * XBUFSIZE, SGLIST_ORDER)
  work_in(k, 1, STATE_ORDER)
  const workspace = vmalloc(k, DEFLATE_WORKSPACE)
  assert(workspace !== null, 'crypto_self_tests: no memory at boot')
  vfree(k, workspace)
}

function work_in(k: Kernel, buffers: number, order: number): void {
  const taken: number[] = []
  for (let i = 0; i < buffers; i++) taken.push(alloc_pages(k, GFP_KERNEL, order))
  for (const pfn of taken) {
    assert(pfn !== 0, 'crypto_self_tests: no memory at boot')
    free_pages(k, pfn, order)
  }
}
