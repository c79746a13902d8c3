/**
 * A recording as one HTML file that needs nothing else: no script, no request. All that the recording holds is foreign
 * text, and escaped; the policy in its head allows the one style sheet alone.
 */
import { formatSize } from '@shared/units'
import type { TraceEvent } from '@shared/protocol'
import { openReader, type Reader } from '../reader'
import type { Database } from '../sqlite'
import { chartsOf } from './charts'
import { Html, markup, type Part } from './markup'
import { POLICY, STYLE } from './style'
import { amount, clock, fieldsOf, numberOf, textOf } from './text'

const MAX_ROWS = 2000
const MAX_REPORTS = 100

export function* reportOf(db: Database): Generator<string> {
  const reader = openReader(db)
  const range = reader.range()
  const events = range === null ? [] : reader.events(0, Infinity)
  const kills = events.filter(({ kind }) => kind === 'oom_kill')
  yield headOf(reader, range).text
  if (range === null) yield markup`<p class="soft">It holds no sample.</p>`.text
  else
    yield chartsOf(
      db,
      range.first,
      range.last,
      kills.slice(0, MAX_REPORTS).map(({ ms }) => ms),
    ).text
  yield killsOf(kills).text
  yield commandsOf(reader).text
  yield eventsOf(events).text
  yield markup`<h2>Scenario</h2><details><summary>The text that it began with</summary><pre>${reader.meta().source}</pre></details></body></html>
`.text
}

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

function killsOf(kills: readonly TraceEvent[]): Html {
  if (kills.length === 0)
    return markup`<h2>OOM kills</h2>
      <p class="soft">None.</p>`
  const shown = kills.slice(0, MAX_ROWS)
  const reports = kills.slice(0, MAX_REPORTS).map(reportText)
  return markup`<h2>OOM kills <small>${kills.length}</small></h2>
    ${table(KILL_HEAD, shown.map(killRow), [0, 2, 3, 4, 5, 6, 7])}${leftOut(kills.length, shown.length)}
    ${reports}${leftOut(kills.length, reports.length, 'reports')}`
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
  const text = Array.isArray(lines) ? lines.map(textOf).join('\n') : 'The recording holds no report of it.'
  return markup`<details>
    <summary>The kernel’s report at ${clock(ms)}: ${textOf(name)}</summary>
    <pre>${text}</pre>
  </details>`
}

function commandsOf(reader: Reader): Html {
  const commands = reader.commands()
  if (commands.length === 0)
    return markup`<h2>What users did</h2>
      <p class="soft">Nothing: the machine was left to itself.</p>`
  const shown = commands.slice(0, MAX_ROWS)
  const row = ({ ms, step, command }: (typeof commands)[number]): Html => {
    const { type, ...rest } = fieldsOf(command)
    return markup`<tr>
      <td class="n">${clock(ms)}</td>
      <td class="n">${amount(step)}</td>
      <td class="m">${textOf(type)}</td>
      <td class="m text">${Object.keys(rest).length === 0 ? '' : JSON.stringify(rest).slice(0, 500)}</td>
    </tr>`
  }
  return markup`<h2>What users did <small>${commands.length}</small></h2>
    ${table(['time', 'before step', 'what', 'how'], shown.map(row), [0, 1])}${leftOut(commands.length, shown.length)}`
}

function eventsOf(events: readonly TraceEvent[]): Html {
  if (events.length === 0)
    return markup`<h2>Events</h2>
      <p class="soft">None.</p>`
  const counts = new Map<string, number>()
  for (const { kind } of events) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const kinds = [...counts].sort((a, b) => b[1] - a[1]).map(([kind, n]) => `${words(kind)} ${n}`)
  const shown = events.slice(0, MAX_ROWS)
  const row = ({ ms, kind, text }: TraceEvent): Html =>
    markup`<tr>
      <td class="n">${clock(ms)}</td>
      <td class="${kind === 'oom_kill' ? 'crit' : 'kind'}">${words(kind)}</td>
      <td class="text">${text}</td>
    </tr>`
  return markup`<h2>Events <small>${events.length}</small></h2>
    <p class="soft">${kinds.join(', ')}</p>
    <details>
      <summary>All of them by time</summary>
      ${table(['time', 'kind', 'what'], shown.map(row), [0])}${leftOut(events.length, shown.length)}
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
