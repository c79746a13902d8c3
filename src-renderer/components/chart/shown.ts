/** The charts that are up, so that they can be put into one picture. */
import type { Token } from './types'

export interface ShownChart {
  readonly canvas: HTMLCanvasElement
  readonly label: string
  readonly series: readonly { readonly label: string; readonly color: Token; readonly dash?: readonly number[] }[]
}

const charts = new Set<() => ShownChart>()

/** Adds a chart until the returned function is called. */
export function addChart(chart: () => ShownChart): () => void {
  charts.add(chart)
  return () => charts.delete(chart)
}

/** Those that have a place on the page, as they are read: from the top, then from the left. */
export function shownCharts(): ShownChart[] {
  const placed = [...charts].flatMap((chart) => {
    const shown = chart()
    const { x, y, width, height } = shown.canvas.getBoundingClientRect()
    return width > 0 && height > 0 ? [{ shown, x, y }] : []
  })
  return placed.sort((a, b) => a.y - b.y || a.x - b.x).map(({ shown }) => shown)
}
