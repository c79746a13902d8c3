/**
 * Runs a lab program: boots a bare machine, gives each lab task the steps it is to do, and lets the machine run until
 * the program's own task is through. An operation is a generator that yields where its task has to go back to the
 * scheduler (it sleeps, its slice is over); everything else is the kernel's.
 */
import { innerSteps, nestedSteps, type LabFile, type LabStep } from '@shared/lab'
import { signalText } from '@shared/signals'
import { boot } from '../kernel/boot'
import { earlier_kill_pending } from '../kernel/mm/oom_kill'
import { hash } from '../kernel/snapshot'
import { need_resched, task_blocked, sleep_interruptible, wake_up_task, WAIT_EVENT, threads } from '../kernel/task'
import { TASK_DEAD, TASK_ZOMBIE, type Kernel } from '../kernel/kernel'
import { run_step, type Programs } from '../kernel/sched/core'
import { SIGKILL } from '../kernel/uapi'
import { verify } from '../kernel/verify'
import { sys_wait4 } from '../kernel/entry/syscall'
import { WNOHANG } from '../kernel/uapi'
import { sysctl_write } from '../kernel/entry/sysctl'
import { failures } from './expect'
import { before, hex, meminfoNow, sizes, vmstatChange, type Before, type LabKill, type LabLine } from './measure'
import { operations, type Outcome } from './operations'
import { imageAreas, start_lab_task } from './tasks'

/**
 * Free blocks of 1 KiB on a lab machine's disk, that of the measured machine: mke2fs has made it of 400 MiB, with files of
 * 128 and 32 MiB and a tree of 2000 empty ones on it (dumpe2fs).
 */
const DISK_FREE_BLOCKS = 209_462

/** A run of an operation: yields to be called again, returns its outcome. */
export type Running = Generator<undefined, Outcome, undefined>

export interface Area {
  start: number
  length: number
}

/** A task of the program: its lab name, its row in the kernel, and what it has still to do. */
export interface LabTask {
  name: string
  row: number
  pid: number
  /** Lists of steps under way, the innermost last. */
  readonly work: Work[]
  /** Waits for more work at the end of its list (a forked child), or exits (a spawned task). */
  readonly stays: boolean
  readonly areas: Map<string, Area>
  readonly files: Map<string, OpenFile>
  /** It has taken its figures before. */
  looked: boolean
  /** The task that waits until the list handed over by `in` is done. */
  running: Doing | null
  gone: boolean
}
/** A step under way; `after`: the last line before those of the steps within it. */
interface Doing {
  readonly step: LabStep
  readonly op: Running
  since: Before
  after?: number
}
export interface OpenFile {
  readonly fd: number
  readonly path: string
  /** A tree of so many files under the path. */
  readonly count?: number
}
interface Work {
  readonly steps: readonly LabStep[]
  at: number
  again: number
  readonly waiter: LabTask | null
}

export interface Lab {
  readonly k: Kernel
  readonly tasks: Map<number, LabTask>
  readonly names: Map<string, LabTask>
  readonly lines: LabLine[]
  /** pid → lab name of everybody who ever was. */
  readonly pids: Map<number, string>
  readonly killed: { readonly ms: number; readonly nr: number; readonly line: LabKill }[]
  readonly emit: (line: LabLine) => void
  count: number
  main: LabTask
}

export interface LabResult {
  readonly lines: readonly LabLine[]
  readonly failed: number
  readonly panic: string | null
  readonly hash: string
  readonly ms: number
  /** The kernel log, without times. */
  readonly log: readonly string[]
}
export interface LabOptions {
  readonly verify?: boolean
  readonly onLine?: (line: LabLine) => void
}

/** Steps of a machine nobody waits for any more: an hour of simulated time. */
const LIMIT_STEPS = 3600 * 250

/** Runs a whole program. Throws only on a bug of ours. */
export function runLab(file: LabFile, options: LabOptions = {}): LabResult {
  const run = labRun(file, options)
  for (;;) {
    const turn = run.next()
    if (turn.done === true) return turn.value
  }
}

