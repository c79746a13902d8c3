/**
 * Process 1: starts what the scenario, the base system and the user ask for, and reaps orphans. Requests wait in
 * `var.mod.requests`, so that a start is a fork and an exec of init at its time, as with systemd.
 */
import type { Params } from '@shared/program'
import { string_id, type Kernel } from '../kernel/kernel'
import { sleep_interruptible, threads, trace, wake_up_task, WAIT_CHILD } from '../kernel/task'
import * as calls from './calls'
import { cpu, new_state, random, sleep, touch, type Proc } from './process'
import type { Program } from './program'

/** A program to start. */
export interface Request {
  readonly program: string
  readonly path: string
  readonly name: string
  readonly nice: number
  readonly uid: number
  readonly cgroup?: string | undefined
  readonly oomScoreAdj: number
  readonly params: Params
}
interface Requests {
  queue: Request[]
  /** Numbers the processes of one name, for their random streams. */
  started: Record<string, number>
}
function requests(k: Kernel): Requests {
  return (k.var.mod['requests'] ??= { queue: [], started: {} }) as Requests
}

/** Asks init to start a program; it does so when it runs next. */
export function request(k: Kernel, wanted: Request): void {
  requests(k).queue.push(wanted)
  wake_up_task(k, threads(k).init)
}

const HEAP_PAGES = 1200

function init_step(p: Proc): void {
  const { k, s } = p
  if (s.phase === '') {
    s.phase = 'run'
    s.v['heap'] = calls.grow_heap(k, HEAP_PAGES * 4096)
    touch(p, s.v['heap'], HEAP_PAGES)
    return cpu(p, 5_000_000)
  }
  const wanted = requests(k).queue[0]
  if (wanted !== undefined) {
    if (start(k, wanted) > 0) requests(k).queue.shift()
    else sleep(p, 1_000_000_000)
    return
  }
  calls.reap(k)
  if (s.v['heap']! > 0) random(p, s.v['heap']!, HEAP_PAGES, 8, 20)
  s.ops.push({ op: 'cpu', ns: 60_000 })
  sleep_interruptible(k, Infinity, WAIT_CHILD, 0, 'ep_poll')
}

/** fork, settings, exec: the child does the last itself. Returns the child's task, or a negative errno. */
export function start(k: Kernel, wanted: Request): number {
  const child = calls.fork(k)
  if (child <= 0) return child
  const task = k.task
  task.uid[child] = wanted.uid
  task.gid[child] = wanted.uid
  task.nice[child] = wanted.nice
  task.oom_score_adj[child] = wanted.oomScoreAdj
  task.comm[child] = string_id(k, wanted.name)
  if (wanted.cgroup !== undefined) calls.attach_cgroup(k, child, wanted.cgroup)
  const { started } = requests(k)
  const number = (started[wanted.name] = (started[wanted.name] ?? 0) + 1)
  const state = new_state(k, wanted.program, wanted.params, `${wanted.program}/${wanted.name}/${number}`)
  state.ops.push({ op: 'exec', path: wanted.path, args: wanted.path, comm: wanted.name })
  k.var.program[child] = state
  trace(k, { kind: 'spawn', text: `started ${wanted.path}`, pid: task.pid[child]!, name: wanted.name })
  return child
}

export const init: Program = {
  name: 'init',
  comm: 'systemd',
  path: '/sbin/init',
  about: 'Process 1: starts services and reaps orphans.',
  params: {},
  step: init_step,
}
