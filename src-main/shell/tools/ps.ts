/** ps (procps-ng 4.0.2): the selections and columns that people use. */
import type { Tool } from '../inside'
import { UsageError } from '../options'
import { commandLine, processes, startedAt, stateText, ticks, wholeOf, type Proc, type Whole } from '../processes'
import { HZ, readOr, userName } from '../procText'

interface Column {
  readonly header: string
  readonly width: number
  readonly left?: boolean
  text(p: Proc, whole: Whole): string
  /** What --sort compares, where it is not the text. */
  readonly key?: (p: Proc, whole: Whole) => number
}

const kB =
  (name: string) =>
  (p: Proc): string =>
    String(p.status.get(name) ?? 0)
const numeric = (header: string, width: number, value: (p: Proc, whole: Whole) => number): Column => ({
  header,
  width,
  text: (p, whole) => String(value(p, whole)),
  key: value,
})
const status = (header: string, width: number, name: string): Column =>
  numeric(header, width, (p) => p.status.get(name) ?? 0)
const field = (header: string, width: number, n: number): Column => numeric(header, width, (p) => p.stat.field(n))
const own = (header: string, width: number, file: string): Column =>
  numeric(header, width, (p) => Number(readOr(p.inside, `/proc/${p.pid}/${file}`, '0')))
const PID = -1

const COLUMNS: Readonly<Record<string, Column>> = {
  pid: numeric('PID', PID, (p) => p.pid),
  ppid: numeric('PPID', PID, (p) => p.stat.field(4)),
  pgid: numeric('PGID', PID, (p) => p.stat.field(5)),
  sid: numeric('SID', PID, (p) => p.stat.field(6)),
  tgid: numeric('TGID', PID, (p) => p.pid),
  user: { header: 'USER', width: 8, left: true, text: (p) => userName(p.uid) },
  uid: numeric('UID', 5, (p) => p.uid),
  group: { header: 'GROUP', width: 8, left: true, text: (p) => userName(p.status.get('Gid') ?? 0) },
  pcpu: { header: '%CPU', width: 4, text: (p, w) => tenths(cpuShare(p, w)), key: cpuShare },
  pmem: { header: '%MEM', width: 4, text: (p, w) => tenths(memShare(p, w)), key: memShare },
  c: numeric('C', 2, (p, w) => Math.min(99, Math.trunc(cpuShare(p, w) / 10))),
  vsz: status('VSZ', 6, 'VmSize'),
  rss: status('RSS', 5, 'VmRSS'),
  sz: numeric('SZ', 5, (p) => Math.trunc((p.status.get('VmSize') ?? 0) / 4)),
  size: numeric('SIZE', 5, (p) => (p.status.get('VmData') ?? 0) + (p.status.get('VmStk') ?? 0)),
  tname: { header: 'TTY', width: 8, left: true, text: () => '?' },
  tt: { header: 'TT', width: 8, left: true, text: () => '?' },
  stat: { header: 'STAT', width: 4, left: true, text: stateText },
  s: { header: 'S', width: 1, left: true, text: (p) => p.stat.state },
  bsdstart: { header: 'START', width: 5, text: startText, key: (p, w) => startedAt(p, w) },
  stime: { header: 'STIME', width: 5, text: startText, key: (p, w) => startedAt(p, w) },
  start_time: { header: 'START', width: 5, text: startText, key: (p, w) => startedAt(p, w) },
  start: { header: 'STARTED', width: 8, text: (p, w) => clock(startedAt(p, w)), key: (p, w) => startedAt(p, w) },
  lstart: { header: 'STARTED', width: 24, text: (p, w) => ctime(startedAt(p, w)), key: (p, w) => startedAt(p, w) },
  etime: { header: 'ELAPSED', width: 11, text: (p, w) => etimeText(elapsed(p, w)), key: elapsed },
  etimes: numeric('ELAPSED', 7, elapsed),
  bsdtime: { header: 'TIME', width: 6, text: bsdTimeText, key: ticks },
  time: { header: 'TIME', width: 8, text: timeText, key: ticks },
  times: numeric('TIME', 8, (p) => Math.trunc(ticks(p) / HZ)),
  comm: { header: 'COMMAND', width: 15, left: true, text: (p) => p.stat.comm + (p.stat.state === 'Z' ? ' <defunct>' : '') },
  ucmd: { header: 'CMD', width: 15, left: true, text: (p) => p.stat.comm },
  args: { header: 'COMMAND', width: 27, left: true, text: commandLine },
  cmd: { header: 'CMD', width: 27, left: true, text: commandLine },
  ni: field('NI', 3, 19),
  pri: numeric('PRI', 3, (p) => 39 - p.stat.field(18)),
  priority: field('PRI', 3, 18),
  opri: numeric('PRI', 3, (p) => 60 + p.stat.field(18)),
  addr: { header: 'ADDR', width: 1, left: true, text: () => '-' },
  nlwp: field('NLWP', 4, 20),
  psr: field('PSR', 3, 39),
  min_flt: field('MINFL', 6, 10),
  maj_flt: field('MAJFL', 6, 12),
  oom: own('OOM', 4, 'oom_score'),
  oomadj: own('OOMADJ', 5, 'oom_score_adj'),
  wchan: { header: 'WCHAN', width: 6, left: true, text: (p) => waitsIn(p).slice(0, 6) },
  cgroup: { header: 'CGROUP', width: 27, left: true, text: (p) => readOr(p.inside, `/proc/${p.pid}/cgroup`, '-').trim().split('\n')[0] ?? '-' },
  pss: numeric('PSS', 5, (p) => rollup(p, 'Pss')),
  uss: numeric('USS', 5, (p) => rollup(p, 'Private_Clean') + rollup(p, 'Private_Dirty')),
  swap: { header: 'SWAP', width: 5, text: kB('VmSwap'), key: (p) => p.status.get('VmSwap') ?? 0 },
  f: { header: 'F', width: 1, text: (p) => String((p.stat.field(9) >> 6) & 5) },
} // prettier-ignore

