/**
 * The measuring program of lab machines as memory: which of its pages it uses, and in which order, while it takes its
 * figures, works them out and prints them. Reclaim finds these used; those that it has taken come back through faults.
 *
 *   … step ─ leave ─ getrusage ─ look ─ vmstat ─ parse ─ meminfo ─ print ─ vmstat ─ enter ─ getrusage ─ next step …
 *
 * Kept: every page touched there, as the faults show of such a program after it has lost all of them. Simplified: it is
 * one program's; of others, larger or smaller by a page of code, the pages of the C library count from the text's end, so
 * that they are the same functions.
 */
import type { Kernel } from '../kernel/kernel'
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE } from '../kernel/entry/fault'
import { has_program } from '../kernel/drivers/initrd'
import { mapped_entry } from '../kernel/mm/gup'

const PAGE = 4096

/** Where parts of its image begin, in which pages are counted. */
const Part = {
  /** Its own functions, in the first pages of the text. */
  own: 0,
  /** Counted back from the text's end: the C library. */
  libc: 1,
  rodata: 2,
  relro: 3,
  data: 4,
  /** From the first buffer of the measuring code on: the line's length and the line, the text read, the two tables. */
  buffers: 5,
  /** Counted back from the end of bss: the C library's variables. */
  variables: 6,
  stack: 7,
} as const
type Part = (typeof Part)[keyof typeof Part]
type Use = readonly [part: Part, access: number, ...pages: number[]]

const [X, R, W] = [ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE]
/** The step's function returns, and the measuring code calls getrusage: faults of the step still. */
const LEAVE: readonly Use[] = [
  [Part.stack, W, 0],
  [Part.own, X, 0],
  [Part.libc, X, 71],
]
/** What getrusage said goes to the table; stat_refresh is written (its text is a constant); /proc/vmstat is read. */
const LOOK: readonly Use[] = [
  [Part.buffers, W, 80],
  [Part.libc, X, 72],
  [Part.relro, R, 3],
  [Part.data, R, 0, 1],
  [Part.rodata, R, 1],
]
/** Its 4 KiB lie in the text's buffer; strchr, strtol and the table of names and numbers. */
const PARSE: readonly Use[] = [
  [Part.buffers, W, 64, 65],
  [Part.libc, X, 83, 111],
  [Part.rodata, R, 6],
  [Part.buffers, W, 81, 82],
]
/** The other files, then the line: vsnprintf and its helpers, the locale, both tables; write. */
const PRINT: readonly Use[] = [
  [Part.buffers, W, 83, 84, 87, 88, 91],
  [Part.buffers, R, 94],
  [Part.buffers, W, 0],
  [Part.libc, X, 108, 104],
  [Part.variables, R, 5],
  [Part.libc, X, 103, 105, 51, 50, 82],
  [Part.rodata, R, 0],
  [Part.variables, R, 1, 0],
  [Part.rodata, R, 19],
  [Part.relro, R, 1],
  [Part.libc, X, 49, 77, 93, 92, 21],
  [Part.rodata, R, 22],
  [Part.relro, R, 0],
  [Part.libc, X, 76, 75],
  [Part.rodata, R, 21, 2],
  [Part.buffers, R, 98, 95],
  [Part.buffers, W, 1],
  [Part.buffers, R, 96],
  // The next step's name is made.
  [Part.own, X, 1],
  [Part.libc, X, 110],
]
/** The look before a step, once it has read /proc/vmstat: the other table is filled. */
const ENTER: readonly Use[] = [[Part.buffers, W, 94, 95, 96, 98, 101, 102, 105]]

/**
 * How long that takes, in ns of the CPU that costs.ts counts in: a twelfth of what the emulated one took, the least of forty
 * looks: getrusage, stat_refresh, /proc/vmstat, its text taken apart, … The line, some 4.5 kB, goes out over a serial line
 * whose device is told each byte: 4.4 ms of the 5.3 between two steps. Its buffer takes 4 kB of them (UART_XMIT_SIZE).
 */
const SERIAL_NS = 370_000
export const LOOK_NS = 9_500
export const PARSE_NS = 6_500
export const ENTER_NS = 18_000
export const DRAIN_NS = SERIAL_NS * (1 - 4096 / 4500)
export const PRINT_NS = 23_500 + SERIAL_NS - DRAIN_NS
/** smaps_rollup looks at every entry of the page tables: 2.5 ms for 120 MiB. */
const ROLLUP_ENTRY_NS = 7
export function walk_ns(k: Kernel): number {
  const mm = k.task.mm[k.var.current]!
  const { rss_anon, rss_file, rss_shmem, swapents } = k.mm
  return ROLLUP_ENTRY_NS * (rss_anon[mm]! + rss_file[mm]! + rss_shmem[mm]! + swapents[mm]!)
}

/** Addresses and accesses, to be handed to `run_on`. */
export const leave = (k: Kernel): number[] => pages(k, LEAVE)
export const look = (k: Kernel): number[] => pages(k, LOOK)
export const parse = (k: Kernel): number[] => pages(k, PARSE)
export const print = (k: Kernel): number[] => pages(k, PRINT)
export const enter = (k: Kernel): number[] => pages(k, ENTER)

/**
 * The buffer that it reads into and writes from, where it has one: it begins in the last page of the variables that the
 * file brings and ends in the first page of the line's. `bytes` are used.
 */
export function buffer(k: Kernel, bytes: number, access: typeof ACCESS_READ | typeof ACCESS_WRITE): number[] {
  const mm = k.task.mm[k.var.current]!
  if (mm === 0 || !has_program(k)) return []
  const first = k.mm.end_data[mm]! + BUFFER_OFFSET
  if (mapped_entry(k, mm, first) === 0) return []
  const list = [k.mm.end_data[mm]! - PAGE, access]
  for (let at = first; at < first + bytes; at += PAGE) if (mapped_entry(k, mm, at) !== 0) list.push(at, access)
  if (bytes >= BUFFER_BYTES) list.push(k.mm.end_data[mm]!, access)
  return list
}
/** What a lab program writes of bss from here on is that buffer; a program without one has nothing there. */
const BUFFER_OFFSET = 512 * 1024
const BUFFER_BYTES = 64 * 1024

function pages(k: Kernel, uses: readonly Use[]): number[] {
  const mm = k.task.mm[k.var.current]!
  const list: number[] = []
  if (mm === 0) return list
  for (const [part, access, ...offsets] of uses)
    for (const offset of offsets) {
      const at = address(k, mm, part, offset)
      const used = part !== Part.buffers || mapped_entry(k, mm, at) !== 0
      if (used) list.push(at, access)
    }
  return list
}

function address(k: Kernel, mm: number, part: Part, page: number): number {
  const m = k.mm
  switch (part) {
    case Part.own:
      return m.start_code[mm]! + page * PAGE
    case Part.libc:
      return m.end_code[mm]! - (page + 1) * PAGE
    case Part.rodata:
      return m.end_code[mm]! + page * PAGE
    case Part.relro:
      return m.start_data[mm]! - (RELRO_PAGES - page) * PAGE
    case Part.data:
      return m.start_data[mm]! + page * PAGE
    case Part.buffers:
      return m.end_data[mm]! + page * PAGE
    case Part.variables:
      return m.start_brk[mm]! - (page + 1) * PAGE
    default:
      return m.start_stack[mm]! - (m.start_stack[mm]! % PAGE)
  }
}
const RELRO_PAGES = 4
