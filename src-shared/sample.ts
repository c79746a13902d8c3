/**
 * One sample of the machine: a single flat Float64Array, so that it crosses threads, IPC and WebSocket as one buffer.
 *
 * Layout: HEADER · machine series (order of `SERIES`) · process rows (order of `PROC`) · slab rows (order of `SLAB`)
 *         · buddy rows (order of `BUDDY`) . Text never travels in it: names are ids into the string table that `names` pushes extend.
 */
import { S, SERIES, type CounterName } from './counters'
import { assert } from './assert'

export const SAMPLE_VERSION = 1
/** Header words. `ms` simulated time; `step` engine step; nr_* row counts that follow. */
export const HEADER = ['version', 'ms', 'step', 'nr_series', 'nr_proc', 'nr_slab', 'nr_buddy', 'epoch'] as const

/** Columns of a process row. Times in ns, memory in kB as in /proc/PID/status and smaps_rollup; ids of the string table for text. */
export const PROC = [
  'pid',
  'ppid',
  'uid',
  'start_ns',
  'name', // string id: comm
  'cmdline', // string id
  'state', // character code: R S D Z T I
  'flags', // 1: kernel thread
  'nice',
  'priority',
  'threads',
  'oom_score_adj',
  'oom_score',
  'oom_points', // pages, as oom_badness; NaN when exempt
  'VmSize',
  'VmRSS',
  'RssAnon',
  'RssFile',
  'RssShmem',
  'Pss',
  'Uss',
  'VmSwap',
  'VmPTE',
  'VmLck',
  'VmHWM',
  'AnonHugePages',
  'minflt',
  'majflt',
  'utime_ns',
  'stime_ns',
  'cpu', // last CPU
  'cgroup', // string id: path
  'read_bytes',
  'write_bytes',
  'tlb_miss',
  'walk_cycles',
  'wchan', // string id
  'delay_ns', // time spent waiting for block I/O and reclaim
] as const
export type ProcColumn = (typeof PROC)[number]
export const P = Object.freeze(Object.fromEntries(PROC.map((c, i) => [c, i]))) as Readonly<Record<ProcColumn, number>>

/** Columns of a slab cache row, as /proc/slabinfo. */
export const SLAB = [
  'name',
  'active_objs',
  'num_objs',
  'objsize',
  'objperslab',
  'pagesperslab',
  'active_slabs',
  'num_slabs',
  'reclaimable',
] as const
export type SlabColumn = (typeof SLAB)[number]
export const B = Object.freeze(Object.fromEntries(SLAB.map((c, i) => [c, i]))) as Readonly<Record<SlabColumn, number>>

/** One row per zone and migrate type: free blocks of each order 0…10. zone 0 DMA, 1 DMA32, 2 Normal; type 0 Unmovable 1 Movable 2 Reclaimable 3 HighAtomic. */
export const BUDDY = ['zone', 'type', 'o0', 'o1', 'o2', 'o3', 'o4', 'o5', 'o6', 'o7', 'o8', 'o9', 'o10'] as const

export interface SampleShape {
  readonly ms: number
  readonly step: number
  readonly epoch: number
  readonly series: number
  readonly proc: number
  readonly nr_proc: number
  readonly slab: number
  readonly nr_slab: number
  readonly buddy: number
  readonly nr_buddy: number
}

/** Offsets and row counts of a sample's parts. Throws when the array is not a whole sample of this version. */
export function sampleShape(data: Float64Array): SampleShape {
  assert(data.length >= HEADER.length && data[0] === SAMPLE_VERSION, 'sample: unknown version')
  const [, ms = 0, step = 0, nr_series = 0, nr_proc = 0, nr_slab = 0, nr_buddy = 0, epoch = 0] = data
  assert(nr_series === SERIES.length, 'sample: other counters')
  const series = HEADER.length
  const proc = series + nr_series
  const slab = proc + nr_proc * PROC.length
  const buddy = slab + nr_slab * SLAB.length
  assert(data.length === buddy + nr_buddy * BUDDY.length, 'sample: wrong length')
  return { ms, step, epoch, series, proc, nr_proc, slab, nr_slab, buddy, nr_buddy }
}

/** A machine series' value in a sample. */
export function seriesOf(data: Float64Array, name: CounterName): number {
  return data[HEADER.length + S[name]] ?? Number.NaN
}
