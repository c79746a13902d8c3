/** Cgroup v2 files under /sys/fs/cgroup: folders are cgroups, files their limits and figures. */
import type { Kernel } from '../kernel'
import { drain_all_stock, mem_cgroup_set_high, mem_cgroup_set_max } from '../mm/memcontrol'
import { memory_stat, NR_MEMCG_EVENTS } from '../mm/memcg_stat'
import {
  cgroup_attach,
  cgroup_children,
  cgroup_lookup,
  cgroup_mkdir,
  cgroup_rmdir,
  mem_cgroup_in_subtree,
} from '../mm/memcg_tree'
import { try_to_free_mem_cgroup_pages } from '../mm/vmscan'
import { psi_show } from '../sched/psi'
import { find_task_by_pid, first_task, next_task } from '../task'
import { EACCES, EAGAIN, EINVAL, EISDIR, ENOENT, ESRCH } from '../uapi'
import type { ProcStat } from './index'

const PAGE_SIZE = 4096
type Limit = 'max' | 'high' | 'low' | 'min' | 'swap_max' | 'swap_high'
interface CgroupFile {
  read?(k: Kernel, m: number): string
  write?(k: Kernel, m: number, text: string): number
}

function bytes(pages: number): string {
  return pages === Infinity ? 'max\n' : `${pages * PAGE_SIZE}\n`
}
/** `max`, or bytes with a suffix, rounded down to pages. */
function parse_limit(text: string): number {
  const value = text.trim()
  if (value === 'max') return Infinity
  const match = /^(\d+)([kKmMgGtT]?)$/.exec(value)
  if (match === null) return NaN
  const unit = ['', 'k', 'm', 'g', 't'].indexOf(match[2]!.toLowerCase())
  return Math.floor((Number(match[1]) * 1024 ** unit) / PAGE_SIZE)
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

/** Files of every cgroup but the root. */
const MEMORY: Readonly<Record<string, CgroupFile>> = {
  'memory.current': { read: (k, m) => bytes(k.memcg.usage[m]!) },
  'memory.peak': { read: (k, m) => bytes(k.memcg.peak[m]!) },
  'memory.min': limit('min'),
  'memory.low': limit('low'),
  'memory.high': limit('high', mem_cgroup_set_high),
  'memory.max': limit('max', mem_cgroup_set_max),
  'memory.events': events(EVENT_NAMES, 0, 'events'),
  'memory.events.local': events(EVENT_NAMES, 0, 'events_local'),
  'memory.stat': { read: stat_text },
  'memory.pressure': { read: (k) => psi_show(k, 'memory') },
  'memory.oom.group': {
    read: (k, m) => `${k.memcg.oom_group[m]}\n`,
    write: (k, m, text) => {
      if (!/^\s*[01]\s*$/.test(text)) return -EINVAL
      k.memcg.oom_group[m] = Number(text)
      return 0
    },
  },
  'memory.reclaim': {
    write: (k, m, text) => {
      const pages = parse_limit(text)
      if (Number.isNaN(pages)) return -EINVAL
      drain_all_stock(k, m)
      return try_to_free_mem_cgroup_pages(k, m, pages, true, true) >= pages ? 0 : -EAGAIN
    },
  },
  'memory.swap.current': { read: (k, m) => bytes(k.memcg.swap[m]!) },
  'memory.swap.high': limit('swap_high'),
  'memory.swap.max': limit('swap_max'),
  'memory.swap.events': events(['high', 'max', 'fail'], 6, 'events'),
  'cgroup.events': {
    read: (k, m) => {
      let populated = 0
      for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (mem_cgroup_in_subtree(k, t, m)) populated = 1
      return `populated ${populated}\nfrozen 0\n`
    },
  },
  'cgroup.type': { read: () => 'domain\n' },
}
/** Files of every cgroup. */
const COMMON: Readonly<Record<string, CgroupFile>> = {
  'cgroup.controllers': { read: (_k, m) => (m === 0 ? 'cpuset cpu io memory hugetlb pids\n' : 'memory\n') },
  'cgroup.subtree_control': {
    read: () => 'memory\n',
    write: (_k, _m, text) => (/^\s*([+-]\w+\s*)*$/.test(text) ? 0 : -EINVAL),
  },
  'cgroup.procs': {
    read: (k, m) => {
      let text = ''
      for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.cgroup[t] === m) text += `${k.task.pid[t]}\n`
      return text
    },
    write: (k, m, text) => {
      const t = find_task_by_pid(k, Number(text))
      if (t === 0) return -ESRCH
      cgroup_attach(k, m, t)
      return 0
    },
  },
}

function stat_text(k: Kernel, m: number): string {
  return memory_stat(k, m)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')
}

function files_of(m: number): Readonly<Record<string, CgroupFile>> {
  return m === 0 ? { ...COMMON, 'memory.stat': { read: stat_text } } : { ...COMMON, ...MEMORY }
}
function find(k: Kernel, parts: readonly string[]): { m: number; file: CgroupFile } | number {
  const m = cgroup_lookup(k, parts.slice(0, -1))
  const file = m < 0 || parts.length === 0 ? undefined : files_of(m)[parts.at(-1)!]
  return file === undefined ? -ENOENT : { m, file }
}

export function cgroup_read(k: Kernel, parts: readonly string[]): string | number {
  if (cgroup_lookup(k, parts) >= 0) return -EISDIR
  const found = find(k, parts)
  if (typeof found === 'number') return found
  return found.file.read === undefined ? -EACCES : found.file.read(k, found.m)
}
export function cgroup_write(k: Kernel, parts: readonly string[], text: string): number {
  const found = find(k, parts)
  if (typeof found === 'number') return found
  return found.file.write === undefined ? -EACCES : found.file.write(k, found.m, text)
}
export function cgroup_list(k: Kernel, parts: readonly string[]): string[] | number {
  const m = cgroup_lookup(k, parts)
  if (m < 0) return -ENOENT
  return [...Object.keys(files_of(m)), ...cgroup_children(k, m).map((child) => k.strings.list[k.memcg.name[child]!]!)]
}
export function cgroup_stat(k: Kernel, parts: readonly string[]): ProcStat | number {
  if (cgroup_lookup(k, parts) >= 0) return { kind: 'dir', mode: 0o755, uid: 0, gid: 0 }
  const found = find(k, parts)
  if (typeof found === 'number') return found
  const mode = (found.file.read === undefined ? 0 : 0o444) | (found.file.write === undefined ? 0 : 0o200)
  return { kind: 'file', mode, uid: 0, gid: 0 }
}

/** mkdir and rmdir under /sys/fs/cgroup; 0 or a negative errno. */
export function cgroup_make(k: Kernel, parts: readonly string[]): number {
  const parent = cgroup_lookup(k, parts.slice(0, -1))
  if (parent < 0 || parts.length === 0) return -ENOENT
  return Math.min(0, cgroup_mkdir(k, parent, parts.at(-1)!))
}
export function cgroup_remove(k: Kernel, parts: readonly string[]): number {
  const m = cgroup_lookup(k, parts)
  return m < 0 ? m : cgroup_rmdir(k, m)
}
