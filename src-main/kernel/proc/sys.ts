/**
 * The tree under /sys, as far as tools and this model use it: CPUs, the node, block devices, kernel/mm. Cgroup files
 * are proc/cgroup.ts, slab caches proc/slab.ts. An attribute is a path with a reader and perhaps a writer; folders follow from the paths.
 */
import type { Kernel } from '../kernel'
import { device_rotational } from '../block/device'
import { EACCES, EINVAL, EPERM } from '../uapi'
import { compact_memory } from '../mm/compaction'
import { set_vma_ra_enabled, vma_ra_enabled } from '../mm/swap_state'
import { thp } from '../mm/thp'
import { khugepaged, khugepaged_defrag, khugepaged_knob, set_khugepaged_knob, type Knob } from '../mm/khugepaged'
import { start_khugepaged } from '../kthreads'
import { set_recommended_min_free_kbytes } from '../mm/watermark'
import { node_meminfo, node_numastat, node_vmstat } from './node'
import { block_stat, dev_block_folder, dev_numbers, device_name } from './block'
import { cgroup_folder } from './cgroup'
import { ksm_attributes } from './sys_ksm'
import { lru_gen_attributes } from './sys_lru_gen'
import { zswap_attributes } from './sys_zswap'
import { hugepages_attributes, kstrtoul, type Attribute, type Tree } from './sys_hugepages'
import { slab_folder } from './slab'
import { memory_blocks } from './sys_memory'
import { bool_write } from './text'
import { file, folder, kernfs_write, type DirNode, type Node } from './tree'
import { extfrag_index_text, unusable_index_text } from './zones'

/** The folder /sys. Attributes are listed anew at each walk, for devices come and go. */
export function sys_root(k: Kernel, self: number): DirNode {
  const attributes = tree(k)
  const mounted: Readonly<Record<string, () => Node>> = {
    ...memory_blocks(k),
    // Without a mount there is the mount point.
    'fs/cgroup': () =>
      k.config.cgroup === false ? folder({}, { mode: 0o755, refusal: EPERM }) : cgroup_folder(k, 0, self),
    'kernel/slab': () => slab_folder(k),
    ...(k.device.meta.high > 1 ? { 'dev/block': () => dev_block_folder(k) } : {}),
  }
  return branch(k, '', [...attributes.keys(), ...Object.keys(mounted)], attributes, mounted)
}

/** The folder of all paths that begin with `prefix`. */
function branch(
  k: Kernel,
  prefix: string,
  paths: readonly string[],
  attributes: Tree,
  mounted: Readonly<Record<string, () => Node>>,
): DirNode {
  const below = paths.filter((path) => path.startsWith(prefix))
  const find = (name: string): Node | null => {
    const path = prefix + name
    const attribute = attributes.get(path)
    if (attribute !== undefined) return attribute_file(k, attribute)
    if (Object.hasOwn(mounted, path)) return mounted[path]!()
    const inside = below.some((other) => other.startsWith(`${path}/`))
    return inside ? branch(k, `${path}/`, below, attributes, mounted) : null
  }
  const list = (): string[] => [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0]!))]
  return { ...folder({}, { mode: 0o755, refusal: EPERM }), list, find }
}

function attribute_file(k: Kernel, { read, write, mode }: Attribute): Node {
  const set = write && ((text: string): number => write(k, text))
  return file(() => read(k), { write: kernfs_write(set), refusal: EACCES, ...(mode === undefined ? {} : { mode }) })
}

// ---------------------------------------------------------------- attributes

