/**
 * Pressure stall information (kernel/sched/psi.c). The states of each CPU are kept by `psi_task_change` in task.ts; here
 * are the averages: every 2 s the CPUs' times are weighted by their non-idle time and folded into avg10, avg60 and avg300
 * in the kernel's fixed point. Simplified: one group for the system; no triggers.
 */
import { M, type MachineName } from '@shared/counters'
import { JIFFY_NS, type Kernel } from '../kernel'
import { timer_add } from '../lib/timer'
import {
  NR_PSI_STATES,
  psi_record_times,
  PSI_CPU_SOME,
  PSI_IO_FULL,
  PSI_IO_SOME,
  PSI_MEM_FULL,
  PSI_MEM_SOME,
  PSI_NONIDLE,
  TIMER_PSI,
} from '../task'
import { calc_load, FIXED_1 } from './loadavg'

const PSI_FREQ_NS = 2_000_000_000
/** exp(-2/10), exp(-2/60), exp(-2/300) in 11 bits. */
const EXP = [1677, 1981, 2034] as const

interface PsiGroup {
  /** ns of stall per state. */
  total: number[]
  avg_total: number[]
  /** Per state three averages, fixed point of per cent. */
  avg: number[]
  avg_last_update: number
}
export function psi_group(k: Kernel): PsiGroup {
  return (k.var.mod['psi'] ??= {
    total: new Array<number>(PSI_NONIDLE).fill(0),
    avg_total: new Array<number>(PSI_NONIDLE).fill(0),
    avg: new Array<number>(PSI_NONIDLE * 3).fill(0),
    avg_last_update: 0,
  }) as PsiGroup
}

export function psi_init(k: Kernel): void {
  psi_group(k).avg_last_update = k.var.now
  timer_add(k, k.var.now + PSI_FREQ_NS, TIMER_PSI, 0)
}

/** The 2 s work: totals, then averages. */
export function psi_avgs_work(k: Kernel): void {
  const group = psi_group(k)
  for (let row = 1; row <= k.config.cpus; row++) psi_record_times(k, row)
  group.total = psi_totals(k)
  k.psi.times_prev.set(k.psi.times)
  const period = k.var.now - group.avg_last_update
  group.avg_last_update = k.var.now
  for (let s = 0; s < PSI_NONIDLE; s++) {
    const sample = Math.min(group.total[s]! - group.avg_total[s]!, period)
    group.avg_total[s] = group.total[s]!
    const pct =
      Math.floor((sample * 100) / period) * FIXED_1 + Math.floor((((sample * 100) % period) * FIXED_1) / period)
    for (let i = 0; i < 3; i++) group.avg[s * 3 + i] = calc_load(group.avg[s * 3 + i]!, EXP[i]!, pct)
  }
  timer_add(k, k.var.now + PSI_FREQ_NS, TIMER_PSI, 0)
}

/** Stall per state so far, in ns; reads only, so that looking at /proc/pressure changes nothing. */
export function psi_totals(k: Kernel): number[] {
  const { times, times_prev, state_mask, state_start } = k.psi
  const deltas = new Array<number>(PSI_NONIDLE).fill(0)
  let nonidle_total = 0
  for (let row = 1; row <= k.config.cpus; row++) {
    const open = Math.max(0, k.var.now - state_start[row]!)
    const recent = (s: number): number => {
      const at = row * NR_PSI_STATES + s
      return times[at]! - times_prev[at]! + ((state_mask[row]! & (1 << s)) !== 0 ? open : 0)
    }
    const nonidle = Math.floor(recent(PSI_NONIDLE) / JIFFY_NS)
    nonidle_total += nonidle
    for (let s = 0; s < PSI_NONIDLE; s++) deltas[s]! += recent(s) * nonidle
  }
  const group = psi_group(k)
  return group.total.map((total, s) => total + Math.floor(deltas[s]! / Math.max(nonidle_total, 1)))
}

/** avg10, avg60, avg300 of a state in hundredths of a per cent, as /proc/pressure prints them. */
export function psi_avg(k: Kernel, state: number, i: number): number {
  const value = psi_group(k).avg[state * 3 + i]!
  return Math.floor(value / FIXED_1) * 100 + Math.floor(((value % FIXED_1) * 100) / FIXED_1)
}

/** The text of /proc/pressure/{memory,io,cpu}. */
export function psi_show(k: Kernel, resource: 'memory' | 'io' | 'cpu'): string {
  const totals = psi_totals(k)
  const line = (name: string, state: number): string => {
    const [a, b, c] = [0, 1, 2].map((i) => two(psi_avg(k, state, i)))
    return `${name} avg10=${a} avg60=${b} avg300=${c} total=${Math.floor(totals[state]! / 1000)}\n`
  }
  if (resource === 'memory') return line('some', PSI_MEM_SOME) + line('full', PSI_MEM_FULL)
  if (resource === 'io') return line('some', PSI_IO_SOME) + line('full', PSI_IO_FULL)
  return line('some', PSI_CPU_SOME) + 'full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n'
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
