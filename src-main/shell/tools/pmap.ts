/** pmap (procps-ng 4.0.2): plain, -x, -d and -X. */
import type { Io, Tool } from '../inside'
import { getopt, OptionError, UsageError } from '../options'
import { commandLine, processOf } from '../processes'
import { padLeft, readOr } from '../procText'

export interface Area {
  readonly start: string
  readonly end: string
  readonly perms: string
  readonly offset: string
  readonly device: string
  readonly inode: string
  readonly name: string
  /** Figures of the area in smaps, in its order: kB, but for THPeligible. */
  readonly figures: ReadonlyMap<string, number>
  readonly flags: string
}

const LONG = {
  extended: 'x', device: 'd', quiet: 'q', range: 'A', help: 'h', version: 'V', 'read-rc': 'c', 'read-rc-from': 'C',
  'create-rc': 'n', 'create-rc-to': 'N', 'show-path': 'p',
} // prettier-ignore
const FORMATS = 'cCdnNxX'
/** The status of pmap when one of its PIDs is not there. */
const NOT_FOUND = 42

interface Style {
  /** x, d, X, or '' for the plain format; X twice shows everything. */
  readonly format: string
  readonly everything: boolean
  readonly quiet: boolean
  readonly path: boolean
  readonly low: bigint
  readonly high: bigint
}

