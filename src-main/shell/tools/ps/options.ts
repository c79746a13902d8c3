/** What is asked of ps: options of three styles, which processes, which columns, in which order. */
import { OptionError, UsageError } from '../../options'
import type { Inside } from '../../inside'
import { groupId, userId } from '../../users'
import type { Proc } from '../../processes'
import { COLUMNS, type Column } from './columns'

export interface Wish {
  /** Whether a process is wanted. */
  readonly wants: (p: Proc) => boolean
  readonly columns: readonly (Column & { readonly name: string })[]
  readonly sort: readonly { readonly sign: number; readonly column: Column }[]
  readonly header: boolean
  /** `f`: branches are drawn; `-H`: children are indented. */
  readonly tree: 'branches' | 'indented' | null
  readonly width: number | null
}

const BSD = {
  '': 'pid,tname,stat,bsdtime,args',
  j: 'ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,args',
  l: 'flags,uid,pid,ppid,priority,nice,vsz,rss,wchan,stat,tname,bsdtime,args',
  s: 'uid,pid,pending,sig_block,sig_ignore,caught,stat,tname,bsdtime,args',
  u: 'user,pid,pcpu,pmem,vsz,rss,tname,stat,start_time,bsdtime,args',
  v: 'pid,tname,stat,bsdtime,maj_flt,m_trs,m_drs,rss,pmem,args',
  X: 'pid,start_stack,esp,eip,timeout,alarm,stat,tname,bsdtime,args',
} as const

const complaint = (text: string): OptionError => new OptionError(`error: ${text}`)

/** What the words said so far. */
interface Said {
  all: boolean
  /** `a` and `x`: without a terminal there is nothing that a alone would find. */
  simple: Set<string>
  selections: ((p: Proc) => boolean)[]
  negated: boolean
  running: boolean
  formats: string[]
  bsd: string
  sysv: Set<string>
  sorts: string[]
  header: boolean
  tree: Wish['tree']
  wide: number
  isBsd: boolean
}

export function wishOf(words: readonly string[], inside: Inside): Wish {
  const said: Said = { all: false, simple: new Set(), selections: [], negated: false, running: false, formats: [], bsd: '', sysv: new Set(), sorts: [], header: true, tree: null, wide: 0, isBsd: false } // prettier-ignore
  const args = [...words]
  while (args.length > 0) {
    const word = args.shift()!
    if (word.startsWith('--')) gnu(word.slice(2), args, said)
    else if (word.startsWith('-')) sysv(word.slice(1), args, said)
    else bsd(word, args, said)
  }
  const columns = columnsOf(said, inside)
  return {
    wants: wantsOf(said),
    columns,
    sort: said.sorts.flatMap(sortKeys),
    header: said.header && columns.some((c) => c.header !== ''),
    tree: said.tree,
    width: said.wide > 1 ? Infinity : said.wide === 1 ? 132 : null,
  }
}

/** Without a terminal of its own the console's ps shows what `ps -e` does, but for `a`, `x` and selections. */
function wantsOf({ all, simple, selections, negated, running }: Said): (p: Proc) => boolean {
  return (p) => {
    if (running && !'RD'.includes(p.stat.state)) return false
    const chosen = selections.some((is) => is(p))
    if (selections.length > 0 && !all && simple.size === 0) return chosen !== negated
    if (all || simple.has('x') || simple.size === 0) {
      // `x` alone is what belongs to root, who runs the shell.
      const isRoots = all || simple.size !== 1 || p.uid === 0
      return (isRoots || chosen) !== negated
    }
    return chosen !== negated
  }
}

const SELECTIONS: Readonly<Record<string, { what: string; of: (item: string) => (p: Proc) => boolean }>> = {
  C: { what: 'list of command names', of: (name) => (p) => p.stat.comm === name.slice(0, 15) },
  G: { what: 'list of real groups', of: ofGroup },
  U: { what: 'list of real users', of: ofUser },
  u: { what: 'list of users', of: ofUser },
  p: { what: 'list of process IDs', of: number((p) => p.pid) },
  q: { what: 'List of process IDs', of: number((p) => p.pid) },
  s: { what: 'list of session IDs', of: number((p) => p.stat.field(6)) },
  g: { what: 'list of session leaders OR effective group names', of: number((p) => p.stat.field(6)) },
  t: { what: 'list of terminals (pty, tty...)', of: (tty) => () => tty === '?' || tty === '-' },
}

