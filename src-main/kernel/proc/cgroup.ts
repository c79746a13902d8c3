/**
 * Cgroup v2 files under /sys/fs/cgroup: folders are cgroups, files their limits and figures. What the memory controller
 * shows is in cgroup_memory.ts. Linux: kernel/cgroup/cgroup.c, kernel/cgroup/rstat.c. Simplified: of all controllers only
 * memory does anything; cpu.stat counts the tasks that live.
 */
import type { Kernel } from '../kernel'
import {
  cgroup_attach,
  cgroup_children,
  cgroup_lookup,
  cgroup_mkdir,
  cgroup_rmdir,
  is_dead,
  nr_dying_descendants,
} from '../mm/memcg_tree'
import { mem_cgroup_in_subtree } from '../mm/memcontrol'
import { psi_show, psi_trigger_create } from '../sched/psi'
import { find_task_by_pid, first_task, is_kthread, next_task, send_signal } from '../task'
import { EAGAIN, EBUSY, EINVAL, ENOENT, EOPNOTSUPP, EPERM, ESRCH, SIGKILL } from '../uapi'
import { MEMORY, ROOT_MEMORY } from './cgroup_memory'
import { int_write, kstrtoint } from './text'
import { file, folder, kernfs_write, type DirNode, type Node } from './tree'

export interface CgroupFile {
  readonly read?: (k: Kernel, m: number) => string
  readonly write?: (k: Kernel, m: number, text: string, self: number) => number
}

/** Controllers in the order of their bits. */
const CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'] as const
const ALL = (1 << CONTROLLERS.length) - 1
const MEMORY_BIT = 1 << CONTROLLERS.indexOf('memory')
const CPU_BIT = 1 << CONTROLLERS.indexOf('cpu')

// ---------------------------------------------------------------- controllers

/** What a cgroup hands to its children; systemd has switched memory on for the root. */
function subtree_control(k: Kernel, m: number): number {
  if (m !== 0) return k.memcg.subtree_control[m]!
  return (k.var.mod['cgroup_subtree_control'] as number | undefined) ?? MEMORY_BIT
}
function set_subtree_control(k: Kernel, m: number, mask: number): void {
  if (m === 0) k.var.mod['cgroup_subtree_control'] = mask
  else k.memcg.subtree_control[m] = mask
}
function controllers(k: Kernel, m: number): number {
  return m === 0 ? ALL : subtree_control(k, k.memcg.parent[m]!)
}
/** cgroup_print_ss_mask: nothing at all where there is none. */
function names_of(mask: number): string {
  return mask === 0 ? '' : `${CONTROLLERS.filter((_, i) => (mask & (1 << i)) !== 0).join(' ')}\n`
}

/** `+memory -pids`: ENOENT where the parent has none to give, EBUSY with tasks inside or children that use it. */
function write_subtree_control(k: Kernel, m: number, text: string): number {
  let mask = subtree_control(k, m)
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const bit = 1 << CONTROLLERS.indexOf(word.slice(1) as 'cpu')
    if (!/^[+-]/.test(word) || !(CONTROLLERS as readonly string[]).includes(word.slice(1))) return -EINVAL
    if (word.startsWith('+')) {
      if ((controllers(k, m) & bit) === 0) return -ENOENT
      mask |= bit
    } else {
      if (cgroup_children(k, m).some((child) => (subtree_control(k, child) & bit) !== 0)) return -EBUSY
      mask &= ~bit
    }
  }
  if (m !== 0 && mask !== 0 && tasks_in(k, m).length > 0) return -EBUSY
  set_subtree_control(k, m, mask)
  return 0
}

// ---------------------------------------------------------------- tasks

function tasks_in(k: Kernel, m: number): number[] {
  const list: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) if (k.task.cgroup[t] === m && !is_dead(k, t)) list.push(t)
  return list
}
function tasks_below(k: Kernel, m: number): number[] {
  const list: number[] = []
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    if (mem_cgroup_in_subtree(k, t, m) && !is_dead(k, t)) list.push(t)
  return list
}
function pids_text(k: Kernel, m: number, threads: boolean): string {
  const list = tasks_in(k, m).filter((t) => threads || k.task.tgid[t] === k.task.pid[t])
  return list
    .map((t) => k.task.pid[t]!)
    .sort((a, b) => a - b)
    .map((pid) => `${pid}\n`)
    .join('')
}

