/**
 * Loads and stores of the running task: the machine's hottest loop.
 *
 *     L1 probe (inlined) ─ miss ─> L1 huge, L2, page walk (arch/x86/tlb.ts) ─ no translation ─> page fault, again
 *
 * A call works on a batch and comes back early when the task sleeps, gets a signal or has used up its slice; the result
 * is the number of accesses done, so that the caller can go on from there later. Counters and time are kept in locals
 * and brought to the machine between stretches of at most 8192 accesses.
 */
import { M } from '@shared/counters'
import { PTE_A, PTE_D, PTE_P, VM_EXEC, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge_user, need_resched, signal_pending, task_blocked } from '../task'
import { L1_PTE, make_dirty, tlb_base, tlb_context, tlb_miss } from '../arch/x86/tlb'
import { P4D_SIZE, task_size } from '../arch/x86/pgtable'
import { entry_at } from '../mm/gup'
import { find_vma } from '../mm/vma'
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE, do_page_fault, FAULT_DONE } from './fault'

const STRETCH = 8192
const PAGE_MASK = 4095

/** `nr` accesses from `start`, `stride` bytes apart (may be negative); how many were made. */
export function access_range(k: Kernel, start: number, nr: number, stride: number, write: boolean): number {
  let done = 0
  const limit = task_size(k)
  while (done < nr) {
    const addr = start + done * stride
    if (addr < 0 || addr >= limit) {
      do_page_fault(k, addr, write ? ACCESS_WRITE : ACCESS_READ)
      return done
    }
    const slot = Math.floor(addr / P4D_SIZE)
    const in_slot = addr - slot * P4D_SIZE
    // A stretch stays in one PGD slot, so that page numbers are 27 bits.
    const room = stride === 0 ? Infinity : stride > 0 ? (P4D_SIZE - 1 - in_slot) / stride : in_slot / -stride
    const batch = Math.min(nr - done, STRETCH, Math.floor(room) + 1)
    const vpn = Math.floor(in_slot / 4096)
    const made = run_range(k, slot, vpn, in_slot & PAGE_MASK, batch, stride, write ? 1 : 0)
    done += made
    if (made < batch) {
      const at = start + done * stride
      if (do_page_fault(k, at, write ? ACCESS_WRITE : ACCESS_READ) !== FAULT_DONE) return done
    }
    if (task_blocked(k) || need_resched(k) || signal_pending(k, k.var.current)) return done
  }
  return done
}

/** One stretch inside a PGD slot; stops before the access that has no translation. */
function run_range(
  k: Kernel,
  pgd_slot: number,
  vpn: number,
  off: number,
  nr: number,
  stride: number,
  write: number,
): number {
  const cpu = k.var.cpu
  const mm = k.task.mm[k.var.current]!
  const ctx = tlb_context(k, cpu, mm, pgd_slot)
  const pgd = k.mm.pgd[mm]!
  const w = k.tlb.word
  const base = tlb_base(cpu)
  const step = Math.floor(stride / 4096)
  const step_off = stride - step * 4096
  const need = write !== 0 ? PTE_D : 0
  const before = stretch_begin(k)
  let hits = 0
  let i = 0
  while (i < nr) {
    const tag = ctx | vpn
    let e = base + ((vpn & 15) << 2)
    if (w[e] !== tag && w[++e] !== tag && w[++e] !== tag && w[++e] !== tag) {
      if (tlb_miss(k, base, ctx, pgd, vpn, write) === 0) break
    } else {
      if ((w[e + L1_PTE]! & need) !== need && !make_dirty(k, e, e + L1_PTE, pgd, vpn)) break
      hits++
    }
    i++
    if (step === 0 && step_off !== 0) {
      // The other accesses to this page hit the entry that was just used.
      const more = Math.min(nr - i, Math.floor((PAGE_MASK - off) / step_off))
      hits += more
      i += more
      off += (more + 1) * step_off
      vpn += off >> 12
      off &= PAGE_MASK
    } else {
      off += step_off
      vpn += step + (off >> 12)
      off &= PAGE_MASK
    }
  }
  stretch_end(k, before, i, hits)
  return i
}

/**
 * Accesses to a list of pages: `trace[i]` is a page number relative to `base` times 2, plus 1 for a store. From `from` up
 * to `n`; returns the index of the first that was not made.
 */