/** The same run for callers that have other things to do: yields the simulated milliseconds after each machine step. */
export function* labRun(file: LabFile, options: LabOptions = {}): Generator<number, LabResult, undefined> {
  const lab = open(file, options.onLine ?? (() => undefined))
  const programs: Programs = { step: (_k, t) => step(lab, t), event: () => undefined }
  for (let n = 0; n < LIMIT_STEPS && !lab.main.gone && lab.k.var.panic === null; n++) {
    run_step(lab.k, programs)
    if (options.verify === true) verify(lab.k)
    noteKills(lab)
    for (const task of [...lab.tasks.values()]) if (isGone(lab.k, task)) bury(lab, task)
    yield lab.k.var.now / 1e6
  }
  if (lab.k.var.panic !== null) finishPanicked(lab)
  const failed = lab.lines.reduce((sum, line) => sum + (line.failed?.length ?? 0), 0)
  return {
    lines: lab.lines,
    failed,
    panic: lab.k.var.panic,
    hash: hash(lab.k),
    ms: lab.k.var.now / 1e6,
    log: lab.k.log.map(([, text]) => text),
  }
}

/** Whether a program has files on a disk: the start-up script mounts one then. */
function usesExt4(steps: readonly LabStep[]): boolean {
  return steps.some((step) => (step.op === 'createFile' && step.args.fs === 'ext4') || usesExt4(innerSteps(step)))
}

/**
 * Steps that a shell does with its own tools; a program that has no others does not bring a file of its own. (munlockall
 * does nothing to who has locked nothing: a step to read counters at.)
 */
const SHELL_STEPS: ReadonlySet<string> = new Set([
  ...['readFile', 'writeFile', 'sysctl', 'sleep', 'pause', 'fork', 'in', 'exec', 'exit', 'wait', 'repeat', 'kill'],
  ...['swapon', 'swapoff', 'dropCaches', 'compact', 'cgroup', 'rmdir', 'setOomScoreAdj', 'sync', 'munlockall'],
])
function isForShell(step: LabStep): boolean {
  return SHELL_STEPS.has(step.op) && innerSteps(step).every(isForShell)
}

function open({ program }: LabFile, emit: (line: LabLine) => void): Lab {
  const { machine } = program
  const k = boot({
    ram: machine.ram,
    cpus: machine.cpus,
    swap: machine.swap.map((s) => ({
      bytes: s.size,
      device: s.device,
      ...(s.priority === undefined ? {} : { priority: s.priority }),
    })),
    disk: machine.disk,
    thp: machine.thp,
    seed: program.seed,
    bare: true,
    ext4: usesExt4(program.steps),
    diskFreeBlocks: DISK_FREE_BLOCKS,
    shell: program.steps.every(isForShell),
    bootParams: machine.bootParams,
    psi: machine.psi,
    la57: machine.la57,
    program: machine.program,
    cgroup: machine.cgroup || program.steps.some(namesCgroup),
    slowdown: machine.slowdown,
  })
  for (const [name, value] of Object.entries(program.sysctl)) sysctl_write(k, name, value)
  const lab = {
    k,
    tasks: new Map(),
    names: new Map(),
    lines: [],
    pids: new Map(),
    killed: [],
    emit,
    count: 0,
  } as unknown as Lab
  lab.main = add(lab, 'main', start_lab_task(k, threads(k).init, 'lab'), program.steps, false)
  k.trace.length = 0
  return lab
}

/** A step that makes a cgroup, runs in one or looks at its files: it needs them mounted, asked for or not. */
function namesCgroup(step: LabStep): boolean {
  const { op, args } = step
  if (op === 'cgroup' || op === 'rmdir') return true
  if (typeof args !== 'object' || args === null) return false
  if ('cgroup' in args && args.cgroup !== undefined) return true
  if ('path' in args && String(args.path).startsWith('/sys/fs/cgroup')) return true
  return innerSteps(step).some(namesCgroup)
}

/** Makes the kernel's task `row` a lab task with work to do. */
export function add(
  lab: Lab,
  name: string,
  row: number,
  steps: readonly LabStep[],
  stays: boolean,
  from?: LabTask,
): LabTask {
  const task: LabTask = {
    name,
    row,
    pid: lab.k.task.pid[row]!,
    work: [{ steps, at: 0, again: 1, waiter: null }],
    stays,
    areas: new Map(from?.areas ?? imageAreas(lab.k, row)),
    files: new Map(from?.files),
    looked: false,
    running: null,
    gone: false,
  }
  lab.tasks.set(row, task)
  lab.names.set(name, task)
  lab.pids.set(task.pid, name)
  return task
}

