/** What a DataTable is told about its columns and its order. */
import type { Snippet } from 'svelte'

export interface TableColumn<Row> {
  readonly id: string
  readonly head: string
  readonly unit?: string | undefined
  /** Said by the head's tooltip. */
  readonly help?: string | undefined
  /** px; 0 takes what is left. */
  readonly width: number
  readonly right?: boolean | undefined
  readonly mono?: boolean | undefined
  /** Goes where there is no room for all: those with the highest number first. Without it, it stays. */
  readonly spare?: number | undefined
  /** False where a click on the head does nothing. */
  readonly sortable?: boolean | undefined
  readonly text: (row: Row) => string
  /** Classes of the cell, such as `crit`; a plain 0 is dimmed without it. */
  readonly tone?: ((row: Row) => string) | undefined
  /** Drawn in place of the text, which then is the cell's name for assistive technology. */
  readonly cell?: Snippet<[Row, boolean]> | undefined
}
export interface TableSort {
  readonly id: string
  readonly descending: boolean
}
/** A row's place in a tree; `expanded` is undefined for a leaf. */
export interface TreePlace {
  readonly level: number
  readonly expanded: boolean | undefined
}

/** px that a column of no width of its own asks for. */
const REST = 120
type Sized = Pick<TableColumn<never>, 'width' | 'spare'>
export function widthOf(columns: readonly Sized[]): number {
  return columns.reduce((sum, { width }) => sum + (width || REST), 0)
}
/** The columns that fit the room; what cannot be spared scrolls. */
export function fitting<C extends Sized>(columns: readonly C[], room: number): readonly C[] {
  let left = columns
  while (widthOf(left) > room) {
    const most = Math.max(0, ...left.map(({ spare }) => spare ?? 0))
    if (most === 0) break
    left = left.filter(({ spare }) => spare !== most)
  }
  return left
}

/** The rows to draw for a scroll position: those in sight and a few around them. */
export function visibleRange(
  scrollTop: number,
  viewport: number,
  rowHeight: number,
  total: number,
  around = 6,
): { readonly first: number; readonly end: number } {
  const first = Math.max(0, Math.min(Math.floor(scrollTop / rowHeight), total) - around)
  const end = Math.min(total, Math.ceil((scrollTop + viewport) / rowHeight) + around)
  return { first, end: Math.max(first, end) }
}

/** Where to scroll so that a row is wholly in sight below a sticky head; the position itself when it is. */
export function scrollToRow(row: number, scrollTop: number, viewport: number, rowHeight: number): number {
  const top = row * rowHeight
  if (top < scrollTop) return top
  if (top + rowHeight > scrollTop + viewport) return top + rowHeight - viewport
  return scrollTop
}

/** The row that a key of movement leads to, or null for another key. */
export function movedRow(key: string, row: number, total: number, page: number): number | null {
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: row + 1,
    ArrowUp: row - 1,
    PageDown: row + page,
    PageUp: row - page,
    Home: 0,
    End: total - 1,
  }
  const to = moves[key]
  return to === undefined || total === 0 ? null : Math.max(0, Math.min(total - 1, to))
}
