/** Words of a command line as getopt_long takes them: -x, -xy, -x1, -x 1, --long, --long=1, and operands in any place. */

export interface Parsed {
  readonly flags: ReadonlySet<string>
  /** The last value of each letter that has one. */
  readonly values: ReadonlyMap<string, string>
  /** Letters in the order given, each as often as it was. */
  readonly order: readonly (readonly [letter: string, value: string | undefined])[]
  readonly rest: readonly string[]
}

/** What a command says, and its status, when it is used in the wrong way. */
export class UsageError extends Error {
  readonly status: number

  constructor(message: string, status = 1) {
    super(message)
    this.status = status
  }
}
/** An option that is not one: the command says so (or nothing) and prints how it is used. */
export class OptionError extends UsageError {
  /** The status of this case, where it is not the command's usual one. */
  readonly special: number | undefined

  constructor(message: string, special?: number) {
    super(message, special ?? 1)
    this.special = special
  }
}
/** `--help` or `--version`. */
export class HelpAsked extends Error {
  readonly what: 'help' | 'version'

  constructor(what: 'help' | 'version') {
    super(what)
    this.what = what
  }
}

type Long = Readonly<Record<string, string>>

/**
 * `spec` as getopt's: letters, each with `:` when it takes a value or `::` when it may have one attached; a `+` before
 * them ends the options at the first operand. `long` maps long names to a letter; `help` and `version` are asked for by
 * the letters of those names.
 */
export function getopt(name: string, args: readonly string[], spec: string, long: Long = {}): Parsed {
  const takes = new Map<string, 0 | 1 | 2>()
  for (const [, letter, colons] of spec.matchAll(/([^:+])(:{0,2})/g)) takes.set(letter!, colons!.length as 0 | 1 | 2)
  const order: [string, string | undefined][] = []
  const rest: string[] = []
  const give = (letter: string, value: string | undefined): void => {
    if (letter === long['help']) throw new HelpAsked('help')
    if (letter === long['version']) throw new HelpAsked('version')
    order.push([letter, value])
  }
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === '--') {
      rest.push(...args.slice(i + 1))
      break
    }
    if (word.startsWith('--')) {
      const [key, attached] = splitOnce(word.slice(2))
      const letter = long[longName(name, word, key, long)]!
      const kind = takes.get(letter) ?? 0
      if (kind === 0 && attached !== undefined)
        throw new OptionError(`${name}: option '--${key}' doesn't allow an argument`)
      const value = attached ?? (kind === 1 ? args[++i] : undefined)
      if (kind === 1 && value === undefined) throw new OptionError(`${name}: option '--${key}' requires an argument`)
      give(letter, value)
    } else if (word.startsWith('-') && word.length > 1) {
      for (let j = 1; j < word.length; j++) {
        const letter = word[j]!
        const kind = takes.get(letter)
        if (kind === undefined) throw new OptionError(`${name}: invalid option -- '${letter}'`)
        const attached = kind === 0 ? '' : word.slice(j + 1)
        const value = attached !== '' ? attached : kind === 1 ? args[++i] : undefined
        if (kind === 1 && value === undefined)
          throw new OptionError(`${name}: option requires an argument -- '${letter}'`)
        give(letter, value)
        if (kind !== 0) break
      }
    } else if (spec.startsWith('+')) {
      rest.push(...args.slice(i))
      break
    } else rest.push(word)
  }
  const values = new Map(order.filter((pair): pair is [string, string] => pair[1] !== undefined))
  return { flags: new Set(order.map(([letter]) => letter)), values, order, rest }
}

/** The long name that a beginning of it stands for, where only one does. */
function longName(name: string, word: string, key: string, long: Long): string {
  if (long[key] !== undefined) return key
  const found = Object.keys(long).filter((known) => known.startsWith(key))
  if (found.length === 0) throw new OptionError(`${name}: unrecognized option '${word}'`)
  if (found.length > 1 && new Set(found.map((known) => long[known])).size > 1)
    throw new OptionError(
      `${name}: option '${word}' is ambiguous; possibilities: ${found.map((known) => `'--${known}'`).join(' ')}`,
    )
  return found[0]!
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** A whole number as strtol takes it; throws `message: 'text'` where it is none. */
export function whole(message: string, text: string): number {
  if (!/^\s*[+-]?\d+$/.test(text)) throw new UsageError(`${message}: '${text}'`)
  return Number(text)
}

/** A decimal number as strtod takes it, with a point in any locale. */
export function decimal(message: string, text: string): number {
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) throw new UsageError(`${message}: '${text}'`)
  return Number(text)
}
