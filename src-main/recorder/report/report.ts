/**
 * A recording as one HTML file that needs nothing else: no script, no request. All that the recording holds is foreign
 * text, and escaped; the policy in its head allows the one style sheet alone.
 */
import { formatSize } from '@shared/units'
import type { TraceEvent } from '@shared/protocol'
import { numberOf } from '../foreign'
import { openReader, type Reader } from '../reader'
import type { Database } from '../sqlite'
import type { LoggedCommand } from '../types'
import { chartsOf } from './charts'
import { BEYOND, isWithin } from './curves'
import { Html, markup, type Part } from './markup'
import { POLICY, STYLE } from './style'
import { amount, clock, fieldsOf, textOf } from './text'

const MAX_ROWS = 2000
const MAX_REPORTS = 100
/** Characters of one report: that of ten thousand processes. */
const MAX_REPORT = 1 << 20

export function* reportOf(db: Database): Generator<string> {
  const reader = openReader(db)
  const range = reader.range()
  yield headOf(reader, range).text
  if (range === null) yield markup`<p class="soft">It holds no sample.</p>`.text
  else
    yield chartsOf(
      db,
      within(range.first),
      within(range.last),
      firstOf(reader.events.each('oom_kill'), MAX_REPORTS, ({ ms }) => ms).filter(isWithin),
    ).text
  yield* killsOf(reader)
  yield commandsOf(reader).text
  yield eventsOf(reader).text
  yield markup`<h2>Scenario</h2><details><summary>The text that it began with</summary><pre>${reader.meta().source}</pre></details></body></html>
`.text
}

/** Of a list that may have no end, the first. */
function firstOf<T, R>(list: Iterable<T>, most: number, of: (entry: T) => R): R[] {
  const found: R[] = []
  for (const entry of list) if (found.push(of(entry)) >= most) break
  return found
}

const within = (ms: number): number => Math.min(BEYOND, Math.max(-BEYOND, ms))

