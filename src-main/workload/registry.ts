/** All programs of the workload, by name. */
import type { ProgramInfo } from '@shared/program'
import { daemons } from './programs/daemon'
import { jobs } from './programs/jobs'
import { memory_programs } from './programs/memory'
import { servers } from './programs/servers'
import { init } from './init'
import type { Program } from './program'

export const PROGRAMS: readonly Program[] = [...daemons, ...servers, ...jobs, ...memory_programs]

/** What scenarios and the interface may start; init is not among them. */
export const PROGRAM_INFOS: readonly ProgramInfo[] = PROGRAMS.map(({ name, comm, about, params }) => ({
  name,
  comm,
  about,
  params,
}))

const BY_NAME: ReadonlyMap<string, Program> = new Map([init, ...PROGRAMS].map((p) => [p.name, p]))

export function program_named(name: string): Program | undefined {
  return BY_NAME.get(name)
}
