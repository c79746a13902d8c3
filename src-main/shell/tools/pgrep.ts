/** pgrep and pkill (procps-ng 4.0.2), and pidof (sysvinit). */
import type { Io, Tool } from '../inside'
import { Errno } from '../inside'
import { getopt, OptionError, UsageError, type Parsed } from '../options'
import { commandLine, processes, wholeOf, elapsed, type Proc } from '../processes'
import { readOr } from '../procText'
import { groupId, userId } from '../users'
import { signalNumber, signalOf } from './signals'

const LONG = {
  signal: '9', 'ignore-ancestors': 'A', count: 'c', cgroup: 'C', delimiter: 'd', 'list-name': 'l', 'list-full': 'a', full: 'f', pgroup: 'g', group: 'G',
  'ignore-case': 'i', newest: 'n', oldest: 'o', older: 'O', parent: 'P', session: 's', terminal: 't', euid: 'u', uid: 'U', inverse: 'v', lightweight: 'w',
  exact: 'x', echo: 'e', runstates: 'r', help: 'h', version: 'V',
} // prettier-ignore
const SHARED = 'cfinoxP:O:Ag:s:u:U:G:t:r:Vh'
const USAGE_STATUS = 2
const LONGEST_NAME = 15

export const pgrep: Tool = {
  name: 'pgrep',
  about: 'PIDs of processes that match a pattern',
  suite: 'procps',
  usageStatus: USAGE_STATUS,
  run(args, io) {
    const parsed = getopt('pgrep', args, `lad:vw${SHARED}C:`, LONG)
    const found = matching('pgrep', parsed, io)
    const { flags, values } = parsed
    if (flags.has('c')) io.out(`${found.length}\n`)
    else if (found.length > 0) {
      const text = (p: Proc): string =>
        flags.has('a') ? `${p.pid} ${commandLine(p)}` : flags.has('l') ? `${p.pid} ${p.stat.comm}` : String(p.pid)
      io.out(`${found.map(text).join(values.get('d') ?? '\n')}\n`)
    }
    return found.length === 0 ? 1 : 0
  },
}

export const pkill: Tool = {
  name: 'pkill',
  about: 'send a signal to processes that match a pattern',
  suite: 'procps',
  usageStatus: USAGE_STATUS,
  run(args, io) {
    const at = args.findIndex((word) => /^-[A-Z\d]/.test(word) && signalOf(word.slice(1)) !== null)
    const signalWord = at < 0 ? null : args[at]!.slice(1)
    const words = args.filter((_, i) => i !== at)
    const parsed = getopt('pkill', words, `e9:${SHARED}C:`, LONG)
    const signal = signalNumber('pkill', parsed.values.get('9') ?? signalWord ?? 'TERM')
    const found = matching('pkill', parsed, io)
    let killed = 0
    for (const p of found) {
      try {
        io.inside.act({ type: 'kill', pid: p.pid, signal })
        killed++
        if (parsed.flags.has('e')) io.out(`${p.stat.comm} killed (pid ${p.pid})\n`)
      } catch (error) {
        if (!(error instanceof Errno)) throw error
        if (error.code !== 'ESRCH') io.err(`pkill: killing pid ${p.pid} failed: ${error.message}\n`)
      }
    }
    if (parsed.flags.has('c')) io.out(`${found.length}\n`)
    return killed === 0 ? 1 : 0
  },
}

