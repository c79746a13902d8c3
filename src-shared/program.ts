/** What a workload program says of itself: its parameters, their types and defaults, and the check of given values. */
import { parseDuration, parseRate, parseSize, DURATION_HINT, SIZE_HINT } from './units'

/** `size` and `rate` are bytes (per second), `duration` ms, `percent` 0 … 100; given as text with a unit or as a number. */
export type ParamType = 'size' | 'rate' | 'duration' | 'int' | 'percent' | 'bool' | 'text' | readonly string[]
export type ParamValue = number | string | boolean

export interface ParamSpec {
  readonly type: ParamType
  readonly default: ParamValue
  readonly about: string
}
export interface ProgramInfo {
  readonly name: string
  /** What `comm` says when the scenario gives no name. */
  readonly comm: string
  readonly about: string
  readonly params: Readonly<Record<string, ParamSpec>>
}
export type Params = Record<string, ParamValue>

/** The value of a parameter in its base unit, or what would be right. */
export function paramValue(spec: ParamSpec, given: unknown): { value: ParamValue } | { hint: string } {
  const type = spec.type
  if (typeof type !== 'string')
    return type.includes(String(given)) ? { value: String(given) } : { hint: `must be one of ${type.join(', ')}` }
  switch (type) {
    case 'size':
      return numberOr(parseSize(given as string), `must be ${SIZE_HINT}`)
    case 'rate':
      return numberOr(parseRate(given as string), 'must be a rate such as 24MiB/s')
    case 'duration':
      return numberOr(typeof given === 'number' ? given : parseDuration(String(given)), `must be ${DURATION_HINT}`)
    case 'int':
      return numberOr(Number.isInteger(Number(given)) ? Number(given) : null, 'must be a whole number')
    case 'percent': {
      const value = Number(String(given).replace(/%$/, ''))
      return numberOr(value >= 0 && value <= 100 ? value : null, 'must be a percentage from 0 to 100')
    }
    case 'bool':
      return typeof given === 'boolean' ? { value: given } : { hint: 'must be true or false' }
    case 'text':
      return { value: String(given) }
  }
}

function numberOr(value: number | null, hint: string): { value: number } | { hint: string } {
  return value === null || !Number.isFinite(value) || value < 0 ? { hint } : { value }
}

/** All parameters of a program: the defaults with the given values over them, or the first problem. */
export function programParams(
  info: ProgramInfo,
  given: Readonly<Record<string, unknown>>,
): { params: Params } | { field: string; hint: string } {
  const params: Params = {}
  for (const [name, spec] of Object.entries(info.params)) {
    const checked = paramValue(spec, given[name] ?? spec.default)
    if ('hint' in checked) return { field: name, hint: checked.hint }
    params[name] = checked.value
  }
  const unknown = Object.keys(given).find((name) => !(name in info.params))
  if (unknown === undefined) return { params }
  const known = Object.keys(info.params).join(', ')
  return {
    field: unknown,
    hint: known === '' ? `${info.name} has no parameters` : `unknown parameter; known: ${known}`,
  }
}
