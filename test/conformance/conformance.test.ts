/**
 * `npm run conformance`: every experiment of reference/ against the same steps on the simulated machine. Prints a
 * table per experiment (figures that disagree; all with CONFORMANCE_ALL=1; none with CONFORMANCE_BRIEF=1, as in
 * `npm test`), a line per experiment, the sum over those of test/measure, and the sum over the given ones last.
 * Fails where an experiment does worse than resources/conformance.json says; CONFORMANCE_UPDATE=1 writes that file
 * (of a part, with CONFORMANCE=word or CONFORMANCE_BRIEF, the rows of that part).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fallenBehind, percent, scoreOf, type ConformanceRow, type Score } from '@shared/conformance'
import { parseLab } from '@shared/lab'
import { runLab } from '../../src-main/lab/runner'
import { experimentIds } from '../measure/experiments.mjs'
import { compare } from './compare'
import type { Figure } from './compare/figure'
import { experimentNames, isGiven, isRecorded, programPath, readExperiment } from './reference'

const RESULTS = join(import.meta.dirname, '../../resources/conformance.json')
const rows: ConformanceRow[] = []
const only = process.env['CONFORMANCE']

function run(name: string): Figure[] {
  const real = readExperiment(name)
  const path = programPath(name)
  if (!existsSync(path)) return compare(real, [])
  const loaded = parseLab(readFileSync(path, 'utf8'), path)
  if (!loaded.ok) throw new Error(loaded.error)
  const { program } = loaded.value
  // The state before the first step, as the measuring program's own "null" step shows it.
  const first = { op: 'munlockall', args: {}, label: 'null', mayFail: [] } as const
  const { lines } = runLab({ program: { ...program, steps: [first, ...program.steps] }, lines: [] })
  return compare(real, lines)
}

function rowOf(id: string, figures: readonly Figure[]): ConformanceRow {
  const score = (kind: Figure['kind']): Score => {
    const all = figures.filter((f) => f.kind === kind)
    return [all.filter((f) => f.ok).length, all.length]
  }
  const wrong = figures.filter((f) => !f.ok).map(({ step, name, kind, real, got }) => ({ step, name, kind, real, got }))
  return { id, exact: score('exact'), close: score('close'), wrong }
}

function print(id: string, figures: readonly Figure[]): void {
  if (process.env['CONFORMANCE_BRIEF'] !== undefined) return
  const shown = process.env['CONFORMANCE_ALL'] === undefined ? figures.filter((f) => !f.ok) : figures
  if (shown.length > 0) console.log(`\n${id}`)
  for (const f of shown) {
    const difference = typeof f.real === 'number' && typeof f.got === 'number' ? f.got - f.real : ''
    console.log(
      `  ${f.ok ? 'ok   ' : 'WRONG'} ${f.kind} ${f.step.slice(0, 60).padEnd(60)} ${f.name.padEnd(26)} ` +
        `expected ${f.real} got ${f.got} ${difference === '' ? '' : `(${difference > 0 ? '+' : ''}${difference})`}`,
    )
  }
}

function printSum(title: string, of: readonly ConformanceRow[]): void {
  const [exact, close] = [scoreOf(of, '', 'exact'), scoreOf(of, '', 'close')]
  console.log(
    `${title}: ${exact[0]} exact of ${exact[1]} (${percent(exact)}), ${close[0]} close of ${close[1]} (${percent(close)})`,
  )
}

/** All rows, those of this run anew; rows of new experiments stand in their place. */
function withPart(recorded: readonly ConformanceRow[]): ConformanceRow[] {
  const ids = [...new Set([...recorded, ...rows].map(({ id }) => id))]
  const place = (id: string): string => `${experimentIds().includes(id) ? 2 : 1}${id.replace('/', '__')}`
  ids.sort((a, b) => (place(a) < place(b) ? -1 : 1))
  return ids.map((id) => [...rows, ...recorded].find((row) => row.id === id)!)
}

const words = ([right, of]: Score): string => `${right} of ${of} (${percent([right, of])})`

const names = experimentNames().filter((name) => only === undefined || name.includes(only))
test.each(names)('%s answers as the measured machine', { timeout: 120_000 }, (name) => {
  const id = name.replace('__', '/')
  const figures = run(name)
  rows.push(rowOf(id, figures))
  print(id, figures)
  expect(figures.length).toBeGreaterThan(0)
})

test('no experiment does worse than is recorded', () => {
  for (const { id, exact, close } of rows) console.log(`${id.padEnd(44)} exact ${words(exact)}, close ${words(close)}`)
  printSum('measured further', rows.filter(({ id }) => !isGiven(id)))
  printSum('conformance', rows.filter(({ id }) => isGiven(id)))
  if (!isRecorded) return
  const isPart = only !== undefined || process.env['CONFORMANCE_BRIEF'] !== undefined
  let recorded = JSON.parse(readFileSync(RESULTS, 'utf8')) as ConformanceRow[]
  if (process.env['CONFORMANCE_UPDATE'] !== undefined) {
    recorded = isPart ? withPart(recorded) : rows
    writeFileSync(RESULTS, `[\n${recorded.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`)
  }
  const before = recorded.filter((row) => rows.some((now) => now.id === row.id) || !isPart)
  expect(fallenBehind(before, rows)).toEqual([])
})
