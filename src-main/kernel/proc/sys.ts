/**
 * The tree under /sys, as far as tools and this model use it: CPUs, the node, block devices, kernel/mm. Cgroup files
 * are proc/cgroup.ts. An attribute is a path with a reader and perhaps a writer; folders follow from the paths.
 */
import type { Kernel } from '../kernel'
import { EACCES, EINVAL, EISDIR, ENOENT, ENOTDIR } from '../uapi'
import { buddyinfo_nodes, node_meminfo } from './node'
import { cgroup_list, cgroup_read, cgroup_stat, cgroup_write } from './cgroup'
import { dev_numbers, device_name, vmstat_text } from './system'
import type { ProcStat } from './index'

interface Attribute {
  readonly read: (k: Kernel) => string
  readonly write?: (k: Kernel, text: string) => number
}
type Tree = ReadonlyMap<string, Attribute>

/** Path parts below /sys. */
export function sys_read(k: Kernel, parts: readonly string[]): string | number {
  if (is_cgroup(parts)) return cgroup_read(k, parts.slice(2))
  const attribute = tree(k).get(parts.join('/'))
  if (attribute !== undefined) return attribute.read(k)
  return names_below(k, parts).length > 0 ? -EISDIR : -ENOENT
}
export function sys_write(k: Kernel, parts: readonly string[], text: string): number {
  if (is_cgroup(parts)) return cgroup_write(k, parts.slice(2), text)
  const attribute = tree(k).get(parts.join('/'))
  if (attribute === undefined) return names_below(k, parts).length > 0 ? -EISDIR : -ENOENT
  return attribute.write === undefined ? -EACCES : attribute.write(k, text)
}
export function sys_list(k: Kernel, parts: readonly string[]): string[] | number {
  if (is_cgroup(parts)) return cgroup_list(k, parts.slice(2))
  const names = names_below(k, parts)
  if (parts.join('/') === 'fs') return ['cgroup']
  if (names.length > 0) return parts.length === 0 ? [...names, 'fs'] : names
  return tree(k).has(parts.join('/')) ? -ENOTDIR : -ENOENT
}
export function sys_stat(k: Kernel, parts: readonly string[]): ProcStat | number {
  if (is_cgroup(parts)) return cgroup_stat(k, parts.slice(2))
  const attribute = tree(k).get(parts.join('/'))
  if (attribute !== undefined)
    return { kind: 'file', mode: attribute.write === undefined ? 0o444 : 0o644, uid: 0, gid: 0 }
  const folder = parts.length === 0 || parts.join('/') === 'fs' || names_below(k, parts).length > 0
  return folder ? { kind: 'dir', mode: 0o755, uid: 0, gid: 0 } : -ENOENT
}

function is_cgroup(parts: readonly string[]): boolean {
  return parts[0] === 'fs' && parts[1] === 'cgroup'
}

function names_below(k: Kernel, parts: readonly string[]): string[] {
  const prefix = parts.length === 0 ? '' : `${parts.join('/')}/`
  const names = new Set<string>()
  for (const path of tree(k).keys()) if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split('/')[0]!)
  return [...names]
}

// ---------------------------------------------------------------- attributes

function tree(k: Kernel): Tree {
  const map = new Map<string, Attribute>()
  cpu_attributes(k, map)
  block_attributes(k, map)
  for (const [path, choice] of Object.entries(CHOICES)) map.set(path, choice_attribute(choice))
  for (const [path, number] of Object.entries(NUMBERS)) map.set(path, number_attribute(path, number))
  map.set('devices/system/node/online', { read: () => '0\n' })
  map.set('devices/system/node/node0/meminfo', { read: node_meminfo })
  map.set('devices/system/node/node0/vmstat', { read: vmstat_text })
  map.set('devices/system/node/node0/cpulist', { read: cpu_list })
  map.set('devices/system/node/node0/buddyinfo', { read: buddyinfo_nodes })
  map.set('kernel/mm/transparent_hugepage/hpage_pmd_size', { read: () => '2097152\n' })
  map.set('kernel/mm/swap/vma_ra_enabled', { read: () => 'true\n' })
  map.set('kernel/mm/lru_gen/enabled', { read: () => '0x0000\n' })
  return map
}

function cpu_list(k: Kernel): string {
  return k.config.cpus === 1 ? '0\n' : `0-${k.config.cpus - 1}\n`
}

function cpu_attributes(k: Kernel, map: Map<string, Attribute>): void {
  for (const name of ['online', 'possible', 'present']) map.set(`devices/system/cpu/${name}`, { read: cpu_list })
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const at = `devices/system/cpu/cpu${cpu}`
    if (cpu > 0) map.set(`${at}/online`, { read: () => '1\n' })
    map.set(`${at}/topology/core_id`, { read: () => `${cpu}\n` })
    map.set(`${at}/topology/physical_package_id`, { read: () => '0\n' })
  }
}

