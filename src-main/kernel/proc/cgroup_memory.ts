/** The memory controller's files of a cgroup. Linux: mm/memcontrol.c (memory_files, swap_files, zswap_files). */
import { PAGE_SIZE, type Kernel } from '../kernel'
import { mem_cgroup_reclaim, mem_cgroup_set_high, mem_cgroup_set_max } from '../mm/memcontrol'
import { memory_stat, NR_MEMCG_EVENTS } from '../mm/memcg_stat'
import { zswap_of_memcg } from '../mm/zswap'
import { EINVAL } from '../uapi'
import type { CgroupFile } from './cgroup'
import { int_write } from './text'

/** PAGE_COUNTER_MAX: from here on a limit is `max`. */
const PAGE_COUNTER_MAX = 2 ** 63 / PAGE_SIZE
type Limit = 'max' | 'high' | 'low' | 'min' | 'swap_max' | 'swap_high' | 'zswap_max'

function bytes(pages: number): string {
  return pages === Infinity ? 'max\n' : `${pages * PAGE_SIZE}\n`
}

/** page_counter_memparse: `max`, or bytes as memparse takes them (a suffix K … E), rounded down to pages; NaN else. */
function parse_limit(text: string): number {
  const value = text.trim()
  if (value === 'max') return Infinity
  const match = /^(0x[0-9a-f]+|\d*)([kmgtpe]?)$/i.exec(value)
  if (match === null || (match[1] === '' && match[2] !== '')) return NaN
  const number = BigInt(match[1]!.replace(/^0(?=[0-7])/, '0o'))
  const unit = BigInt(10 * ' kmgtpe'.indexOf(match[2]!.toLowerCase() || ' '))
  // simple_strtoull and the shift drop what 64 bits do not hold.
  const pages = Number(BigInt.asUintN(64, number << unit) / BigInt(PAGE_SIZE))
  return pages >= PAGE_COUNTER_MAX ? Infinity : pages
}
function limit(
  name: Limit,
  set = (k: Kernel, m: number, pages: number): void => void (k.memcg[name][m] = pages),
): CgroupFile {
  return {
    read: (k, m) => bytes(k.memcg[name][m]!),
    write: (k, m, text) => {
      const pages = parse_limit(text)
      if (Number.isNaN(pages)) return -EINVAL
      set(k, m, pages)
      return 0
    },
  }
}
function events(names: readonly string[], first: number, column: 'events' | 'events_local'): CgroupFile {
  const at = (m: number, i: number): number => m * NR_MEMCG_EVENTS + first + i
  return { read: (k, m) => names.map((name, i) => `${name} ${k.memcg[column][at(m, i)]}\n`).join('') }
}
const EVENT_NAMES = ['low', 'high', 'max', 'oom', 'oom_kill', 'oom_group_kill'] as const

/** The lines of memory.stat that are kept by node, each with its share of the one node. */
const NUMA_STATS = new Set([
  'anon',
  'file',
  'kernel_stack',
  'pagetables',
  'sec_pagetables',
  'shmem',
  'file_mapped',
  'file_dirty',
  'file_writeback',
  'swapcached',
  'anon_thp',
  'file_thp',
  'shmem_thp',
  'inactive_anon',
  'active_anon',
  'inactive_file',
  'active_file',
  'unevictable',
  'slab_reclaimable',
  'slab_unreclaimable',
  'workingset_refault_anon',
  'workingset_refault_file',
  'workingset_activate_anon',
  'workingset_activate_file',
  'workingset_restore_anon',
  'workingset_restore_file',
  'workingset_nodereclaim',
])
function stat_text(k: Kernel, m: number): string {
  return memory_stat(k, m)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')
}
function numa_stat_text(k: Kernel, m: number): string {
  return memory_stat(k, m)
    .filter(([name]) => NUMA_STATS.has(name))
    .map(([name, value]) => `${name} N0=${value}\n`)
    .join('')
}

/** Files of the root: it has no limits and is not counted. */
export const ROOT_MEMORY: Readonly<Record<string, CgroupFile>> = {
  'memory.stat': { read: stat_text },
  'memory.numa_stat': { read: numa_stat_text },
  'memory.reclaim': {
    write: (k, m, text) => {
      // Nothing at all is as much as there is; there is no word for it.
      const pages = text.trim() === '' ? Infinity : parse_limit(text)
      if (Number.isNaN(pages) || text.trim() === 'max') return -EINVAL
      return mem_cgroup_reclaim(k, m, pages)
    },
  },
}

export const MEMORY: Readonly<Record<string, CgroupFile>> = {
  'memory.current': { read: (k, m) => bytes(k.memcg.usage[m]!) },
  'memory.peak': { read: (k, m) => bytes(k.memcg.peak[m]!) },
  'memory.min': limit('min'),
  'memory.low': limit('low'),
  'memory.high': limit('high', mem_cgroup_set_high),
  'memory.max': limit('max', mem_cgroup_set_max),
  'memory.events': events(EVENT_NAMES, 0, 'events'),
  'memory.events.local': events(EVENT_NAMES, 0, 'events_local'),
  ...ROOT_MEMORY,
  'memory.oom.group': {
    read: (k, m) => `${k.memcg.oom_group[m]}\n`,
    write: (k, m, text) => {
      let value = 0
      const ret = int_write(text, -(2 ** 31), Infinity, (v) => (value = v))
      if (ret < 0 || (value !== 0 && value !== 1)) return ret < 0 ? ret : -EINVAL
      k.memcg.oom_group[m] = value
      return 0
    },
  },
  'memory.swap.current': { read: (k, m) => bytes(k.memcg.swap[m]!) },
  'memory.swap.high': limit('swap_high'),
  'memory.swap.max': limit('swap_max'),
  'memory.swap.events': events(['high', 'max', 'fail'], 6, 'events'),
  'memory.zswap.current': { read: (k, m) => `${zswap_of_memcg(k, m).bytes}\n` },
  'memory.zswap.max': limit('zswap_max'),
}