const ALIASES: Readonly<Record<string, string>> = {
  '%cpu': 'pcpu', '%mem': 'pmem', vsize: 'vsz', rssize: 'rss', rsz: 'rss', state: 's', tty: 'tt', euser: 'user',
  uname: 'user', ruser: 'user', euid: 'uid', ruid: 'uid', egroup: 'group', command: 'args', cputime: 'time', nice: 'ni', thcount: 'nlwp',
  minflt: 'min_flt', majflt: 'maj_flt', ucomm: 'comm', pgrp: 'pgid', sess: 'sid', session: 'sid', oom_score: 'oom', cputimes: 'times',
} // prettier-ignore

const BSD_U = 'user,pid,pcpu,pmem,vsz,rss,tname,stat,bsdstart,bsdtime,args'
const FULL = 'user=UID,pid,ppid,c,stime,tname,time,cmd'
const LONG = 'f,s,uid,pid,ppid,c,opri=PRI,ni,addr,sz,wchan,tname,time,ucmd'
const JOBS = 'pid,pgid,sid,tname,time,ucmd'
const PLAIN = 'pid,tname,time,ucmd'
const BSD = 'pid,tname,stat,bsdtime,args'

interface Wish {
  all: boolean
  pids: number[] | null
  names: string[] | null
  users: string[] | null
  parents: number[] | null
  format: string
  sort: string | null
  header: boolean
  /** `f`: branches are drawn; `-H`: children are indented. */
  forest: boolean
  hierarchy: boolean
  wide: boolean
}

export const ps: Tool = {
  name: 'ps',
  about: 'processes',
  run(args, io) {
    const wish = parse(args)
    const whole = wholeOf(io.inside)
    const chosen = sorted(
      processes(io.inside).filter((p) => wanted(p, wish)),
      wish.sort,
      whole,
    )
    const columns = columnsOf(wish.format, whole)
    const prefixes =
      wish.forest || wish.hierarchy ? forest(chosen, wish.hierarchy) : chosen.map((p) => [p, ''] as const)
    const width = wish.wide || !io.tty ? Infinity : io.cols
    const line = (cells: readonly string[]): string => lay(columns, cells).slice(0, width)
    if (wish.header && columns.some((c) => c.header !== '')) io.out(`${line(columns.map((c) => c.header))}\n`)
    for (const [p, prefix] of prefixes) {
      const cells = columns.map((c) => (c.isCommand ? prefix : '') + c.text(p, whole))
      io.out(`${line(cells)}\n`)
    }
    return chosen.length === 0 ? 1 : 0
  },
}

interface Shown extends Column {
  readonly isCommand: boolean
}

