/** What each operation of a lab program does; here those on tasks, the others by what they are about. */
import { signalNumber } from '@shared/signals'
import { nestedSteps, type ArgumentsOf, type LabAddress, type LabStep, type Operation } from '@shared/lab'
import * as u from '../kernel/uapi'
import { PAGE_SIZE, type Kernel } from '../kernel/kernel'
import { find_task_by_pid, sleep_interruptible, WAIT_SLEEP, WAIT_EVENT } from '../kernel/task'
import { add, addStillborn, handOver, repeat, type Area, type Lab, type LabTask, type Running } from './runner'
import { sizes, type LabSignal, type Sizes } from './measure'
import * as sys from './calls'
import { access } from './access'
import { measured } from './measured'
import { fileOperations } from './fileOperations'
import { memoryOperations } from './memoryOperations'
import { machineOperations } from './machineOperations'
import { imageAreas, start_lab_task } from './tasks'

/** How a step ended. `silent`: a container, whose inner steps print their own lines. */
export interface Outcome {
  readonly result?: string | LabSignal
  readonly addr?: number
  readonly value?: number
  readonly path?: string
  readonly text?: string
  readonly silent?: boolean
  readonly sizes?: Sizes
  readonly flt?: { readonly min: number; readonly maj: number }
  /** How long it took, sleeps and others' turns with it. */
  readonly us?: number
  /** What of /proc/vmstat changed, where it was not read last. */
  readonly vmstat?: Readonly<Record<string, number>>
}

export interface Context {
  readonly lab: Lab
  readonly task: LabTask
  readonly k: Kernel
}
export type Implementation<K extends Operation> = (c: Context, args: ArgumentsOf<K>) => Running

/** 0 or a value is fine; a negative number is an errno. */
export function outcome(ret: number, more: Outcome = {}): Outcome {
  return ret < 0 ? { ...more, result: u.errno_name(ret) } : more
}

/** Starts a step's operation for a task. */
export function operations(lab: Lab, task: LabTask, step: LabStep): Running {
  const implementation = TABLE[step.op] as Implementation<Operation>
  const c = { lab, task, k: lab.k }
  const operation = implementation(c, step.args as never)
  return UNMEASURED.has(step.op) ? operation : measured(c, operation)
}
/** Steps that print no line, and the last of a task. */
const UNMEASURED = new Set<Operation>(['in', 'repeat', 'exit'])

// eslint-disable-next-line require-yield -- a call that never sleeps is an operation too
export function* once(act: () => Outcome): Running {
  return act()
}

// ---------------------------------------------------------------- areas and addresses

/** The page of sp on a bare machine. */
export const SP_PAGE = 0x7fffffffe000

export function addressOf(at: LabAddress): number {
  return at.base === 'sp' ? SP_PAGE + at.offset : at.offset
}

export function areaOf(task: LabTask, name: string): Area {
  const area = task.areas.get(name)
  if (area === undefined) throw new LabError(`no area "${name}" in task "${task.name}"; mmap it first`)
  return area
}

/** A mistake in the program that shows only while it runs. */
export class LabError extends Error {
  override readonly name = 'LabError'
}

export interface Range {
  readonly area: string
  readonly from?: number | undefined
  readonly length?: number | undefined
}

/** Start and length in bytes of the part of an area that a step names. */
export function rangeOf(task: LabTask, { area, from = 0, length }: Range): { start: number; length: number } {
  const whole = areaOf(task, area)
  return { start: whole.start + from, length: length ?? Math.max(0, whole.length - from) }
}

// ---------------------------------------------------------------- tasks

function taskOf(lab: Lab, name: string): LabTask {
  const task = lab.names.get(name)
  if (task === undefined) throw new LabError(`no task "${name}"; fork or spawn it first`)
  return task
}

function* fork({ k, lab, task }: Context, a: ArgumentsOf<'fork'>): Running {
  const pid = sys.fork(k)
  if (pid < 0) {
    addStillborn(lab, a.as)
    return outcome(pid)
  }
  const row = find_task_by_pid(k, pid)
  add(lab, a.as, row, [], true, task)
  yield* settle(k)
  return { value: pid }
}

function* inTask({ k, lab, task }: Context, a: ArgumentsOf<'in'>): Running {
  const child = taskOf(lab, a.task)
  if (child.gone) return { silent: true }
  const list = { done: false }
  handOver(lab, child, nestedSteps(a.steps), task)
  const mark = child.work.at(-1)
  while (!list.done) {
    list.done = child.gone || mark === undefined || !child.work.includes(mark)
    if (!list.done) {
      sleep_interruptible(k, Infinity, WAIT_EVENT, child.row, 'pipe_read')
      yield
    }
  }
  return { silent: true }
}

