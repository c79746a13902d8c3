/** A chart as inline SVG. Colours are classes: the style sheet has them for light and dark. */
import type { Curve } from './curves'
import { markup, type Html } from './markup'
import { amount, clock } from './text'

export interface Frame {
  readonly title: string
  readonly unit: string
  readonly from: number
  readonly to: number
  readonly wide: boolean
  /** Sizes have ticks at powers of two. */
  readonly binary: boolean
  /** Instants of OOM kills. */
  readonly kills: readonly number[]
}

const HEIGHT = 190
const LEFT = 52
const RIGHT = 14
const TOP = 8
const BOTTOM = 22
const TICKS = 5
/** Whatever the figures: rows, and columns, of the grid. */
const MAX_LINES = 24
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400]

export function chart(frame: Frame, curves: readonly Curve[]): Html {
  const width = frame.wide ? 1216 : 600
  const step = stepOf(Math.max(0, ...curves.map(({ high }) => (Number.isFinite(high) ? high : 0))), frame.binary)
  const top = Math.max(1, ...curves.map(({ high }) => (Number.isFinite(high) ? Math.ceil(high / step) : 1))) * step
  const span = Math.max(1, frame.to - frame.from)
  const x = (ms: number): number => LEFT + ((ms - frame.from) / span) * (width - LEFT - RIGHT)
  const y = (value: number): number => TOP + (1 - Math.max(0, value) / top) * (HEIGHT - TOP - BOTTOM)
  const rows = Array.from({ length: Math.min(MAX_LINES, Math.round(top / step)) + 1 }, (_, i) => i * step)
  return markup`<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${frame.title}, ${frame.unit}">
    ${rows.map((value) => markup`<path class="grid" d="M${LEFT} ${at(y(value))}H${width - RIGHT}" /><text x="${LEFT - 6}" y="${at(y(value) + 4)}" text-anchor="end">${amount(value)}</text>`)}
    ${times(frame).map((ms) => markup`<path class="grid" d="M${at(x(ms))} ${TOP}V${HEIGHT - BOTTOM}" /><text x="${at(x(ms))}" y="${HEIGHT - 6}" text-anchor="middle">${clock(ms)}</text>`)}
    ${frame.kills.map((ms) => markup`<path class="kill" d="M${at(x(ms))} ${TOP}V${HEIGHT - BOTTOM}"><title>OOM kill at ${clock(ms)}</title></path>`)}
    ${curves.map(({ spec, points }) => markup`<path class="line ${spec.tone}" d="${pathOf(points, x, y)}" />`)}
  </svg>`
}

function pathOf(points: readonly number[], x: (ms: number) => number, y: (value: number) => number): string {
  const parts: string[] = []
  let isDrawing = false
  for (let i = 0; i < points.length; i += 2) {
    const value = points[i + 1]!
    if (Number.isFinite(value)) parts.push(`${isDrawing ? 'L' : 'M'}${at(x(points[i]!))} ${at(y(value))}`)
    isDrawing = Number.isFinite(value)
  }
  return parts.join('')
}

const at = (place: number): string => String(Math.round(place * 10) / 10)

function stepOf(high: number, binary: boolean): number {
  const least = (high > 0 ? high : 1) / TICKS
  if (binary) return 2 ** Math.ceil(Math.log2(least))
  const ten = 10 ** Math.floor(Math.log10(least))
  return ten * ([1, 2, 5].find((n) => n * ten >= least) ?? 10)
}

function times({ from, to, wide }: Frame): number[] {
  const most = wide ? 12 : 6
  const least = (to - from) / 1000 / most
  const step = 1000 * (SECONDS.find((s) => s >= least) ?? Math.ceil(least / 86_400) * 86_400)
  const first = Math.ceil(from / step) * step
  return Array.from(
    { length: Math.min(MAX_LINES, Math.max(0, Math.floor((to - first) / step) + 1)) },
    (_, i) => first + i * step,
  )
}