function headOf(reader: Reader, range: ReturnType<Reader['range']>): Html {
  const meta = reader.meta()
  const machine = fieldsOf(meta.machine)
  const title = textOf(machine['title'])
  const proof = reader.checkpoints().at(-1)
  const facts: readonly (readonly [string, Part])[] = [
    ['scenario', `${meta.scenario}, seed ${meta.seed}`],
    ['machine', machineText(machine)],
    ['length', range === null ? '–' : `${clock(range.first)} to ${clock(range.last)}`],
    ['recorded', `${meta.created}, by Memscope ${meta.engine}`],
    ['hash', proof === undefined ? '–' : markup`<code>${proof.hash}</code> of the machine at ${clock(proof.ms)}`],
  ]
  const note = reader.note()
  // What stands in the style element is matched to the policy by its hash: to the byte.
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Html(STYLE)}</style></head><body>
<h1>${title}</h1><p class="soft">${textOf(machine['about'] ?? '')}</p>
<dl>${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
${note === '' ? '' : markup`<p class="note">${note}</p>`}<h2>Course</h2>
`
}

function machineText(machine: Readonly<Record<string, unknown>>): string {
  const size = (name: string): string => {
    const bytes = numberOf(machine[name])
    return Number.isFinite(bytes) ? formatSize(bytes) : '–'
  }
  return `${size('ram')} RAM, ${size('swap')} swap, ${textOf(machine['cpus'])} CPU, ${textOf(machine['kernel'])}`
}

const KILL_HEAD = ['time', 'process', 'PID', 'badness', 'oom_score_adj', 'anonymous', 'swap', 'freed', 'why']

function* killsOf({ events }: Reader): Generator<string> {
  const count = events.kills()
  if (count === 0) {
    yield markup`<h2>OOM kills</h2>
      <p class="soft">None.</p>`.text
    return
  }
  const shown = firstOf(events.each('oom_kill'), MAX_ROWS, killRow)
  yield markup`<h2>OOM kills <small>${count}</small></h2>
    ${table(KILL_HEAD, shown, [0, 2, 3, 4, 5, 6, 7])}${leftOut(count, shown.length)}`.text
  let reports = 0
  for (const kill of events.each('oom_kill')) {
    yield reportText(kill).text
    if (++reports === MAX_REPORTS) break
  }
  yield leftOut(count, reports, 'reports').text
}

function killRow({ ms, pid, name, oom }: TraceEvent): Html {
  const kill = fieldsOf(oom)
  const cells = ['badness', 'oom_score_adj'].map((key) => amount(numberOf(kill[key])))
  const sizes = ['anon_rss_kB', 'swap_kB', 'freed_kB'].map((key) => kB(kill[key]))
  return markup`<tr>
    <td class="n">${clock(ms)}</td>
    <td class="m crit">${textOf(name)}</td>
    <td class="n">${textOf(pid)}</td>
    ${[...cells, ...sizes].map((text) => markup`<td class="n">${text}</td>`)}
    <td>${textOf(kill['constraint'])}, asked by ${textOf(kill['invoker'])}</td>
  </tr>`
}

function reportText({ ms, name, oom }: TraceEvent): Html {
  const lines: unknown = fieldsOf(oom)['report']
  const text = Array.isArray(lines) ? joined(lines) : 'The recording holds no report of it.'
  return markup`<details>
    <summary>The kernel’s report at ${clock(ms)}: ${textOf(name)}</summary>
    <pre>${text}</pre>
  </details>`
}

function joined(lines: readonly unknown[]): string {
  const text = lines.map(textOf).join('\n')
  return text.length > MAX_REPORT ? `${text.slice(0, MAX_REPORT)}\n… (cut: the recording holds more of it)` : text
}

function commandsOf(reader: Reader): Html {
  const count = reader.count('command')
  if (count === 0)
    return markup`<h2>What users did</h2>
      <p class="soft">Nothing: the machine was left to itself.</p>`
  const row = ({ ms, step, command }: LoggedCommand): Html => {
    const { type, ...rest } = fieldsOf(command)
    return markup`<tr>
      <td class="n">${clock(ms)}</td>
      <td class="n">${amount(step)}</td>
      <td class="m">${textOf(type)}</td>
      <td class="m text">${Object.keys(rest).length === 0 ? '' : JSON.stringify(rest).slice(0, 500)}</td>
    </tr>`
  }
  const shown = firstOf(reader.eachCommand(), MAX_ROWS, row)
  return markup`<h2>What users did <small>${count}</small></h2>
    ${table(['time', 'before step', 'what', 'how'], shown, [0, 1])}${leftOut(count, shown.length)}`
}

function eventsOf(reader: Reader): Html {
  const { events } = reader
  const all = reader.count('event')
  if (all === 0)
    return markup`<h2>Events</h2>
      <p class="soft">None.</p>`
  const kinds = events.counts().map(({ kind, count }) => `${words(kind)} ${count}`)
  const row = ({ ms, kind, text }: TraceEvent): Html =>
    markup`<tr>
      <td class="n">${clock(ms)}</td>
      <td class="${kind === 'oom_kill' ? 'crit' : 'kind'}">${words(kind)}</td>
      <td class="text">${text}</td>
    </tr>`
  const shown = firstOf(events.each(), MAX_ROWS, row)
  return markup`<h2>Events <small>${all}</small></h2>
    <p class="soft">${kinds.join(', ')}</p>
    <details>
      <summary>${all > MAX_ROWS ? 'The first of them' : 'All of them'} by time</summary>
      ${table(['time', 'kind', 'what'], shown, [0])}${leftOut(all, shown.length)}
    </details>`
}

function table(head: readonly string[], rows: readonly Html[], numbers: readonly number[]): Html {
  const heads = head.map((name, i) => markup`<th class="${numbers.includes(i) ? 'n' : 't'}">${name}</th>`)
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}

function leftOut(all: number, shown: number, what = 'rows'): Html {
  return shown === all ? markup`` : markup`<p class="soft">${all - shown} more ${what} are in the recording.</p>`
}

const words = (kind: string): string => kind.replaceAll('_', ' ')

function kB(value: unknown): string {
  const size = numberOf(value)
  return Number.isFinite(size) ? formatSize(size * 1024) : '–'
}
