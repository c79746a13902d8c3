/**
 * The memory map that the firmware of a PC hands over: RAM below the PCI hole, of which ACPI tables take the end, and the
 * rest of it from 4 GiB up. The hole begins at 3.5 GiB where all RAM ends below that, else at 3 GiB.
 *
 * Linux: arch/x86/kernel/e820.c (e820__memory_setup, parse_memopt). A PC's firmware says so: an i440FX with its RAM split
 * on GiB borders.
 */
import { words } from './boot_params'
import { PAGE_SIZE } from './constants'

const GiB = 2 ** 30
/** Frames below 640 KiB that the firmware leaves, and where memory goes on. */
export const LOWMEM_END = 0x9f
export const HIGH_START = 0x100
/** ACPI tables at the end of the memory below the PCI hole. */
const ACPI_PAGES = 32
const FRAME_4G = 2 ** 20

/** Ranges of frames, ascending and apart. */
export interface FrameRange {
  readonly start: number
  readonly end: number
}
/** What of a machine's configuration the map depends on. */
export interface MapConfig {
  readonly ram: number
  readonly bootParams: readonly string[]
}

/** Bytes of RAM below 4 GiB. */
function below_4g(ram: number): number {
  return ram >= 3.5 * GiB ? 3 * GiB : ram
}

/** Where memory ends, hole included. */
export function spanned_bytes(ram: number): number {
  const low = below_4g(ram)
  return low === ram ? ram : 4 * GiB + (ram - low)
}

/** RAM in whole frames; frame 0 stays out. `mem=` on the command line cuts it off. */
export function memory_map({ ram, bootParams }: MapConfig): FrameRange[] {
  const low_end = Math.floor(below_4g(ram) / PAGE_SIZE)
  const map = [
    { start: 1, end: LOWMEM_END },
    { start: HIGH_START, end: low_end - ACPI_PAGES },
  ]
  if (spanned_bytes(ram) > ram) map.push({ start: FRAME_4G, end: Math.floor(spanned_bytes(ram) / PAGE_SIZE) })
  const params = words({ bootParams })
  const limit = mem_limit(params)
  const left = map.filter(({ start }) => start < limit).map(({ start, end }) => ({ start, end: Math.min(end, limit) }))
  return memmap_ranges(params).reduce(without, left)
}

/** `memmap=64M$256M`: so much from there is not to be used as RAM (`#`: ACPI's, `!`: persistent memory). */
function memmap_ranges(params: readonly string[]): FrameRange[] {
  return params
    .filter((param) => param.startsWith('memmap='))
    .flatMap((param) => param.slice('memmap='.length).split(','))
    .flatMap((text) => {
      const [, size, at] = /^(\w+)[$#!](\w+)$/.exec(text) ?? []
      const [bytes, start] = [memparse(size), memparse(at)]
      if (bytes === null || start === null) return []
      return [{ start: Math.floor(start / PAGE_SIZE), end: Math.ceil((start + bytes) / PAGE_SIZE) }]
    })
}
function without(map: FrameRange[], { start, end }: FrameRange): FrameRange[] {
  return map
    .flatMap((r) => [
      { start: r.start, end: Math.min(r.end, start) },
      { start: Math.max(r.start, end), end: r.end },
    ])
    .filter((r) => r.start < r.end)
}

/** lib/cmdline.c: a number with a unit. */
function memparse(text = ''): number | null {
  const [, digits, unit] = /^(0x[\da-f]+|\d+)([KMGT]?)$/i.exec(text) ?? []
  return digits === undefined ? null : Number(digits) * 1024 ** ' kmgt'.indexOf((unit || ' ').toLowerCase())
}

/** Frames that `mem=` leaves, of several the smallest; Infinity without it. A machine's kernel needs what it lies in itself. */
function mem_limit(params: readonly string[]): number {
  const given = params.filter((param) => /^mem=\d+[KMGkmg]?$/.test(param))
  return Math.min(Infinity, ...given.map(frames_of))
}
function frames_of(param: string): number {
  return Math.max(SMALLEST, Math.floor(memparse(param.slice('mem='.length))! / PAGE_SIZE))
}
/** 64 MiB and the image. */
const SMALLEST = 0x8000

/** Frames of a sparse section: 128 MiB. */
export const SECTION_PAGES = 0x8000
/** Sections that hold any RAM (mm/sparse.c), ascending. */
export function present_sections(map: readonly FrameRange[]): Set<number> {
  const sections = new Set<number>()
  for (const { start, end } of map)
    for (let s = Math.floor(start / SECTION_PAGES); s * SECTION_PAGES < end; s++) sections.add(s)
  return sections
}
