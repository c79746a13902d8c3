/** date (coreutils 9.1): the machine's clock, which began at its boot; times are UTC. */
import type { Inside, Tool } from '../inside'
import { getopt, UsageError } from '../options'
import { readStat } from '../procText'

const LONG = { date: 'd', utc: 'u', universal: 'u', 'rfc-email': 'R' }
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'] // prettier-ignore

export const date: Tool = {
  name: 'date',
  about: "the machine's date and time",
  run(args, io) {
    const { flags, values, rest } = getopt('date', args, 'd:uR', LONG)
    const said = values.get('d')
    const format = rest[0] ?? (flags.has('R') ? '+%a, %d %b %Y %T %z' : '+%a %b %e %T %Z %Y')
    if (!format.startsWith('+') || rest.length > 1) throw new UsageError(`date: invalid date '${rest.at(-1)}'`)
    const at = said === undefined ? clock(io.inside) : Number(/^@(-?\d+)$/.exec(said)?.[1] ?? Number.NaN)
    if (Number.isNaN(at)) throw new UsageError(`date: invalid date '${said}'`)
    io.out(`${strftime(format.slice(1), at)}\n`)
    return 0
  },
}

/** Seconds since 1970 on the machine. */
export function clock(inside: Inside): number {
  return readStat(inside).btime + Number.parseFloat(inside.read('/proc/uptime'))
}

export function strftime(format: string, seconds: number): string {
  const d = new Date(Math.floor(seconds) * 1000)
  const two = (n: number, fill = '0'): string => String(n).padStart(2, fill)
  const hour12 = d.getUTCHours() % 12 === 0 ? 12 : d.getUTCHours() % 12
  const nanos = String(Math.round((seconds - Math.floor(seconds)) * 1e9)).padStart(9, '0')
  const of: Readonly<Record<string, () => string>> = {
    '%': () => '%', n: () => '\n', t: () => '\t', Z: () => 'UTC', z: () => '+0000',
    a: () => DAYS[d.getUTCDay()]!.slice(0, 3), A: () => DAYS[d.getUTCDay()]!,
    b: () => MONTHS[d.getUTCMonth()]!.slice(0, 3), B: () => MONTHS[d.getUTCMonth()]!, h: () => MONTHS[d.getUTCMonth()]!.slice(0, 3),
    Y: () => String(d.getUTCFullYear()), y: () => two(d.getUTCFullYear() % 100), m: () => two(d.getUTCMonth() + 1),
    d: () => two(d.getUTCDate()), e: () => two(d.getUTCDate(), ' '), u: () => String(d.getUTCDay() || 7), w: () => String(d.getUTCDay()),
    H: () => two(d.getUTCHours()), I: () => two(hour12), M: () => two(d.getUTCMinutes()), S: () => two(d.getUTCSeconds()),
    p: () => (d.getUTCHours() < 12 ? 'AM' : 'PM'), s: () => String(Math.floor(seconds)), N: () => nanos,
    j: () => String(Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000) + 1).padStart(3, '0'),
    F: () => strftime('%Y-%m-%d', seconds), T: () => strftime('%H:%M:%S', seconds), R: () => strftime('%H:%M', seconds),
    D: () => strftime('%m/%d/%y', seconds), c: () => strftime('%a %b %e %H:%M:%S %Y', seconds), r: () => strftime('%I:%M:%S %p', seconds),
  } // prettier-ignore
  return format.replace(/%([%A-Za-z])/g, (whole, letter: string) => of[letter]?.() ?? whole)
}
