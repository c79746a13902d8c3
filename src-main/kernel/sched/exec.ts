/**
 * exec: a new address space with a program's areas, its libraries, heap, stack, [vvar] and [vdso] where Linux puts them.
 *
 *   0x400000 / 0x55…  program    heap (brk)  …  mmap_base: libraries, [vvar] [vdso]  …  stack  0x7ffffffff000
 *
 * Linux: fs/exec.c, fs/binfmt_elf.c, arch/x86/mm/mmap.c, arch/x86/entry/vdso/vma.c. Without address-space randomisation
 * (bare machines) the areas are where `norandmaps` has them.
 */
import {
  string_id,
  VM_ACCOUNT,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_WRITE,
  type Kernel,
} from '../kernel'
import { SPECIAL_VDSO } from '../mm/fault'
import { COST } from '../costs'
import { prng_below } from '../lib/prng'
import { charge } from '../task'
import { DEFAULT_MAP_WINDOW } from '../arch/x86/pgtable'
import { EACCES, ENOENT, ENOMEM, MAP_FIXED, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../uapi'
import { do_brk, do_brk_flags } from '../mm/brk'
import { alloc_file, fput } from '../mm/file_table'
import { handle_mm_fault } from '../mm/memory'
import { do_mmap, page_align } from '../mm/mmap'
import { get_unmapped_area } from '../mm/mmap_lookup'
import { lru_gen_add_mm } from '../mm/lru_gen_mm'
import { mm_alloc, mmput } from '../mm/mm_struct'
import { do_mprotect } from '../mm/mprotect'
import { expand_stack, rlimit_stack } from '../mm/stack'
import { path_lookup } from '../mm/dcache'
import { sync_mm_rss } from '../mm/rss_stat'
import { security_vm_enough_memory_mm } from '../mm/util'
import { find_vma, vm_area_alloc, vm_stat_account, vma_link } from '../mm/vma'
import { FAULT_FLAG_REMOTE, FAULT_FLAG_WRITE, VM_FAULT_ERROR } from '../mm/vm_fault'
import { environment } from './environment'
import { file_bytes, image_of, library_of, type Image, type Segments } from './image'

const STACK_TOP = 0x7ffffffff000
const STACK_EXPAND = 128 * 1024
const ELF_ET_DYN_BASE = 0x555555554000
const STATIC_BASE = 0x400000
const MIN_GAP = 128 * 2 ** 20
const STACK_GUARD = 2 ** 20
const STACK_RND_PAGES = 1 << 22
const MMAP_RND_PAGES = 1 << 28
const BRK_RND_PAGES = 1 << 13
const VM_STACK_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT
const SPECIAL_VVAR = 2

/** execve(2) of the running task: 0 or -errno. `args` is the command line as /proc/PID/cmdline shows it. */
export function do_execve(k: Kernel, path: string, args: string): number {
  charge(k, COST.exec)
  const t = k.var.current
  const inode = path_lookup(k, path)
  if (inode < 0) return inode
  if (inode === 0) return -ENOENT
  const file = alloc_file(k, inode, 0)
  if (file === 0) return -ENOMEM
  const image = image_of(k, path, k.inode.i_size[inode]!)
  const mm = mm_alloc(k, t)
  if (mm === 0) {
    fput(k, file)
    return -ENOMEM
  }
  const old = k.task.mm[t]!
  sync_mm_rss(k, old)
  k.task.mm[t] = mm
  const error = load_elf_binary(k, t, mm, file, image, args)
  if (error < 0) {
    sync_mm_rss(k, mm)
    k.task.mm[t] = old
    mmput(k, mm)
    fput(k, file)
    return error
  }
  k.mm.exe_file[mm] = file
  lru_gen_add_mm(k, mm)
  k.mm.lru_gen_used[mm] = 1
  if (old !== 0) mmput(k, old)
  set_identity(k, t, path, args)
  return 0
}

/** comm is the file's name, cut to 15 characters; handlers are gone. */
function set_identity(k: Kernel, t: number, path: string, args: string): void {
  const name = path.slice(path.lastIndexOf('/') + 1)
  k.task.comm[t] = string_id(k, name.slice(0, 15))
  k.task.cmdline[t] = string_id(k, args === '' ? path : args)
  k.task.sig_handled[t * 2] = 0
  k.task.sig_handled[t * 2 + 1] = 0
}

function load_elf_binary(k: Kernel, t: number, mm: number, file: number, image: Image, args: string): number {
  const m = k.mm
  const stack_top = STACK_TOP - 4096 * random(k, STACK_RND_PAGES)
  arch_pick_mmap_layout(k, t, mm)
  let error = setup_stack(k, t, mm, stack_top, args)
  // The pages of the arguments were made before the address space was the task's.
  sync_mm_rss(k, mm)
  if (error < 0) return error
  const base = image.static ? STATIC_BASE : ELF_ET_DYN_BASE + 4096 * random(k, MMAP_RND_PAGES)
  error = map_segments(k, mm, file, image, base)
  if (error < 0) return error
  const text = base + page_align(image.headers)
  m.start_code[mm] = text
  m.end_code[mm] = text + page_align(image.text)
  m.start_data[mm] = base + file_bytes(image) - image.data
  m.end_data[mm] = base + file_bytes(image)
  m.start_brk[mm] = base + file_bytes(image) + page_align(image.bss) + 4096 * random(k, BRK_RND_PAGES)
  m.brk[mm] = m.start_brk[mm]!
  for (const path of [...image.libs].reverse()) {
    error = map_library(k, mm, path)
    if (error < 0) return error
  }
  error = map_vdso(k, mm, stack_top)
  if (error < 0) return error
  if (image.heap > 0 && do_brk(k, mm, m.start_brk[mm] + image.heap) !== m.start_brk[mm] + image.heap) return -ENOMEM
  return run_startup(k, mm, image, base)
}

function random(k: Kernel, pages: number): number {
  return k.config.bare || (k.var.sysctl['kernel.randomize_va_space'] ?? 2) === 0 ? 0 : prng_below(k, 'aslr', pages)
}

/** mmap_base: below the stack and its possible growth, at least 128 MiB below the top. */
function arch_pick_mmap_layout(k: Kernel, t: number, mm: number): void {
  const rnd = 4096 * random(k, MMAP_RND_PAGES)
  const pad = STACK_GUARD + (rnd === 0 ? 0 : STACK_RND_PAGES * 4096)
  const gap = Math.min(Math.max(rlimit_stack(k, t) + pad, MIN_GAP), Math.floor(DEFAULT_MAP_WINDOW / 6) * 5)
  k.mm.mmap_base[mm] = Math.floor((STACK_TOP - gap - rnd) / 4096) * 4096
}

/** The stack: one page with arguments and environment, then 128 KiB more. */
function setup_stack(k: Kernel, t: number, mm: number, top: number, args: string): number {
  const vma = vm_area_alloc(k, mm)
  if (vma === 0) return -ENOMEM
  const v = k.vma
  v.vm_start[vma] = top - 4096
  v.vm_end[vma] = top
  v.vm_flags[vma] = VM_STACK_FLAGS
  // setup_arg_pages gives it its flags anew, without VM_SOFTDIRTY.
  v.soft_clean[vma] = 1
  v.vm_pgoff[vma] = (top - 4096) / 4096
  vma_link(k, mm, vma)
  vm_stat_account(k, mm, VM_STACK_FLAGS, 1)
  if (security_vm_enough_memory_mm(k, mm, 1) < 0) return -ENOMEM
  // From the top: a null, the program's path, the environment, the arguments; each with its NUL.
  k.mm.env_end[mm] = top - 8 - (args.split(' ', 1)[0]!.length + 1)
  k.mm.env_start[mm] = k.mm.env_end[mm]! - environment(k, t).length
  k.mm.arg_start[mm] = k.mm.env_start[mm]! - (args.length + 1)
  k.mm.start_stack[mm] = top - 4096 + 512
  const ret = handle_mm_fault(k, vma, top - 4096, FAULT_FLAG_REMOTE | FAULT_FLAG_WRITE)
  if ((ret & VM_FAULT_ERROR) !== 0) return -ENOMEM
  return expand_stack(k, mm, vma, top - 4096 - STACK_EXPAND)
}

/** headers r--, text r-x, rodata r--, relro+data rw- of which relro becomes r-- later; then bss. */
function map_segments(k: Kernel, mm: number, file: number, s: Segments, base: number): number {
  let offset = 0
  for (const [size, prot] of [
    [s.headers, PROT_READ],
    [s.text, PROT_READ | PROT_EXEC],
    [s.rodata, PROT_READ],
    [s.relro + s.data, PROT_READ | PROT_WRITE],
  ] as const) {
    if (size === 0) continue
    const at = do_mmap(k, mm, base + offset, size, prot, MAP_PRIVATE | MAP_FIXED, file, offset / 4096)
    if (at < 0) return at
    offset += page_align(size)
  }
  if (s.bss > 0) {
    const error = do_brk_flags(k, mm, 0, base + offset, page_align(s.bss), 0)
    if (error < 0) return error
  }
  return 0
}

/** A library below what is mapped already. */
function map_library(k: Kernel, mm: number, path: string): number {
  const inode = path_lookup(k, path)
  if (inode <= 0) return inode === 0 ? -ENOENT : inode
  const file = alloc_file(k, inode, 0)
  if (file === 0) return -ENOMEM
  const s = library_of(path, k.inode.i_size[inode]!)
  const size = file_bytes(s) + page_align(s.bss)
  const base = get_unmapped_area(k, mm, 0, size, 0)
  let error = base < 0 ? base : map_segments(k, mm, file, s, base)
  if (error >= 0) error = start_segments(k, mm, s, base)
  fput(k, file)
  return error
}

function map_vdso(k: Kernel, mm: number, stack_top: number): number {
  const len = 6 * 4096
  const random_place = stack_top + 4096 * random(k, Math.max(1, Math.floor((STACK_TOP - stack_top) / 8192)))
  const hint = k.config.bare || random_place + len > STACK_TOP ? 0 : random_place
  const at = get_unmapped_area(k, mm, hint, len, 0)
  if (at < 0) return at
  const vvar = VM_READ | VM_MAYREAD | VM_IO | VM_DONTDUMP | VM_PFNMAP | VM_DONTEXPAND
  const vdso = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_DONTEXPAND
  if (!install_special_mapping(k, mm, at, 4, vvar, SPECIAL_VVAR)) return -ENOMEM
  return install_special_mapping(k, mm, at + 4 * 4096, 2, vdso, SPECIAL_VDSO) ? 0 : -ENOMEM
}

function install_special_mapping(
  k: Kernel,
  mm: number,
  at: number,
  pages: number,
  flags: number,
  special: number,
): boolean {
  const vma = vm_area_alloc(k, mm)
  if (vma === 0) return false
  k.vma.vm_start[vma] = at
  k.vma.vm_end[vma] = at + pages * 4096
  k.vma.vm_flags[vma] = flags
  k.vma.special[vma] = special
  vma_link(k, mm, vma)
  vm_stat_account(k, mm, flags, pages)
  return true
}

// ---------------------------------------------------------------- the first instructions

/** What start-up code touches: some text, the data that it relocates, the heap's first page, the stack, the vdso. */
function run_startup(k: Kernel, mm: number, image: Image, base: number): number {
  const text = base + page_align(image.headers)
  const bss = base + file_bytes(image)
  const touched =
    touch(k, mm, base, false) &&
    touch_range(k, mm, text, Math.min(image.text, image.run ?? 64 * 4096), 16, false) &&
    touch_range(k, mm, text + page_align(image.text), Math.min(image.rodata, image.read ?? 4096), 16, false) &&
    start_segments(k, mm, image, base, image.relocated) >= 0 &&
    (image.bss === 0 || touch(k, mm, bss, true)) &&
    (image.heap === 0 || touch(k, mm, k.mm.start_brk[mm]!, true)) &&
    (image.linked !== true ||
      (touch(k, mm, bss + page_align(image.bss) - 4096, true) && touch(k, mm, k.mm.start_brk[mm]! + 4096, true))) &&
    touch(k, mm, k.mm.start_stack[mm]! - 4096, true) &&
    touch_vdso(k, mm)
  // ld.so has unmapped the cache in which it looked for the libraries.
  if (image.libs.length > 0) sync_mm_rss(k, mm)
  return touched ? 0 : -ENOMEM
}

/** Relocation writes relro (or its end) and data, then relro becomes read-only. */
function start_segments(k: Kernel, mm: number, s: Segments, base: number, relocated = s.relro): number {
  const relro = base + page_align(s.headers) + page_align(s.text) + page_align(s.rodata)
  const read = s.relro - relocated
  if (!touch_range(k, mm, relro, read, 1, false)) return -EACCES
  if (!touch_range(k, mm, relro + read, relocated + s.data, 1, true)) return -EACCES
  return s.relro === 0 ? 0 : do_mprotect(k, mm, relro, page_align(s.relro), PROT_READ)
}

function touch_vdso(k: Kernel, mm: number): boolean {
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!)
    if (k.vma.special[vma] !== 0 && !touch(k, mm, k.vma.vm_start[vma]!, false)) return false
  return true
}

function touch_range(k: Kernel, mm: number, at: number, len: number, stride: number, write: boolean): boolean {
  for (let addr = at; addr < at + len; addr += stride * 4096) if (!touch(k, mm, addr, write)) return false
  return true
}
/** One access of the new program, made here because nobody runs it yet. Waits for the disk inside. */
function touch(k: Kernel, mm: number, addr: number, write: boolean): boolean {
  const vma = find_vma(k, mm, addr)
  if (vma === 0 || k.vma.vm_start[vma]! > addr) return false
  const ret = handle_mm_fault(k, vma, addr, FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0))
  return (ret & VM_FAULT_ERROR) === 0
}
