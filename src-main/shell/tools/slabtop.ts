/** slabtop (procps-ng 4.0.2). */
import type { Inside, Io, Tool } from '../inside'
import { getopt, OptionError, UsageError, whole } from '../options'
import { fixed, padLeft, readSlabs, type SlabRow } from '../procText'
import { screen } from './screen'

const LONG = { delay: 'd', sort: 's', once: 'o', help: 'h', version: 'V' }
/** Sort keys as in slabtop(1): highest first, but names in order. */
export const SLAB_SORTS: Readonly<Record<string, (s: SlabRow) => number | string>> = {
  a: (s) => s.active,
  b: (s) => s.perSlab,
  c: (s) => s.slabs * s.pages * 4096,
  l: (s) => s.slabs,
  v: (s) => s.activeSlabs,
  n: (s) => s.name,
  o: (s) => s.objs,
  p: (s) => s.pages,
  s: (s) => s.size,
  u: (s) => use(s),
}

export const slabtop: Tool = {
  name: 'slabtop',
  about: 'slab caches, largest first',
  suite: 'procps',
  async run(args, io) {
    const { flags, values, rest } = getopt('slabtop', args, 'd:s:ohV', LONG)
    const every = values.has('d') ? whole('illegal delay', values.get('d')!) : 3
    if (every < 1) throw new UsageError('delay must be positive integer')
    if (flags.has('o') && flags.has('d')) throw new UsageError('Cannot combine -d and -o options')
    if (rest.length > 0) throw new OptionError('')
    // A key that is none sorts as without one.
    let key = sortKey(values.get('s')?.[0] ?? 'o')
    if (flags.has('o') || !io.tty) return print(io, slabtopText(io.inside, key, Infinity))
    return screen(io, {
      everyMs: () => every * 1000,
      draw: () => slabtopText(io.inside, key, io.rows - HEAD_ROWS),
      press: (k) => {
        if (k.toLowerCase() in SLAB_SORTS) key = sortKey(k.toLowerCase())
      },
    })
  },
}

const HEAD_ROWS = 8

function sortKey(letter: string): string {
  return letter in SLAB_SORTS ? letter : 'o'
}

export function slabtopText(inside: Inside, sort: string, limit: number): string {
  const rows = readSlabs(inside)
  const sum = (of: (s: SlabRow) => number): number => rows.reduce((total, s) => total + of(s), 0)
  const share = (a: number, b: number): string => (b === 0 ? '0.0' : fixed((100 * a) / b, 1))
  const [active, objs] = [sum((s) => s.active), sum((s) => s.objs)]
  const [activeSlabs, slabs] = [sum((s) => s.activeSlabs), sum((s) => s.slabs)]
  const caches = rows.filter((s) => s.objs > 0).length
  const [activeSize, size] = [sum((s) => s.active * s.size), sum((s) => s.objs * s.size)]
  const sizes = rows.map((s) => s.size)
  const k = (bytes: number): string => fixed(bytes / 1024, 2)
  const head = [
    ` Active / Total Objects (% used)    : ${active} / ${objs} (${share(active, objs)}%)`,
    ` Active / Total Slabs (% used)      : ${activeSlabs} / ${slabs} (${share(activeSlabs, slabs)}%)`,
    ` Active / Total Caches (% used)     : ${caches} / ${rows.length} (${share(caches, rows.length)}%)`,
    ` Active / Total Size (% used)       : ${k(activeSize)}K / ${k(size)}K (${share(activeSize, size)}%)`,
    ` Minimum / Average / Maximum Object : ${k(Math.min(...sizes))}K / ${k(objs === 0 ? 0 : Math.trunc(size / objs))}K / ${k(Math.max(...sizes))}K`,
    '',
    '  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME                   ',
  ]
  return [...head, ...sorted(rows, sort).slice(0, limit).map(line), ''].join('\n')
}

function sorted(rows: readonly SlabRow[], sort: string): SlabRow[] {
  const key = SLAB_SORTS[sort]!
  return [...rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)]
    if (typeof x === 'string') return x < y ? -1 : 1
    return (y as number) - x
  })
}

function line(s: SlabRow): string {
  const cells = [
    padLeft(s.objs, 6),
    padLeft(s.active, 6),
    `${padLeft(use(s), 3)}%`,
    `${padLeft(fixed(s.size / 1024, 2), 7)}K`,
    padLeft(s.slabs, 6),
    padLeft(s.perSlab, 8),
    `${padLeft(Math.trunc((s.slabs * s.pages * 4096) / 1024), 9)}K`,
    s.name.padEnd(23),
  ]
  return cells.join(' ')
}

function use(s: SlabRow): number {
  return s.objs === 0 ? 0 : Math.trunc((100 * s.active) / s.objs)
}

function print(io: Io, text: string): number {
  io.out(text)
  return 0
}
