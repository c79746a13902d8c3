/**
 * A program runs on pages of its own: its instructions, the constants and variables that they name, its stack. Whoever
 * computes between two pieces of work touches them too, so that reclaim finds them used, and those that it has taken come
 * back through faults.
 *
 * Kept: which kinds of pages there are, through the ordinary path (translation caches, accessed bits, faults). Simplified:
 * where a program's hot pages lie is a share of each area, spread evenly.
 */
import { VM_EXEC, VM_WRITE, type Kernel } from '../kernel'
import { mapped_entry } from '../mm/gup'
import { find_vma } from '../mm/vma'
import { task_blocked } from '../task'
import { access_once } from './access'
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE } from './fault'

const PAGE = 4096
/**
 * Pages of an area for one that is hot, for a program that reads a file, takes it apart and prints: of its code one in six
 * (its own functions, the system calls' stubs, those for strings and numbers, vfprintf with its helpers), of its constants
 * one in eight (format strings, jump tables, digits, the C locale), of its buffers one in five.
 */
const CODE_STRIDE = 6
const CONSTANT_STRIDE = 8
const BUFFER_STRIDE = 5
/** Variables: all pages but the first, which is the allocator's (brk): it is not called. */
const FIRST_VARIABLE = 1

/** The pages that the running task computes on, in an array to be handed to `run_on`: address, access. */
export function own_pages(k: Kernel): number[] {
  const mm = k.task.mm[k.var.current]!
  const list: number[] = []
  if (mm === 0) return list
  const m = k.mm
  const sp = stack_page(k, mm)
  list.push(sp, ACCESS_WRITE, sp - PAGE, ACCESS_WRITE)
  for (let vma = m.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!)
    if (k.vma.vm_file[vma] !== 0 && k.vma.vm_file[vma] === m.exe_file[mm]) add_segment(k, vma, list)
  const buffers = m.end_data[mm]!
  add_buffers(k, mm, buffers, m.start_brk[mm]!, BUFFER_STRIDE, list)
  add_buffers(k, mm, m.start_brk[mm]!, Math.min(m.brk[mm]!, m.start_brk[mm]! + PAGE), 1, list)
  return list
}

/** What it takes to do work alone: a loop in the program's first pages, and the call of a function. */
export function own_code(k: Kernel): number[] {
  const mm = k.task.mm[k.var.current]!
  return mm === 0 ? [] : [k.mm.start_code[mm]!, ACCESS_EXEC, stack_page(k, mm), ACCESS_WRITE]
}
/** What it takes to read the figures, before any is printed: a third of the code. */
export function own_look(k: Kernel): number[] {
  const mm = k.task.mm[k.var.current]!
  const list: number[] = []
  if (mm !== 0) add_code(k.mm.start_code[mm]!, k.mm.end_code[mm]!, 3 * CODE_STRIDE, list)
  return list
}
function add_code(from: number, to: number, stride: number, list: number[]): void {
  for (let at = from; at < to; at += stride * PAGE) list.push(at, ACCESS_EXEC)
}

/** A function returns, and another is called: the stack is read, then written. */
export function own_stack(k: Kernel): number[] {
  const mm = k.task.mm[k.var.current]!
  if (mm === 0) return []
  const sp = stack_page(k, mm)
  return [sp, ACCESS_READ, sp, ACCESS_WRITE]
}
function stack_page(k: Kernel, mm: number): number {
  return k.mm.start_stack[mm]! - (k.mm.start_stack[mm]! % PAGE)
}

/** A part of the program's file: code runs, constants are read, variables are written. */
function add_segment(k: Kernel, vma: number, list: number[]): void {
  const flags = k.vma.vm_flags[vma]!
  const [first, stride, access] =
    (flags & VM_EXEC) !== 0
      ? [0, CODE_STRIDE, ACCESS_EXEC]
      : (flags & VM_WRITE) !== 0
        ? [FIRST_VARIABLE, 1, ACCESS_WRITE]
        : [0, CONSTANT_STRIDE, ACCESS_READ]
  for (let at = k.vma.vm_start[vma]! + first * PAGE; at < k.vma.vm_end[vma]!; at += stride * PAGE) list.push(at, access)
}

/** Memory that the program has written before: what it has not used so far it does not use now. */
function add_buffers(k: Kernel, mm: number, from: number, to: number, stride: number, list: number[]): void {
  for (let at = Math.ceil(from / PAGE) * PAGE; at < to; at += stride * PAGE)
    if (mapped_entry(k, mm, at) !== 0) list.push(at, ACCESS_WRITE)
}

/** Touches the pages from index `at` on; the index to go on with after a sleep, `list.length` when all are done. */
export function run_on(k: Kernel, list: readonly number[], at: number): number {
  for (let i = at; i < list.length; i += 2) {
    const addr = list[i]!
    if (!may_access(k, addr, list[i + 1]!)) continue
    if (!access_once(k, addr, list[i + 1]!) || task_blocked(k)) return i
  }
  return list.length
}

/** A program that has given up a part of itself does not use it. */
function may_access(k: Kernel, addr: number, access: number): boolean {
  const vma = find_vma(k, k.task.mm[k.var.current]!, addr)
  if (vma === 0 || k.vma.vm_start[vma]! > addr) return false
  const flags = k.vma.vm_flags[vma]!
  return access === ACCESS_READ || (flags & (access === ACCESS_EXEC ? VM_EXEC : VM_WRITE)) !== 0
}
