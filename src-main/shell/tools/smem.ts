/** smem (1.5): memory by process, user or mapping, with shared pages divided among those that share them (PSS). */
import type { Io, Tool } from '../inside'
import { getopt, UsageError } from '../options'
import { processes, type Proc } from '../processes'
import { fixed, keyed, readOr } from '../procText'
import { userName } from '../users'
import { parseSmaps, type Area } from './pmap'

const LONG = {
  'no-header': 'H', columns: 'c', totals: 't', autosize: 'a', realmem: 'R', mappings: 'm', users: 'u', system: 'w', processfilter: 'P', mapfilter: 'M',
  userfilter: 'U', numeric: 'n', sort: 's', reverse: 'r', percent: 'p', abbreviate: 'k', help: 'h',
} // prettier-ignore

type Cell = string | number
/** A column over rows of some kind: width below zero stands left; `amount` is kB; `total` sums it up. */
interface Field<Row> {
  readonly header: string
  readonly width: number
  readonly amount?: boolean
  readonly of: (row: Row) => Cell
  readonly total?: 'sum' | ((cells: readonly Cell[]) => Cell)
  /** Texts are cut to the width. */
  readonly cut?: boolean
}
type Fields<Row> = Readonly<Record<string, Field<Row>>>

interface Sums {
  readonly size: number
  readonly rss: number
  readonly pss: number
  readonly uss: number
  readonly swap: number
}

export const smem: Tool = {
  name: 'smem',
  about: 'memory by process: swap, USS, PSS and RSS',
  run(args, io) {
    const { flags, values } = getopt('smem', args, 'Hc:taR:K:muwP:M:U:ns:rpkS:h', LONG)
    const table: Table = {
      io,
      flags,
      columns: values.get('c')?.split(/\s+/) ?? null,
      sort: values.get('s') ?? null,
      memory: keyed(io.inside.read('/proc/meminfo')),
    }
    const wanted = procs(io, values)
    const name = (uid: number): Cell => (flags.has('n') ? uid : userName(uid))
    if (flags.has('m')) return byMapping(table, wanted)
    if (flags.has('u')) return byUser(table, wanted, name)
    if (flags.has('w')) return ofSystem(table)
    return byProcess(table, wanted, name)
  },
}

interface One {
  readonly p: Proc
  readonly command: string
  readonly areas: readonly Area[]
}

/** Processes that have memory, filtered. */
function procs(io: Io, values: ReadonlyMap<string, string>): One[] {
  const filter = (letter: string, ...texts: string[]): boolean => {
    const pattern = values.get(letter)
    return pattern === undefined || texts.some((text) => new RegExp(pattern).test(text))
  }
  return processes(io.inside).flatMap((p) => {
    const command = readOr(io.inside, `/proc/${p.pid}/cmdline`).slice(0, -1).replaceAll('\0', ' ')
    if (command === '' || !filter('P', p.stat.comm, command) || !filter('U', userName(p.uid))) return []
    const all = parseSmaps(readOr(io.inside, `/proc/${p.pid}/smaps`))
    const areas = all.filter((a) => filter('M', mapName(a)))
    return areas.length === 0 ? [] : [{ p, command, areas }]
  })
}

function mapName(a: Area): string {
  return a.name === '' ? '<anonymous>' : a.name.split(' ', 1)[0]!
}

function sumsOf(areas: readonly Area[]): Sums {
  const sum = (...names: string[]): number =>
    areas.reduce((total, a) => total + names.reduce((s, name) => s + (a.figures.get(name) ?? 0), 0), 0)
  return {
    size: sum('Size'),
    rss: sum('Rss'),
    pss: sum('Pss'),
    uss: sum('Private_Clean', 'Private_Dirty'),
    swap: sum('Swap'),
  }
}

