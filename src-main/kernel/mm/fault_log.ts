/**
 * The last page faults of every task: what perf trace -F or the exceptions:page_fault_user event would tell of it. Linux keeps
 * no such log; nothing here decides anything.
 *
 * A ring of a few faults a task (row = task): however busy others are, a task that faults once an hour still has its own.
 * A fault that waits for its disk is one fault: its time runs from the exception to the return to user mode.
 */
import { PTE_P, PTE_SHIFT, PTE_SWAP, VM_SHARED, type Kernel } from '../kernel'
import { row_touch } from '../lib/arena'
import { FAULTS_KEPT } from '../tables/task'
import { FAULT_FLAG_TRIED, FAULT_FLAG_WAITED, FAULT_FLAG_WRITE, type VmFault } from './vm_fault'

/** What a fault did; names in FAULT_KINDS of the protocol. */
export const FAULT_OTHER = 0
export const FAULT_ANON = 1
export const FAULT_ZERO_PAGE = 2
export const FAULT_FILE = 3
export const FAULT_FILE_COPY = 4
export const FAULT_FILE_SHARED = 5
export const FAULT_SWAP = 6
export const FAULT_COW = 7
export const FAULT_REUSE = 8
export const FAULT_HUGE = 9
export const FAULT_HUGETLB = 10
export const FAULT_SPURIOUS = 11

/** A new task has no faults behind it. */
export function clear_fault_log(k: Kernel, t: number): void {
  row_touch(k.fault_log, t)
  k.fault_log.nr[t] = 0
  k.fault_log.begin[t] = 0
}

/** The exception; one that is taken again goes on. */
export function begin_fault(k: Kernel, flags: number): void {
  const t = k.var.current
  if ((flags & (FAULT_FLAG_TRIED | FAULT_FLAG_WAITED)) !== 0 && k.fault_log.begin[t] !== 0) return
  k.fault_log.begin[t] = k.var.now
}

/** What the fault found (`before`) and left in its page-table entry. */
export function note_fault(k: Kernel, vmf: VmFault, before: number, anonymous: boolean): void {
  const entry = vmf.pte === 0 ? 0 : k.pt.entry[vmf.pte]!
  const pfn = (entry & PTE_P) !== 0 && (entry & PTE_SWAP) === 0 ? entry >>> PTE_SHIFT : 0
  note_fault_kind(k, kind_of(k, vmf, before, anonymous, pfn), pfn)
}

/** A fault that is known for what it is: huge pages. */
export function note_fault_kind(k: Kernel, kind: number, pfn: number): void {
  const t = k.var.current
  const slot = t * FAULTS_KEPT + (k.fault_log.nr[t]! % FAULTS_KEPT)
  k.fault_log.kind[slot] = kind
  k.fault_log.pfn[slot] = pfn
}

function kind_of(k: Kernel, vmf: VmFault, before: number, anonymous: boolean, pfn: number): number {
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0
  if (before === 0) {
    if (anonymous) return write ? FAULT_ANON : FAULT_ZERO_PAGE
    if (!write) return FAULT_FILE
    return (k.vma.vm_flags[vmf.vma]! & VM_SHARED) !== 0 ? FAULT_FILE_SHARED : FAULT_FILE_COPY
  }
  if ((before & PTE_SWAP) !== 0) return FAULT_SWAP
  if (!write) return FAULT_SPURIOUS
  return before >>> PTE_SHIFT === pfn ? FAULT_REUSE : FAULT_COW
}

/** The fault is over: its place in the ring is kept. */
export function end_fault(k: Kernel, addr: number, major: boolean): void {
  const t = k.var.current
  if (t === 0) return
  const log = k.fault_log
  const slot = t * FAULTS_KEPT + (log.nr[t]! % FAULTS_KEPT)
  log.at[slot] = log.begin[t]!
  log.ns[slot] = k.var.now - log.begin[t]!
  log.addr[slot] = addr
  log.major[slot] = major ? 1 : 0
  log.nr[t]!++
  log.begin[t] = 0
}
