/**
 * A YAML file against a zod schema, with errors a person can act on: `file:line: field: what would be right`.
 */
import { isMap, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import type { z } from 'zod'

export type Loaded<T> =
  | { readonly ok: true; readonly value: T; readonly lineOf: (path: readonly PropertyKey[]) => number }
  | { readonly ok: false; readonly error: string }

/** Reads `text` (of `file`, for messages). All errors in one string, one line each, in the order of the file. */
export function loadYaml<T>(text: string, file: string, schema: z.ZodType<T>): Loaded<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const broken = document.errors[0]
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0])
    return { ok: false, error: `${file}:${line}:${col}: ${broken.message.split('\n')[0] ?? 'not YAML'}` }
  }
  const lineOf = (path: readonly PropertyKey[]): number => lines.linePos(offsetOf(document, path)).line
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 100 }))
  if (parsed.success) return { ok: true, value: parsed.data, lineOf }
  const found = parsed.error.issues.flatMap(flatten)
  const rows = found.map(({ path, message }) => ({ line: lineOf(path), text: `${fieldName(path)}: ${message}` }))
  rows.sort((a, b) => a.line - b.line)
  return { ok: false, error: rows.map((r) => `${file}:${r.line}: ${r.text}`).join('\n') }
}

interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** One problem per unknown key; of a union the alternative that came furthest. */
function flatten(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown field' }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const depth = (list: readonly z.core.$ZodIssue[]): number => Math.max(...list.map((i) => i.path.length))
    const best = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]!
    if (depth(best) > 0) return best.flatMap((i) => flatten({ ...i, path: [...issue.path, ...i.path] }))
  }
  return [{ path: issue.path, message: problemText(issue) }]
}

/** What would be right, in words: of zod's issue, whose own text speaks of types. */
export function problemText(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    const missing = issue.message.endsWith('received undefined')
    return `${missing ? 'is missing: ' : ''}must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`
  }
  return issue.message
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map of names',
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'file'
  return path
    .map((p) => (typeof p === 'number' ? `[${p}]` : `.${String(p)}`))
    .join('')
    .replace(/^\./, '')
}

/** Offset of the node at `path`, or of its nearest parent that exists; of a map's key where it has one. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents
  let offset = start(node)
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((p) => String((p.key as { value?: unknown } | null)?.value) === String(key))
      if (pair === undefined) return offset
      offset = start(pair.key)
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(key)]
      if (node === undefined) return offset
      offset = start(node)
    } else return offset
  }
  return offset
}

function start(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0
}
