/**
 * Pressure as tasks make it: what a task does that counts (TSK_…), and the state that this gives each CPU, in the task's
 * cgroup and in all above. The averages are made in sched/psi.ts. Linux: kernel/sched/psi.c.
 */
import { TASK_UNINTERRUPTIBLE, type Kernel } from './kernel'

// ---- PSI task flags (include/linux/psi_types.h)
export const TSK_MEMSTALL = 1
export const TSK_IOWAIT = 2
export const TSK_RUNNING = 4
export const TSK_MEMSTALL_RUNNING = 8
export const TSK_ONCPU = 16
/** A memory stall that ends with the sleep inside it. */
export const TSK_LEAVE_ON_WAKE = 32
export const NR_PSI_COUNTS = 5

// ---- PSI states per CPU (bits of `psi.state_mask`, words of `psi.times`)
export const PSI_IO_SOME = 0
export const PSI_IO_FULL = 1
export const PSI_MEM_SOME = 2
export const PSI_MEM_FULL = 3
export const PSI_CPU_SOME = 4
export const PSI_CPU_FULL = 5
export const PSI_NONIDLE = 6
export const NR_PSI_STATES = 7

/** The running task enters a memory stall (reclaim, refault); true when it is the outermost one: give it to `…_leave`. */
export function psi_memstall_enter(k: Kernel): boolean {
  const t = k.var.current
  if (t === 0 || (k.task.psi_flags[t]! & TSK_MEMSTALL) !== 0) return false
  psi_task_change(k, t, 0, TSK_MEMSTALL | TSK_MEMSTALL_RUNNING)
  return true
}

/** Ends it; when the task went to sleep inside, the stall lasts until it wakes. */
export function psi_memstall_leave(k: Kernel, outermost: boolean): void {
  const t = k.var.current
  if (!outermost || t === 0) return
  if (k.task.state[t] === TASK_UNINTERRUPTIBLE) k.task.psi_flags[t]! |= TSK_LEAVE_ON_WAKE
  else psi_task_change(k, t, TSK_MEMSTALL | TSK_MEMSTALL_RUNNING, 0)
}

/** Changes a task's PSI flags and with them the state of its CPU, in its cgroup and all above. */
export function psi_task_change(k: Kernel, t: number, clear: number, set: number): void {
  const old = k.task.psi_flags[t]!
  const flags = (old & ~clear) | set
  const changed = (old ^ flags) & (TSK_LEAVE_ON_WAKE - 1)
  if (changed === 0) return
  k.task.psi_flags[t] = flags
  const cpu = k.task.cpu[t]!
  for (let m = k.task.cgroup[t]!; m > 0; m = k.memcg.parent[m]!) psi_group_change(k, m, cpu, changed, flags)
  psi_group_change(k, 0, cpu, changed, flags)
}

/** cgroup_move_task: what the task does counts in its new cgroup from now on. */
export function psi_move_task(k: Kernel, t: number, cgroup: number): void {
  const flags = k.task.psi_flags[t]!
  psi_task_change(k, t, flags, 0)
  cgroup_cpu_left(k, t, 1)
  k.task.cgroup[t] = cgroup
  cgroup_cpu_left(k, t, -1)
  psi_task_change(k, t, 0, flags)
}

/** The time of a task that leaves a cgroup (sign 1) stays there; what it brings from elsewhere (-1) does not count. */
export function cgroup_cpu_left(k: Kernel, t: number, sign: 1 | -1): void {
  for (let m = k.task.cgroup[t]!; m > 0; m = k.memcg.parent[m]!) {
    k.memcg.cpu_left[m * 2]! += sign * k.task.utime[t]!
    k.memcg.cpu_left[m * 2 + 1]! += sign * k.task.stime[t]!
  }
}

/** Row of `psi`: what a CPU does for a cgroup; 0 is the machine. */
export function psi_row(k: Kernel, cgroup: number, cpu: number): number {
  return 1 + cgroup * k.config.cpus + cpu
}

