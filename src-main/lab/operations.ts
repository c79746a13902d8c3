/** What each operation of a lab program does: system calls of the acting task, and memory accesses. */
import { signalNumber } from '@shared/signals'
import type { ArgumentsOf, LabAddress, LabStep, NestedStep, Operation } from '@shared/lab'
import * as u from '../kernel/uapi'
import { PAGE_SIZE, type Kernel } from '../kernel/kernel'
import { find_task_by_pid, sleep_interruptible, WAIT_SLEEP, WAIT_EVENT } from '../kernel/task'
import { add, addStillborn, handOver, hex, repeat, type Area, type Lab, type LabTask, type Running } from './runner'
import { sizes, type LabSignal, type Sizes } from './measure'
import * as sys from './calls'
import { access, execute, randomDraws, randomPages } from './access'
import { fileOperations } from './fileOperations'
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
  return implementation({ lab, task, k: lab.k }, step.args as never)
}

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

interface Range {
  readonly area: string
  readonly from?: number | undefined
  readonly length?: number | undefined
}

/** Start and length in bytes of the part of an area that a step names. */
export function rangeOf(task: LabTask, { area, from = 0, length }: Range): { start: number; length: number } {
  const whole = areaOf(task, area)
  return { start: whole.start + from, length: length ?? Math.max(0, whole.length - from) }
}

const PROT: Readonly<Record<string, number>> = {
  none: 0,
  r: u.PROT_READ,
  w: u.PROT_WRITE,
  x: u.PROT_EXEC,
  rw: u.PROT_READ | u.PROT_WRITE,
  rx: u.PROT_READ | u.PROT_EXEC,
  rwx: u.PROT_READ | u.PROT_WRITE | u.PROT_EXEC,
}
const FLAGS: Readonly<Record<string, number>> = {
  private: u.MAP_PRIVATE,
  shared: u.MAP_SHARED,
  anonymous: u.MAP_ANONYMOUS,
  fixed: u.MAP_FIXED,
  fixed_noreplace: u.MAP_FIXED_NOREPLACE,
  noreserve: u.MAP_NORESERVE,
  populate: u.MAP_POPULATE,
  locked: u.MAP_LOCKED,
  hugetlb: u.MAP_HUGETLB,
  hugetlb_2mb: u.MAP_HUGETLB | u.MAP_HUGE_2MB,
  hugetlb_1gb: u.MAP_HUGETLB | u.MAP_HUGE_1GB,
  growsdown: u.MAP_GROWSDOWN,
  '32bit': u.MAP_32BIT,
}
const ADVICE: Readonly<Record<ArgumentsOf<'madvise'>['advice'], number>> = {
  normal: u.MADV_NORMAL,
  random: u.MADV_RANDOM,
  sequential: u.MADV_SEQUENTIAL,
  willneed: u.MADV_WILLNEED,
  dontneed: u.MADV_DONTNEED,
  free: u.MADV_FREE,
  cold: u.MADV_COLD,
  pageout: u.MADV_PAGEOUT,
  hugepage: u.MADV_HUGEPAGE,
  nohugepage: u.MADV_NOHUGEPAGE,
  collapse: u.MADV_COLLAPSE,
  populate_read: u.MADV_POPULATE_READ,
  populate_write: u.MADV_POPULATE_WRITE,
  dontfork: u.MADV_DONTFORK,
  dofork: u.MADV_DOFORK,
  mergeable: u.MADV_MERGEABLE,
  unmergeable: u.MADV_UNMERGEABLE,
}
const RESOURCE = { stack: u.RLIMIT_STACK, as: u.RLIMIT_AS, data: u.RLIMIT_DATA, memlock: u.RLIMIT_MEMLOCK } as const

export function protOf(name: string): number {
  return PROT[name] ?? 0
}
export function flagsOf(names: readonly string[]): number {
  return names.reduce((flags, name) => flags | (FLAGS[name] ?? 0), 0)
}

// ---------------------------------------------------------------- memory

function* mmap({ k, task }: Context, a: ArgumentsOf<'mmap'>): Running {
  const { file } = a
  const fd = file === undefined ? -1 : yield* openOnce(task, k, file)
  let at = a.at === undefined ? 0 : addressOf(a.at)
  let { flags } = a
  if (a.align !== undefined) {
    const room = sys.mmap(k, 0, a.length + a.align, 0, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_NORESERVE, -1, 0)
    if (room < 0) return outcome(room)
    at = Math.ceil(room / a.align) * a.align
    flags = [...flags, 'fixed']
  }
  const addr = sys.mmap(k, at, a.length, protOf(a.prot), kindOf(flagsOf(flags), file), fd, a.offset)
  yield* settle(k)
  if (addr < 0) return outcome(addr)
  task.areas.set(a.as, { start: addr, length: a.length })
  return { addr }
}

