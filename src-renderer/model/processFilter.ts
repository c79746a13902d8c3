/**
 * The filter of the process list. Words are sought in PID, user and command; `user:mira`, `user:!root`, `state:D`,
 * `rss>64M`, `swap>=1G`, `majflt>10` look at a column. A space is "and", `|` is "or".
 */
import { parseSize } from '@shared/units'
import { PROCESS_COLUMNS } from './processColumns'
import { commandOf, userOf, type ProcessTable } from './processTable'

export type RowTest = (t: ProcessTable, row: number) => boolean

const ALIASES: Readonly<Record<string, string>> = { rss: 'res', vsz: 'virt', cmd: 'command', s: 'state', score: 'oom' }
/** Columns that hold kB, so that `rss>1M` means 1,024 kB. */
const IN_KB = [
  'virt',
  'res',
  'shr',
  'pss',
  'swap',
  'footprint',
  'uss',
  'anon',
  'file',
  'shmem',
  'pte',
  'hwm',
  'lck',
  'huge',
  'read',
  'write',
]

export function processFilter(text: string): { readonly test: RowTest; readonly error: string | null } {
  const errors: string[] = []
  const alternatives = text.split('|').map((part) => part.trim().split(/\s+/).filter(Boolean))
  const tests = alternatives
    .filter((terms) => terms.length > 0)
    .map((terms) => terms.map((term) => termTest(term, errors)))
  if (tests.length === 0) return { test: () => true, error: null }
  return {
    test: (t, row) => tests.some((all) => all.every((one) => one(t, row))),
    error: errors[0] ?? null,
  }
}

function termTest(term: string, errors: string[]): RowTest {
  const match = /^([a-zA-Z+%]+)(:|>=|<=|>|<|=)(.*)$/.exec(term)
  const column = match && findColumn(match[1]!)
  if (!match || !column) {
    const word = term.toLowerCase()
    return (t, row) => matches(t, row, word)
  }
  const [, , operator, operand = ''] = match
  if (operator === ':') {
    const negated = operand.startsWith('!')
    const word = operand.slice(negated ? 1 : 0).toLowerCase()
    return (t, row) => column.text(t, row).toLowerCase().includes(word) !== negated
  }
  const size = parseSize(operand)
  if (size === null) {
    errors.push(`${operand || 'nothing'} is no number; try ${match[1]}${operator}64M`)
    return () => true
  }
  const limit = IN_KB.includes(column.id) && /[a-zA-Z]/.test(operand) ? size / 1024 : size
  return (t, row) => compare(Number(column.value(t, row)), operator!, limit)
}

function findColumn(name: string): (typeof PROCESS_COLUMNS)[number] | undefined {
  const id = ALIASES[name.toLowerCase()] ?? name.toLowerCase()
  return PROCESS_COLUMNS.find((c) => c.id === id || c.head.toLowerCase() === id)
}

function compare(value: number, operator: string, limit: number): boolean {
  if (operator === '>') return value > limit
  if (operator === '<') return value < limit
  if (operator === '>=') return value >= limit
  if (operator === '<=') return value <= limit
  return value === limit
}

/** The incremental search: PID, user or command holds the word. */
export function matches(t: ProcessTable, row: number, word: string): boolean {
  return (
    commandOf(t, row).toLowerCase().includes(word) ||
    String(t.get(row, 'pid')) === word ||
    userOf(t, row).toLowerCase() === word
  )
}