function ofUser(name: string): (p: Proc) => boolean {
  const uid = userId(name)
  if (uid === null) throw complaint('user name does not exist')
  return (p) => p.uid === uid
}

function ofGroup(name: string): (p: Proc) => boolean {
  const gid = groupId(name)
  if (gid === null) throw complaint('group name does not exist')
  return (p) => (p.status.get('Gid') ?? 0) === gid
}

function number(of: (p: Proc) => number): (item: string) => (p: Proc) => boolean {
  return (item) => {
    if (!/^\d+$/.test(item)) throw complaint('process ID list syntax error')
    const value = Number(item)
    if (value < 1 || value > 0x7fffffff) throw complaint('process ID out of range')
    return (p) => of(p) === value
  }
}

function select(said: Said, text: string, of: (item: string) => (p: Proc) => boolean): void {
  const items = text.split(/[ ,\t]/)
  if (items.includes('')) throw complaint('improper list')
  said.selections.push(...items.map(of))
}

/** The value of an option: the rest of its word, or the next one. */
function valueOf(rest: string, args: string[], missing: string): string {
  const value = rest !== '' ? rest : args.shift()
  if (value === undefined) throw complaint(missing)
  return value
}

function sysv(letters: string, args: string[], said: Said): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]!
    const rest = letters.slice(i + 1)
    const selection = SELECTIONS[letter]
    if (selection !== undefined)
      return select(said, valueOf(rest, args, `${selection.what} must follow -${letter}`), selection.of)
    if (letter === 'o') return void said.formats.push(valueOf(rest, args, 'format specification must follow -o'))
    if (letter === 'O')
      return void said.formats.push(`pid,${valueOf(rest, args, 'format or sort specification must follow -O')},state,tname,time,command`) // prettier-ignore
    // The habit of a dash before BSD's options.
    if (letter === 'x') return bsd(letters, args, { ...resetSysv(said) })
    if ('Ae'.includes(letter)) said.all = true
    else if ('adT'.includes(letter)) said.all = true
    else if (letter === 'N') said.negated = true
    else if (letter === 'H') said.tree = 'indented'
    else if (letter === 'w') said.wide++
    else if ('FLMPZcfjlmy'.includes(letter)) said.sysv.add(letter === 'Z' ? 'M' : letter)
    else if (letter === 'V') throw new UsageError('ps from procps-ng 4.0.2', 0)
    else throw complaint('unsupported SysV option')
  }
}

/** `-aux` is read as `aux` where a dash makes no sense. */
function resetSysv(said: Said): Said {
  said.all = false
  return said
}

function bsd(letters: string, args: string[], said: Said): void {
  if (/^\d/.test(letters)) {
    said.isBsd = true
    return select(said, letters, SELECTIONS['p']!.of)
  }
  said.isBsd = true
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]!
    const rest = letters.slice(i + 1)
    if ('pqUt'.includes(letter)) {
      const { what, of } = SELECTIONS[letter === 'U' ? 'u' : letter]!
      return select(said, valueOf(rest, args, `${what} must follow ${letter}`), of)
    }
    if (letter === 'o' || letter === 'O') return void said.formats.push(valueOf(rest, args, 'format specification must follow o')) // prettier-ignore
    if (letter === 'k') return void said.sorts.push(valueOf(rest, args, "long sort specification must follow 'k'"))
    if (letter === 'a' || letter === 'x' || letter === 'g') said.simple.add(letter)
    else if (letter === 'f') said.tree = 'branches'
    else if (letter === 'h') said.header = false
    else if (letter === 'r') said.running = true
    else if (letter === 'w') said.wide++
    else if (letter in BSD) said.bsd += letter
    else if (!'HSTcemnMZ'.includes(letter)) throw complaint('unsupported option (BSD syntax)')
  }
}

