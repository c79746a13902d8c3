/**
 * The sysctls that are there for tools to find: no part of the model has to do with them, and nothing says what they are
 * for. Those of the networks (/proc/sys/net) are left out.
 *
 * Linux: kernel/sysctl.c and the tables of the subsystems, as Debian's 6.1.192 registers them. Bounds of what is written
 * are the handlers'.
 */
import type { Kernel } from '../kernel'
import { int_div } from '../lib/math'
import { default_max_threads } from '../limits'
import { set_text } from './sysctl_text'
import { INT_MAX, INT_MIN, UINT_MAX, ULONG_MAX, type SysctlKind } from './sysctl_parse'

export interface MoreNumber {
  readonly name: string
  readonly kind: SysctlKind
  readonly value: number
  readonly min: number
  readonly max: number
  readonly mode: number
}

/** A line is: bounds (or a handler of its own), then names with their values. `@` marks what only root may read. */
const NUMBERS = `
int      debug.exception-trace=1 dev.hpet.max-user-freq=64 dev.mac_hid.mouse_button2_keycode=97
int      dev.mac_hid.mouse_button3_keycode=100 fs.dir-notify-enable=1 fs.mqueue.queues_max=256 fs.quota.warnings=1
int      kernel.apparmor_display_secid_mode=0@ kernel.core_pipe_limit=0 kernel.ftrace_dump_on_oops=0 kernel.io_delay_type=0
int      kernel.panic_on_io_nmi=0 kernel.panic_on_unrecovered_nmi=0 kernel.perf_event_mlock_kb=516
int      kernel.print-fatal-signals=0 kernel.real-root-dev=0 kernel.sched_rr_timeslice_ms=100 kernel.traceoff_on_warning=0
int      kernel.tracepoint_printk=0 kernel.unknown_nmi_panic=0 kernel.unprivileged_userns_apparmor_policy=1@
int      kernel.unprivileged_userns_clone=1 kernel.ftrace_enabled=1 kernel.stack_tracer_enabled=0
0..1     abi.vsyscall32=1 debug.kprobes-optimization=1 dev.mac_hid.mouse_button_emulation=0 dev.tty.ldisc_autoload=1
0..1     fs.verity.require_signatures=0 kernel.auto_msgmni=0 kernel.bpf_stats_enabled=0 kernel.hardlockup_all_cpu_backtrace=0
0..1     kernel.firmware_config.force_sysfs_fallback=0 kernel.firmware_config.ignore_sysfs_fallback=0
0..1     kernel.hardlockup_panic=0 kernel.hung_task_all_cpu_backtrace=0 kernel.kexec_load_disabled=0
0..1     kernel.oops_all_cpu_backtrace=0 kernel.panic_on_rcu_stall=0 kernel.sched_energy_aware=1 kernel.sched_schedstats=0
0..1     kernel.shm_rmid_forced=0 kernel.soft_watchdog=1 kernel.softlockup_all_cpu_backtrace=0 kernel.split_lock_mitigate=1
0..1     kernel.task_delayacct=0
1..1     kernel.modules_disabled=0
-1..1    kernel.sysctl_writes_strict=1
0..3     kernel.yama.ptrace_scope=0
0..      fs.fanotify.max_queued_events=16384 fs.inotify.max_queued_events=16384 kernel.keys.gc_delay=300
0..      kernel.keys.persistent_keyring_expiry=259200 kernel.numa_balancing_promote_rate_limit_MBps=65536
0..      kernel.pty.max=4096 kernel.pty.reserve=1024 user.max_fanotify_groups=128 user.max_inotify_instances=128
0..      fs.fanotify.max_user_groups=128 fs.inotify.max_user_instances=128
1..      kernel.keys.maxbytes=20000 kernel.keys.maxkeys=200 kernel.keys.root_maxbytes=25000000
1..      kernel.keys.root_maxkeys=1000000 kernel.max_rcu_stall_to_panic=0 kernel.perf_event_max_sample_rate=100000
1..      kernel.sched_cfs_bandwidth_slice_us=5000
1..65536 fs.mqueue.msg_default=10 fs.mqueue.msg_max=10
128..16777216 fs.mqueue.msgsize_default=8192 fs.mqueue.msgsize_max=8192
0..100   kernel.perf_cpu_time_max_percent=25
0..1000  kernel.perf_event_max_contexts_per_stack=8
0..640   kernel.perf_event_max_stack=127
0..10000 kernel.printk_delay=0
0..65535 kernel.overflowgid=65534 kernel.overflowuid=65534
uint     kernel.oops_limit=10000 kernel.warn_limit=0 kernel.sched_deadline_period_max_us=4194304
uint     kernel.sched_deadline_period_min_us=100
ulong    kernel.acpi_video_flags=0 kernel.panic_print=0 kernel.hung_task_check_interval_secs=0
0..      user.max_cgroup_namespaces=0 user.max_ipc_namespaces=0 user.max_mnt_namespaces=0 user.max_net_namespaces=0
0..      user.max_pid_namespaces=0 user.max_time_namespaces=0 user.max_user_namespaces=0 user.max_uts_namespaces=0
0..      fs.fanotify.max_user_marks=0 user.max_fanotify_marks=0 fs.inotify.max_user_watches=0 user.max_inotify_watches=0
ulong    fs.epoll.max_user_watches=0
ulong    kernel.random.urandom_min_reseed_secs=60 kernel.random.write_wakeup_threshold=256
`
function bounds(word: string): readonly [SysctlKind, number, number] {
  if (word === 'int') return ['int', INT_MIN, INT_MAX]
  if (word === 'uint') return ['uint', 0, UINT_MAX]
  if (word === 'ulong') return ['ulong', 0, ULONG_MAX]
  const [min, max] = word.split('..') as [string, string]
  return ['int', Number(min), max === '' ? INT_MAX : Number(max)]
}

