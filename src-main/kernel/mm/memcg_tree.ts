/**
 * The tree of memory cgroups: making, removing, walking, attaching tasks.
 *
 * Linux: kernel/cgroup/cgroup.c, mm/memcontrol.c (mem_cgroup_css_alloc, mem_cgroup_css_offline,
 * mem_cgroup_css_free).
 */
import { PAGE_SIZE, PG_anon, PG_swapcache, PG_table, string_id, TASK_DEAD, TASK_ZOMBIE, type Kernel } from '../kernel'
import { list_add_tail, list_del, type Heads, type Links } from '../lib/list'
import { row_alloc, row_free } from '../lib/arena'
import { first_task, next_task, psi_cgroup_alloc, psi_cgroup_free, psi_move_task } from '../task'
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM } from '../uapi'
import { lru_gen_init_lruvec } from './lru_gen'
import { lru_gen_exit_memcg, lru_gen_migrate_mm } from './lru_gen_mm'
import { memcg_reparent_objcgs } from './memcg_kmem'
import { memcg_percpu_charge, memcg_percpu_reparent, memcg_percpu_uncharge } from './memcg_percpu'
import { MEMCG_NR_SLAB } from './memcg_stat'
import { drain_all_stock } from './memcontrol'
import { list_lru_alloc } from './list_lru'
import { memcg_reparent_list_lrus } from './shrinker'
import { lru_row } from './swap'

/** Makes a cgroup; its id, or a negative errno. */
export function cgroup_mkdir(k: Kernel, parent: number, name: string): number {
  if (name === '' || name.includes('/') || name.includes('\n')) return -EINVAL
  if (cgroup_child(k, parent, name) !== 0) return -EEXIST
  const memcg = row_alloc(k.memcg)
  if (memcg === 0) return -ENOMEM
  k.memcg.parent[memcg] = parent
  k.memcg.name[memcg] = string_id(k, name)
  if (!memcg_percpu_charge(k, memcg, parent)) {
    row_free(k.memcg, memcg)
    return -ENOMEM
  }
  for (const limit of ['max', 'high', 'swap_max', 'swap_high', 'zswap_max'] as const) k.memcg[limit][memcg] = Infinity
  // The youngest child is the last (css_create).
  list_add_tail(children_of(k), parent, siblings_of(k), memcg)
  psi_cgroup_alloc(k, memcg)
  lru_gen_init_lruvec(k, memcg)
  list_lru_alloc(k, memcg)
  if (memcg + 1 >= k.lruvec.meta.high) k.lruvec.meta.high = memcg + 2
  const last = lru_row(memcg, 4)
  if (last >= k.lru.meta.high) k.lru.meta.high = last + 1
  return memcg
}

/** Removes a cgroup without children and tasks; what is charged to it holds it, out of sight. 0 or a negative errno. */
export function cgroup_rmdir(k: Kernel, memcg: number): number {
  if (memcg === 0) return -EINVAL
  if (cgroup_children(k, memcg).length > 0) return -EBUSY
  const members: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.cgroup[t] === memcg) members.push(t)
  if (members.some((t) => !is_dead(k, t))) return -EBUSY
  for (const t of members) k.task.cgroup[t] = k.memcg.parent[memcg]!
  psi_cgroup_free(k, memcg)
  lru_gen_exit_memcg(k, memcg)
  k.memcg.min[memcg] = 0
  k.memcg.low[memcg] = 0
  drain_all_stock(k, memcg)
  reparent_kmem(k, memcg, k.memcg.parent[memcg]!)
  // Only now may the last page that comes back let it go.
  k.memcg.offline[memcg] = 1
  mem_cgroup_put(k, memcg)
  return 0
}

/** memcg_offline_kmem: kernel memory is the parent's from now on; it counts there already. */
function reparent_kmem(k: Kernel, memcg: number, parent: number): void {
  let nr = 0
  for (let pfn = 1; pfn < k.page.meta.high; pfn++) {
    if (k.page.memcg[pfn] !== memcg || is_user_page(k, pfn)) continue
    k.page.memcg[pfn] = parent
    nr++
  }
  const bytes = memcg_reparent_objcgs(k, memcg, parent) + memcg_percpu_reparent(k, memcg, parent)
  memcg_reparent_list_lrus(k, memcg, parent)
  k.memcg.usage[memcg]! -= nr + bytes / PAGE_SIZE
  k.memcg.kmem[memcg] = 0
  k.memcg.slab_b.fill(0, memcg * MEMCG_NR_SLAB, (memcg + 1) * MEMCG_NR_SLAB)
}
/** A page of the page cache or of a process; page tables and stacks are kernel memory. */
function is_user_page(k: Kernel, pfn: number): boolean {
  const flags = k.page.flags[pfn]!
  return (flags & PG_table) === 0 && ((flags & (PG_anon | PG_swapcache)) !== 0 || k.page.mapping[pfn] !== 0)
}