/** The time in the old state is recorded, then the CPU is in a new one. */
function psi_group_change(k: Kernel, cgroup: number, cpu: number, changed: number, flags: number): void {
  const row = psi_row(k, cgroup, cpu)
  if (row >= k.psi.meta.high) k.psi.meta.high = row + 1
  psi_record_times(k, row)
  const nr = k.psi.nr
  const base = row * NR_PSI_COUNTS
  for (let i = 0; i < NR_PSI_COUNTS; i++) {
    const mask = 1 << i
    if ((changed & mask) !== 0) nr[base + i]! += (flags & mask) !== 0 ? 1 : -1
  }
  const memstall = nr[base]!
  const iowait = nr[base + 1]!
  const running = nr[base + 2]!
  const memstall_running = nr[base + 3]!
  const oncpu = nr[base + 4]!
  const curr = k.cpu.current[cpu + 1]!
  let mask = 0
  if (iowait > 0) mask |= 1 << PSI_IO_SOME
  if (iowait > 0 && running === 0) mask |= 1 << PSI_IO_FULL
  if (memstall > 0) mask |= 1 << PSI_MEM_SOME
  if (memstall > 0 && running === memstall_running) mask |= 1 << PSI_MEM_FULL
  if (running > oncpu) mask |= 1 << PSI_CPU_SOME
  // A cgroup waits for the CPU whole when others have it.
  if (cgroup !== 0 && running > 0 && oncpu === 0) mask |= 1 << PSI_CPU_FULL
  if (iowait > 0 || memstall > 0 || running > 0) mask |= 1 << PSI_NONIDLE
  // A CPU whose running task reclaims does no productive work, whoever else could run.
  if (curr !== 0 && (k.task.psi_flags[curr]! & TSK_MEMSTALL) !== 0 && oncpu > 0) mask |= 1 << PSI_MEM_FULL
  k.psi.state_mask[row] = mask
}

/** Adds the time since the last change to the states a group is in on a CPU. */
export function psi_record_times(k: Kernel, row: number): void {
  const psi = k.psi
  const delta = k.var.now - psi.state_start[row]!
  if (delta <= 0) return
  psi.state_start[row] = k.var.now
  const mask = psi.state_mask[row]!
  if (mask === 0) return
  for (let s = 0; s < NR_PSI_STATES; s++) if ((mask & (1 << s)) !== 0) psi.times[row * NR_PSI_STATES + s]! += delta
}

/** What the averages of a group are made of (sched/psi.ts). */
export interface PsiGroup {
  /** ns of stall per state. */
  total: number[]
  avg_total: number[]
  /** Per state three averages, fixed point of per cent. */
  avg: number[]
  avg_last_update: number
}
export function psi_group(k: Kernel, cgroup = 0): PsiGroup {
  const groups = (k.var.mod['psi'] ??= {}) as Record<number, PsiGroup>
  return (groups[cgroup] ??= {
    total: new Array<number>(PSI_NONIDLE).fill(0),
    avg_total: new Array<number>(PSI_NONIDLE).fill(0),
    avg: new Array<number>(PSI_NONIDLE * 3).fill(0),
    avg_last_update: k.var.now,
  })
}

/** psi_cgroup_alloc: a new cgroup, or the row of a removed one again, starts from nothing. */
export function psi_cgroup_alloc(k: Kernel, cgroup: number): void {
  const { psi, config } = k
  psi_cgroup_free(k, cgroup)
  for (let row = psi_row(k, cgroup, 0); row < psi_row(k, cgroup, config.cpus); row++) {
    psi.state_mask[row] = 0
    psi.state_start[row] = k.var.now
    for (const times of [psi.times, psi.times_prev]) times.fill(0, row * NR_PSI_STATES, (row + 1) * NR_PSI_STATES)
    if (row >= psi.meta.high) psi.meta.high = row + 1
  }
  psi_group(k, cgroup)
}

export function psi_cgroup_free(k: Kernel, cgroup: number): void {
  delete (k.var.mod['psi'] as Record<number, PsiGroup>)[cgroup]
}
