/**
 * $RANDOM and $SECONDS of the machine. just-bash takes both from the host; here each becomes the output of a word of ours:
 * bash's generator (lib/sh/random.c), which begins with the machine's boot_id and the time at which the shell was opened,
 * and the machine's clock. Assignments begin a new sequence, or count from there, as in bash. Not seen are names that an
 * `eval` puts together.
 */
import { defineCommand, type ScriptNode, type WordNode } from 'just-bash'
import type { Inside } from './inside'
import { rewritten, substitution } from './syntax'

/** The word; nobody types it. */
const WORD = '__special'
const NAMES = new Set(['RANDOM', 'SECONDS'])

export interface Specials {
  readonly command: ReturnType<typeof defineCommand>
  readonly plugin: { name: string; transform(context: { ast: ScriptNode }): { ast: ScriptNode } }
}

export function openSpecials(inside: Inside): Specials {
  let random: (() => number) | null = null
  let since: number | null = null
  const value = (name: string): number => {
    if (name === 'SECONDS') return seconds(inside) - since!
    random ??= generator(seedOf(inside))
    return random()
  }
  const assign = (name: string, text: string): void => {
    const number = Number.parseInt(text, 10) || 0
    if (name === 'SECONDS') since = seconds(inside) - number
    else random = generator(number)
  }
  return {
    command: defineCommand(
      WORD,
      ([name = '', assigned]) => {
        since ??= seconds(inside)
        if (assigned !== undefined) assign(name, assigned)
        return Promise.resolve({ stdout: assigned ?? String(value(name)), stderr: '', exitCode: 0 })
      },
      { trusted: true },
    ),
    plugin: {
      name: 'specials',
      transform({ ast }) {
        // The first script begins when the shell does.
        since ??= seconds(inside)
        return { ast: rewritten(ast, replaced) as ScriptNode }
      },
    },
  }
}

function seconds(inside: Inside): number {
  return Math.floor(inside.nowMs() / 1000)
}
function seedOf(inside: Inside): number {
  let h = Math.floor(inside.nowMs())
  for (const letter of inside.read('/proc/sys/kernel/random/boot_id').trim())
    h = Math.imul(h ^ letter.charCodeAt(0), 0x01000193)
  return h >>> 0
}

/** brand() of bash 5.2: Park and Miller's minimal standard, its halves folded; never the same number twice in a row. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  let last = 0
  const next = (): number => {
    const from = state === 0 ? 123459876 : state
    const high = Math.trunc(from / 127773)
    const test = 16807 * (from - 127773 * high) - 2836 * high
    state = test < 0 ? test + 0x7fffffff : test
    return ((state >>> 16) ^ (state & 0xffff)) & 0x7fff
  }
  return () => {
    let value = next()
    while (value === last) value = next()
    return (last = value)
  }
}

// ---------------------------------------------------------------- the syntax tree

function replaced(node: Record<string, unknown>): unknown {
  switch (node['type']) {
    case 'ParameterExpansion':
      return NAMES.has(node['parameter'] as string) ? expansion(node) : node
    case 'ArithVariable':
      return NAMES.has(node['name'] as string)
        ? { type: 'ArithCommandSubst', command: `${WORD} ${node['name'] as string}` }
        : node
    case 'ArithmeticExpression':
      return typeof node['originalText'] === 'string'
        ? { ...node, originalText: node['originalText'].replace(/\$?\b(RANDOM|SECONDS)\b/g, `$(${WORD} $1)`) }
        : node
    case 'Assignment':
      return NAMES.has(node['name'] as string) && node['array'] === null ? assignment(node) : node
    default:
      return node
  }
}

/** `${RANDOM}`, or `${RANDOM:0:2}` with a variable that only the substitution knows. */
function expansion(node: Record<string, unknown>): unknown {
  const name = node['parameter'] as string
  if (node['operation'] === null) return substitution(`${WORD} ${name}`)
  const template = substitution(`v=$(${WORD} ${name}); printf %s "$v"`)
  return rewritten(template, (inner) =>
    inner['type'] === 'ParameterExpansion' && inner['parameter'] === 'v'
      ? { ...inner, operation: node['operation'] }
      : inner,
  )
}

/** `RANDOM=42` becomes `RANDOM=$(__special RANDOM 42)`. */
function assignment(node: Record<string, unknown>): unknown {
  const value = node['value'] as WordNode | null
  const give = substitution(`${WORD} ${node['name'] as string} 0`, (command) => {
    if (value !== null) (command as { args: WordNode[] }).args[1] = value
  })
  return { ...node, value: { type: 'Word', parts: [give] } }
}