export function access_list(k: Kernel, base: number, trace: Int32Array, n: number, from = 0): number {
  let i = from
  while (i < n) {
    const slot = Math.floor(base / P4D_SIZE)
    const first = Math.floor((base - slot * P4D_SIZE) / 4096)
    const end = Math.min(n, i + STRETCH)
    i = run_list(k, slot, first, trace, i, end)
    if (i < end) {
      const v = trace[i]!
      if (do_page_fault(k, base + (v >> 1) * 4096, v & 1) !== FAULT_DONE) return i
    }
    if (task_blocked(k) || need_resched(k) || signal_pending(k, k.var.current)) return i
  }
  return i
}

/** One stretch of a list; the pages lie in the PGD slot of the base. */
function run_list(k: Kernel, pgd_slot: number, first: number, trace: Int32Array, from: number, end: number): number {
  const cpu = k.var.cpu
  const mm = k.task.mm[k.var.current]!
  const ctx = tlb_context(k, cpu, mm, pgd_slot)
  const pgd = k.mm.pgd[mm]!
  const w = k.tlb.word
  const base = tlb_base(cpu)
  const before = stretch_begin(k)
  let hits = 0
  let i = from
  for (; i < end; i++) {
    const v = trace[i]!
    const vpn = first + (v >> 1)
    const tag = ctx | vpn
    let e = base + ((vpn & 15) << 2)
    if (w[e] !== tag && w[++e] !== tag && w[++e] !== tag && w[++e] !== tag) {
      if (tlb_miss(k, base, ctx, pgd, vpn, v & 1) === 0) break
      continue
    }
    if ((v & 1) !== 0 && (w[e + L1_PTE]! & PTE_D) === 0 && !make_dirty(k, e, e + L1_PTE, pgd, vpn)) break
    hits++
  }
  stretch_end(k, before, i - from, hits)
  return i
}

// ---------------------------------------------------------------- accounts

/** Walk cycles so far: what a stretch adds to them is the task's. */
function stretch_begin(k: Kernel): Float64Array {
  const machine = k.machine
  return Float64Array.of(machine[M.tlb_l2_hit]!, machine[M.tlb_miss]!, machine[M.walk_cycles]!)
}

function stretch_end(k: Kernel, before: Float64Array, made: number, hits: number): void {
  const machine = k.machine
  const t = k.var.current
  const l2 = machine[M.tlb_l2_hit]! - before[0]!
  const misses = machine[M.tlb_miss]! - before[1]!
  const walk = machine[M.walk_cycles]! - before[2]!
  machine[M.tlb_access]! += made
  machine[M.tlb_l1_hit]! += hits
  k.task.tlb_hit[t]! += made - Math.min(made, misses)
  k.task.tlb_miss[t]! += misses
  k.task.walk_cycles[t]! += walk
  const cycles = walk + l2 * COST.tlb_l2_cycles
  charge_user(k, made * COST.access + Math.floor((cycles * 1000) / COST.cycles_per_us))
}

// ---------------------------------------------------------------- one access

/** One access; `access` is ACCESS_READ, ACCESS_WRITE or ACCESS_EXEC. True when it was made. */
export function access_once(k: Kernel, addr: number, access: number): boolean {
  if (access !== ACCESS_EXEC) return access_range(k, addr, 1, 0, access === ACCESS_WRITE) === 1
  // Instructions have a translation cache of their own: walk, fault, and check the right to execute.
  for (let tries = 0; tries < 4; tries++) {
    if (may_execute(k, addr)) {
      charge_user(k, COST.access)
      return true
    }
    if (do_page_fault(k, addr, ACCESS_EXEC) !== FAULT_DONE) return false
  }
  return false
}
function may_execute(k: Kernel, addr: number): boolean {
  if (addr >= task_size(k)) return false
  const mm = k.task.mm[k.var.current]!
  const vma = find_vma(k, mm, addr)
  if (vma === 0 || k.vma.vm_start[vma]! > addr || (k.vma.vm_flags[vma]! & VM_EXEC) === 0) return false
  const at = entry_at(k, mm, addr)
  if (at === 0 || (k.pt.entry[at]! & PTE_P) === 0) return false
  k.pt.entry[at]! |= PTE_A
  return true
}
