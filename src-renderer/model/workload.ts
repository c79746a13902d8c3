/** The forms of the Lab: parameters of programs as they document them, typed values out of typed text. */
import { paramValue, type ParamSpec, type ProgramInfo } from '@shared/program'
import type { Expectation } from '@shared/scenario'

/** What the gallery tells of a scenario. */
export interface Scenario {
  readonly name: string
  readonly title: string
  readonly about: string
  readonly watch?: readonly string[] | string
  /** null: it has no end. */
  readonly durationMs: number | null
  readonly ramBytes: number
  readonly cpus: number
  /** False for a user's own file. */
  readonly builtin: boolean
  /** What must hold. */
  readonly expect?: readonly Expectation[]
}
type Told = Omit<Scenario, 'durationMs' | 'ramBytes' | 'builtin'> & {
  readonly durationMs?: number | null
  readonly untilMs?: number | null
  readonly ramBytes?: number
  readonly ram?: number
  readonly builtin?: boolean
}

/** Scenarios as the engine answers them; `ram` and `untilMs` are the names of the scenario file itself. */
export function scenariosOf(value: readonly Told[]): Scenario[] {
  return value.map((s) => ({
    ...s,
    durationMs: s.durationMs ?? s.untilMs ?? null,
    ramBytes: s.ramBytes ?? s.ram ?? 0,
    builtin: s.builtin ?? true,
  }))
}
export interface Sysctl {
  readonly name: string
  readonly value: string | number | null
  readonly default: string | number
  readonly min?: number
  readonly max?: number
  readonly writable: boolean
  readonly help: string
}

/** Bytes as a scenario writes them: `64MiB`, `4KiB`, `1000`. */
export function sizeText(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  return String(bytes)
}

/** What stands in a parameter's box before it is touched. */
export function defaultText({ type, default: value }: ParamSpec): string {
  if (typeof value !== 'number') return String(value)
  if (type === 'size') return sizeText(value)
  if (type === 'rate') return `${sizeText(value)}/s`
  if (type === 'duration') return value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`
  return String(value)
}

/** Choices of a parameter that has few; null for one that is typed. */
export function choicesOf({ type }: ParamSpec): readonly string[] | null {
  if (type === 'bool') return ['true', 'false']
  return typeof type === 'string' ? null : type
}

const typed = ({ type }: ParamSpec, text: string): string | boolean => (type === 'bool' ? text === 'true' : text.trim())

/** What is wrong with a typed parameter, or null. */
export function paramError(spec: ParamSpec, text: string): string | null {
  if (text.trim() === '' && spec.type !== 'text') return `empty; the default is ${defaultText(spec)}`
  const checked = paramValue(spec, typed(spec, text))
  return 'hint' in checked ? checked.hint : null
}

/** The parameters that differ from their defaults. */
export function typedParams(
  program: ProgramInfo,
  texts: Readonly<Record<string, string>>,
): Record<string, string | boolean> {
  const changed = Object.entries(program.params).filter(
    ([name, spec]) => texts[name] !== undefined && texts[name] !== defaultText(spec),
  )
  return Object.fromEntries(changed.map(([name, spec]) => [name, typed(spec, texts[name] ?? '')]))
}

/** Is a typed sysctl within its bounds? Values that are no numbers are left to the kernel. */
export function sysctlError(sysctl: Pick<Sysctl, 'name' | 'value' | 'min' | 'max'>, text: string): string | null {
  if (!/^-?\d+$/.test(String(sysctl.value))) return null
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value)) return `EINVAL: ${sysctl.name} takes a whole number`
  const { min, max } = sysctl
  if (min !== undefined && value < min) return `EINVAL: ${value} is below ${min}`
  if (max !== undefined && value > max) return `EINVAL: ${value} is above ${max}`
  return null
}
