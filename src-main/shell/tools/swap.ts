/** swapon and swapoff (util-linux). */
import type { Io, Tool } from '../inside'
import { getopt, UsageError } from '../options'
import { readOr } from '../procText'
import { parseSize } from '@shared/units'

interface Area {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly used: number
  readonly prio: number
}

export const swapon: Tool = {
  name: 'swapon',
  about: 'list swap areas, or add one: swapon -p 5 -S 256MiB /dev/sdc',
  run(args, io) {
    const { flags, values, rest } = getopt('swapon', args, 'sep:S:', {
      summary: 's',
      show: 'e',
      priority: 'p',
      size: 'S',
    })
    if (flags.has('s')) io.out(io.inside.read('/proc/swaps'))
    else if (rest.length === 0) show(io)
    for (const path of rest) {
      const size = values.get('S')
      const bytes = size === undefined ? undefined : parseSize(size)
      if (bytes === null) throw new UsageError(`swapon: ${size}: not a size such as 256MiB`)
      const priority = values.get('p')
      io.inside.act({
        type: 'swapon',
        path,
        ...(bytes === undefined ? {} : { bytes }),
        ...(priority === undefined ? {} : { priority: Number(priority) }),
      })
    }
    return 0
  },
}

export const swapoff: Tool = {
  name: 'swapoff',
  about: 'take swap areas out of use, reading their pages back',
  run(args, io) {
    const paths = args.includes('-a') ? areas(io).map((a) => a.name) : args.filter((w) => !w.startsWith('-'))
    if (paths.length === 0) throw new UsageError('swapoff: bad usage')
    for (const path of paths) io.inside.act({ type: 'swapoff', path })
    return 0
  },
}

function areas(io: Io): Area[] {
  return readOr(io.inside, '/proc/swaps')
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((w) => w.length >= 5)
    .map(([name, type, size, used, prio]) => ({
      name: name!,
      type: type!,
      size: Number(size),
      used: Number(used),
      prio: Number(prio),
    }))
}

/** A table as `swapon --show` lays it out: columns as wide as their widest cell, numbers to the right. */
function show(io: Io): void {
  const list = areas(io)
  if (list.length === 0) return
  const rows = [
    ['NAME', 'TYPE', 'SIZE', 'USED', 'PRIO'],
    ...list.map((a) => [a.name, a.type, short(a.size), short(a.used), String(a.prio)]),
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)))
  for (const row of rows)
    io.out(`${row.map((c, i) => (i < 2 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join(' ')}\n`)
}

/** util-linux' short sizes: 512M, 1.5G, 0B. */
function short(kB: number): string {
  if (kB === 0) return '0B'
  const units = ['K', 'M', 'G', 'T']
  let value = kB
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const tenth = Math.round(value * 10) / 10
  return `${Number.isInteger(tenth) ? tenth : tenth.toFixed(1)}${units[unit]}`
}
