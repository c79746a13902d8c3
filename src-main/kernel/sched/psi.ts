/**
 * Pressure stall information (kernel/sched/psi.c). The states of each CPU are kept by `psi_task_change` in task.ts; here
 * are the averages: every 2 s the CPUs' times are weighted by their non-idle time and folded into avg10, avg60 and avg300
 * in the kernel's fixed point; one group for the machine and one a cgroup. Simplified: the groups are updated at the same
 * moments; no triggers.
 */
import { EINVAL } from '../uapi'
import { M, type MachineName } from '@shared/counters'
import { JIFFY_NS, type Kernel } from '../kernel'
import { timer_add } from '../lib/timer'
import {
  NR_PSI_STATES,
  psi_group,
  psi_record_times,
  psi_row,
  PSI_CPU_FULL,
  PSI_CPU_SOME,
  PSI_IO_FULL,
  PSI_IO_SOME,
  PSI_MEM_FULL,
  PSI_MEM_SOME,
  PSI_NONIDLE,
  TIMER_PSI,
  type PsiGroup,
} from '../task'
import { calc_load, FIXED_1 } from './loadavg'

const PSI_FREQ_NS = 2_000_000_000
/** exp(-2/10), exp(-2/60), exp(-2/300) in 11 bits. */
const EXP = [1677, 1981, 2034] as const

export function psi_init(k: Kernel): void {
  psi_group(k)
  timer_add(k, k.var.now + PSI_FREQ_NS, TIMER_PSI, 0)
}

/** The 2 s work: totals, then averages, of every group. */
export function psi_avgs_work(k: Kernel): void {
  for (const cgroup of Object.keys(k.var.mod['psi'] as Record<number, PsiGroup>)) update_averages(k, Number(cgroup))
  timer_add(k, k.var.now + PSI_FREQ_NS, TIMER_PSI, 0)
}

function update_averages(k: Kernel, cgroup: number): void {
  const group = psi_group(k, cgroup)
  const [from, to] = [psi_row(k, cgroup, 0), psi_row(k, cgroup, k.config.cpus)]
  for (let row = from; row < to; row++) psi_record_times(k, row)
  group.total = psi_totals(k, cgroup)
  k.psi.times_prev.set(k.psi.times.subarray(from * NR_PSI_STATES, to * NR_PSI_STATES), from * NR_PSI_STATES)
  const period = k.var.now - group.avg_last_update
  if (period <= 0) return
  group.avg_last_update = k.var.now
  for (let s = 0; s < PSI_NONIDLE; s++) {
    const sample = Math.min(group.total[s]! - group.avg_total[s]!, period)
    group.avg_total[s] = group.total[s]!
    const pct =
      Math.floor((sample * 100) / period) * FIXED_1 + Math.floor((((sample * 100) % period) * FIXED_1) / period)
    for (let i = 0; i < 3; i++) group.avg[s * 3 + i] = calc_load(group.avg[s * 3 + i]!, EXP[i]!, pct)
  }
}

/** Stall per state so far, in ns; reads only, so that looking at /proc/pressure changes nothing. */
export function psi_totals(k: Kernel, cgroup = 0): number[] {
  const { times, times_prev, state_mask, state_start } = k.psi
  const deltas = new Array<number>(PSI_NONIDLE).fill(0)
  let nonidle_total = 0
  for (let row = psi_row(k, cgroup, 0); row < psi_row(k, cgroup, k.config.cpus); row++) {
    const open = Math.max(0, k.var.now - state_start[row]!)
    const recent = (s: number): number => {
      const at = row * NR_PSI_STATES + s
      return times[at]! - times_prev[at]! + ((state_mask[row]! & (1 << s)) !== 0 ? open : 0)
    }
    const nonidle = Math.floor(recent(PSI_NONIDLE) / JIFFY_NS)
    nonidle_total += nonidle
    for (let s = 0; s < PSI_NONIDLE; s++) deltas[s]! += recent(s) * nonidle
  }
  const group = psi_group(k, cgroup)
  return group.total.map((total, s) => total + Math.floor(deltas[s]! / Math.max(nonidle_total, 1)))
}

/** avg10, avg60, avg300 of a state in hundredths of a per cent, as /proc/pressure prints them. */
export function psi_avg(k: Kernel, state: number, i: number, cgroup = 0): number {
  const value = psi_group(k, cgroup).avg[state * 3 + i]!
  return Math.floor(value / FIXED_1) * 100 + Math.floor(((value % FIXED_1) * 100) / FIXED_1)
}

/** The text of /proc/pressure/{memory,io,cpu}, or of a cgroup's files. */
export function psi_show(k: Kernel, resource: 'memory' | 'io' | 'cpu', cgroup = 0): string {
  const totals = psi_totals(k, cgroup)
  const line = (name: string, state: number): string => {
    const [a, b, c] = [0, 1, 2].map((i) => two(psi_avg(k, state, i, cgroup)))
    return `${name} avg10=${a} avg60=${b} avg300=${c} total=${Math.floor(totals[state]! / 1000)}\n`
  }
  if (resource === 'memory') return line('some', PSI_MEM_SOME) + line('full', PSI_MEM_FULL)
  if (resource === 'io') return line('some', PSI_IO_SOME) + line('full', PSI_IO_FULL)
  // Of the machine `full` is 0, for somebody has the CPU while anybody wants it; of a cgroup it need not be.
  return line('some', PSI_CPU_SOME) + line('full', PSI_CPU_FULL)
}

const WINDOW_MIN_US = 500_000
const WINDOW_MAX_US = 10_000_000

/**
 * A write to a pressure file asks to be woken: `some 150000 1000000` for 150 ms of stall within a second. The trigger
 * goes when the file is closed; nothing here waits with a file open, so a good one is taken and forgotten.
 */
export function psi_trigger_create(text: string): number {
  const [, stall, span] = /^(?:some|full)\s+(\d+)\s+(\d+)/.exec(text.slice(0, 31)) ?? []
  const [threshold, window] = [Number(stall), Number(span)]
  if (span === undefined || window < WINDOW_MIN_US || window > WINDOW_MAX_US) return -EINVAL
  return threshold === 0 || threshold > window ? -EINVAL : 0
}

function two(hundredths: number): string {
  return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`
}

const SERIES: readonly (readonly [string, number])[] = [
  ['psi_cpu_some', PSI_CPU_SOME],
  ['psi_io_some', PSI_IO_SOME],
  ['psi_io_full', PSI_IO_FULL],
  ['psi_memory_some', PSI_MEM_SOME],
  ['psi_memory_full', PSI_MEM_FULL],
]

/** Writes the psi series of the machine counters. */
export function psi_into(k: Kernel, out: Float64Array, at: number): void {
  const totals = psi_totals(k)
  for (const [name, state] of SERIES) {
    const first = at + M[`${name}_avg10` as MachineName]
    for (let i = 0; i < 3; i++) out[first + i] = psi_avg(k, state, i) / 100
    out[first + 3] = Math.floor(totals[state]! / 1000)
  }
}
