/**
 * The OOM killer's report in the kernel log, as Linux 6.1 prints it, and the names it needs: GFP flags in words, the
 * table of tasks.
 *
 * Linux: mm/oom_kill.c (dump_header, dump_tasks, dump_oom_summary, dump_unreclaimable_slab),
 * include/trace/events/mmflags.h.
 */
import { C } from '@shared/counters'
import type { OomCandidate } from '@shared/protocol'
import type { Kernel } from '../kernel'
import { COST } from '../costs'
import { dump_stack } from './dump_stack'
import { int_div } from '../lib/math'
import { charge, printk } from '../task'
import { cgroup_path, mem_cgroup_print_oom_meminfo } from './memcontrol'
import { oom_badness, oom_tasks, oom_unkillable_task, type OomControl } from './oom_kill'
import { get_mm_counter, get_mm_rss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from './rss_stat'
import { show_mem } from './show_mem'
import { SLAB_RECLAIM_ACCOUNT } from './slab_common'
import { all_caches } from './slub'
import { slabinfo_row } from './slabinfo'

/** Longest names first, as the kernel matches them. */
const GFP_NAMES: readonly (readonly [number, string])[] = [
  [0x1c24ca | 0x400, 'GFP_TRANSHUGE'],
  [0x1c20ca, 'GFP_TRANSHUGE_LIGHT'],
  [0x100cca, 'GFP_HIGHUSER_MOVABLE'],
  [0x100cc2, 'GFP_HIGHUSER'],
  [0x100cc0, 'GFP_USER'],
  [0x400cc0, 'GFP_KERNEL_ACCOUNT'],
  [0xcc0, 'GFP_KERNEL'],
  [0xc40, 'GFP_NOFS'],
  [0xa20, 'GFP_ATOMIC'],
  [0xc00, 'GFP_NOIO'],
  [0x800, 'GFP_NOWAIT'],
  [0x1, 'GFP_DMA'],
  [0x2, '__GFP_HIGHMEM'],
  [0x4, 'GFP_DMA32'],
  [0x20, '__GFP_HIGH'],
  [0x200, '__GFP_ATOMIC'],
  [0x40, '__GFP_IO'],
  [0x80, '__GFP_FS'],
  [0x2000, '__GFP_NOWARN'],
  [0x4000, '__GFP_RETRY_MAYFAIL'],
  [0x8000, '__GFP_NOFAIL'],
  [0x10000, '__GFP_NORETRY'],
  [0x40000, '__GFP_COMP'],
  [0x100, '__GFP_ZERO'],
  [0x80000, '__GFP_NOMEMALLOC'],
  [0x20000, '__GFP_MEMALLOC'],
  [0x100000, '__GFP_HARDWALL'],
  [0x200000, '__GFP_THISNODE'],
  [0x10, '__GFP_RECLAIMABLE'],
  [0x8, '__GFP_MOVABLE'],
  [0x400000, '__GFP_ACCOUNT'],
  [0x1000, '__GFP_WRITE'],
  [0xc00, '__GFP_RECLAIM'],
  [0x400, '__GFP_DIRECT_RECLAIM'],
  [0x800, '__GFP_KSWAPD_RECLAIM'],
]

/** `0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)`. */
export function gfp_text(gfp: number): string {
  const names: string[] = []
  let left = gfp
  for (const [mask, name] of GFP_NAMES) {
    if ((left & mask) !== mask) continue
    names.push(name)
    left &= ~mask
  }
  if (left !== 0) names.push(`0x${left.toString(16)}`)
  return `0x${gfp.toString(16)}(${names.join('|')})`
}

/** Prints the report; `victim` 0 when there is none. Returns its lines. */
export function dump_header(k: Kernel, oc: OomControl, victim: number): string[] {
  const from = k.log.length
  charge(k, COST.oom_report)
  const t = k.var.current
  const adj = t === 0 ? 0 : k.task.oom_score_adj[t]!
  const order = `order=${oc.order}, oom_score_adj=${adj}`
  printk(k, `${comm(k, t)} invoked oom-killer: gfp_mask=${gfp_text(oc.gfp)}, ${order}`)
  const top = victim === 0 ? ['out_of_memory.cold+0xa/0x7e'] : ['oom_kill_process.cold+0xb/0x10', oom_caller(oc)]
  dump_stack(k, oc, 'dump_header+0x4c/0x22b', ...top)
  if (oc.memcg !== 0) mem_cgroup_print_oom_meminfo(k, oc.memcg)
  else {
    show_mem(k)
    if (should_dump_unreclaim_slab(k)) dump_unreclaimable_slab(k)
  }
  if ((k.var.sysctl['vm.oom_dump_tasks'] ?? 1) !== 0) dump_tasks(k, oc)
  if (victim !== 0) dump_oom_summary(k, oc, victim)
  return k.log.slice(from).map(([, text]) => text)
}

export function comm(k: Kernel, t: number): string {
  return t === 0 ? 'swapper/0' : k.strings.list[k.task.comm[t]!]!
}

/** Where out_of_memory calls the killer: for the allocating task, or for the one that was chosen. */
function oom_caller(oc: OomControl): string {
  return oc.allocating_task ? 'out_of_memory+0x49d/0x4c0' : 'out_of_memory+0x1fd/0x4c0'
}

/** Slab that cannot be reclaimed takes more than all pages on the LRU lists: then it is what the report has to show. */
function should_dump_unreclaim_slab(k: Kernel): boolean {
  const v = k.vmstat
  let nr_lru = v[C.nr_isolated_anon]! + v[C.nr_isolated_file]!
  for (let item = C.nr_inactive_anon; item <= C.nr_unevictable; item++) nr_lru += v[item]!
  return v[C.nr_slab_unreclaimable]! > nr_lru
}
function dump_unreclaimable_slab(k: Kernel): void {
  printk(k, 'Unreclaimable slab info:')
  printk(k, 'Name                      Used          Total')
  for (const cache of all_caches(k)) {
    if ((k.kmem_cache.flags[cache]! & SLAB_RECLAIM_ACCOUNT) !== 0) continue
    const { name, active_objs, num_objs, objsize } = slabinfo_row(k, cache)
    const kB = (objects: number): string => `${String(int_div(objects * objsize, 1024)).padStart(10)}KB`
    if (num_objs > 0) printk(k, `${name.padEnd(17)} ${kB(active_objs)} ${kB(num_objs)}`)
  }
}

/** The tasks that could be killed, with what they hold (in pages). */
function dump_tasks(k: Kernel, oc: OomControl): void {
  printk(k, 'Tasks state (memory values in pages):')
  printk(k, '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name')
  for (const t of oom_tasks(k, oc)) {
    const mm = k.task.mm[t]!
    if (oom_unkillable_task(k, t) || mm === 0) continue
    charge(k, COST.oom_task)
    const pad = (n: number, width: number): string => String(n).padStart(width)
    const { pid, uid, tgid, oom_score_adj } = k.task
    printk(
      k,
      `[${pad(pid[t]!, 7)}] ${pad(uid[t]!, 5)} ${pad(tgid[t]!, 5)} ${pad(k.mm.total_vm[mm]!, 8)} ` +
        `${pad(get_mm_rss(k, mm), 8)} ${pad(k.mm.pgtables_bytes[mm]!, 8)} ${pad(get_mm_counter(k, mm, MM_SWAPENTS), 8)} ` +
        `        ${pad(oom_score_adj[t]!, 5)} ${comm(k, t)}`,
    )
  }
}

function dump_oom_summary(k: Kernel, oc: OomControl, victim: number): void {
  const task_memcg = cgroup_path(k, k.task.cgroup[victim]!)
  const origin = oc.memcg === 0 ? 'global_oom' : `oom_memcg=${cgroup_path(k, oc.memcg)}`
  const constraint = oc.memcg === 0 ? 'CONSTRAINT_NONE' : 'CONSTRAINT_MEMCG'
  printk(
    k,
    `oom-kill:constraint=${constraint},nodemask=(null),cpuset=/,mems_allowed=0,${origin},task_memcg=${task_memcg},` +
      `task=${comm(k, victim)},pid=${k.task.pid[victim]},uid=${k.task.uid[victim]}`,
  )
}

/** The same table as data, with the points of each task. */
export function oom_candidates(k: Kernel, oc: OomControl): OomCandidate[] {
  const list: OomCandidate[] = []
  for (const t of oom_tasks(k, oc)) {
    const mm = k.task.mm[t]!
    if (oom_unkillable_task(k, t) || mm === 0) continue
    const points = oom_badness(k, t, oc.totalpages)
    list.push({
      pid: k.task.pid[t]!,
      uid: k.task.uid[t]!,
      name: comm(k, t),
      total_vm: k.mm.total_vm[mm]!,
      rss: get_mm_rss(k, mm),
      rss_anon: get_mm_counter(k, mm, MM_ANONPAGES),
      rss_file: get_mm_counter(k, mm, MM_FILEPAGES),
      rss_shmem: get_mm_counter(k, mm, MM_SHMEMPAGES),
      pgtables_bytes: k.mm.pgtables_bytes[mm]!,
      swapents: get_mm_counter(k, mm, MM_SWAPENTS),
      oom_score_adj: k.task.oom_score_adj[t]!,
      points: points === -Infinity ? null : points,
    })
  }
  return list
}