const amounts = <Row>(of: (row: Row) => Sums): Fields<Row> => ({
  swap: { header: 'Swap', width: 8, amount: true, of: (row) => of(row).swap, total: 'sum' },
  uss: { header: 'USS', width: 8, amount: true, of: (row) => of(row).uss, total: 'sum' },
  rss: { header: 'RSS', width: 8, amount: true, of: (row) => of(row).rss, total: 'sum' },
  pss: { header: 'PSS', width: 8, amount: true, of: (row) => of(row).pss, total: 'sum' },
  vss: { header: 'VSS', width: 8, amount: true, of: (row) => of(row).size, total: 'sum' },
})

function byProcess(table: Table, list: readonly One[], name: (uid: number) => Cell): number {
  const rows = list.map((one) => ({ ...one, sums: sumsOf(one.areas) }))
  const different = (cells: readonly Cell[]): Cell => new Set(cells).size
  return show(table, rows, 'pid user command swap uss pss rss', 'pss', {
    pid: { header: 'PID', width: 5, of: ({ p }) => p.pid, total: (cells) => cells.length },
    user: { header: 'User', width: -8, of: ({ p }) => name(p.uid), total: different },
    // smem takes a name to end at its first bracket.
    name: { header: 'Name', width: -24, cut: true, of: ({ p }) => p.stat.comm.replace(/\).*$/, '') },
    command: { header: 'Command', width: -27, cut: true, of: ({ command }) => command },
    maps: { header: 'Maps', width: 5, of: ({ areas }) => areas.length, total: 'sum' },
    ...amounts(({ sums }) => sums),
  })
}

function byUser(table: Table, list: readonly One[], name: (uid: number) => Cell): number {
  const rows = [...new Set(list.map(({ p }) => p.uid))].map((uid) => {
    const own = list.filter(({ p }) => p.uid === uid)
    const sums = sumsOf(own.flatMap(({ areas }) => areas))
    return { uid, count: own.length, sums: { ...sums, size: sums.pss } }
  })
  return show(table, rows, 'user count swap uss pss rss', 'pss', {
    user: { header: 'User', width: -8, of: ({ uid }) => name(uid) },
    count: { header: 'Count', width: 5, of: ({ count }) => count, total: 'sum' },
    ...amounts(({ sums }) => sums),
  })
}

function byMapping(table: Table, list: readonly One[]): number {
  const areas = new Map<string, Area[]>()
  const pids = new Map<string, Set<number>>()
  for (const one of list) {
    for (const area of one.areas) {
      const name = mapName(area)
      areas.set(name, [...(areas.get(name) ?? []), area])
      pids.set(name, (pids.get(name) ?? new Set()).add(one.p.pid))
    }
  }
  const rows = [...areas].map(([name, of]) => ({
    name,
    count: of.length,
    pids: pids.get(name)!.size,
    sums: sumsOf(of),
  }))
  type Row = (typeof rows)[number]
  const average = (header: string, key: keyof Sums): Field<Row> => ({
    header,
    width: 8,
    amount: true,
    of: (row) => Math.trunc(row.sums[key] / row.pids),
    total: 'sum',
  })
  return show<Row>(table, rows, 'map pids avgpss pss', 'pss', {
    map: { header: 'Map', width: -40, cut: true, of: ({ name }) => name, total: (cells) => cells.length },
    count: { header: 'Count', width: 5, of: ({ count }) => count, total: 'sum' },
    pids: { header: 'PIDs', width: 5, of: (row) => row.pids, total: 'sum' },
    avgpss: average('AVGPSS', 'pss'),
    avguss: average('AVGUSS', 'uss'),
    avgrss: average('AVGRSS', 'rss'),
    ...amounts(({ sums }) => sums),
  })
}

