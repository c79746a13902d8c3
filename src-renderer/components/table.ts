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
