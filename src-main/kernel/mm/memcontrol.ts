/**
 * Memory cgroups, version 2: who pays for a page, and what happens at a limit. Cgroup 0 is the root: no row, no limit,
 * its charges are free.
 *
 *   charge ──> over max: reclaim in the subtree, up to 16 times, then its OOM killer
 *         └──> over high: reclaim and a growing delay before the task goes on
 *
 * Linux: mm/memcontrol.c, mm/page_counter.c. Kept: hierarchical counters, per-CPU stock of 64 pages, max, high with its
 * delay, min and low in proportion, swap.max, oom.group, events. A removed cgroup lives on, out of sight, until the last
 * page and swap slot that are charged to it go.
 */
import { assert } from '@shared/assert'
import { int_div } from '../lib/math'
import {
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_DIRECT_RECLAIM,
  GFP_KERNEL,
  JIFFY_NS,
  PF_KTHREAD,
  PF_MEMALLOC,
  type Kernel,
} from '../kernel'
import {
  fatal_signal_pending,
  is_oom_victim,
  psi_memstall_enter,
  psi_memstall_leave,
  schedule_timeout,
  schedule_timeout_killable,
  TSK_MEMSTALL,
} from '../task'
import { EAGAIN, EINTR } from '../uapi'
import {
  memcg_event,
  MEMCG_HIGH,
  MEMCG_MAX,
  MEMCG_OOM,
  MEMCG_SWAP_FAIL,
  MEMCG_SWAP_HIGH,
  MEMCG_SWAP_MAX,
} from './memcg_stat'
import { drain_obj_stock } from './memcg_kmem'
import { mem_cgroup_id_get_online, mem_cgroup_put } from './memcg_tree'
import { other_victims, out_of_memory } from './oom_kill'
import { cond_resched, gives_way_to_dying } from './preempt'
import { call_time } from './page_io'
import { folio_nr_pages, lru_add_drain_all } from './swap'
import { nr_swap_pages, vm_swap_full } from './swapfile'
import { try_to_free_mem_cgroup_pages } from './vmscan'

export {
  count_memcg_events,
  count_reclaim_events,
  memcg_event,
  mem_cgroup_print_oom_meminfo,
  memcg_page_state,
  MEMCG_OOM_GROUP_KILL,
  MEMCG_OOM_KILL,
  mod_lruvec_lru_size,
} from './memcg_stat'
export { cgroup_path, mem_cgroup_in_subtree, mem_cgroup_iter, mem_cgroup_tasks, parent_lruvec } from './memcg_tree'
export {
  mem_cgroup_below_low,
  mem_cgroup_below_min,
  mem_cgroup_calculate_protection,
  mem_cgroup_protection,
} from './memcg_protection'

const MEMCG_CHARGE_BATCH = 64
const MAX_RECLAIM_RETRIES = 16
const PAGE_ALLOC_COSTLY_ORDER = 3
const MUST_NOT_FAIL = __GFP_NOFAIL | __GFP_HIGH
/** memory.high: the delay grows with the square of the overage (20 bits after the point), scaled down by 2^14. */
const MEMCG_DELAY_PRECISION = 2 ** 20
const MEMCG_DELAY_SCALING = 2 ** 14
const HZ = 250
const MEMCG_MAX_HIGH_DELAY_JIFFIES = 2 * HZ

/** The cgroup of a task's memory. */
export function mem_cgroup_from_task(k: Kernel, t: number): number {
  return k.task.cgroup[t]!
}

// ---------------------------------------------------------------- charging

/** Charges a page to a cgroup; false when its limit holds and nothing could be reclaimed. */
export function mem_cgroup_charge(k: Kernel, pfn: number, memcg: number, gfp = GFP_KERNEL): boolean {
  if (memcg !== 0 && !try_charge_memcg(k, memcg, gfp, folio_nr_pages(k, pfn))) return false
  k.page.memcg[pfn] = memcg
  return true
}
/** A part of a huge page that is split: the charge is there already. */
export function mem_cgroup_split(k: Kernel, pfn: number, memcg: number): void {
  k.page.memcg[pfn] = memcg
}
export function mem_cgroup_uncharge(k: Kernel, pfn: number): void {
  const memcg = k.page.memcg[pfn]!
  if (memcg === 0) return
  uncharge(k, memcg, folio_nr_pages(k, pfn))
  k.page.memcg[pfn] = 0
}

