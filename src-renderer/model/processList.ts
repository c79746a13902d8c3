/**
 * The list that the table shows: filtered, sorted, as a tree or flat. While the pointer rests on it the order holds:
 * values go on, ended processes stay dimmed in their place, new ones wait at the end.
 */
import type { ProcessColumn } from './processColumns'
import { Family, orderByText, orderByValue } from './order'
import { idOf, isKernelThread, keyOf, type ProcessId, type ProcessTable } from './processTable'

export interface ProcessRow {
  readonly key: string
  readonly t: ProcessTable
  readonly i: number
  readonly id: ProcessId
  /** Tree lines before the command; empty when flat. */
  readonly guide: string
  readonly depth: number
  readonly children: number
  readonly folded: boolean
  /** PSS + swap of the process, in a tree of its whole subtree. */
  readonly sum: number
  readonly kernel: boolean
  /** When it was found gone, or null. */
  readonly endedMs: number | null
}

export interface ListOptions {
  readonly tree: boolean
  readonly column: ProcessColumn
  readonly descending: boolean
  readonly folded: ReadonlySet<string>
  readonly keep: (t: ProcessTable, row: number) => boolean
}

export function processList(t: ProcessTable, options: ListOptions): ProcessRow[] {
  const kept = new Uint8Array(t.length)
  for (let i = 0; i < t.length; i++) kept[i] = options.keep(t, i) ? 1 : 0
  const own = footprints(t)
  return options.tree ? treeList(t, options, kept, own) : flatList(t, options, kept, own)
}

function flatList(t: ProcessTable, options: ListOptions, kept: Uint8Array, own: Float64Array): ProcessRow[] {
  const rows: ProcessRow[] = []
  for (const i of orderOf(t, options, own)) if (kept[i] === 1) rows.push(new Row(t, i, '', 0, 0, false, own[i]!))
  return rows
}

function treeList(t: ProcessTable, options: ListOptions, kept: Uint8Array, own: Float64Array): ProcessRow[] {
  const family = new Family(parents(t))
  const sums = family.sums(own)
  // The parents of what the filter keeps hold the tree together.
  family.markUp(kept)
  const tree = family.inOrder(orderOf(t, options, sums).filter((i) => kept[i] === 1))
  const list: ProcessRow[] = []
  const walk = (rows: ArrayLike<number>, prefix: string, depth: number): void => {
    for (let at = 0; at < rows.length; at++) {
      const i = rows[at]!
      const isLast = at === rows.length - 1
      const guide = depth === 0 ? '' : prefix + (isLast ? '└ ' : '├ ')
      const nr = family.nrChildren[i]!
      const folded = nr > 0 && options.folded.size > 0 && options.folded.has(keyOf(t, i))
      list.push(new Row(t, i, guide, depth, nr, folded, sums[i]!))
      if (!folded && nr > 0) walk(tree.children(i), depth === 0 ? '' : prefix + (isLast ? '  ' : '│ '), depth + 1)
    }
  }
  walk(tree.roots, '', 0)
  return list
}

/** A row knows where to look; its names are made when they are asked for. */
class Row implements ProcessRow {
  readonly endedMs = null
  private name: string | null = null

  constructor(
    readonly t: ProcessTable,
    readonly i: number,
    readonly guide: string,
    readonly depth: number,
    readonly children: number,
    readonly folded: boolean,
    readonly sum: number,
  ) {}
  get key(): string {
    return (this.name ??= keyOf(this.t, this.i))
  }
  get id(): ProcessId {
    return idOf(this.t, this.i)
  }
  get kernel(): boolean {
    return isKernelThread(this.t, this.i)
  }
}

function footprints(t: ProcessTable): Float64Array {
  const own = t.column('Pss')
  const swap = t.column('VmSwap')
  for (let i = 0; i < own.length; i++) own[i]! += swap[i]!
  return own
}

/** The row of each parent; a process whose parent is not listed has none. */
function parents(t: ProcessTable): Int32Array {
  const ppid = t.column('ppid')
  const parent = new Int32Array(t.length)
  let last = -1
  let lastRow = -1
  for (let i = 0; i < t.length; i++) {
    if (ppid[i] !== last) [last, lastRow] = [ppid[i]!, t.rowOf(ppid[i]!)]
    parent[i] = lastRow === i ? -1 : lastRow
  }
  return parent
}

/** All rows by the chosen column; equal values stay in PID order, so that nothing moves without a reason. */
function orderOf(t: ProcessTable, { column, descending }: ListOptions, sums: Float64Array): Int32Array {
  const tie = Int32Array.from({ length: t.length }, (_, i) => i)
  const pids = t.column('pid')
  if (!isSorted(pids)) tie.sort((a, b) => pids[a]! - pids[b]!)
  if (column.id === 'footprint') return orderByValue(sums, descending, tie)
  const first = t.length > 0 ? column.value(t, 0) : 0
  if (typeof first === 'string')
    return orderByText(
      Array.from({ length: t.length }, (_, i) => String(column.value(t, i))),
      descending,
      tie,
    )
  const values = new Float64Array(t.length)
  for (let i = 0; i < t.length; i++) values[i] = Number(column.value(t, i))
  return orderByValue(values, descending, tie)
}

function isSorted(values: Float64Array): boolean {
  for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) return false
  return true
}

/** The order of `shown` with the values of `fresh`: the list that holds still under the pointer. */
export function holdStill(shown: readonly ProcessRow[], fresh: readonly ProcessRow[], ms: number): ProcessRow[] {
  const now = new Map(fresh.map((row) => [row.key, row]))
  const known = new Set<string>()
  const held = shown.map((row) => {
    known.add(row.key)
    const current = now.get(row.key)
    return current ? heldRow(current, row, null) : heldRow(row, row, row.endedMs ?? ms)
  })
  return [...held, ...fresh.filter((row) => !known.has(row.key))]
}

/** The figures of one row in the place of another. */
function heldRow(figures: ProcessRow, place: ProcessRow, endedMs: number | null): ProcessRow {
  const { key, t, i, id, children, folded, sum, kernel } = figures
  return { key, t, i, id, children, folded, sum, kernel, guide: place.guide, depth: place.depth, endedMs }
}

/** The keys of a row and of everything below it, in a tree's order. */
export function subtreeKeys(rows: readonly ProcessRow[], at: number): string[] {
  const top = rows[at]
  if (!top) return []
  const keys = [top.key]
  for (let i = at + 1; i < rows.length && rows[i]!.depth > top.depth; i++) keys.push(rows[i]!.key)
  return keys
}
