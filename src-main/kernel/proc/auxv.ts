/**
 * /proc/PID/auxv: what exec told the program about the machine and about itself, pairs of words behind the environment on
 * its stack.
 *
 * Linux: fs/binfmt_elf.c (create_elf_tables), fs/proc/base.c (auxv_read), arch/x86/include/asm/elf.h. Simplified: a program
 * begins with the first instruction of its text; the gap that randomisation leaves above the strings is none.
 */
import { CPU_FLAGS } from './system'
import { PAGE_SIZE } from '../constants'
import type { Kernel } from '../kernel'
import { SPECIAL_VDSO } from '../mm/fault'
import { page_align } from '../mm/mmap'
import { image_of } from '../sched/image'
import { inode_path } from './names'

/** sizeof(Elf64_Ehdr), which the program headers follow, and sizeof(Elf64_Phdr). */
const EHDR_SIZE = 64
const PHDR_SIZE = 56
/** What the linker makes of a static program, and of one with an interpreter. */
const STATIC_PHDRS = 10
const DYNAMIC_PHDRS = 13
/** A signal's frame with FXSAVE's area: the CPU has no XSAVE. */
const MIN_SIGNAL_STACK = 1440
const CLOCK_TICKS = 100
const PLATFORM = 'x86_64'
const RANDOM_BYTES = 16
/** Bits of CPUID 1 EDX by their names in /proc/cpuinfo. */
const CPUID_1_EDX: readonly string[] =
  'fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2'.split(
    ' ',
  )

export function auxv_read(k: Kernel, mm: number, offset: number, length: number): Uint8Array {
  const pairs = mm === 0 || k.mm.exe_file[mm] === 0 ? [] : auxv(k, mm)
  const view = new DataView(new ArrayBuffer(pairs.length * 16))
  for (const [i, [type, value]] of pairs.entries()) {
    view.setUint32(i * 16, type, true)
    view.setUint32(i * 16 + 8, value % 2 ** 32, true)
    view.setUint32(i * 16 + 12, Math.floor(value / 2 ** 32), true)
  }
  return new Uint8Array(view.buffer).subarray(offset, offset + length)
}

function auxv(k: Kernel, mm: number): [type: number, value: number][] {
  const m = k.mm
  const inode = k.file.inode[m.exe_file[mm]!]!
  const path = inode_path(k, inode)
  const image = image_of(k, path, k.inode.i_size[inode]!)
  const base = m.start_code[mm]! - page_align(image.headers)
  // The strings end with the path that was executed and a null; below the arguments come those of the kernel.
  const execfn = m.env_end[mm]!
  const platform = Math.floor(m.arg_start[mm]! / 16) * 16 - (PLATFORM.length + 1)
  const owner = m.owner[mm]!
  const [uid, gid] = owner === 0 ? [0, 0] : [k.task.uid[owner]!, k.task.gid[owner]!]
  return [
    [33, start_of(k, mm, (vma) => k.vma.special[vma] === SPECIAL_VDSO)],
    [51, MIN_SIGNAL_STACK],
    [16, hwcap()],
    [6, PAGE_SIZE],
    [17, CLOCK_TICKS],
    [3, base + EHDR_SIZE],
    [4, PHDR_SIZE],
    [5, image.static ? STATIC_PHDRS : DYNAMIC_PHDRS],
    [7, image.static ? 0 : interpreter(k, mm, image.libs.at(-1)!)],
    [8, 0],
    [9, m.start_code[mm]!],
    [11, uid],
    [12, uid],
    [13, gid],
    [14, gid],
    [23, 0],
    [25, platform - RANDOM_BYTES],
    [26, 0],
    [31, execfn],
    [15, platform],
    [0, 0],
  ]
}

function hwcap(): number {
  return CPU_FLAGS.reduce((bits, name) => {
    const bit = CPUID_1_EDX.indexOf(name)
    return bit < 0 ? bits : bits + 2 ** bit
  }, 0)
}
/** Where ld.so lies; 0 when it has been unmapped. */
function interpreter(k: Kernel, mm: number, path: string): number {
  return start_of(k, mm, (vma) => {
    const file = k.vma.vm_file[vma]!
    return file !== 0 && inode_path(k, k.file.inode[file]!) === path
  })
}
function start_of(k: Kernel, mm: number, is: (vma: number) => boolean): number {
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) if (is(vma)) return k.vma.vm_start[vma]!
  return 0
}
