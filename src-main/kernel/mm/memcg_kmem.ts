/**
 * Kernel memory of cgroups: page tables, stacks and slab objects that a task makes are its cgroup's. Objects are charged
 * by bytes: a CPU holds what is left of the last page it charged for them.
 *
 *   object of an accounted cache ─ obj_cgroup_charge ─ bytes in the CPU's stock, else whole pages ─ try_charge_memcg
 *   page with __GFP_ACCOUNT ────── memcg_kmem_charge ────────────────────────────────────────────────┘
 *
 * Linux: mm/memcontrol.c (obj_cgroup_charge, refill_obj_stock, drain_obj_stock, mod_objcg_state, __memcg_kmem_charge_page), mm/slab.h
 * (memcg_slab_post_alloc_hook, memcg_slab_free_hook). Simplified: an object names the cgroup, not an obj_cgroup, so
 * removing a cgroup rewrites the names; the vectors that hold them take no memory of the simulated machine.
 */
import { assert } from '@shared/assert'
import { __GFP_ACCOUNT, PAGE_SIZE, PF_KTHREAD, type Kernel } from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { MEMCG_NR_SLAB } from './memcg_stat'
import { mem_cgroup_uncharge, refill_stock, stock_of, try_charge_memcg, type Stock } from './memcontrol'
import { SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT } from './slab_common'

const OBJECTS_MAX = 512
/** An object's place in its slab's vector is a pointer, and is charged with it. */
const POINTER = 8

/** get_obj_cgroup_from_current: the cgroup that pays for what the running task allocates; 0: nobody. */
function obj_cgroup_from_current(k: Kernel): number {
  const t = k.var.current
  if (t === 0 || k.task.mm[t] === 0 || (k.task.flags[t]! & PF_KTHREAD) !== 0) return 0
  return k.task.cgroup[t]!
}

// ---------------------------------------------------------------- pages

/** A kernel page allocated with __GFP_ACCOUNT; false at the limit. */
export function memcg_kmem_charge(k: Kernel, pfn: number, order: number, gfp: number): boolean {
  const memcg = obj_cgroup_from_current(k)
  if (memcg === 0) return true
  if (!obj_cgroup_charge_pages(k, memcg, gfp, 1 << order)) return false
  for (let p = pfn; p < pfn + (1 << order); p++) k.page.memcg[p] = memcg
  return true
}
/**
 * A page table that goes with the pages of a teardown (release_pages, uncharge_batch): its charge goes with theirs, at
 * once and past the stock.
 */
export function memcg_uncharge_table(k: Kernel, pfn: number): void {
  const memcg = k.page.memcg[pfn]!
  if (memcg === 0) return
  memcg_account_kmem(k, memcg, -1)
  mem_cgroup_uncharge(k, pfn)
}
/** The page goes back to whoever paid for it: into the CPU's stock. */
export function memcg_kmem_uncharge(k: Kernel, pfn: number): void {
  const memcg = k.page.memcg[pfn]!
  if (memcg === 0) return
  k.page.memcg[pfn] = 0
  obj_cgroup_uncharge_pages(k, memcg, 1)
}

function obj_cgroup_charge_pages(k: Kernel, memcg: number, gfp: number, nr_pages: number): boolean {
  if (!try_charge_memcg(k, memcg, gfp, nr_pages)) return false
  memcg_account_kmem(k, memcg, nr_pages)
  return true
}
function obj_cgroup_uncharge_pages(k: Kernel, memcg: number, nr_pages: number): void {
  memcg_account_kmem(k, memcg, -nr_pages)
  refill_stock(k, memcg, nr_pages)
}
function memcg_account_kmem(k: Kernel, memcg: number, nr_pages: number): void {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.kmem[m]! += nr_pages
}

// ---------------------------------------------------------------- bytes

export function obj_cgroup_charge(k: Kernel, memcg: number, gfp: number, size: number): boolean {
  const stock = stock_of(k)
  if (stock.objcg === memcg && stock.nr_bytes >= size) {
    stock.nr_bytes -= size
    return true
  }
  const nr_pages = Math.ceil(size / PAGE_SIZE)
  if (!obj_cgroup_charge_pages(k, memcg, gfp, nr_pages)) return false
  if (size % PAGE_SIZE !== 0) refill_obj_stock(k, memcg, PAGE_SIZE - (size % PAGE_SIZE), false)
  return true
}
export function obj_cgroup_uncharge(k: Kernel, memcg: number, size: number): void {
  refill_obj_stock(k, memcg, size, true)
}

function refill_obj_stock(k: Kernel, memcg: number, nr_bytes: number, allow_uncharge: boolean): void {
  const stock = stock_of(k)
  if (cache_objcg(k, stock, memcg)) allow_uncharge = true
  stock.nr_bytes += nr_bytes
  if (!allow_uncharge || stock.nr_bytes <= PAGE_SIZE) return
  const nr_pages = Math.floor(stock.nr_bytes / PAGE_SIZE)
  stock.nr_bytes %= PAGE_SIZE
  obj_cgroup_uncharge_pages(k, memcg, nr_pages)
}

/** The stock turns to another cgroup; false when it was that one's. */
function cache_objcg(k: Kernel, stock: Stock, memcg: number): boolean {
  if (stock.objcg === memcg) return false
  drain_obj_stock(k, stock)
  stock.objcg = memcg
  stock.nr_bytes = k.memcg.nr_charged_bytes[memcg]!
  k.memcg.nr_charged_bytes[memcg] = 0
  return true
}

