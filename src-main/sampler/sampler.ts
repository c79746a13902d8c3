/**
 * Kernel to sample (layout: src-shared/sample.ts): reads, never changes the machine. Names are ids of `k.strings`; no new
 * name is made here, so looking leaves no trace.
 */
import { M, MACHINE, MEMINFO, S, SERIES, VMSTAT } from '@shared/counters'
import { BUDDY, HEADER, P, PROC, SAMPLE_VERSION, SLAB } from '@shared/sample'
import {
  MAX_NR_ZONES,
  MAX_ORDER,
  MIGRATE_HIGHATOMIC,
  PF_KTHREAD,
  STEP_NS,
  TASK_DEAD,
  TASK_RUNNING,
  type Kernel,
} from '../kernel/kernel'
import { free_list } from '../kernel/mm/buddy'
import { oom_badness, oom_totalpages } from '../kernel/mm/oom_kill'
import { all_caches, SLAB_RECLAIM_ACCOUNT } from '../kernel/mm/slab_common'
import { slabinfo_row } from '../kernel/mm/slabinfo'
import { si_swapinfo } from '../kernel/mm/swapfile'
import { meminfo_into } from '../kernel/mm/vmstat'
import { get_mm_counter, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from '../kernel/mm/rss_stat'
import { nr_threads, parent_pid, task_rss, task_state_char } from '../kernel/proc/pid'
import { count_threads, total_ctxt, vmstat_into } from '../kernel/proc/system'
import { FIXED_1, nr_iowait, nr_running } from '../kernel/sched/loadavg'
import { psi_into } from '../kernel/sched/psi'
import { first_task, next_task, threads } from '../kernel/task'
import { pss_of, type Shares } from './pss'

/** One sample of the machine. */
export function sample(k: Kernel): Float64Array {
  const tasks = leaders(k)
  const caches = all_caches(k)
  const zones = [0, 1, 2].filter((zone) => k.zone.present_pages[zone + 1]! > 0)
  const nr_buddy = zones.length * BUDDY_TYPES
  const proc_at = HEADER.length + SERIES.length
  const slab_at = proc_at + tasks.length * PROC.length
  const buddy_at = slab_at + caches.length * SLAB.length
  const out = new Float64Array(buddy_at + nr_buddy * BUDDY.length)
  const ms = (k.var.step * STEP_NS) / 1e6
  out.set([SAMPLE_VERSION, ms, k.var.step, SERIES.length, tasks.length, caches.length, nr_buddy, 0])
  vmstat_into(k, out, HEADER.length)
  meminfo_into(k, out, HEADER.length + VMSTAT.length)
  machine_into(k, out, HEADER.length + VMSTAT.length + MEMINFO.length)
  const totalpages = oom_totalpages(k)
  tasks.forEach((t, i) => process_row(k, t, totalpages, out, proc_at + i * PROC.length))
  caches.forEach((cache, i) => slab_row(k, cache, out, slab_at + i * SLAB.length))
  zones.forEach((zone, i) => buddy_rows(k, zone, out, buddy_at + i * BUDDY_TYPES * BUDDY.length))
  return out
}
const BUDDY_TYPES = MIGRATE_HIGHATOMIC + 1

/** Processes (thread group leaders) in the order of their creation. */
function leaders(k: Kernel): number[] {
  const list: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    if (k.task.tgid[t] === k.task.pid[t] && k.task.state[t] !== TASK_DEAD) list.push(t)
  return list
}

function machine_into(k: Kernel, out: Float64Array, at: number): void {
  out.set(k.machine, at)
  const put = (name: (typeof MACHINE)[number][0], value: number): void => {
    out[at + M[name]] = value
  }
  const cpu = k.cpu
  let [user, nice, system, idle, iowait, softirq] = [0, 0, 0, 0, 0, 0]
  for (let row = 1; row <= k.config.cpus; row++) {
    user += cpu.user[row]!
    nice += cpu.nice[row]!
    system += cpu.system[row]!
    idle += cpu.idle[row]!
    iowait += cpu.iowait[row]!
    softirq += cpu.softirq[row]!
  }
  put('uptime_ms', (k.var.step * STEP_NS) / 1e6)
  put('cpu_user', user)
  put('cpu_nice', nice)
  put('cpu_system', system)
  put('cpu_idle', idle)
  put('cpu_iowait', iowait)
  put('cpu_softirq', softirq)
  put('ctxt', total_ctxt(k))
  put('procs_running', nr_running(k))
  put('procs_blocked', nr_iowait(k))
  const counted = count_threads(k)
  put('nr_threads', counted.all)
  put('nr_kthreads', counted.kernel)
  put('load1', k.var.load[0] / FIXED_1)
  put('load5', k.var.load[1] / FIXED_1)
  put('load15', k.var.load[2] / FIXED_1)
  psi_into(k, out, at)
  const wmark = (which: number): number => {
    let sum = 0
    for (let zone = 1; zone <= MAX_NR_ZONES; zone++) sum += k.zone.watermark[zone * 3 + which]!
    return sum
  }
  put('wmark_min', wmark(0))
  put('wmark_low', wmark(1))
  put('wmark_high', wmark(2))
  put('zone_dma_free', k.zone.nr_free[1]!)
  put('zone_dma32_free', k.zone.nr_free[2]!)
  put('zone_normal_free', k.zone.nr_free[3]!)
  put('kswapd_awake', k.task.state[threads(k).kswapd] === TASK_RUNNING ? 1 : 0)
  const { total: swap_total, free: swap_free } = si_swapinfo(k)
  put('swap_used', (swap_total - swap_free) * 4)
  put('swap_cached_slots', out[HEADER.length + S.nr_swapcached]!)
  devices_into(k, put)
}

/** Busy time of the disks but those that only swap lives on, and of those. */
function devices_into(k: Kernel, put: (name: (typeof MACHINE)[number][0], value: number) => void): void {
  const d = k.device
  const swap = new Set<number>()
  for (let si = 1; si < k.swap_info.meta.high; si++)
    if (k.swap_info.is_file[si] === 0) swap.add(k.swap_info.device[si]!)
  let [busy, swap_busy] = [0, 0]
  for (let i = 1; i < d.meta.high; i++) {
    if (swap.has(i)) swap_busy += d.busy_ns[i]!
    else busy += d.busy_ns[i]!
  }
  put('disk_busy', busy)
  put('swap_busy', swap_busy)
}

const NO_SHARES: Shares = { pss: 0, uss: 0, thp: 0 }

function process_row(k: Kernel, t: number, totalpages: number, out: Float64Array, at: number): void {
  const task = k.task
  const mm = task.mm[t]!
  const m = (column: Float64Array): number => (mm === 0 ? 0 : column[mm]!)
  const kthread = (task.flags[t]! & PF_KTHREAD) !== 0
  const shares = mm === 0 ? NO_SHARES : pss_of(k, mm)
  const rss = mm === 0 ? 0 : task_rss(k, mm)
  const counter = (member: number): number => (mm === 0 ? 0 : get_mm_counter(k, mm, member))
  const badness = kthread ? -Infinity : oom_badness(k, t, totalpages)
  const exempt = badness === -Infinity
  out[at + P.pid] = task.pid[t]!
  out[at + P.ppid] = parent_pid(k, t)
  out[at + P.uid] = task.uid[t]!
  out[at + P.start_ns] = task.start_ns[t]!
  out[at + P.name] = task.comm[t]!
  out[at + P.cmdline] = task.cmdline[t]!
  out[at + P.state] = task_state_char(k, t).charCodeAt(0)
  out[at + P.flags] = kthread ? 1 : 0
  out[at + P.nice] = task.nice[t]!
  out[at + P.priority] = 20 + task.nice[t]!
  out[at + P.threads] = nr_threads(k, t)
  out[at + P.oom_score_adj] = task.oom_score_adj[t]!
  out[at + P.oom_score] = exempt
    ? 0
    : Math.max(0, Math.trunc(((1000 + Math.trunc((badness * 1000) / totalpages)) * 2) / 3))
  out[at + P.oom_points] = exempt ? Number.NaN : badness
  out[at + P.VmSize] = m(k.mm.total_vm) * 4
  out[at + P.VmRSS] = rss * 4
  out[at + P.RssAnon] = counter(MM_ANONPAGES) * 4
  out[at + P.RssFile] = counter(MM_FILEPAGES) * 4
  out[at + P.RssShmem] = counter(MM_SHMEMPAGES) * 4
  out[at + P.Pss] = Math.floor(shares.pss * 4)
  out[at + P.Uss] = shares.uss * 4
  out[at + P.VmSwap] = counter(MM_SWAPENTS) * 4
  out[at + P.VmPTE] = m(k.mm.pgtables_bytes) / 1024
  out[at + P.VmLck] = m(k.mm.locked_vm) * 4
  out[at + P.VmHWM] = Math.max(m(k.mm.hiwater_rss), rss) * 4
  out[at + P.AnonHugePages] = shares.thp * 4
  out[at + P.minflt] = task.min_flt[t]!
  out[at + P.majflt] = task.maj_flt[t]!
  out[at + P.utime_ns] = task.utime[t]!
  out[at + P.stime_ns] = task.stime[t]!
  out[at + P.cpu] = task.cpu[t]!
  out[at + P.cgroup] = task.cgroup[t]!
  out[at + P.read_bytes] = task.read_bytes[t]!
  out[at + P.write_bytes] = task.write_bytes[t]!
  out[at + P.tlb_miss] = task.tlb_miss[t]!
  out[at + P.walk_cycles] = task.walk_cycles[t]!
  out[at + P.wchan] = task.wchan[t]!
  out[at + P.delay_ns] = task.delay_ns[t]! + task.reclaim_ns[t]!
}

function slab_row(k: Kernel, cache: number, out: Float64Array, at: number): void {
  const s = slabinfo_row(k, cache)
  const reclaimable = (k.kmem_cache.flags[cache]! & SLAB_RECLAIM_ACCOUNT) !== 0 ? 1 : 0
  out[at] = k.kmem_cache.name[cache]!
  out[at + 1] = s.active_objs
  out[at + 2] = s.num_objs
  out[at + 3] = s.objsize
  out[at + 4] = s.objperslab
  out[at + 5] = s.pagesperslab
  out[at + 6] = s.active_slabs
  out[at + 7] = s.num_slabs
  out[at + 8] = reclaimable
}

function buddy_rows(k: Kernel, zone: number, out: Float64Array, at: number): void {
  for (let type = 0; type < BUDDY_TYPES; type++) {
    out[at] = zone
    out[at + 1] = type
    for (let order = 0; order < MAX_ORDER; order++)
      out[at + 2 + order] = k.free_area.nr_free[free_list(zone, type, order)]!
    at += BUDDY.length
  }
}