/** Charged in advance, per CPU, for one cgroup at a time: pages, and the rest of a page for slab objects. */
export interface Stock {
  memcg: number
  nr: number
  objcg: number
  nr_bytes: number
  /** Bytes of objects that memory.stat does not know of yet: reclaimable, unreclaimable. */
  nr_slab: [number, number]
}
export function stock_of(k: Kernel): Stock {
  const stocks = (k.var.mod['memcg_stock'] ??= []) as Stock[]
  return (stocks[k.var.cpu] ??= { memcg: 0, nr: 0, objcg: 0, nr_bytes: 0, nr_slab: [0, 0] })
}
export function drain_all_stock(k: Kernel, memcg = -1): void {
  for (const stock of (k.var.mod['memcg_stock'] ?? []) as (Stock | null)[]) {
    if (!stock) continue
    const under = (m: number): boolean => m !== 0 && (memcg < 0 || is_descendant(k, m, memcg))
    if (under(stock.objcg) || (under(stock.memcg) && stock.nr > 0)) {
      drain_obj_stock(k, stock)
      drain_stock(k, stock)
    }
  }
}
function drain_stock(k: Kernel, stock: Stock): void {
  const { memcg, nr } = stock
  stock.nr = 0
  if (nr > 0) uncharge(k, memcg, nr)
}
function is_descendant(k: Kernel, memcg: number, root: number): boolean {
  while (memcg !== root && memcg !== 0) memcg = k.memcg.parent[memcg]!
  return memcg === root
}

function uncharge(k: Kernel, memcg: number, nr: number): void {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) {
    k.memcg.usage[m]! -= nr
    assert(k.memcg.usage[m]! >= 0, 'memcg: usage below zero')
  }
  if (k.memcg.offline[memcg] !== 0) mem_cgroup_put(k, memcg)
}
/** page_counter_try_charge: all levels or none; the level whose limit holds, or 0. */
function counter_charge(k: Kernel, memcg: number, nr: number, force: boolean): number {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!)
    if (!force && k.memcg.usage[m]! + nr > k.memcg.max[m]!) {
      k.memcg.failcnt[m]!++
      return m
    }
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) {
    k.memcg.usage[m]! += nr
    if (k.memcg.usage[m]! > k.memcg.peak[m]!) k.memcg.peak[m] = k.memcg.usage[m]!
  }
  return 0
}

/** Charges pages to a cgroup and all above it; reclaims, and kills, where a limit holds. False: no memory. */
export function try_charge_memcg(k: Kernel, memcg: number, gfp: number, nr_pages: number): boolean {
  let batch = Math.max(MEMCG_CHARGE_BATCH, nr_pages)
  let retries = MAX_RECLAIM_RETRIES
  let drained = false
  let passed_oom = false
  const t = k.var.current
  for (;;) {
    const stock = stock_of(k)
    if (stock.memcg === memcg && stock.nr >= nr_pages) {
      stock.nr -= nr_pages
      return true
    }
    const over = counter_charge(k, memcg, batch, false)
    if (over === 0) break
    if (batch > nr_pages) {
      batch = nr_pages
      continue
    }
    if (t === 0) return force(k, memcg, nr_pages)
    const waits = (gfp & __GFP_DIRECT_RECLAIM) !== 0
    const memalloc = (k.task.flags[t]! & PF_MEMALLOC) !== 0
    // What is forced past the limit raises the event too.
    if (waits || memalloc || (gfp & MUST_NOT_FAIL) !== 0) memcg_event(k, over, MEMCG_MAX)
    if (memalloc) return force(k, memcg, nr_pages)
    if (!waits) return no_memory(k, memcg, gfp, nr_pages)
    const nr_reclaimed = reclaim(k, over, nr_pages)
    if (k.memcg.max[over]! - k.memcg.usage[over]! >= nr_pages) continue
    if (!drained) {
      drain_all_stock(k, over)
      drained = true
      continue
    }
    if ((gfp & __GFP_NORETRY) !== 0) return no_memory(k, memcg, gfp, nr_pages)
    if (nr_reclaimed > 0 && nr_pages <= 1 << PAGE_ALLOC_COSTLY_ORDER) continue
    if (retries-- > 0) continue
    if ((gfp & __GFP_RETRY_MAYFAIL) !== 0) return no_memory(k, memcg, gfp, nr_pages)
    if (passed_oom && dying(k, t)) return no_memory(k, memcg, gfp, nr_pages)
    if (!mem_cgroup_oom(k, over, gfp, nr_pages)) return no_memory(k, memcg, gfp, nr_pages)
    passed_oom = true
    retries = MAX_RECLAIM_RETRIES
    // The others exit where reclaim gives way to them.
    if (gives_way_to_dying(k)) continue
    if (!dying(k, t) || other_victims(k, over, t)) {
      // They sleep, or are another CPU's: the call goes on, and the task sleeps meanwhile.
      memcg_event(k, over, MEMCG_MAX)
      if (!dying(k, t)) schedule_timeout(k, JIFFY_NS, 'mem_cgroup_oom', TSK_MEMSTALL)
      return force(k, memcg, nr_pages)
    }
  }
  if (batch > nr_pages) refill_stock(k, memcg, batch - nr_pages)
  if (t !== 0) check_high(k, t, memcg, batch, gfp)
  return true
}
function force(k: Kernel, memcg: number, nr_pages: number): boolean {
  counter_charge(k, memcg, nr_pages, true)
  return true
}

