/**
 * The table of sysctls (kernel/sysctl.c and the tables of mm/): name, bounds, default, what a write sets in motion.
 * Text goes in and out as through /proc/sys; names are with dots (`vm.swappiness`). Simplified: those that nothing in the
 * model reads keep their value and do nothing.
 */
import { EACCES, EINVAL, ENOENT, ERANGE } from '../uapi'
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
import { wakeup_flusher_threads, writeback_set_ratelimit } from '../mm/page_writeback'
import { printk } from '../task'
import {
  INT_MAX,
  INT_MIN,
  parse_sysctl,
  parse_vector,
  UINT_MAX,
  ULONG_MAX,
  words_of,
  type SysctlKind,
} from './sysctl_parse'
import { MORE_NUMBERS } from './sysctl_more'
import { handler_of, HUNG_TASK_TIMEOUT_MAX, PLAIN, PRIVATE, READ_ONLY } from './sysctl_plain'
import { set_text, text_read, text_write, TEXTS } from './sysctl_text'

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
  readonly kind: SysctlKind
  /** Takes a checked value; 0 or a negative errno. Without it the value is only stored. */
  readonly write?: (k: Kernel, value: number) => number
}

function row(name: string, value: number, min: number, max: number, help: string, write?: Sysctl['write']): Sysctl {
  const kind = handler_of(name, max)
  const mode = PRIVATE.has(name) ? 0o600 : 0o644
  return { name, kind, default: value, min, max, help, mode, ...(write === undefined ? {} : { write }) }
}
function trigger(
  name: string,
  min: number,
  max: number,
  help: string,
  write: (k: Kernel, value: number) => number,
): Sysctl {
  return { name, kind: 'int', default: 0, min, max, help, mode: 0o200, write }
}
/** Of two ways to say one thing (a ratio, or bytes), the one written last counts and zeroes the other. */
function instead(name: string, of: string): (k: Kernel, value: number) => number {
  return (k, value) => {
    if (name.endsWith('_bytes') && Math.ceil(value / 4096) > UINT_MAX) return -ERANGE
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
  row('vm.admin_reserve_kbytes', 8192, 0, ULONG_MAX, 'Kept free for root when overcommit_memory is 2.'),
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
    ULONG_MAX,
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
    ULONG_MAX,
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
  row('vm.dirty_writeback_centisecs', 500, INT_MIN, INT_MAX, 'How often the flusher wakes.', (k, value) => {
    const old = k.var.sysctl['vm.dirty_writeback_centisecs'] ?? 500
    k.var.sysctl['vm.dirty_writeback_centisecs'] = value
    // A change takes effect at once: the flusher writes everything, and sleeps by the new interval after it.
    if (value !== 0 && value !== old) wakeup_flusher_threads(k)
    return 0
  }),
  row('vm.dirtytime_expire_seconds', 43200, 0, INT_MAX, 'Age at which dirty inode times are written.'),
  trigger('vm.drop_caches', 1, 4, '1 drops clean page cache, 2 dentries and inodes, 3 both.', (k, value) => {
    if ((value & 3) !== 0) drop_caches(k, value & 3)
    printk(k, `sh (1): drop_caches: ${value}`)
    return 0
  }),
  row('vm.extfrag_threshold', 500, 0, 1000, 'Fragmentation index above which compaction is tried before reclaim.'),
  row('vm.hugetlb_shm_group', 0, INT_MIN, INT_MAX, 'Group that may use huge pages in shared memory.'),
  row('vm.laptop_mode', 0, INT_MIN, INT_MAX, 'Write lazily to let the disk sleep.'),
  row('vm.legacy_va_layout', 0, 0, INT_MAX, 'Old bottom-up layout of mappings.'),
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
  row('vm.mmap_min_addr', 65536, 0, ULONG_MAX, 'Lowest address that may be mapped.'),
  row('vm.mmap_rnd_bits', 28, 28, 32, 'Random bits of the mmap base.'),
  row('vm.nr_hugepages', 0, 0, ULONG_MAX, 'Huge pages in the pool.', set_nr_hugepages),
  row('vm.nr_overcommit_hugepages', 0, 0, ULONG_MAX, 'Huge pages that may be taken beyond the pool.', (k, value) =>
    set_overcommit_huge_pages(k, huge_state(k).default_hstate, value),
  ),
  row('vm.oom_dump_tasks', 1, INT_MIN, INT_MAX, 'The OOM report lists the tasks.'),
  row('vm.oom_kill_allocating_task', 0, INT_MIN, INT_MAX, 'Kill whoever hits the wall instead of the worst.'),
  row(
    'vm.overcommit_kbytes',
    0,
    0,
    ULONG_MAX,
    'Commit limit in kB instead of a ratio.',
    instead('vm.overcommit_kbytes', 'vm.overcommit_ratio'),
  ),
  row('vm.overcommit_memory', 0, 0, 2, '0 heuristic, 1 always, 2 never beyond CommitLimit.'),
  row(
    'vm.overcommit_ratio',
    50,
    INT_MIN,
    INT_MAX,
    'Share of RAM in CommitLimit.',
    instead('vm.overcommit_ratio', 'vm.overcommit_kbytes'),
  ),
  row('vm.page-cluster', 3, 0, INT_MAX, 'Swap read-ahead of 2^n pages.'),
  row('vm.page_lock_unfairness', 5, 0, INT_MAX, 'How often a page lock may be stolen.'),
  row('vm.panic_on_oom', 0, 0, 2, 'Panic instead of killing.'),
  row('vm.percpu_pagelist_high_fraction', 0, 0, INT_MAX, 'Size of the per-CPU page lists.', (k, value) =>
    write_percpu_pagelist_high_fraction(k, value) ? 0 : -EINVAL,
  ),
  row('vm.stat_interval', 1, INT_MIN, INT_MAX, 'How often per-CPU counters are folded.'),
  {
    ...trigger('vm.stat_refresh', 0, 0, 'Writing anything folds the counters of all CPUs in.', () => 0),
    mode: 0o600,
  },
  row('vm.swappiness', 60, 0, 200, 'Anonymous against file pages: 0 avoids swap, 100 equal, 200 prefers swap.'),
  row('vm.user_reserve_kbytes', 0, 0, ULONG_MAX, 'Kept free for users when overcommit_memory is 2.'),
  row('vm.vfs_cache_pressure', 100, 0, INT_MAX, 'How eagerly dentries and inodes are reclaimed.'),
  row('vm.watermark_boost_factor', 15000, 0, INT_MAX, 'Reclaim beyond high after fragmentation.'),
  row('vm.watermark_scale_factor', 10, 1, 3000, 'Distance of the watermarks in 1/10000 of the zone.', (k, value) => {
    write_watermark_scale_factor(k, value)
    return 0
  }),
  row('vm.zone_reclaim_mode', 0, 0, INT_MAX, 'Reclaim in the own zone before using others.'),
  row('kernel.pid_max', 32768, 301, 4194304, 'Process numbers restart beyond this.'),
  row('kernel.threads-max', 0, 1, 0x3fffffff, 'Threads that the machine may have.'),
  row('kernel.hung_task_timeout_secs', 120, 0, HUNG_TASK_TIMEOUT_MAX, 'A task in D longer than this is reported.'),
  row('kernel.panic', 0, INT_MIN, INT_MAX, 'Seconds to a reboot after a panic.'),
  row('kernel.randomize_va_space', 2, INT_MIN, INT_MAX, 'Address space layout randomisation.'),
  row('kernel.sched_child_runs_first', 0, INT_MIN, INT_MAX, 'A new child runs before its parent.'),
  row('vm.nr_hugepages_mempolicy', 0, 0, ULONG_MAX, 'The same under a memory policy.', set_nr_hugepages),
  ...PLAIN.map((args) => row(...args)),
]

/** Those that have no words of their own are not listed to people. */
const MORE = MORE_NUMBERS.map(({ value, ...rest }): Sysctl => ({ ...rest, default: value, help: '' }))
const BY_NAME: ReadonlyMap<string, Sysctl> = new Map([...SYSCTLS, ...MORE].map((s) => [s.name, s]))

/** Stores the defaults; the first thing of boot. */
export function sysctl_init(k: Kernel): void {
  for (const s of BY_NAME.values()) if (s.write === undefined || s.mode === 0o644) k.var.sysctl[s.name] = s.default
  delete k.var.sysctl['vm.lowmem_reserve_ratio']
  Object.assign(k.var.sysctl, k.config.bare ? BY_COMMAND_LINE : BY_SYSTEMD)
  if (k.config.bare) set_text(k, 'kernel.hostname', '(none)')
}

/** `norandmaps panic=-1` of a lab machine's command line, and what an installed system sets when it comes up. */
const BY_COMMAND_LINE = { 'kernel.randomize_va_space': 0, 'kernel.panic': -1 }
const BY_SYSTEMD = { 'kernel.ctrl-alt-del': 0, 'fs.protected_fifos': 1, 'fs.protected_regular': 2 }

/** Every name, sorted as /proc/sys lists them. */
export function sysctl_names(): string[] {
  return [...BY_NAME.keys(), ...Object.keys(READ_ONLY), ...Object.keys(TEXTS)].sort((a, b) => (a < b ? -1 : 1))
}

export function sysctl_info(name: string): SysctlInfo | null {
  const found = BY_NAME.get(name)
  if (found !== undefined) return found
  const text = { name, help: '', min: 0, max: 0, default: 0 }
  if (Object.hasOwn(TEXTS, name)) return { ...text, mode: 0o644 }
  if (!Object.hasOwn(READ_ONLY, name)) return null
  return { ...text, mode: name === 'kernel.ns_last_pid' ? 0o666 : 0o444 }
}

/** The value as /proc/sys shows it, without the newline, or a negative errno. */
export function sysctl_read(k: Kernel, name: string, effects = false): string | number {
  const constant = READ_ONLY[name]
  if (constant !== undefined) return constant(k)
  if (Object.hasOwn(TEXTS, name)) return text_read(k, name)
  const found = BY_NAME.get(name)
  if (found === undefined) return -ENOENT
  if (found.mode === 0o200) return -EACCES
  if (name === 'vm.stat_refresh') return ''
  if (name === 'vm.lowmem_reserve_ratio') return lowmem_reserve_ratio(k, effects).join('\t')
  if (name === 'vm.nr_hugepages' || name === 'vm.nr_hugepages_mempolicy')
    return String(persistent_huge_pages(default_hstate(k)))
  if (name === 'vm.nr_overcommit_hugepages') return exact_text(k, name, default_hstate(k).overcommit)
  return exact_text(k, name, k.var.sysctl[name]!)
}

/**
 * One write(2) of a text: 0 or a negative errno. EINVAL for what is no number or out of bounds, EACCES for a constant; an
 * empty text does nothing.
 */
export function sysctl_write(k: Kernel, name: string, text: string | number): number {
  const found = BY_NAME.get(name)
  if (found === undefined && !Object.hasOwn(TEXTS, name)) return Object.hasOwn(READ_ONLY, name) ? -EACCES : -ENOENT
  if (text === '') return 0
  if (found === undefined) return text_write(k, name, String(text))
  if (name === 'vm.lowmem_reserve_ratio') return write_ratios(k, String(text))
  // Their handlers do not look at what is written.
  if (name === 'vm.compact_memory' || name === 'vm.stat_refresh') return found.write!(k, 1)
  const value = parse_sysctl(words_of(String(text))[0] ?? '', found.kind, found.min, found.max)
  if (value === null) return -EINVAL
  if (found.write !== undefined) {
    const error = found.write(k, Number(value))
    if (error === 0) keep_exact(k, name, value)
    return error
  }
  if (name === 'fs.pipe-max-size') return set_pipe_max_size(k, Number(value))
  k.var.sysctl[name] = Number(value)
  keep_exact(k, name, value)
  return 0
}

/** round_pipe_size: whole pages, a power of two of them, at most 2 GiB. */
function set_pipe_max_size(k: Kernel, value: number): number {
  if (value > 2 ** 31) return -EINVAL
  k.var.sysctl['fs.pipe-max-size'] = Math.max(4096, 2 ** Math.ceil(Math.log2(Math.max(1, value))))
  return 0
}

/** Numbers that a double does not hold to the unit are kept as text, too, to be read back. */
function keep_exact(k: Kernel, name: string, value: bigint): void {
  const kept = (k.var.mod['sysctl_exact'] ??= {}) as Record<string, string>
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) kept[name] = String(value)
  else delete kept[name]
}
function exact_text(k: Kernel, name: string, value: number): string {
  const kept = k.var.mod['sysctl_exact'] as Record<string, string> | undefined
  return kept?.[name] ?? String(value)
}

/** Its handler does not look at what the parser says: what was read is taken, and protection computed anew. */
function write_ratios(k: Kernel, text: string): number {
  const old = lowmem_reserve_ratio(k, false).map(String)
  const { values } = parse_vector(text, 'int', [INT_MIN, INT_MAX], old)
  write_lowmem_reserve_ratio(k, values.map(Number))
  return 0
}
