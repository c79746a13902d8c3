/** The processes of the machine as ps and top see them: what /proc/PID says, read when it is asked for. */
import type { Inside } from './inside'
import { HZ, keyed, parsePidStat, pids, readOr, readStat, type PidStat } from './procText'

export interface Proc {
  readonly pid: number
  readonly stat: PidStat
  readonly statusText: string
  /** Numbers of /proc/PID/status by name. */
  readonly status: ReadonlyMap<string, number>
  readonly uid: number
  readonly inside: Inside
}

/** Every process, in order of PID; one that ends meanwhile is left out. */
export function processes(inside: Inside): Proc[] {
  return pids(inside).flatMap((pid) => processOf(inside, pid) ?? [])
}

export function processOf(inside: Inside, pid: number): Proc | null {
  const stat = readOr(inside, `/proc/${pid}/stat`)
  if (stat === '') return null
  const statusText = readOr(inside, `/proc/${pid}/status`)
  const status = keyed(statusText)
  return { pid, stat: parsePidStat(stat), statusText, status, uid: status.get('Uid') ?? 0, inside }
}

/** What several columns need of the machine as a whole. */
export interface Whole {
  readonly uptime: number
  readonly memTotal: number
  readonly btime: number
  /** Seconds since 1970. */
  readonly now: number
  readonly pidWidth: number
}

export function wholeOf(inside: Inside): Whole {
  const uptime = Number.parseFloat(inside.read('/proc/uptime'))
  const pidMax = Number(readOr(inside, '/proc/sys/kernel/pid_max', '32768'))
  const { btime } = readStat(inside)
  return {
    uptime,
    memTotal: keyed(inside.read('/proc/meminfo')).get('MemTotal') ?? 1,
    btime,
    now: btime + uptime,
    pidWidth: String(pidMax - 1).length,
  }
}

/** CPU time in ticks. */
export function ticks({ stat }: Proc): number {
  return stat.field(14) + stat.field(15)
}

/** The command line as ps shows it: arguments, or [comm] for kernel threads. */
export function commandLine(p: Proc): string {
  const text = readOr(p.inside, `/proc/${p.pid}/cmdline`).replace(/\0+$/, '').replaceAll('\0', ' ')
  const name = text === '' ? `[${p.stat.comm}]` : text
  return p.stat.state === 'Z' ? `[${p.stat.comm}] <defunct>` : name
}

/** STAT: the state and what ps adds to it. */
export function stateText(p: Proc): string {
  const nice = p.stat.field(19)
  let text = p.stat.state
  if (nice < 0) text += '<'
  if (nice > 0) text += 'N'
  if ((p.status.get('VmLck') ?? 0) > 0) text += 'L'
  if (p.stat.field(6) === p.pid) text += 's'
  if (p.stat.field(20) > 1) text += 'l'
  return text
}

/** Start as seconds since 1970. */
export function startedAt(p: Proc, whole: Whole): number {
  return whole.btime + Math.trunc(p.stat.field(22) / HZ)
}

export function processGroup({ stat }: Proc): number {
  return stat.field(5)
}

/** Seconds since it began. */
export function elapsed({ stat }: Proc, { uptime }: Whole): number {
  return Math.max(0, Math.trunc(uptime - stat.field(22) / HZ))
}

/** Thousandths of one CPU since the process began. */
export function cpuShare(p: Proc, { uptime }: Whole): number {
  const jiffies = Math.trunc((uptime - p.stat.field(22) / HZ) * HZ)
  return jiffies > 0 ? Math.trunc((ticks(p) * 1000) / jiffies) : 0
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** HH:MM of today, the day of this year, else the year. The machine's clock is UTC. */
export function startText(start: number, { now }: Whole): string {
  const [at, today] = [new Date(start * 1000), new Date(now * 1000)]
  if (at.getUTCFullYear() !== today.getUTCFullYear()) return String(at.getUTCFullYear())
  if (at.toISOString().slice(0, 10) === today.toISOString().slice(0, 10)) return clock(start).slice(0, 5)
  return `${MONTHS[at.getUTCMonth()]}${String(at.getUTCDate()).padStart(2, '0')}`
}

export function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19)
}

export function ctime(seconds: number): string {
  const d = new Date(seconds * 1000)
  return `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${clock(seconds)} ${d.getUTCFullYear()}`
}
