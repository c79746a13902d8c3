/** What a user does to a running machine from outside: carried out as if init did it, between two steps. */
import type { Params } from '@shared/program'
import type { Kernel } from '../kernel/kernel'
import { threads } from '../kernel/task'
import { start } from './init'
import type { State } from './process'
import { request_of } from './scenario'

/** Runs `act` with init as the current task; its time is charged to init. */
export function as_init<T>(k: Kernel, act: () => T): T {
  const { current } = k.var
  k.var.current = threads(k).init
  const result = act()
  k.var.current = current
  return result
}

/** Forks a program off init now; its pid, or a negative errno. `params` are complete, in base units. */
export function spawn_program(
  k: Kernel,
  wanted: {
    readonly program: string
    readonly params: Params
    readonly name?: string | undefined
    readonly oomScoreAdj?: number | undefined
    readonly uid?: number | undefined
    readonly nice?: number | undefined
    readonly cgroup?: string | undefined
  },
): number {
  const child = as_init(k, () => start(k, request_of({ nice: 0, ...wanted })))
  return child < 0 ? child : k.task.pid[child]!
}

/** Changes parameters of a running program; it looks at them when it decides what to do next. */
export function set_program_params(k: Kernel, t: number, params: Params): void {
  const state = k.var.program[t] as State | undefined
  if (state !== undefined) state.params = { ...state.params, ...params }
}