/** A task that could not be made: steps that name it find nobody. */
export function addStillborn(lab: Lab, name: string): void {
  const nothing = { work: [], areas: new Map<string, Area>(), files: new Map<string, OpenFile>(), running: null }
  lab.names.set(name, { name, row: 0, pid: 0, stays: false, looked: false, gone: true, ...nothing })
}

/** Hands `steps` to `task` and wakes it; `waiter` is woken when they are done. */
export function handOver(lab: Lab, task: LabTask, steps: readonly LabStep[], waiter: LabTask): void {
  task.work.push({ steps, at: 0, again: 1, waiter })
  wake_up_task(lab.k, task.row)
}

/** Puts steps before the rest of a task's own list, `times` over. */
export function repeat(task: LabTask, steps: readonly LabStep[], times: number): void {
  if (times > 0 && steps.length > 0) task.work.push({ steps, at: 0, again: times, waiter: null })
}

/** Steps that a task does in the middle of one of its operations, whose line comes after theirs. */
export function* within(lab: Lab, task: LabTask, steps: readonly LabStep[]): Generator<undefined, void, undefined> {
  const outer = task.running!
  outer.after ??= lab.count
  for (const inner of steps) {
    if (inner.op === 'repeat') {
      for (let n = 0; n < inner.args.times; n++) yield* within(lab, task, nestedSteps(inner.args.steps))
      continue
    }
    // `outer.op` goes on being the one that is asked to go on: it asks this one.
    task.running = { step: inner, op: outer.op, since: before(lab.k, task.row) }
    finish(lab, task, yield* operations(lab, task, inner))
  }
  task.running = outer
}

// ---------------------------------------------------------------- one task's turn

/** A lab task runs: goes on with its operation, or starts the next, until it has to give the CPU up. */
function step(lab: Lab, row: number): void {
  const { k } = lab
  const task = lab.tasks.get(row)
  if (task === undefined) return init(k)
  while (!task_blocked(k) && !isGone(k, task) && k.var.panic === null) {
    if (task.running === null && !next(lab, task)) return
    const running = task.running
    if (running === null) continue
    const turn = running.op.next()
    // The step in which the machine panicked stays under way: it is the last line.
    if (k.var.panic !== null) return
    if (turn.done === true) finish(lab, task, turn.value)
    if (need_resched(k)) return
  }
}

/** pid 1 buries the children that it was left. */
function init(k: Kernel): void {
  while (sys_wait4(k, -1, WNOHANG) > 0);
  idle(k)
}

/** Starts the next step of the innermost list. False when the task has none and went to sleep or ended. */
function next(lab: Lab, task: LabTask): boolean {
  for (let work = task.work.at(-1); work !== undefined; work = task.work.at(-1)) {
    const following = work.steps[work.at]
    if (following !== undefined) {
      work.at++
      task.running = { step: following, op: operations(lab, task, following), since: before(lab.k, task.row) }
      return true
    }
    if (--work.again > 0) {
      work.at = 0
      continue
    }
    task.work.pop()
    if (work.waiter !== null) wake_up_task(lab.k, work.waiter.row)
  }
  if (task === lab.main) {
    task.gone = true
    idle(lab.k)
  } else if (task.stays) idle(lab.k)
  else task.work.push({ steps: [{ op: 'exit', args: 0, mayFail: [] }], at: 0, again: 1, waiter: null })
  return !task.gone && !task.stays
}

/** Sleeps until somebody wakes it. */
function idle(k: Kernel): void {
  sleep_interruptible(k, Infinity, WAIT_EVENT, 0, 'do_sys_poll')
}

/** Ends a step: measures it and writes its line. Containers print none. */
function finish(lab: Lab, task: LabTask, outcome: Outcome): void {
  const { step: done, since, after } = task.running!
  task.running = null
  if (outcome.silent === true) return
  const { k } = lab
  noteKills(lab)
  const line: LabLine = {
    step: ++lab.count,
    ...(after === undefined ? {} : { after }),
    op: done.op,
    ...(done.label === undefined ? {} : { label: done.label }),
    task: task.name,
    ms: k.var.now / 1e6,
    ...(outcome.us === undefined ? {} : { us: outcome.us }),
    result: outcome.result ?? 'ok',
    ...(outcome.addr === undefined ? {} : { addr: hex(outcome.addr) }),
    ...(outcome.value === undefined ? {} : { value: outcome.value }),
    ...(outcome.path === undefined ? {} : { path: outcome.path }),
    ...(outcome.text === undefined ? {} : { text: outcome.text }),
    minflt: (outcome.flt?.min ?? k.task.min_flt[task.row]!) - since.min_flt,
    majflt: (outcome.flt?.maj ?? k.task.maj_flt[task.row]!) - since.maj_flt,
    ...(outcome.sizes ?? sizes(k, task.row)),
    meminfo: meminfoNow(k),
    vmstat: outcome.vmstat ?? vmstatChange(k, since),
    killed: takeKills(lab),
  }
  write(lab, { ...line, ...verdict(done, line) })
}

