/**
 * The processes of one sample, as columns: a row is an index, nothing is copied. Rates come from two consecutive
 * samples; a process counts as the same when PID and start time agree.
 */
import { P, PROC, type ProcColumn } from '@shared/sample'
import type { Sample } from './sample'

const WIDTH = PROC.length
/** Bit of the column `flags`. */
const KTHREAD = 1

export interface ProcessTable {
  readonly ms: number
  readonly length: number
  readonly names: readonly string[]
  readonly users: ReadonlyMap<number, string>
  /** kB, for %MEM. */
  readonly memTotal: number
  /** Per second since the sample before; NaN where there is none (first sample, new process, other epoch). */
  readonly minfltPerS: Float64Array
  readonly majfltPerS: Float64Array
  readonly cpuPercent: Float64Array
  /** The row of a PID (and start time), or -1. */
  rowOf(pid: number, start_ns?: number): number
  get(row: number, column: ProcColumn): number
  /** A whole column. */
  column(column: ProcColumn): Float64Array
}

const NOBODY: ReadonlyMap<number, string> = new Map([[0, 'root']])

/** The processes of `sample`; `before` is the sample before it, for rates. */
export function processTable(
  sample: Sample,
  before: Sample | null,
  names: readonly string[],
  users: ReadonlyMap<number, string> = NOBODY,
): ProcessTable {
  return {
    ms: sample.ms,
    length: sample.nrProc,
    names,
    users,
    memTotal: sample.read('MemTotal'),
    ...rates(sample, before),
    rowOf: (pid, start_ns) => sample.rowOf(pid, start_ns),
    get: (row, column) => sample.proc(row, column),
    column: (column) => {
      const { data, nrProc } = sample
      const values = new Float64Array(nrProc)
      for (let row = 0, at = sample.shape.proc + P[column]; row < nrProc; row++, at += WIDTH) values[row] = data[at]!
      return values
    },
  }
}

type Rates = Pick<ProcessTable, 'minfltPerS' | 'majfltPerS' | 'cpuPercent'>

/** One pass for all three, by offsets: with ten thousand processes every look-up counts. */
function rates(now: Sample, before: Sample | null): Rates {
  const none = (): Float64Array => new Float64Array(now.nrProc).fill(Number.NaN)
  const result = { minfltPerS: none(), majfltPerS: none(), cpuPercent: none() }
  const seconds = before === null ? 0 : (now.ms - before.ms) / 1000
  if (before === null || seconds <= 0 || before.shape.epoch !== now.shape.epoch) return result
  const old = before.data
  const { data } = now
  for (let row = 0; row < now.nrProc; row++) {
    const at = now.shape.proc + row * WIDTH
    const start_ns = data[at + P.start_ns]!
    const oldRow = sameRow(now, before, row)
    // A process that began within the interval did all it ever did in it.
    if (oldRow < 0 && start_ns / 1e6 < before.ms) continue
    const then = before.shape.proc + oldRow * WIDTH
    const past = (column: number): number => (oldRow < 0 ? 0 : old[then + column]!)
    result.minfltPerS[row] = (data[at + P.minflt]! - past(P.minflt)) / seconds
    result.majfltPerS[row] = (data[at + P.majflt]! - past(P.majflt)) / seconds
    const cpu = data[at + P.utime_ns]! + data[at + P.stime_ns]! - past(P.utime_ns) - past(P.stime_ns)
    result.cpuPercent[row] = cpu / (seconds * 1e7)
  }
  return result
}

/** The row of the same process in the sample before: most often the same row. */
function sameRow(now: Sample, before: Sample, row: number): number {
  const at = now.shape.proc + row * WIDTH
  const [pid, start_ns] = [now.data[at + P.pid]!, now.data[at + P.start_ns]!]
  const then = before.shape.proc + row * WIDTH
  const isSame = row < before.nrProc && before.data[then + P.pid] === pid && before.data[then + P.start_ns] === start_ns
  return isSame ? row : before.rowOf(pid, start_ns)
}

export const isKernelThread = (t: ProcessTable, row: number): boolean => (t.get(row, 'flags') & KTHREAD) !== 0
export const nameOf = (t: ProcessTable, row: number): string => t.names[t.get(row, 'name')] ?? ''
export const commandOf = (t: ProcessTable, row: number): string => t.names[t.get(row, 'cmdline')] || nameOf(t, row)
export const cgroupOf = (t: ProcessTable, row: number): string => t.names[t.get(row, 'cgroup')] ?? ''
export const wchanOf = (t: ProcessTable, row: number): string => t.names[t.get(row, 'wchan')] ?? ''
export const stateOf = (t: ProcessTable, row: number): string => String.fromCharCode(t.get(row, 'state') || 63)
export const userOf = (t: ProcessTable, row: number): string => {
  const uid = t.get(row, 'uid')
  return t.users.get(uid) ?? String(uid)
}
/** PSS and swap: what would come free, shared pages counted by their share. */
export const footprintOf = (t: ProcessTable, row: number): number => t.get(row, 'Pss') + t.get(row, 'VmSwap')

/** Names a process for good: an action bound to it never hits a later process of the same PID. */
export interface ProcessId {
  readonly pid: number
  readonly start_ns: number
}
export const idOf = (t: ProcessTable, row: number): ProcessId => ({
  pid: t.get(row, 'pid'),
  start_ns: t.get(row, 'start_ns'),
})
export const keyOf = (t: ProcessTable, row: number): string => `${t.get(row, 'pid')}@${t.get(row, 'start_ns')}`
/** User names by uid, from the text of /etc/passwd. */
export function usersFromPasswd(text: string): ReadonlyMap<number, string> {
  const users = new Map(NOBODY)
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':')
    if (name && uid && /^\d+$/.test(uid)) users.set(Number(uid), name)
  }
  return users
}
