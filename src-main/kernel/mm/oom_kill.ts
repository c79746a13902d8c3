/**
 * The OOM killer: when nothing can be reclaimed, the task whose death frees most memory dies.
 *
 *   points = resident pages + swap entries + page tables in pages + oom_score_adj × (total pages / 1000)
 *
 * The victim only gets SIGKILL and access to the reserves; it frees its memory when it next runs. Should it not within
 * two seconds, the oom_reaper takes its anonymous memory away.
 *
 * Linux: mm/oom_kill.c. Simplified: no cpuset or mempolicy constraints.
 */
import type { OomCandidate, OomKill } from '@shared/protocol'
import { C } from '@shared/counters'
import { dump_stack } from './dump_stack'
import { int_div } from '../lib/math'
import {
  __GFP_FS,
  MMF_OOM_SKIP,
  PF_EXITING,
  PF_KTHREAD,
  PF_OOM_VICTIM,
  VM_HUGETLB,
  VM_PFNMAP,
  VM_SHARED,
  type Kernel,
} from '../kernel'
import { COST } from '../costs'
import { timer_add } from '../lib/timer'
import {
  charge,
  fatal_signal_pending,
  first_task,
  is_oom_victim,
  kthread_sleep,
  next_task,
  printk,
  send_signal,
  SIGKILL,
  threads,
  TIMER_REAPER,
  trace,
} from '../task'
import {
  memcg_event,
  mem_cgroup_get_max,
  mem_cgroup_oom_exit,
  mem_cgroup_get_oom_group,
  mem_cgroup_in_subtree,
  mem_cgroup_tasks,
  MEMCG_OOM_GROUP_KILL,
  MEMCG_OOM_KILL,
  cgroup_path,
} from './memcontrol'
import { comm, dump_header, gfp_text, oom_candidates } from './oom_report'
import { get_mm_counter, get_mm_rss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from './rss_stat'
import { total_swap_pages } from './swapfile'
import { zap_page_range } from './zap'

export const OOM_SCORE_ADJ_MIN = -1000
const OOM_REAPER_DELAY_NS = 2_000_000_000

/** One run of the killer. */
export interface OomControl {
  gfp: number
  order: number
  /** The cgroup at its limit, 0 for the machine. */
  memcg: number
  totalpages: number
  /** oom_kill_allocating_task chose. */
  allocating_task?: boolean
}

interface OomVars {
  /** Reports are limited to 10 in 5 s. */
  rs_begin: number
  rs_printed: number
  /** Kills of the machine. */
  nr_kills: number
  /** Victims whose memory has not come back, by task row. */
  pending: Record<number, OomKill>
  reap: { task: number; at: number }[]
}
function oom_vars(k: Kernel): OomVars {
  return (k.var.mod['oom'] ??= { rs_begin: -1e12, rs_printed: 0, nr_kills: 0, pending: {}, reap: [] }) as OomVars
}

// ---------------------------------------------------------------- choosing

/** pid 1 and kernel threads. */
export function oom_unkillable_task(k: Kernel, t: number): boolean {
  return k.task.pid[t] === 1 || (k.task.flags[t]! & PF_KTHREAD) !== 0
}
/** Pages that the points are measured against. */
export function oom_totalpages(k: Kernel, memcg = 0): number {
  return memcg !== 0 ? mem_cgroup_get_max(k, memcg) : k.var.totalram_pages + total_swap_pages(k)
}

/** How much its death would free, in pages, moved by oom_score_adj; -Infinity for those that must live. */
export function oom_badness(k: Kernel, t: number, totalpages: number): number {
  const mm = k.task.mm[t]!
  const adj = k.task.oom_score_adj[t]!
  if (oom_unkillable_task(k, t) || mm === 0) return -Infinity
  if (adj === OOM_SCORE_ADJ_MIN || (k.mm.flags[mm]! & MMF_OOM_SKIP) !== 0) return -Infinity
  const points = get_mm_rss(k, mm) + get_mm_counter(k, mm, MM_SWAPENTS) + int_div(k.mm.pgtables_bytes[mm]!, 4096)
  return points + adj * int_div(totalpages, 1000)
}

/** Whom a run looks at: every process in the order of its start, or those of the cgroup. */
export function oom_tasks(k: Kernel, oc: OomControl): number[] {
  if (oc.memcg !== 0) return mem_cgroup_tasks(k, oc.memcg)
  const list: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.tgid[t] === k.task.pid[t]) list.push(t)
  return list
}