function tree(k: Kernel): Tree {
  const map = new Map<string, Attribute>()
  cpu_attributes(k, map)
  block_attributes(k, map)
  hugepages_attributes(k, map)
  ksm_attributes(map)
  lru_gen_attributes(map)
  zswap_attributes(map)
  for (const [path, choice] of Object.entries(CHOICES)) map.set(path, choice_attribute(choice))
  for (const [path, number] of Object.entries(NUMBERS)) map.set(path, number_attribute(number))
  for (const name of ['online', 'possible', 'has_cpu', 'has_memory', 'has_normal_memory'])
    map.set(`devices/system/node/${name}`, { read: () => '0\n' })
  map.set('devices/system/node/has_generic_initiator', { read: () => '\n' })
  map.set('devices/system/node/node0/distance', { read: () => '10\n' })
  map.set('devices/system/node/node0/numastat', { read: node_numastat })
  map.set('devices/system/memory/block_size_bytes', { read: () => '8000000\n' })
  map.set('devices/system/memory/auto_online_blocks', { read: () => 'offline\n' })
  map.set('devices/system/node/node0/meminfo', { read: node_meminfo })
  map.set('devices/system/node/node0/vmstat', { read: node_vmstat })
  map.set('devices/system/node/node0/cpulist', { read: cpu_list })
  map.set('devices/system/node/node0/cpumap', { read: cpu_map })
  map.set('kernel/mm/transparent_hugepage/hpage_pmd_size', { read: () => '2097152\n' })
  map.set('kernel/debug/extfrag/extfrag_index', { read: extfrag_index_text })
  map.set('kernel/debug/extfrag/unusable_index', { read: unusable_index_text })
  map.set('kernel/mm/swap/vma_ra_enabled', vma_ra)
  map.set('devices/system/node/node0/compact', { read: () => -EACCES, mode: 0o200, write: compact_store })
  map.set(`${THP}/khugepaged/full_scans`, { read: (k) => `${khugepaged(k).full_scans}\n` })
  map.set(`${THP}/khugepaged/pages_collapsed`, { read: (k) => `${khugepaged(k).pages_collapsed}\n` })
  return map
}

const vma_ra: Attribute = {
  read: (k) => `${vma_ra_enabled(k)}\n`,
  write: (k, text) => bool_write(text, (on) => set_vma_ra_enabled(k, on)),
}
/** mm/compaction.c, compact_store: whatever is written, the node is compacted. */
function compact_store(k: Kernel): number {
  compact_memory(k)
  return 0
}

function cpu_list(k: Kernel): string {
  return k.config.cpus === 1 ? '0\n' : `0-${k.config.cpus - 1}\n`
}

/** All CPUs as a bitmap: hexadecimal, in groups of 32. */
function cpu_map(k: Kernel): string {
  const groups: string[] = []
  for (let left = k.config.cpus; left > 0; left -= 32) {
    const bits = left > 32 ? 32 : left
    const mask = bits === 32 ? 0xffffffff : 2 ** bits - 1
    groups.push(mask.toString(16))
  }
  return `${groups.reverse().join(',')}\n`
}

function cpu_attributes(k: Kernel, map: Map<string, Attribute>): void {
  for (const name of ['online', 'possible', 'present']) map.set(`devices/system/cpu/${name}`, { read: cpu_list })
  for (const [name, text] of Object.entries(CPU_TEXTS)) map.set(`devices/system/cpu/${name}`, { read: () => text })
  for (let cpu = 0; cpu < k.config.cpus; cpu++) {
    const at = `devices/system/cpu/cpu${cpu}`
    if (cpu > 0) map.set(`${at}/online`, { read: () => '1\n' })
    topology_attributes(map, `${at}/topology`, cpu)
  }
}

const CPU_TEXTS: Readonly<Record<string, string>> = {
  offline: '\n',
  isolated: '\n',
  kernel_max: '8191\n',
  nohz_full: '(null)\n',
  'smt/active': '0\n',
  'smt/control': 'notsupported\n',
}

/** One package; each CPU is a core of its own. */
function topology_attributes(map: Map<string, Attribute>, at: string, cpu: number): void {
  const own = (1n << BigInt(cpu)).toString(16)
  map.set(`${at}/core_id`, { read: () => `${cpu}\n` })
  map.set(`${at}/physical_package_id`, { read: () => '0\n' })
  map.set(`${at}/die_id`, { read: () => '0\n' })
  map.set(`${at}/cluster_id`, { read: () => '65535\n' })
  for (const name of ['core_cpus', 'thread_siblings', 'cluster_cpus']) {
    map.set(`${at}/${name}`, { read: (k) => `${own.padStart(cpu_map(k).length - 1, '0')}\n` })
    map.set(`${at}/${name}_list`, { read: () => `${cpu}\n` })
  }
  for (const name of ['core_siblings', 'package_cpus', 'die_cpus']) {
    map.set(`${at}/${name}`, { read: cpu_map })
    map.set(`${at}/${name}_list`, { read: cpu_list })
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
    map.set(`${at}/queue/rotational`, { read: () => `${device_rotational(k, d) ? 1 : 0}\n` })
    map.set(`${at}/queue/logical_block_size`, { read: () => '512\n' })
    map.set(`${at}/stat`, { read: () => block_stat(k, d) })
  }
}

