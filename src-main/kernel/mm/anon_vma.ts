/**
 * anon_vma: which areas may map an anonymous page. A page points to one anon_vma; the areas on its list (through
 * anon_vma_chain links) are the one that made the page, and the copies that fork made of it.
 *
 *     page.mapping ─ anon_vma ─ avc ─ area of the parent
 *                               avc ─ area of the child (which also has an anon_vma of its own for its new pages)
 *
 * Linux: mm/rmap.c (__anon_vma_prepare, anon_vma_clone, anon_vma_fork, unlink_anon_vmas); the interval tree is a list.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, VM_SHARED, VM_MAYSHARE, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'
import { vma_pages } from './vma'

function anon_vma_alloc(k: Kernel): number {
  const obj = kmem_cache_alloc(k, CACHES(k).anon_vma, GFP_KERNEL)
  if (obj === 0) return 0
  const av = row_alloc(k.anon_vma)
  assert(av !== 0, 'anon_vma_alloc: the table is full')
  k.anon_vma.obj[av] = obj
  k.anon_vma.root[av] = av
  k.anon_vma.parent[av] = av
  k.anon_vma.refcount[av] = 1
  return av
}

export function get_anon_vma(k: Kernel, av: number): void {
  k.anon_vma.refcount[av]!++
}

/** Drops a reference; a root is kept by the anon_vmas below it. */
export function put_anon_vma(k: Kernel, av: number): void {
  if (--k.anon_vma.refcount[av]! > 0) return
  const root = k.anon_vma.root[av]!
  assert(k.anon_vma.head[av] === 0, 'put_anon_vma: areas are left')
  kmem_cache_free(k, CACHES(k).anon_vma, k.anon_vma.obj[av]!)
  row_free(k.anon_vma, av)
  if (root !== av) put_anon_vma(k, root)
}

/** Links an area and an anon_vma. False: out of memory. */
function anon_vma_chain_link(k: Kernel, vma: number, av: number): boolean {
  const obj = kmem_cache_alloc(k, CACHES(k).anon_vma_chain, GFP_KERNEL)
  if (obj === 0) return false
  const link = row_alloc(k.avc)
  assert(link !== 0, 'anon_vma_chain: the table is full')
  const { avc, anon_vma } = k
  avc.obj[link] = obj
  avc.vma[link] = vma
  avc.anon_vma[link] = av
  avc.vma_next[link] = k.vma.avc[vma]!
  k.vma.avc[vma] = link
  const tail = anon_vma.tail[av]!
  avc.anon_prev[link] = tail
  if (tail !== 0) avc.anon_next[tail] = link
  else anon_vma.head[av] = link
  anon_vma.tail[av] = link
  return true
}

/** Gives a private area its anon_vma before its first page. False: out of memory. */
export function anon_vma_prepare(k: Kernel, vma: number): boolean {
  if (k.vma.anon_vma[vma] !== 0) return true
  let av = find_mergeable_anon_vma(k, vma)
  const fresh = av === 0
  if (fresh) {
    av = anon_vma_alloc(k)
    if (av === 0) return false
    k.anon_vma.num_children[av]!++
  }
  if (!anon_vma_chain_link(k, vma, av)) {
    if (fresh) {
      k.anon_vma.num_children[av]!--
      put_anon_vma(k, av)
    }
    return false
  }
  k.vma.anon_vma[vma] = av
  k.anon_vma.num_active_vmas[av]!++
  return true
}

/** The anon_vma of a neighbour that differs in nothing but access rights, so that the two may merge one day. */
function find_mergeable_anon_vma(k: Kernel, vma: number): number {
  const next = k.vma.next[vma]!
  if (next !== 0 && anon_vma_compatible(k, vma, next) && reusable(k, next)) return k.vma.anon_vma[next]!
  const prev = k.vma.prev[vma]!
  if (prev !== 0 && anon_vma_compatible(k, prev, vma) && reusable(k, prev)) return k.vma.anon_vma[prev]!
  return 0
}
const VM_ACCESS_FLAGS = 0x7
function anon_vma_compatible(k: Kernel, a: number, b: number): boolean {
  const v = k.vma
  return (
    v.vm_end[a] === v.vm_start[b] &&
    v.vm_file[a] === v.vm_file[b] &&
    ((v.vm_flags[a]! ^ v.vm_flags[b]!) & ~VM_ACCESS_FLAGS) === 0 &&
    (v.vm_flags[a]! & (VM_SHARED | VM_MAYSHARE)) === 0 &&
    v.vm_pgoff[b] === v.vm_pgoff[a]! + vma_pages(k, a)
  )
}
/** Only an anon_vma without inherited links: one chain link. */
function reusable(k: Kernel, vma: number): boolean {
  const link = k.vma.avc[vma]!
  return k.vma.anon_vma[vma] !== 0 && link !== 0 && k.avc.vma_next[link] === 0
}