const ABORT = -1
/** The task with the most points, of several the last; ABORT while a victim still holds memory; 0 when there is none. */
function select_bad_process(k: Kernel, oc: OomControl): number {
  let chosen = 0
  let most = -Infinity
  for (const t of oom_tasks(k, oc)) {
    charge(k, COST.oom_task)
    if (oom_unkillable_task(k, t)) continue
    if (is_oom_victim(k, t)) {
      const mm = oom_mm(k, t)
      if (mm === 0 || (k.mm.flags[mm]! & MMF_OOM_SKIP) !== 0) continue
      return ABORT
    }
    if (oom_task_origin(k) === t) return t
    const points = oom_badness(k, t, oc.totalpages)
    if (points === -Infinity || points < most) continue
    chosen = t
    most = points
  }
  return chosen
}

/** signal->oom_mm: a victim's memory, when it is on its way out too; 0 when it is gone. */
function oom_mm(k: Kernel, t: number): number {
  return k.task.mm[t]! || k.task.exit_mm[t]!
}

/** The task whose swapoff needs the memory; 0 when none does. */
function oom_task_origin(k: Kernel): number {
  return (k.var.mod['oom_origin'] as number | undefined) ?? 0
}

/** An allocation is stuck. True when memory will come (a task dies, or is about to): try again. */
export function out_of_memory(k: Kernel, gfp: number, order: number, memcg = 0): boolean {
  const oc: OomControl = { gfp, order, memcg, totalpages: oom_totalpages(k, memcg) }
  const current = k.var.current
  if (current !== 0 && task_will_free_mem(k, current)) {
    mark_oom_victim(k, current)
    queue_oom_reaper(k, current)
    return true
  }
  if ((gfp & __GFP_FS) === 0 && memcg === 0) return true
  check_panic_on_oom(k, oc)
  if (k.var.panic !== null) return false
  if (memcg === 0 && (k.var.sysctl['vm.oom_kill_allocating_task'] ?? 0) !== 0 && may_kill_itself(k, current)) {
    oom_kill_process(k, { ...oc, allocating_task: true }, current, 'Out of memory (oom_kill_allocating_task)')
    return true
  }
  // A swapoff from the console is made in pid 1's name, who cannot be killed for it: the call fails, nobody else dies.
  const origin = oom_task_origin(k)
  if (origin !== 0 && origin === current && oom_unkillable_task(k, origin)) return false
  const chosen = select_bad_process(k, oc)
  if (chosen === ABORT) return true
  if (chosen === 0) {
    dump_header(k, oc, 0)
    printk(k, 'Out of memory and no killable processes...')
    if (memcg === 0) panic(k, oc, 'System is deadlocked on memory')
    return false
  }
  oom_kill_process(k, oc, chosen, memcg === 0 ? 'Out of memory' : 'Memory cgroup out of memory')
  return true
}

function may_kill_itself(k: Kernel, t: number): boolean {
  return t !== 0 && k.task.mm[t] !== 0 && !oom_unkillable_task(k, t) && k.task.oom_score_adj[t] !== OOM_SCORE_ADJ_MIN
}

/** panic_on_oom: 1 the machine's, 2 a cgroup's too. */
function check_panic_on_oom(k: Kernel, oc: OomControl): void {
  const mode = k.var.sysctl['vm.panic_on_oom'] ?? 0
  if (mode === 0 || (mode !== 2 && oc.memcg !== 0)) return
  dump_header(k, oc, 0)
  panic(k, oc, `Out of memory: ${mode === 2 ? 'compulsory' : 'system-wide'} panic_on_oom is enabled`)
}

/** The machine stops. */
export function panic(k: Kernel, oc: OomControl, text: string): void {
  if (k.var.panic !== null) return
  printk(k, `Kernel panic - not syncing: ${text}`)
  dump_stack(k, oc, 'panic+0x118/0x2f4', 'out_of_memory.cold+0x2f/0x7e')
  printk(k, 'Kernel Offset: disabled')
  printk(k, `---[ end Kernel panic - not syncing: ${text} ]---`)
  k.var.panic = text
  trace(k, { kind: 'panic', text })
}

// ---------------------------------------------------------------- killing

