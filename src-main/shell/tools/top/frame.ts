/** One picture of top (procps-ng 4.0.2) in its default layout: five lines of summary, then processes. */
import type { Inside } from '../../inside'
import { commandLine, processes, ticks, wholeOf, type Proc, type Whole } from '../../processes'
import { fixed, HZ, keyed, padLeft, readStat, type Stat } from '../../procText'
import { userName } from '../../users'
import { used_kB } from '../free'
import { uptimeText } from '../uptime'
import { scaleMem, scaleTics, UNITS } from './scale'

/** What shares of CPU are reckoned from: one look at the machine, and the next. */
export interface Look {
  readonly stat: Stat
  readonly uptime: number
  readonly ticks: ReadonlyMap<number, number>
}
/** How top shows things; keys and options change it. */
export interface View {
  sort: string
  reversed: boolean
  /** 0 kB, 1 MiB … of the summary and of the processes. */
  summaryScale: number
  taskScale: number
  commandLines: boolean
  eachCpu: boolean
  idle: boolean
  user: number | null
  pids: readonly number[] | null
  /** First process that is shown. */
  from: number
  max: number
}

export interface Row {
  readonly p: Proc
  /** Share of one CPU, in percent. */
  readonly cpu: number
}

export function lookAt(inside: Inside): Look {
  const list = processes(inside)
  return {
    stat: readStat(inside),
    uptime: Number.parseFloat(inside.read('/proc/uptime')),
    ticks: new Map(list.map((p) => [p.pid, ticks(p)])),
  }
}

/** Lines of a picture: what `before` has grown by since makes the shares. */
export function frame(inside: Inside, before: Look, now: Look, view: View, cols: number): string[] {
  const whole = wholeOf(inside)
  const rows = rowsOf(inside, before, now, view)
  const pidWidth = Math.max(5, whole.pidWidth)
  const head = `${padLeft('PID', pidWidth)} USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND`
  const commandWidth = Math.max(7, cols - 1 - (head.length - 'COMMAND'.length))
  const shown = view.idle ? rows : rows.filter((row) => row.cpu > 0 || row.p.stat.state === 'R')
  const lines = shown
    .slice(view.from, view.from + view.max)
    .map((row) => line(row, whole, view, pidWidth, commandWidth))
  return [...summary(inside, rows, before.stat, now.stat, view), '', head, ...lines]
}

export function rowsOf(inside: Inside, before: Look, now: Look, view: View): Row[] {
  const elapsed = Math.max(0.005, now.uptime - before.uptime)
  const rows = processes(inside)
    .filter((p) => (view.pids === null || view.pids.includes(p.pid)) && (view.user === null || view.user === p.uid))
    .map((p) => {
      const grown = (now.ticks.get(p.pid) ?? 0) - (before.ticks.get(p.pid) ?? 0)
      return { p, cpu: Math.min((100 * grown) / HZ / elapsed, 100 * Math.max(1, p.stat.field(20))) }
    })
  const key = SORTS[view.sort] ?? SORTS['%CPU']!
  const sign = view.reversed ? 1 : -1
  return rows.sort((a, b) => {
    const [x, y] = [key(a), key(b)]
    return x === y ? 0 : x < y ? -sign : sign
  })
}

const resident = ({ p }: Row): number => p.stat.field(24)
const shared = (p: Proc): number => (p.status.get('RssFile') ?? 0) + (p.status.get('RssShmem') ?? 0)
/** What fields sort by, the highest first. */
export const SORTS: Readonly<Record<string, (row: Row) => number | string>> = {
  PID: ({ p }) => p.pid, PPID: ({ p }) => p.stat.field(4), UID: ({ p }) => p.uid, USER: ({ p }) => userName(p.uid), PR: ({ p }) => p.stat.field(18), NI: ({ p }) => p.stat.field(19),
  VIRT: ({ p }) => p.stat.field(23), RES: resident, SHR: ({ p }) => shared(p), SWAP: ({ p }) => p.status.get('VmSwap') ?? 0, S: ({ p }) => p.stat.state, '%CPU': (row) => row.cpu, '%MEM': resident,
  'TIME+': ({ p }) => ticks(p), TIME: ({ p }) => ticks(p), COMMAND: ({ p }) => p.stat.comm, nTH: ({ p }) => p.stat.field(20), P: ({ p }) => p.stat.field(39), nMaj: ({ p }) => p.stat.field(12), nMin: ({ p }) => p.stat.field(10),
} // prettier-ignore

