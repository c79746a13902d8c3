/** What several commands read from their words. */
import { DURATION_HINT, parseDuration } from '@shared/units'
import { InputError } from './errors'

/** Milliseconds of an option; `null` when it was not given. */
export function durationOption(
  options: Readonly<Record<string, string | boolean | undefined>>,
  name: string,
): number | null {
  const text = options[name]
  if (text === undefined) return null
  const value = typeof text === 'string' ? parseDuration(text) : null
  if (value === null) throw new InputError(`--${name}: expected ${DURATION_HINT}, got "${String(text)}"`)
  return value
}

export function seedOption(options: Readonly<Record<string, string | boolean | undefined>>): number | undefined {
  const text = options['seed']
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d+$/.test(text) && Number(text) <= 0xffffffff) return Number(text)
  throw new InputError(`--seed: expected a whole number from 0 to 4294967295, got "${String(text)}"`)
}

/** The words after `--` as one script; several words are one command. */
export function scriptOf(rest: readonly string[], command: string): string {
  if (rest.length === 0) throw new InputError(`${command}: nothing to run; write it after --, such as: -- 'free -h'`)
  return rest.length === 1 ? rest[0]! : rest.map(quote).join(' ')
}

function quote(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export function speedOption(text: string | boolean | undefined): number | 'max' {
  if (text === undefined || text === 'max') return 'max'
  const value = Number(String(text).replace(/[x×]$/, ''))
  if (value >= 0.25 && value <= 64) return value
  throw new InputError(`--speed: expected max, or a number from 0.25 to 64, got "${String(text)}"`)
}
