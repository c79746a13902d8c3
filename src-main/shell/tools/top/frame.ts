/** One picture of top (procps-ng 4.0.2) in its default layout: five lines of summary, then processes. */
import type { Inside } from '../../inside'
import { commandLine, processes, ticks, wholeOf, type Proc, type Whole } from '../../processes'
import { fixed, HZ, keyed, padLeft, readStat, type Stat } from '../../procText'
import { userName } from '../../users'
import { used_kB } from '../free'
import { uptimeText } from '../uptime'
import { passes, type Filter } from './filter'
import { FIGURES, graph, NOTHING } from './graph'
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
  /** How CPU and memory are shown in the summary: figures, bars, blocks, not at all (graph.ts). */
  cpuMode: number
  memoryMode: number
  idle: boolean
  user: number | null
  pids: readonly number[] | null
  filters: readonly Filter[]
  /** Looked for by L and &: the task it is found in becomes the first that is shown. */
  located: string
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
    .map((row) => cells(row, whole, view, pidWidth, commandWidth))
    .filter((texts) => view.filters.every((filter) => passes(filter, texts)))
    .map((texts) => texts.join(' '))
  const upTo = view.from + view.max
  return [...summary(inside, rows, before.stat, now.stat, view, cols - 1), '', head, ...lines.slice(view.from, upTo)]
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

/** What stands in the columns of a task. */
function cells({ p, cpu }: Row, whole: Whole, view: View, pidWidth: number, commandWidth: number): string[] {
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
  ]
}

/** Text that is too long for its column ends in a +. */
function plus(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}+` : text
}

function percent(value: number): string {
  const text = fixed(Math.fround(value), 1)
  return text.length <= 5 ? text : Math.round(value).toFixed(0)
}

function summary(inside: Inside, rows: readonly Row[], before: Stat, now: Stat, view: View, cols: number): string[] {
  const lines = [`top -${uptimeText(inside)}`]
  if (view.cpuMode !== NOTHING) lines.push(taskLine(rows), ...cpuLines(before, now, view, cols))
  if (view.memoryMode !== NOTHING) lines.push(...memoryLines(inside, view, cols))
  return lines
}

function taskLine(rows: readonly Row[]): string {
  const states = (letters: string): string => padLeft(rows.filter(({ p }) => letters.includes(p.stat.state)).length, 4)
  return `Tasks:${padLeft(rows.length, 4)} total,${states('R')} running,${states('SDI')} sleeping,${states('Tt')} stopped,${states('Z')} zombie`
}

function cpuLines(before: Stat, now: Stat, view: View, cols: number): string[] {
  const show = (name: string, a: readonly number[], b: readonly number[]): string =>
    name + (view.cpuMode === FIGURES ? shares(a, b) : cpuGraph(a, b, view.cpuMode, cols))
  if (!view.eachCpu) return [show('%Cpu(s):', before.cpu, now.cpu)]
  return now.cpus.map((cpu, i) => show(`%Cpu${String(i).padEnd(3)} :`, before.cpus[i] ?? [], cpu))
}

function memoryLines(inside: Inside, view: View, cols: number): string[] {
  const m = keyed(inside.read('/proc/meminfo'))
  const kB = (name: string): number => m.get(name) ?? 0
  const unit = UNITS[view.summaryScale]!
  const scaled = (value: number): string =>
    view.summaryScale === 0 ? String(value) : fixed(Math.fround(value / 1024 ** view.summaryScale), 1)
  const amount = (value: number): string => {
    const text = scaled(value)
    return (text.length > 8 ? `${text.slice(0, 8)}+` : `${text} `).padStart(10)
  }
  const [total, free] = [kB('MemTotal'), kB('MemFree')]
  const [swap, swapFree] = [kB('SwapTotal'), kB('SwapFree')]
  const cache = kB('Buffers') + kB('Cached') + kB('SReclaimable')
  if (view.memoryMode === FIGURES)
    return [
      `${unit} Mem :${amount(total)}total,${amount(free)}free,${amount(used_kB(m))}used,${amount(cache)}buff/cache     `,
      `${unit} Swap:${amount(swap)}total,${amount(swapFree)}free,${amount(swap - swapFree).trimEnd()}${' used.'}${amount(kB('MemAvailable'))}avail Mem `,
    ]
  // What is neither free nor cache, and of the cache what could not be had.
  const own = total - free - cache
  const show = (name: string, all: number, part1: number, part2: number): string => {
    const { one, two, text } = graph(all, part1, part2, view.memoryMode, cols)
    return `${unit} ${name}:${padLeft(fixed(one + two, 1), 5)}/${scaled(all).slice(0, 9).padEnd(9)}${text}`
  }
  return [show('Mem ', total, own, total - kB('MemAvailable') - own), show('Swap', swap, 0, swap - swapFree)]
}

/** User and nice, then system and interrupts. */
function cpuGraph(before: readonly number[], now: readonly number[], mode: number, cols: number): string {
  const grown = now.slice(0, 8).map((ticks, i) => Math.max(0, ticks - (before[i] ?? 0)))
  const part = (...of: number[]): number => of.reduce((sum, i) => sum + (grown[i] ?? 0), 0)
  const all = grown.reduce((a, b) => a + b, 0)
  const { one, two, text } = graph(all, part(0, 1), part(2, 5, 6), mode, cols)
  return ` ${padLeft(fixed(one, 1), 5)}/${fixed(two, 1).padEnd(5)} ${padLeft(fixed(one + two, 0), 3)}${text}`
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