/** Whole pages go back to the cgroup; what is left of one waits there for the next object. Its figures are told. */
export function drain_obj_stock(k: Kernel, stock: Stock): void {
  const { objcg, nr_bytes } = stock
  for (const item of [0, 1] as const) flush_slab(k, stock, item)
  stock.objcg = 0
  stock.nr_bytes = 0
  if (objcg === 0 || nr_bytes === 0) return
  k.memcg.nr_charged_bytes[objcg]! += nr_bytes % PAGE_SIZE
  if (nr_bytes >= PAGE_SIZE) obj_cgroup_uncharge_pages(k, objcg, Math.floor(nr_bytes / PAGE_SIZE))
}

// ---------------------------------------------------------------- slab objects

/** Who is to pay for an object of the cache: a cgroup, 0 nobody, -1 nobody can. */
export function memcg_slab_pre_alloc_hook(k: Kernel, cache: number, gfp: number): number {
  if ((gfp & __GFP_ACCOUNT) === 0 && (k.kmem_cache.flags[cache]! & SLAB_ACCOUNT) === 0) return 0
  const memcg = obj_cgroup_from_current(k)
  if (memcg === 0) return 0
  return obj_cgroup_charge(k, memcg, gfp, obj_full_size(k, cache)) ? memcg : -1
}
/** Notes who paid; or takes the charge back when there was no object (`handle` 0). */
export function memcg_slab_post_alloc_hook(k: Kernel, cache: number, memcg: number, handle: number): void {
  if (handle === 0) return obj_cgroup_uncharge(k, memcg, obj_full_size(k, cache))
  const slab = Math.floor(handle / OBJECTS_MAX)
  let row = k.slab.obj_cgroups[slab]!
  if (row === 0) {
    row = row_alloc(k.obj_cgroups)
    assert(row !== 0, 'memcg_alloc_slab_cgroups: the table is full')
    k.slab.obj_cgroups[slab] = row
  }
  k.obj_cgroups.memcg[row * OBJECTS_MAX + (handle % OBJECTS_MAX)] = memcg
  mod_objcg_state(k, memcg, cache, obj_full_size(k, cache))
}
/** The cgroup that pays for an object; 0: nobody. */
export function mem_cgroup_from_slab_obj(k: Kernel, handle: number): number {
  const row = k.slab.obj_cgroups[Math.floor(handle / OBJECTS_MAX)]!
  return row === 0 ? 0 : k.obj_cgroups.memcg[row * OBJECTS_MAX + (handle % OBJECTS_MAX)]!
}
export function memcg_slab_free_hook(k: Kernel, cache: number, handle: number): void {
  const row = k.slab.obj_cgroups[Math.floor(handle / OBJECTS_MAX)]!
  const at = row * OBJECTS_MAX + (handle % OBJECTS_MAX)
  const memcg = k.obj_cgroups.memcg[at]!
  if (memcg === 0) return
  k.obj_cgroups.memcg[at] = 0
  mod_objcg_state(k, memcg, cache, -obj_full_size(k, cache))
  obj_cgroup_uncharge(k, memcg, obj_full_size(k, cache))
}
/** The slab goes: its vector too. */
export function memcg_free_slab_cgroups(k: Kernel, slab: number): void {
  row_free(k.obj_cgroups, k.slab.obj_cgroups[slab]!)
  k.slab.obj_cgroups[slab] = 0
}

function obj_full_size(k: Kernel, cache: number): number {
  return k.kmem_cache.size[cache]! + POINTER
}
/** The CPU collects the bytes of one cgroup's objects and tells memory.stat when they are more than a page. */
function mod_objcg_state(k: Kernel, memcg: number, cache: number, bytes: number): void {
  const item = (k.kmem_cache.flags[cache]! & SLAB_RECLAIM_ACCOUNT) !== 0 ? 0 : 1
  const stock = stock_of(k)
  cache_objcg(k, stock, memcg)
  const first = stock.nr_slab[item] === 0
  stock.nr_slab[item] += bytes
  if (!first && Math.abs(stock.nr_slab[item]) > PAGE_SIZE) flush_slab(k, stock, item)
}
function flush_slab(k: Kernel, stock: Stock, item: 0 | 1): void {
  const bytes = stock.nr_slab[item]
  stock.nr_slab[item] = 0
  for (let m = stock.objcg; bytes !== 0 && m > 0; m = k.memcg.parent[m]!)
    k.memcg.slab_b[m * MEMCG_NR_SLAB + item]! += bytes
}

/** memcg_reparent_objcgs: the objects of a removed cgroup are its parent's; the bytes, whole pages with what is left. */
export function memcg_reparent_objcgs(k: Kernel, memcg: number, parent: number): number {
  let bytes = k.memcg.nr_charged_bytes[memcg]!
  k.memcg.nr_charged_bytes[parent]! += bytes
  k.memcg.nr_charged_bytes[memcg] = 0
  for (let slab = 1; slab < k.slab.meta.high; slab++) {
    const row = k.slab.obj_cgroups[slab]!
    if (row === 0) continue
    for (let i = row * OBJECTS_MAX; i < (row + 1) * OBJECTS_MAX; i++)
      if (k.obj_cgroups.memcg[i] === memcg) {
        k.obj_cgroups.memcg[i] = parent
        bytes += obj_full_size(k, k.slab.cache[slab]!)
      }
  }
  return bytes
}
