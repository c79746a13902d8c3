/**
 * The rules of comparison for OOM experiments: who died, in order and by role; oom_score of who lives; the text of a
 * panic. What the victim held and what the machine's memory became is close: each measured process has pages of its own
 * program, which the simulated ones lack.
 */
import type { LabKill, LabLine } from '../../../src-main/lab/measure'
import { readRaw, type Experiment, type Numbers, type RealStep } from '../reference'
import { close, exact, missing, within, type Comparator, type Figure } from './figure'

const SCORE_SLACK = 4
const FEW_PAGES = 64
const FEW_KB = 256
const SHARE = 0.05
/** What the measured programs take themselves: their text on the tmpfs root is mapped and activated, and each that
 * lives on at the end has 100 pages of data and stack. The simulated ones have next to none. */
const OWN_TEXT_KB = 768
const OWN_DATA_KB = 400
const OF_THE_TEXT = /^(Active|Inactive|Active\(anon\)|Inactive\(anon\)|Mapped)$/
const OF_THE_DATA = /^(MemFree|MemAvailable|AnonPages|Active|Inactive|Active\(anon\)|Inactive\(anon\))$/

export const compareOom: Comparator = (real, lines) => {
  const roles = rolesOf(real)
  return [
    ...scores(real, lines, roles),
    ...victims(realVictims(real, roles), lines),
    ...panics(real, lines),
    ...memory(real, lines),
  ]
}

// ---------------------------------------------------------------- who is who

/** pid → role: what was started, as one word (`hold-30-0`, `grow`, `forkbomb-2-120`), which the lab tasks are named. */
function rolesOf(real: Experiment): Map<number, string> {
  const roles = new Map<number, string>()
  for (const s of real.steps) {
    const pid = Number(s['of_pid'] ?? s.pid)
    if (s.step.startsWith('score ')) roles.set(pid, roleOf(String(s['cmd'])))
    else if (s.step === 'ready') roles.set(pid, `${String(s['kind'])}-${String(s['MiB'])}-${String(s['adj'])}`)
    else if (s.step === 'hog start') roles.set(pid, 'grow')
  }
  const bomb = [...roles.values()].find((role) => role.startsWith('forkbomb'))
  for (const s of real.steps)
    if (s.step === 'child dead' && bomb !== undefined) roles.set(s.pid ?? 0, bomb)
  return roles
}
function roleOf(cmd: string): string {
  return cmd.replace(/^oomp /, '').replaceAll(' ', '-')
}
/** `grow2` is a second hog, `forkbomb-2-120-next` one more child. */
function sameRole(role: string, task: string): boolean {
  return task === role || task === `${role}-next` || task.replace(/\d+$/, '') === role
}

// ---------------------------------------------------------------- oom_score

function scores(real: Experiment, lines: readonly LabLine[], roles: ReadonlyMap<number, string>): Figure[] {
  const wanted = new Map<string, number>()
  for (const s of real.steps) {
    const role = roles.get(Number(s['of_pid']))
    // The shell and the program that reads the scores are not of the experiment.
    if (!s.step.startsWith('score ') || role === undefined || /^\/bin|^score/.test(role)) continue
    wanted.set(`${s.step} ${role}`, Number(s['oom_score']))
  }
  return [...wanted].map(([label, score]) => {
    const got = Number(lines.find((line) => line.label === label)?.text ?? NaN)
    const ok = Math.abs(score - got) <= SCORE_SLACK
    return { step: label, name: 'oom_score', kind: 'exact', real: score, got, ok }
  })
}

// ---------------------------------------------------------------- victims

interface Victim {
  readonly role: string
  readonly anon_rss_kB: number
  readonly points?: number
}

function realVictims(real: Experiment, roles: ReadonlyMap<number, string>): Victim[] {
  const reports = real.steps.filter((s) => s.step.startsWith('OOM #'))
  const role = (pid: number, name: string): string => roles.get(pid) ?? name
  if (reports.length === 0) return fromConsole(readRaw(real.id)['console.log'] ?? '', role)
  return reports.flatMap((report) =>
    list(report['killed']).map((kill) => {
      const pid = Number(kill['pid'])
      const row = list(report['tasks']).find((t) => t['pid'] === pid)
      return {
        role: role(pid, String(kill['name'])),
        anon_rss_kB: Number(kill['anon_rss_kB']),
        ...(row === undefined ? {} : { points: Number(row['points']) }),
      }
    }),
  )
}
function list(field: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(field) ? (field as Record<string, unknown>[]) : []
}
function fromConsole(text: string, role: (pid: number, name: string) => string): Victim[] {
  return [...text.matchAll(/Killed process (\d+) \((.*?)\).*anon-rss:(\d+)kB/g)].map(([, pid, name, anon]) => ({
    role: role(Number(pid), name!),
    anon_rss_kB: Number(anon),
  }))
}

function victims(real: readonly Victim[], lines: readonly LabLine[]): Figure[] {
  const got = lines.flatMap((line) => line.killed)
  const figures: Figure[] = []
  for (let i = 0; i < Math.max(real.length, got.length); i++) {
    const step = `victim ${i + 1}`
    const [a, b] = [real[i], got[i]]
    const named = a !== undefined && b !== undefined && sameRole(a.role, b.task) ? a.role : (b?.task ?? 'nobody')
    figures.push(exact(step, 'role', a?.role ?? 'nobody', named))
    if (a !== undefined && b !== undefined) figures.push(...held(step, a, b))
  }
  return figures
}
function held(step: string, real: Victim, got: LabKill): Figure[] {
  const figures = [close(step, 'anon_rss_kB', real.anon_rss_kB, got.anon_rss_kB, FEW_KB, SHARE)]
  if (real.points !== undefined) figures.push(close(step, 'points', real.points, got.badness, FEW_PAGES + OWN_TEXT_KB / 4, SHARE))
  return figures
}

// ---------------------------------------------------------------- the machine

function panics(real: Experiment, lines: readonly LabLine[]): Figure[] {
  const wanted = /^kernel panic: (.*)/.exec(real.outcome ?? '')?.[1] ?? 'none'
  return [exact('the end', 'panic', wanted, lines.at(-1)?.panic ?? 'none')]
}

/** What the whole experiment changed in meminfo. */
function memory(real: Experiment, lines: readonly LabLine[]): Figure[] {
  const at = (step: string): Numbers | undefined => real.steps.find((s: RealStep) => s.step === step)?.meminfo
  const [before, after] = [at('proc before'), at('proc after')]
  if (before === undefined || after === undefined) return []
  const from = lines.find((line) => line.label === 'proc before')?.meminfo
  const to = lines.find((line) => line.label === 'proc after')?.meminfo
  if (from === undefined || to === undefined) return [missing('proc after')]
  const alive = new Set(real.steps.filter((s) => s.step === 'ready').map((s) => s.pid)).size
  const slack = (key: string): number =>
    FEW_KB + (OF_THE_TEXT.test(key) ? OWN_TEXT_KB : 0) + (OF_THE_DATA.test(key) ? alive * OWN_DATA_KB : 0)
  return Object.keys(after)
    .filter((key) => to[key] !== undefined && !/^(Vmalloc|DirectMap|Percpu|CommitLimit)/.test(key))
    .map((key): Figure => {
      const [a, b] = [after[key]! - (before[key] ?? 0), to[key]! - (from[key] ?? 0)]
      const ok = within(a, b, slack(key), SHARE)
      return { step: 'before to after', name: key, kind: 'close', real: a, got: b, ok }
    })
    .filter((f) => f.real !== 0 || f.got !== 0)
}
