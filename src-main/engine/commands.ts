/**
 * What a user can do to the machine, as system calls and writes to /proc. Everything that fails says its errno. A process
 * is named by PID and start time, so that a command never hits a later process of the same PID.
 */
import { pressureName, type CommandOf, type Result } from '@shared/protocol'
import { errno_name } from '../kernel/entry/errno'
import { proc_mkdir, proc_read, proc_rmdir, proc_write } from '../kernel/proc'
import { find_task_by_pid, send_signal } from '../kernel/task'
import { TASK_DEAD, TASK_ZOMBIE, type Kernel } from '../kernel/kernel'
import type { Params } from '@shared/program'
import { findProgram } from '@shared/scenario'
import { swapoff, swapon } from '../kernel/mm/swapon'
import { as_init, PROGRAM_INFOS, set_program_params, spawn_program } from '../workload'
import { ERRNO_TEXT } from '../shell/inside'
import type { Machine, MachineCommand } from './machine'

const done: Result = { ok: true, value: null }

/** Carries out a command on the machine as it is now. Depends on nothing but the machine and the command. */
export function perform(m: Machine, command: MachineCommand): Result {
  const k = m.k
  switch (command.type) {
    case 'spawn':
      return spawn(k, command)
    case 'kill':
      return onTask(k, command, (t) => send_signal(k, t, command.signal))
    case 'setOomScoreAdj':
      return onTask(k, command, () => proc_write(k, `/proc/${command.pid}/oom_score_adj`, `${command.value}\n`))
    case 'renice':
      return onTask(k, command, (t) => {
        k.task.nice[t] = command.nice
      })
    case 'sysctl':
      return setAll(k, command.set)
    case 'dropCaches':
      return write(k, '/proc/sys/vm/drop_caches', `${command.mode}\n`)
    case 'pressure':
      return pressure(m, command)
    case 'writeFile':
      return write(k, command.path, command.text)
    case 'makeDir':
    case 'removeDir':
      return folder(k, command)
    case 'swapon':
      return swapOn(k, command)
    case 'swapoff':
      return swapOff(k, command.path)
  }
}

/** One line for the timeline and the event log. */
export function describe(command: MachineCommand): string {
  switch (command.type) {
    case 'spawn':
      return `started ${command.count ?? 1} × ${command.program}`
    case 'kill':
      return `sent signal ${command.signal} to PID ${command.pid}`
    case 'setOomScoreAdj':
      return `oom_score_adj of PID ${command.pid} = ${command.value}`
    case 'renice':
      return `nice of PID ${command.pid} = ${command.nice}`
    case 'sysctl':
      return Object.entries(command.set)
        .map(([name, value]) => `${name} = ${value}`)
        .join(', ')
    case 'dropCaches':
      return `drop_caches = ${command.mode}`
    case 'pressure':
      return `pressure: ${command.percent === undefined ? `${command.mib ?? 0} MiB` : `${command.percent} % of MemTotal`} ${command.kind}`
    case 'writeFile':
      return `echo ${command.text.trim().slice(0, 40)} > ${command.path}`
    case 'makeDir':
      return `mkdir ${command.path}`
    case 'removeDir':
      return `rmdir ${command.path}`
    case 'swapon':
      return `swapon ${command.path}`
    case 'swapoff':
      return `swapoff ${command.path}`
  }
}

function answer(returned: number | void, what: string): Result {
  if (typeof returned === 'number' && returned < 0) return fail(errno_name(returned), what)
  return done
}

/** Folders can be made where they are cgroups. */
function folder(k: Kernel, command: CommandOf<'makeDir'> | CommandOf<'removeDir'>): Result {
  const ret = command.type === 'makeDir' ? proc_mkdir(k, command.path) : proc_rmdir(k, command.path)
  return answer(ret, command.path)
}

function fail(errno: string, what: string): Result {
  return { ok: false, error: `${errno}: ${what}: ${ERRNO_TEXT[errno] ?? errno}` }
}

function onTask(
  k: Kernel,
  { pid, start_ns }: { pid: number; start_ns?: number | undefined },
  act: (t: number) => number | void,
): Result {
  const t = find_task_by_pid(k, pid)
  const gone = t === 0 || k.task.state[t] === TASK_DEAD || k.task.state[t] === TASK_ZOMBIE
  if (gone || (start_ns !== undefined && k.task.start_ns[t] !== start_ns)) return fail('ESRCH', `PID ${pid}`)
  return answer(act(t), `PID ${pid}`)
}

