/**
 * A page-fault exception: who caused it, whether the access is allowed, and the signal when it is not.
 *
 * Linux: arch/x86/mm/fault.c (do_user_addr_fault, access_error, bad_area). The address decides first: above the user half
 * there is no area, and a non-canonical one is a general protection fault without an address.
 */
import { PTE_P, VM_EXEC, VM_GROWSDOWN, VM_WRITE, type Kernel } from '../kernel'
import { COST } from '../costs'
import { charge, fatal_signal_pending, task_blocked, trace } from '../task'
import { task_size } from '../arch/x86/pgtable'
import { BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, SIGBUS, SIGSEGV } from '../uapi'
import { mapped_entry } from '../mm/gup'
import { mem_cgroup_handle_over_high } from '../mm/memcontrol'
import { handle_mm_fault } from '../mm/memory'
import { expand_stack } from '../mm/stack'
import { find_vma, vma_is_accessible } from '../mm/vma'
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_INSTRUCTION,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WAITED,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_WAITS,
} from '../mm/vm_fault'
import { show_signal, show_signal_msg } from './show_signal'

export const ACCESS_READ = 0
export const ACCESS_WRITE = 1
export const ACCESS_EXEC = 2

/** The access can be made again. */
export const FAULT_DONE = 0
/** The task sleeps, or has a signal: it does not go on now. */
export const FAULT_STOP = 1

/** Non-canonical: bits 63…47 (63…56 with five levels) are not all the same. */
function is_canonical(k: Kernel, addr: number): boolean {
  const half = k.la57 ? 2 ** 56 : 2 ** 47
  return addr < half || addr >= 2 ** 64 - half
}

/** The running task's access to `addr` found no translation. */
export function do_page_fault(k: Kernel, addr: number, access: number): number {
  if (!is_canonical(k, addr)) {
    show_signal(k)
    return force_sig_fault(k, SIGSEGV, SI_KERNEL, 0)
  }
  if (addr >= task_size(k)) return bad_area(k, SEGV_MAPERR, addr, access)
  const mm = k.task.mm[k.var.current]!
  const vma = find_vma(k, mm, addr)
  if (vma === 0) return bad_area(k, SEGV_MAPERR, addr, access)
  if (k.vma.vm_start[vma]! > addr) {
    if ((k.vma.vm_flags[vma]! & VM_GROWSDOWN) === 0) return bad_area(k, SEGV_MAPERR, addr, access)
    if (expand_stack(k, mm, vma, addr) < 0) return bad_area(k, SEGV_MAPERR, addr, access)
  }
  if (access_error(k, mm, vma, addr, access)) return bad_area(k, SEGV_ACCERR, addr, access)
  k.var.fault_addr = addr
  const done = resolve(k, vma, addr, access)
  k.var.fault_addr = 0
  // resume_user_mode_work, on the way back
  if (done !== FAULT_DONE) return done
  mem_cgroup_handle_over_high(k)
  return task_blocked(k) ? FAULT_STOP : FAULT_DONE
}

function access_error(k: Kernel, mm: number, vma: number, addr: number, access: number): boolean {
  const flags = k.vma.vm_flags[vma]!
  if (access === ACCESS_WRITE) return (flags & VM_WRITE) === 0
  // A page that is there and still faulted may not be executed (or read, which x86 allows wherever it may be accessed).
  if (access === ACCESS_EXEC && (flags & VM_EXEC) === 0 && (mapped_entry(k, mm, addr) & PTE_P) !== 0) return true
  return !vma_is_accessible(flags)
}

function resolve(k: Kernel, vma: number, addr: number, access: number): number {
  const t = k.var.current
  const page = Math.floor(addr / 4096) + 1
  let flags = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY
  if (access === ACCESS_WRITE) flags |= FAULT_FLAG_WRITE
  if (access === ACCESS_EXEC) flags |= FAULT_FLAG_INSTRUCTION
  if (Math.abs(k.task.fault_retry[t]!) === page) flags |= FAULT_FLAG_TRIED
  if (k.task.fault_retry[t] === -page) flags |= FAULT_FLAG_WAITED
  k.task.fault_retry[t] = 0
  for (;;) {
    const ret = handle_mm_fault(k, vma, addr, flags)
    if ((ret & VM_FAULT_RETRY) !== 0 && (ret & VM_FAULT_ERROR) === 0) {
      if (task_blocked(k)) {
        k.task.fault_retry[t] = (ret & VM_FAULT_WAITS) !== 0 ? -page : page
        return FAULT_STOP
      }
      // The wait was over at once: try again, as the same fault.
      flags |= FAULT_FLAG_TRIED
      continue
    }
    if ((ret & VM_FAULT_ERROR) === 0) return task_blocked(k) ? FAULT_STOP : FAULT_DONE
    if (fatal_signal_pending(k, t)) return FAULT_STOP
    // pagefault_out_of_memory: the killer has chosen somebody; the access is made again once that one is gone.
    if ((ret & VM_FAULT_OOM) !== 0) return FAULT_STOP
    if ((ret & VM_FAULT_SIGBUS) !== 0) {
      tell(k, 'sigbus', addr)
      return force_sig_fault(k, SIGBUS, BUS_ADRERR, addr)
    }
    return bad_area(k, SEGV_MAPERR, addr, access)
  }
}

function bad_area(k: Kernel, code: number, addr: number, access: number): number {
  tell(k, 'segfault', addr)
  show_signal_msg(k, addr, access)
  return force_sig_fault(k, SIGSEGV, code, addr)
}

function tell(k: Kernel, kind: 'segfault' | 'sigbus', addr: number): void {
  const t = k.var.current
  const name = k.strings.list[k.task.comm[t]!]!
  trace(k, { kind, text: `at 0x${addr.toString(16)}`, pid: k.task.pid[t]!, name })
}

/** A signal that the task caused itself: pending, with the reason in si_code and si_addr. */
export function force_sig_fault(k: Kernel, sig: number, code: number, addr: number): number {
  const t = k.var.current
  charge(k, COST.signal_deliver)
  k.task.si_signo[t] = sig
  k.task.si_code[t] = code
  k.task.si_addr[t] = addr
  k.task.sig_pending[t * 2]! |= 1 << (sig - 1)
  return FAULT_STOP
}
