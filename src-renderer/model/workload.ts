/** The forms of the Lab: parameters of programs as they are documented, typed values out of typed text. */
import { parseDuration, parseSize } from './figures'

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly about: string
  readonly watch?: readonly string[] | string
  readonly ramBytes: number
  readonly cpus: number
  readonly durationMs: number
  readonly builtin: boolean
}
export interface Param {
  readonly type: string
  readonly default: string | number | boolean
  readonly about: string
  readonly unit?: string
  readonly min?: number
  readonly max?: number
  readonly values?: readonly string[]
}
export interface Program {
  readonly name: string
  readonly about: string
  readonly params: Readonly<Record<string, Param>>
}
export interface Sysctl {
  readonly name: string
  readonly value: string | number
  readonly min?: number
  readonly max?: number
  readonly help: string
}

/** A list that is the answer itself or stands in it under `key`. */
export function listOf<T>(value: unknown, key: string): readonly T[] {
  if (Array.isArray(value)) return value as T[]
  const inner = (value as Record<string, unknown> | null)?.[key]
  return Array.isArray(inner) ? (inner as T[]) : []
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
export function defaultText(param: Param): string {
  if (typeof param.default === 'number' && /size|bytes/.test(param.type)) return sizeText(param.default)
  return String(param.default)
}

/** What is wrong with a typed parameter, or null. */
export function paramError(name: string, param: Param, text: string): string | null {
  if (text.trim() === '') return `${name} is empty; the default is ${defaultText(param)}`
  if (/^(size|bytes)$/.test(param.type)) return Number.isNaN(parseSize(text)) ? `${text} is no size; try 64MiB` : null
  if (param.type === 'rate') {
    const size = text.replace(/\/s$/, '')
    return Number.isNaN(parseSize(size)) ? `${text} is no rate; try 12MiB/s` : null
  }
  if (param.type === 'duration') return Number.isNaN(parseDuration(text)) ? `${text} is no duration; try 250ms or 30s` : null
  if (/^(number|integer|int|count|percent|float)$/.test(param.type)) return numberError(param, text)
  return null
}

function numberError(param: Param, text: string): string | null {
  const value = Number(text)
  if (Number.isNaN(value)) return `${text} is no number`
  if (/^(integer|int|count)$/.test(param.type) && !Number.isInteger(value)) return `${text} is no whole number`
  if (param.min !== undefined && value < param.min) return `at least ${param.min}`
  if (param.max !== undefined && value > param.max) return `at most ${param.max}`
  return null
}

/** The parameters that differ from their defaults, typed as the engine takes them. */
export function typedParams(program: Program, texts: Readonly<Record<string, string>>): Record<string, string | number | boolean> {
  const out: Record<string, string | number | boolean> = {}
  for (const [name, param] of Object.entries(program.params)) {
    const text = texts[name]
    if (text === undefined || text === defaultText(param)) continue
    if (param.type === 'boolean') out[name] = text === 'true'
    else if (/^(number|integer|int|count|percent|float)$/.test(param.type)) out[name] = Number(text)
    else out[name] = text.trim()
  }
  return out
}

/** Is a typed sysctl within its bounds? Values that are no numbers are left to the kernel. */
export function sysctlError(sysctl: Sysctl, text: string): string | null {
  if (typeof sysctl.value !== 'number' && !/^-?\d+$/.test(String(sysctl.value))) return null
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value)) return `EINVAL: ${sysctl.name} takes a whole number`
  const { min, max } = sysctl
  if (min !== undefined && value < min) return `EINVAL: ${value} is below ${min}`
  if (max !== undefined && value > max) return `EINVAL: ${value} is above ${max}`
  return null
}
