/**
 * The table of sysctls (kernel/sysctl.c and the tables of mm/): name, bounds, default, what a write sets in motion.
 * Text goes in and out as through /proc/sys; names are with dots (`vm.swappiness`). Simplified: those that nothing in the
 * model reads keep their value and do nothing.
 */
import { EACCES, EINVAL, ENOENT } from '../uapi'
import type { Kernel } from '../kernel'
import {
  lowmem_reserve_ratio,
  write_lowmem_reserve_ratio,
  write_min_free_kbytes,
  write_percpu_pagelist_high_fraction,
  write_watermark_scale_factor,
} from '../mm/page_alloc'
import { compact_memory } from '../mm/compaction'
import { compaction_proactiveness_changed } from '../mm/kcompactd'
import { drop_caches } from '../mm/drop_caches'
import {
  default_hstate,
  huge_state,
  persistent_huge_pages,
  set_max_huge_pages,
  set_overcommit_huge_pages,
} from '../mm/hugetlb_pool'
import { writeback_set_ratelimit } from '../mm/page_writeback'
import { printk } from '../task'
import { INT_MAX, LONG_MAX, PLAIN, READ_ONLY, text_read, text_write, TEXTS } from './sysctl_plain'

export interface SysctlInfo {
  readonly name: string
  readonly help: string
  readonly min: number
  readonly max: number
  readonly default: number
  /** Permission bits of its file. */
  readonly mode: number
}
interface Sysctl extends SysctlInfo {
  /** Takes a checked value; 0 or a negative errno. Without it the value is only stored. */
  readonly write?: (k: Kernel, value: number) => number
}

function row(name: string, value: number, min: number, max: number, help: string, write?: Sysctl['write']): Sysctl {
  return { name, default: value, min, max, help, mode: 0o644, ...(write === undefined ? {} : { write }) }
}
function trigger(
  name: string,
  min: number,
  max: number,
  help: string,
  write: (k: Kernel, value: number) => number,
): Sysctl {
  return { name, default: 0, min, max, help, mode: 0o200, write }
}
/** Of two ways to say one thing (a ratio, or bytes), the one written last counts and zeroes the other. */
function instead(name: string, of: string): (k: Kernel, value: number) => number {
  return (k, value) => {
    k.var.sysctl[name] = value
    k.var.sysctl[of] = 0
    if (!name.includes('background')) writeback_set_ratelimit(k)
    return 0
  }
}

function set_nr_hugepages(k: Kernel, value: number): number {
  set_max_huge_pages(k, huge_state(k).default_hstate, value)
  return 0
}

