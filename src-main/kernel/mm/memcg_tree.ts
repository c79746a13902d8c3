/**
 * The tree of memory cgroups: making, removing, walking, attaching tasks.
 *
 * Linux: kernel/cgroup/cgroup.c, mm/memcontrol.c (mem_cgroup_css_alloc, mem_cgroup_css_offline).
 */
import {
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  PG_isolated,
  PG_lru,
  PG_unevictable,
  string_id,
  TASK_DEAD,
  TASK_ZOMBIE,
  type Kernel,
} from '../kernel'
import { row_alloc, row_free } from '../lib/arena'
import { first_task, next_task, psi_cgroup_alloc, psi_cgroup_free, psi_move_task } from '../task'
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM } from '../uapi'
import { lru_gen_init_lruvec, lru_gen_list } from './lru_gen'
import { lru_gen_exit_memcg, lru_gen_migrate_mm } from './lru_gen_mm'
import { memcg_reparent_objcgs } from './memcg_kmem'
import { drain_all_stock } from './memcontrol'
import { list_lru_alloc } from './list_lru'
import { memcg_reparent_list_lrus } from './shrinker'
import { lru_add_drain_all, lru_row, lruvec_add_folio, lruvec_del_folio } from './swap'

/** Makes a cgroup; its id, or a negative errno. */
export function cgroup_mkdir(k: Kernel, parent: number, name: string): number {
  if (name === '' || name.includes('/') || name.includes('\n')) return -EINVAL
  if (cgroup_child(k, parent, name) !== 0) return -EEXIST
  const memcg = row_alloc(k.memcg)
  if (memcg === 0) return -ENOMEM
  k.memcg.parent[memcg] = parent
  k.memcg.name[memcg] = string_id(k, name)
  for (const limit of ['max', 'high', 'swap_max', 'swap_high', 'zswap_max'] as const) k.memcg[limit][memcg] = Infinity
  psi_cgroup_alloc(k, memcg)
  lru_gen_init_lruvec(k, memcg)
  list_lru_alloc(k, memcg)
  if (memcg + 1 >= k.lruvec.meta.high) k.lruvec.meta.high = memcg + 2
  const last = lru_row(memcg, 4)
  if (last >= k.lru.meta.high) k.lru.meta.high = last + 1
  return memcg
}

/** Removes an empty cgroup without tasks; what is still charged goes to its parent. 0 or a negative errno. */
export function cgroup_rmdir(k: Kernel, memcg: number): number {
  if (memcg === 0) return -EINVAL
  if (cgroup_children(k, memcg).length > 0) return -EBUSY
  const members: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.cgroup[t] === memcg) members.push(t)
  if (members.some((t) => !is_dead(k, t))) return -EBUSY
  for (const t of members) k.task.cgroup[t] = k.memcg.parent[memcg]!
  psi_cgroup_free(k, memcg)
  drain_all_stock(k, memcg)
  reparent_pages(k, memcg, k.memcg.parent[memcg]!)
  memcg_reparent_objcgs(k, memcg, k.memcg.parent[memcg]!)
  memcg_reparent_list_lrus(k, memcg, k.memcg.parent[memcg]!)
  lru_gen_exit_memcg(k, memcg)
  k.lruvec.anon_cost[memcg + 1] = 0
  k.lruvec.file_cost[memcg + 1] = 0
  k.lruvec.nonresident_age[memcg + 1] = 0
  row_free(k.memcg, memcg)
  return 0
}

function reparent_pages(k: Kernel, memcg: number, parent: number): void {
  lru_add_drain_all(k)
  for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) {
    const row = lru_row(memcg, lru)
    for (let pfn = k.lru.tail[row]!; pfn !== 0; pfn = k.lru.tail[row]!) {
      lruvec_del_folio(k, pfn)
      k.page.memcg[pfn] = parent
      lruvec_add_folio(k, pfn)
    }
  }
  for (let list = lru_gen_list(memcg, 0, 0, 0); list < lru_gen_list(memcg + 1, 0, 0, 0); list++)
    for (let pfn = k.lru_gen_list.tail[list]!; pfn !== 0; pfn = k.lru_gen_list.tail[list]!) {
      lruvec_del_folio(k, pfn)
      k.page.memcg[pfn] = parent
      lruvec_add_folio(k, pfn)
    }
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) if (k.page.memcg[pfn] === memcg) move_page(k, pfn, parent)
  for (let slot = 1; slot < k.swap.meta.high; slot++) if (k.swap.memcg[slot] === memcg) k.swap.memcg[slot] = parent
  for (let inode = 1; inode < k.inode.meta.high; inode++)
    if (k.inode.memcg[inode] === memcg) k.inode.memcg[inode] = parent
}
/** Unevictable, isolated and kernel pages: their list, if any, is only a count. */
function move_page(k: Kernel, pfn: number, parent: number): void {
  const unevictable = k.lru.nr[lru_row(k.page.memcg[pfn]!, 4)]! > 0 && (k.page.flags[pfn]! & PG_isolated) === 0
  const listed = unevictable && (k.page.flags[pfn]! & (PG_lru | PG_unevictable)) === (PG_lru | PG_unevictable)
  if (listed) lruvec_del_folio(k, pfn)
  k.page.memcg[pfn] = parent
  if (listed) lruvec_add_folio(k, pfn)
}

/** Ended: no cgroup lists it, and none is held by it. */
export function is_dead(k: Kernel, t: number): boolean {
  return k.task.state[t] === TASK_ZOMBIE || k.task.state[t] === TASK_DEAD
}

/** Moves a task; its pages stay where they were charged. */
export function cgroup_attach(k: Kernel, memcg: number, task: number): void {
  psi_move_task(k, task, memcg)
  const mm = k.task.mm[task]!
  if (mm !== 0 && k.mm.owner[mm] === task) lru_gen_migrate_mm(k, mm)
}

export function cgroup_child(k: Kernel, parent: number, name: string): number {
  return cgroup_children(k, parent).find((m) => k.strings.list[k.memcg.name[m]!] === name) ?? 0
}
export function cgroup_children(k: Kernel, parent: number): number[] {
  const children: number[] = []
  for (let m = 1; m < k.memcg.meta.high; m++)
    if (k.memcg.name[m] !== 0 && k.memcg.parent[m] === parent) children.push(m)
  return children
}
/** The cgroup of path components; -ENOENT when there is none. */
export function cgroup_lookup(k: Kernel, parts: readonly string[]): number {
  let memcg = 0
  for (const part of parts) {
    memcg = cgroup_child(k, memcg, part)
    if (memcg === 0) return -ENOENT
  }
  return memcg
}
export function cgroup_path(k: Kernel, memcg: number): string {
  let path = ''
  for (let m = memcg; m > 0; m = k.memcg.parent[m]!) path = `/${k.strings.list[k.memcg.name[m]!]!}${path}`
  return path === '' ? '/' : path
}

/** The parent, -1 above the root. */
export function parent_lruvec(k: Kernel, memcg: number): number {
  return memcg === 0 ? -1 : k.memcg.parent[memcg]!
}
/** Cgroups of a subtree, parents first. */
export function mem_cgroup_iter(k: Kernel, root: number): number[] {
  const list = [root]
  if (k.memcg.meta.nr_live > 0) for (const child of cgroup_children(k, root)) list.push(...mem_cgroup_iter(k, child))
  return list
}
export function mem_cgroup_in_subtree(k: Kernel, t: number, root: number): boolean {
  let memcg = k.task.cgroup[t]!
  while (memcg !== root && memcg !== 0) memcg = k.memcg.parent[memcg]!
  return memcg === root
}
