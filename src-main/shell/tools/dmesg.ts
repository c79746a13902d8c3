/** dmesg (util-linux 2.38). */
import type { Io, Tool } from '../inside'
import { getopt, UsageError } from '../options'
import { readOr, readStat } from '../procText'

const LONG = {
  buffer: 'S', clear: 'C', color: 'L', ctime: 'T', decode: 'x', facility: 'f', file: 'F', follow: 'w', 'follow-new': 'W', help: 'h', human: 'H', kernel: 'k',
  level: 'l', nopager: 'P', notime: 't', raw: 'r', 'read-clear': 'c', reltime: 'e', 'show-delta': 'd', since: '1', until: '2', version: 'V', userspace: 'u',
} // prettier-ignore
const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'] as const
/** How often new lines are looked for, in ms of the machine. */
const FOLLOW_MS = 250

interface Line {
  readonly level: number
  readonly seconds: number
  readonly text: string
}

export const dmesg: Tool = {
  name: 'dmesg',
  about: 'the kernel log',
  suite: 'util-linux',
  async run(args, io) {
    const { flags, values } = getopt('dmesg', args, 'CcDdEeF:f:HhkL::l:n:iPpruSs:TtuVWwx', LONG)
    const levels = values.has('l') ? values.get('l')!.split(',').flatMap(levelsOf) : null
    const boot = readStat(io.inside).btime
    const print = printer(flags, boot, io)
    const wanted = (line: Line): boolean => (levels === null || levels.includes(line.level)) && !flags.has('u')
    let shown = flags.has('W') ? read(io).length : 0
    for (;;) {
      const lines = read(io)
      for (const line of lines.slice(shown)) if (wanted(line)) print(line)
      shown = lines.length
      if (!flags.has('w') && !flags.has('W')) return 0
      await io.inside.sleep(FOLLOW_MS, io.signal)
    }
  },
}

/** `err`, `warn+` (and what is worse) or `+warn` (and what is less). */
function levelsOf(word: string): number[] {
  const [, before, name = '', after] = /^(\+?)(\w+)(\+?)$/.exec(word) ?? []
  const level = LEVELS.findIndex((known) => known === name)
  if (level < 0) throw new UsageError(`unknown level '${word}'`)
  return LEVELS.map((_, i) => i).filter(
    (i) => i === level || (after === '+' && i < level) || (before === '+' && i > level),
  )
}

function read(io: Io): Line[] {
  return readOr(io.inside, '/proc/kmsg')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, level = '6', seconds = '0', text = line] = /^(?:<(\d+)>)?\[\s*([\d.]+)\] ?(.*)$/.exec(line) ?? []
      return { level: Number(level) & 7, seconds: Number(seconds), text }
    })
}

function printer(flags: ReadonlySet<string>, boot: number, io: Io): (line: Line) => void {
  let last: number | null = null
  return ({ level, seconds, text }) => {
    const stamp = seconds.toFixed(6).padStart(12)
    const delta = seconds - (last ?? seconds)
    const isNewMinute = last === null || Math.trunc((boot + seconds) / 60) !== Math.trunc((boot + last) / 60)
    last = seconds
    const decoded = flags.has('x') ? `kern  :${LEVELS[level]!.padEnd(6)}: ` : ''
    if (flags.has('r')) io.out(`<${level}>[${stamp}] ${text}\n`)
    else if (flags.has('t')) io.out(`${decoded}${text}\n`)
    else if (flags.has('T')) io.out(`${decoded}[${dateText(boot + seconds)}] ${text}\n`)
    else if (flags.has('H') || flags.has('e')) {
      const short = isNewMinute ? `[${dateText(boot + seconds).slice(4, 16).replace(' ', '').replace(/^(\w{3}) /, '$1')}]` : `[${`+${delta.toFixed(6)}`.padStart(11)}]` // prettier-ignore
      io.out(`${decoded}${short} ${text}\n`)
    } else if (flags.has('d')) io.out(`${decoded}[${stamp} <${delta.toFixed(6).padStart(12)}>] ${text}\n`)
    else io.out(`${decoded}[${stamp}] ${text}\n`)
  }
}

function dateText(seconds: number): string {
  const [day, date, month, year, clock] = new Date(Math.trunc(seconds) * 1000).toUTCString().split(/,? /)
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${clock} ${year}`
}