export const SYSCTLS: readonly Sysctl[] = [
  row('vm.admin_reserve_kbytes', 8192, 0, LONG_MAX, 'Kept free for root when overcommit_memory is 2.'),
  trigger('vm.compact_memory', 1, 1, 'Writing 1 compacts all zones.', (k) => {
    compact_memory(k)
    return 0
  }),
  row('vm.compact_unevictable_allowed', 1, 0, 1, 'Compaction may move mlocked pages.'),
  row('vm.compaction_proactiveness', 20, 0, 100, 'How hard kcompactd works in the background.', (k, value) => {
    k.var.sysctl['vm.compaction_proactiveness'] = value
    compaction_proactiveness_changed(k)
    return 0
  }),
  row(
    'vm.dirty_background_bytes',
    0,
    1,
    LONG_MAX,
    'Dirty memory at which the flusher starts, in bytes.',
    instead('vm.dirty_background_bytes', 'vm.dirty_background_ratio'),
  ),
  row(
    'vm.dirty_background_ratio',
    10,
    0,
    100,
    'Dirty share of available memory at which the flusher starts.',
    instead('vm.dirty_background_ratio', 'vm.dirty_background_bytes'),
  ),
  row(
    'vm.dirty_bytes',
    0,
    8192,
    LONG_MAX,
    'Dirty memory at which writers are throttled, in bytes.',
    instead('vm.dirty_bytes', 'vm.dirty_ratio'),
  ),
  row('vm.dirty_expire_centisecs', 3000, 0, INT_MAX, 'Age at which dirty data is written by the flusher.'),
  row(
    'vm.dirty_ratio',
    20,
    0,
    100,
    'Dirty share of available memory at which writers are throttled.',
    instead('vm.dirty_ratio', 'vm.dirty_bytes'),
  ),
  row('vm.dirty_writeback_centisecs', 500, 0, INT_MAX, 'How often the flusher wakes.'),
  row('vm.dirtytime_expire_seconds', 43200, 0, INT_MAX, 'Age at which dirty inode times are written.'),
  trigger('vm.drop_caches', 1, 4, '1 drops clean page cache, 2 dentries and inodes, 3 both.', (k, value) => {
    if ((value & 3) !== 0) drop_caches(k, value & 3)
    printk(k, `sh (1): drop_caches: ${value}`)
    return 0
  }),
  row('vm.extfrag_threshold', 500, 0, 1000, 'Fragmentation index above which compaction is tried before reclaim.'),
  row('vm.hugetlb_shm_group', 0, 0, INT_MAX, 'Group that may use huge pages in shared memory.'),
  row('vm.laptop_mode', 0, 0, INT_MAX, 'Write lazily to let the disk sleep.'),
  row('vm.legacy_va_layout', 0, 0, 1, 'Old bottom-up layout of mappings.'),
  row(
    'vm.lowmem_reserve_ratio',
    0,
    0,
    INT_MAX,
    'Protection of lower zones from requests that higher zones could serve.',
  ),
  row('vm.max_map_count', 65530, 0, INT_MAX, 'Mappings that a process may have.'),
  row(
    'vm.min_free_kbytes',
    0,
    0,
    INT_MAX,
    'Sets the min watermarks: memory kept for the kernel itself.',
    (k, value) => {
      write_min_free_kbytes(k, value)
      return 0
    },
  ),
  row('vm.mmap_min_addr', 65536, 0, LONG_MAX, 'Lowest address that may be mapped.'),
  row('vm.mmap_rnd_bits', 28, 28, 32, 'Random bits of the mmap base.'),
  row('vm.nr_hugepages', 0, 0, INT_MAX, 'Huge pages in the pool.', set_nr_hugepages),
  row('vm.nr_overcommit_hugepages', 0, 0, INT_MAX, 'Huge pages that may be taken beyond the pool.', (k, value) =>
    set_overcommit_huge_pages(k, huge_state(k).default_hstate, value),
  ),
  row('vm.oom_dump_tasks', 1, 0, INT_MAX, 'The OOM report lists the tasks.'),
  row('vm.oom_kill_allocating_task', 0, 0, INT_MAX, 'Kill whoever hits the wall instead of the worst.'),
  row(
    'vm.overcommit_kbytes',
    0,
    0,
    LONG_MAX,
    'Commit limit in kB instead of a ratio.',
    instead('vm.overcommit_kbytes', 'vm.overcommit_ratio'),
  ),
  row('vm.overcommit_memory', 0, 0, 2, '0 heuristic, 1 always, 2 never beyond CommitLimit.'),
  row(
    'vm.overcommit_ratio',
    50,
    0,
    INT_MAX,
    'Share of RAM in CommitLimit.',
    instead('vm.overcommit_ratio', 'vm.overcommit_kbytes'),
  ),
  row('vm.page-cluster', 3, 0, 31, 'Swap read-ahead of 2^n pages.'),
  row('vm.page_lock_unfairness', 5, 0, INT_MAX, 'How often a page lock may be stolen.'),
  row('vm.panic_on_oom', 0, 0, 2, 'Panic instead of killing.'),
  row('vm.percpu_pagelist_high_fraction', 0, 0, INT_MAX, 'Size of the per-CPU page lists.', (k, value) =>
    write_percpu_pagelist_high_fraction(k, value) ? 0 : -EINVAL,
  ),
  row('vm.stat_interval', 1, 0, INT_MAX, 'How often per-CPU counters are folded.'),
  row('vm.swappiness', 60, 0, 200, 'Anonymous against file pages: 0 avoids swap, 100 equal, 200 prefers swap.'),
  row('vm.user_reserve_kbytes', 0, 0, LONG_MAX, 'Kept free for users when overcommit_memory is 2.'),
  row('vm.vfs_cache_pressure', 100, 0, INT_MAX, 'How eagerly dentries and inodes are reclaimed.'),
  row('vm.watermark_boost_factor', 15000, 0, INT_MAX, 'Reclaim beyond high after fragmentation.'),
  row('vm.watermark_scale_factor', 10, 1, 3000, 'Distance of the watermarks in 1/10000 of the zone.', (k, value) => {
    write_watermark_scale_factor(k, value)
    return 0
  }),
  row('vm.zone_reclaim_mode', 0, 0, INT_MAX, 'Reclaim in the own zone before using others.'),
  row('kernel.pid_max', 32768, 301, 4194304, 'Process numbers restart beyond this.'),
  row('kernel.threads-max', 0, 1, INT_MAX, 'Threads that the machine may have.'),
  row('kernel.hung_task_timeout_secs', 120, 0, INT_MAX, 'A task in D longer than this is reported.'),
  row('kernel.panic', 0, -INT_MAX, INT_MAX, 'Seconds to a reboot after a panic.'),
  row('kernel.randomize_va_space', 2, 0, 2, 'Address space layout randomisation.'),
  row('kernel.sched_child_runs_first', 0, 0, 1, 'A new child runs before its parent.'),
  row('vm.nr_hugepages_mempolicy', 0, 0, INT_MAX, 'The same under a memory policy.', set_nr_hugepages),
  ...PLAIN.map((args) => row(...args)),
]