function gnu(word: string, args: string[], said: Said): void {
  const [key = '', ...after] = word.split('=')
  const value = (what: string): string => valueOf(after.join('='), args, `${what} must follow --${key}`)
  if (key === 'sort') said.sorts.push(value('long sort specification'))
  else if (key === 'format') said.formats.push(value('format specification'))
  else if (key === 'pid' || key === 'quick-pid') select(said, value('list of process IDs'), SELECTIONS['p']!.of)
  else if (key === 'ppid')
    select(
      said,
      value('list of process IDs'),
      number((p) => p.stat.field(4)),
    )
  else if (key === 'sid') select(said, value('some sid thing(s)'), SELECTIONS['s']!.of)
  else if (key === 'user' || key === 'User') select(said, value('list of effective users'), ofUser)
  else if (key === 'group' || key === 'Group') select(said, value('list of effective groups'), ofGroup)
  else if (key === 'forest') said.tree = 'branches'
  else if (key === 'deselect') said.negated = true
  else if (/^no-?head(er|ing)s?$/.test(key)) said.header = false
  else if (/^(cols|columns|width|rows|lines)$/.test(key)) value('number of columns')
  else if (!/^head(er|ing)s?$|^cumulative$/.test(key)) throw complaint('unknown gnu long option')
}

function columnsOf(said: Said, inside: Inside): Wish['columns'] {
  const { formats, bsd: letters, sysv: modifiers } = said
  if (formats.length > 0) {
    if (letters !== '' || modifiers.size > 0) throw complaint('conflicting format options')
    return formats.flatMap(parseFormat)
  }
  if (new Set(letters).size > 1 || (letters !== '' && (modifiers.has('f') || modifiers.has('l'))))
    throw complaint('conflicting format options')
  if (letters !== '') return parseFormat(BSD[letters[0] as keyof typeof BSD])
  if (said.isBsd && modifiers.size === 0) return parseFormat(BSD[''])
  void inside
  return parseFormat(sysvFormat(modifiers, said.isBsd).join(','))
}

/** Columns of -f, -l, -F, -j, -P, -y, -c and -M, as they are put together. */
function sysvFormat(m: ReadonlySet<string>, isBsd: boolean): string[] {
  const full = m.has('f') || m.has('F')
  const long = m.has('l')
  if (m.has('y') && !long) throw complaint('modifier -y without format -l makes no sense')
  const list: string[] = []
  const add = (when: boolean, ...names: string[]): void => void (when && list.push(...names))
  add(m.has('M'), 'label')
  add(long && !m.has('y'), 'f')
  add(long, 's')
  add(full, 'uid_hack')
  add(!full && long, 'uid')
  add(true, 'pid')
  add(full || long, 'ppid')
  add(m.has('j'), 'pgid', 'sid')
  add(m.has('L'), 'lwp')
  add(m.has('P'), 'psr')
  add((full || long) && !m.has('c'), 'c')
  add(m.has('L') && full, 'nlwp')
  add(m.has('c'), 'class', 'pri')
  add(!m.has('c') && long, 'opri', 'ni')
  add(long, m.has('y') ? 'rss' : 'addr_1')
  add(m.has('F') || long, 'sz')
  add(long, 'wchan')
  add(m.has('F') && !(long && m.has('y')), 'rss')
  add(m.has('F') && !m.has('P'), 'psr')
  add(full, 'stime')
  add(true, 'tname')
  if (isBsd) add(true, ...(long ? [] : ['stat']), 'bsdtime', m.size > 0 ? 'cmd' : 'args')
  else add(true, 'time', full ? 'cmd' : 'ucmd')
  return list
}

/** `pid,rss:8,comm=NAME`. */
function parseFormat(text: string): Wish['columns'] {
  return text.split(/[,\s]+/).map((word) => {
    const [, given = '', width, header] = /^([^=:]*)(?::(\d+))?(?:=(.*))?$/.exec(word) ?? []
    const name = given.toLowerCase()
    const column = COLUMNS[name]
    if (column === undefined) throw complaint(`unknown user-defined format specifier "${given}"`)
    const own = width === undefined ? Math.max(column.width, header?.length ?? 0) : Number(width)
    return { ...column, name, header: header ?? column.header, width: own }
  })
}

function sortKeys(text: string): Wish['sort'] {
  return text.split(/[,\s]+/).map((word) => {
    const column = COLUMNS[word.replace(/^[+-]/, '').toLowerCase()]
    if (column === undefined) throw complaint('unknown sort specifier')
    return { sign: word.startsWith('-') ? -1 : 1, column }
  })
}
