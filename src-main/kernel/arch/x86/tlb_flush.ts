/**
 * Flushing: ranges of up to 33 pages go page by page, larger ones drop the address space's contexts.
 *
 * Linux: arch/x86/mm/tlb.c (flush_tlb_mm_range, flush_tlb_one_user).
 */
import { M } from '@shared/counters'
import type { Kernel } from '../../kernel'
import { COST } from '../../costs'
import { charge } from '../../task'
import { P4D_SIZE } from './pgtable'
import {
  CONTEXT_MASK,
  CTX_MM,
  CTX_SLOT,
  HUGE,
  L1_TAG,
  L1G_TAG,
  L1H_TAG,
  L2_TAG,
  L2G_TAG,
  NR_CONTEXTS,
  PDE_TAG,
  PDPE_TAG,
  RETIRED,
  tlb_base,
} from './tlb'

/** tlb_single_page_flush_ceiling. */
const TLB_SINGLE_PAGE_FLUSH_CEILING = 33

/** Forgets one page of an address space on every CPU. */
export function flush_tlb_page(k: Kernel, mm: number, addr: number): void {
  flush_tlb_range(k, mm, addr, addr + 4096)
}

/** Forgets [start, end) of an address space on every CPU that may hold it. */
export function flush_tlb_range(k: Kernel, mm: number, start: number, end: number): void {
  const pages = Math.ceil((end - start) / 4096)
  if (pages <= 0) return
  k.machine[M.tlb_flush]!++
  const whole = pages > TLB_SINGLE_PAGE_FLUSH_CEILING
  charge(k, whole ? COST.tlb_flush_all : COST.tlb_flush_page * pages)
  let remote = false
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    if ((k.mm.cpumask[mm * 2 + (cpu >> 5)]! & (1 << (cpu & 31))) === 0) continue
    if (whole) retire(k, cpu, mm)
    else for (let at = start; at < end; at += 4096) invalidate(k, cpu, mm, at)
    if (cpu !== k.var.cpu && k.task.mm[k.cpu.current[cpu + 1]!] === mm) remote = true
  }
  if (remote) charge(k, COST.tlb_ipi)
}

/** Forgets a whole address space. */
export function flush_tlb_mm(k: Kernel, mm: number): void {
  flush_tlb_range(k, mm, 0, P4D_SIZE)
}

/** An address space ends: no charge, its translations are out of reach. */
export function tlb_drop_mm(k: Kernel, mm: number): void {
  for (let cpu = 0; cpu < k.config.cpus; cpu++)
    if ((k.mm.cpumask[mm * 2 + (cpu >> 5)]! & (1 << (cpu & 31))) !== 0) retire(k, cpu, mm)
}

function retire(k: Kernel, cpu: number, mm: number): void {
  const w = k.tlb.word
  const first = tlb_base(cpu) + CTX_MM
  for (let i = first + 1; i < first + NR_CONTEXTS; i++) if (w[i] === mm) w[i] = RETIRED
  k.mm.cpumask[mm * 2 + (cpu >> 5)]! &= ~(1 << (cpu & 31))
}

function invalidate(k: Kernel, cpu: number, mm: number, addr: number): void {
  const w = k.tlb.word
  const base = tlb_base(cpu)
  const pgd_slot = Math.floor(addr / P4D_SIZE)
  const vpn = Math.floor((addr - pgd_slot * P4D_SIZE) / 4096)
  for (let i = 1; i < NR_CONTEXTS; i++) {
    if (w[base + CTX_MM + i] !== mm || w[base + CTX_SLOT + i] !== pgd_slot) continue
    const ctx = i << 27
    const huge = HUGE | ctx | (vpn >> 9)
    forget(w, base + L1_TAG + ((vpn & 15) << 2), 4, ctx | vpn)
    forget(w, base + L1H_TAG + (((vpn >> 9) & 7) << 2), 4, huge)
    forget(w, base + L2_TAG + (vpn & 127) * 12, 12, ctx | vpn)
    forget(w, base + L2_TAG + ((vpn >> 9) & 127) * 12, 12, huge)
    forget(w, base + L1G_TAG, 4, HUGE | ctx | (vpn >> 18))
    forget(w, base + L2G_TAG, 16, HUGE | ctx | (vpn >> 18))
    // INVLPG forgets the paging-structure caches of the address space, whatever the address.
    forget_context(w, base + PDE_TAG, 32, ctx)
    forget_context(w, base + PDPE_TAG, 4, ctx)
  }
}
function forget_context(w: Int32Array, from: number, n: number, ctx: number): void {
  for (let i = from; i < from + n; i++) if ((w[i]! & CONTEXT_MASK) === ctx) w[i] = 0
}
function forget(w: Int32Array, from: number, n: number, tag: number): void {
  for (let i = from; i < from + n; i++) if (w[i] === tag) w[i] = 0
}
