/**
 * The line of the log about a task that dies of its own access, at most ten in five seconds.
 *
 * Linux: arch/x86/mm/fault.c show_signal_msg, arch/x86/kernel/traps.c show_signal, lib/ratelimit.c ___ratelimit, mm/memory.c
 * print_vma_addr. Simplified: the instruction is the first of the program, and its bytes are not there to be shown.
 */
import { PTE_P, type Kernel } from '../kernel'
import { printk } from '../task'
import { SIGSEGV } from '../uapi'
import { mapped_entry } from '../mm/gup'
import { find_vma } from '../mm/vma'
import { task_size } from '../arch/x86/pgtable'
import { signal_handled } from '../sched/signal'

/** Bits of a page fault's error code. */
const X86_PF_PROT = 1
const X86_PF_WRITE = 2
const X86_PF_USER = 4
const X86_PF_INSTR = 16

/** The processor's code for a user's access of this kind (ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC). */
export function fault_error_code(k: Kernel, addr: number, access: number): number {
  const mm = k.task.mm[k.var.current]!
  const kind = access === 1 ? X86_PF_WRITE : access === 2 ? X86_PF_INSTR : 0
  // What lies above the user's half is never told apart from what is there.
  const there = addr >= task_size(k) || (mapped_entry(k, mm, addr) & PTE_P) !== 0
  return X86_PF_USER | kind | (there ? X86_PF_PROT : 0)
}

/** Bytes of code shown before the instruction. */
const PROLOGUE_SIZE = 42

export function show_signal_msg(k: Kernel, addr: number, access: number): void {
  const t = k.var.current
  if (!unhandled_signal(k, t, SIGSEGV) || !printk_ratelimit(k, 'show_signal_msg')) return
  const ip = k.mm.start_code[k.task.mm[t]!]!
  const sp = k.mm.start_stack[k.task.mm[t]!]!
  const at = `ip ${ip.toString(16).padStart(16, '0')} sp ${sp.toString(16).padStart(16, '0')}`
  const cpu = k.var.cpu
  const where = `${print_vma_addr(k, t, ip)} likely on CPU ${cpu} (core ${cpu}, socket 0)`
  const error = fault_error_code(k, addr, access).toString(16)
  printk(k, `${who(k, t)}: segfault at ${addr.toString(16)} ${at} error ${error}${where}`)
  printk(k, `Code: Unable to access opcode bytes at 0x${(ip - PROLOGUE_SIZE).toString(16)}.`)
}

/** exc_general_protection: an address that is none. */
export function show_signal(k: Kernel): void {
  const t = k.var.current
  if (!unhandled_signal(k, t, SIGSEGV) || !printk_ratelimit(k, 'show_signal')) return
  const ip = k.mm.start_code[k.task.mm[t]!]!
  const sp = k.mm.start_stack[k.task.mm[t]!]!
  const at = `ip:${ip.toString(16)} sp:${sp.toString(16)} error:0`
  printk(k, `traps: ${who(k, t)} general protection fault ${at}${print_vma_addr(k, t, ip)}`)
}

function who(k: Kernel, t: number): string {
  return `${k.strings.list[k.task.comm[t]!]!}[${k.task.pid[t]}]`
}

function print_vma_addr(k: Kernel, t: number, ip: number): string {
  const vma = find_vma(k, k.task.mm[t]!, ip)
  const file = vma === 0 ? 0 : k.vma.vm_file[vma]!
  if (file === 0) return ''
  const start = k.vma.vm_start[vma]!
  const path = k.strings.list[k.inode.name[k.file.inode[file]!]!]!
  return ` in ${path.slice(path.lastIndexOf('/') + 1)}[${start.toString(16)}+${(k.vma.vm_end[vma]! - start).toString(16)}]`
}

/** Pid 1 dies of everything; any other task has a handler or not. */
function unhandled_signal(k: Kernel, t: number, sig: number): boolean {
  return k.task.pid[t] === 1 || !signal_handled(k, t, sig)
}

interface Ratelimit {
  begin: number
  printed: number
  missed: number
}
const RATELIMIT_INTERVAL_NS = 5e9
const RATELIMIT_BURST = 10

/** All callers share one count; the first after the interval tells how many were left out. */
export function printk_ratelimit(k: Kernel, caller: string): boolean {
  const rs = (k.var.mod['printk_ratelimit'] ??= { begin: k.var.now, printed: 0, missed: 0 }) as Ratelimit
  if (k.var.now > rs.begin + RATELIMIT_INTERVAL_NS) {
    if (rs.missed > 0) printk(k, `${caller}: ${rs.missed} callbacks suppressed`)
    rs.begin = k.var.now
    rs.printed = 0
    rs.missed = 0
  }
  if (rs.printed >= RATELIMIT_BURST) {
    rs.missed++
    return false
  }
  rs.printed++
  return true
}
