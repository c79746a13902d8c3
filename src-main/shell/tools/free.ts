/** free (procps-ng 4.0.2). */
import type { Io, Tool } from '../inside'
import { getopt, seconds } from '../options'
import { fixed, keyed } from '../procText'

const LONG = {
  bytes: 'b', kibi: 'k', mebi: 'm', gibi: 'g', human: 'h', si: 'S', lohi: 'l',
  total: 't', committed: 'v', seconds: 's', count: 'c', wide: 'w', kilo: '1', mega: '2', giga: '3', tebi: '4', tera: '5',
} // prettier-ignore

interface Scale {
  /** Power of the unit in which figures are printed: 1 bytes, 2 KiB … ; 0 the default. */
  readonly power: number
  readonly si: boolean
  readonly human: boolean
}

export const free: Tool = {
  name: 'free',
  about: 'memory and swap, in use and free',
  async run(args, io) {
    const { flags, values } = getopt('free', args, 'bkmghltvs:c:wS12345', LONG)
    const power = { b: 1, k: 2, m: 3, g: 4, '4': 5, '1': 2, '2': 3, '3': 4, '5': 5 } as const
    const unit = Object.entries(power).find(([flag]) => flags.has(flag))
    const scale = {
      power: unit?.[1] ?? 0,
      si: flags.has('S') || '1235'.includes(unit?.[0] ?? 'x'),
      human: flags.has('h'),
    }
    const every = values.has('s') ? seconds('free', values.get('s')!) : 1
    let count = values.has('c') ? seconds('free', values.get('c')!) : flags.has('s') ? Infinity : 1
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
  if (power === 0 || power === 2) return String(si ? Math.trunc((kB / 1000) * 1024) : kB)
  return String(Math.trunc(si ? (kB * 1024) / 1000 ** (power - 1) : kB / 1024 ** (power - 2)))
}

/** The shortest text of at most four (SI) or five characters and a unit. */
function humanText(kB: number, si: boolean): string {
  const base = si ? 1000 : 1024
  const bytes = kB * 1024
  if (String(bytes).length <= 3) return `${bytes}B`
  const suffix = si ? '' : 'i'
  const width = si ? 4 : 5
  for (const [i, unit] of ['K', 'M', 'G', 'T', 'P'].entries()) {
    const value = bytes / base ** (i + 1)
    const fraction = `${fixed(Math.fround(value), 1)}${unit}${suffix}`
    if (i > 0 && fraction.length <= width) return fraction
    const whole = `${Math.trunc(value)}${unit}${suffix}`
    if (whole.length <= width) return whole
  }
  return String(bytes)
}