function* wait({ k, lab }: Context, a: ArgumentsOf<'wait'>): Running {
  const child = taskOf(lab, a.task)
  if (child.pid === 0) return outcome(-u.ECHILD)
  for (;;) {
    const ret = sys.wait4(k, child.pid)
    if (ret !== 0) return ret < 0 && !child.gone ? outcome(ret) : {}
    yield
  }
}

function* spawn({ k, lab }: Context, a: ArgumentsOf<'spawn'>): Running {
  // mkdir -p: a task is never left in the root for want of its cgroup.
  const made = a.cgroup === undefined ? 0 : sys.makeGroup(k, a.cgroup)
  if (made < 0) return outcome(made)
  const row = start_lab_task(k, k.var.current, a.as, a.cgroup)
  if (row === 0) {
    addStillborn(lab, a.as)
    return { result: 'ENOMEM' }
  }
  const task = add(lab, a.as, row, nestedSteps(a.steps), false)
  if (a.oomScoreAdj !== undefined) k.task.oom_score_adj[row] = a.oomScoreAdj
  if (a.uid !== undefined) {
    k.task.uid[row] = a.uid
    k.task.gid[row] = a.uid
  }
  yield* settle(k)
  return { value: task.pid }
}

function* grow(c: Context, a: ArgumentsOf<'grow'>): Running {
  const { k, task } = c
  const addr = sys.mmap(
    k,
    0,
    a.upTo,
    u.PROT_READ | u.PROT_WRITE,
    u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_NORESERVE,
    -1,
    0,
  )
  if (addr < 0) return outcome(addr)
  task.areas.set(a.as, { start: addr, length: a.upTo })
  for (let done = 0; done < a.upTo; done += a.step) {
    const length = Math.min(a.step, a.upTo - done)
    const signal = yield* access(c, {
      start: addr + done,
      count: Math.ceil(length / PAGE_SIZE),
      stride: PAGE_SIZE,
      write: true,
    })
    if (signal !== null) return { result: signal, addr }
    if (a.pause !== undefined) yield* sleepFor(k, a.pause)
  }
  return { addr }
}

function* sleepFor(k: Kernel, ms: number): Generator<undefined, void, undefined> {
  const until = k.var.now + ms * 1e6
  while (k.var.now < until) {
    sleep_interruptible(k, until, WAIT_SLEEP, 0, 'hrtimer_nanosleep')
    yield
  }
}

/** The line of an exit shows what the task had when it went. */
function exit({ k, task }: Context, code: ArgumentsOf<'exit'>): Running {
  return once(() => {
    const left = { sizes: sizes(k, task.row), flt: { min: k.task.min_flt[task.row]!, maj: k.task.maj_flt[task.row]! } }
    sys.exit(k, code)
    return left
  })
}

const table = {
  fork,
  in: inTask,
  wait,
  spawn,
  grow,
  exit,
  exec: ({ k, task }, a) =>
    call(k, () => {
      const ret = sys.exec(k, a.as)
      task.areas.clear()
      for (const [part, area] of imageAreas(k, task.row)) task.areas.set(part, area)
      return ret
    }),
  pause: function* ({ k }) {
    for (;;) {
      sleep_interruptible(k, Infinity, WAIT_EVENT, 0, '__do_sys_pause')
      yield
    }
  },
  sleep: function* ({ k }, ms) {
    yield* sleepFor(k, ms)
    return {}
  },
  repeat: ({ task }, a) =>
    once(() => {
      repeat(task, nestedSteps(a.steps), a.times)
      return { silent: true }
    }),
  kill: ({ k, lab }, a) => once(() => outcome(killTask(k, taskOf(lab, a.task).pid, a.signal))),
  setOomScoreAdj: ({ k, lab, task }, a) =>
    once(() => {
      const { pid } = a.task === undefined ? task : taskOf(lab, a.task)
      return outcome(sys.writeFile(k, `/proc/${pid}/oom_score_adj`, String(a.value)))
    }),
  setuid: ({ k }, a) =>
    once(() => {
      k.task.uid[k.var.current] = a.uid
      k.task.gid[k.var.current] = a.uid
      return {}
    }),
  ...memoryOperations,
  ...fileOperations,
  ...machineOperations,
} satisfies { readonly [K in Operation]: Implementation<K> }
const TABLE: { readonly [K in Operation]: Implementation<K> } = table

/** Lets the task sleep out what a call left it waiting for. */
export function* settle(k: Kernel): Generator<undefined, void, undefined> {
  while (sys.blocked(k)) yield
}

/** One system call, and what it leaves the task waiting for. */
export function* call(k: Kernel, act: () => number): Running {
  const ret = act()
  yield* settle(k)
  return outcome(ret)
}

function killTask(k: Kernel, pid: number, signal: number | string): number {
  return pid === 0 ? -u.ESRCH : sys.kill(k, pid, signalOf(signal))
}

function signalOf(signal: number | string): number {
  if (typeof signal === 'number') return signal
  const number = signalNumber(signal)
  if (number === null) throw new LabError(`no signal "${signal}"`)
  return number
}
