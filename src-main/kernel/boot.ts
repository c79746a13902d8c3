/**
 * The map of the machine: opens the state, then calls every module's init in the order of dependency. Afterwards it is
 * time 0: kernel threads sleep, pid 1 is ready to run, nothing else exists.
 */
import { assert } from '@shared/assert'
import { M } from '@shared/counters'
import { open_kernel, PF_KTHREAD, string_id, type Kernel, type MachineConfig } from './kernel'
import { row_touch } from './lib/arena'
import { list_lru_alloc } from './mm/list_lru'
import { timer_del, timer_first } from './lib/timer'
import { tlb_init } from './arch/x86/tlb'
import { add_device, next_device_name } from './block/device'
import { with_nr_cpus } from './boot_params'
import { cmdline_text } from './cmdline'
import { add_disks, driver_modules } from './drivers/gendisk'
import { sysctl_init } from './entry/sysctl'
import { do_sysctl_args } from './entry/sysctl_args'
import { size_limits } from './entry/sysctl_more'
import { start_fs_threads, start_kernel_threads } from './kthreads'
import { FS_EXT4 } from './mm/inode'
import { mount_ext4 } from './mm/super'
import { vfs_create } from './mm/dcache'
import { kcompactd_run } from './mm/kcompactd'
import { hugetlb_boot_pages } from './mm/hugetlb_boot'
import { khugepaged } from './mm/khugepaged'
import { free_initmem, mm_init } from './mm/page_alloc'
import { sync_mm_rss } from './mm/rss_stat'
import { bio_end_io } from './mm/page_io'
import { swap_init } from './mm/swapon'
import { zswap_init } from './mm/zswap'
import { do_execve } from './sched/exec'
import { EXT4_MODULES, free_module_init, load_modules } from './drivers/modules'
import { kernel_thread } from './sched/fork'
import { LD_SO_PATH, LIBC_PATH } from './sched/image'
import { unpack_initramfs } from './sched/initramfs'
import { loadavg_init } from './sched/loadavg'
import { version_text } from './proc/system'
import { rcu_init, rcu_scheduler_starting } from './rcu/tree'
import { psi_init } from './sched/psi'
import { run_startup_script } from './startup'
import { watch_init } from './sched/timer'
import { first_task, next_task, printk, threads, TIMER_BIO, TIMER_WAKE, wake_up_task } from './task'

export function boot(config: MachineConfig): Kernel {
  const k = open_kernel(with_nr_cpus(config))
  string_id(k, '/')
  row_touch(k.cpu, k.config.cpus)
  row_touch(k.psi, k.config.cpus)
  // Tables that are indexed by something else than row_alloc, and small.
  for (const table of [k.lru, k.lruvec, k.lru_batch, k.wb]) row_touch(table, table.meta.capacity - 1)
  list_lru_alloc(k, 0)
  rcu_init(k)
  sysctl_init(k)
  zswap_init(k)
  banner(k)
  tlb_init(k)
  mm_init(k)
  size_limits(k, k.var.totalram_pages - hugetlb_boot_pages(k))
  block_init(k)
  // Made now, so that the first look at its figures changes nothing.
  khugepaged(k)
  start_init(k)
  rcu_scheduler_starting(k)
  time_zero(k)
  kcompactd_run(k)
  psi_init(k)
  loadavg_init(k)
  watch_init(k)
  return k
}

function banner(k: Kernel): void {
  printk(k, version_text().trimEnd())
  printk(k, `Command line: ${cmdline_text(k).trimEnd()}`)
}

/** The root disk (256 GiB). Swap areas bring their own devices. */
function block_init(k: Kernel): void {
  add_device(k, k.config.disk, next_device_name(k, k.config.disk), ROOT_DISK_PAGES)
}

/** What an initrd does before anything else can be read from a disk. Lab machines do it in their start-up script. */
function load_drivers(k: Kernel): void {
  const { disk, swap } = k.config
  for (const kind of [disk, ...swap.map(({ device }) => device)]) load_modules(k, driver_modules(k, kind))
  add_disks(k)
  load_modules(k, EXT4_MODULES)
  free_module_init(k)
  mount_ext4(k)
  start_fs_threads(k)
}
const ROOT_DISK_PAGES = 2 ** 26

/** Pid 1 is made first and becomes /sbin/init; kthreadd and its children follow. */
function start_init(k: Kernel): void {
  const init = kernel_thread(k, 'swapper', 0)
  threads(k).init = init
  start_kernel_threads(k)
  k.task.flags[init]! &= ~PF_KTHREAD
  k.task.rlim_stack[init] = 8 * 2 ** 20
  k.task.rlim_memlock[init] = 8 * 2 ** 20
  k.task.rlim_data[init] = Infinity
  k.task.rlim_as[init] = Infinity
  k.var.current = init
  if (k.config.bare) unpack_initramfs(k)
  else {
    load_drivers(k)
    vfs_create(k, '/sbin/init', INIT_BYTES, FS_EXT4)
    vfs_create(k, LIBC_PATH, LIBC_BYTES, FS_EXT4)
    vfs_create(k, LD_SO_PATH, LD_SO_BYTES, FS_EXT4)
  }
  free_initmem(k)
  if (!k.config.bare) swap_init(k)
  do_sysctl_args(k)
  assert(do_execve(k, '/sbin/init', '/sbin/init') === 0, 'start_init: no working init found')
  if (k.config.bare) run_startup_script(k)
  // It has brought the system up: its counters have been told many times.
  sync_mm_rss(k, k.task.mm[init]!)
  k.var.current = 0
}
const INIT_BYTES = 1_838_000
const LIBC_BYTES = 1_926_256
const LD_SO_BYTES = 210_968

/** Ends what boot still has in flight: the last read-ahead, and init's waiting for it. */
function finish_io(k: Kernel): void {
  for (let timer = timer_first(k); timer !== 0; timer = timer_first(k)) {
    const { kind, arg, at } = { kind: k.timer.kind[timer]!, arg: k.timer.arg[timer]!, at: k.timer.at[timer]! }
    assert(kind === TIMER_BIO || kind === TIMER_WAKE, 'finish_io: a timer that boot should not have')
    k.var.now = Math.max(k.var.now, at)
    timer_del(k, timer)
    if (kind === TIMER_BIO) bio_end_io(k, arg)
    else {
      k.task.timer[arg] = 0
      wake_up_task(k, arg)
    }
  }
}

/** What boot took is forgotten: clocks and times begin now. */
function time_zero(k: Kernel): void {
  finish_io(k)
  k.var.now = 0
  for (let row = 1; row <= k.config.cpus; row++)
    for (const column of [
      'now',
      'user',
      'nice',
      'system',
      'idle',
      'iowait',
      'softirq',
      'ctxt',
      'loc',
      'irq',
      'softirq_rcu',
      'min_vruntime',
    ] as const)
      k.cpu[column][row] = 0
  k.psi.times.fill(0)
  k.psi.state_start.fill(0)
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
    for (const column of TASK_TIMES) k.task[column][t] = 0
  }
  k.device.pipe_until.fill(0)
  // total_forks goes on from boot: kernel threads, pid 1, and the idle tasks of all CPUs but the first.
  const forks = k.machine[M.processes]! + k.config.cpus - 1
  k.machine.fill(0)
  k.machine[M.processes] = forks
  for (const line of k.log) line[0] = 0
}
const TASK_TIMES = [
  'start_ns',
  'wake_ns',
  'sleep_ns',
  'vruntime',
  'utime',
  'stime',
  'delay_ns',
  'nvcsw',
  'nivcsw',
] as const
