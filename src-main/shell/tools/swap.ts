/** swapon and swapoff (util-linux). */
import { Errno, type Io, type Tool } from '../inside'
import { getopt, OptionError, UsageError } from '../options'
import { readOr } from '../procText'
import { shortSize } from '../sizes'
import { parseSize } from '@shared/units'

interface Area {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly used: number
  readonly prio: number
}

const LONG = {
  all: 'a', discard: 'd', ifexists: 'e', fixpgsz: 'f', options: 'o', priority: 'p', summary: 's', show: '1', noheadings: '2', raw: '3', bytes: '4',
  verbose: 'v', size: 'S', help: 'h', version: 'V',
} // prettier-ignore
/** Statuses of util-linux: of swapon when an area can't be had, of swapoff for its errors. */
const [CANNOT_OPEN, SWAPOFF_FAILED, SWAPOFF_USAGE] = [255, 4, 16]

export const swapon: Tool = {
  name: 'swapon',
  about: 'list swap areas, or add one: swapon -p 5 -S 256MiB /dev/sdc',
  suite: 'util-linux',
  run(args, io) {
    const { flags, values, rest } = getopt('swapon', args, 'ad::efo:p:sv1::S:hV', LONG)
    if (flags.has('s')) io.out(io.inside.read('/proc/swaps'))
    else if (rest.length === 0 && !flags.has('a')) show(io, flags, values.get('1'))
    for (const path of rest) add(io, path, values)
    return 0
  },
}

function add(io: Io, path: string, values: ReadonlyMap<string, string>): void {
  const size = values.get('S')
  const bytes = size === undefined ? undefined : parseSize(size)
  if (bytes === null) throw new UsageError(`${size}: not a size such as 256MiB`)
  const priority = values.get('p')
  if (priority !== undefined && !/^-?\d+$/.test(priority))
    throw new UsageError(`failed to parse priority: '${priority}'`)
  try {
    io.inside.act({
      type: 'swapon',
      path,
      ...(bytes === undefined ? {} : { bytes }),
      ...(priority === undefined ? {} : { priority: Number(priority) }),
    })
  } catch (error) {
    if (!(error instanceof Errno)) throw error
    const what = error.code === 'ENOENT' ? `cannot open ${path}` : `${path}: swapon failed`
    throw new UsageError(`${what}: ${error.message.replace(/^.*: /, '')}`, CANNOT_OPEN)
  }
}

export const swapoff: Tool = {
  name: 'swapoff',
  about: 'take swap areas out of use, reading their pages back',
  suite: 'util-linux',
  run(args, io) {
    const { flags, rest } = getopt('swapoff', args, 'aehvV', { all: 'a', verbose: 'v', help: 'h', version: 'V' })
    const paths = flags.has('a') ? areas(io).map((a) => a.name) : rest
    if (paths.length === 0 && !flags.has('a')) throw new OptionError('bad usage', SWAPOFF_USAGE)
    for (const path of paths) {
      try {
        if (flags.has('v')) io.out(`swapoff ${path}\n`)
        io.inside.act({ type: 'swapoff', path })
      } catch (error) {
        if (!(error instanceof Errno)) throw error
        throw new UsageError(`${path}: swapoff failed: ${error.message.replace(/^.*: /, '')}`, SWAPOFF_FAILED)
      }
    }
    return 0
  },
}

function areas(io: Io): Area[] {
  return readOr(io.inside, '/proc/swaps')
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((w) => w.length >= 5)
    .map(([name, type, size, used, prio]) => ({
      name: name!,
      type: type!,
      size: Number(size),
      used: Number(used),
      prio: Number(prio),
    }))
}

/** A table as `swapon --show` lays it out: columns as wide as their widest cell, numbers to the right. */
function show(io: Io, flags: ReadonlySet<string>, wanted: string | undefined): void {
  const list = areas(io)
  if (list.length === 0) return
  const size = (kB: number): string => (flags.has('4') ? String(kB * 1024) : shortSize(kB))
  const cells: Readonly<Record<string, (a: Area) => string>> = {
    NAME: (a) => a.name,
    TYPE: (a) => a.type,
    SIZE: (a) => size(a.size),
    USED: (a) => size(a.used),
    PRIO: (a) => String(a.prio),
  }
  const names = wanted?.toUpperCase().split(',') ?? Object.keys(cells)
  const unknown = names.find((name) => cells[name] === undefined)
  if (unknown !== undefined) throw new UsageError(`unknown column: ${unknown}`)
  const rows = [...(flags.has('2') ? [] : [names]), ...list.map((a) => names.map((name) => cells[name]!(a)))]
  const widths = names.map((_, i) => (flags.has('3') ? 0 : Math.max(...[names, ...rows].map((r) => r[i]!.length))))
  const isText = (i: number): boolean => names[i] === 'NAME' || names[i] === 'TYPE'
  for (const row of rows)
    io.out(`${row.map((c, i) => (isText(i) ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join(' ')}\n`)
}
