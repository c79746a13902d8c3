/**
 * KSM: pages of areas that asked for it (MADV_MERGEABLE) are compared by content; equal ones become one read-only page.
 *
 *     ksmd ─ next page ─┬ equal to a merged page (stable tree)? map that instead
 *                       ├ changed since the last full scan? remember its checksum, next time
 *                       ├ equal to a page seen in this scan (unstable tree)? both become a merged page
 *                       └ else into the unstable tree, which is forgotten after each full scan
 *
 * An rmap_item stands for an address that was scanned; a stable node for a merged page and the addresses that map it. A
 * write to a merged page is copied as any other write to a shared page (mm/wp.ts), and the item leaves its node when the
 * scan comes by again.
 *
 * Linux: mm/ksm.c. Simplified: trees are tables by content tag (mm/content.ts), so a search costs the same whatever the
 * tree's depth; items of an address space that ends go at once, not when ksmd meets them; chains are not pruned by time.
 * Here: its state, and the address spaces on its walk. The rest is in ksm_scan.ts, ksm_items.ts, ksm_stable.ts,
 * ksm_unstable.ts, and ksm_merge.ts.
 */
import { assert } from '@shared/assert'
import { GFP_KERNEL, type Kernel } from '../kernel'
import { wake_kthread } from '../task'
import { remove_trailing_rmap_items } from './ksm_items'
import { CACHES, kmem_cache_alloc, kmem_cache_free } from './slub'

export const KSM_RUN_STOP = 0
export const KSM_RUN_MERGE = 1
export const KSM_RUN_UNMERGE = 2
const MMF_VM_MERGEABLE = 1 << 16
// ksm_rmap_item.state
export const UNSTABLE = 1
export const STABLE = 2
/** The cursor is between two full scans. */
export const AT_HEAD = -1

export interface MmSlot {
  readonly mm: number
  readonly obj: number
  /** First rmap_item, by address. */
  head: number
}
export interface Ksm {
  readonly slots: MmSlot[]
  /** The scan's cursor: slot, the next address in it, the last item before that. */
  slot: number
  address: number
  item: number
  /** Full scans done. */
  seqnr: number
  pages_shared: number
  pages_sharing: number
  pages_unshared: number
  rmap_items: number
  /** First node of each merged content; more of the same content hang on it as a chain. */
  stable: Record<number, number>
  /** Items of this scan by content. */
  unstable: Record<number, number>
}
export function ksm(k: Kernel): Ksm {
  return (k.var.mod['ksm'] ??= {
    slots: [],
    slot: AT_HEAD,
    address: 0,
    item: 0,
    seqnr: 0,
    pages_shared: 0,
    pages_sharing: 0,
    pages_unshared: 0,
    rmap_items: 0,
    stable: {},
    unstable: {},
  }) as Ksm
}
/** Nothing of KSM was ever used on this machine. */
export function ksm_unused(k: Kernel): boolean {
  return k.var.mod['ksm'] === undefined
}
export function setting(k: Kernel, name: string, initial: number): number {
  return k.var.sysctl[`ksm.${name}`] ?? initial
}
export function ksm_run(k: Kernel): number {
  return setting(k, 'run', KSM_RUN_STOP)
}

// ---------------------------------------------------------------- address spaces

/** MADV_MERGEABLE: the address space is put on the walk, to be scanned last. */
export function __ksm_enter(k: Kernel, mm: number): void {
  if ((k.mm.flags[mm]! & MMF_VM_MERGEABLE) !== 0) return
  const obj = kmem_cache_alloc(k, CACHES(k).ksm_mm_slot, GFP_KERNEL)
  if (obj === 0) return
  k.mm.flags[mm]! |= MMF_VM_MERGEABLE
  const s = ksm(k)
  const needs_wakeup = s.slots.length === 0
  if (s.slot === AT_HEAD || (ksm_run(k) & KSM_RUN_UNMERGE) !== 0) s.slots.push({ mm, obj, head: 0 })
  else s.slots.splice(s.slot++, 0, { mm, obj, head: 0 })
  if (needs_wakeup) wake_kthread(k, 'ksmd')
}

export function ksm_fork(k: Kernel, mm: number, oldmm: number): void {
  if ((k.mm.flags[oldmm]! & MMF_VM_MERGEABLE) !== 0) __ksm_enter(k, mm)
}
/** A copied address space is not on the walk yet. */
export function ksm_mm_init(k: Kernel, mm: number): void {
  k.mm.flags[mm]! &= ~MMF_VM_MERGEABLE
}

/** The address space ends: what was known of it goes. */
export function ksm_exit(k: Kernel, mm: number): void {
  if ((k.mm.flags[mm]! & MMF_VM_MERGEABLE) === 0) return
  const s = ksm(k)
  const at = s.slots.findIndex((slot) => slot.mm === mm)
  assert(at >= 0, 'ksm_exit: not on the walk')
  remove_trailing_rmap_items(k, s, s.slots[at]!, 0)
  kmem_cache_free(k, CACHES(k).ksm_mm_slot, s.slots[at]!.obj)
  s.slots.splice(at, 1)
  k.mm.flags[mm]! &= ~MMF_VM_MERGEABLE
  if (at < s.slot) s.slot--
  else if (at === s.slot) {
    s.address = 0
    s.item = 0
    if (s.slot === s.slots.length) end_of_scan(s)
  }
}

export function end_of_scan(s: Ksm): void {
  s.slot = AT_HEAD
  s.seqnr++
}

/** Every item of every address space goes (run = 2, after the pages were unmerged). */
export function remove_all_rmap_items(k: Kernel): void {
  const s = ksm(k)
  for (const slot of s.slots) remove_trailing_rmap_items(k, s, slot, 0)
  s.slot = AT_HEAD
  s.address = 0
  s.item = 0
  s.unstable = {}
}
