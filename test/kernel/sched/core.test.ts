import { beforeEach, describe, expect, test } from 'vitest'
import { M } from '../../../src-shared/counters'
import { boot } from '../../../src-main/kernel/boot'
import { sys_fork } from '../../../src-main/kernel/entry/syscall'
import { type Kernel, type MachineConfig } from '../../../src-main/kernel/kernel'
import { timer_add, timer_del, timer_find, timer_first } from '../../../src-main/kernel/lib/timer'
import { run_step, type Programs } from '../../../src-main/kernel/sched/core'
import { calc_load, FIXED_1, loadavg_text } from '../../../src-main/kernel/sched/loadavg'
import { psi_avg, psi_totals } from '../../../src-main/kernel/sched/psi'
import { verify_sched } from '../../../src-main/kernel/sched/verify'
import {
  charge_user,
  find_task_by_pid,
  io_wait,
  PSI_CPU_SOME,
  PSI_IO_FULL,
  PSI_IO_SOME,
  PSI_MEM_FULL,
  PSI_MEM_SOME,
  psi_memstall_enter,
  psi_memstall_leave,
  SCHED_PRIO_TO_WEIGHT,
  sleep_interruptible,
  threads,
  WAIT_EVENT,
  WAIT_SLEEP,
} from '../../../src-main/kernel/task'

function machine(options: Partial<MachineConfig> = {}): Kernel {
  const config = { ram: 2 ** 28, cpus: 1, swap: [], disk: 'ssd', thp: 'never', seed: 1 } as const
  return boot({ ...config, bare: true, bootParams: [], psi: true, ...options })
}

type Work = (k: Kernel, t: number) => void
/** Tasks with a function each; init sleeps. */
function programs(work: Map<number, Work>): Programs {
  return {
    step(k, t) {
      const act = work.get(t)
      if (act === undefined) sleep_interruptible(k, Infinity, WAIT_EVENT, 0, 'pause')
      else act(k, t)
    },
    event: () => undefined,
  }
}
/** A child of init with something to do. */
function task(k: Kernel, work: Map<number, Work>, act: Work, nice = 0): number {
  k.var.current = threads(k).init
  const t = find_task_by_pid(k, sys_fork(k))
  k.var.current = 0
  k.task.nice[t] = nice
  work.set(t, act)
  return t
}
const spin: Work = (k) => charge_user(k, Math.max(1, k.var.slice_end - k.var.now))
function run(k: Kernel, p: Programs, seconds: number): void {
  const end = k.var.step + seconds * 250
  while (k.var.step < end) run_step(k, p)
  verify_sched(k)
}

let work: Map<number, Work>
beforeEach(() => {
  work = new Map()
})

