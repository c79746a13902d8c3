/** Readers of /proc's text, shared by the commands; they know formats, not the kernel. */
import type { Inside } from './inside'

export const HZ = 100

/** `Name:  123 kB` lines (meminfo, status) as numbers by name. */
export function keyed(text: string): Map<string, number> {
  const map = new Map<string, number>()
  for (const line of text.split('\n')) {
    const at = line.indexOf(':')
    if (at > 0) map.set(line.slice(0, at), Number.parseInt(line.slice(at + 1), 10) || 0)
  }
  return map
}

/** `name 123` lines (vmstat) as numbers by name. */
export function spaced(text: string): Map<string, number> {
  const map = new Map<string, number>()
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ')
    if (at > 0) map.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return map
}

export interface Stat {
  readonly cpu: readonly number[]
  /** The same of each CPU. */
  readonly cpus: readonly (readonly number[])[]
  readonly intr: number
  readonly ctxt: number
  readonly btime: number
  readonly processes: number
  readonly running: number
  readonly blocked: number
}

export function readStat(inside: Inside): Stat {
  const lines = new Map<string, number[]>()
  for (const line of inside.read('/proc/stat').split('\n')) {
    const [name = '', ...words] = line.split(/\s+/, 12)
    lines.set(name, words.map(Number))
  }
  const first = (name: string): number => lines.get(name)?.[0] ?? 0
  return {
    cpu: Array.from({ length: 10 }, (_, i) => lines.get('cpu')?.[i] ?? 0),
    cpus: [...lines].filter(([name]) => /^cpu\d/.test(name)).map(([, ticks]) => ticks),
    intr: first('intr'),
    ctxt: first('ctxt'),
    btime: first('btime'),
    processes: first('processes'),
    running: first('procs_running'),
    blocked: first('procs_blocked'),
  }
}

export interface SlabRow {
  readonly name: string
  readonly active: number
  readonly objs: number
  readonly size: number
  readonly perSlab: number
  readonly pages: number
  readonly activeSlabs: number
  readonly slabs: number
}

export function readSlabs(inside: Inside): SlabRow[] {
  const rows: SlabRow[] = []
  for (const line of inside.read('/proc/slabinfo').split('\n').slice(2)) {
    const w = line.split(/\s+/)
    if (w.length < 15) continue
    const n = (i: number): number => Number(w[i])
    rows.push({
      name: w[0]!,
      active: n(1),
      objs: n(2),
      size: n(3),
      perSlab: n(4),
      pages: n(5),
      activeSlabs: n(13),
      slabs: n(14),
    })
  }
  return rows
}

export interface PidStat {
  readonly pid: number
  readonly comm: string
  readonly state: string
  /** Fields of /proc/PID/stat from the fourth (ppid) on: `field(4)` is ppid. */
  field(n: number): number
  /** The same as it stands there: some are larger than a double holds. */
  text(n: number): string
}

export function parsePidStat(text: string): PidStat {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const rest = text
    .slice(close + 2)
    .trim()
    .split(' ')
  return {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 1, close),
    state: rest[0] ?? '?',
    field: (n) => Number(rest[n - 3] ?? 0),
    text: (n) => rest[n - 3] ?? '0',
  }
}

/** PIDs in ascending order. */
export function pids(inside: Inside): number[] {
  return inside
    .list('/proc')
    .map((e) => Number(e.name))
    .filter((n) => Number.isInteger(n) && n > 0)
    .sort((a, b) => a - b)
}

/** The text, or '' when the process has gone meanwhile. */
export function readOr(inside: Inside, path: string, fallback = ''): string {
  try {
    return inside.read(path)
  } catch {
    return fallback
  }
}

/** As printf("%.*f"): an exact tie goes to the even digit, where toFixed goes up. */
export function fixed(value: number, digits: number): string {
  const scaled = value * 10 ** digits
  const floor = Math.floor(scaled)
  if (scaled - floor !== 0.5) return value.toFixed(digits)
  return ((floor + (floor % 2)) / 10 ** digits).toFixed(digits)
}

export function padLeft(value: string | number, width: number): string {
  return String(value).padStart(width)
}