function dying(k: Kernel, t: number): boolean {
  return fatal_signal_pending(k, t) || is_oom_victim(k, t)
}
function no_memory(k: Kernel, memcg: number, gfp: number, nr_pages: number): boolean {
  return (gfp & MUST_NOT_FAIL) !== 0 && force(k, memcg, nr_pages)
}
/** What was charged in advance, or comes back, is at hand for the next charge. */
export function refill_stock(k: Kernel, memcg: number, nr: number): void {
  const stock = stock_of(k)
  if (stock.memcg !== memcg) {
    drain_stock(k, stock)
    stock.memcg = memcg
  }
  stock.nr += nr
  if (stock.nr > MEMCG_CHARGE_BATCH) drain_stock(k, stock)
}

/** Reclaims in a subtree as an allocator does. */
function reclaim(k: Kernel, memcg: number, nr_pages: number): number {
  const t = k.var.current
  const outermost = psi_memstall_enter(k)
  const had = k.task.flags[t]! & PF_MEMALLOC
  k.task.flags[t]! |= PF_MEMALLOC
  const nr = try_to_free_mem_cgroup_pages(k, memcg, nr_pages, true)
  if (had === 0) k.task.flags[t]! &= ~PF_MEMALLOC
  psi_memstall_leave(k, outermost)
  return nr
}

function mem_cgroup_oom(k: Kernel, memcg: number, gfp: number, nr_pages: number): boolean {
  if (nr_pages > 1 << PAGE_ALLOC_COSTLY_ORDER) return false
  memcg_event(k, memcg, MEMCG_OOM)
  return mem_cgroup_out_of_memory(k, memcg, gfp, nr_pages)
}

/** True when memory will come: somebody dies, or has meanwhile. */
function mem_cgroup_out_of_memory(k: Kernel, memcg: number, gfp: number, nr_pages: number): boolean {
  // mutex_lock_killable(&oom_lock) gives way.
  cond_resched(k)
  if (k.memcg.max[memcg]! - k.memcg.usage[memcg]! >= nr_pages) return true
  return dying(k, k.var.current) || out_of_memory(k, gfp, 0, memcg)
}

// ---------------------------------------------------------------- memory.high

/** A charge took a cgroup over: the task makes up for it on its way back to user mode, or at once when it is much. */
function check_high(k: Kernel, t: number, memcg: number, batch: number, gfp: number): void {
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) {
    if (k.memcg.usage[m]! <= k.memcg.high[m]! && k.memcg.swap[m]! <= k.memcg.swap_high[m]!) continue
    k.task.memcg_over_high[t]! += batch
    break
  }
  if (k.task.memcg_over_high[t]! <= MEMCG_CHARGE_BATCH || (gfp & __GFP_DIRECT_RECLAIM) === 0) return
  if ((k.task.flags[t]! & (PF_MEMALLOC | PF_KTHREAD)) === 0) mem_cgroup_handle_over_high(k)
}

