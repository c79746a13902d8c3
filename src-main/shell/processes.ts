/** The processes of the machine as ps and top see them: what /proc/PID says, read when it is asked for. */
import type { Inside } from './inside'
import { HZ, keyed, parsePidStat, pids, readOr, readStat, type PidStat } from './procText'

export interface Proc {
  readonly pid: number
  readonly stat: PidStat
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
  const status = keyed(readOr(inside, `/proc/${pid}/status`))
  return { pid, stat: parsePidStat(stat), status, uid: status.get('Uid') ?? 0, inside }
}

/** What several columns need of the machine as a whole. */
export interface Whole {
  readonly uptime: number
  readonly memTotal: number
  readonly btime: number
  readonly pidWidth: number
}

export function wholeOf(inside: Inside): Whole {
  const uptime = Number.parseFloat(inside.read('/proc/uptime'))
  const pidMax = Number(readOr(inside, '/proc/sys/kernel/pid_max', '32768'))
  return {
    uptime,
    memTotal: keyed(inside.read('/proc/meminfo')).get('MemTotal') ?? 1,
    btime: readStat(inside).btime,
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