/** cgroup_procs_write: 0 is the writer; kernel threads stay where they are; no tasks beside child cgroups that manage memory. */
function write_procs(k: Kernel, m: number, text: string, self: number): number {
  const pid = kstrtoint(text)
  if (pid === null || pid < 0) return -EINVAL
  const t = find_task_by_pid(k, pid === 0 ? self : pid)
  if (t === 0) return -ESRCH
  if (is_kthread(k, t)) return -EINVAL
  if (m !== 0 && subtree_control(k, m) !== 0) return -EBUSY
  for (let i = first_task(k); i !== 0; i = next_task(k, i))
    if (k.task.tgid[i] === k.task.tgid[t]) cgroup_attach(k, m, i)
  return 0
}

// ---------------------------------------------------------------- files

function constant(text: string, write?: CgroupFile['write']): CgroupFile {
  return { read: () => text, ...(write === undefined ? {} : { write }) }
}
/** `max` or a number: how deep and how many cgroups may be made below. */
function bound(column: 'max_depth' | 'max_descendants'): CgroupFile {
  return {
    read: (k, m) => `${m === 0 || k.memcg[column][m] === 0 ? 'max' : k.memcg[column][m]! - 1}\n`,
    write(k, m, text) {
      const set = (value: number): void => {
        if (m !== 0) k.memcg[column][m] = value + 1
      }
      if (text.trim() !== 'max') return int_write(text, 0, Infinity, set)
      set(-1)
      return 0
    },
  }
}
function descendants(k: Kernel, m: number): number {
  return cgroup_children(k, m).reduce((sum, child) => sum + 1 + descendants(k, child), 0)
}
function cpu_stat(k: Kernel, m: number): string {
  const usec = (ns: number): number => Math.floor(ns / 1000)
  let user = 0
  let system = 0
  if (m === 0)
    for (let row = 1; row <= k.config.cpus; row++) {
      user += k.cpu.user[row]! + k.cpu.nice[row]!
      system += k.cpu.system[row]! + k.cpu.softirq[row]!
    }
  else {
    user = k.memcg.cpu_left[m * 2]!
    system = k.memcg.cpu_left[m * 2 + 1]!
    for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
      if (!mem_cgroup_in_subtree(k, t, m)) continue
      user += k.task.utime[t]!
      system += k.task.stime[t]!
    }
  }
  const bandwidth = 'nr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n'
  const times = `usage_usec ${usec(user) + usec(system)}\nuser_usec ${usec(user)}\nsystem_usec ${usec(system)}\n`
  return times + ((controllers(k, m) & CPU_BIT) !== 0 ? bandwidth : '')
}

/** Files of every cgroup. */
const COMMON: Readonly<Record<string, CgroupFile>> = {
  'cgroup.controllers': { read: (k, m) => names_of(controllers(k, m)) },
  'cgroup.subtree_control': { read: (k, m) => names_of(subtree_control(k, m)), write: write_subtree_control },
  'cgroup.procs': { read: (k, m) => pids_text(k, m, false), write: write_procs },
  'cgroup.threads': { read: (k, m) => pids_text(k, m, true), write: write_procs },
  'cgroup.max.depth': bound('max_depth'),
  'cgroup.max.descendants': bound('max_descendants'),
  'cgroup.stat': {
    read: (k, m) => `nr_descendants ${descendants(k, m)}\nnr_dying_descendants ${nr_dying_descendants(k, m)}\n`,
  },
  'cpu.stat': { read: cpu_stat },
}
const PRESSURE: Readonly<Record<string, CgroupFile>> = {
  'cgroup.pressure': constant('1\n', (_k, _m, text) => keep(1, text)),
  'cpu.pressure': { read: (k, m) => psi_show(k, 'cpu', m), write: trigger },
  'io.pressure': { read: (k, m) => psi_show(k, 'io', m), write: trigger },
}
const MEMORY_PRESSURE: Readonly<Record<string, CgroupFile>> = {
  'memory.pressure': { read: (k, m) => psi_show(k, 'memory', m), write: trigger },
}
function trigger(_k: Kernel, _m: number, text: string): number {
  return psi_trigger_create(text)
}
/** 0 or 1 that stays what it is: pressure is accounted in every cgroup, and the freezer is not modelled. */
function keep(is: 0 | 1, text: string): number {
  let wanted: number = is
  const ret = int_write(text, 0, 1, (value) => (wanted = value))
  return wanted === is ? ret : -EOPNOTSUPP
}
const ROOT: Readonly<Record<string, CgroupFile>> = {
  'cpuset.cpus.effective': { read: (k) => (k.config.cpus === 1 ? '0\n' : `0-${k.config.cpus - 1}\n`) },
  'cpuset.mems.effective': constant('0\n'),
  'io.cost.model': constant(''),
  'io.cost.qos': constant(''),
  'io.stat': constant(''),
  'misc.capacity': constant(''),
}
/** Not of the root. */
const CHILD: Readonly<Record<string, CgroupFile>> = {
  'cgroup.type': constant('domain\n', (_k, _m, text) => (text.trim() === 'threaded' ? -EOPNOTSUPP : -EINVAL)),
  'cgroup.events': { read: (k, m) => `populated ${tasks_below(k, m).length > 0 ? 1 : 0}\nfrozen 0\n` },
  'cgroup.freeze': constant('0\n', (_k, _m, text) => keep(0, text)),
  'cgroup.kill': {
    write(k, m, text) {
      return int_write(text, 1, 1, () => {
        for (const t of tasks_below(k, m)) send_signal(k, t, SIGKILL)
      })
    },
  },
}