function verdict(done: LabStep, line: LabLine): { failed?: string[] } {
  const failed = failures(done.expect, line)
  const { result } = line
  if (typeof result === 'string' && result !== 'ok' && done.mayFail.length > 0 && !done.mayFail.includes(result)) {
    failed.push(`result: may fail with ${done.mayFail.join(' ')}, got ${result}`)
  }
  return failed.length > 0 ? { failed } : {}
}

function write(lab: Lab, line: LabLine): void {
  lab.lines.push(line)
  lab.emit(line)
}

// ---------------------------------------------------------------- who died

/** Collects the OOM kills since the last look, by lab name: as often as the log has them. */
function noteKills(lab: Lab): void {
  for (const event of lab.k.trace) {
    const kill = event.oom
    if (kill === undefined) continue
    const { ms, kills, pid, name, badness, oom_score_adj, total_vm_kB, anon_rss_kB, file_rss_kB, shmem_rss_kB } = kill
    const { swap_kB, pgtables_bytes, constraint } = kill
    const line: LabKill = {
      task: lab.pids.get(pid) ?? name,
      ...{ pid, name, badness, oom_score_adj, total_vm_kB, anon_rss_kB, file_rss_kB, shmem_rss_kB },
      ...{ swap_kB, pgtables_bytes, constraint },
    }
    for (const nr of kills) lab.killed.push({ ms, nr, line })
  }
  lab.k.trace.length = 0
  lab.killed.sort((a, b) => a.nr - b.nr)
}
/** In the order of the log: a kill waits for those of the same moment before it, whose victims have not exited yet. */
function takeKills(lab: Lab): LabKill[] {
  const { k, killed } = lab
  const waits = k.var.panic !== null ? -1 : killed.findIndex(({ ms, nr }) => earlier_kill_pending(k, ms, nr))
  return killed.splice(0, waits < 0 ? killed.length : waits).map(({ line }) => line)
}

function isGone(k: Kernel, task: LabTask): boolean {
  const state = k.task.state[task.row]
  return k.task.pid[task.row] !== task.pid || state === TASK_ZOMBIE || state === TASK_DEAD
}

/** A task that died in the middle of a step still gets its line; whoever waited for its steps goes on. */
function bury(lab: Lab, task: LabTask): void {
  lab.tasks.delete(task.row)
  task.gone = true
  const cut = task.running
  if (cut !== null) {
    task.running = cut
    finish(lab, task, {
      result: deathOf(lab.k, task),
      sizes: NO_SIZES,
      flt: { min: cut.since.min_flt, maj: cut.since.maj_flt },
    })
  }
  for (const { waiter } of task.work.splice(0)) if (waiter !== null) wake_up_task(lab.k, waiter.row)
}

/** The signal that ended a task, while its zombie can still be asked. */
function deathOf(k: Kernel, task: LabTask): string {
  const signal = k.task.pid[task.row] === task.pid ? k.task.exit_code[task.row]! & 0x7f : 0
  return signalText(signal === 0 ? SIGKILL : signal)
}

const NO_SIZES = { VmSize: 0, VmRSS: 0, RssAnon: 0, RssFile: 0, RssShmem: 0, VmPTE: 0, VmSwap: 0, VmLck: 0 }

/** The machine panicked: the step under way is the last line and says so. */
function finishPanicked(lab: Lab): void {
  noteKills(lab)
  const task = [...lab.tasks.values()].find((t) => t.running !== null) ?? lab.main
  const step = task.running?.step
  write(lab, {
    step: ++lab.count,
    op: step?.op ?? 'panic',
    ...(step?.label === undefined ? {} : { label: step.label }),
    task: task.name,
    ms: lab.k.var.now / 1e6,
    result: 'panic',
    minflt: 0,
    majflt: 0,
    ...sizes(lab.k, task.row),
    meminfo: meminfoNow(lab.k),
    vmstat: {},
    killed: takeKills(lab),
    panic: lab.k.var.panic ?? '',
  })
}
