/** Answers about the machine: what runs on it, and everything a user does to it. */
import type { CommandOf, Result, TraceEvent } from '@shared/protocol'
import { errno_name } from '../../kernel/entry/errno'
import { SYSCTLS } from '../../kernel/entry/sysctl'
import { proc_list, proc_read, proc_stat } from '../../kernel/proc'
import { PROGRAM_INFOS } from '../../workload'
import { ERRNO_TEXT } from '../../shell/inside'
import { GROUP, PASSWD } from '../../shell/users'
import { describe, readSysctl } from '../commands'
import { CONFORMANCE_PATH, conformanceRows, FIDELITY_PATH, fidelityRows } from '../fidelity'
import { addEvents } from '../history'
import { takeText } from '../loop'
import { carryOut, nowMs, type MachineCommand } from '../machine'
import { record } from '../recording'
import { gallery } from '../scenarios'
import type { Session } from '../session'
import { shownMachine } from '../view'
import { crash } from './crashes'

/** Carries out a user's command between two steps of the live machine, and writes it down. */
export function command(s: Session, given: MachineCommand): Result {
  const m = s.live
  if (s.crashed !== null) return fail(`the machine stopped: ${s.crashed.message}; load a scenario to start anew`)
  if (m === null) return fail('this is a recording; branch from it to go on with other decisions')
  if (s.view.ms !== null) return fail('the past is shown; go live to act, or branch here')
  try {
    const result = carryOut(m, given)
    record(s, { put: 'command', command: m.log.at(-1)! })
    const event: TraceEvent = {
      ms: nowMs(m),
      kind: 'action',
      text: describe(given) + (result.ok ? '' : ` (failed: ${result.error})`),
    }
    addEvents(s.history, [event])
    record(s, { put: 'events', list: [event] })
    s.push({ type: 'events', list: [event] })
    takeText(s, m)
    return result
  } catch (error) {
    crash(s, error)
    return fail(`the machine stopped: ${(error as Error).message}`)
  }
}

export async function readFile(s: Session, { path }: CommandOf<'readFile'>): Promise<Result<string>> {
  if (path === FIDELITY_PATH) return { ok: true, value: JSON.stringify(fidelityRows()) }
  if (path === CONFORMANCE_PATH) return { ok: true, value: JSON.stringify(conformanceRows()) }
  if (path === '/etc/passwd') return { ok: true, value: PASSWD }
  if (path === '/etc/group') return { ok: true, value: GROUP }
  const text = proc_read((await shownMachine(s)).k, path)
  if (typeof text === 'string') return { ok: true, value: text }
  return fail(refusal(text, path))
}

export async function listFolder(s: Session, { path }: CommandOf<'listFolder'>): Promise<Result<string[]>> {
  const { k } = await shownMachine(s)
  const names = proc_list(k, path)
  if (typeof names === 'number') return fail(refusal(names, path))
  const mark = (name: string): string => {
    const stat = proc_stat(k, `${path}/${name}`)
    return typeof stat === 'number' || stat.kind === 'file' ? name : `${name}${stat.kind === 'dir' ? '/' : '@'}`
  }
  return { ok: true, value: names.map(mark) }
}

function refusal(errno: number, path: string): string {
  const name = errno_name(errno)
  return `${name}: ${path}: ${ERRNO_TEXT[name] ?? name}`
}

/** Every sysctl with its value at the shown instant. */
export async function sysctls(s: Session): Promise<Result> {
  const { k } = await shownMachine(s)
  const list = SYSCTLS.map(({ name, help, min, max, default: initial, mode }) => ({
    name, help, min, max, default: initial, writable: (mode & 0o200) !== 0, value: readSysctl(k, name),
  })) // prettier-ignore
  return { ok: true, value: list }
}

export function programs(): Result {
  return { ok: true, value: PROGRAM_INFOS }
}

export function scenarios(): Result {
  const list = gallery().map(({ source, scenario }) => ({
    name: scenario.name,
    title: scenario.title,
    about: scenario.about,
    watch: scenario.watch,
    untilMs: scenario.until,
    ram: scenario.machine.ram,
    cpus: scenario.machine.cpus,
    expect: scenario.expect,
    yaml: source,
  }))
  return { ok: true, value: list }
}

function fail(error: string): { ok: false; error: string } {
  return { ok: false, error }
}