/** Dying already: let it. */
function task_will_free_mem(k: Kernel, t: number): boolean {
  const mm = k.task.mm[t]!
  if (mm === 0 || (k.mm.flags[mm]! & MMF_OOM_SKIP) !== 0) return false
  return fatal_signal_pending(k, t) || (k.task.flags[t]! & PF_EXITING) !== 0
}

function oom_kill_process(k: Kernel, oc: OomControl, victim: number, message: string): void {
  if (task_will_free_mem(k, victim)) {
    mark_oom_victim(k, victim)
    queue_oom_reaper(k, victim)
    return
  }
  const candidates = oom_candidates(k, oc)
  const report = ratelimited(k) ? [] : dump_header(k, oc, victim)
  const group = mem_cgroup_get_oom_group(k, victim, oc.memcg)
  __oom_kill_process(k, oc, victim, message, candidates, report)
  if (group === 0) return
  memcg_event(k, group, MEMCG_OOM_GROUP_KILL)
  printk(k, `Tasks in ${cgroup_path(k, group)} are going to be killed due to memory.oom.group set`)
  // The victim is among them and is counted once more, as in Linux.
  for (const t of mem_cgroup_tasks(k, group)) oom_kill_memcg_member(k, oc, t, message, candidates)
}

function oom_kill_memcg_member(
  k: Kernel,
  oc: OomControl,
  t: number,
  message: string,
  candidates: readonly OomCandidate[],
): void {
  if (k.task.oom_score_adj[t] === OOM_SCORE_ADJ_MIN || oom_unkillable_task(k, t) || k.task.mm[t] === 0) return
  __oom_kill_process(k, oc, t, message, candidates, [])
}

function ratelimited(k: Kernel): boolean {
  const vars = oom_vars(k)
  if (k.var.now - vars.rs_begin > 5_000_000_000) {
    const missed = vars.rs_printed - 10
    if (missed > 0) printk(k, `oom_kill_process: ${missed} callbacks suppressed`)
    vars.rs_begin = k.var.now
    vars.rs_printed = 0
  }
  return vars.rs_printed++ >= 10
}

function __oom_kill_process(
  k: Kernel,
  oc: OomControl,
  victim: number,
  message: string,
  candidates: readonly OomCandidate[],
  report: readonly string[],
): void {
  const mm = k.task.mm[victim]!
  const kB = (pages: number): number => pages * 4
  k.vmstat[C.oom_kill]!++
  memcg_event(k, k.task.cgroup[victim]!, MEMCG_OOM_KILL)
  const line =
    `${message}: Killed process ${k.task.pid[victim]} (${comm(k, victim)}) total-vm:${kB(k.mm.total_vm[mm]!)}kB, ` +
    `anon-rss:${kB(get_mm_counter(k, mm, MM_ANONPAGES))}kB, file-rss:${kB(get_mm_counter(k, mm, MM_FILEPAGES))}kB, ` +
    `shmem-rss:${kB(get_mm_counter(k, mm, MM_SHMEMPAGES))}kB, UID:${k.task.uid[victim]} ` +
    `pgtables:${int_div(k.mm.pgtables_bytes[mm]!, 1024)}kB oom_score_adj:${k.task.oom_score_adj[victim]}`
  const vars = oom_vars(k)
  const pending = vars.pending[victim]
  const nr = ++vars.nr_kills
  if (pending !== undefined) vars.pending[victim] = { ...pending, kills: [...pending.kills, nr] }
  else {
    const current = k.var.current
    vars.pending[victim] = {
      kills: [nr],
      ms: k.var.now / 1e6,
      pid: k.task.pid[victim]!,
      name: comm(k, victim),
      oom_score_adj: k.task.oom_score_adj[victim]!,
      badness: oom_badness(k, victim, oc.totalpages),
      total_vm_kB: kB(k.mm.total_vm[mm]!),
      anon_rss_kB: kB(get_mm_counter(k, mm, MM_ANONPAGES)),
      file_rss_kB: kB(get_mm_counter(k, mm, MM_FILEPAGES)),
      shmem_rss_kB: kB(get_mm_counter(k, mm, MM_SHMEMPAGES)),
      swap_kB: kB(get_mm_counter(k, mm, MM_SWAPENTS)),
      pgtables_bytes: k.mm.pgtables_bytes[mm]!,
      freed_kB: 0,
      constraint: oc.memcg === 0 ? 'CONSTRAINT_NONE' : 'CONSTRAINT_MEMCG',
      invoker: comm(k, current),
      invoker_pid: current === 0 ? 0 : k.task.pid[current]!,
      order: oc.order,
      gfp: gfp_text(oc.gfp),
      totalpages: oc.totalpages,
      candidates,
      report: [...report, line],
    }
  }
  send_signal(k, victim, SIGKILL)
  mark_oom_victim(k, victim)
  printk(k, line)
  // Whoever shares the memory has to die with it.
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    if (t !== victim && k.task.mm[t] === mm && !oom_unkillable_task(k, t)) send_signal(k, t, SIGKILL)
  queue_oom_reaper(k, victim)
}

