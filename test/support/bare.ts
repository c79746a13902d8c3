/**
 * A small machine with one task of the lab program, for tests of memory and processes: no scheduler runs, every call is
 * made for the current task.
 */
import { open_kernel, type Kernel, type MachineConfig } from '../../src-main/kernel/kernel'
import { tlb_init } from '../../src-main/kernel/arch/x86/tlb'
import { row_touch } from '../../src-main/kernel/lib/arena'
import { free_initmem, mm_init } from '../../src-main/kernel/mm/page_alloc'
import { lru_add_drain_all } from '../../src-main/kernel/mm/swap'
import { sysctl_init } from '../../src-main/kernel/entry/sysctl'
import { sys_create } from '../../src-main/kernel/entry/file'
import { FS_TMPFS } from '../../src-main/kernel/mm/inode'
import { kernel_thread } from '../../src-main/kernel/sched/fork'
import { do_execve } from '../../src-main/kernel/sched/exec'
import { file_bytes, LAB_IMAGE } from '../../src-main/kernel/sched/image'
import { PF_KTHREAD, TASK_RUNNING } from '../../src-main/kernel/kernel'
import { deactivate_task, psi_group } from '../../src-main/kernel/task'
import { VMSTAT } from '../../src-shared/counters'
import { bareConfig } from './config'

export const MiB = 2 ** 20

export function bare_machine(config: Partial<MachineConfig> = {}): Kernel {
  const k = open_kernel(bareConfig(config))
  row_touch(k.cpu, k.config.cpus)
  row_touch(k.psi, k.config.cpus)
  psi_group(k)
  sysctl_init(k)
  tlb_init(k)
  mm_init(k)
  free_initmem(k)
  k.var.slice_end = Number.MAX_SAFE_INTEGER
  const t = kernel_thread(k, 'init', 0)
  k.task.flags[t]! &= ~PF_KTHREAD
  run_as(k, t)
  sys_create(k, '/bin/lab', file_bytes(LAB_IMAGE), FS_TMPFS)
  const error = do_execve(k, '/bin/lab', '/bin/lab')
  if (error < 0) throw new Error(`exec: ${error}`)
  return k
}

/**
 * Makes a task the running one, as a switch does: the last one leaves the run queue when it sleeps or has exited. Signals
 * and resched requests do not get in the way of a test.
 */
export function run_as(k: Kernel, t: number): void {
  const last = k.var.current
  if (last !== 0 && last !== t && k.task.state[last] !== TASK_RUNNING) deactivate_task(k, last)
  k.var.current = t
  k.cpu.current[k.var.cpu + 1] = t
  k.cpu.need_resched[k.var.cpu + 1] = 0
}

export interface Step {
  minflt: number
  majflt: number
  VmSize: number
  VmPTE: number
  RssAnon: number
  RssShmem: number
  RssFile: number
  vm: Record<string, number>
  ret: unknown
}

/** Runs something for the current task and tells what it changed, as the reference's steps do. */
export function step(k: Kernel, work: () => unknown): Step {
  const t = k.var.current
  lru_add_drain_all(k)
  const min = k.task.min_flt[t]!
  const maj = k.task.maj_flt[t]!
  const before = k.vmstat.slice()
  const ret = work()
  const mm = k.task.mm[t]!
  const vm: Record<string, number> = {}
  VMSTAT.forEach(([name], i) => {
    const d = k.vmstat[i]! - before[i]!
    if (d !== 0) vm[name] = d
  })
  return {
    minflt: k.task.min_flt[t]! - min,
    majflt: k.task.maj_flt[t]! - maj,
    VmSize: k.mm.total_vm[mm]! * 4,
    VmPTE: k.mm.pgtables_bytes[mm]! / 1024,
    RssAnon: k.mm.rss_anon[mm]! * 4,
    RssShmem: k.mm.rss_shmem[mm]! * 4,
    RssFile: k.mm.rss_file[mm]! * 4,
    vm,
    ret,
  }
}
