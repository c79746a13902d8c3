/** pmap (procps-ng 4.0.2): plain, -x, -d and -X. */
import type { Io, Tool } from '../inside'
import { getopt, UsageError } from '../options'
import { commandLine, processOf } from '../processes'
import { padLeft } from '../procText'

export interface Area {
  readonly start: string
  readonly end: string
  readonly perms: string
  readonly offset: string
  readonly device: string
  readonly inode: string
  readonly name: string
  /** Figures of the area in smaps, kB, in its order. */
  readonly figures: ReadonlyMap<string, number>
}

export const pmap: Tool = {
  name: 'pmap',
  about: 'the memory map of a process',
  run(args, io) {
    const { flags, rest } = getopt('pmap', args, 'xXdqp', { extended: 'x', device: 'd', quiet: 'q' })
    if (rest.length === 0) throw new UsageError('pmap: argument missing')
    let status = 0
    for (const word of rest) status |= onePid(Number(word.replace(/^\/proc\//, '')), flags, io)
    return status
  },
}

function onePid(pid: number, flags: ReadonlySet<string>, io: Io): number {
  const p = processOf(io.inside, pid)
  if (p === null) return 42
  io.out(`${pid}:   ${commandLine(p)}\n`)
  const areas = parseSmaps(io.inside.read(`/proc/${pid}/smaps`))
  const quiet = flags.has('q')
  if (flags.has('X')) io.out(verbose(areas, quiet))
  else if (flags.has('x')) io.out(extended(areas, quiet))
  else if (flags.has('d')) io.out(device(areas, quiet))
  else io.out(plain(areas, quiet))
  return 0
}

export function parseSmaps(text: string): Area[] {
  const areas: Area[] = []
  let figures = new Map<string, number>()
  for (const line of text.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+)\s*(.*)$/.exec(line)
    if (head !== null) {
      figures = new Map()
      const [, start, end, perms, offset, dev, inode, name] = head as unknown as string[]
      areas.push({
        start: start!,
        end: end!,
        perms: perms!,
        offset: offset!,
        device: dev!,
        inode: inode!,
        name: name!,
        figures,
      })
      continue
    }
    const [, key, value] = /^(\w+):\s+(\d+)/.exec(line) ?? []
    if (key !== undefined) figures.set(key, Number(value))
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

function label(a: Area): string {
  if (a.name === '[stack]') return '  [ stack ]'
  if (a.name === '' || a.name.startsWith('[')) return '  [ anon ]'
  const path = a.name.replace(/ \(deleted\)$/, '')
  return a.name.slice(path.lastIndexOf('/') + 1)
}

function address(a: Area): string {
  return a.start.padStart(16, '0')
}

function plain(areas: readonly Area[], quiet: boolean): string {
  const rows = areas.map((a) => `${address(a)} ${padLeft(size(a), 6)}K ${mode(a)} ${label(a)}\n`)
  const total = areas.reduce((sum, a) => sum + size(a), 0)
  return rows.join('') + (quiet ? '' : ` total ${padLeft(total, 16)}K\n`)
}

function extended(areas: readonly Area[], quiet: boolean): string {
  const of = (a: Area, name: string): number => a.figures.get(name) ?? 0
  const dirty = (a: Area): number => of(a, 'Shared_Dirty') + of(a, 'Private_Dirty')
  const row = (a: Area): string =>
    `${address(a)} ${padLeft(size(a), 7)} ${padLeft(of(a, 'Rss'), 7)} ${padLeft(dirty(a), 7)} ${mode(a)} ${label(a)}\n`
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

function device(areas: readonly Area[], quiet: boolean): string {
  const row = (a: Area): string => {
    const [major = '0', minor = '0'] = a.device.split(':')
    return `${address(a)} ${padLeft(size(a), 7)} ${mode(a)} ${a.offset.padStart(16, '0')} ${major.padStart(3, '0')}:${minor.padStart(5, '0')} ${label(a)}\n`
  }
  const sum = (chosen: (a: Area) => boolean): number => areas.filter(chosen).reduce((s, a) => s + size(a), 0)
  const isShared = (a: Area): boolean => a.perms[3] === 's'
  const head = quiet ? '' : 'Address           Kbytes Mode  Offset           Device    Mapping\n'
  const foot = `mapped: ${sum(() => true)}K    writeable/private: ${sum((a) => a.perms[1] === 'w' && !isShared(a))}K    shared: ${sum(isShared)}K\n`
  return head + areas.map(row).join('') + (quiet ? '' : foot)
}

const NOT_SHOWN = new Set([
  'KernelPageSize', 'MMUPageSize', 'Shared_Clean', 'Shared_Dirty', 'Private_Clean', 'Private_Dirty', 'AnonHugePages', 'VmFlags',
]) // prettier-ignore

/** -X: the columns of smaps, each as wide as its widest cell. */
function verbose(areas: readonly Area[], quiet: boolean): string {
  const names = [...new Set(areas.flatMap((a) => [...a.figures.keys()]))].filter((n) => !NOT_SHOWN.has(n))
  const totals = names.map((n) => areas.reduce((s, a) => s + (a.figures.get(n) ?? 0), 0))
  const widths = names.map((n, i) => Math.max(n.length, String(totals[i]).length))
  const mapping = (a: Area): string => a.name.slice(a.name.startsWith('[') ? 0 : a.name.lastIndexOf('/') + 1)
  const addressWidth = Math.max(12, ...areas.map((a) => a.start.length))
  const inodeWidth = Math.max(5, ...areas.map((a) => a.inode.length))
  const line = (cells: readonly string[]): string => cells.join(' ')
  const head = line([
    padLeft('Address', addressWidth), 'Perm', padLeft('Offset', 8), padLeft('Device', 6), padLeft('Inode', inodeWidth),
    ...names.map((n, i) => padLeft(n, widths[i]!)), 'Mapping',
  ]) // prettier-ignore
  const row = (a: Area): string =>
    line([
      padLeft(a.start, addressWidth), a.perms, a.offset.padStart(8), padLeft(a.device, 6), padLeft(a.inode, inodeWidth),
      ...names.map((n, i) => padLeft(a.figures.get(n) ?? 0, widths[i]!)), mapping(a),
    ]) // prettier-ignore
  const indent = ' '.repeat(addressWidth + 4 + 8 + 6 + inodeWidth + 5)
  const rule = `${indent}${names.map((_, i) => '='.repeat(widths[i]!)).join(' ')} `
  const foot = `${indent}${totals.map((t, i) => padLeft(t, widths[i]!)).join(' ')} KB `
  return quiet ? areas.map((a) => `${row(a)}\n`).join('') : [head, ...areas.map(row), rule, foot, ''].join('\n')
}
