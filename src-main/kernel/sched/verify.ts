/** Invariants of the scheduler: queues, pressure counts, timers, the list of tasks. Throws `KernelBug`. */
import { assert } from '@shared/assert'
import { TASK_DEAD, TASK_RUNNING, TASK_ZOMBIE, type Kernel } from '../kernel'
import { first_task, next_task, NR_PSI_COUNTS, psi_row } from '../task'

export function verify_sched(k: Kernel): void {
  verify_tasks(k)
  verify_queues(k)
  verify_psi(k)
  verify_timers(k)
}

/** Each live row is on the list once, found by its number, and on a queue exactly when it may run. */
function verify_tasks(k: Kernel): void {
  const task = k.task
  let nr = 0
  let prev = 0
  for (let t = first_task(k); t !== 0; t = next_task(k, t)) {
    nr++
    assert(nr <= task.meta.nr_live, 'verify_tasks: the list is longer than there are tasks')
    assert(task.list_prev[t] === prev, 'verify_tasks: broken link')
    assert(k.pid.task[task.pid[t]!] === t, 'verify_tasks: number and task disagree')
    const state = task.state[t]!
    assert((task.on_rq[t] !== 0) === (state === TASK_RUNNING), 'verify_tasks: on a queue without being runnable')
    if (state === TASK_ZOMBIE || state === TASK_DEAD)
      assert(task.mm[t] === 0 && task.timer[t] === 0, 'verify_tasks: a zombie holds memory or a timer')
    if (task.timer[t] !== 0) assert(k.timer.arg[task.timer[t]!] === t, 'verify_tasks: not its timer')
    const parent = task.parent[t]!
    if (parent !== 0) assert(task.pid[parent] !== 0, 'verify_tasks: the parent is gone')
    prev = t
  }
  assert(prev === k.var.task_tail && nr === task.meta.nr_live, 'verify_tasks: the list misses tasks')
}

function verify_queues(k: Kernel): void {
  const { rq_next, rq_prev, cpu } = k.task
  for (let row = 1; row <= k.config.cpus; row++) {
    let nr = 0
    let prev = 0
    for (let t = k.cpu.rq_head[row]!; t !== 0; t = rq_next[t]!) {
      assert(rq_prev[t] === prev && cpu[t] === row - 1, 'verify_queues: broken link or wrong CPU')
      nr++
      prev = t
    }
    assert(nr === k.cpu.nr_running[row], 'verify_queues: nr_running')
  }
}

function verify_psi(k: Kernel): void {
  const counts = new Int32Array((k.config.cpus + 1) * NR_PSI_COUNTS)
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    for (let i = 0; i < NR_PSI_COUNTS; i++)
      if ((k.task.psi_flags[t]! & (1 << i)) !== 0) counts[(k.task.cpu[t]! + 1) * NR_PSI_COUNTS + i]!++
  for (let i = NR_PSI_COUNTS; i < counts.length; i++) assert(counts[i] === k.psi.nr[i], 'verify_psi: counts')
  verify_psi_groups(k)
}

/** What a cgroup's tasks do is what its group says of each CPU, those of its children with it. */
function verify_psi_groups(k: Kernel): void {
  const counts = new Int32Array(k.psi.meta.high * NR_PSI_COUNTS)
  for (let t = first_task(k); t !== 0; t = next_task(k, t))
    for (let m = k.task.cgroup[t]!; m > 0; m = k.memcg.parent[m]!)
      for (let i = 0; i < NR_PSI_COUNTS; i++)
        if ((k.task.psi_flags[t]! & (1 << i)) !== 0) counts[psi_row(k, m, k.task.cpu[t]!) * NR_PSI_COUNTS + i]!++
  for (let i = psi_row(k, 1, 0) * NR_PSI_COUNTS; i < counts.length; i++)
    assert(counts[i] === k.psi.nr[i], 'verify_psi: counts of a cgroup')
}

function verify_timers(k: Kernel): void {
  const { heap, pos, at, meta } = k.timer
  for (let place = 1; place <= meta.nr_live; place++) {
    assert(pos[heap[place]!] === place, 'verify_timers: heap and place disagree')
    if (place > 1) assert(at[heap[place >> 1]!]! <= at[heap[place]!]!, 'verify_timers: the heap is out of order')
  }
  assert(heap[meta.nr_live + 1] === 0, 'verify_timers: the heap is longer than its count')
}