function ofSystem(table: Table): number {
  const kB = (name: string): number => table.memory.get(name) ?? 0
  const user = kB('AnonPages') + kB('Mapped')
  const caches = kB('Buffers') + kB('SReclaimable') + (kB('Cached') - kB('Mapped'))
  const areas: readonly [string, number, number][] = [
    ['firmware/hardware', 0, 0],
    ['kernel image', 0, 0],
    ['kernel dynamic memory', kB('MemTotal') - kB('MemFree') - user, caches],
    ['userspace memory', user, kB('Mapped')],
    ['free memory', kB('MemFree'), kB('MemFree')],
  ]
  const rows = areas.map(([area, used, cache], order) => ({ order, area, used, cache }))
  return show(table, rows, 'area used cache noncache', 'order', {
    order: { header: 'Order', width: 1, of: ({ order }) => order, total: () => '' },
    area: { header: 'Area', width: -24, of: ({ area }) => area, total: () => '' },
    used: { header: 'Used', width: 10, amount: true, of: ({ used }) => used, total: 'sum' },
    cache: { header: 'Cache', width: 10, amount: true, of: ({ cache }) => cache, total: 'sum' },
    noncache: { header: 'Noncache', width: 10, amount: true, of: ({ used, cache }) => used - cache, total: 'sum' },
  })
}

interface Table {
  readonly io: Io
  readonly flags: ReadonlySet<string>
  readonly columns: readonly string[] | null
  readonly sort: string | null
  readonly memory: ReadonlyMap<string, number>
}

/** The table, sorted by a column and then by what the rows show, as Python sorts. */
function show<Row>(table: Table, rows: readonly Row[], usual: string, usualSort: string, fields: Fields<Row>): number {
  const { io, flags } = table
  const names = table.columns ?? usual.split(' ')
  const unknown = [...names, table.sort ?? usualSort].filter((name) => fields[name] === undefined)
  if (unknown.length > 0) throw new UsageError(`unknown fields: ${unknown.join(' ')}`, 255)
  const chosen = names.map((name) => ({ name, ...fields[name]! }))
  const sort = fields[table.sort ?? usualSort]!
  const lines = rows.map((row) => [sort.of(row), ...chosen.map((f) => f.of(row))]).sort(compare)
  if (flags.has('r')) lines.reverse()
  const print = (cells: readonly Cell[]): string =>
    `${cells.map((cell, i) => pad(String(cell), chosen[i]!)).join(' ')} `
  const amount = (cell: Cell, i: number): Cell => {
    const { name, amount: isAmount } = chosen[i]!
    if (isAmount !== true || typeof cell === 'string') return cell
    if (flags.has('k')) return human(cell * 1024)
    const of = table.memory.get(name === 'swap' ? 'SwapTotal' : 'MemTotal') ?? 0
    return flags.has('p') ? (of === 0 ? 'N/A' : `${fixed((100 * cell) / of, 2)}%`) : cell
  }
  const header = print(chosen.map((f) => f.header))
  if (!flags.has('H')) io.out(`${header}\n`)
  for (const [, ...cells] of lines) io.out(`${print(cells.map(amount))}\n`)
  if (flags.has('t')) {
    const cells = chosen.map((f, i) =>
      totalOf(
        f.total,
        lines.map((line) => line[i + 1]!),
      ),
    )
    io.out(`${'-'.repeat(header.length)}\n${print(cells.map(amount))}\n`)
  }
  return 0
}

function totalOf(total: Field<unknown>['total'], cells: readonly Cell[]): Cell {
  if (total === undefined) return ''
  return total === 'sum' ? cells.reduce((sum: number, cell) => sum + Number(cell), 0) : total(cells)
}

function compare(a: readonly Cell[], b: readonly Cell[]): number {
  for (const [i, cell] of a.entries()) if (cell !== b[i]) return cell < b[i]! ? -1 : 1
  return 0
}

function pad(text: string, { width, cut }: { width: number; cut?: boolean }): string {
  const shown = cut === true ? text.slice(0, Math.abs(width)) : text
  return width < 0 ? shown.padEnd(-width) : shown.padStart(width)
}

function human(bytes: number): string {
  if (bytes === 0) return '0'
  let value = bytes
  for (const unit of ['', 'K', 'M', 'G', 'T']) {
    if (value < 1024 || unit === 'T') return `${fixed(value, 1)}${unit}`
    value /= 1024
  }
  return ''
}