/** A task that took its cgroup above memory.high reclaims, and sleeps when that does not help. */
export function mem_cgroup_handle_over_high(k: Kernel): void {
  const t = k.var.current
  const nr_pages = k.task.memcg_over_high[t]!
  if (nr_pages === 0) return
  const memcg = k.task.cgroup[t]!
  k.task.memcg_over_high[t] = 0
  let in_retry = false
  for (let retries = MAX_RECLAIM_RETRIES; ;) {
    const nr_reclaimed = reclaim_high(k, memcg, in_retry ? 32 : nr_pages)
    const penalty = Math.min(
      high_delay(k, memcg, nr_pages, 'usage', 'high') + high_delay(k, memcg, nr_pages, 'swap', 'swap_high'),
      MEMCG_MAX_HIGH_DELAY_JIFFIES,
    )
    if (penalty <= int_div(HZ, 100)) return
    if (nr_reclaimed > 0 || retries-- > 0) {
      in_retry = true
      continue
    }
    const base = call_time(k) - k.var.now
    schedule_timeout_killable(k, base + penalty * JIFFY_NS, 'mem_cgroup_handle_over_high', TSK_MEMSTALL)
    return
  }
}

function reclaim_high(k: Kernel, memcg: number, nr_pages: number): number {
  let nr_reclaimed = 0
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) {
    if (k.memcg.usage[m]! <= k.memcg.high[m]!) continue
    memcg_event(k, m, MEMCG_HIGH)
    nr_reclaimed += reclaim(k, m, nr_pages)
  }
  return nr_reclaimed
}

/** Jiffies for the largest overage on the way up. */
function high_delay(
  k: Kernel,
  memcg: number,
  nr_pages: number,
  usage: 'usage' | 'swap',
  high: 'high' | 'swap_high',
): number {
  let overage = 0
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) {
    const limit = Math.max(1, k.memcg[high][m]!)
    const over = k.memcg[usage][m]! - k.memcg[high][m]!
    if (over > 0 && usage === 'swap') memcg_event(k, m, MEMCG_SWAP_HIGH)
    if (over > 0) overage = Math.max(overage, int_div(over * MEMCG_DELAY_PRECISION, limit))
  }
  if (overage === 0) return 0
  const penalty = int_div(int_div(overage * overage * HZ, MEMCG_DELAY_PRECISION), MEMCG_DELAY_SCALING)
  return int_div(penalty * nr_pages, MEMCG_CHARGE_BATCH)
}

/** Lowering memory.max or memory.high below the usage reclaims at once; max may end in the OOM killer. */
export function mem_cgroup_set_max(k: Kernel, memcg: number, max: number): void {
  k.memcg.max[memcg] = max
  let retries = MAX_RECLAIM_RETRIES
  let drained = false
  while (k.memcg.usage[memcg]! > max && !(k.var.current !== 0 && fatal_signal_pending(k, k.var.current))) {
    if (!drained) {
      drain_all_stock(k, memcg)
      drained = true
      continue
    }
    if (retries > 0) {
      if (try_to_free_mem_cgroup_pages(k, memcg, k.memcg.usage[memcg]! - max, true) === 0) retries--
      continue
    }
    memcg_event(k, memcg, MEMCG_OOM)
    if (!mem_cgroup_out_of_memory(k, memcg, GFP_KERNEL, 1)) return
    if (gives_way_to_dying(k)) continue
    // The victim exits when it runs; the write goes on from there (mem_cgroup_oom_exit).
    waiting_writes(k)[memcg] = k.var.current
    return
  }
  delete waiting_writes(k)[memcg]
}