/** mem_cgroup_css_free: with its last page and swap slot, and those of cgroups below it, a removed cgroup is gone. */
export function mem_cgroup_put(k: Kernel, memcg: number): void {
  for (let m = memcg; m !== 0 && k.memcg.offline[m] !== 0;) {
    if (k.memcg.usage[m] !== 0 || k.memcg.swap[m] !== 0 || k.memcg.first_child[m] !== 0) return
    const parent = k.memcg.parent[m]!
    memcg_percpu_uncharge(k, m)
    lru_gen_exit_memcg(k, m)
    k.lruvec.anon_cost[m + 1] = 0
    k.lruvec.file_cost[m + 1] = 0
    k.lruvec.nonresident_age[m + 1] = 0
    k.lruvec.size.fill(0, (m + 1) * 4, (m + 2) * 4)
    list_del(children_of(k), parent, siblings_of(k), m)
    row_free(k.memcg, m)
    m = parent
  }
}
function children_of({ memcg }: Kernel): Heads {
  return { head: memcg.first_child, tail: memcg.last_child }
}
function siblings_of({ memcg }: Kernel): Links {
  return { next: memcg.next_sibling, prev: memcg.prev_sibling }
}
/** mem_cgroup_id_get_online: who a further swap slot is charged to: a removed cgroup only while it has others. */
export function mem_cgroup_id_get_online(k: Kernel, memcg: number): number {
  let m = memcg
  while (m !== 0 && !mem_cgroup_has_id(k, m)) m = k.memcg.parent[m]!
  return m
}
/** A shadow or a slot still finds the cgroup by its number. */
export function mem_cgroup_has_id(k: Kernel, memcg: number): boolean {
  return memcg === 0 || (k.memcg.name[memcg] !== 0 && (k.memcg.offline[memcg] === 0 || k.memcg.swap[memcg]! > 0))
}
/** The cgroup, or the first above it that is not removed. */
export function mem_cgroup_online_above(k: Kernel, memcg: number): number {
  let m = memcg
  while (m !== 0 && k.memcg.offline[m] !== 0) m = k.memcg.parent[m]!
  return m
}
/** Removed cgroups below one that are still held. */
export function nr_dying_descendants(k: Kernel, memcg: number): number {
  return mem_cgroup_iter(k, memcg).filter((m) => m !== memcg && k.memcg.offline[m] !== 0).length
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
  return css_children(k, parent).filter((m) => k.memcg.offline[m] === 0)
}
/** With those that are removed and still held. */
export function css_children(k: Kernel, parent: number): number[] {
  const children: number[] = []
  for (let m = k.memcg.first_child[parent]!; m !== 0; m = k.memcg.next_sibling[m]!) children.push(m)
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
/** Cgroups of a subtree, parents first (css_next_descendant_pre). */
export function mem_cgroup_iter(k: Kernel, root: number): number[] {
  const list: number[] = []
  const { first_child, next_sibling, parent } = k.memcg
  for (let m = root; ;) {
    list.push(m)
    if (first_child[m] !== 0) {
      m = first_child[m]!
      continue
    }
    while (m !== root && next_sibling[m] === 0) m = parent[m]!
    if (m === root) return list
    m = next_sibling[m]!
  }
}
/**
 * mem_cgroup_scan_tasks: the processes of a subtree, cgroup after cgroup. Simplified: those of one cgroup in the order of
 * their start, not of their coming there.
 */
export function mem_cgroup_tasks(k: Kernel, root: number): number[] {
  const members: Record<number, number[]> = {}
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    if (k.task.tgid[t] === k.task.pid[t]) (members[k.task.cgroup[t]!] ??= []).push(t)
  return mem_cgroup_iter(k, root).flatMap((m) => members[m] ?? [])
}
export function mem_cgroup_in_subtree(k: Kernel, t: number, root: number): boolean {
  let memcg = k.task.cgroup[t]!
  while (memcg !== root && memcg !== 0) memcg = k.memcg.parent[memcg]!
  return memcg === root
}
