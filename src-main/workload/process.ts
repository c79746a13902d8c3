/**
 * A running program: plain state in `k.var.program[task]` and a queue of operations. A program's `step` looks at its state
 * and queues what to do next; this file carries the operations out, across sleeps, page faults and lost time slices.
 */
import type { Params } from '@shared/program'
import { prng_seed } from '../kernel/lib/prng'
import type { Kernel } from '../kernel/kernel'
import { charge_user, need_resched, signal_pending, task_blocked } from '../kernel/task'
import * as calls from './calls'
import { tree_path } from './images'

/** What is to do, with how far it got. Times in ns, memory in pages of 4 KiB, files in bytes. */
export type Op =
  /** `nr` loads or stores from `at`, `step` pages apart. */
  | { op: 'touch'; at: number; nr: number; step: number; write: boolean; done: number }
  /** `count` accesses in an area of `nr` pages, most of them to its hot fifth; `write` per cent are stores. */
  | { op: 'random'; at: number; nr: number; count: number; write: number; again: number }
  | { op: 'cpu'; ns: number }
  /** Cheap system calls: sockets, clocks, polls. */
  | { op: 'calls'; n: number }
  | { op: 'sleep'; ns: number }
  | { op: 'read' | 'write'; fd: number; at: number; length: number }
  | { op: 'fsync'; fd: number }
  | { op: 'stat'; from: number; nr: number }
  /** Another image; `comm` is the name that the task then has (prctl). */
  | { op: 'exec'; path: string; args: string; comm: string }
  | { op: 'wait' }
  | { op: 'exit'; code: number }

export interface State {
  program: string
  /** What the last `step` was about; programs start in ''. */
  phase: string
  params: Params
  rng: number
  ops: Op[]
  /** Addresses, descriptors, counts of the program. */
  v: Record<string, number>
  /** Areas that a program keeps account of. */
  list: number[]
}

/** What a program's functions get: its process. */
export interface Proc {
  readonly k: Kernel
  readonly t: number
  readonly s: State
}

export function new_state(k: Kernel, program: string, params: Params, stream: string): State {
  return { program, phase: '', params, rng: prng_seed(k.config.seed, stream), ops: [], v: {}, list: [] }
}

// ---------------------------------------------------------------- parameters and chance

export function num(p: Proc, name: string): number {
  return p.s.params[name] as number
}
export function pages(p: Proc, name: string): number {
  return Math.floor(num(p, name) / 4096)
}
/** A duration parameter (ms) in ns. */
export function ns_of(p: Proc, name: string): number {
  return Math.round(num(p, name) * 1e6)
}

/** The next number of the process's own stream: 0 … n-1. */
export function below(p: Proc, n: number): number {
  return n <= 1 ? 0 : next(p) % n
}
function next({ s }: Proc): number {
  s.rng = (s.rng + 0x6d2b79f5) | 0
  let z = Math.imul(s.rng ^ (s.rng >>> 15), s.rng | 1)
  z = (z + Math.imul(z ^ (z >>> 7), z | 61)) ^ z
  return (z ^ (z >>> 14)) >>> 0
}
/** A time around `ns`, from half to one and a half of it. */
export function around(p: Proc, ns: number): number {
  return Math.floor(ns / 2) + below(p, Math.max(1, Math.floor(ns)))
}
/** A place in 0 … n-1: four times in five in the first fifth, and there again. */
export function skewed(p: Proc, n: number): number {
  let limit = n
  while (limit > 16 && next(p) % 5 !== 0) limit = Math.floor(limit / 5)
  return below(p, limit)
}

// ---------------------------------------------------------------- queueing