/** Gives `dst` links to every anon_vma of `src`; in fork it may take over one that nobody uses. */
export function anon_vma_clone(k: Kernel, dst: number, src: number): boolean {
  for (let link = k.vma.avc[src]!; link !== 0; link = k.avc.vma_next[link]!) {
    const av = k.avc.anon_vma[link]!
    if (!anon_vma_chain_link(k, dst, av)) {
      unlink_chain(k, dst)
      return false
    }
    const { num_children, num_active_vmas } = k.anon_vma
    if (k.vma.anon_vma[dst] === 0 && k.vma.anon_vma[src] !== 0 && num_children[av]! < 2 && num_active_vmas[av] === 0)
      k.vma.anon_vma[dst] = av
  }
  if (k.vma.anon_vma[dst] !== 0) k.anon_vma.num_active_vmas[k.vma.anon_vma[dst]!]!++
  return true
}

/** The child's area of a fork: links to the parent's anon_vmas, and one of its own for its new pages. */
export function anon_vma_fork(k: Kernel, vma: number, parent: number): boolean {
  k.vma.anon_vma[vma] = 0
  if (k.vma.anon_vma[parent] === 0) return true
  if (!anon_vma_clone(k, vma, parent)) return false
  if (k.vma.anon_vma[vma] !== 0) return true
  const av = anon_vma_alloc(k)
  if (av === 0) return fail_fork(k, vma)
  const of_parent = k.vma.anon_vma[parent]!
  k.anon_vma.num_active_vmas[av]!++
  k.anon_vma.root[av] = k.anon_vma.root[of_parent]!
  k.anon_vma.parent[av] = of_parent
  k.anon_vma.refcount[k.anon_vma.root[of_parent]!]!++
  if (!anon_vma_chain_link(k, vma, av)) {
    k.anon_vma.num_active_vmas[av]!--
    put_anon_vma(k, av)
    return fail_fork(k, vma)
  }
  k.vma.anon_vma[vma] = av
  k.anon_vma.num_children[of_parent]!++
  return true
}
function fail_fork(k: Kernel, vma: number): boolean {
  unlink_anon_vmas(k, vma)
  return false
}

/** Takes an area out of all its anon_vmas and frees those that are empty then. */
export function unlink_anon_vmas(k: Kernel, vma: number): void {
  const own = k.vma.anon_vma[vma]!
  if (own !== 0) {
    k.anon_vma.num_active_vmas[own]!--
    k.vma.anon_vma[vma] = 0
  }
  unlink_chain(k, vma)
}

/** First every link goes and parents lose their empty children, then the empty ones are freed: a child may come later. */
function unlink_chain(k: Kernel, vma: number): void {
  const { avc, anon_vma } = k
  const empty: number[] = []
  for (let link = k.vma.avc[vma]!; link !== 0;) {
    const following = avc.vma_next[link]!
    const av = avc.anon_vma[link]!
    const next = avc.anon_next[link]!
    const prev = avc.anon_prev[link]!
    if (prev !== 0) avc.anon_next[prev] = next
    else anon_vma.head[av] = next
    if (next !== 0) avc.anon_prev[next] = prev
    else anon_vma.tail[av] = prev
    kmem_cache_free(k, CACHES(k).anon_vma_chain, avc.obj[link]!)
    row_free(avc, link)
    if (anon_vma.head[av] === 0) {
      anon_vma.num_children[anon_vma.parent[av]!]!--
      empty.push(av)
    }
    link = following
  }
  k.vma.avc[vma] = 0
  for (const av of empty) put_anon_vma(k, av)
}
