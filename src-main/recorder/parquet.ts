/**
 * A query as a Parquet file, row group by row group: however long the recording, one group is in memory. Columns have
 * types: texts, DOUBLE for seconds, loads and percentages, INT64 for all that is counted.
 */
import { setImmediate } from 'node:timers/promises'
import { SERIES } from '@shared/counters'
import type { SchemaElement } from 'hyparquet'
import { quoted } from './schema'
import type { Database } from './sqlite'

type Kind = 'text' | 'real' | 'whole'
type Cell = string | number | bigint | null

const CELLS_A_GROUP = 500_000
const ROWS_A_GROUP = 50_000
/** Of texts: a foreign recording's may be of any length. */
const CHARACTERS_A_GROUP = 1 << 24
const TEXTS = new Set(['comm', 'command', 's', 'cgroup', 'cache', 'kind', 'name', 'text', 'constraint', 'invoker'])
const REALS = new Set([
  ...['seconds', 'until_seconds', 'value'],
  ...SERIES.filter(({ unit }) => unit === 'percent' || unit === 'load').map(({ name }) => name),
])

export interface Table {
  /** Rows of a table or view, in the order to write them. */
  readonly from: string
  readonly columns: readonly string[]
}

/** Writes the rows to `file`; `about` goes into its metadata. */
export async function writeParquet(db: Database, file: string, table: Table, about: object): Promise<void> {
  const { fileWriter, ParquetWriter } = await import('hyparquet-writer')
  const { columns } = table
  const kinds = kindsOf(db, table)
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema: [{ name: 'root', num_children: columns.length }, ...columns.map((name, i) => element(name, kinds[i]!))],
    kvMetadata: [{ key: 'memscope', value: JSON.stringify(about) }],
    createdBy: 'memscope',
  })
  const size = Math.min(ROWS_A_GROUP, Math.ceil(CELLS_A_GROUP / columns.length))
  let group: Cell[][] = columns.map(() => [])
  let characters = 0
  const flush = async (): Promise<void> => {
    if (group[0]!.length === 0) return
    await writer.write({ columnData: columns.map((name, i) => ({ name, data: group[i]! })), rowGroupSize: size })
    group = columns.map(() => [])
    characters = 0
    // Whoever shares this thread has a turn.
    await setImmediate()
  }
  const rows = db
    .prepare(`SELECT ${list(columns)} FROM ${table.from}`)
    .safeIntegers()
    .raw()
  for (const row of rows.iterate() as IterableIterator<unknown[]>) {
    row.forEach((value, i) => {
      const own = cell(value, kinds[i]!)
      if (typeof own === 'string') characters += own.length
      group[i]!.push(own)
    })
    if (group[0]!.length >= size || characters >= CHARACTERS_A_GROUP) await flush()
  }
  await flush()
  await writer.finish()
}

const list = (columns: readonly string[]): string => columns.map(quoted).join(', ')

/** A column that should hold whole numbers and holds a fraction all the same is one of DOUBLE. */
function kindsOf(db: Database, { columns, from }: Table): Kind[] {
  const isReal = columns.map((name) => `max(typeof(${quoted(name)}) = 'real')`).join(', ')
  const found = db.prepare(`SELECT ${isReal} FROM ${from}`).raw().get() as (number | null)[]
  return columns.map((name, i) => (TEXTS.has(name) ? 'text' : REALS.has(name) || found[i] === 1 ? 'real' : 'whole'))
}

function element(name: string, kind: Kind): SchemaElement {
  if (kind === 'text') return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }
  return { name, type: kind === 'real' ? 'DOUBLE' : 'INT64', repetition_type: 'OPTIONAL' }
}

/** What is not of the column's kind is none of ours: no value. */
function cell(value: unknown, kind: Kind): Cell {
  if (kind === 'text') return typeof value === 'string' ? value : null
  if (typeof value === 'bigint') return kind === 'whole' ? value : Number(value)
  return kind === 'real' && typeof value === 'number' ? value : null
}
