/**
 * Whether two texts of a file have one format: the same lines with the same words in the same columns, numbers of any
 * value. A number is as wide as its field: right-aligned ones end, left-aligned ones begin in the same column.
 */
interface Token {
  readonly gap: string
  readonly word: string
  /** Blanks up to the next word. */
  readonly after: string
}
const NUMBER = /^[-+]?\d+(\.\d+)?$/
const HEX = /^(0x)?[0-9a-f]{8,}$/
/** Parts of one word: digits, `max` (a number that is not set), and what stands between. */
const PARTS = /0x[0-9a-f]+|[0-9a-f]{8,}|\d+(\.\d+)?|[^\d]+/g

/** What differs first, or null. `free` are names (of programs, users, files) and states, which may be any word. */
export function formatDifference(real: string, got: string, free: RegExp = /^$/): string | null {
  const [a, b] = [linesOf(real), linesOf(got)]
  if (a.length !== b.length) return `${a.length} lines, got ${b.length}`
  for (let i = 0; i < a.length; i++) if (!alike(a[i]!, b[i]!, free)) return `${visible(a[i]!)} got ${visible(b[i]!)}`
  return null
}

/** Every row of both texts is of the given shape, `head` lines before them are equal, and rows are there on both sides. */
export function rowsDifference(real: string, got: string, row: RegExp, head = 0): string | null {
  const [a, b] = [linesOf(real), linesOf(got)]
  const wrongHead = a.slice(0, head).find((line, i) => line !== b[i])
  if (wrongHead !== undefined) return visible(wrongHead)
  const odd = a.slice(head).find((line) => !row.test(line))
  if (odd !== undefined) throw new Error(`the measured row ${visible(odd)} is not of the shape ${row}`)
  const wrong = b.slice(head).find((line) => !row.test(line))
  if (wrong !== undefined) return visible(wrong)
  return a.length > head && b.length <= head ? 'no rows' : null
}

export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n+$/, '').split('\n')
}
function visible(line: string): string {
  return JSON.stringify(line.length > 90 ? `${line.slice(0, 90)}…` : line)
}

function alike(real: string, got: string, free: RegExp): boolean {
  const [a, b] = [tokens(real), tokens(got)]
  if (a.length !== b.length) return real === got
  return a.every((token, i) => {
    const mine = b[i]!
    if (!sameWord(token.word, mine.word, free)) return false
    return sameColumns(token, mine)
  })
}
function tokens(line: string): Token[] {
  const found = [...line.matchAll(/(\s*)(\S+)/g)]
  return found.map(([, gap, word], i) => ({ gap: gap!, word: word!, after: found[i + 1]?.[1] ?? '' }))
}
function sameWord(a: string, b: string, free: RegExp): boolean {
  if (a === b || isNumber(a) === true && isNumber(b)) return true
  if (free.test(a) && free.test(b)) return true
  const shape = (word: string): string => (word.match(PARTS) ?? []).map((part) => (/^(0x|\d|[0-9a-f]{8})/.test(part) ? '#' : part)).join('')
  return shape(a) === shape(b)
}
function isNumber(word: string): boolean {
  return NUMBER.test(word) || HEX.test(word) || word === 'max'
}
/** The same blanks around it, or one of its edges in the same place relative to its neighbours. */
function sameColumns(a: Token, b: Token): boolean {
  if (a.gap === b.gap) return true
  if (/\t/.test(a.gap) || /\t/.test(b.gap)) return a.gap.replace(/ /g, '') === b.gap.replace(/ /g, '') && widths(a, b)
  return widths(a, b)
}
function widths(a: Token, b: Token): boolean {
  const width = (t: Token): number => t.gap.length + t.word.length
  if (width(a) === width(b)) return true
  // A word wider than its field pushes the rest; one blank is left.
  const [wide, narrow] = width(a) > width(b) ? [a, b] : [b, a]
  return wide.gap.length <= 1 && narrow.gap.length > 1
}

/** A right-aligned number in a field of `n`, as a part of a regular expression. */
export function field(n: number): string {
  const fits = Array.from({ length: n - 1 }, (_, i) => ` {${n - 1 - i}}\\d{${i + 1}}`)
  return `(?:${fits.join('|')}|\\d{${n},})`
}