function write(k: Kernel, path: string, text: string): Result {
  return answer(proc_write(k, path, text), path)
}

/** Stops at the first value that the kernel refuses. */
function setAll(k: Kernel, set: CommandOf<'sysctl'>['set']): Result {
  for (const [name, value] of Object.entries(set)) {
    const result = write(k, `/proc/sys/${name.replaceAll('.', '/')}`, `${value}\n`)
    if (!result.ok) return result
  }
  return done
}

/** Forked off init, as a service is. */
function spawn(k: Kernel, command: CommandOf<'spawn'>): Result {
  const { program, name, oomScoreAdj, count = 1 } = command
  const found = findProgram(PROGRAM_INFOS, program, command.params ?? {})
  if ('hint' in found) return { ok: false, error: `${program}: ${found.field}: ${found.hint}` }
  const pids: number[] = []
  for (let i = 0; i < count; i++) {
    const pid = spawn_program(k, { program, name, oomScoreAdj, params: found.params })
    if (pid <= 0) return fail(errno_name(pid), `fork (${pids.length} of ${count} started)`)
    pids.push(pid)
  }
  return { ok: true, value: { pids } }
}

/** A new target changes what the task of that kind holds. */
function pressure(m: Machine, command: CommandOf<'pressure'>): Result {
  const k = m.k
  const bytes =
    command.percent === undefined ? (command.mib ?? 0) * 2 ** 20 : (k.var.totalram_pages * 4096 * command.percent) / 100
  const name = pressureName(command.kind)
  const held = taskNamed(k, name)
  if (bytes === 0) {
    // Files outlive who made them: it removes them itself.
    if (held !== 0 && command.kind === 'slab') set_program_params(k, held, { size: 0 })
    else if (held !== 0) send_signal(k, held, 9)
    return done
  }
  const params: Params = {
    size: Math.round(bytes),
    rate: (command.rateMibPerS ?? 0) * 2 ** 20,
    kind: command.kind,
    for: (command.seconds ?? 0) * 1000,
  }
  if (held !== 0) {
    set_program_params(k, held, params)
    return { ok: true, value: { pids: [k.task.pid[held]] } }
  }
  return spawn(k, { type: 'spawn', program: 'memhog', name, params })
}

function taskNamed(k: Kernel, name: string): number {
  for (let t = 1; t < k.task.meta.high; t++) {
    const alive = k.task.pid[t] !== 0 && k.task.state[t] !== TASK_ZOMBIE && k.task.state[t] !== TASK_DEAD
    if (alive && k.strings.list[k.task.comm[t]!] === name) return t
  }
  return 0
}

const SWAP_BYTES = 512 * 2 ** 20

/** A new area on a device of its own; the kernel names the device. */
function swapOn(k: Kernel, { path, bytes, device, priority }: CommandOf<'swapon'>): Result {
  if (areaNamed(k, path) !== 0) return fail('EBUSY', `swapon ${path}`)
  const isFile = !path.startsWith('/dev/')
  return answer(
    as_init(k, () => swapon(k, bytes ?? SWAP_BYTES, device ?? 'ssd', priority, isFile)),
    `swapon ${path}`,
  )
}

function swapOff(k: Kernel, path: string): Result {
  const area = areaNamed(k, path)
  if (area === 0) return fail('EINVAL', `swapoff ${path}`)
  return answer(
    as_init(k, () => swapoff(k, area)),
    `swapoff ${path}`,
  )
}

function areaNamed(k: Kernel, path: string): number {
  for (let row = 1; row < k.swap_info.meta.high; row++) {
    if (k.swap_info.pages[row] !== 0 && k.strings.list[k.swap_info.name[row]!] === path) return row
  }
  return 0
}

/** The kernel's word for what can be set, with its value now. */
export function readSysctl(k: Kernel, name: string): string | null {
  const text = proc_read(k, `/proc/sys/${name.replaceAll('.', '/')}`)
  return typeof text === 'string' ? text.trimEnd() : null
}