describe('the scheduler', () => {
  test('shares a CPU by the weights of the nice values', () => {
    const k = machine()
    const a = task(k, work, spin, 0)
    const b = task(k, work, spin, 5)
    run(k, programs(work), 4)
    const wanted = SCHED_PRIO_TO_WEIGHT[20]! / SCHED_PRIO_TO_WEIGHT[25]!
    expect(k.task.utime[a]! / k.task.utime[b]!).toBeCloseTo(wanted, 0)
    expect(k.task.nivcsw[a]).toBeGreaterThan(100)
  })

  test('lets tasks that compute change places at ticks only, however often something else interrupts', () => {
    const k = machine()
    const a = task(k, work, spin)
    const b = task(k, work, spin)
    // A light one whose wake-ups split every slice; at nice 19 it is in no hurry.
    task(k, work, (k) => sleep_interruptible(k, k.var.now + 500_000, WAIT_SLEEP, 0, 'sleep'), 19)
    run(k, programs(work), 2)
    const changes = k.task.nivcsw[a]! + k.task.nivcsw[b]!
    expect(changes).toBeGreaterThan(200)
    expect(changes).toBeLessThan(510)
    expect(k.task.utime[a]! / k.task.utime[b]!).toBeCloseTo(1, 1)
  })

  test('a task of nice -20 has the CPU as soon as it wakes', () => {
    const k = machine()
    task(k, work, (k) => charge_user(k, 100_000))
    let late = 0
    let due = 0
    const urgent = (k: Kernel): void => {
      if (due > 0) late = Math.max(late, k.var.now - due)
      due = k.var.now + 3_000_000
      sleep_interruptible(k, due, WAIT_SLEEP, 0, 'sleep')
    }
    task(k, work, urgent, -20)
    run(k, programs(work), 1)
    expect(late).toBeLessThan(110_000)
  })

  test('accounts all of the time of every CPU', () => {
    const k = machine({ cpus: 2 })
    task(k, work, spin)
    task(k, work, (k) => sleep_interruptible(k, k.var.now + 3_000_000, WAIT_SLEEP, 0, 'sleep'))
    run(k, programs(work), 2)
    for (const row of [1, 2]) {
      const { user, nice, system, idle, iowait, softirq } = k.cpu
      const sum = [user, nice, system, idle, iowait, softirq].reduce((s, c) => s + c[row]!, 0)
      expect(Math.abs(sum - 2e9)).toBeLessThan(8_000_000)
    }
  })

  test('a CPU that works has a tick each jiffy, an idle one has not; disks interrupt for themselves', () => {
    const k = machine({ cpus: 2 })
    task(k, work, spin)
    const before = [...k.cpu.loc.slice(0, 3)]
    run(k, programs(work), 2)
    const ticks = [1, 2].map((row) => k.cpu.loc[row]! - before[row]!).sort((a, b) => b - a)
    expect(ticks[0]).toBeGreaterThanOrEqual(498)
    expect(ticks[0]).toBeLessThan(530)
    expect(ticks[1]).toBeLessThan(30)
    const total = [1, 2].reduce((sum, row) => sum + k.cpu.loc[row]! + k.cpu.irq[row]!, 0)
    expect(k.machine[M.intr]).toBe(total)
  })

  test('forks are counted from boot: kernel threads, pid 1, the idle task of each further CPU', () => {
    const k = machine({ cpus: 2 })
    expect(k.machine[M.processes]).toBe(k.var.next_pid - 1 + 1)
  })

  test('counts idle time as iowait while a task of that CPU waits for a disk', () => {
    const k = machine()
    task(k, work, (k) => io_wait(k, k.var.now + 10_000_000))
    run(k, programs(work), 1)
    expect(k.cpu.iowait[1]! / 1e9).toBeGreaterThan(0.95)
    expect(k.cpu.ctxt[1]).toBeGreaterThan(190)
  })

  test('lets a task that slept take the CPU from one that did not', () => {
    const k = machine()
    task(k, work, spin)
    const late: number[] = []
    let due = 0
    task(k, work, (k) => {
      if (due > 0) late.push(k.var.now - due)
      due = k.var.now + 50_000_000
      sleep_interruptible(k, due, WAIT_SLEEP, 0, 'sleep')
    })
    run(k, programs(work), 3)
    expect(late.length).toBeGreaterThan(50)
    expect(Math.max(...late)).toBeLessThan(200_000)
  })

  test('a task that comes late gets its share, and nothing for the time before it', () => {
    const k = machine()
    const early = task(k, work, spin)
    run(k, programs(work), 2)
    const before = k.task.utime[early]!
    const late = task(k, work, spin)
    run(k, programs(work), 0.4)
    expect(k.task.utime[late]! / (k.task.utime[early]! - before)).toBeCloseTo(1, 0)
    // While one runs the other waits.
    expect(k.task.run_delay[late]! / 0.2e9).toBeCloseTo(1, 0)
    expect(k.task.run_delay[late]! + k.task.utime[late]!).toBeGreaterThan(0.38e9)
  })

  test('spreads tasks over the CPUs', () => {
    const k = machine({ cpus: 4 })
    const tasks = Array.from({ length: 4 }, () => task(k, work, spin))
    run(k, programs(work), 1)
    for (const t of tasks) expect(k.task.utime[t]! / 1e9).toBeGreaterThan(0.9)
  })

  test('an idle machine costs only its own upkeep', () => {
    const k = machine()
    run(k, programs(work), 10)
    expect(k.cpu.idle[1]! / 1e10).toBeGreaterThan(0.999)
    expect(k.machine[M.intr]).toBeLessThan(2500)
  })
})

describe('load averages', () => {
  test('come to the number of running tasks with the time constants of Linux', () => {
    const k = machine()
    task(k, work, spin)
    run(k, programs(work), 60)
    expect(k.var.load[0] / FIXED_1).toBeCloseTo(1 - Math.exp(-1), 1)
    expect(k.var.load[1] / FIXED_1).toBeCloseTo(1 - Math.exp(-0.2), 1)
  })
  test('count tasks in D', () => {
    const k = machine()
    task(k, work, (k) => io_wait(k, k.var.now + 1e9))
    run(k, programs(work), 60)
    expect(k.var.load[0] / FIXED_1).toBeGreaterThan(0.55)
  })
  test('are shown rounded to hundredths', () => {
    const k = machine()
    k.var.load[0] = FIXED_1 - 1
    k.var.load[1] = FIXED_1 + FIXED_1 / 2
    k.var.load[2] = Math.floor(FIXED_1 * 0.034)
    expect(loadavg_text(k)).toBe('1.00 1.50 0.03')
  })
  test('calc_load rounds up while the load rises', () => {
    expect(calc_load(0, 1884, FIXED_1)).toBe(164)
    expect(calc_load(FIXED_1, 1884, 0)).toBe(1884)
  })
})

