/** Processes from birth to reaping: nothing is left behind, parents are told, orphans go to init. */
import { describe, expect, test } from 'vitest'
import { C } from '../../../src-shared/counters'
import { TASK_RUNNING, TASK_STOPPED, TASK_ZOMBIE, type Kernel } from '../../../src-main/kernel/kernel'
import { access_range } from '../../../src-main/kernel/entry/access'
import * as sys from '../../../src-main/kernel/entry/syscall'
import { lru_add_drain_all } from '../../../src-main/kernel/mm/swap'
import { verify_mm } from '../../../src-main/kernel/mm/mm_verify'
import { get_signal } from '../../../src-main/kernel/sched/signal'
import { find_task_by_pid, threads } from '../../../src-main/kernel/task'
import * as u from '../../../src-main/kernel/uapi'
import { bare_machine, MiB, run_as } from '../../support/bare'

const RW = u.PROT_READ | u.PROT_WRITE
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS

function fork(k: Kernel): number {
  const pid = sys.sys_fork(k)
  expect(pid).toBeGreaterThan(0)
  return find_task_by_pid(k, pid)
}
/** Live rows and counters that must come back to what they were. */
function ledger(k: Kernel): Record<string, number> {
  lru_add_drain_all(k)
  const live: Record<string, number> = {}
  for (const t of [k.task, k.mm, k.vma, k.anon_vma, k.avc, k.pt, k.maple, k.file, k.fd])
    live[t.meta.name] = t.meta.nr_live
  for (const name of ['nr_anon_pages', 'nr_mapped', 'nr_page_table_pages', 'nr_kernel_stack', 'nr_shmem'] as const)
    live[name] = k.vmstat[C[name]]!
  live['committed_as'] = k.var.committed_as
  return live
}

test('a family that lived and died leaves nothing behind', () => {
  const k = bare_machine()
  const init = k.var.current
  // The parent's own pages are shared and taken back in the first round; from then on nothing may change.
  const life = (): void => {
    const child = fork(k)
    run_as(k, child)
    const p = sys.sys_mmap(k, 0, 8 * MiB, RW, ANON)
    access_range(k, p, 2048, 4096, true)
    const shared = sys.sys_mmap(k, 0, MiB, RW, u.MAP_SHARED | u.MAP_ANONYMOUS)
    access_range(k, shared, 256, 4096, true)
    const grandchild = fork(k)
    run_as(k, grandchild)
    access_range(k, p, 2048, 8192, true)
    expect(sys.sys_execve(k, '/bin/lab')).toBe(0)
    verify_mm(k)
    sys.sys_exit(k, 0)
    run_as(k, child)
    expect(sys.sys_wait4(k, -1)).toBeGreaterThan(0)
    sys.sys_exit(k, 0)
    run_as(k, init)
    expect(sys.sys_wait4(k, -1)).toBeGreaterThan(0)
  }
  life()
  const before = ledger(k)
  for (let i = 0; i < 5; i++) life()
  expect(ledger(k)).toEqual(before)
  verify_mm(k)
})

test('a zombie keeps its row until its parent waits; the status tells how it ended', () => {
  const k = bare_machine()
  const parent = k.var.current
  const child = fork(k)
  const pid = k.task.pid[child]!
  expect(sys.sys_wait4(k, pid, u.WNOHANG)).toBe(0)
  run_as(k, child)
  sys.sys_exit(k, 7)
  expect([k.task.state[child], k.task.mm[child]]).toEqual([TASK_ZOMBIE, 0])
  run_as(k, parent)
  expect(sys.sys_wait4(k, pid)).toBe(pid)
  expect(k.task.exit_status[parent]).toBe(7 << 8)
  expect(find_task_by_pid(k, pid)).toBe(0)
  expect(sys.sys_wait4(k, -1)).toBe(-u.ECHILD)
})

test('orphans become children of init', () => {
  const k = bare_machine()
  const init = k.var.current
  threads(k).init = init
  const child = fork(k)
  run_as(k, child)
  const grandchild = fork(k)
  sys.sys_exit(k, 0)
  expect(k.task.parent[grandchild]).toBe(init)
  run_as(k, grandchild)
  sys.sys_exit(k, 0)
  run_as(k, init)
  const pids = [sys.sys_wait4(k, -1), sys.sys_wait4(k, -1)]
  expect(pids.every((p) => p > 0)).toBe(true)
  expect(sys.sys_wait4(k, -1)).toBe(-u.ECHILD)
})

describe('signals', () => {
  test('an unhandled fatal signal ends the task, a handled one does not', () => {
    const k = bare_machine()
    const parent = k.var.current
    const child = fork(k)
    const pid = k.task.pid[child]!
    run_as(k, child)
    sys.sys_sigaction(k, u.SIGTERM, true)
    run_as(k, parent)
    sys.sys_kill(k, pid, u.SIGTERM)
    run_as(k, child)
    get_signal(k)
    expect(k.task.state[child]).toBe(TASK_RUNNING)
    run_as(k, parent)
    sys.sys_kill(k, pid, u.SIGKILL)
    run_as(k, child)
    get_signal(k)
    expect(k.task.state[child]).toBe(TASK_ZOMBIE)
    run_as(k, parent)
    expect(sys.sys_wait4(k, pid)).toBe(pid)
    expect(k.task.exit_status[parent]).toBe(u.SIGKILL)
  })
  test('SIGSTOP stops and SIGCONT continues', () => {
    const k = bare_machine()
    const parent = k.var.current
    const child = fork(k)
    sys.sys_kill(k, k.task.pid[child]!, u.SIGSTOP)
    run_as(k, child)
    get_signal(k)
    expect(k.task.state[child]).toBe(TASK_STOPPED)
    run_as(k, parent)
    sys.sys_kill(k, k.task.pid[child]!, u.SIGCONT)
    expect(k.task.state[child]).toBe(TASK_RUNNING)
  })
  test('a user may signal his own processes only', () => {
    const k = bare_machine()
    const child = fork(k)
    sys.sys_setuid(k, 1000)
    expect(sys.sys_kill(k, k.task.pid[child]!, u.SIGTERM)).toBe(-u.EPERM)
    expect(sys.sys_kill(k, 4000000, u.SIGTERM)).toBe(-u.ESRCH)
  })
})

test('threads share the address space: it goes with the last of them', () => {
  const k = bare_machine()
  const t = k.var.current
  const thread = find_task_by_pid(k, sys.sys_clone_thread(k))
  expect(k.task.mm[thread]).toBe(k.task.mm[t])
  const mm = k.task.mm[t]!
  run_as(k, thread)
  sys.sys_exit(k, 0)
  expect(k.mm.mm_users[mm]).toBe(1)
  run_as(k, t)
  verify_mm(k)
})

test('exec replaces the image and keeps the process', () => {
  const k = bare_machine()
  const t = k.var.current
  const pid = k.task.pid[t]
  const p = sys.sys_mmap(k, 0, 4 * MiB, RW, ANON)
  access_range(k, p, 1024, 4096, true)
  expect(sys.sys_execve(k, '/bin/nothing')).toBe(-u.ENOENT)
  expect(access_range(k, p, 1024, 4096, true)).toBe(1024)
  expect(sys.sys_execve(k, '/bin/lab', '/bin/lab --again')).toBe(0)
  expect(k.task.pid[t]).toBe(pid)
  expect(k.strings.list[k.task.comm[t]!]).toBe('lab')
  expect(k.mm.total_vm[k.task.mm[t]!]! * 4).toBe(1724)
  expect(access_range(k, p, 1, 0, false)).toBe(0)
  verify_mm(k)
})
