/** Slab caches under random use from several CPUs: the model is a set of live objects for each cache. */
import { expect } from 'vitest'
import { GFP_KERNEL } from '../../../src-main/kernel/kernel'
import { cache_by_name, kmem_cache_alloc, kmem_cache_free, kmem_cache_shrink } from '../../../src-main/kernel/mm/slub'
import { objects_in_use } from '../../../src-main/kernel/mm/slabinfo'
import { below, testLoad } from '../../support/randomLoad'
import { bootMemory, verifyMemory } from './machine'

interface Cache {
  readonly cache: number
  readonly before: number
  readonly live: Set<number>
}
interface Model {
  readonly caches: Cache[]
  step: number
}
const NAMES = ['dentry', 'kmalloc-64', 'task_struct', 'inode_cache', 'kmalloc-8', 'vm_area_struct', 'kmalloc-8k']

testLoad<Model>('no object has two owners, and none is lost', {
  operations: 20_000,
  every: 4000,
  open: (seed) => {
    const k = bootMemory(256, { cpus: 1 + (seed % 3) })
    const caches = NAMES.map((name) => cache_by_name(k, name))
    const model = caches.map((cache) => ({ cache, before: objects_in_use(k, cache), live: new Set<number>() }))
    return { k, model: { caches: model, step: 0 } }
  },
  operate(w) {
    const { k } = w
    k.var.cpu = below(w, k.config.cpus)
    const { cache, live } = w.model.caches[below(w, NAMES.length)]!
    const growing = Math.floor(w.model.step++ / 5000) % 2 === 0
    if (live.size === 0 || below(w, 100) < (growing ? 65 : 35)) {
      const handle = kmem_cache_alloc(k, cache, GFP_KERNEL)
      expect(handle).toBeGreaterThan(0)
      if (live.has(handle)) throw new Error('handed out twice')
      live.add(handle)
      return
    }
    if (below(w, 500) === 0) kmem_cache_shrink(k, cache)
    // Some of the oldest, some of the newest.
    const handle = below(w, 2) === 0 ? live.values().next().value! : [...live].at(-1)!
    live.delete(handle)
    kmem_cache_free(k, cache, handle)
  },
  check({ k, model }) {
    for (const { cache, before, live } of model.caches) expect(objects_in_use(k, cache)).toBe(before + live.size)
    verifyMemory(k)
  },
})
