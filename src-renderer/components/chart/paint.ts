/** What a chart shows besides its series: ground, grid, labels, gaps, marks. Painted on the chart's own canvas. */
import type { ChartLine, ChartMark, ChartSpec, Token } from './types'

export interface Frame {
  readonly spec: ChartSpec
  readonly xTicks: readonly number[]
  readonly yTicks: readonly number[]
  readonly y2Ticks: readonly number[]
  readonly gaps: readonly (readonly [number, number])[]
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly x: (ms: number) => number
  readonly y: (value: number) => number
  readonly y2: (value: number) => number
  readonly color: (token: Token) => string
  readonly font: string
  readonly hatch: CanvasPattern | null
}

type Canvas = CanvasRenderingContext2D
const TRIANGLE_PX = 5
/** Half the advance of the mono face at 11 px. */
const HALF_GLYPH_PX = 3.3

/** Under the series: ground, grid, labels. */
export function paintGround(c: Canvas, f: Frame): void {
  const { spec, left, top, width, height } = f
  c.save()
  c.fillStyle = f.color('--well')
  c.fillRect(left, top, width, height)
  c.font = f.font
  c.lineWidth = 1
  for (const value of f.yTicks) {
    const y = crisp(f.y(value))
    rule(c, left, y, left + width, y, f.color(value === 0 ? '--axis' : '--grid'))
    if (spec.yLabels) text(c, (spec.axis.format ?? String)(value), left - 6, y + 3.5, 'right', f.color('--text-3'))
  }
  for (const value of f.y2Ticks)
    text(
      c,
      (spec.axis2?.format ?? String)(value),
      left + width + 6,
      crisp(f.y2(value)) + 3.5,
      'left',
      f.color('--text-3'),
    )
  for (const ms of f.xTicks) {
    const x = crisp(f.x(ms))
    rule(c, x, top, x, top + height, f.color('--grid'))
    const label = spec.x.text(ms)
    const half = label.length * HALF_GLYPH_PX
    const fits = x - half >= 0 && x + half <= left + width + spec.padding.right
    if (spec.xLabels && fits) text(c, label, x, top + height + 13, 'center', f.color('--text-3'))
  }
  c.restore()
}

/** Over the series: gaps, levels, marks of events. */
export function paintMarks(c: Canvas, f: Frame): void {
  c.save()
  c.beginPath()
  c.rect(f.left, f.top - 1, f.width, f.height + 2)
  c.clip()
  c.font = f.font
  f.gaps.forEach(([from, to]) => paintGap(c, f, from, to))
  f.spec.lines.forEach((line) => paintLevel(c, f, line))
  paintMarkers(c, f)
  if (f.spec.inLabel !== undefined) haloed(c, f, f.spec.inLabel, f.left + 5, f.top + 12, 'left')
  c.restore()
}

function paintGap(c: Canvas, f: Frame, from: number, to: number): void {
  const x = f.x(from)
  const width = f.x(to) - x
  c.fillStyle = f.color('--well')
  c.fillRect(x, f.top, width, f.height)
  if (f.hatch !== null) c.fillStyle = f.hatch
  c.fillRect(x, f.top, width, f.height)
  if (!f.spec.gapText || width < 14 || f.height < 70) return
  c.save()
  c.translate(x + width / 2 + 4, f.top + f.height / 2 + 4)
  c.rotate(-Math.PI / 2)
  haloed(c, f, 'no samples', 0, 0, 'center', 5)
  c.restore()
}

function paintLevel(c: Canvas, f: Frame, line: ChartLine): void {
  const y = crisp(f.y(line.value))
  rule(c, f.left, y, f.left + f.width, y, f.color(line.color), line.dash)
  if (line.text !== undefined) haloed(c, f, line.text, f.left + f.width - 6, y - 5, 'right')
}

/** Triangles that would lie on each other are drawn once; full lines always. */
function paintMarkers(c: Canvas, f: Frame): void {
  let lastX = -Infinity
  for (const mark of f.spec.marks) {
    if (mark.ms < f.spec.from || mark.ms > f.spec.to) continue
    const x = crisp(f.x(mark.ms))
    if (mark.full) paintFull(c, f, x, mark)
    if (mark.flag || (x - lastX < TRIANGLE_PX && !mark.full)) continue
    paintTriangle(c, f, x, mark)
    lastX = x
  }
}

function paintFull(c: Canvas, f: Frame, x: number, mark: ChartMark): void {
  c.lineWidth = 1.5
  rule(c, x, f.top, x, f.top + f.height, f.color(mark.color))
  c.lineWidth = 1
}

function paintTriangle(c: Canvas, f: Frame, x: number, mark: ChartMark): void {
  c.fillStyle = f.color(mark.color)
  c.beginPath()
  c.moveTo(x - 3.5, f.top)
  c.lineTo(x + 3.5, f.top)
  c.lineTo(x, f.top + 5)
  c.fill()
}

function rule(
  c: Canvas,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  color: string,
  dash?: readonly number[],
): void {
  c.strokeStyle = color
  c.setLineDash(dash === undefined ? [] : [...dash])
  c.beginPath()
  c.moveTo(x0, y0)
  c.lineTo(x1, y1)
  c.stroke()
  c.setLineDash([])
}

function text(c: Canvas, what: string, x: number, y: number, align: CanvasTextAlign, color: string): void {
  c.textAlign = align
  c.fillStyle = color
  c.fillText(what, x, y)
}

function haloed(c: Canvas, f: Frame, what: string, x: number, y: number, align: CanvasTextAlign, rim = 3): void {
  c.textAlign = align
  c.lineJoin = 'round'
  c.lineWidth = rim
  c.strokeStyle = f.color('--well')
  c.strokeText(what, x, y)
  c.lineWidth = 1
  text(c, what, x, y, align, f.color('--text-1'))
}

function crisp(value: number): number {
  return Math.round(value) + 0.5
}

/** A tile of diagonal strokes, for gaps (`--hatch`) and for swap (`--hatch-ink` over its colour). */
export function hatching(
  c: Canvas,
  stroke: string,
  ground: string | null,
  step: number,
  width: number,
): CanvasPattern | null {
  const tile = document.createElement('canvas')
  tile.width = tile.height = step
  const t = tile.getContext('2d')
  if (t === null) return null
  if (ground !== null) {
    t.fillStyle = ground
    t.fillRect(0, 0, step, step)
  }
  t.strokeStyle = stroke
  t.lineWidth = width
  for (const shift of [-step, 0, step]) {
    t.beginPath()
    t.moveTo(shift - 1, step + 1)
    t.lineTo(shift + step + 1, -1)
    t.stroke()
  }
  return c.createPattern(tile, 'repeat')
}