export const pidof: Tool = {
  name: 'pidof',
  about: 'PIDs of a program by name',
  run(args, io) {
    const [, separator] = /(?:^| )-d ?(\S+)/.exec(args.join(' ')) ?? []
    const names = args.filter((word, i) => !word.startsWith('-') && args[i - 1] !== '-d' && args[i - 1] !== '-o')
    const omitted = args.filter((_, i) => args[i - 1] === '-o')
    const isOf = (p: Proc): boolean =>
      names.some((name) => p.stat.comm === name.replace(/^.*\//, '') || programOf(p) === name)
    const found = processes(io.inside)
      .filter((p) => isOf(p) && !omitted.includes(String(p.pid)))
      .map((p) => p.pid)
      .reverse()
    const shown = args.includes('-s') ? found.slice(0, 1) : found
    if (shown.length > 0 && !args.includes('-q')) io.out(`${shown.join(separator ?? ' ')}\n`)
    return found.length === 0 ? 1 : 0
  },
}

function programOf(p: Proc): string {
  return readOr(p.inside, `/proc/${p.pid}/cmdline`).split('\0', 1)[0] ?? ''
}

/** What a pattern is held against: the name, which the kernel cuts, or with -f the whole command line. */
function nameOf(p: Proc, flags: ReadonlySet<string>): string {
  return flags.has('f') ? commandLine(p) : p.stat.comm
}

/** The processes that fit all criteria, in order of PID. */
function matching(name: string, { flags, values, rest }: Parsed, io: Io): Proc[] {
  const hint = `\nTry \`${name} --help' for more information.`
  const criteria = ['P', 'O', 'g', 's', 'u', 'U', 'G', 't', 'r', 'n', 'o', 'C'].filter((letter) => flags.has(letter))
  if (rest.length > 1) throw new UsageError(`only one pattern can be provided${hint}`, USAGE_STATUS)
  if (rest.length === 0 && criteria.length === 0)
    throw new UsageError(`no matching criteria specified${hint}`, USAGE_STATUS)
  if (['n', 'o', 'v'].filter((letter) => flags.has(letter)).length > 1) throw new OptionError('')
  const fits = criteria.map((letter) => criterion(name, letter, values.get(letter) ?? '', io))
  const pattern = rest[0] === undefined ? null : regexOf(rest[0], flags)
  const found = processes(io.inside).filter((p) => {
    const isIt = fits.every((fit) => fit(p)) && (pattern === null || pattern.test(nameOf(p, flags)))
    return isIt !== flags.has('v')
  })
  if (found.length === 0 && !flags.has('f') && (rest[0] ?? '').length > LONGEST_NAME)
    io.err(
      `${name}: pattern that searches for process name longer than 15 characters will result in zero matches\nTry \`${name} -f' option to match against the complete command line.\n`,
    )
  const began = (p: Proc): number => p.stat.field(22)
  if (flags.has('n')) return [...found].sort((a, b) => began(b) - began(a) || b.pid - a.pid).slice(0, 1) // prettier-ignore
  if (flags.has('o')) return [...found].sort((a, b) => began(a) - began(b) || a.pid - b.pid).slice(0, 1) // prettier-ignore
  return found
}

function regexOf(text: string, flags: ReadonlySet<string>): RegExp {
  try {
    return new RegExp(flags.has('x') ? `^(${text})$` : text, flags.has('i') ? 'i' : '')
  } catch {
    throw new UsageError('regex error: Invalid preceding regular expression', USAGE_STATUS)
  }
}

function criterion(name: string, letter: string, text: string, io: Io): (p: Proc) => boolean {
  const items = text.split(',')
  const numbers = (what: string): number[] =>
    items.map((item) => {
      if (!/^\d+$/.test(item)) throw new OptionError(`${name}: invalid ${what}: ${item}`)
      return Number(item)
    })
  const ids = (of: (item: string) => number | null, what: string): (number | null)[] =>
    items.map((item) => {
      const id = of(item)
      if (id === null) throw new OptionError(`${name}: invalid ${what} name: ${item}`)
      return id
    })
  switch (letter) {
    case 'P': {
      const parents = numbers('number')
      return (p) => parents.includes(p.stat.field(4))
    }
    case 'g': {
      const groups = numbers('process group')
      return (p) => groups.includes(p.stat.field(5))
    }
    case 's': {
      const sessions = numbers('session id')
      return (p) => sessions.includes(p.stat.field(6))
    }
    case 'u':
    case 'U': {
      const users = ids(userId, 'user')
      return (p) => users.includes(p.uid)
    }
    case 'G': {
      const groups = ids(groupId, 'group')
      return (p) => groups.includes(p.status.get('Gid') ?? 0)
    }
    case 'O': {
      const whole = wholeOf(io.inside)
      return (p) => elapsed(p, whole) >= Number.parseInt(text, 10)
    }
    case 'r':
      return (p) => text.includes(p.stat.state)
    case 'C':
      return (p) => items.some((item) => readOr(p.inside, `/proc/${p.pid}/cgroup`).includes(`:${item}\n`))
    case 't':
      return () => false
    default:
      return () => true
  }
}
