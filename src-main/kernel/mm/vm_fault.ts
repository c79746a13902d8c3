/** struct vm_fault and the results of a fault (include/linux/mm_types.h), shared by memory.ts, filemap.ts and shmem.ts. */

export const VM_FAULT_OOM = 0x1
export const VM_FAULT_SIGBUS = 0x2
export const VM_FAULT_MAJOR = 0x4
export const VM_FAULT_SIGSEGV = 0x40
/** The handler put the entry in place itself. */
export const VM_FAULT_NOPAGE = 0x100
export const VM_FAULT_LOCKED = 0x200
/** The fault waited for I/O without the map lock: it is taken again, with FAULT_FLAG_TRIED. */
export const VM_FAULT_RETRY = 0x400
export const VM_FAULT_FALLBACK = 0x800
/** With VM_FAULT_RETRY: the handler itself waits, holding all it has; the fault goes on after it and is one fault. */
export const VM_FAULT_WAITS = 0x1000
export const VM_FAULT_ERROR = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV

export const FAULT_FLAG_WRITE = 0x1
export const FAULT_FLAG_ALLOW_RETRY = 0x4
export const FAULT_FLAG_TRIED = 0x20
/** The handler's own wait is over (VM_FAULT_WAITS). */
export const FAULT_FLAG_WAITED = 0x1000
export const FAULT_FLAG_USER = 0x40
/** Not the task itself: get_user_pages on behalf of a system call (populate, mlock). */
export const FAULT_FLAG_REMOTE = 0x80
export const FAULT_FLAG_INSTRUCTION = 0x100

/** One fault under way; lives on the stack. */
export interface VmFault {
  readonly mm: number
  readonly vma: number
  /** Page-aligned. */
  readonly address: number
  /** Page offset in the file (or linear index of an anonymous page). */
  readonly pgoff: number
  flags: number
  /** What vm_ops->fault found. */
  page: number
  /** The entry that faulted: its index (0: no table yet) and value. */
  pte: number
  orig_pte: number
}