describe('pressure', () => {
  test('io some and full when the only task waits for a disk', () => {
    const k = machine()
    task(k, work, (k) => io_wait(k, k.var.now + 100_000_000))
    run(k, programs(work), 30)
    expect(psi_avg(k, PSI_IO_SOME, 0)).toBeGreaterThan(9000)
    expect(psi_avg(k, PSI_IO_FULL, 0)).toBeGreaterThan(9000)
    expect(psi_totals(k)[PSI_IO_SOME]! / 30e9).toBeGreaterThan(0.95)
  })
  test('avg10 after ten seconds of full stall is what the kernel’s fixed point gives', () => {
    const k = machine()
    task(k, work, (k) => {
      psi_memstall_enter(k)
      charge_user(k, Math.max(1, k.var.slice_end - k.var.now))
    })
    run(k, programs(work), 10.1)
    let expected = 0
    for (let i = 0; i < 5; i++) expected = calc_load(expected, 1677, 100 * FIXED_1)
    expect(psi_avg(k, PSI_MEM_SOME, 0) / 100).toBeCloseTo(expected / FIXED_1, 0)
    expect(psi_avg(k, PSI_MEM_FULL, 0)).toBe(psi_avg(k, PSI_MEM_SOME, 0))
  })
  test('the averages have the time constants of 10, 60 and 300 seconds', () => {
    const k = machine()
    task(k, work, (k) => {
      psi_memstall_enter(k)
      charge_user(k, Math.max(1, k.var.slice_end - k.var.now))
    })
    run(k, programs(work), 30)
    const averages = [0, 1, 2].map((i) => psi_avg(k, PSI_MEM_FULL, i) / 10_000)
    ;[10, 60, 300].forEach((constant, i) => expect(averages[i]).toBeCloseTo(1 - Math.exp(-30 / constant), 1))
  })
  test('the stall of the only busy CPU is a stall of the machine', () => {
    const k = machine({ cpus: 2 })
    task(k, work, (k) => {
      psi_memstall_enter(k)
      charge_user(k, Math.max(1, k.var.slice_end - k.var.now))
    })
    run(k, programs(work), 10)
    expect(psi_totals(k)[PSI_MEM_FULL]! / 10e9).toBeGreaterThan(0.9)
  })
  test('memory some but not full while another task works', () => {
    const k = machine()
    task(k, work, spin)
    task(k, work, (k) => {
      const outermost = psi_memstall_enter(k)
      io_wait(k, k.var.now + 50_000_000)
      psi_memstall_leave(k, outermost)
    })
    run(k, programs(work), 10)
    expect(psi_avg(k, PSI_MEM_SOME, 0)).toBeGreaterThan(5000)
    expect(psi_avg(k, PSI_MEM_FULL, 0)).toBeLessThan(500)
  })
  test('cpu some while more tasks want to run than there are CPUs', () => {
    const k = machine()
    task(k, work, spin)
    task(k, work, spin)
    run(k, programs(work), 10)
    expect(psi_avg(k, PSI_CPU_SOME, 0)).toBeGreaterThan(5500)
  })
})

describe('timers', () => {
  test('come out by deadline, then by the order of arming, whatever was taken out between', () => {
    const k = machine()
    while (timer_first(k) !== 0) timer_del(k, timer_first(k))
    const armed: { at: number; row: number }[] = []
    let x = 7
    for (let i = 0; i < 500; i++) {
      x = (x * 1103515245 + 12345) & 0x7fffffff
      const at = x % 100
      armed.push({ at, row: timer_add(k, at, 1, i) })
      if (i % 3 === 2) timer_del(k, armed.splice(x % armed.length, 1)[0]!.row)
    }
    const out: number[] = []
    while (timer_first(k) !== 0) {
      out.push(timer_first(k))
      timer_del(k, timer_first(k))
    }
    const stable = armed.map((a, i) => ({ ...a, i })).sort((a, b) => a.at - b.at || a.i - b.i)
    expect(out).toEqual(stable.map((a) => a.row))
  })
  test('are found by kind among those that are due', () => {
    const k = machine()
    while (timer_first(k) !== 0) timer_del(k, timer_first(k))
    for (let i = 0; i < 50; i++) timer_add(k, i, i % 5, i)
    expect(k.timer.arg[timer_find(k, 3, 20)]).toBe(3)
    expect(timer_find(k, 4, 3)).toBe(0)
  })
})

test('a task that stays in D for longer than the timeout is reported once', () => {
  const k = machine()
  k.var.sysctl['kernel.hung_task_timeout_secs'] = 5
  const t = task(k, work, (k) => io_wait(k, k.var.now + 60e9))
  run(k, programs(work), 20)
  expect(k.trace.filter((e) => e.kind === 'hung_task').map((e) => e.pid)).toEqual([k.task.pid[t]])
  expect(k.log.at(-1)![1]).toMatch(/^INFO: task \S+:\d+ blocked for more than 5 seconds\.$/)
})
