/** The tree of memory cgroups: what can be made and removed, in which order it is walked, what a removed one leaves. */
import { beforeEach, describe, expect, test } from 'vitest'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import type { Kernel } from '../../../src-main/kernel/kernel'
import {
  cgroup_attach,
  cgroup_children,
  cgroup_mkdir,
  cgroup_rmdir,
  mem_cgroup_id_get_online,
  mem_cgroup_iter,
  mem_cgroup_tasks,
  nr_dying_descendants,
} from '../../../src-main/kernel/mm/memcg_tree'
import { mem_cgroup_set_max } from '../../../src-main/kernel/mm/memcontrol'
import { verify_memcg } from '../../../src-main/kernel/mm/verify_memcg'
import { find_task_by_pid } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

let k: Kernel
let parent: number
beforeEach(() => {
  k = bare_machine()
  parent = cgroup_mkdir(k, 0, 'parent')
})
/** Pages that the current task writes are charged where it is. */
function write(bytes: number): number {
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS
  const at = sys.sys_mmap(k, 0, bytes, u.PROT_READ | u.PROT_WRITE, flags)
  expect(access_range(k, at, bytes / 4096, 4096, true)).toBe(bytes / 4096)
  return at
}

describe('mkdir and rmdir', () => {
  test('refuse a name that is taken, one with a slash, the root', () => {
    const names = ['child', 'child', 'a/b', '', 'a\nb']
    expect(names.map((name) => Math.min(0, cgroup_mkdir(k, parent, name)))).toEqual([
      0,
      -u.EEXIST,
      -u.EINVAL,
      -u.EINVAL,
      -u.EINVAL,
    ])
    expect(cgroup_rmdir(k, 0)).toBe(-u.EINVAL)
  })
  test('refuse to remove one with children or with a task that lives', () => {
    const child = cgroup_mkdir(k, parent, 'child')
    expect(cgroup_rmdir(k, parent)).toBe(-u.EBUSY)
    const task = find_task_by_pid(k, sys.sys_fork(k))
    cgroup_attach(k, child, task)
    expect(cgroup_rmdir(k, child)).toBe(-u.EBUSY)
    const init = k.var.current
    run_as(k, task)
    sys.sys_exit(k, 0)
    run_as(k, init)
    // A zombie does not hold it.
    expect([cgroup_rmdir(k, child), cgroup_rmdir(k, parent)]).toEqual([0, 0])
    expect(k.task.cgroup[task]).toBe(0)
    verify_memcg(k)
  })
})

describe('a walk', () => {
  test('goes down first, and through children in the order of their making', () => {
    const [a, b] = [cgroup_mkdir(k, parent, 'a'), cgroup_mkdir(k, 0, 'b')]
    const [c, d] = [cgroup_mkdir(k, parent, 'c'), cgroup_mkdir(k, a, 'd')]
    expect(mem_cgroup_iter(k, 0)).toEqual([0, parent, a, d, c, b])
    expect(mem_cgroup_iter(k, parent)).toEqual([parent, a, d, c])
    expect(cgroup_children(k, parent)).toEqual([a, c])
  })
  test('over tasks sees processes, cgroup after cgroup', () => {
    const child = cgroup_mkdir(k, parent, 'child')
    const [first, second, third] = [1, 2, 3].map(() => find_task_by_pid(k, sys.sys_fork(k)))
    cgroup_attach(k, child, first!)
    cgroup_attach(k, parent, second!)
    cgroup_attach(k, parent, third!)
    expect(mem_cgroup_tasks(k, parent)).toEqual([second, third, first])
    // A thread is no process.
    k.task.tgid[third!] = k.task.pid[second!]!
    expect(mem_cgroup_tasks(k, parent)).toEqual([second, first])
  })
})

describe('a removed cgroup', () => {
  test('and those above that are removed, too, stay with its last page and go with it', () => {
    const child = cgroup_mkdir(k, parent, 'child')
    const living = cgroup_mkdir(k, 0, 'living')
    cgroup_attach(k, child, k.var.current)
    const at = write(MiB)
    cgroup_attach(k, living, k.var.current)
    k.memcg.min[child] = MiB / 4096
    expect([cgroup_rmdir(k, child), cgroup_rmdir(k, parent)]).toEqual([0, 0])
    expect(nr_dying_descendants(k, 0)).toBe(2)
    expect([k.memcg.min[child], mem_cgroup_id_get_online(k, child)]).toEqual([0, 0])
    verify_memcg(k)
    expect(sys.sys_munmap(k, at, MiB)).toBe(0)
    expect([nr_dying_descendants(k, 0), k.memcg.meta.nr_live]).toEqual([0, 1])
    expect(mem_cgroup_iter(k, 0)).toEqual([0, living])
    verify_memcg(k)
  })
  test('without a page of its own is gone at once, whatever the kernel and the CPUs kept for it', () => {
    const child = cgroup_mkdir(k, parent, 'child')
    mem_cgroup_set_max(k, child, MiB)
    cgroup_attach(k, child, k.var.current)
    const at = write(64 * 1024)
    expect(sys.sys_munmap(k, at, 64 * 1024)).toBe(0)
    cgroup_attach(k, parent, k.var.current)
    expect(cgroup_rmdir(k, child)).toBe(0)
    expect(nr_dying_descendants(k, 0)).toBe(0)
    verify_memcg(k)
  })
})
