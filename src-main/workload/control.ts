/** What a user does to a running machine from outside: carried out as if init did it, between two steps. */
import type { Params } from '@shared/program'
import { findProgram } from '@shared/scenario'
import type { Kernel } from '../kernel/kernel'
import { threads } from '../kernel/task'
import { request } from './init'
import { request_of } from './scenario'
import { PROGRAM_INFOS } from './registry'

/** Runs `act` with init as the current task; its time is charged to init. */
export function as_init<T>(k: Kernel, act: () => T): T {
  const { current } = k.var
  k.var.current = threads(k).init
  const result = act()
  k.var.current = current
  return result
}

/** Starts programs; what is wrong with the request, or null. */
export function start_program(
  k: Kernel,
  wanted: {
    readonly program: string
    readonly name?: string | undefined
    readonly count?: number | undefined
    readonly oomScoreAdj?: number | undefined
    readonly params?: Readonly<Record<string, unknown>> | undefined
  },
): string | null {
  const found = findProgram(PROGRAM_INFOS, wanted.program, wanted.params ?? {})
  if ('hint' in found) return `${found.field}: ${found.hint}`
  const { program, name, oomScoreAdj } = wanted
  const spec = request_of({ program, name, oomScoreAdj, nice: 0, params: found.params as Params })
  for (let i = 0; i < (wanted.count ?? 1); i++) request(k, spec)
  return null
}
