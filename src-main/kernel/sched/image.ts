/**
 * Program images: what an ELF file asks for, as sizes. A program that nobody described gets a layout from its file's size.
 */
import type { Kernel } from '../kernel'

/** Sizes in bytes, page-aligned by the loader. In the file: headers, text, rodata, relro, data, in this order. */
export interface Segments {
  readonly headers: number
  readonly text: number
  readonly rodata: number
  readonly relro: number
  readonly data: number
  readonly bss: number
}
export interface Image extends Segments {
  /** Fixed at 0x400000 and without libraries; else position-independent, loaded by ld.so. */
  readonly static: boolean
  /** Paths of the shared libraries, ld.so last. */
  readonly libs: readonly string[]
  /** What the start-up code allocates with brk. */
  readonly heap: number
  /** How much of the text has run by the time the program waits; 256 KiB unless told. */
  readonly run?: number
  /** The same of its constants; the first page unless told. */
  readonly read?: number
  /** How much of relro, at its end, relocation writes; all of it unless told. The rest is only read. */
  readonly relocated?: number
  /** Libraries linked in write their own variables at the end of bss, and begin a second page of the heap. */
  readonly linked?: boolean
}

const KiB = 1024
const LIBC: Segments = {
  headers: 152 * KiB,
  text: 1364 * KiB,
  rodata: 332 * KiB,
  relro: 16 * KiB,
  data: 8 * KiB,
  bss: 52 * KiB,
}
const LD_SO: Segments = { headers: 4 * KiB, text: 148 * KiB, rodata: 40 * KiB, relro: 8 * KiB, data: 8 * KiB, bss: 0 }
export const LIBC_PATH = '/usr/lib/x86_64-linux-gnu/libc.so.6'
export const LD_SO_PATH = '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'
/** The program of lab machines: small, static, without libraries. */
export const LAB_IMAGE: Image = {
  headers: 4 * KiB,
  text: 520 * KiB,
  rodata: 168 * KiB,
  relro: 16 * KiB,
  data: 12 * KiB,
  bss: 712 * KiB,
  static: true,
  libs: [],
  heap: 136 * KiB,
  // Before it measures anything it has run all that it measures with.
  run: 520 * KiB,
  read: 168 * KiB,
  relocated: 8 * KiB,
  linked: true,
}
/** Constants of programs that do less. */
const LAB_RODATA = 160 * KiB
/** The same of another size: it has more or less to run. */
function lab_image(file_size: number): Image {
  const size = Math.ceil(file_size / 4096) * 4096
  const rodata = size === file_bytes(LAB_IMAGE) ? LAB_IMAGE.rodata : LAB_RODATA
  const text = size - file_bytes({ ...LAB_IMAGE, text: 0, rodata })
  return { ...LAB_IMAGE, text, rodata, run: text, read: rodata }
}
/** The executable of lab tasks. */
export const LAB_PROGRAM = '/bin/lab'
/** The init of lab machines: a static shell with all its tools in one file. */
export const SHELL_IMAGE: Image = {
  headers: 4 * KiB,
  text: 1552 * KiB,
  rodata: 344 * KiB,
  relro: 28 * KiB,
  data: 12 * KiB,
  bss: 28 * KiB,
  static: true,
  libs: [],
  heap: 136 * KiB,
  run: 1552 * KiB,
  read: 108 * KiB,
}

const LIBRARIES: Readonly<Record<string, Segments>> = { [LIBC_PATH]: LIBC, [LD_SO_PATH]: LD_SO }

/** The images that workloads described, by path. */
function images(k: Kernel): Record<string, Image> {
  return (k.var.mod['images'] ??= {}) as Record<string, Image>
}
export function register_image(k: Kernel, path: string, image: Image): void {
  images(k)[path] = image
}
export function image_of(k: Kernel, path: string, file_size: number): Image {
  const known = images(k)[path]
  if (known !== undefined) return known
  return k.config.bare ? lab_image(file_size) : default_image(file_size)
}
export function library_of(path: string, file_size: number): Segments {
  return LIBRARIES[path] ?? default_image(file_size)
}

export function file_bytes(s: Segments): number {
  return s.headers + s.text + s.rodata + s.relro + s.data
}

/** Shares of a typical binary: most is code. */
function default_image(file_size: number): Image {
  const page = (share: number): number => Math.max(4096, Math.floor((file_size * share) / 4096) * 4096)
  return {
    headers: page(0.05),
    text: page(0.6),
    rodata: page(0.25),
    relro: page(0.02),
    data: page(0.03),
    bss: page(0.02),
    static: false,
    libs: [LIBC_PATH, LD_SO_PATH],
    heap: 132 * KiB,
  }
}