function numbers(): MoreNumber[] {
  return NUMBERS.trim()
    .split('\n')
    .flatMap((line) => {
      const [word, ...entries] = line.split(/ +/) as [string, ...string[]]
      const [kind, min, max] = bounds(word)
      return entries.map((entry) => {
        const [name, value] = entry.split('=') as [string, string]
        const mode = value.endsWith('@') ? 0o600 : 0o644
        return { name, kind, value: parseInt(value, 10), min, max, mode }
      })
    })
}
export const MORE_NUMBERS: readonly MoreNumber[] = numbers()

/** Files that cannot be written, or whose text nothing of the machine follows. */
export const MORE_CONSTANTS: Readonly<Record<string, (k: Kernel) => string>> = {
  ...Object.fromEntries(
    ['allocated_dquots', 'cache_hits', 'drops', 'free_dquots', 'lookups', 'reads', 'syncs', 'writes'].map((name) => [
      `fs.quota.${name}`,
      () => '0',
    ]),
  ),
  'kernel.arch': () => 'x86_64',
  'kernel.bootloader_type': () => '176',
  'kernel.bootloader_version': () => '0',
  'kernel.cad_pid': () => '1',
  'kernel.msg_next_id': () => '-1',
  'kernel.printk_devkmsg': () => 'ratelimit',
  'kernel.pty.nr': () => '0',
  'kernel.seccomp.actions_avail': () => 'kill_process kill_thread trap errno user_notif trace log allow',
  'kernel.seccomp.actions_logged': () => 'kill_process kill_thread trap errno user_notif trace log',
  'kernel.sem_next_id': () => '-1',
  'kernel.shm_next_id': () => '-1',
  'kernel.watchdog_cpumask': (k) => (k.config.cpus === 1 ? '0' : `0-${k.config.cpus - 1}`),
}

/** Limits that memory decides, from the frames that there were when the subsystems began. */
export function size_limits(k: Kernel, totalram_pages: number): void {
  const { sysctl } = k.var
  sysctl['kernel.threads-max'] = default_max_threads(totalram_pages)
  for (const of of ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'])
    sysctl[`user.max_${of}_namespaces`] = int_div(sysctl['kernel.threads-max'], 2)
  const watches = (cost: number): number =>
    Math.min(Math.max(int_div(int_div(totalram_pages, 100) * 4096, cost), 8192), 2 ** 20)
  for (const name of ['fs.inotify.max_user_watches', 'user.max_inotify_watches'])
    sysctl[name] = watches(INOTIFY_WATCH_COST)
  for (const name of ['fs.fanotify.max_user_marks', 'user.max_fanotify_marks'])
    sysctl[name] = watches(FANOTIFY_MARK_COST)
  // systemd lifts the limit of open files.
  if (k.config.bare) set_text(k, 'fs.file-max', String(k.var.mod['files_max']))
  sysctl['fs.epoll.max_user_watches'] = int_div(int_div(totalram_pages, 25) * 4096, EP_ITEM_COST)
}
/** What a watch holds in memory: its mark or item, and with a mark twice an inode. */
const EP_ITEM_COST = 184
const INOTIFY_WATCH_COST = 80 + 2 * 632
const FANOTIFY_MARK_COST = 72 + 2 * 632