/** `pid,rss:8,comm=NAME`; a name that is given alone after `=` takes the rest of the word. */
function columnsOf(format: string, whole: Whole): Shown[] {
  const shown: Shown[] = []
  for (const word of format.split(/[,\s]+/).filter((w) => w !== '')) {
    const [, name = '', width, header] = /^([^:=]+)(?::(\d+))?(?:=(.*))?$/.exec(word) ?? []
    const key = ALIASES[name.toLowerCase()] ?? name.toLowerCase()
    const column = COLUMNS[key]
    if (column === undefined) throw new UsageError(`error: unknown user-defined format specifier "${name}"`)
    const natural = column.width === PID ? whole.pidWidth : column.width
    shown.push({
      ...column,
      header: header ?? column.header,
      width: width === undefined ? Math.max(natural, header?.length ?? 0) : Number(width),
      isCommand: ['args', 'cmd', 'comm', 'ucmd'].includes(key),
    })
  }
  return shown
}

function lay(columns: readonly Shown[], cells: readonly string[]): string {
  let text = ''
  let debt = 0
  columns.forEach((c, i) => {
    const cell = cells[i]!
    const last = i === columns.length - 1
    const width = Math.max(0, c.width - debt)
    const padded = c.left === true ? (last ? cell : cell.padEnd(width)) : cell.padStart(width)
    // A cell that is too wide takes room from the next one's padding, as in ps.
    debt = Math.max(0, padded.length - width)
    text += padded + (last ? '' : ' ')
  })
  return text
}

function parse(args: readonly string[]): Wish {
  const wish: Wish = { all: false, pids: null, names: null, users: null, parents: null, format: '', sort: null, header: true, forest: false, hierarchy: false, wide: false } // prettier-ignore
  let style = ''
  const formats: string[] = []
  const numbers = (text: string): number[] => text.split(/[,\s]+/).map(Number)
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    const next = (): string => {
      const value = args[++i]
      if (value === undefined) throw new UsageError(`error: list of ${word} must follow`)
      return value
    }
    if (word.startsWith('--')) {
      const [key = '', attached] = [
        word.slice(2).split('=', 1)[0],
        word.includes('=') ? word.slice(word.indexOf('=') + 1) : undefined,
      ]
      const value = (): string => attached ?? next()
      if (key === 'sort') wish.sort = value()
      else if (key === 'format') formats.push(value())
      else if (key === 'pid') wish.pids = numbers(value())
      else if (key === 'ppid') wish.parents = numbers(value())
      else if (key === 'user') wish.users = value().split(',')
      else if (key === 'forest') wish.forest = true
      else if (key === 'no-headers' || key === 'no-heading') wish.header = false
      else if (key !== 'headers' && key !== 'cols' && key !== 'width')
        throw new UsageError('error: unknown gnu long option')
      continue
    }
    if (/^\d/.test(word)) {
      wish.pids = [...(wish.pids ?? []), ...numbers(word)]
      continue
    }
    const unix = word.startsWith('-')
    const letters = unix ? word.slice(1) : word
    for (let j = 0; j < letters.length; j++) {
      const letter = letters[j]!
      const value = (): string => {
        const rest = letters.slice(j + 1)
        j = letters.length
        return rest !== '' ? rest : next()
      }
      if (letter === 'o') formats.push(value())
      else if (letter === 'p') wish.pids = numbers(value())
      else if (unix && letter === 'C') wish.names = value().split(',')
      else if (unix && (letter === 'u' || letter === 'U')) wish.users = value().split(',')
      else if (letter === 'k') wish.sort = value()
      else if ((unix && (letter === 'e' || letter === 'A')) || (!unix && (letter === 'a' || letter === 'x'))) {
        wish.all = true
        if (!unix && style === '') style = BSD
      } else if (!unix && letter === 'u') style = BSD_U
      else if (unix && (letter === 'f' || letter === 'F')) style = FULL
      else if (letter === 'l') style = LONG
      else if (letter === 'j') style = JOBS
      else if (letter === 'H') wish.hierarchy = true
      else if (letter === 'f') wish.forest = true
      else if (letter === 'w') wish.wide = true
      else if (letter === 'h') wish.header = false
      else throw new UsageError('error: unsupported option (BSD syntax)')
    }
  }
  wish.format = formats.length > 0 ? formats.join(',') : style === '' ? PLAIN : style
  if (wish.pids === null && wish.names === null && wish.users === null && wish.parents === null) wish.all = true
  return wish
}

function wanted(p: Proc, { all, pids, names, users, parents }: Wish): boolean {
  if (pids?.includes(p.pid) === true || names?.includes(p.stat.comm) === true) return true
  if (parents?.includes(p.stat.field(4)) === true) return true
  if (users !== null) return users.includes(userName(p.uid)) || users.includes(String(p.uid))
  return all
}

