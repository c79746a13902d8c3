/**
 * Sysctls that nothing in the model reads: they have Linux's defaults and bounds and keep what is written; which handler
 * reads the number of each; and those that cannot be set: constants and figures of the machine.
 */
import { HZ } from '../constants'
import { DENTRY_LRU, INODE_LRU, type Kernel } from '../kernel'
import { list_lru_count } from '../mm/list_lru'
import { cache_by_name, cache_names } from '../mm/slab_common'
import { objects_in_use } from '../mm/slabinfo'
import { INT_MAX, INT_MIN, UINT_MAX, ULONG_MAX, type SysctlKind } from './sysctl_parse'
import { MORE_CONSTANTS } from './sysctl_more'
import { text_read } from './sysctl_text'

type Plain = readonly [name: string, value: number, min: number, max: number, help: string]
/** unsigned long in jiffies of a second (kernel/hung_task.c). */
export const HUNG_TASK_TIMEOUT_MAX = Math.floor(2 ** 63 / HZ)

/** The handler of a number where its bounds do not tell (`handler_of`). */
const KINDS: Readonly<Record<string, SysctlKind>> = {
  'kernel.hung_task_timeout_secs': 'ulong',
  'vm.hugetlb_optimize_vmemmap': 'bool',
  'vm.laptop_mode': 'jiffies',
  'vm.stat_interval': 'jiffies',
  'kernel.printk_ratelimit': 'jiffies',
}
/** proc_dointvec(_minmax), unless a number may be larger than an int. */
export function handler_of(name: string, max: number): SysctlKind {
  return KINDS[name] ?? (max === ULONG_MAX ? 'ulong' : max === UINT_MAX ? 'uint' : 'int')
}
/** For root's eyes only. */
export const PRIVATE: ReadonlySet<string> = new Set(['vm.mmap_rnd_bits', 'vm.mmap_rnd_compat_bits'])

export const PLAIN: readonly Plain[] = [
  ['vm.hugetlb_optimize_vmemmap', 0, 0, 1, 'Free the struct pages that huge pages do not need.'],
  ['vm.memory_failure_early_kill', 0, 0, 1, 'Kill users of broken memory before they touch it.'],
  ['vm.memory_failure_recovery', 1, 0, 1, 'Go on after a memory error where that can be.'],
  ['vm.min_slab_ratio', 5, 0, 100, 'Slab share of a node above which zone_reclaim_mode shrinks it.'],
  ['vm.min_unmapped_ratio', 1, 0, 100, 'Unmapped share of a node above which zone_reclaim_mode works.'],
  ['vm.mmap_rnd_compat_bits', 8, 8, 16, 'Random bits of the mmap base of 32-bit programs.'],
  ['vm.numa_stat', 1, 0, 1, 'Count numa_hit and its like.'],
  ['vm.unprivileged_userfaultfd', 0, 0, 1, 'userfaultfd for everybody.'],
  ['kernel.core_uses_pid', 0, INT_MIN, INT_MAX, 'The PID is part of a core file’s name.'],
  ['kernel.ctrl-alt-del', 1, INT_MIN, INT_MAX, '0: Ctrl-Alt-Del is handled by init.'],
  ['kernel.dmesg_restrict', 1, 0, 1, 'The log is for root alone.'],
  ['kernel.hung_task_check_count', 4194304, 0, INT_MAX, 'Tasks that are looked at.'],
  ['kernel.hung_task_panic', 0, 0, 1, 'A task that hangs is a panic.'],
  ['kernel.hung_task_warnings', 10, -1, INT_MAX, 'Reports of hung tasks still to come.'],
  ['kernel.kptr_restrict', 0, 0, 2, 'Hide kernel addresses.'],
  ['kernel.max_lock_depth', 1024, INT_MIN, INT_MAX, 'Depth of nested rt-mutex locks.'],
  ['kernel.msgmax', 8192, 0, INT_MAX, 'Bytes of a System V message.'],
  ['kernel.msgmnb', 16384, 0, INT_MAX, 'Bytes of a System V message queue.'],
  ['kernel.msgmni', 32000, 0, 32768, 'System V message queues.'],
  ['kernel.nmi_watchdog', 0, 0, 1, 'Watch for CPUs that are stuck in the kernel.'],
  ['kernel.numa_balancing', 0, 0, 3, 'Move pages to the node that uses them.'],
  ['kernel.panic_on_oops', 0, INT_MIN, INT_MAX, 'An oops is a panic.'],
  ['kernel.panic_on_warn', 0, 0, 1, 'A warning is a panic.'],
  ['kernel.perf_event_paranoid', 3, INT_MIN, INT_MAX, 'Who may measure.'],
  ['kernel.printk_ratelimit', 5, INT_MIN, INT_MAX, 'Seconds over which messages are limited.'],
  ['kernel.printk_ratelimit_burst', 10, INT_MIN, INT_MAX, 'Messages before that limit holds.'],
  ['kernel.sched_autogroup_enabled', 0, 0, 1, 'One group of tasks a session.'],
  ['kernel.sched_rt_period_us', 1000000, 1, INT_MAX, 'Period of real-time throttling.'],
  ['kernel.sched_rt_runtime_us', 950000, -1, INT_MAX, 'Real-time share of it.'],
  ['kernel.shmmni', 4096, 0, 32768, 'System V shared memory segments.'],
  ['kernel.softlockup_panic', 0, 0, 1, 'A CPU that is stuck is a panic.'],
  ['kernel.sysrq', 438, INT_MIN, INT_MAX, 'Which keys of the magic SysRq work.'],
  ['kernel.tainted', 0, 0, ULONG_MAX, 'What makes reports of this kernel doubtful.'],
  ['kernel.timer_migration', 1, 0, 1, 'Timers move off idle CPUs.'],
  ['kernel.unprivileged_bpf_disabled', 2, 0, 2, 'Who may load BPF programs.'],
  ['kernel.watchdog', 1, 0, 1, 'Both watchdogs.'],
  ['kernel.watchdog_thresh', 10, 0, 60, 'Seconds after which a CPU counts as stuck.'],
  ['fs.aio-max-nr', 65536, 0, ULONG_MAX, 'Asynchronous requests that may be open.'],
  ['fs.lease-break-time', 45, INT_MIN, INT_MAX, 'Seconds until a lease is broken.'],
  ['fs.leases-enable', 1, INT_MIN, INT_MAX, 'Leases of files.'],
  ['fs.mount-max', 100000, 1, INT_MAX, 'Mounts in a namespace.'],
  ['fs.nr_open', 1048576, 64, 2147483584, 'Files that RLIMIT_NOFILE may allow.'],
  ['fs.overflowgid', 65534, 0, 65535, 'Group shown for one that does not fit.'],
  ['fs.overflowuid', 65534, 0, 65535, 'User shown for one that does not fit.'],
  ['fs.pipe-max-size', 1048576, 0, UINT_MAX, 'Bytes that a user may ask a pipe to hold.'],
  ['fs.pipe-user-pages-hard', 0, 0, ULONG_MAX, 'Pages of a user’s pipes, hard limit.'],
  ['fs.pipe-user-pages-soft', 16384, 0, ULONG_MAX, 'Pages of a user’s pipes, soft limit.'],
  ['fs.protected_fifos', 0, 0, 2, 'Others’ pipes in sticky folders.'],
  ['fs.protected_hardlinks', 1, 0, 1, 'Hard links to others’ files.'],
  ['fs.protected_regular', 0, 0, 2, 'Others’ files in sticky folders.'],
  ['fs.protected_symlinks', 1, 0, 1, 'Others’ links in sticky folders.'],
  ['fs.suid_dumpable', 0, 0, 2, 'Core files of set-user-ID programs.'],
]