// ---------------------------------------------------------------- settings

interface Choice {
  readonly values: readonly string[]
  readonly get: (k: Kernel) => string
  readonly set: (k: Kernel, value: string) => void
}
const THP = 'kernel/mm/transparent_hugepage'
/** `always [madvise] never`. */
const CHOICES: Readonly<Record<string, Choice>> = {
  [`${THP}/enabled`]: {
    values: ['always', 'madvise', 'never'],
    get: (k) => thp(k).enabled,
    set(k, value) {
      thp(k).enabled = value as 'always'
      if (value !== 'never') start_khugepaged(k)
      set_recommended_min_free_kbytes(k, value !== 'never')
    },
  },
  [`${THP}/defrag`]: {
    values: ['always', 'defer', 'defer+madvise', 'madvise', 'never'],
    get: (k) => thp(k).defrag,
    set(k, value) {
      thp(k).defrag = value as 'always'
    },
  },
  [`${THP}/shmem_enabled`]: {
    values: ['always', 'within_size', 'advise', 'never', 'deny', 'force'],
    get: () => 'never',
    set: () => undefined,
  },
}

interface Setting {
  readonly get: (k: Kernel) => number
  readonly set: (k: Kernel, value: number) => void
  readonly min?: number
  readonly max?: number
}
/** A number kept in var.sysctl under a name of its own. */
function kept(key: string, initial: number, limits: { min?: number; max?: number } = {}): Setting {
  return {
    get: (k) => k.var.sysctl[key] ?? initial,
    set(k, value) {
      k.var.sysctl[key] = value
    },
    ...limits,
  }
}
function knob(name: Knob, limits: Partial<Setting> = {}): Setting {
  return { get: (k) => khugepaged_knob(k, name), set: (k, value) => set_khugepaged_knob(k, name, value), ...limits }
}
const NUMBERS: Readonly<Record<string, Setting>> = {
  [`${THP}/use_zero_page`]: {
    get: (k) => thp(k).use_zero_page,
    set(k, value) {
      thp(k).use_zero_page = value
    },
    max: 1,
  },
  [`${THP}/khugepaged/defrag`]: { ...kept('khugepaged.defrag', 1, { max: 1 }), get: khugepaged_defrag },
  [`${THP}/khugepaged/pages_to_scan`]: knob('pages_to_scan', { min: 1 }),
  [`${THP}/khugepaged/scan_sleep_millisecs`]: knob('scan_sleep_millisecs'),
  [`${THP}/khugepaged/alloc_sleep_millisecs`]: knob('alloc_sleep_millisecs'),
  [`${THP}/khugepaged/max_ptes_none`]: knob('max_ptes_none', { max: 511 }),
  [`${THP}/khugepaged/max_ptes_swap`]: knob('max_ptes_swap', { max: 511 }),
  [`${THP}/khugepaged/max_ptes_shared`]: knob('max_ptes_shared', { max: 511 }),
}

function choice_attribute({ values, get, set }: Choice): Attribute {
  return {
    read: (k) => `${values.map((name) => (name === get(k) ? `[${name}]` : name)).join(' ')}\n`,
    write(k, text) {
      const value = text.trim()
      if (!values.includes(value)) return -EINVAL
      set(k, value)
      return 0
    },
  }
}

function number_attribute({ get, set, min = 0, max = 2 ** 32 - 1 }: Setting): Attribute {
  return {
    read: (k) => `${get(k)}\n`,
    write(k, text) {
      const value = kstrtoul(text)
      // A flag tells a number too large from no number; the others do not.
      if (value < 0) return max === 1 ? value : -EINVAL
      if (value < min || value > max) return -EINVAL
      set(k, value)
      return 0
    },
  }
}
