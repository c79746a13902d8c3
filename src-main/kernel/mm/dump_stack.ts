/**
 * The call trace of the running task in the kernel log: who ran, on what machine, through which functions it came here,
 * and what its registers were when it left user mode.
 *
 * Linux: lib/dump_stack.c, arch/x86/kernel/dumpstack.c. Kept: the paths into the allocator as a measured 6.1 printed
 * them. Simplified: paths that were not measured have no offsets; of the registers only the stack pointer, the system
 * call's number and a fault's address are known; code has no bytes.
 */
import { __GFP_ACCOUNT, __GFP_MOVABLE, __GFP_WRITE, __GFP_ZERO, type Kernel } from '../kernel'
import { printk } from '../task'

/** What the task asked for when it got here. */
export interface StackOf {
  readonly gfp: number
  readonly order: number
  /** The cgroup at its limit, 0 for the machine. */
  readonly memcg: number
}

const ALLOC = ['__alloc_pages_slowpath.constprop.0+0x67f/0xe70', '__alloc_pages+0x305/0x330']
const FOLIO = ['__folio_alloc+0x17/0x50', '? policy_node+0x51/0x70', 'vma_alloc_folio+0x9c/0x370']
const FAULT = [
  'handle_mm_fault+0xdb/0x2d0',
  'do_user_addr_fault+0x191/0x570',
  'exc_page_fault+0x70/0x170',
  'asm_exc_page_fault+0x22/0x30',
]
const SYSCALL = ['do_syscall_64+0x55/0xb0', 'entry_SYSCALL_64_after_hwframe+0x6e/0xd8']
const CLONE = ['kernel_clone+0xbf/0x430', '__do_sys_clone+0x7b/0xb0', ...SYSCALL]
const CHARGE = ['mem_cgroup_out_of_memory+0x134/0x150', 'try_charge_memcg+0x696/0x780']
const WRITE = [
  'generic_perform_write',
  '__generic_file_write_iter',
  'generic_file_write_iter',
  'vfs_write',
  'ksys_write',
]
const SYS_clone = 56
const SYS_write = 1

export function dump_stack(k: Kernel, of: StackOf, ...top: string[]): void {
  const t = k.var.current
  const name = t === 0 ? 'swapper/0' : k.strings.list[k.task.comm[t]!]!
  const who = `CPU: ${k.var.cpu} PID: ${t === 0 ? 0 : k.task.pid[t]} Comm: ${name}`
  printk(k, `${who} Not tainted 6.1.0-56-amd64 #1  Debian 6.1.192-2`)
  printk(k, 'Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014')
  printk(k, 'Call Trace:')
  printk(k, ' <TASK>')
  const fault = k.var.fault_addr
  for (const line of ['dump_stack_lvl+0x44/0x5c', ...top, ...path_of(of, fault !== 0)]) printk(k, ` ${line}`)
  if (t !== 0 && k.task.mm[t] !== 0) show_regs(k, t, of, fault)
  printk(k, ' </TASK>')
}

/** From the allocator, or from the charge, back to where the task came into the kernel. */
function path_of({ gfp, order, memcg }: StackOf, in_fault: boolean): string[] {
  const table = (gfp & __GFP_ACCOUNT) !== 0
  const movable = (gfp & __GFP_MOVABLE) !== 0
  if (memcg !== 0) {
    if (table)
      return [...CHARGE, 'obj_cgroup_charge_pages', '__memcg_kmem_charge_page', ...kernel_page(order, in_fault)]
    const charge = [...CHARGE, 'charge_memcg+0x39/0xf0', '__mem_cgroup_charge+0x28/0x80']
    return in_fault ? [...charge, '__handle_mm_fault+0x95c/0xfa0', ...FAULT] : [...charge, ...WRITE, ...SYSCALL]
  }
  if (table) return [...ALLOC, ...kernel_page(order, in_fault)]
  if (!movable) return [...ALLOC, ...(in_fault ? FAULT : SYSCALL)]
  if (!in_fault) {
    const shmem = (gfp & __GFP_WRITE) === 0 ? ['shmem_alloc_folio', 'shmem_get_folio_gfp', 'shmem_write_begin'] : []
    return [...ALLOC, ...FOLIO, ...shmem, ...WRITE, ...SYSCALL]
  }
  const file = (gfp & __GFP_ZERO) === 0 ? ['__filemap_get_folio', 'filemap_fault', '__do_fault'] : []
  return [...ALLOC, ...(file.length > 0 ? ['__folio_alloc+0x17/0x50'] : FOLIO), ...file, HANDLE, ...FAULT]
}
const HANDLE = '__handle_mm_fault+0x92f/0xfa0'

/** Page tables: of a fault, of a fork; a PGD is two pages. */
function kernel_page(order: number, in_fault: boolean): string[] {
  if (in_fault) return ['pte_alloc_one+0x13/0x40', '__pte_alloc+0x26/0x90', HANDLE, ...FAULT]
  if (order > 0) {
    const init = ['__get_free_pages+0xd/0x40', 'pgd_alloc+0x33/0x230', 'mm_init+0x1a6/0x300']
    return [...init, 'copy_process+0x1930/0x1ae0', ...CLONE]
  }
  const copy = ['pte_alloc_one+0x13/0x40', '__pte_alloc+0x26/0x90', 'copy_page_range+0xda2/0x1400']
  return [...copy, 'dup_mmap+0x438/0x610', 'copy_process+0x1945/0x1ae0', ...CLONE]
}

/** __show_regs of the user frame. */
function show_regs(k: Kernel, t: number, of: StackOf, fault: number): void {
  const mm = k.task.mm[t]!
  const hex = (value: number): string => value.toString(16).padStart(16, '0')
  const ip = k.mm.start_code[mm]!
  const call = (of.gfp & __GFP_MOVABLE) !== 0 ? SYS_write : SYS_clone
  const orig = fault !== 0 ? '' : ` ORIG_RAX: ${hex(call)}`
  printk(k, `RIP: 0033:0x${ip.toString(16)}`)
  printk(k, `Code: Unable to access opcode bytes at 0x${(ip - PROLOGUE_SIZE).toString(16)}.`)
  printk(k, `RSP: 002b:${hex(k.mm.start_stack[mm]!)} EFLAGS: 00000206${orig}`)
  const rows = [
    ['RAX', 'RBX', 'RCX'],
    ['RDX', 'RSI', 'RDI'],
    ['RBP', 'R08', 'R09'],
    ['R10', 'R11', 'R12'],
    ['R13', 'R14', 'R15'],
  ]
  for (const row of rows) printk(k, row.map((name) => `${name}: ${hex(name === 'RCX' ? fault : 0)}`).join(' '))
}
/** Bytes of code shown before the instruction. */
const PROLOGUE_SIZE = 42