const BY_NAME: ReadonlyMap<string, Sysctl> = new Map(SYSCTLS.map((s) => [s.name, s]))

/** Stores the defaults; the first thing of boot. */
export function sysctl_init(k: Kernel): void {
  for (const s of SYSCTLS) if (s.mode !== 0o200) k.var.sysctl[s.name] = s.default
  delete k.var.sysctl['vm.lowmem_reserve_ratio']
  if (k.config.bare) k.var.sysctl['kernel.randomize_va_space'] = 0
}

/** Every name, sorted as /proc/sys lists them. */
export function sysctl_names(): string[] {
  return [...SYSCTLS.map((s) => s.name), ...Object.keys(READ_ONLY), ...Object.keys(TEXTS)].sort((a, b) =>
    a < b ? -1 : 1,
  )
}

export function sysctl_info(name: string): SysctlInfo | null {
  const found = BY_NAME.get(name)
  if (found !== undefined) return found
  const text = { name, help: '', min: 0, max: 0, default: 0 }
  if (Object.hasOwn(TEXTS, name)) return { ...text, mode: 0o644 }
  return Object.hasOwn(READ_ONLY, name) ? { ...text, mode: 0o444 } : null
}

/** The value as /proc/sys shows it, without the newline, or a negative errno. */
export function sysctl_read(k: Kernel, name: string, effects = false): string | number {
  const constant = READ_ONLY[name]
  if (constant !== undefined) return constant(k)
  if (Object.hasOwn(TEXTS, name)) return text_read(k, name)
  const found = BY_NAME.get(name)
  if (found === undefined) return -ENOENT
  if (found.mode === 0o200) return -EACCES
  if (name === 'vm.lowmem_reserve_ratio') return lowmem_reserve_ratio(k, effects).join('\t')
  if (name === 'vm.nr_hugepages' || name === 'vm.nr_hugepages_mempolicy')
    return String(persistent_huge_pages(default_hstate(k)))
  if (name === 'vm.nr_overcommit_hugepages') return String(default_hstate(k).overcommit)
  return String(k.var.sysctl[name])
}

/** 0 or a negative errno: EINVAL for what is no number or out of bounds, EACCES for a constant. */
export function sysctl_write(k: Kernel, name: string, text: string | number): number {
  const found = BY_NAME.get(name)
  if (Object.hasOwn(TEXTS, name)) return text_write(k, name, String(text)) ? 0 : -EINVAL
  if (found === undefined) return Object.hasOwn(READ_ONLY, name) ? -EACCES : -ENOENT
  const words = String(text).trim().split(/\s+/)
  if (name === 'vm.lowmem_reserve_ratio') return write_ratios(k, words)
  const value = parse_int(words[0] ?? '')
  if (value === null) return -EINVAL
  if (value < found.min || value > found.max) return -EINVAL
  if (found.write !== undefined) return found.write(k, value)
  k.var.sysctl[name] = value
  return 0
}

function write_ratios(k: Kernel, words: readonly string[]): number {
  const values = words.map(parse_int)
  if (values.some((v) => v === null || v < 0)) return -EINVAL
  write_lowmem_reserve_ratio(k, values as number[])
  return 0
}

/** As proc_get_long: decimal, or 0x… and 0…. */
function parse_int(word: string): number | null {
  if (/^-?(0|[1-9]\d*)$/.test(word)) return Number(word)
  if (/^0x[0-9a-f]+$/i.test(word)) return Number(word)
  return /^0[0-7]+$/.test(word) ? parseInt(word, 8) : null
}
