/** renice (util-linux). */
import type { Tool } from '../inside'
import { HelpAsked, OptionError, UsageError } from '../options'
import { processes, type Proc } from '../processes'
import { userId } from '../users'
import { each } from './signals'

interface Kind {
  readonly name: string
  readonly bad: string
  readonly of: (p: Proc) => number
}
const PID: Kind = { name: 'process ID', bad: 'bad process ID value', of: (p) => p.pid }
const KINDS: Readonly<Record<string, Kind>> = {
  '-p': PID,
  '--pid': PID,
  '-g': { name: 'process group ID', bad: 'bad process group ID value', of: (p) => p.stat.field(5) },
  '--pgrp': { name: 'process group ID', bad: 'bad process group ID value', of: (p) => p.stat.field(5) },
  '-u': { name: 'user ID', bad: 'unknown user', of: (p) => p.uid },
  '--user': { name: 'user ID', bad: 'unknown user', of: (p) => p.uid },
}

export const renice: Tool = {
  name: 'renice',
  about: 'change the nice value of processes',
  suite: 'util-linux',
  run(args, io) {
    if (args.includes('-h') || args.includes('--help')) throw new HelpAsked('help')
    if (args.includes('-V') || args.includes('--version')) throw new HelpAsked('version')
    const words = [...args]
    let isRelative = false
    if (['-n', '--priority'].includes(words[0] ?? '')) words.shift()
    else if (words[0] === '--relative') {
      words.shift()
      isRelative = true
    }
    const priority = words.shift()
    if (priority === undefined || words.length === 0) throw new OptionError('renice: not enough arguments')
    if (!/^[+-]?\d+$/.test(priority)) throw new OptionError(`renice: invalid priority '${priority}'`)
    let kind = PID
    const isWhole = each(words, io, (word) => {
      if (KINDS[word] !== undefined) return void (kind = KINDS[word])
      const id = kind.name === 'user ID' ? userId(word) : /^\d+$/.test(word) ? Number(word) : null
      if (id === null) throw new UsageError(kind.name === 'user ID' ? `renice: unknown user ${word}` : `renice: ${kind.bad}: ${word}`) // prettier-ignore
      const found = processes(io.inside).filter((p) => kind.of(p) === id)
      if (found.length === 0)
        throw new UsageError(`renice: failed to get priority for ${id} (${kind.name}): No such process`)
      const old = Math.min(...found.map((p) => p.stat.field(19)))
      const nice = Math.max(-20, Math.min(19, Number(priority) + (isRelative ? old : 0)))
      for (const p of found) io.inside.act({ type: 'renice', pid: p.pid, nice })
      io.out(`${id} (${kind.name}) old priority ${old}, new priority ${nice}\n`)
    })
    return isWhole ? 0 : 1
  },
}