/** Flags that say neither whose the pages are nor where they come from are further ones of the usual mapping. */
function kindOf(flags: number, file?: string): number {
  if ((flags & (u.MAP_PRIVATE | u.MAP_SHARED | u.MAP_ANONYMOUS)) !== 0) return flags
  return flags | u.MAP_PRIVATE | (file === undefined ? u.MAP_ANONYMOUS : 0)
}

/** The descriptor of an open file, or of one opened for this mapping. */
// eslint-disable-next-line require-yield
function* openOnce(task: LabTask, k: Kernel, name: string): Generator<undefined, number, undefined> {
  const open = task.files.get(name)
  if (open === undefined) throw new LabError(`no file "${name}"; createFile or open it first`)
  return open.fd >= 0 ? open.fd : sys.open(k, open.path)
}

/** Lets the task sleep out what a call left it waiting for. */
export function* settle(k: Kernel): Generator<undefined, void, undefined> {
  while (sys.blocked(k)) yield
}

interface Repeated extends Range {
  readonly stride?: number | undefined
  readonly count?: number | undefined
}

/** One call on the range, or `count` of them `stride` apart up to the first that fails; `value` is how many succeeded. */
function* repeated({ k, task }: Context, a: Repeated, act: (start: number, length: number) => number): Running {
  const { start, length } = rangeOf(task, a)
  const { stride = 0, count } = a
  let ret = 0
  let done = 0
  for (; done < (count ?? 1); done++) {
    ret = act(start + done * stride, length)
    yield* settle(k)
    if (ret < 0) break
  }
  return outcome(ret, count === undefined ? {} : { value: done })
}

function* mremap({ k, task }: Context, a: ArgumentsOf<'mremap'>): Running {
  const area = areaOf(task, a.area)
  const flags = (a.flags.includes('mayMove') ? u.MREMAP_MAYMOVE : 0) | (a.flags.includes('fixed') ? u.MREMAP_FIXED : 0)
  const to = a.to === undefined ? 0 : (task.areas.get(a.to)?.start ?? Number(a.to))
  const addr = sys.mremap(k, area.start, area.length, a.newLength, flags, to)
  yield* settle(k)
  if (addr < 0) return outcome(addr)
  task.areas.set(a.area, { start: addr, length: a.newLength })
  return { addr }
}

function* brk({ k, task }: Context, a: ArgumentsOf<'brk'>): Running {
  const old = sys.brk(k, 0)
  const wanted = old + (a.grow ?? 0) - (a.shrink ?? 0)
  const now = wanted === old ? old : sys.brk(k, wanted)
  yield* settle(k)
  if (now !== wanted) return { result: 'ENOMEM', addr: now }
  if (a.as !== undefined) task.areas.set(a.as, { start: Math.min(old, now), length: Math.abs(now - old) })
  return { addr: Math.min(old, now) }
}

function* probeMmap({ k }: Context, a: ArgumentsOf<'probeMmap'>): Running {
  const MiB = 2 ** 20
  const flags = kindOf(flagsOf(a.flags))
  const tryMap = (bytes: number): number => sys.mmap(k, 0, bytes, protOf(a.prot), flags, -1, 0)
  if (a.chunk > 0) {
    const got: number[] = []
    const most = a.max ?? Number.POSITIVE_INFINITY
    while ((got.length + 1) * a.chunk <= most) {
      const addr = tryMap(a.chunk)
      if (addr < 0) break
      got.push(addr)
    }
    for (const addr of got) sys.munmap(k, addr, a.chunk)
    yield* settle(k)
    return { value: (got.length * a.chunk) / MiB }
  }
  // The largest number of whole MiB: bisection, as every size below a size that fits fits too.
  let low = 0
  let high = (a.max ?? 2 ** 47) / MiB
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const addr = tryMap(middle * MiB)
    if (addr >= 0) {
      sys.munmap(k, addr, middle * MiB)
      low = middle
    } else high = middle - 1
  }
  yield* settle(k)
  return { value: low }
}

/** Random: every page once; for a duration, any page each time. */
function orderOf(k: Kernel, a: ArgumentsOf<'touch'>, count: number): Int32Array | undefined {
  if (a.order === 'random') return a.for === undefined ? randomPages(k, count) : randomDraws(k, count)
  if (a.access !== 'readWrite') return undefined
  return Int32Array.from({ length: count }, (_, i) => (a.order === 'backward' ? count - 1 - i : i))
}

function* touch(c: Context, a: ArgumentsOf<'touch'>): Running {
  const { start, length } = rangeOf(c.task, a)
  const count = Math.ceil(length / a.stride)
  const until = a.for === undefined ? 0 : c.k.var.now + a.for * 1e6
  const content = a.content
  for (let round = 0; until > 0 ? c.k.var.now < until : round < a.times; round++) {
    const order = orderOf(c.k, a, count)
    const signal = yield* access(c, {
      start,
      count,
      stride: a.stride,
      write: a.access !== 'read',
      readFirst: a.access === 'readWrite',
      until,
      order,
      content,
      backward: a.order === 'backward',
    })
    if (signal !== null) return { result: signal }
  }
  return {}
}

