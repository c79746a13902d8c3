/**
 * The list that the table shows: filtered, sorted, as a tree or flat. While the pointer rests on it the order holds:
 * values go on, ended processes stay dimmed in their place, new ones wait at the end.
 */
import type { ProcessColumn } from './processColumns'
import { footprintOf, idOf, isKernelThread, keyOf, type ProcessId, type ProcessTable } from './processTable'

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
  return options.tree ? treeList(t, options) : flatList(t, options)
}

function flatList(t: ProcessTable, options: ListOptions): ProcessRow[] {
  const rows: number[] = []
  for (let i = 0; i < t.length; i++) if (options.keep(t, i)) rows.push(i)
  sortRows(t, rows, sortValues(t, options, null), options.descending)
  return rows.map((i) => plain(t, i, footprintOf(t, i)))
}

function treeList(t: ProcessTable, options: ListOptions): ProcessRow[] {
  const { children, roots } = family(t)
  const sums = subtreeSums(t, children, roots)
  const values = sortValues(t, options, sums)
  const kept = keptWithParents(t, children, roots, options)
  const list: ProcessRow[] = []
  const walk = (rows: readonly number[], prefix: string, depth: number): void => {
    const shown = rows.filter((i) => kept[i] === 1)
    sortRows(t, shown, values, options.descending)
    shown.forEach((i, at) => {
      const last = at === shown.length - 1
      const key = keyOf(t, i)
      const offspring = children.get(i) ?? []
      const folded = options.folded.has(key) && offspring.length > 0
      list.push({
        ...plain(t, i, sums[i]!),
        guide: depth === 0 ? '' : prefix + (last ? '└ ' : '├ '),
        depth,
        children: offspring.length,
        folded,
      })
      if (!folded && offspring.length > 0) walk(offspring, depth === 0 ? '' : prefix + (last ? '  ' : '│ '), depth + 1)
    })
  }
  walk(roots, '', 0)
  return list
}

function plain(t: ProcessTable, i: number, sum: number): ProcessRow {
  return {
    key: keyOf(t, i),
    t,
    i,
    id: idOf(t, i),
    guide: '',
    depth: 0,
    children: 0,
    folded: false,
    sum,
    kernel: isKernelThread(t, i),
    endedMs: null,
  }
}

/** Who is whose child; a process whose parent is not listed is a root. */
function family(t: ProcessTable): { children: Map<number, number[]>; roots: number[] } {
  const children = new Map<number, number[]>()
  const roots: number[] = []
  for (let i = 0; i < t.length; i++) {
    const parent = t.rowOf(t.get(i, 'ppid'))
    if (parent < 0 || parent === i) roots.push(i)
    else if (children.has(parent)) children.get(parent)!.push(i)
    else children.set(parent, [i])
  }
  return { children, roots }
}

/** Parents before children, so that a walk backwards meets every child before its parent. */
function topDown(children: ReadonlyMap<number, readonly number[]>, roots: readonly number[]): number[] {
  const order = [...roots]
  for (let at = 0; at < order.length; at++) for (const child of children.get(order[at]!) ?? []) order.push(child)
  return order
}

function subtreeSums(
  t: ProcessTable,
  children: ReadonlyMap<number, readonly number[]>,
  roots: readonly number[],
): Float64Array {
  const sums = new Float64Array(t.length)
  const order = topDown(children, roots)
  for (let at = order.length - 1; at >= 0; at--) {
    const i = order[at]!
    sums[i]! += footprintOf(t, i)
    const parent = t.rowOf(t.get(i, 'ppid'))
    if (parent >= 0 && parent !== i) sums[parent]! += sums[i]!
  }
  return sums
}

/** 1 for rows the filter keeps and for their ancestors, which hold the tree together. */
function keptWithParents(
  t: ProcessTable,
  children: ReadonlyMap<number, readonly number[]>,
  roots: readonly number[],
  options: ListOptions,
): Uint8Array {
  const kept = new Uint8Array(t.length)
  const order = topDown(children, roots)
  for (let at = order.length - 1; at >= 0; at--) {
    const i = order[at]!
    if (kept[i] === 1 || options.keep(t, i)) {
      kept[i] = 1
      const parent = t.rowOf(t.get(i, 'ppid'))
      if (parent >= 0) kept[parent] = 1
    }
  }
  return kept
}

type Values = Float64Array | readonly string[]

function sortValues(t: ProcessTable, { column }: ListOptions, sums: Float64Array | null): Values {
  if (column.id === 'footprint' && sums !== null) return sums
  const first = t.length > 0 ? column.value(t, 0) : 0
  if (typeof first === 'string') return Array.from({ length: t.length }, (_, i) => String(column.value(t, i)))
  const values = new Float64Array(t.length)
  for (let i = 0; i < t.length; i++) values[i] = Number(column.value(t, i))
  return values
}

/** Equal values stay in PID order, so that nothing moves without a reason. */
function sortRows(t: ProcessTable, rows: number[], values: Values, descending: boolean): void {
  const sign = descending ? -1 : 1
  const byPid = (a: number, b: number): number => t.get(a, 'pid') - t.get(b, 'pid')
  if (values instanceof Float64Array) {
    rows.sort((a, b) => sign * ((values[a]! || 0) - (values[b]! || 0)) || byPid(a, b))
  } else {
    rows.sort((a, b) => (values[a]! < values[b]! ? -sign : values[a]! > values[b]! ? sign : byPid(a, b)))
  }
}

/** The order of `shown` with the values of `fresh`: the list that holds still under the pointer. */
export function holdStill(shown: readonly ProcessRow[], fresh: readonly ProcessRow[], ms: number): ProcessRow[] {
  const now = new Map(fresh.map((row) => [row.key, row]))
  const known = new Set<string>()
  const held = shown.map((row) => {
    known.add(row.key)
    const current = now.get(row.key)
    if (current) return { ...current, guide: row.guide, depth: row.depth }
    return { ...row, endedMs: row.endedMs ?? ms }
  })
  return [...held, ...fresh.filter((row) => !known.has(row.key))]
}

/** The keys of a row and of everything below it, in a tree's order. */
export function subtreeKeys(rows: readonly ProcessRow[], at: number): string[] {
  const top = rows[at]
  if (!top) return []
  const keys = [top.key]
  for (let i = at + 1; i < rows.length && rows[i]!.depth > top.depth; i++) keys.push(rows[i]!.key)
  return keys
}
