/** watch: a command again and again, on a screen; without a terminal a few times below each other. */
import type { Tool } from '../inside'
import { seconds, UsageError } from '../options'
import { readOr, readStat } from '../procText'
import { screen } from './screen'

/** How often a command is repeated where no key can end it. */
const REPEATS = 3

export const watch: Tool = {
  name: 'watch',
  about: 'run a command every two seconds',
  async run(args, io) {
    let every = 2
    let title = true
    let at = 0
    for (; args[at]?.startsWith('-') === true; at++) {
      const word = args[at]!
      if (word === '-n' || word === '--interval') every = seconds('watch', args[++at] ?? '')
      else if (/^-n[\d.]+$/.test(word)) every = seconds('watch', word.slice(2))
      else if (word === '-t' || word === '--no-title') title = false
    }
    const line = args.slice(at).join(' ')
    if (line === '') throw new UsageError('watch: no command given')
    const draw = async (): Promise<string> => {
      const { stdout, stderr } = await io.run(line)
      return (title ? `${head(line, every, io.cols, clock(io.inside))}\n\n` : '') + stdout + stderr
    }
    const everyMs = Math.max(0.1, every) * 1000
    if (io.tty) return screen(io, { everyMs, draw })
    for (let i = 0; i < REPEATS; i++) {
      if (i > 0) await io.inside.sleep(everyMs, io.signal)
      io.out(await draw())
    }
    return 0
  },
}

function head(line: string, every: number, cols: number, time: string): string {
  const left = `Every ${every.toFixed(1)}s: ${line}`
  return `${left.slice(0, cols - time.length - 1).padEnd(cols - time.length)}${time}`
}

function clock(inside: Parameters<typeof readStat>[0]): string {
  const now = readStat(inside).btime + Math.trunc(Number.parseFloat(readOr(inside, '/proc/uptime', '0')))
  return new Date(now * 1000).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (\S+).*/, 'memscope: $1 $3 $2 $5 $4')
}
