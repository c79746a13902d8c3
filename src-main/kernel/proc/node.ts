/** /sys/devices/system/node: the one node (drivers/base/node.c), its memory and counters. */
import { VMSTAT } from '@shared/counters'
import type { Kernel } from '../kernel'
import { meminfo } from '../mm/vmstat'
import { vmstat_into } from './system'

const HEAD = ['Active', 'Inactive', 'Active(anon)', 'Inactive(anon)', 'Active(file)', 'Inactive(file)'] as const
const LISTS = ['Unevictable', 'Mlocked', 'Dirty', 'Writeback'] as const
const MAPPED = ['Mapped', 'AnonPages', 'Shmem', 'KernelStack', 'PageTables', 'SecPageTables'] as const
const TAIL = ['NFS_Unstable', 'Bounce', 'WritebackTmp', 'KReclaimable', 'Slab', 'SReclaimable', 'SUnreclaim'] as const
const HUGE = ['AnonHugePages', 'ShmemHugePages', 'ShmemPmdMapped'] as const
/** A column narrower. */
const HUGE_FILES = ['FileHugePages', 'FilePmdMapped'] as const

export function node_meminfo(k: Kernel): string {
  const m = meminfo(k)
  const row = (name: string, value: number, width = 16): string =>
    `Node 0 ${`${name}:`.padEnd(width)}${String(value).padStart(8)} kB\n`
  const rows = (names: readonly (keyof typeof m)[]): string => names.map((name) => row(name, m[name])).join('')
  const huge = (name: string, value: number): string => `Node 0 ${`${name}:`.padEnd(16)} ${String(value).padStart(5)}\n`
  return (
    row('MemTotal', m.MemTotal) +
    row('MemFree', m.MemFree) +
    row('MemUsed', m.MemTotal - m.MemFree) +
    rows(['SwapCached', ...HEAD, ...LISTS]) +
    // Cached counts no buffers and no swap cache; the node's pages of files are all of them.
    row('FilePages', m.Cached + m.Buffers + m.SwapCached) +
    rows([...MAPPED, ...TAIL, ...HUGE]) +
    HUGE_FILES.map((name) => row(name, m[name], 15)).join('') +
    huge('HugePages_Total', m.HugePages_Total) +
    huge('HugePages_Free', m.HugePages_Free) +
    huge('HugePages_Surp', m.HugePages_Surp)
  )
}

/** The counters of the node and of its zones; events are the machine's. */
export function node_vmstat(k: Kernel): string {
  const values = new Float64Array(VMSTAT.length)
  vmstat_into(k, values, 0)
  const end = VMSTAT.findIndex(([name]) => name === 'nr_dirty_threshold')
  return VMSTAT.slice(0, end)
    .map(([name], i) => `${name} ${values[i]}\n`)
    .join('')
}

/** numa_* under their old names. */
export function node_numastat(k: Kernel): string {
  const values = new Map(VMSTAT.map(([name], i) => [name as string, k.vmstat[i]!]))
  const rows = [
    ['numa_hit', 'numa_hit'],
    ['numa_miss', 'numa_miss'],
    ['numa_foreign', 'numa_foreign'],
    ['interleave_hit', 'numa_interleave'],
    ['local_node', 'numa_local'],
    ['other_node', 'numa_other'],
  ] as const
  return rows.map(([name, counter]) => `${name} ${values.get(counter) ?? 0}\n`).join('')
}
