/** The charts of a view in one picture, each with its name and what its colours mean. */
import { shownCharts, type ShownChart } from '../components/chart/shown'
import { clock } from '../model/format'
import type { Session } from '../state/session.svelte'
import { saveBlob } from './save'

const MARGIN = 16
const HEAD = 30
const LINE = 18
const GAP = 20
const SWATCH = 14
const SMALL = '12px'

type Colors = (token: string) => string

/** Saves them; what prevents it is said. */
export async function savePicture(session: Session, color: Colors): Promise<void> {
  const charts = shownCharts()
  if (charts.length === 0) return void session.notices.add('This view has no chart')
  const { from, to } = session.span
  const { title, seed, scenario } = session.machine ?? { title: 'Memscope', seed: 0, scenario: 'memscope' }
  const picture = draw(charts, `${title}, seed ${seed}, ${clock(from)} – ${clock(to)}`, color)
  const blob = await new Promise<Blob | null>((done) => picture.toBlob(done, 'image/png'))
  if (blob === null) return void session.notices.add('The picture is too large to be drawn')
  saveBlob(`${scenario}-${Math.round(from / 1000)}s-${Math.round(to / 1000)}s.png`, blob)
}

/** As on the page: what stands side by side there does here. */
export function draw(charts: readonly ShownChart[], head: string, color: Colors): HTMLCanvasElement {
  const rows = rowsOf(charts)
  const picture = document.createElement('canvas')
  const ctx = picture.getContext('2d')
  if (ctx === null) return picture
  ctx.font = `${SMALL} ${color('--font-ui')}`
  const placed = place(ctx, rows)
  picture.width = Math.ceil(placed.width * devicePixelRatio)
  picture.height = Math.ceil(placed.height * devicePixelRatio)
  ctx.scale(devicePixelRatio, devicePixelRatio)
  ctx.fillStyle = color('--bg-1')
  ctx.fillRect(0, 0, placed.width, placed.height)
  ctx.textBaseline = 'middle'
  const text = (what: string, x: number, y: number, width: number, font: string, token: string): void => {
    ctx.font = `${font} ${color('--font-ui')}`
    ctx.fillStyle = color(token)
    ctx.fillText(what, x, y, width)
  }
  text(head, MARGIN, MARGIN + HEAD / 2 - 4, placed.width - 2 * MARGIN, '600 15px', '--text-1')
  for (const { chart, x, y, width, height, keys, plot } of placed.cells) {
    text(chart.label, x, y + LINE / 2, width, '600 12px', '--text-1')
    for (const { series, dx, dy } of keys) {
      paintSwatch(ctx, x + dx, y + dy + LINE / 2, color(series.color), series.dash ?? [])
      text(series.label, x + dx + SWATCH + 6, y + dy + LINE / 2, width, SMALL, '--text-2')
    }
    ctx.drawImage(chart.canvas, x, y + plot, width, height)
  }
  return picture
}

interface Cell {
  readonly chart: ShownChart
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** The legend, its lines broken to the chart's width. */
  readonly keys: ReturnType<typeof legend>['keys']
  /** Where the chart begins below its name and legend. */
  readonly plot: number
}

function place(ctx: CanvasRenderingContext2D, rows: readonly (readonly ShownChart[])[]) {
  const cells: Cell[] = []
  let [y, right] = [MARGIN + HEAD, 0]
  for (const row of rows) {
    let [x, below] = [MARGIN, y]
    for (const chart of row) {
      const { width, height } = chart.canvas.getBoundingClientRect()
      const { keys, bottom } = legend(ctx, chart, width)
      cells.push({ chart, x, y, width, height, keys, plot: bottom })
      x += width + GAP
      below = Math.max(below, y + bottom + height)
    }
    right = Math.max(right, x - GAP)
    y = below + GAP
  }
  return { cells, width: right + MARGIN, height: y - GAP + MARGIN }
}

function legend(ctx: CanvasRenderingContext2D, { series }: ShownChart, width: number) {
  let [dx, dy] = [0, LINE]
  const keys = series.map((one) => {
    const own = SWATCH + 6 + ctx.measureText(one.label).width
    if (dx > 0 && dx + own > width) [dx, dy] = [0, dy + LINE]
    const key = { series: one, dx, dy }
    dx += own + 16
    return key
  })
  return { keys, bottom: dy + LINE + 2 }
}

function rowsOf(charts: readonly ShownChart[]): ShownChart[][] {
  const rows: { y: number; charts: ShownChart[] }[] = []
  for (const chart of charts) {
    const { y } = chart.canvas.getBoundingClientRect()
    const row = rows.at(-1)
    if (row !== undefined && Math.abs(row.y - y) < LINE) row.charts.push(chart)
    else rows.push({ y, charts: [chart] })
  }
  return rows.map((row) => row.charts)
}

function paintSwatch(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  color: string,
  dash: readonly number[],
): void {
  ctx.strokeStyle = color
  ctx.lineWidth = 3
  ctx.setLineDash([...dash])
  ctx.beginPath()
  ctx.moveTo(x, y)
  ctx.lineTo(x + SWATCH, y)
  ctx.stroke()
  ctx.setLineDash([])
}