/** Writes to memory.max that wait for a victim to go: cgroup and writer. */
function waiting_writes(k: Kernel): Record<number, number> {
  return (k.var.mod['memcg_max_writes'] ??= {}) as Record<number, number>
}
/** A victim gave its memory back: a write to memory.max that waits for it reclaims, or kills, the next. */
export function mem_cgroup_oom_exit(k: Kernel): void {
  const dying = k.var.current
  for (const [memcg, writer] of Object.entries(waiting_writes(k))) {
    delete waiting_writes(k)[Number(memcg)]
    if (k.memcg.name[Number(memcg)] === 0) continue
    k.var.current = k.task.mm[writer] === 0 ? dying : writer
    mem_cgroup_set_max(k, Number(memcg), k.memcg.max[Number(memcg)]!)
    k.var.current = dying
  }
}
/** memory.reclaim: as often as something comes back, and 16 times in vain. */
export function mem_cgroup_reclaim(k: Kernel, memcg: number, nr_to_reclaim: number): number {
  let nr_reclaimed = 0
  for (let retries = MAX_RECLAIM_RETRIES; nr_reclaimed < nr_to_reclaim;) {
    if (k.var.current !== 0 && fatal_signal_pending(k, k.var.current)) return -EINTR
    if (retries === 0) lru_add_drain_all(k)
    const nr = try_to_free_mem_cgroup_pages(k, memcg, nr_to_reclaim - nr_reclaimed, true, true)
    if (nr === 0 && retries-- === 0) return -EAGAIN
    nr_reclaimed += nr
  }
  return 0
}
export function mem_cgroup_set_high(k: Kernel, memcg: number, high: number): void {
  k.memcg.high[memcg] = high
  if (k.memcg.usage[memcg]! > high) drain_all_stock(k, memcg)
  for (let retries = MAX_RECLAIM_RETRIES; k.memcg.usage[memcg]! > high;) {
    const nr_reclaimed = try_to_free_mem_cgroup_pages(k, memcg, k.memcg.usage[memcg]! - high, true)
    if (nr_reclaimed === 0 && retries-- === 0) return
  }
}

// ---------------------------------------------------------------- swap

/** Charges a slot to the cgroup of the page that goes there; false at memory.swap.max. */
export function mem_cgroup_try_charge_swap(k: Kernel, pfn: number, slot: number): boolean {
  const memcg = mem_cgroup_id_get_online(k, k.page.memcg[pfn]!)
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!)
    if (k.memcg.swap[m]! + 1 > k.memcg.swap_max[m]!) {
      memcg_event(k, memcg, MEMCG_SWAP_MAX)
      memcg_event(k, memcg, MEMCG_SWAP_FAIL)
      return false
    }
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.swap[m]!++
  k.swap.memcg[slot] = memcg
  return true
}
export function mem_cgroup_uncharge_swap(k: Kernel, slot: number): void {
  const memcg = k.swap.memcg[slot]!
  k.swap.memcg[slot] = 0
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) k.memcg.swap[m]!--
  if (k.memcg.offline[memcg] !== 0) mem_cgroup_put(k, memcg)
}
/** Who pays for a page that comes back from a slot: its cgroup, or whoever asks when that was removed. */
export function mem_cgroup_of_swapin(k: Kernel, slot: number): number {
  const memcg = k.swap.memcg[slot]!
  return k.memcg.offline[memcg] === 0 ? memcg : mem_cgroup_from_task(k, k.var.current)
}
/** Swap slots that a cgroup may still use. */
export function mem_cgroup_swap_pages(k: Kernel, memcg: number): number {
  let nr = nr_swap_pages(k)
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) nr = Math.min(nr, k.memcg.swap_max[m]! - k.memcg.swap[m]!)
  return nr
}
/** Slots of the page's cgroups, or of the machine, are more than half used. */
export function mem_cgroup_swap_full(k: Kernel, pfn: number): boolean {
  if (vm_swap_full(k)) return true
  for (let m = k.page.memcg[pfn]!; m > 0; m = k.memcg.parent[m]!) {
    const usage = k.memcg.swap[m]! * 2
    if (usage >= k.memcg.swap_high[m]! || usage >= k.memcg.swap_max[m]!) return true
  }
  return false
}

// ---------------------------------------------------------------- OOM

/** Pages that OOM points are measured against: the limit, and the swap that may be used. */
export function mem_cgroup_get_max(k: Kernel, memcg: number): number {
  const swap = Math.min(k.memcg.swap_max[memcg]!, total_swap(k))
  return Math.min(k.memcg.max[memcg]!, k.var.totalram_pages) + swap
}
function total_swap(k: Kernel): number {
  let total = 0
  for (let area = 1; area < k.swap_info.meta.high; area++) total += k.swap_info.pages[area]!
  return total
}
/** The highest cgroup with memory.oom.group between a victim and the one that is out of memory; 0: none. */
export function mem_cgroup_get_oom_group(k: Kernel, victim: number, oom_domain: number): number {
  let group = 0
  for (let m = k.task.cgroup[victim]!; m > 0; m = k.memcg.parent[m]!) {
    if (k.memcg.oom_group[m] !== 0) group = m
    if (m === oom_domain) break
  }
  return group
}