function* accessAt(c: Context, a: ArgumentsOf<'accessAt'>): Running {
  const start =
    a.area === undefined
      ? addressOf(a.address ?? { base: 'zero', offset: 0 })
      : areaOf(c.task, a.area).start + Number(a.offset ?? 0)
  const signal =
    a.access === 'execute'
      ? yield* execute(c, start)
      : yield* access(c, { start, count: 1, stride: PAGE_SIZE, write: a.access === 'write' })
  return { addr: start, ...(signal === null ? {} : { result: signal }) }
}

/** Touches the stack below the page of sp, page by page, or `depth` at once. */
function* stackTouch(c: Context, a: ArgumentsOf<'stackTouch'>): Running {
  const first = a.jump ? a.depth : (a.from ?? PAGE_SIZE)
  for (let depth = first; depth <= a.depth; depth += PAGE_SIZE) {
    const addr = SP_PAGE - depth
    const signal = yield* access(c, { start: addr, count: 1, stride: PAGE_SIZE, write: true })
    if (signal !== null) return { result: signal, addr }
  }
  return { addr: SP_PAGE - a.depth }
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
  const steps = [...(a.steps as readonly LabStep[])]
  handOver(lab, child, steps, task)
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
  const row = start_lab_task(k, k.var.current, a.as, a.cgroup)
  if (row === 0) {
    addStillborn(lab, a.as)
    return { result: 'ENOMEM' }
  }
  const task = add(lab, a.as, row, a.steps as readonly LabStep[], false)
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
  const addr = sys.mmap(k, 0, a.upTo, PROT['rw']!, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_NORESERVE, -1, 0)
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
  mmap,
  munmap: (c, a) => repeated(c, a, (start, length) => sys.munmap(c.k, start, length)),
  madvise: (c, a) => repeated(c, a, (start, length) => sys.madvise(c.k, start, length, ADVICE[a.advice])),
  mremap,
  brk,
  probeMmap,
  touch,
  accessAt,
  stackTouch,
  fork,
  in: inTask,
  wait,
  spawn,
  grow,
  exit,
  mprotect: (c, a) => repeated(c, a, (start, length) => sys.mprotect(c.k, { start, length }, protOf(a.prot))),
  mlock: ({ k, task }, a) => call(k, () => sys.mlock(k, rangeOf(task, a), a.onFault ? u.MLOCK_ONFAULT : 0)),
  munlock: ({ k, task }, a) => call(k, () => sys.munlock(k, rangeOf(task, a))),
  msync: ({ k, task }, a) => call(k, () => sys.msync(k, rangeOf(task, a))),
  mlockall: ({ k }, a) => call(k, () => sys.mlockall(k, mclOf(a.flags))),
  munlockall: ({ k }) => call(k, () => sys.munlockall(k)),
  setrlimit: ({ k }, a) => call(k, () => sys.setrlimit(k, RESOURCE[a.resource], a.soft)),
  mincore: ({ k, task }, a) => once(() => resident(sys.mincore(k, rangeOf(task, a)))),
  exec: ({ k, task }, a) =>
    call(k, () => {
      const ret = sys.exec(k, a.as)
      task.areas.clear()
      for (const [part, area] of imageAreas(k, task.row)) task.areas.set(part, area)
      return ret
    }),
  pause: function* ({ k }) {
    for (;;) {
      sleep_interruptible(k, Infinity, WAIT_EVENT, 0, 'do_pause')
      yield
    }
  },
  sleep: function* ({ k }, ms) {
    yield* sleepFor(k, ms)
    return {}
  },
  repeat: ({ task }, a) =>
    once(() => {
      repeat(task, a.steps as readonly NestedStep[] as readonly LabStep[], a.times)
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
  ...fileOperations,
  ...machineOperations,
} satisfies { readonly [K in Operation]: Implementation<K> }
const TABLE: { readonly [K in Operation]: Implementation<K> } = table

/** One system call, and what it leaves the task waiting for. */
export function* call(k: Kernel, act: () => number): Running {
  const ret = act()
  yield* settle(k)
  return outcome(ret)
}

function resident(ret: number): Outcome {
  return ret < 0 ? outcome(ret) : { value: ret }
}

function mclOf(flags: readonly string[]): number {
  const bits = { current: u.MCL_CURRENT, future: u.MCL_FUTURE, onFault: u.MCL_ONFAULT } as Record<string, number>
  return flags.reduce((sum, flag) => sum | (bits[flag] ?? 0), 0)
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

export { hex }
