/** Words of a command line as getopt_long takes them: -x, -xy, -x1, -x 1, --long, --long=1, and operands in any place. */

export interface Parsed {
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
  readonly rest: readonly string[]
}

export class UsageError extends Error {}

/**
 * `spec` as getopt's: letters, each with `:` when it takes a value or `::` when it may have one attached.
 * `long` maps long names to a letter.
 */
export function getopt(
  name: string,
  args: readonly string[],
  spec: string,
  long: Readonly<Record<string, string>> = {},
): Parsed {
  const takes = new Map<string, 0 | 1 | 2>()
  for (const [, letter, colons] of spec.matchAll(/(\S)(:{0,2})/g)) takes.set(letter!, colons!.length as 0 | 1 | 2)
  const flags = new Set<string>()
  const values = new Map<string, string>()
  const rest: string[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === '--') {
      rest.push(...args.slice(i + 1))
      break
    }
    if (word.startsWith('--')) {
      const [key, attached] = splitOnce(word.slice(2))
      const letter = long[key] ?? long[Object.keys(long).find((l) => l.startsWith(key)) ?? '']
      if (letter === undefined) throw new UsageError(`${name}: unrecognized option '${word}'`)
      flags.add(letter)
      if (takes.get(letter) === 1 || attached !== undefined) {
        const value = attached ?? args[++i]
        if (value === undefined) throw new UsageError(`${name}: option '--${key}' requires an argument`)
        values.set(letter, value)
      }
    } else if (word.startsWith('-') && word.length > 1) {
      for (let j = 1; j < word.length; j++) {
        const letter = word[j]!
        const kind = takes.get(letter)
        if (kind === undefined) throw new UsageError(`${name}: invalid option -- '${letter}'`)
        flags.add(letter)
        if (kind === 0) continue
        const attached = word.slice(j + 1)
        const value = attached !== '' ? attached : kind === 1 ? args[++i] : undefined
        if (kind === 1 && value === undefined)
          throw new UsageError(`${name}: option requires an argument -- '${letter}'`)
        if (value !== undefined) values.set(letter, value)
        break
      }
    } else rest.push(word)
  }
  return { flags, values, rest }
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** A number of seconds as the tools take it; throws when it is none. */
export function seconds(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new UsageError(`${name}: failed to parse argument: '${text}'`)
  return value
}
