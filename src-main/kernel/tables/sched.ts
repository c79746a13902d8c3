/** Columns of the tables. CPUs, timers, pressure and grace periods. */
import type { TableSpec } from '../lib/arena'

/** RCU per CPU (row = cpu + 1): its callbacks by segment (rcu/segcblist.ts), and what it knows of grace periods. */
export const RCU_DATA = {
  head: 'i32',
  last: 'i32',
  first: 'f64',
  tail: ['f64', 4],
  seg_seq: ['f64', 4],
  gp_seq: 'f64',
  core_needs_qs: 'u8',
  no_qs: 'u8',
  blimit: 'i32',
  /** The last jiffy whose tick it took. */
  jiffy: 'f64',
} as const satisfies TableSpec

/** The machine's grace periods, in row 1. */
export const RCU_STATE = {
  active: 'u8',
  gp_seq: 'f64',
  gp_seq_needed: 'f64',
  gp_flags: 'u8',
  gp_state: 'u8',
  fqs_done: 'u8',
  qsmask: ['i32', 2],
} as const satisfies TableSpec

/** Timer heap entries: deadline, kind, argument. Waiting is data, never a closure. */
export const TIMER = {
  at: 'f64',
  kind: 'u8',
  arg: 'i32',
  /** Row of the timer at heap place 1, 2, …; `pos` is a timer's place. */
  heap: 'i32',
  pos: 'i32',
  seq: 'f64',
} as const satisfies TableSpec

/**
 * Pressure per group and CPU (row = 1 + cgroup * CPUs + CPU; the machine is cgroup 0): tasks by TSK_… flag, the states it
 * is in since when, time per state.
 */
export const PSI = {
  nr: ['i32', 5],
  state_mask: 'i32',
  state_start: 'f64',
  times: ['f64', 7],
  times_prev: ['f64', 7],
} as const satisfies TableSpec

export const CPU = {
  now: 'f64',
  current: 'i32',
  rq_head: 'i32',
  nr_running: 'i32',
  min_vruntime: 'f64',
  user: 'f64',
  nice: 'f64',
  system: 'f64',
  idle: 'f64',
  iowait: 'f64',
  softirq: 'f64',
  ctxt: 'f64',
  /** Interrupts taken: of the local timer, of disks. */
  loc: 'f64',
  irq: 'f64',
  /** Softirqs taken for RCU. */
  softirq_rcu: 'f64',
  /** Its thread for softirqs (row of `task`). */
  ksoftirqd: 'i32',
  need_resched: 'u8',
  /** How long the running task has had the CPU since it was chosen, up to exec_start. */
  ran: 'f64',
  exec_start: 'f64',
  /** The idle task runs: leaving and entering it are context switches. */
  is_idle: 'u8',
} as const satisfies TableSpec
