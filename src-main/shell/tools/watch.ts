/** watch (procps-ng 4.0.2): a command again and again, on a screen; without a terminal a few times below each other. */
import type { Tool } from '../inside'
import { getopt, OptionError, UsageError } from '../options'
import { readOr, readStat } from '../procText'
import { screen } from './screen'

const LONG = {
  color: 'c', differences: 'd', help: 'h', interval: 'n', beep: 'b', errexit: 'e', chgexit: 'g', equexit: 'q', exec: 'x', precise: 'p', 'no-title': 't',
  'no-wrap': 'w', version: 'v',
} // prettier-ignore
/** How often a command is repeated where no key can end it. */
const REPEATS = 3
const [SHORTEST, LONGEST] = [0.1, 31 * 24 * 3600]
const [MARK, PLAIN] = ['\x1b[7m', '\x1b[0m']

export const watch: Tool = {
  name: 'watch',
  about: 'run a command every two seconds',
  suite: 'procps',
  async run(args, io) {
    const { flags, values, rest } = getopt('watch', args, '+bced::ghq:n:pvtwx', LONG)
    const every = values.has('n') ? interval(values.get('n')!) : 2
    if (rest.length === 0) throw new OptionError('')
    const line = rest.join(' ')
    const looks: string[][] = []
    const draw = async (): Promise<string> => {
      const { stdout, stderr } = await io.run(line)
      const lines = (stdout + stderr).split('\n').map((text) => text.slice(0, io.cols))
      const last = looks.at(flags.has('d') && values.get('d') === 'permanent' ? 0 : -1)
      looks.splice(1, Infinity)
      looks.push(lines)
      const shown =
        flags.has('d') && last !== undefined && io.tty ? lines.map((text, i) => marked(text, last[i])) : lines
      const title = flags.has('t') ? [] : [head(line, every, io.cols, clock(io.inside)), '']
      return [...title, ...shown].join('\n')
    }
    if (io.tty) return screen(io, { everyMs: () => every * 1000, draw })
    for (let i = 0; i < REPEATS; i++) {
      if (i > 0) await io.inside.sleep(every * 1000, io.signal)
      io.out(await draw())
    }
    return 0
  },
}

function interval(text: string): number {
  if (!/^[+-]?(\d+[.,]?\d*|[.,]\d+)$/.test(text))
    throw new UsageError(`failed to parse argument: '${text}': Invalid argument`)
  return Math.min(LONGEST, Math.max(SHORTEST, Number(text.replace(',', '.'))))
}

/** Characters that changed since the last time, reversed. */
function marked(text: string, before = ''): string {
  let out = ''
  let isMarked = false
  for (const [i, char] of [...text].entries()) {
    const isNew = char !== (before[i] ?? ' ')
    if (isNew !== isMarked) out += isNew ? MARK : PLAIN
    isMarked = isNew
    out += char
  }
  return isMarked ? out + PLAIN : out
}

function head(line: string, every: number, cols: number, time: string): string {
  const left = `Every ${every.toFixed(1)}s: ${line}`
  return `${left.slice(0, cols - time.length - 1).padEnd(cols - time.length)}${time}`
}

function clock(inside: Parameters<typeof readStat>[0]): string {
  const now = readStat(inside).btime + Math.trunc(Number.parseFloat(readOr(inside, '/proc/uptime', '0')))
  return new Date(now * 1000).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (\S+).*/, 'memscope: $1 $3 $2 $5 $4')
}