function line({ p, cpu }: Row, whole: Whole, view: View, pidWidth: number, commandWidth: number): string {
  const priority = p.stat.field(18)
  const kB = resident({ p, cpu }) * 4
  const command = view.commandLines ? commandLine(p) : p.stat.comm
  return [
    padLeft(p.pid, pidWidth),
    plus(userName(p.uid), 8).padEnd(8),
    padLeft(priority < -99 ? 'rt' : priority, 3),
    padLeft(p.stat.field(19), 3),
    padLeft(scaleMem(view.taskScale, p.stat.field(23) / 1024, 7), 7),
    padLeft(scaleMem(view.taskScale, kB, 6), 6),
    padLeft(scaleMem(view.taskScale, shared(p), 6), 6),
    p.stat.state,
    padLeft(percent(cpu), 5),
    padLeft(percent((kB * 100) / whole.memTotal), 5),
    padLeft(scaleTics(ticks(p), 9), 9),
    plus(command, commandWidth),
  ].join(' ')
}

/** Text that is too long for its column ends in a +. */
function plus(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}+` : text
}

function percent(value: number): string {
  const text = fixed(Math.fround(value), 1)
  return text.length <= 5 ? text : Math.round(value).toFixed(0)
}

function summary(inside: Inside, rows: readonly Row[], before: Stat, now: Stat, view: View): string[] {
  const states = (letters: string): string => padLeft(rows.filter(({ p }) => letters.includes(p.stat.state)).length, 4)
  const cpus = view.eachCpu
    ? now.cpus.map((cpu, i) => `%Cpu${String(i).padEnd(3)} :${shares(before.cpus[i] ?? [], cpu)}`)
    : [`%Cpu(s):${shares(before.cpu, now.cpu)}`]
  const m = keyed(inside.read('/proc/meminfo'))
  const kB = (name: string): number => m.get(name) ?? 0
  const unit = UNITS[view.summaryScale]!
  const amount = (value: number): string => {
    const text = view.summaryScale === 0 ? String(value) : fixed(Math.fround(value / 1024 ** view.summaryScale), 1)
    return (text.length > 8 ? `${text.slice(0, 8)}+` : `${text} `).padStart(10)
  }
  const [total, free] = [kB('MemTotal'), kB('MemFree')]
  const [swap, swapFree] = [kB('SwapTotal'), kB('SwapFree')]
  return [
    `top -${uptimeText(inside)}`,
    `Tasks:${padLeft(rows.length, 4)} total,${states('R')} running,${states('SDI')} sleeping,${states('Tt')} stopped,${states('Z')} zombie`,
    ...cpus,
    `${unit} Mem :${amount(total)}total,${amount(free)}free,${amount(used_kB(m))}used,${amount(kB('Buffers') + kB('Cached') + kB('SReclaimable'))}buff/cache     `,
    `${unit} Swap:${amount(swap)}total,${amount(swapFree)}free,${amount(swap - swapFree).trimEnd()}${' used.'}${amount(kB('MemAvailable'))}avail Mem `,
  ]
}

/** User, system, nice, idle, wait, hard and soft interrupts, steal. */
function shares(before: readonly number[], now: readonly number[]): string {
  const grown = now.slice(0, 8).map((ticks, i) => Math.max(0, ticks - (before[i] ?? 0)))
  const all = grown.reduce((a, b) => a + b, 0)
  if (all < 1) grown[3] = 1
  const scale = Math.fround(100 / Math.max(1, all))
  const part = (i: number): string => padLeft(fixed(Math.fround((grown[i] ?? 0) * scale), 1), 5)
  return `${part(0)} us,${part(2)} sy,${part(1)} ni,${part(3)} id,${part(4)} wa,${part(5)} hi,${part(6)} si,${part(7)} st `
}
