/** kill, as bash has it built in, and killall (psmisc). */
import type { Io, Tool } from '../inside'
import { Errno } from '../inside'
import { UsageError } from '../options'
import { processes } from '../processes'
import { padLeft } from '../procText'
import { each, signalName, signalNumber, signalOf } from './signals'

const USAGE = 'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]'

export const kill: Tool = {
  name: 'kill',
  about: 'send a signal to processes',
  run(args, io) {
    if (args[0] === '-l' || args[0] === '-L') return list(args.slice(1), io)
    const [signal, targets] = parse(args)
    if (targets.length === 0) throw new UsageError(USAGE, 2)
    const isWhole = each(targets, io, (word) => {
      if (!/^-?\d+$/.test(word)) throw new UsageError(`bash: kill: ${word}: arguments must be process or job IDs`)
      send(io, Number(word), signal, `bash: kill: (${word}) - `)
    })
    return isWhole ? 0 : 1
  },
}

/** `-9`, `-KILL`, `-s KILL` or `-n 9` (SIGTERM else), and the other words. */
function parse(args: readonly string[]): [number, readonly string[]] {
  const [first = '', second] = args
  const known = (text: string): number => {
    const number = signalOf(text)
    if (number === null) throw new UsageError(`bash: kill: ${text}: invalid signal specification`)
    return number
  }
  if (first === '-s' || first === '-n') {
    if (second === undefined) throw new UsageError(`bash: kill: ${first}: option requires an argument`)
    return [known(second), afterDashes(args.slice(2))]
  }
  if (/^-[sn]./.test(first) && signalOf(first.slice(1)) === null)
    return [known(first.slice(2)), afterDashes(args.slice(1))]
  if (first !== '--' && /^-./.test(first)) return [known(first.slice(1)), afterDashes(args.slice(1))]
  return [15, afterDashes(args)]
}

function afterDashes(words: readonly string[]): readonly string[] {
  return words[0] === '--' ? words.slice(1) : words
}

/** All signals as a table, or the name of a number (or of a status that tells of one), or the number of a name. */
function list(words: readonly string[], io: Io): number {
  if (words.length === 0) {
    const all = Array.from({ length: 65 }, (_, number) => number).filter((n) => n > 0 && signalName(n) !== '')
    all.forEach((n, i) => io.out(`${padLeft(n, 2)}) SIG${signalName(n)}${i % 5 === 4 ? '\n' : '\t'}`))
    io.out('\n')
    return 0
  }
  const isWhole = each(words, io, (word) => {
    const number = /^\d+$/.test(word) ? Number(word) % 128 : signalOf(word)
    const name = number === null ? '' : signalName(number)
    if (name === '' || (/^\d+$/.test(word) && Number(word) > 128 + 64))
      throw new UsageError(`bash: kill: ${word}: invalid signal specification`)
    io.out(`${/^\d+$/.test(word) ? name : number}\n`)
  })
  return isWhole ? 0 : 1
}

export const killall: Tool = {
  name: 'killall',
  about: 'send a signal to processes by name',
  run(args, io) {
    let signal = 15
    const names: string[] = []
    for (let i = 0; i < args.length; i++) {
      const word = args[i]!
      if (word === '-s' || word === '--signal') signal = signalNumber('killall', args[++i] ?? '')
      else if (word.startsWith('-')) signal = signalNumber('killall', word.slice(1))
      else names.push(word)
    }
    if (names.length === 0) throw new UsageError('Usage: killall [-s SIGNAL] NAME...')
    const all = processes(io.inside)
    const isWhole = each(names, io, (name) => {
      const found = all.filter((p) => p.stat.comm === name)
      if (found.length === 0) throw new UsageError(`${name}: no process found`)
      for (const p of found) send(io, p.pid, signal, `${name}(${p.pid}): `)
    })
    return isWhole ? 0 : 1
  },
}

function send(io: Io, pid: number, signal: number, prefix: string): void {
  try {
    io.inside.act({ type: 'kill', pid, signal })
  } catch (error) {
    if (error instanceof Errno) throw new UsageError(`${prefix}${error.message.replace(/^.*: /, '')}`)
    throw error
  }
}
