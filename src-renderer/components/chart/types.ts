/** What a chart is told: series as functions of a row, axes, and what to mark. It knows nothing of Linux. */
import type { TickBase } from '../../model/ticks'

export type Token = `--${string}`

/** Rows by time; `gap[row]` is 1 where samples are missing before the row. */
export interface ChartRows {
  readonly length: number
  readonly ms: Float64Array
  readonly gap: Uint8Array
  rowAt(ms: number): number
  nearest(ms: number): number
}

export interface ChartSeries {
  readonly id: string
  readonly label: string
  readonly color: Token
  readonly value: (row: number) => number
  /** `band`s are stacked in their order, bottom first. */
  readonly kind?: 'line' | 'area' | 'band'
  readonly axis?: 'y' | 'y2'
  readonly width?: number
  readonly dash?: readonly number[]
  /** Of an area's fill. */
  readonly opacity?: number
  readonly hatch?: boolean
  /** A rim in the ground's colour, so that a line stays legible over bands. */
  readonly halo?: boolean
  /** Drawn below zero. */
  readonly mirror?: boolean
  /** Colour of the line on top of a band; its own ground otherwise. */
  readonly edge?: Token
  /** Rows of its own, such as the future that a branch left. */
  readonly rows?: ChartRows
}

export interface ChartAxis {
  readonly min?: number
  readonly max?: number
  readonly ticks?: readonly number[]
  readonly base?: TickBase
  readonly format?: (value: number) => string
  /** So many shown units are one unit of the values (axis ticks are round in the shown unit). */
  readonly steps?: number
}

/** What the rows are ordered by: time unless told otherwise. */
export interface ChartX {
  readonly name: string
  ticks(from: number, to: number, widthPx: number, labelPx: number): readonly number[]
  text(at: number): string
}

export interface ChartLine {
  readonly value: number
  readonly color: Token
  readonly dash?: readonly number[]
  readonly text?: string
}

export interface ChartMark {
  readonly ms: number
  readonly color: Token
  /** Drawn as a full line over the plot, in every chart. */
  readonly full: boolean
  /** Has a flag here, and so no triangle. */
  readonly flag: boolean
}

export interface Padding {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

export interface ChartSpec {
  readonly rows: ChartRows
  readonly from: number
  readonly to: number
  readonly series: readonly ChartSeries[]
  readonly axis: ChartAxis
  readonly axis2?: ChartAxis | undefined
  readonly padding: Padding
  readonly lines: readonly ChartLine[]
  readonly marks: readonly ChartMark[]
  readonly x: ChartX
  readonly xLabels: boolean
  readonly yLabels: boolean
  readonly gapText: boolean
  /** Written into the upper left corner of the plot. */
  readonly inLabel?: string | undefined
  /** Only as wide as a second label needs; the time labels keep this distance, in pixels. */
  readonly labelPx: number
}