/** Figures and constants: `Permission denied` for who would write them. */
export const READ_ONLY: Readonly<Record<string, (k: Kernel) => string>> = {
  ...MORE_CONSTANTS,
  'kernel.ostype': () => 'Linux',
  'kernel.osrelease': () => '6.1.0-56-amd64',
  'kernel.version': () => '#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)',
  'kernel.ngroups_max': () => '65536',
  'kernel.cap_last_cap': () => '40',
  'kernel.random.boot_id': (k) => boot_id(k.config.seed),
  'kernel.random.entropy_avail': () => '256',
  'kernel.random.poolsize': () => '256',
  'kernel.random.uuid': (k) => boot_id(k.config.seed + 1),
  'kernel.ns_last_pid': (k) => `${k.var.next_pid - 1}`,
  'fs.aio-nr': () => '0',
  'fs.dentry-state': (k) =>
    `${objects_in_use(k, cache_by_name(k, 'dentry'))}\t${list_lru_count(k, DENTRY_LRU)}\t45\t0\t${negative_dentries(k)}\t0`,
  'fs.file-nr': (k) => `${k.file.meta.nr_live}\t0\t${text_read(k, 'fs.file-max')}`,
  'fs.inode-nr': (k) => `${nr_inodes(k)}\t${list_lru_count(k, INODE_LRU)}`,
  'fs.inode-state': (k) => `${nr_inodes(k)}\t${list_lru_count(k, INODE_LRU)}\t0\t0\t0\t0\t0`,
}

/** Every kind of inode has a cache of its own; most of those of a boot are of tracefs. */
function nr_inodes(k: Kernel): number {
  const caches = cache_names(k).filter((name) => /(^|_)inode_cache$|^bdev_cache$|^dax_cache$/.test(name))
  return caches
    .filter((name) => !/lsm/.test(name))
    .reduce((sum, name) => sum + objects_in_use(k, cache_by_name(k, name)), 0)
}
function negative_dentries(k: Kernel): number {
  let nr = 0
  for (let d = 1; d < k.dentry.meta.high; d++) if (k.dentry.obj[d] !== 0 && k.dentry.inode[d] === 0) nr++
  return nr
}

/** The same for the same seed. */
function boot_id(seed: number): string {
  const part = (n: number): string => (Math.imul(seed + 1, 0x9e3779b1 + 2 * n) >>> 0).toString(16).padStart(8, '0')
  const [a, b, c, d] = [part(1), part(2), part(3), part(4)]
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${d}`
}
