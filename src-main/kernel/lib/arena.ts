/**
 * The arena: every mutable bulk state of the machine is a typed-array column of a table opened at boot. A snapshot is a
 * copy of the used rows, a determinism check a hash of them.
 *
 * Row 0 of every table is NULL: a handle of 0 means "none", and zero is every column's default, so a fresh table costs no
 * memory until its rows are written. Capacities are virtual memory only.
 */
import { assert } from '@shared/assert'

const MAKERS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  i32: Int32Array,
  u32: Uint32Array,
  f64: Float64Array,
} as const
export type ColumnType = keyof typeof MAKERS
type ArrayOf<T extends ColumnType> = InstanceType<(typeof MAKERS)[T]>
/** A column: its type, or [type, width] for `width` adjacent words a row (index `row * width + i`). */
export type ColumnSpec = ColumnType | readonly [ColumnType, number]
export type TableSpec = Readonly<Record<string, ColumnSpec>>
type ColumnArray<S extends ColumnSpec> = S extends ColumnType
  ? ArrayOf<S>
  : S extends readonly [infer T extends ColumnType, number]
    ? ArrayOf<T>
    : never
type AnyColumn = InstanceType<(typeof MAKERS)[ColumnType]>

export interface TableMeta {
  readonly name: string
  readonly capacity: number
  readonly spec: TableSpec
  /** Rows used so far: the high-water mark. Rows at or past it are all zero. */
  high: number
  /** Head of the chain of freed rows (linked through `free_next`), 0 when there is none. */
  free: number
  readonly free_next: Int32Array
  nr_live: number
}
export type Table<S extends TableSpec> = { readonly meta: TableMeta } & { readonly [K in keyof S]: ColumnArray<S[K]> }
export type AnyTable = Table<TableSpec>
export interface Arena {
  readonly tables: AnyTable[]
}

export function open_arena(): Arena {
  return { tables: [] }
}

/** Opens a table of `capacity` rows (row 0 included, never used). */
export function open_table<const S extends TableSpec>(arena: Arena, name: string, capacity: number, spec: S): Table<S> {
  const free_next = new Int32Array(capacity)
  const meta: TableMeta = { name, capacity, spec, high: 1, free: 0, free_next, nr_live: 0 }
  // Parsed objects keep fast properties; beyond a dozen, properties added one by one make a dictionary of the object.
  const table = JSON.parse(JSON.stringify({ meta: 0, ...spec })) as Record<string, unknown>
  table['meta'] = meta
  // One buffer a table: opening many small ones would cost more than the rest of a boot.
  const columns = Object.entries(spec).map(([column, type]) => {
    const [kind, width] = typeof type === 'string' ? [type, 1] : type
    return { column, make: MAKERS[kind], words: capacity * width }
  })
  const bytes = columns.reduce((sum, c) => sum + align8(c.words * c.make.BYTES_PER_ELEMENT), 0)
  const buffer = new ArrayBuffer(bytes)
  let offset = 0
  for (const { column, make, words } of columns) {
    table[column] = new make(buffer, offset, words)
    offset += align8(words * make.BYTES_PER_ELEMENT)
  }
  arena.tables.push(table as AnyTable)
  return table as Table<S>
}

function align8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

/** Takes a row of zeros: the last freed one, else the next unused. Returns 0 when the table is full. */
export function row_alloc(table: { readonly meta: TableMeta }): number {
  const meta = table.meta
  let row = meta.free
  if (row !== 0) {
    meta.free = meta.free_next[row]!
    meta.free_next[row] = 0
  } else {
    if (meta.high >= meta.capacity) return 0
    row = meta.high++
  }
  meta.nr_live++
  return row
}

/** Gives a row back and zeroes it. */
export function row_free(table: { readonly meta: TableMeta }, row: number): void {
  const meta = table.meta
  assert(row > 0 && row < meta.high, 'row_free: no such row')
  const columns = table as unknown as Record<string, AnyColumn>
  for (const name in meta.spec) {
    const type = meta.spec[name]!
    if (typeof type === 'string') columns[name]![row] = 0
    else columns[name]!.fill(0, row * type[1], (row + 1) * type[1])
  }
  meta.free_next[row] = meta.free
  meta.free = row
  meta.nr_live--
}

/** Tells that rows up to `row` are used, for tables indexed by something else than `row_alloc` (frames, pageblocks, slots). */
export function row_touch(table: { readonly meta: TableMeta }, row: number): void {
  if (row >= table.meta.high) table.meta.high = row + 1
}

export interface TableImage {
  readonly name: string
  readonly high: number
  readonly free: number
  readonly nr_live: number
  readonly columns: Record<string, AnyColumn>
  readonly free_next: Int32Array
}

/** Copies the used rows of every table. */
export function arena_image(arena: Arena): TableImage[] {
  return arena.tables.map((table) => {
    const { name, spec, high, free, nr_live, free_next } = table.meta
    const columns: Record<string, AnyColumn> = {}
    for (const column in spec) columns[column] = used(table, column)
    return { name, high, free, nr_live, columns, free_next: free_next.slice(0, high) }
  })
}

/** Puts an image back into an arena of the same tables. Throws when a table or column is missing or too small. */
export function arena_restore(arena: Arena, image: readonly TableImage[]): void {
  assert(arena.tables.length === image.length, 'arena_restore: other tables')
  image.forEach((from, i) => {
    const table = arena.tables[i]!
    assert(table.meta.name === from.name && from.high <= table.meta.capacity, 'arena_restore: other table')
    const columns = table as unknown as Record<string, AnyColumn>
    for (const column in table.meta.spec) {
      const source = from.columns[column]
      assert(source !== undefined, 'arena_restore: missing column')
      const target = columns[column]!
      if (table.meta.high > from.high)
        target.fill(0, source.length, (target.length / table.meta.capacity) * table.meta.high)
      target.set(source)
    }
    table.meta.free_next.fill(0, 0, table.meta.high)
    table.meta.free_next.set(from.free_next)
    table.meta.high = from.high
    table.meta.free = from.free
    table.meta.nr_live = from.nr_live
  })
}

/** FNV-1a over the 32-bit words of the used rows of every table: two machines in the same state have the same hash. */
export function arena_hash(arena: Arena, seed = 0x811c9dc5): number {
  let hash = seed | 0
  for (const table of arena.tables) {
    hash = Math.imul(hash ^ table.meta.high, 0x01000193)
    for (const column in table.meta.spec) {
      const data = view(table, column)
      for (let i = 0; i < data.length; i++) hash = Math.imul(hash ^ data[i]!, 0x01000193)
    }
  }
  return hash >>> 0
}

function used(table: AnyTable, column: string): AnyColumn {
  const data = (table as unknown as Record<string, AnyColumn>)[column]!
  return data.slice(0, (data.length / table.meta.capacity) * table.meta.high)
}

/** The used bytes of a column, as words where they divide evenly, else as bytes. */
function view(table: AnyTable, column: string): Int32Array | Uint8Array {
  const data = (table as unknown as Record<string, AnyColumn>)[column]!
  const bytes = (data.byteLength / table.meta.capacity) * table.meta.high
  return bytes % 4 === 0
    ? new Int32Array(data.buffer, data.byteOffset, bytes / 4)
    : new Uint8Array(data.buffer, data.byteOffset, bytes)
}
