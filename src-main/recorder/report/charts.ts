/** Which charts a report has: memory, swap, stall, faults, reclaim. */
import { amount, clock } from './text'
import { chart, type Frame } from './chart'
import { curvesOf, type Curve, type CurveSpec } from './curves'
import { markup, type Html } from './markup'
import type { Database } from '../sqlite'

interface ChartSpec {
  readonly title: string
  readonly unit: string
  readonly binary?: true
  readonly wide?: true
  readonly curves: readonly CurveSpec[]
}

const MIB = 1 / 1024
/** MiB of a page. */
const PAGE = 4 / 1024

const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Memory',
    unit: 'MiB',
    binary: true,
    wide: true,
    curves: [
      { label: 'available', tone: 'available', plus: ['MemAvailable'], scale: MIB },
      { label: 'free', tone: 'free', plus: ['MemFree'], scale: MIB },
      { label: 'anonymous', tone: 'anon', plus: ['AnonPages'], scale: MIB },
      { label: 'page cache', tone: 'file', plus: ['Cached', 'Buffers'], scale: MIB },
      { label: 'slab', tone: 'slab', plus: ['Slab'], scale: MIB },
    ],
  },
  {
    title: 'Swap',
    unit: 'MiB used',
    binary: true,
    curves: [{ label: 'used', tone: 'swap', plus: ['SwapTotal'], minus: ['SwapFree'], scale: MIB }],
  },
  {
    title: 'Swap traffic',
    unit: 'MiB/s',
    curves: [
      { label: 'in', tone: 'available', plus: ['pswpin'], scale: PAGE, rate: true },
      { label: 'out', tone: 'out', plus: ['pswpout'], scale: PAGE, rate: true },
    ],
  },
  {
    title: 'Pressure (PSI)',
    unit: '% of 10 s',
    curves: [
      { label: 'memory, some', tone: 'anon', plus: ['psi_memory_some_avg10'], scale: 1 },
      { label: 'memory, full', tone: 'swap', plus: ['psi_memory_full_avg10'], scale: 1 },
      { label: 'I/O, some', tone: 'file', plus: ['psi_io_some_avg10'], scale: 1 },
      { label: 'CPU, some', tone: 'cpu', plus: ['psi_cpu_some_avg10'], scale: 1 },
    ],
  },
  {
    title: 'Reclaim',
    unit: 'MiB/s',
    curves: [
      { label: 'stolen by kswapd', tone: 'available', plus: ['pgsteal_kswapd'], scale: PAGE, rate: true },
      { label: 'stolen by stalled tasks', tone: 'swap', plus: ['pgsteal_direct'], scale: PAGE, rate: true },
      {
        label: 'refaults',
        tone: 'file',
        plus: ['workingset_refault_anon', 'workingset_refault_file'],
        scale: PAGE,
        rate: true,
      },
    ],
  },
  {
    title: 'Page faults',
    unit: 'a second',
    curves: [{ label: 'all', tone: 'anon', plus: ['pgfault'], scale: 1, rate: true }],
  },
  {
    title: 'Major faults',
    unit: 'a second',
    curves: [{ label: 'from disk', tone: 'out', plus: ['pgmajfault'], scale: 1, rate: true }],
  },
]

export function chartsOf(db: Database, from: number, to: number, kills: readonly number[]): Html {
  const curves = curvesOf(
    db,
    CHARTS.flatMap((spec) => spec.curves),
    from,
    to,
  )
  const own = (spec: ChartSpec): Curve[] => curves.filter((curve) => spec.curves.includes(curve.spec))
  return markup`<div class="charts">${CHARTS.map((spec) => figure(spec, own(spec), { from, to, kills }))}</div>`
}

function figure(spec: ChartSpec, curves: readonly Curve[], given: Pick<Frame, 'from' | 'to' | 'kills'>): Html {
  const frame = { ...given, title: spec.title, unit: spec.unit, wide: spec.wide === true, binary: spec.binary === true }
  const row = ({ spec: { label, tone }, low, high, highMs, last }: Curve): Html =>
    markup`<tr>
      <td><i class="${tone}"></i>${label}</td>
      <td class="n">${amount(low)}</td>
      <td class="n">${amount(high)}</td>
      <td class="n">${Number.isFinite(high) ? clock(highMs) : '–'}</td>
      <td class="n">${amount(last)}</td>
    </tr>`
  return markup`<figure class="${frame.wide ? 'wide' : 'half'}">
    <h3>${spec.title} <small>${spec.unit}</small></h3>
    ${chart(frame, curves)}
    <table>
      <thead>
        <tr>
          <th></th>
          <th class="n">lowest</th>
          <th class="n">highest</th>
          <th class="n">at</th>
          <th class="n">last</th>
        </tr>
      </thead>
      <tbody>
        ${curves.map(row)}
      </tbody>
    </table>
  </figure>`
}
