/**
 * The hand that draws a chart with chart.js; only Chart.svelte holds one. Everything that chart.js would guess is
 * given: no animation, no parsing, no own decimation, fixed axes, no scales of its own on the screen.
 */
import { Chart, Filler, LinearScale, LineController, LineElement, PointElement, type ChartDataset } from 'chart.js'
import { extent } from '../../model/decimate'
import { axisOf, type Axis } from '../../model/ticks'
import { hatching, paintGround, paintMarks, type Frame } from './paint'
import { bandPoints, gapsIn, linePoints, rowRange, type Point } from './points'
import type { ChartAxis, ChartSeries, ChartSpec, Token } from './types'

Chart.register(LineController, LineElement, PointElement, LinearScale, Filler)

type Line = ChartDataset<'line', Point[]>
const Y_LABEL_FONT = '11px'
const BAND_SEAM = 0.7

export class Plot {
  private readonly chart: Chart<'line', Point[]>
  private frame: Frame | null = null
  private colors = new Map<Token, string>()
  private width = 0
  private height = 0

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly readColor: (token: string) => string,
  ) {
    this.chart = new Chart(canvas, {
      type: 'line',
      data: { datasets: [] },
      options: {
        responsive: false,
        maintainAspectRatio: false,
        animation: false,
        parsing: false,
        normalized: true,
        events: [],
        spanGaps: false,
        elements: { point: { radius: 0, hoverRadius: 0, hitRadius: 0 } },
        scales: {
          x: { type: 'linear', display: false },
          y: { type: 'linear', display: false },
          y2: { type: 'linear', display: false },
        },
        plugins: { filler: { propagate: false } },
      },
      plugins: [
        {
          id: 'frame',
          beforeDatasetsDraw: ({ ctx }) => this.frame !== null && paintGround(ctx, this.frame),
          afterDatasetsDraw: ({ ctx }) => this.frame !== null && paintMarks(ctx, this.frame),
        },
      ],
    })
  }

  resize(width: number, height: number): void {
    this.width = width
    this.height = height
    if (width > 0 && height > 0) this.chart.resize(width, height)
  }
  /** Colours are read again before the next drawing. */
  forgetColors(): void {
    this.colors.clear()
  }
  destroy(): void {
    this.chart.destroy()
  }

  draw(spec: ChartSpec): void {
    const { padding, rows, from, to } = spec
    const width = this.width - padding.left - padding.right
    const height = this.height - padding.top - padding.bottom
    if (width <= 0 || height <= 0) return
    const axis = this.axisFor(spec, spec.axis, 'y')
    const axis2 = this.axisFor(spec, spec.axis2 ?? {}, 'y2')
    this.frame = {
      spec,
      xTicks: spec.x.ticks(from, to, width, spec.labelPx),
      yTicks: axis.ticks,
      y2Ticks: spec.axis2 === undefined ? [] : axis2.ticks,
      gaps: gapsIn(rows, from, to),
      left: padding.left,
      top: padding.top,
      width,
      height,
      x: (ms) => padding.left + ((ms - from) / (to - from)) * width,
      y: (value) => padding.top + height - ((value - axis.min) / (axis.max - axis.min)) * height,
      y2: (value) => padding.top + height - ((value - axis2.min) / (axis2.max - axis2.min)) * height,
      color: (token) => this.color(token),
      font: `${Y_LABEL_FONT} ${this.color('--font-mono')}`,
      hatch: this.pattern('--hatch', null, 6, 1.2),
    }
    const { options, data } = this.chart
    options.layout = { padding: { ...padding }, autoPadding: false }
    options.scales = {
      x: { type: 'linear', display: false, min: from, max: to },
      y: { type: 'linear', display: false, min: axis.min, max: axis.max },
      y2: { type: 'linear', display: false, min: axis2.min, max: axis2.max },
    }
    data.datasets = this.datasets(spec, width)
    this.chart.update('none')
  }

  /** Pixels of an instant and of a value, for what lies over the chart. Null before the first drawing. */
  get geometry(): Frame | null {
    return this.frame
  }

  private axisFor(spec: ChartSpec, axis: ChartAxis, id: 'y' | 'y2'): Axis {
    if (axis.min !== undefined && axis.max !== undefined && axis.ticks !== undefined)
      return { min: axis.min, max: axis.max, ticks: axis.ticks }
    let low = axis.min ?? 0
    let high = 0
    for (const series of spec.series) {
      if ((series.axis ?? 'y') !== id || series.kind === 'band') continue
      const rows = series.rows ?? spec.rows
      const [first, last] = rowRange(rows, spec.from, spec.to)
      const [least, most] = extent(first, last, series.value)
      if (series.mirror === true) low = Math.min(low, -most)
      else [low, high] = [Math.min(low, least), Math.max(high, most)]
    }
    if (axis.max !== undefined) high = Math.max(high, axis.max)
    const auto = axisOf(low, high, axis.base, axis.steps)
    return axis.ticks === undefined ? auto : { ...auto, max: axis.max ?? auto.max, ticks: axis.ticks }
  }

  private datasets(spec: ChartSpec, width: number): Line[] {
    const lines = spec.series.filter((series) => series.kind !== 'band')
    const bands = spec.series.filter((series) => series.kind === 'band')
    const drawn = lines.flatMap((series) => {
      const data = linePoints(series, spec.rows, spec.from, spec.to, width)
      return series.halo === true ? [this.line(series, data), this.halo(series, data)] : [this.line(series, data)]
    })
    const stacked = bandPoints(bands, spec.rows, spec.from, spec.to, width)
    // chart.js draws the last dataset first, so lines come before the bands they lie on.
    return [...drawn, ...bands.map((band, i) => this.band(band, stacked[i] ?? [], i))]
  }

  private line(series: ChartSeries, data: Point[]): Line {
    const area = series.kind === 'area'
    return {
      data,
      yAxisID: series.axis ?? 'y',
      borderColor: this.color(series.color),
      borderWidth: series.width ?? 1.5,
      borderDash: [...(series.dash ?? [])],
      borderJoinStyle: 'round',
      fill: area ? { value: 0 } : false,
      backgroundColor: area ? this.fill(series) : undefined,
    }
  }
  private halo(series: ChartSeries, data: Point[]): Line {
    return {
      ...this.line(series, data),
      borderColor: this.color('--bg-1'),
      borderWidth: (series.width ?? 1.5) + 2,
      borderDash: [],
    }
  }
  private band(series: ChartSeries, data: Point[], index: number): Line {
    return {
      data,
      yAxisID: 'y',
      borderColor: this.color(series.edge ?? '--bg-1'),
      borderWidth: series.edge === undefined ? BAND_SEAM : 1,
      fill: index === 0 ? { value: 0 } : '-1',
      backgroundColor: this.fill(series),
    }
  }

  private fill(series: ChartSeries): string | CanvasPattern {
    const alpha = Math.round((series.opacity ?? 1) * 255)
    const color = this.color(series.color) + alpha.toString(16).padStart(2, '0')
    return series.hatch === true ? (this.pattern('--hatch-ink', color, 5, 1.6) ?? color) : color
  }
  private pattern(stroke: Token, ground: string | null, step: number, width: number): CanvasPattern | null {
    const context = this.canvas.getContext('2d')
    return context === null ? null : hatching(context, this.color(stroke), ground, step, width)
  }
  private color(token: Token): string {
    let value = this.colors.get(token)
    if (value === undefined) this.colors.set(token, (value = this.readColor(token)))
    return value
  }
}