function files_of(k: Kernel, m: number): Readonly<Record<string, CgroupFile>> {
  const pressure = k.pressure ? PRESSURE : {}
  const memory = k.pressure ? MEMORY_PRESSURE : {}
  if (m === 0) return { ...COMMON, ...pressure, ...ROOT, ...ROOT_MEMORY, ...memory }
  if ((controllers(k, m) & MEMORY_BIT) === 0) return { ...COMMON, ...CHILD, ...pressure }
  return { ...COMMON, ...CHILD, ...pressure, ...MEMORY, ...memory }
}

// ---------------------------------------------------------------- the tree

export function cgroup_folder(k: Kernel, m: number, self = 1): DirNode {
  const files = files_of(k, m)
  const child_names = (): string[] => cgroup_children(k, m).map((child) => k.strings.list[k.memcg.name[child]!]!)
  const find = (name: string): Node | null => {
    if (Object.hasOwn(files, name)) return cgroup_file(k, m, files[name]!, self)
    const child = cgroup_lookup(k, [...path_of(k, m), name])
    return child < 0 ? null : cgroup_folder(k, child, self)
  }
  return {
    // The root of a mount is made by kernfs_get_tree, the others by cgroup_mkdir.
    ...folder({}, { mode: m === 0 ? 0o555 : 0o755, refusal: EPERM }),
    list: () => [...Object.keys(files), ...child_names()],
    find,
    mkdir: (name) => make_child(k, m, name),
    rmdir: (name) => cgroup_rmdir(k, cgroup_lookup(k, [...path_of(k, m), name])),
  }
}
function path_of(k: Kernel, m: number): string[] {
  return m === 0 ? [] : [...path_of(k, k.memcg.parent[m]!), k.strings.list[k.memcg.name[m]!]!]
}

/** Reading what can only be written, and the reverse, is EINVAL: root may open both. */
function cgroup_file(k: Kernel, m: number, { read, write }: CgroupFile, self: number): Node {
  const mode = (read === undefined ? 0 : 0o444) | (write === undefined ? 0 : 0o200)
  const set = (text: string): number => (write === undefined ? -EINVAL : write(k, m, text, self))
  return file(() => (read === undefined ? -EINVAL : read(k, m)), { mode, write: kernfs_write(set) })
}

function make_child(k: Kernel, parent: number, name: string): number {
  let depth = 0
  for (let m = parent; m !== 0; m = k.memcg.parent[m]!, depth++) {
    const { max_depth, max_descendants } = k.memcg
    if (max_depth[m] !== 0 && depth >= max_depth[m]! - 1) return -EAGAIN
    if (max_descendants[m] !== 0 && descendants(k, m) >= max_descendants[m]! - 1) return -EAGAIN
  }
  return Math.min(0, cgroup_mkdir(k, parent, name))
}

/** mkdir by the components below /sys/fs/cgroup; every cgroup on the way hands the memory controller down. */
export function cgroup_make(k: Kernel, parts: readonly string[]): number {
  const parent = cgroup_lookup(k, parts.slice(0, -1))
  if (parent < 0 || parts.length === 0) return -ENOENT
  set_subtree_control(k, parent, subtree_control(k, parent) | MEMORY_BIT)
  return make_child(k, parent, parts.at(-1)!)
}
