/** smem: memory by process with shared pages divided among those that share them (PSS). */
import type { Tool } from '../inside'
import { getopt } from '../options'
import { commandLine, processes } from '../processes'
import { readOr, userName } from '../procText'

export const smem: Tool = {
  name: 'smem',
  about: 'memory by process: swap, USS, PSS and RSS',
  run(args, io) {
    const { flags, values } = getopt('smem', args, 'rks:tP:', { reverse: 'r', sort: 's', totals: 't' })
    const rows = processes(io.inside).flatMap((p) => {
      const text = readOr(io.inside, `/proc/${p.pid}/smaps_rollup`)
      if (text === '') return []
      const kB = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
      const uss = kB('Private_Clean') + kB('Private_Dirty')
      return [
        {
          pid: p.pid,
          user: userName(p.uid),
          command: commandLine(p),
          swap: kB('Swap'),
          uss,
          pss: kB('Pss'),
          rss: kB('Rss'),
        },
      ]
    })
    const key = (values.get('s') ?? 'pss') as keyof (typeof rows)[number]
    rows.sort((a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.pid - b.pid))
    if (flags.has('r')) rows.reverse()
    const size = (kB: number): string => (flags.has('k') ? human(kB) : String(kB)).padStart(8)
    const line = (pid: string, user: string, command: string, cells: readonly string[]): string =>
      `${pid.padStart(5)} ${user.padEnd(8)} ${command.slice(0, 27).padEnd(27)} ${cells.join(' ')} \n`
    io.out(
      line(
        'PID',
        'User',
        'Command',
        ['Swap', 'USS', 'PSS', 'RSS'].map((h) => h.padStart(8)),
      ),
    )
    for (const r of rows) io.out(line(String(r.pid), r.user, r.command, [r.swap, r.uss, r.pss, r.rss].map(size)))
    if (flags.has('t')) {
      const sum = (k: 'swap' | 'uss' | 'pss' | 'rss'): number => rows.reduce((s, r) => s + r[k], 0)
      io.out(`${'-'.repeat(79)}\n`)
      io.out(line(String(rows.length), '1', '', [sum('swap'), sum('uss'), sum('pss'), sum('rss')].map(size)))
    }
    return 0
  },
}

function human(kB: number): string {
  const units = ['K', 'M', 'G', 'T']
  let [value, unit] = [kB, 0]
  while (value > 1024) [value, unit] = [value / 1024, unit + 1]
  return kB === 0 ? '0 ' : `${value.toFixed(1)}${units[unit]}`
}
