/** kill, killall, pkill, pgrep, pidof and renice. */
import type { Io, Tool } from '../inside'
import { Errno } from '../inside'
import { UsageError } from '../options'
import { commandLine, processes } from '../processes'

export const SIGNALS = [
  'EXIT', 'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM', 'TERM',
  'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO', 'PWR', 'SYS',
] as const // prettier-ignore

export function signalNumber(name: string, text: string): number {
  const number = /^\d+$/.test(text)
    ? Number(text)
    : SIGNALS.findIndex((s) => s === text.toUpperCase().replace(/^SIG/, ''))
  if (number < 0 || number > 64) throw new UsageError(`${name}: unknown signal: ${text}`)
  return number
}

export const kill: Tool = {
  name: 'kill',
  about: 'send a signal to processes',
  run(args, io) {
    const [signal, targets] = signalOf('kill', args)
    if (signal === null) {
      io.out(
        `${SIGNALS.slice(1)
          .map((s, i) => `${String(i + 1).padStart(2)}) SIG${s}`)
          .join('\n')}\n`,
      )
      return 0
    }
    if (targets.length === 0) throw new UsageError('kill: usage: kill [-s sigspec | -sigspec] pid…')
    return each(targets, io, 'kill', (word) => {
      if (!/^\d+$/.test(word)) throw new UsageError(`kill: failed to parse argument: '${word}'`)
      send(io, Number(word), signal, `(${word})`)
    })
  },
}

export const killall: Tool = {
  name: 'killall',
  about: 'send a signal to processes by name',
  run(args, io) {
    const [signal, names] = signalOf('killall', args)
    const list = processes(io.inside)
    return each(names, io, 'killall', (name) => {
      const found = list.filter((p) => p.stat.comm === name)
      if (found.length === 0) throw new UsageError(`${name}: no process found`)
      for (const p of found) send(io, p.pid, signal ?? 15, name)
    })
  },
}

export const pkill: Tool = {
  name: 'pkill',
  about: 'send a signal to processes that match a pattern',
  run(args, io) {
    const [signal, words] = signalOf('pkill', args)
    const found = matching(io, words)
    for (const p of found) send(io, p, signal ?? 15, String(p))
    return found.length === 0 ? 1 : 0
  },
}

export const pgrep: Tool = {
  name: 'pgrep',
  about: 'PIDs of processes that match a pattern',
  run(args, io) {
    const found = matching(io, args)
    const names = new Map(processes(io.inside).map((p) => [p.pid, args.includes('-a') ? commandLine(p) : p.stat.comm]))
    const named = args.includes('-l') || args.includes('-a')
    for (const pid of found) io.out(named ? `${pid} ${names.get(pid)}\n` : `${pid}\n`)
    return found.length === 0 ? 1 : 0
  },
}

export const pidof: Tool = {
  name: 'pidof',
  about: 'PIDs of a program by name',
  run(args, io) {
    const found = processes(io.inside).filter((p) => args.includes(p.stat.comm))
    if (found.length > 0)
      io.out(
        `${found
          .map((p) => p.pid)
          .reverse()
          .join(' ')}\n`,
      )
    return found.length === 0 ? 1 : 0
  },
}

export const renice: Tool = {
  name: 'renice',
  about: 'change the nice value of processes',
  run(args, io) {
    const words = args.filter((w) => w !== '-n' && w !== '-p' && w !== '--priority' && w !== '--pid')
    const nice = Number(words[0])
    if (!Number.isInteger(nice) || words.length < 2)
      throw new UsageError('renice: usage: renice [-n] priority [-p] pid…')
    return each(words.slice(1), io, 'renice', (word) => {
      const pid = Number(word)
      const old = processes(io.inside)
        .find((p) => p.pid === pid)
        ?.stat.field(19)
      if (old === undefined)
        throw new UsageError(`renice: failed to get priority for ${word} (process ID): No such process`)
      const clamped = Math.max(-20, Math.min(19, nice))
      io.inside.act({ type: 'renice', pid, nice: clamped })
      io.out(`${pid} (process ID) old priority ${old}, new priority ${clamped}\n`)
    })
  },
}

/** The signal that `-9`, `-KILL`, `-s KILL` name (SIGTERM else, null for -l) and the other words. */
function signalOf(name: string, args: readonly string[]): [number | null, string[]] {
  let signal = 15
  const rest: string[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === '-l' || word === '-L') return [null, []]
    if (word === '-s' || word === '--signal') signal = signalNumber(name, args[++i] ?? '')
    else if (/^-(\d+|[A-Z]{2,}\d?)$/.test(word)) signal = signalNumber(name, word.slice(1))
    else rest.push(word)
  }
  return [signal, rest]
}

function matching(io: Io, words: readonly string[]): number[] {
  const pattern = words.find((w) => !w.startsWith('-'))
  if (pattern === undefined) throw new UsageError('no matching criteria specified')
  const regex = new RegExp(pattern)
  const text = words.includes('-f') ? commandLine : (p: ReturnType<typeof processes>[number]): string => p.stat.comm
  return processes(io.inside)
    .filter((p) => (words.includes('-x') ? text(p) === pattern : regex.test(text(p))))
    .map((p) => p.pid)
}

function send(io: Io, pid: number, signal: number, shown: string): void {
  try {
    io.inside.act({ type: 'kill', pid, signal })
  } catch (error) {
    if (error instanceof Errno) throw new UsageError(`kill: ${shown}: ${error.message}`)
    throw error
  }
}

/** Goes through all words; one that fails does not keep the others from being done. */
function each(words: readonly string[], io: Io, name: string, one: (word: string) => void): number {
  let status = 0
  for (const word of words) {
    try {
      one(word)
    } catch (error) {
      if (!(error instanceof UsageError) && !(error instanceof Errno)) throw error
      io.err(`${error instanceof Errno ? `${name}: ` : ''}${error.message}\n`)
      status = 1
    }
  }
  return status
}