export function touch(p: Proc, at: number, nr: number, write = true, step = 1): void {
  if (nr > 0) p.s.ops.push({ op: 'touch', at, nr: Math.floor(nr), step, write, done: 0 })
}
export function random(p: Proc, at: number, nr: number, count: number, write: number): void {
  if (nr > 0 && count > 0) p.s.ops.push({ op: 'random', at, nr, count, write, again: -1 })
}
export function cpu(p: Proc, ns: number): void {
  p.s.ops.push({ op: 'cpu', ns: Math.max(1, Math.floor(ns)) })
}
export function system_calls(p: Proc, n: number): void {
  p.s.ops.push({ op: 'calls', n })
}
export function sleep(p: Proc, ns: number): void {
  p.s.ops.push({ op: 'sleep', ns: Math.max(1000, Math.floor(ns)) })
}
export function read(p: Proc, fd: number, at: number, length: number): void {
  if (length > 0 && fd >= 0) p.s.ops.push({ op: 'read', fd, at, length })
}
export function write(p: Proc, fd: number, at: number, length: number): void {
  if (length > 0 && fd >= 0) p.s.ops.push({ op: 'write', fd, at, length })
}
export function fsync(p: Proc, fd: number): void {
  if (fd >= 0) p.s.ops.push({ op: 'fsync', fd })
}
export function stat_files(p: Proc, from: number, nr: number): void {
  p.s.ops.push({ op: 'stat', from, nr })
}
export function wait_child(p: Proc): void {
  p.s.ops.push({ op: 'wait' })
}
export function exit(p: Proc, code = 0): void {
  p.s.ops.push({ op: 'exit', code })
}

/** A child with a program of its own; the parent goes on. 0 when the kernel had no memory for it. */
export function spawn(p: Proc, phase: string, v: Record<string, number>, stream: string): number {
  const child = calls.fork(p.k)
  if (child <= 0) return 0
  const state = new_state(p.k, p.s.program, p.s.params, `${stream}/${p.k.task.pid[child]}`)
  state.phase = phase
  state.v = v
  p.k.var.program[child] = state
  return child
}

// ---------------------------------------------------------------- carrying out

/** Goes on with a process until it sleeps, its slice is over, a signal waits or it is gone. */
export function run(p: Proc, step: (p: Proc) => void): void {
  const { k, t, s } = p
  do {
    if (s.ops.length === 0) step(p)
    const op = s.ops[0]
    if (op === undefined) charge_user(k, 1000)
    else if (!task_blocked(k) && perform(p, op)) s.ops.shift()
  } while (!task_blocked(k) && !need_resched(k) && !signal_pending(k, t))
}

/** One operation, as far as it goes; true when it is done. */
function perform(p: Proc, op: Op): boolean {
  const k = p.k
  switch (op.op) {
    case 'touch':
      op.done += calls.touch(k, op.at + op.done * op.step * 4096, op.nr - op.done, op.write, op.step)
      return op.done >= op.nr
    case 'random':
      return touch_random(p, op)
    case 'cpu': {
      const slice = Math.min(op.ns, Math.max(1, k.var.slice_end - k.var.now))
      charge_user(k, slice)
      op.ns -= slice
      return op.ns <= 0
    }
    case 'calls':
      calls.cheap(k, op.n)
      return true
    case 'sleep':
      calls.nanosleep(k, op.ns)
      return true
    case 'read':
    case 'write': {
      const length = Math.min(op.length, CHUNK)
      const n = op.op === 'read' ? calls.pread(k, op.fd, op.at, length) : calls.pwrite(k, op.fd, op.at, length)
      op.at += Math.max(0, n)
      op.length = n <= 0 ? 0 : op.length - n
      return op.length <= 0
    }
    case 'fsync':
      calls.fsync(k, op.fd)
      return true
    case 'stat':
      calls.stat(k, tree_path(op.from))
      op.from++
      return --op.nr <= 0
    case 'exec':
      if (calls.exec(k, op.path, op.args, op.comm)) run_code(p)
      return true
    case 'wait':
      return calls.wait(k)
    case 'exit':
      calls.exit(k, op.code)
      return true
  }
}
/** Start-up runs through a part of the code, a page in sixteen: the fault around it maps the rest. */
function run_code(p: Proc): void {
  for (const [at, nr] of calls.code_areas(p.k)) touch(p, at, Math.ceil((nr * 0.5) / 16), false, 16)
}

/** read(2) and write(2) in pieces, as programs do with their buffers. */
const CHUNK = 64 * 1024

function touch_random(p: Proc, op: Extract<Op, { op: 'random' }>): boolean {
  const n = Math.min(op.count, BATCH)
  const trace = new Int32Array(n)
  let i = 0
  // The access at which the last batch stopped is made again first.
  if (op.again >= 0) trace[i++] = op.again
  for (; i < n; i++) trace[i] = (skewed(p, op.nr) << 1) | (below(p, 100) < op.write ? 1 : 0)
  const made = calls.touch_list(p.k, op.at, trace, n)
  op.again = made < n ? trace[made]! : -1
  op.count -= made
  return op.count <= 0
}
const BATCH = 64
