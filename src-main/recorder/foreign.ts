/** What a recording holds may be from anybody: its cells are read within bounds, and what is damaged is named. */
import { NotARecording } from './check'
import type { Database } from './sqlite'

export type Row = readonly unknown[]

/** Characters of a cell that is read whole or not at all. */
export const MAX_CELL = 1 << 23
/** Rows that are held at once. */
export const MAX_HELD = 100_000

/** NaN is stored as NULL. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN
}

// Control characters, and those that turn the direction of what follows; not tabs and ends of lines.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

export function visible(text: string): string {
  return text.replace(UNSEEN, '\ufffd')
}

/** SQL of a column's first characters; a text that was longer ends in an ellipsis. */
export function cut(column: string, most: number): string {
  return `CASE WHEN length(${column}) > ${most} THEN substr(${column}, 1, ${most}) || '…' ELSE ${column} END`
}

export function damaged(db: Database, what: string): NotARecording {
  return new NotARecording(`${db.name}: damaged: ${what}`)
}

/** The value of a JSON text that came with its whole length: cut off it would be another's mistake. */
export function parsed(db: Database, what: string, text: unknown, length: unknown): unknown {
  if (numberOf(length) > MAX_CELL) throw damaged(db, `${what} is ${numberOf(length)} characters long`)
  try {
    return JSON.parse(String(text))
  } catch {
    throw damaged(db, `${what} is no JSON`)
  }
}

/** The rows of a table that is read whole: a part of it would be taken for all. */
export function wholeTable(db: Database, table: string, count: number): void {
  if (count > MAX_HELD) throw damaged(db, `it holds ${count} rows of ${table}, more than ${MAX_HELD}`)
}

/** Counts what is held of all rows together. */
export function allowance(db: Database, what: string, most: number): (text: string) => string {
  let held = 0
  return (text) => {
    held += text.length
    if (held > most) throw damaged(db, `${what} take more than ${most} characters`)
    return text
  }
}
