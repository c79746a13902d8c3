/** lsblk (util-linux 2.38.1): the machine's disks, from /sys/block, /proc/mounts and /proc/swaps. There are no partitions. */
import type { Inside, Tool } from '../inside'
import { getopt, UsageError } from '../options'
import { readOr } from '../procText'
import { shortSize } from '../sizes'

interface Disk {
  readonly name: string
  readonly path: string
  readonly mounted: string
}
type Kind = 'text' | 'flag' | 'number' | 'list'
interface Column {
  readonly kind: Kind
  readonly of: (disk: Disk, inside: Inside, bytes: boolean) => string
}

const attribute = (name: string) => (disk: Disk, inside: Inside) =>
  readOr(inside, `/sys/block/${disk.name}/${name}`, '').trim()
const size: Column['of'] = (disk, inside, bytes) => {
  const sectors = Number(attribute('size')(disk, inside))
  return bytes ? String(sectors * 512) : shortSize(sectors / 2)
}
const COLUMNS: Readonly<Record<string, Column>> = {
  NAME: { kind: 'text', of: (disk) => disk.name },
  KNAME: { kind: 'text', of: (disk) => disk.name },
  PATH: { kind: 'text', of: (disk) => disk.path },
  'MAJ:MIN': { kind: 'text', of: attribute('dev') },
  RM: { kind: 'flag', of: attribute('removable') },
  SIZE: { kind: 'number', of: size },
  RO: { kind: 'flag', of: attribute('ro') },
  TYPE: { kind: 'text', of: () => 'disk' },
  MOUNTPOINT: { kind: 'text', of: (disk) => disk.mounted },
  MOUNTPOINTS: { kind: 'list', of: (disk) => disk.mounted },
  ROTA: { kind: 'flag', of: attribute('queue/rotational') },
  'LOG-SEC': { kind: 'number', of: attribute('queue/logical_block_size') },
}
const DEFAULT = ['NAME', 'MAJ:MIN', 'RM', 'SIZE', 'RO', 'TYPE', 'MOUNTPOINTS']
const LONG = {
  all: 'a', bytes: 'b', nodeps: 'd', ascii: 'i', json: 'J', list: 'l', noheadings: 'n', output: 'o', pairs: 'P', paths: 'p', raw: 'r', help: 'h',
  version: 'V',
} // prettier-ignore
/** Statuses: none of the devices was found, and some. */
const [NONE_FOUND, SOME_FOUND] = [32, 64]

export const lsblk: Tool = {
  name: 'lsblk',
  about: 'disks, and what they are used for',
  suite: 'util-linux',
  run(args, io) {
    const { flags, values, rest } = getopt('lsblk', args, 'abdiJlno:PprhV', LONG)
    const names = columnsOf(values.get('o'))
    const all = disks(io.inside)
    const wanted = rest.map((path) => all.find((disk) => disk.path === path) ?? path)
    for (const path of wanted) if (typeof path === 'string') io.err(`lsblk: ${path}: not a block device\n`)
    const shown = rest.length === 0 ? all : wanted.filter((disk) => typeof disk !== 'string')
    const rows = shown.map((disk) => names.map((name) => cell(name, disk, io.inside, flags)))
    if (rows.length > 0) io.out(print(names, rows, flags))
    if (shown.length === wanted.length || rest.length === 0) return 0
    return shown.length === 0 ? NONE_FOUND : SOME_FOUND
  },
}

/** `-o A,B` instead of the usual columns, `-o +A` after them. */
function columnsOf(list: string | undefined): readonly string[] {
  if (list === undefined) return DEFAULT
  const names = list.replace(/^\+/, '').toUpperCase().split(',')
  const unknown = names.find((name) => !Object.hasOwn(COLUMNS, name))
  if (unknown !== undefined) throw new UsageError(`unknown column: ${unknown}`)
  return list.startsWith('+') ? [...DEFAULT, ...names] : names
}

function disks(inside: Inside): Disk[] {
  const mounts = readOr(inside, '/proc/mounts').split('\n').map((line) => line.split(' ')) // prettier-ignore
  const swaps = readOr(inside, '/proc/swaps').split('\n').map((line) => line.split(/\s+/)[0]) // prettier-ignore
  return inside.list('/sys/block').map(({ name }) => {
    const path = `/dev/${name}`
    const mount = mounts.find(([source]) => source === path)?.[1]
    return { name, path, mounted: mount ?? (swaps.includes(path) ? '[SWAP]' : '') }
  })
}

function cell(name: string, disk: Disk, inside: Inside, flags: ReadonlySet<string>): string {
  if (flags.has('p') && (name === 'NAME' || name === 'KNAME')) return disk.path
  const text = COLUMNS[name]!.of(disk, inside, flags.has('b'))
  const [major, minor] = text.split(':')
  const isTable = !['J', 'P', 'r'].some((flag) => flags.has(flag))
  return name === 'MAJ:MIN' && isTable ? `${major!.padStart(3)}:${minor!.padEnd(3)}` : text
}

function print(names: readonly string[], rows: readonly string[][], flags: ReadonlySet<string>): string {
  if (flags.has('J')) return json(names, rows, flags.has('b'))
  if (flags.has('P')) return rows.map((row) => `${row.map((text, i) => `${names[i]}="${text}"`).join(' ')}\n`).join('')
  const lines = flags.has('n') ? rows : [names, ...rows]
  if (flags.has('r')) return lines.map((line) => `${line.join(' ')}\n`).join('')
  const width = (i: number): number =>
    Math.max(names[i] === 'SIZE' ? 5 : 0, names[i]!.length, ...rows.map((row) => row[i]!.length))
  const fit = (text: string, i: number): string => {
    const { kind } = COLUMNS[names[i]!]!
    if (kind === 'flag' || kind === 'number') return text.padStart(width(i))
    return i === names.length - 1 ? text : text.padEnd(width(i))
  }
  return lines.map((line) => `${line.map(fit).join(' ')}\n`).join('')
}

function json(names: readonly string[], rows: readonly string[][], bytes: boolean): string {
  const value = (name: string, text: string): string => {
    const { kind } = COLUMNS[name]!
    const quoted = text === '' ? 'null' : `"${text}"`
    if (kind === 'list') return `[\n             ${quoted}\n         ]`
    if (kind === 'flag') return text === '1' ? 'true' : 'false'
    return kind === 'number' && (bytes || name !== 'SIZE') ? text : quoted
  }
  const fields = (row: readonly string[]): string =>
    row.map((text, i) => `         "${names[i]!.toLowerCase()}": ${value(names[i]!, text)}`).join(',\n')
  return `{\n   "blockdevices": [\n      ${rows.map((row) => `{\n${fields(row)}\n      }`).join(',')}\n   ]\n}\n`
}