/** Access to half of the reserves, so that it can exit. */
function mark_oom_victim(k: Kernel, t: number): void {
  k.task.flags[t]! |= PF_OOM_VICTIM
}

/** Others than `t` were killed in the cgroup and will give memory back. */
export function other_victims(k: Kernel, memcg: number, t: number): boolean {
  return Object.keys(oom_vars(k).pending).some((victim) => +victim !== t && mem_cgroup_in_subtree(k, +victim, memcg))
}

/** A victim of the same moment that was killed before and still lives: its kill is to be told first. */
export function earlier_kill_pending(k: Kernel, ms: number, nr: number): boolean {
  return Object.values(oom_vars(k).pending).some((kill) => kill.ms === ms && kill.kills[0]! < nr)
}

/** A victim on its way out, or the reaper, gave `freed` of its pages back. */
export function oom_victim_freed(k: Kernel, t: number, freed: number): void {
  const { pending } = oom_vars(k)
  const kill = pending[t]
  if (kill !== undefined) pending[t] = { ...kill, freed_kB: kill.freed_kB + freed * 4 }
}

/** The victim's memory is back. Tells the engine of the kill. */
export function exit_oom_victim(k: Kernel, t: number): void {
  const vars = oom_vars(k)
  vars.reap = vars.reap.filter((r) => r.task !== t)
  const oom = vars.pending[t]
  if (oom === undefined) return
  delete vars.pending[t]
  const text = `killed ${oom.name} (${oom.pid}), ${oom.freed_kB} kB came back`
  trace(k, { kind: 'oom_kill', text, pid: oom.pid, name: oom.name, value: oom.freed_kB, oom })
  mem_cgroup_oom_exit(k)
}

// ---------------------------------------------------------------- the reaper

function queue_oom_reaper(k: Kernel, t: number): void {
  const vars = oom_vars(k)
  if (vars.reap.some((r) => r.task === t)) return
  const at = k.var.now + OOM_REAPER_DELAY_NS
  vars.reap.push({ task: t, at })
  timer_add(k, at, TIMER_REAPER, t)
}

/** Takes the anonymous memory of victims that have not exited in time; true when there is nothing left to do. */
export function oom_reaper_step(k: Kernel): boolean {
  const vars = oom_vars(k)
  const due = vars.reap.find((r) => r.at <= k.var.now)
  if (due === undefined) {
    kthread_sleep(k, threads(k).oom_reaper)
    return true
  }
  vars.reap = vars.reap.filter((r) => r !== due)
  const mm = oom_mm(k, due.task)
  if (mm === 0 || (k.mm.flags[mm]! & MMF_OOM_SKIP) !== 0) return false
  const before = k.vmstat[C.pgfree]!
  for (let vma = k.mm.vma_head[mm]!; vma !== 0; vma = k.vma.next[vma]!) {
    const flags = k.vma.vm_flags[vma]!
    const anonymous = k.vma.vm_file[vma] === 0
    if ((flags & (VM_HUGETLB | VM_PFNMAP)) !== 0 || (!anonymous && (flags & VM_SHARED) !== 0)) continue
    zap_page_range(k, vma, k.vma.vm_start[vma]!, k.vma.vm_end[vma]!)
  }
  oom_victim_freed(k, due.task, k.vmstat[C.pgfree]! - before)
  k.mm.flags[mm]! |= MMF_OOM_SKIP
  printk(
    k,
    `oom_reaper: reaped process ${k.task.pid[due.task]} (${comm(k, due.task)}), ` +
      `now anon-rss:${get_mm_counter(k, mm, MM_ANONPAGES) * 4}kB, file-rss:${get_mm_counter(k, mm, MM_FILEPAGES) * 4}kB, ` +
      `shmem-rss:${get_mm_counter(k, mm, MM_SHMEMPAGES) * 4}kB`,
  )
  return false
}
