/** free (procps-ng 4.0.2). */
import type { Io, Tool } from '../inside'
import { decimal, getopt, OptionError, UsageError } from '../options'
import { fixed, keyed } from '../procText'

const LONG = {
  bytes: 'b', kilo: '1', mega: '2', giga: '3', tera: '5', peta: '7', kibi: 'k', mebi: 'm', gibi: 'g', tebi: '4', pebi: '6',
  human: 'h', si: 'S', lohi: 'l', total: 't', committed: 'v', seconds: 's', count: 'c', wide: 'w', help: '?', version: 'V',
} // prettier-ignore
/** Power of the unit by option; those of SI are powers of 1000. */
const POWERS = { b: 1, k: 2, m: 3, g: 4, '4': 5, '6': 6, '1': 2, '2': 3, '3': 4, '5': 5, '7': 6 } as const
const SI = '12357'

interface Scale {
  /** Power of the unit in which figures are printed: 1 bytes, 2 KiB … ; 0 the default. */
  readonly power: number
  readonly si: boolean
  readonly human: boolean
}

export const free: Tool = {
  name: 'free',
  about: 'memory and swap, in use and free',
  suite: 'procps',
  async run(args, io) {
    const { flags, order, rest } = getopt('free', args, 'bkmghltvc:ws:V', LONG)
    let [every, count] = [1, flags.has('s') || flags.has('c') ? Infinity : 1]
    let unit: keyof typeof POWERS | null = null
    for (const [letter, value = ''] of order) {
      if (letter === 's') every = interval(value)
      else if (letter === 'c') count = times(value)
      else if (letter in POWERS) {
        if (unit !== null) throw new UsageError("Multiple unit options don't make sense.")
        unit = letter as keyof typeof POWERS
      }
    }
    if (rest.length > 0) throw new OptionError('')
    const si = flags.has('S') || (unit !== null && SI.includes(unit))
    const scale = { power: unit === null ? 0 : POWERS[unit], si, human: flags.has('h') }
    while (count-- > 0) {
      io.out(freeText(io, flags, scale))
      if (count > 0) {
        io.out('\n')
        await io.inside.sleep(every * 1000, io.signal)
      }
    }
    return 0
  },
}

function interval(text: string): number {
  if (!/^\s*[+-]?[\d.]+$/.test(text)) throw new UsageError(`seconds argument failed: '${text}': Invalid argument`)
  const seconds = decimal('seconds argument failed', text)
  if (seconds < 1e-6) throw new UsageError(`seconds argument \`${text}' is not positive number`)
  return seconds
}

function times(text: string): number {
  if (!/^\s*[+-]?\d+$/.test(text)) throw new UsageError(`failed to parse count argument: '${text}'`)
  if (Number(text) < 1) throw new UsageError(`failed to parse count argument: '${text}': Numerical result out of range`)
  return Number(text)
}

function freeText(io: Io, flags: ReadonlySet<string>, scale: Scale): string {
  const m = keyed(io.inside.read('/proc/meminfo'))
  const kb = (name: string): number => m.get(name) ?? 0
  const row = (label: string, ...cells: readonly number[]): string =>
    `${label.padEnd(9)}${cells.map((c) => scaled(c, scale).padStart(11)).join(' ')}\n`
  const total = kb('MemTotal')
  const used = used_kB(m)
  const cache = kb('Cached') + kb('SReclaimable')
  const buffers = kb('Buffers')
  const swapUsed = kb('SwapTotal') - kb('SwapFree')
  const wide = flags.has('w')
  const caches = wide ? [buffers, cache] : [buffers + cache]
  let text = wide
    ? '               total        used        free      shared     buffers       cache   available\n'
    : '               total        used        free      shared  buff/cache   available\n'
  text += row('Mem:', total, used, kb('MemFree'), kb('Shmem'), ...caches, kb('MemAvailable'))
  if (flags.has('l')) {
    const low = m.has('LowTotal') ? kb('LowTotal') : total
    const lowFree = m.has('LowTotal') ? kb('LowFree') : kb('MemFree')
    text += row('Low:', low, low - lowFree, lowFree)
    text += row('High:', kb('HighTotal'), kb('HighTotal') - kb('HighFree'), kb('HighFree'))
  }
  text += row('Swap:', kb('SwapTotal'), swapUsed, kb('SwapFree'))
  if (flags.has('t')) text += row('Total:', total + kb('SwapTotal'), used + swapUsed, kb('MemFree') + kb('SwapFree'))
  if (flags.has('v'))
    text += row('Comm:', kb('CommitLimit'), kb('Committed_AS'), kb('CommitLimit') - kb('Committed_AS'))
  return text
}

/** What procps calls used: MemTotal − MemAvailable, or − MemFree where that is more. */
export function used_kB(m: ReadonlyMap<string, number>): number {
  const total = m.get('MemTotal') ?? 0
  const used = total - (m.get('MemAvailable') ?? 0)
  return used < 0 ? total - (m.get('MemFree') ?? 0) : used
}

function scaled(kB: number, { power, si, human }: Scale): string {
  if (human) return humanText(kB, si)
  if (power === 1) return String(kB * 1024)
  if (power === 0) return String(si ? Math.trunc((kB * 1024) / 1000) : kB)
  return String(Math.trunc((kB * 1024) / (si ? 1000 : 1024) ** (power - 1)))
}

/** The shortest text of at most four (SI) or five characters and a unit. */
function humanText(kB: number, si: boolean): string {
  const base = si ? 1000 : 1024
  const bytes = kB * 1024
  if (String(bytes).length <= 3) return `${bytes}B`
  const [suffix, width] = si ? ['', 4] : ['i', 5]
  for (const [i, unit] of ['K', 'M', 'G', 'T', 'P'].entries()) {
    const value = bytes / base ** (i + 1)
    const fraction = `${fixed(Math.fround(value), 1)}${unit}${suffix}`
    if (fraction.length <= width) return fraction
    const whole = `${Math.trunc(value)}${unit}${suffix}`
    if (whole.length <= width) return whole
  }
  return String(bytes)
}
