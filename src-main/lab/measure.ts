/** What a lab step changed: the acting task's fault counts and sizes, the machine's counters, who was killed. */
import { VMSTAT } from '@shared/counters'
import { PAGE_SIZE, type Kernel } from '../kernel/kernel'
import { meminfo } from '../kernel/mm/vmstat'

/** A signal that a lab task got, as a handler sees it. `si_addr` is a hex address. */
export interface LabSignal {
  readonly signal: number
  readonly si_code: number
  readonly si_addr: string
}
export interface LabKill {
  readonly task: string
  readonly pid: number
  readonly name: string
  readonly badness: number
  readonly oom_score_adj: number
  readonly total_vm_kB: number
  readonly anon_rss_kB: number
  readonly file_rss_kB: number
  readonly shmem_rss_kB: number
  readonly swap_kB: number
  readonly pgtables_bytes: number
  readonly constraint: string
}

/** One line of a lab program's output. Sizes in kB, exact (not /proc/PID/status's lagging counters). */
export interface LabLine {
  readonly step: number
  /** Of a step that had others within it: the step before those, whose line has the figures from before it began. */
  readonly after?: number
  readonly op: string
  readonly label?: string
  readonly task: string
  readonly ms: number
  /** How long the operation took, without the task's looks at its figures. */
  readonly us?: number
  readonly result: string | LabSignal
  readonly addr?: string
  readonly value?: number
  readonly path?: string
  readonly text?: string
  readonly minflt: number
  readonly majflt: number
  readonly VmSize: number
  readonly VmRSS: number
  readonly RssAnon: number
  readonly RssFile: number
  readonly RssShmem: number
  readonly VmPTE: number
  readonly VmSwap: number
  readonly VmLck: number
  readonly meminfo: Readonly<Record<string, number>>
  readonly vmstat: Readonly<Record<string, number>>
  readonly killed: readonly LabKill[]
  readonly panic?: string
  /** Expectations that do not hold: `minflt: expected 8192, got 8191`. */
  readonly failed?: readonly string[]
}

export function hex(address: number): string {
  return `0x${address.toString(16)}`
}

export interface Before {
  readonly min_flt: number
  readonly maj_flt: number
  readonly vmstat: Float64Array
}

export function before(k: Kernel, row: number): Before {
  return { min_flt: k.task.min_flt[row]!, maj_flt: k.task.maj_flt[row]!, vmstat: k.vmstat.slice() }
}

/** The nonzero changes of /proc/vmstat since `from`. */
export function vmstatChange(k: Kernel, from: Before): Record<string, number> {
  const change: Record<string, number> = {}
  VMSTAT.forEach(([name], i) => {
    const delta = k.vmstat[i]! - from.vmstat[i]!
    if (delta !== 0) change[name] = delta
  })
  return change
}

export type Sizes = Pick<
  LabLine,
  'VmSize' | 'VmRSS' | 'RssAnon' | 'RssFile' | 'RssShmem' | 'VmPTE' | 'VmSwap' | 'VmLck'
>

/** The sizes of a task's address space in kB; zeros when it has none. */
export function sizes(k: Kernel, row: number): Sizes {
  const mm = k.task.mm[row]!
  const kB = (pages: number): number => (pages * PAGE_SIZE) / 1024
  const m = k.mm
  const [anon, file, shmem] = [kB(m.rss_anon[mm]!), kB(m.rss_file[mm]!), kB(m.rss_shmem[mm]!)]
  return {
    VmSize: kB(m.total_vm[mm]!),
    VmRSS: anon + file + shmem,
    RssAnon: anon,
    RssFile: file,
    RssShmem: shmem,
    VmPTE: m.pgtables_bytes[mm]! / 1024,
    VmSwap: kB(m.swapents[mm]!),
    VmLck: kB(m.locked_vm[mm]!),
  }
}

export function meminfoNow(k: Kernel): Record<string, number> {
  return { ...meminfo(k) }
}
