/** top (procps-ng 4.0.2) in its default layout; -b prints, else it is a screen with P M T N and q. */
import type { Inside, Tool } from '../inside'
import { getopt, seconds } from '../options'
import { processes, ticks, wholeOf, type Proc } from '../processes'
import { fixed, HZ, keyed, padLeft, readStat, userName, type Stat } from '../procText'
import { used_kB } from './free'
import { screen } from './screen'
import { uptimeText } from './uptime'

interface Frame {
  readonly stat: Stat
  readonly ms: number
  readonly ticks: ReadonlyMap<number, number>
}
type Sort = 'P' | 'M' | 'T' | 'N'

export const top: Tool = {
  name: 'top',
  about: 'processes by use of CPU or memory',
  async run(args, io) {
    const { flags, values } = getopt('top', args, 'bn:d:o:p:ciH', {})
    const every = values.has('d') ? seconds('top', values.get('d')!) : 3
    let sort: Sort = values.get('o')?.toUpperCase().includes('MEM') === true ? 'M' : 'P'
    let last: Frame | null = null
    const draw = (limit: number): string => {
      const [text, frame] = topText(io.inside, last, sort, limit)
      last = frame
      return text
    }
    if (!io.tty || flags.has('b')) {
      let count = values.has('n') ? seconds('top', values.get('n')!) : io.tty ? Infinity : 1
      while (count-- > 0) {
        io.out(`${draw(Infinity)}\n`)
        if (count > 0) {
          io.out('\n')
          await io.inside.sleep(every * 1000, io.signal)
        }
      }
      return 0
    }
    return screen(io, {
      everyMs: every * 1000,
      draw: () => draw(io.rows - 8),
      press: (key) => {
        if ('PMTN'.includes(key.toUpperCase())) sort = key.toUpperCase() as Sort
      },
    })
  },
}

function topText(inside: Inside, last: Frame | null, sort: Sort, limit: number): [string, Frame] {
  const list = processes(inside)
  const stat = readStat(inside)
  const frame: Frame = { stat, ms: inside.nowMs(), ticks: new Map(list.map((p) => [p.pid, ticks(p)])) }
  const whole = wholeOf(inside)
  const elapsed = last === null ? whole.uptime : (frame.ms - last.ms) / 1000
  const share = (p: Proc): number => (100 * (ticks(p) - (last?.ticks.get(p.pid) ?? 0))) / HZ / Math.max(elapsed, 0.01)
  const rows = list.map((p) => ({ p, cpu: share(p) })).sort((a, b) => order(a, b, sort))
  const pidWidth = Math.max(5, whole.pidWidth)
  const head = `${padLeft('PID', pidWidth + 2)} USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND`
  const line = ({ p, cpu }: { p: Proc; cpu: number }): string => {
    const kB = (name: string): number => p.status.get(name) ?? 0
    const priority = p.stat.field(18)
    return [
      padLeft(p.pid, pidWidth + 2),
      userName(p.uid).padEnd(8),
      padLeft(priority < -99 ? 'rt' : priority, 3),
      padLeft(p.stat.field(19), 3),
      padLeft(memory(kB('VmSize'), 7), 7),
      padLeft(memory(kB('VmRSS'), 6), 6),
      padLeft(memory(kB('RssFile') + kB('RssShmem'), 6), 6),
      p.stat.state,
      padLeft(cpu > 99.9 ? cpu.toFixed(0) : cpu.toFixed(1), 5),
      padLeft(fixed((100 * kB('VmRSS')) / whole.memTotal, 1), 5),
      padLeft(timePlus(ticks(p)), 9),
      p.stat.comm,
    ].join(' ')
  }
  return [
    [...summary(inside, list, stat, last?.stat ?? null), '', head, ...rows.slice(0, limit).map(line)].join('\n'),
    frame,
  ]
}

function order(a: { p: Proc; cpu: number }, b: { p: Proc; cpu: number }, sort: Sort): number {
  const rss = (p: Proc): number => p.status.get('VmRSS') ?? 0
  if (sort === 'M') return rss(b.p) - rss(a.p) || a.p.pid - b.p.pid
  if (sort === 'T') return ticks(b.p) - ticks(a.p) || a.p.pid - b.p.pid
  if (sort === 'N') return b.p.pid - a.p.pid
  return b.cpu - a.cpu || a.p.pid - b.p.pid
}

function summary(inside: Inside, list: readonly Proc[], stat: Stat, before: Stat | null): string[] {
  const state = (letters: string): string => padLeft(list.filter((p) => letters.includes(p.stat.state)).length, 4)
  const cpu = stat.cpu.map((v, i) => v - (before?.cpu[i] ?? 0))
  const all = cpu.slice(0, 8).reduce((a, b) => a + b, 0) || 1
  const part = (i: number): string => padLeft(fixed((100 * cpu[i]!) / all, 1), 5)
  const m = keyed(inside.read('/proc/meminfo'))
  const mib = (kB: number): string => padLeft(fixed(kB / 1024, 1), 8)
  const kB = (name: string): number => m.get(name) ?? 0
  return [
    `top -${uptimeText(inside)}`,
    `Tasks:${padLeft(list.length, 4)} total,${state('R')} running,${state('SDI')} sleeping,${state('T')} stopped,${state('Z')} zombie`,
    `%Cpu(s):${part(0)} us,${part(2)} sy,${part(1)} ni,${part(3)} id,${part(4)} wa,${part(5)} hi,${part(6)} si,${part(7)} st `,
    `MiB Mem : ${mib(kB('MemTotal'))} total, ${mib(kB('MemFree'))} free, ${mib(used_kB(m))} used, ${mib(kB('Buffers') + kB('Cached') + kB('SReclaimable'))} buff/cache     `,
    `MiB Swap: ${mib(kB('SwapTotal'))} total, ${mib(kB('SwapFree'))} free, ${mib(kB('SwapTotal') - kB('SwapFree'))} used. ${mib(kB('MemAvailable'))} avail Mem `,
  ]
}

/** kB as digits where they fit, else with a unit. */
function memory(kB: number, width: number): string {
  if (String(kB).length <= width) return String(kB)
  const mib = kB / 1024
  const text = mib >= 1024 ? `${(mib / 1024).toFixed(1)}g` : `${mib.toFixed(1)}m`
  return text.length <= width ? text : text.replace(/\.\d/, '')
}

function timePlus(t: number): string {
  const hundredths = Math.trunc((t * 100) / HZ)
  const [m, s, h] = [Math.trunc(hundredths / 6000), Math.trunc(hundredths / 100) % 60, hundredths % 100]
  return `${m}:${String(s).padStart(2, '0')}.${String(h).padStart(2, '0')}`
}
