/** /sys/devices/system/node/node0 (drivers/base/node.c). */
import type { Kernel } from '../kernel'
import { meminfo } from '../mm/vmstat'
import { buddyinfo_text } from './zones'

const ROWS = ['MemTotal', 'MemFree', 'Active', 'Inactive', 'Active(anon)', 'Inactive(anon)', 'Active(file)'] as const
const MORE = ['Inactive(file)', 'Unevictable', 'Mlocked', 'Dirty', 'Writeback', 'AnonPages', 'Mapped', 'Shmem'] as const
const LAST = ['KernelStack', 'PageTables', 'KReclaimable', 'Slab', 'SReclaimable', 'SUnreclaim'] as const

export function node_meminfo(k: Kernel): string {
  const m = meminfo(k)
  const row = (name: string, value: number): string =>
    `Node 0 ${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`
  const head = row('MemTotal', m.MemTotal) + row('MemFree', m.MemFree) + row('MemUsed', m.MemTotal - m.MemFree)
  return head + [...ROWS.slice(2), ...MORE, ...LAST].map((name) => row(name, m[name])).join('')
}

export function buddyinfo_nodes(k: Kernel): string {
  return buddyinfo_text(k)
}
