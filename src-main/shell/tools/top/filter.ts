/** Filters of top (keys o and O): `[!]FLD?VAL` on what the columns show, as osel_add() and osel_matched() of top.c. */
import { UsageError } from '../../options'

/** The columns in their order. */
export const COLUMNS = ['PID', 'USER', 'PR', 'NI', 'VIRT', 'RES', 'SHR', 'S', '%CPU', '%MEM', 'TIME+', 'COMMAND']

export interface Filter {
  readonly text: string
  readonly column: number
  readonly excludes: boolean
  /** `=` is met by a part of the value. */
  readonly relation: '<' | '=' | '>'
  readonly value: string
  readonly caseless: boolean
}

export function filterOf(text: string, caseless: boolean): Filter {
  const [, not, field, relation, value] = /^\s*(!?)([^<=>]*)([<=>]?)(.*)$/.exec(text)!
  if (relation === '') throw new UsageError(`'${text}' filter delimiter is missing`)
  const column = COLUMNS.indexOf(field!.trim().toUpperCase())
  if (column < 0) throw new UsageError(`unrecognized field name '${field!.trim()}'`)
  if (value === '') throw new UsageError(`'${text}' filter value is missing`)
  return { text, column, excludes: not === '!', relation: relation as Filter['relation'], value: value!, caseless }
}

export function passes(filter: Filter, cells: readonly string[]): boolean {
  return met(filter, cells[filter.column]!.trim()) !== filter.excludes
}

function met({ relation, value, caseless }: Filter, shown: string): boolean {
  const [a, b] = caseless ? [shown.toLowerCase(), value.toLowerCase()] : [shown, value]
  if (relation === '=') return a.includes(b)
  const [x, y] = [Number(a), Number(b)]
  const order = Number.isNaN(x) || Number.isNaN(y) ? (a < b ? -1 : a > b ? 1 : 0) : x - y
  return relation === '<' ? order < 0 : order > 0
}