function block_attributes(k: Kernel, map: Map<string, Attribute>): void {
  for (let d = 1; d < k.device.meta.high; d++) {
    const at = `block/${device_name(k, d)}`
    const [major, minor] = dev_numbers(k, d)
    map.set(`${at}/dev`, { read: () => `${major}:${minor}\n` })
    map.set(`${at}/size`, { read: () => `${k.device.pages[d]! * 8}\n` })
    map.set(`${at}/removable`, { read: () => '0\n' })
    map.set(`${at}/ro`, { read: () => '0\n' })
    map.set(`${at}/queue/rotational`, { read: () => `${k.device.kind[d] === 0 ? 1 : 0}\n` })
    map.set(`${at}/queue/logical_block_size`, { read: () => '512\n' })
    map.set(`${at}/stat`, { read: () => block_stat(k, d) })
  }
}

function block_stat(k: Kernel, i: number): string {
  const d = k.device
  const ms = (ns: number): number => Math.floor(ns / 1e6)
  const reads = [d.reads[i]!, d.read_merges[i]!, d.read_sectors[i]!, ms(d.read_ns[i]!)]
  const writes = [d.writes[i]!, d.write_merges[i]!, d.write_sectors[i]!, ms(d.write_ns[i]!)]
  const rest = [d.inflight[i]!, ms(d.busy_ns[i]!), ms(d.read_ns[i]! + d.write_ns[i]!), 0, 0, 0, 0, 0, 0]
  return `${[...reads, ...writes, ...rest].map((v) => String(v).padStart(8)).join(' ')}\n`
}

// ---------------------------------------------------------------- settings: values of var.sysctl under their key

interface Choice {
  readonly key: string
  readonly values: readonly string[]
  readonly default: number
}
/** `always [madvise] never`: the value is the index. */
const CHOICES: Readonly<Record<string, Choice>> = {
  'kernel/mm/transparent_hugepage/enabled': { key: 'thp.enabled', values: ['always', 'madvise', 'never'], default: 1 },
  'kernel/mm/transparent_hugepage/defrag': {
    key: 'thp.defrag',
    values: ['always', 'defer', 'defer+madvise', 'madvise', 'never'],
    default: 3,
  },
  'kernel/mm/transparent_hugepage/shmem_enabled': {
    key: 'thp.shmem_enabled',
    values: ['always', 'within_size', 'advise', 'never', 'deny', 'force'],
    default: 3,
  },
}

interface Setting {
  readonly key: string
  readonly default: number
  readonly min?: number
  readonly max?: number
}
const THP = 'kernel/mm/transparent_hugepage'
const NUMBERS: Readonly<Record<string, Setting>> = {
  [`${THP}/use_zero_page`]: { key: 'thp.use_zero_page', default: 1, max: 1 },
  [`${THP}/khugepaged/defrag`]: { key: 'khugepaged.defrag', default: 1, max: 1 },
  [`${THP}/khugepaged/pages_to_scan`]: { key: 'khugepaged.pages_to_scan', default: 4096, min: 1 },
  [`${THP}/khugepaged/scan_sleep_millisecs`]: { key: 'khugepaged.scan_sleep_millisecs', default: 10000 },
  [`${THP}/khugepaged/alloc_sleep_millisecs`]: { key: 'khugepaged.alloc_sleep_millisecs', default: 60000 },
  [`${THP}/khugepaged/max_ptes_none`]: { key: 'khugepaged.max_ptes_none', default: 511, max: 511 },
  [`${THP}/khugepaged/max_ptes_swap`]: { key: 'khugepaged.max_ptes_swap', default: 64, max: 511 },
  [`${THP}/khugepaged/max_ptes_shared`]: { key: 'khugepaged.max_ptes_shared', default: 256, max: 511 },
  'kernel/mm/ksm/run': { key: 'ksm.run', default: 0, max: 2 },
  'kernel/mm/ksm/pages_to_scan': { key: 'ksm.pages_to_scan', default: 100 },
  'kernel/mm/ksm/sleep_millisecs': { key: 'ksm.sleep_millisecs', default: 20 },
  'kernel/mm/ksm/max_page_sharing': { key: 'ksm.max_page_sharing', default: 256 },
}

/** Boot values of the settings that live in /sys. */
export function sys_settings_init(k: Kernel): void {
  for (const s of [...Object.values(CHOICES), ...Object.values(NUMBERS)]) k.var.sysctl[s.key] ??= s.default
  k.var.sysctl['thp.enabled'] = ['always', 'madvise', 'never'].indexOf(k.config.thp)
}

function choice_attribute({ key, values, default: initial }: Choice): Attribute {
  return {
    read(k) {
      const value = k.var.sysctl[key] ?? initial
      return `${values.map((name, i) => (i === value ? `[${name}]` : name)).join(' ')}\n`
    },
    write(k, text) {
      const value = values.indexOf(text.trim())
      if (value < 0) return -EINVAL
      k.var.sysctl[key] = value
      return 0
    },
  }
}

function number_attribute(_path: string, { key, default: initial, min = 0, max = 2 ** 32 - 1 }: Setting): Attribute {
  return {
    read: (k) => `${k.var.sysctl[key] ?? initial}\n`,
    write(k, text) {
      if (!/^\d+$/.test(text.trim())) return -EINVAL
      const value = Number(text.trim())
      if (value < min || value > max) return -EINVAL
      k.var.sysctl[key] = value
      return 0
    },
  }
}