export const pmap: Tool = {
  name: 'pmap',
  about: 'the memory map of a process',
  suite: 'procps',
  run(args, io) {
    if (args.length === 0) throw new OptionError('')
    const { flags, values, order, rest } = getopt('pmap', args, 'xXrdqA:hVcC:nN:p', LONG)
    const formats = [...flags].filter((letter) => FORMATS.includes(letter))
    if (formats.length > 1) throw new UsageError('options -c, -C, -d, -n, -N, -x, -X are mutually exclusive')
    if (formats.some((letter) => 'cCnN'.includes(letter))) throw new UsageError('there are no rc files in this machine')
    const [low, high] = rangeOf(values.get('A'))
    const style = {
      format: formats[0] ?? '',
      everything: order.filter(([letter]) => letter === 'X').length > 1,
      quiet: flags.has('q'),
      path: flags.has('p'),
      low,
      high,
    }
    if (rest.length === 0) throw new UsageError('argument missing')
    const pids = rest.map((word) => word.replace(/^\/proc\//, ''))
    if (!pids.every((word) => /^\d+$/.test(word) && Number(word) > 0)) throw new OptionError('')
    let found = 0
    for (const pid of [...new Set(pids)]) found += onePid(Number(pid), style, io)
    return found === pids.length ? 0 : NOT_FOUND
  },
}

function rangeOf(text: string | undefined): [bigint, bigint] {
  const everywhere: [bigint, bigint] = [0n, (1n << 64n) - 1n]
  if (text === undefined) return everywhere
  const [, low = '', comma, high = ''] = /^(?:0x)?([\da-f]*)(,)?(?:0x)?([\da-f]*)$/i.exec(text) ?? []
  if (low === '' && high === '') throw new UsageError(`failed to parse argument: '${text}'`)
  const at = (digits: string, otherwise: bigint): bigint => (digits === '' ? otherwise : BigInt(`0x${digits}`))
  return comma === undefined ? [at(low, 0n), at(low, 0n)] : [at(low, everywhere[0]), at(high, everywhere[1])]
}

/** Prints the map of a process; returns how many there were of it. */
function onePid(pid: number, style: Style, io: Io): number {
  const p = processOf(io.inside, pid)
  if (p === null) return 0
  io.out(`${pid}:   ${commandLine(p)}\n`)
  const all = parseSmaps(readOr(io.inside, `/proc/${pid}/smaps`))
  const areas = all.filter((a) => BigInt(`0x${a.end}`) > style.low && BigInt(`0x${a.start}`) <= style.high)
  if (style.format === 'X') io.out(verbose(all, style))
  else if (style.format === 'x') io.out(extended(areas, style))
  else if (style.format === 'd') io.out(device(areas, style))
  else io.out(plain(areas, style))
  return 1
}

export function parseSmaps(text: string): Area[] {
  const areas: { -readonly [K in keyof Area]: Area[K] }[] = []
  let figures = new Map<string, number>()
  for (const line of text.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+)\s*(.*)$/.exec(line)
    if (head !== null) {
      figures = new Map()
      const [, start, end, perms, offset, device, inode, name] = head as unknown as [string, string, string, string, string, string, string, string] // prettier-ignore
      areas.push({ start, end, perms, offset, device, inode, name, figures, flags: '' })
      continue
    }
    const [, key, value] = /^(\w+):\s+(\d+)/.exec(line) ?? []
    if (key !== undefined) figures.set(key, Number(value))
    else if (line.startsWith('VmFlags: ')) areas.at(-1)!.flags = line.slice('VmFlags: '.length).trim()
  }
  return areas
}

function size(a: Area): number {
  return Number((BigInt(`0x${a.end}`) - BigInt(`0x${a.start}`)) / 1024n)
}

/** r-xp → r-x-, rw-s → rw-s-. */
function mode(a: Area): string {
  return `${a.perms.slice(0, 3)}${a.perms[3] === 's' ? 's' : '-'}-`
}

/** The file, without its folder unless `path` is asked for. */
function label(a: Area, path: boolean): string {
  if (a.name === '[stack]') return '  [ stack ]'
  const slash = a.name.indexOf('/')
  if (slash < 0) return '  [ anon ]'
  return a.name.slice(path ? slash : a.name.lastIndexOf('/') + 1)
}

function address(a: Area): string {
  return a.start.padStart(16, '0')
}

function plain(areas: readonly Area[], { quiet, path }: Style): string {
  const rows = areas.map((a) => `${address(a)} ${padLeft(size(a), 6)}K ${mode(a)} ${label(a, path)}\n`)
  const total = areas.reduce((sum, a) => sum + size(a), 0)
  return rows.join('') + (quiet ? '' : ` total ${padLeft(total, 16)}K\n`)
}

function extended(areas: readonly Area[], { quiet, path }: Style): string {
  const of = (a: Area, name: string): number => a.figures.get(name) ?? 0
  const dirty = (a: Area): number => of(a, 'Shared_Dirty') + of(a, 'Private_Dirty')
  const row = (a: Area): string =>
    `${address(a)} ${padLeft(size(a), 7)} ${padLeft(of(a, 'Rss'), 7)} ${padLeft(dirty(a), 7)} ${mode(a)} ${label(a, path)}\n`
  const sum = (f: (a: Area) => number): number => areas.reduce((s, a) => s + f(a), 0)
  const head = quiet ? '' : 'Address           Kbytes     RSS   Dirty Mode  Mapping\n'
  const foot = quiet
    ? ''
    : `---------------- ------- ------- ------- \ntotal kB         ${padLeft(sum(size), 7)} ${padLeft(
        sum((a) => of(a, 'Rss')),
        7,
      )} ${padLeft(sum(dirty), 7)}\n`
  return head + areas.map(row).join('') + foot
}

function device(areas: readonly Area[], { quiet, path }: Style): string {
  const row = (a: Area): string => {
    const [major = '0', minor = '0'] = a.device.split(':')
    return `${address(a)} ${padLeft(size(a), 7)} ${mode(a)} ${a.offset.padStart(16, '0')} ${major.padStart(3, '0')}:${minor.padStart(5, '0')} ${label(a, path)}\n`
  }
  const sum = (chosen: (a: Area) => boolean): number => areas.filter(chosen).reduce((s, a) => s + size(a), 0)
  const isShared = (a: Area): boolean => a.perms[3] === 's'
  const head = quiet ? '' : 'Address           Kbytes Mode  Offset           Device    Mapping\n'
  const foot = `mapped: ${sum(() => true)}K    writeable/private: ${sum((a) => a.perms[1] === 'w' && !isShared(a))}K    shared: ${sum(isShared)}K\n`
  return head + areas.map(row).join('') + (quiet ? '' : foot)
}

/** What -X leaves out of what -XX shows. */
const UNIMPORTANT = new Set([
  'KernelPageSize', 'MMUPageSize', 'Shared_Clean', 'Shared_Dirty', 'Private_Clean', 'Private_Dirty', 'AnonHugePages',
]) // prettier-ignore

/** Header, width, and the cell of an area. */
type Column = [string, number, (a: Area) => string]

/** -X and -XX: the columns of smaps, each as wide as its widest cell. */
function verbose(areas: readonly Area[], { quiet, everything, path }: Style): string {
  if (areas.length === 0) return ''
  const names = [...areas[0]!.figures.keys()].filter((n) => everything || !UNIMPORTANT.has(n))
  const totals = names.map((n) => areas.reduce((s, a) => s + (a.figures.get(n) ?? 0), 0))
  const widest = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length))
  const column = (header: string, texts: readonly string[]): number => widest(quiet ? texts : [header, ...texts])
  const all = (text: (a: Area) => string): string[] => areas.map(text)
  const text = (header: string, of: (a: Area) => string): Column => [header, column(header, all(of)), of]
  const heads = [
    text('Address', (a) => a.start),
    text('Perm', (a) => a.perms),
    text('Offset', (a) => a.offset),
    text('Device', (a) => a.device),
    text('Inode', (a) => a.inode),
  ]
  const figure =
    (n: string): ((a: Area) => string) =>
    (a) =>
      String(a.figures.get(n) ?? 0)
  const figures = names.map((n, i): Column => [
    n,
    quiet ? widest(all(figure(n))) : Math.max(n.length, String(totals[i]).length),
    figure(n),
  ])
  const columns = [...heads, ...figures]
  if (everything) columns.push(text('VmFlags', (a) => a.flags))
  const mapping = (a: Area): string => (path ? a.name : a.name.slice(a.name.lastIndexOf('/') + 1))
  const rows = areas.map((a) => `${columns.map(([, width, of]) => padLeft(of(a), width)).join(' ')} ${mapping(a)}`)
  if (quiet) return `${rows.join('\n')}\n`
  const head = [...columns.map(([name, width]) => padLeft(name, width)), 'Mapping'].join(' ')
  const indent = ' '.repeat(heads.reduce((sum, [, width]) => sum + width + 1, 0))
  const rule = `${indent}${figures.map(([, width]) => '='.repeat(width)).join(' ')} `
  const foot = `${indent}${totals.map((t, i) => padLeft(t, figures[i]![1])).join(' ')} KB `
  return [head, ...rows, rule, foot, ''].join('\n')
}
