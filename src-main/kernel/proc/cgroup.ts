/** Cgroup v2 files under /sys/fs/cgroup. */
import type { Kernel } from '../kernel'
import { EACCES, ENOENT } from '../uapi'
import { first_task, next_task } from '../task'
import type { ProcStat } from './index'

export function cgroup_read(k: Kernel, parts: readonly string[]): string | number {
  if (parts.length !== 1) return -ENOENT
  if (parts[0] === 'cgroup.controllers') return 'cpuset cpu io memory hugetlb pids\n'
  if (parts[0] === 'cgroup.procs') {
    let text = ''
    for (let t = first_task(k); t !== 0; t = next_task(k, t)) text += `${k.task.pid[t]}\n`
    return text
  }
  return -ENOENT
}
export function cgroup_write(_k: Kernel, _parts: readonly string[], _text: string): number {
  return -EACCES
}
export function cgroup_list(_k: Kernel, parts: readonly string[]): string[] | number {
  return parts.length === 0 ? ['cgroup.controllers', 'cgroup.procs'] : -ENOENT
}
export function cgroup_stat(k: Kernel, parts: readonly string[]): ProcStat | number {
  if (parts.length === 0) return { kind: 'dir', mode: 0o755, uid: 0, gid: 0 }
  return typeof cgroup_read(k, parts) === 'number' ? -ENOENT : { kind: 'file', mode: 0o644, uid: 0, gid: 0 }
}