function sorted(list: Proc[], sort: string | null, whole: Whole): Proc[] {
  if (sort === null) return list
  const keys = sort.split(',').map((word) => {
    const name = word.replace(/^[+-]/, '').toLowerCase()
    const column = COLUMNS[ALIASES[name] ?? name]
    if (column === undefined) throw new UsageError('error: unknown sort specifier')
    return { sign: word.startsWith('-') ? -1 : 1, column }
  })
  const compare = (a: Proc, b: Proc): number => {
    for (const { sign, column } of keys) {
      const [x, y] = column.key
        ? [column.key(a, whole), column.key(b, whole)]
        : [column.text(a, whole), column.text(b, whole)]
      if (x !== y) return x < y ? -sign : sign
    }
    return 0
  }
  return list.sort(compare)
}

/** Processes in tree order: with the branches that `ps f` draws (init's children stand at the margin), or indented. */
function forest(list: readonly Proc[], isIndented: boolean): [Proc, string][] {
  const there = new Set(list.map((p) => p.pid))
  const children = new Map<number, Proc[]>()
  for (const p of list) {
    const parent = there.has(p.stat.field(4)) ? p.stat.field(4) : 0
    children.set(parent, [...(children.get(parent) ?? []), p])
  }
  const out: [Proc, string][] = []
  const walk = (p: Proc, stem: string, depth: number, last: boolean): void => {
    out.push([p, isIndented ? '  '.repeat(depth) : depth === 0 ? '' : `${stem} \\_ `])
    const below = children.get(p.pid) ?? []
    const deeper = depth === 0 ? '' : `${stem}${last ? '    ' : ' |  '}`
    const next = p.pid === 1 && !isIndented ? 0 : depth + 1
    below.forEach((c, i) => walk(c, deeper, next, i === below.length - 1))
  }
  for (const p of children.get(0) ?? []) walk(p, '', 0, true)
  return out
}

function elapsed(p: Proc, { uptime }: Whole): number {
  return Math.max(0, Math.trunc(uptime - p.stat.field(22) / HZ))
}

/** Thousandths of one CPU since the process began. */
function cpuShare(p: Proc, { uptime }: Whole): number {
  const seconds = uptime - p.stat.field(22) / HZ
  return seconds > 0 ? Math.trunc((ticks(p) * 1000) / HZ / seconds) : 0
}

function memShare(p: Proc, { memTotal }: Whole): number {
  return Math.min(999, Math.trunc(((p.status.get('VmRSS') ?? 0) * 1000) / memTotal))
}

function tenths(thousandths: number): string {
  return thousandths > 999
    ? String(Math.trunc(thousandths / 10))
    : `${Math.trunc(thousandths / 10)}.${thousandths % 10}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const two = (n: number): string => String(n).padStart(2, '0')

/** HH:MM of today, the day of this year, else the year. The machine's clock is UTC. */
function startText(p: Proc, whole: Whole): string {
  const start = startedAt(p, whole)
  const at = new Date(start * 1000)
  const now = whole.btime + whole.uptime
  if (now - start < 86400) return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
  if (now - start < 365 * 86400) return `${MONTHS[at.getUTCMonth()]}${two(at.getUTCDate())}`
  return String(at.getUTCFullYear())
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19)
}

function ctime(seconds: number): string {
  const d = new Date(seconds * 1000)
  return `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${clock(seconds)} ${d.getUTCFullYear()}`
}

function etimeText(s: number): string {
  const [d, h, m] = [Math.trunc(s / 86400), Math.trunc(s / 3600) % 24, Math.trunc(s / 60) % 60]
  return `${d > 0 ? `${d}-` : ''}${d > 0 || h > 0 ? `${two(h)}:` : ''}${two(m)}:${two(s % 60)}`
}

function bsdTimeText(p: Proc): string {
  const s = Math.trunc(ticks(p) / HZ)
  return `${String(Math.trunc(s / 60)).padStart(3)}:${two(s % 60)}`
}

function timeText(p: Proc): string {
  const s = Math.trunc(ticks(p) / HZ)
  const d = Math.trunc(s / 86400)
  return `${d > 0 ? `${d}-` : ''}${two(Math.trunc(s / 3600) % 24)}:${two(Math.trunc(s / 60) % 60)}:${two(s % 60)}`
}

function rollup(p: Proc, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readOr(p.inside, `/proc/${p.pid}/smaps_rollup`))
  return Number(match?.[1] ?? 0)
}

/** The kernel function in which a task waits, without leading underscores. */
function waitsIn(p: Proc): string {
  const text = readOr(p.inside, `/proc/${p.pid}/wchan`, '?')
  return text === '0' || text === '' ? '-' : text.replace(/^[_.]+/, '')
}
